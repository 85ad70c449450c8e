//! Stagedoor's server: connections, forwarding on pingora, commands, logs and metrics.
//!
//! `stagedoor-core` decides. This crate does the I/O: it moves bytes, reads clocks and files, and records what happened.

pub mod problems;
pub mod serve;
pub mod signals;
pub mod source;

mod admin;
mod backends;
mod bound_listeners;
mod certificate_renewal;
mod certificates;
mod clock;
mod config_file_state;
mod confinement;
mod connection_permits;
mod decision_trace;
mod edge;
mod enter_links;
mod folder_watch;
mod folders;
mod gateway;
mod handshakes;
mod in_flight;
mod limit_overflow;
mod listeners;
mod listening_socket;
mod live_policy;
mod machine;
mod passed_sockets;
mod reachable;
mod recent_refusals;
mod refused_connection;
mod reload;
mod revocation_request;

mod stage;
mod state_writer;
mod status;
mod store;
mod terminal;
mod unix_socket;
mod why;

pub mod loader;
pub mod materials;

pub mod telemetry;

pub mod demo;

pub mod cli;
