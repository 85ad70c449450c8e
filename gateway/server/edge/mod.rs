//! The edge: client connections and connections to the app. It decides nothing.
//!
//! `front` reads every connection first. It asks the core about each head, and either answers itself or gives pingora's
//! `HttpProxy` a head that it has written. pingora parses only heads that were serialised here.

pub(crate) mod front;

#[allow(dead_code, reason = "the forwarding loop will use it")]
pub(crate) mod client;

pub(crate) mod buffers;

pub(crate) mod date;

pub(crate) mod exchange;

pub(crate) mod wire;

pub(crate) mod proxy;

pub(crate) mod failure;

pub(crate) mod fault_point;

pub(crate) mod adapt;

pub(crate) mod request_id;

pub(crate) mod connection;

pub(crate) mod login;

pub(crate) mod upstream;

pub(crate) mod tunnel;

pub(crate) mod preflight;

pub(crate) mod websocket;
