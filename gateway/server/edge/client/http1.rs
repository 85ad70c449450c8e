//! Clients that speak HTTP/1.

mod connection;

pub(crate) use connection::{Connection, HeadRead};
