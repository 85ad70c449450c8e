//! The guards, one module each, in the order in which [`crate::pipeline::admit`] calls them.
//!
//! A guard checks one thing about a request. It takes as few inputs as it can and returns evidence that only its module
//! can make, or a [`crate::denial::Denial`]. It never logs, counts, sleeps or answers.

pub mod target;

pub mod client;

pub mod server_name;

pub mod https;

pub mod client_certificate;

pub mod access;

pub mod limit;

pub mod gateway_pages;

pub mod routes;

pub mod cors;

pub mod body;

pub mod credential;

pub mod revocation;

pub mod jwt;

pub mod caller;

pub mod origin;

pub mod permission;

pub mod signature;

pub mod destination;

pub mod upgrade;

pub mod streams;
