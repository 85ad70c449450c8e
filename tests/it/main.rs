//! The gateway from outside: the real process, raw sockets, one module for each behaviour.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests"
)]

mod harness;

mod bodies;
mod cli;
mod confinement;
mod connections;
mod deploy;
mod enter;
mod environment;
mod exchange;
mod failures;
mod fetched_keys;
mod framing;
mod http2;
mod identity;
mod in_flight;
mod keys;
mod limits;
mod operation;
mod passed_sockets;
mod preflights;
mod proxy_protocol;
mod readings;
mod real;
mod reference;
mod refusals;
mod reload;
mod revocations;
mod routes;
mod running;
mod signatures;
mod strange;
mod streams;
mod systems;
mod tidy;
mod time;
mod tls;
mod unix_sockets;
mod upgrades;
mod why;
