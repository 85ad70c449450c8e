//! Stagedoor's server: the edge on pingora, and everything an operator touches.
//!
//! Decisions live in `stagedoor-core`; this crate moves bytes, tells the time and keeps the books.

pub mod serve;
pub mod source;

mod account;
mod admin;
mod confinement;
mod crowding;
mod edge;
mod enter;
mod gateway;
mod listeners;
mod refusals;
mod reload;
mod signals;
mod status;
mod upstream;
mod why;

pub mod loader;
pub mod materials;

pub mod telemetry;

pub mod demo;

pub mod cli;
