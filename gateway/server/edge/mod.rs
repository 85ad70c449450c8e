//! The edge: sockets in, pingora out, no decisions in between.
//!
//! `front` is the first reader of every connection. It asks the core about each head and either
//! answers by itself or hands a head *of its own writing* to pingora's `HttpProxy`; whatever
//! pingora parses was serialised here.

pub(crate) mod front;

pub(crate) mod line;

pub(crate) mod exchange;

pub(crate) mod wire;

pub(crate) mod proxy;

pub(crate) mod failure;

pub(crate) mod adapt;

pub(crate) mod request_id;

pub(crate) mod connection;

pub(crate) mod login;

pub(crate) mod upstream;

pub(crate) mod tunnel;

pub(crate) mod preflight;

pub(crate) mod websocket;
