//! Stagedoor's server: the edge on pingora, and everything an operator touches.
//!
//! Decisions live in `stagedoor-core`; this crate moves bytes, tells the time and keeps the books.

pub mod problems;
pub mod serve;
pub mod signals;
pub mod source;

mod admin;
mod clock;
mod config_file_state;
mod confinement;
mod connection_permits;
mod decision_trace;
mod edge;
mod enter_links;
mod folders;
mod gateway;
mod limit_overflow;
mod listeners;
mod live_policy;
mod machine;
mod reachable;
mod recent_refusals;
mod reload;

mod stage;
mod status;
mod terminal;
mod why;

pub mod loader;
pub mod materials;

pub mod telemetry;

pub mod demo;

pub mod cli;
