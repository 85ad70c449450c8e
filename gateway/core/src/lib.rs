//! The decisions of the Stagedoor gateway.
//!
//! This crate knows no runtime, no socket, no file, no environment and no clock: its input is bytes, a
//! compiled [`policy::Policy`] and a [`clock::Now`]; its output is a permit or a [`denial::Denial`].
//! The modules below are in reading order.

#![warn(clippy::indexing_slicing)]

/// The name under which a fuzz target and a test that share a file know the crate.
#[cfg(test)]
extern crate self as stagedoor_core;

pub mod pipeline;

pub mod denial;
pub mod reply;
pub mod request;

pub mod field_names;

pub mod proxy_protocol;

pub mod head;

pub mod answer;
pub mod answer_framing;
pub mod chunked;

pub mod field_list;

pub mod exchange;

mod host;
pub mod path;

pub mod policy;

pub mod private_network;
mod public_address;

pub mod tls;

pub mod request_out;
pub mod response_fields;
pub mod response_out;

pub mod sign_in;

pub mod guard;

pub mod clock;
pub mod secret;
pub mod text;
pub mod units;
mod words;
mod work;
