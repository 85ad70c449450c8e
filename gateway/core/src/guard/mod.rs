//! The guards, one module each, in the order in which [`crate::pipeline::admit`] asks them.
//!
//! A guard takes the smallest inputs, decides, and returns evidence that only it can mint, or a
//! [`crate::denial::Denial`]. It never logs, counts, sleeps or answers.

pub mod target;

pub mod client;

pub mod access;

pub mod limit;

pub mod gateway_pages;

pub mod routes;

pub mod cors;

pub mod body;

pub mod credential;

pub mod jwt;

pub mod caller;

pub mod origin;

pub mod permission;

pub mod destination;

pub mod upgrade;
