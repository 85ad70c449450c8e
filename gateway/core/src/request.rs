//! One request as the guards see it, whatever protocol brought it.

mod framing_fields;
mod head;
mod head_builder;
mod http1;
mod http2;
mod message;
pub(crate) mod syntax;

use std::net::IpAddr;

pub(crate) use framing_fields::{CONNECTION_OPTIONS_MAX, FramingFields};
pub use head::Head;
#[cfg(test)]
pub(crate) use head_builder::tests as heads;
pub(crate) use head_builder::{HeadBuilder, RequestLine};
pub use http1::{Framing, Http1Meta, Http1Version};
pub use http2::{Http2Request, http2_head};
pub use message::{Field, Protocol, RequestBody, Scheme};
pub use syntax::judge_method;

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The remote address of the TCP connection. An IPv4-mapped address is already plain IPv4.
    pub ip: IpAddr,
    /// The local port the connection came in on.
    pub port: u16,
    /// The connection is TLS.
    pub tls: bool,
}

impl Peer {
    /// The scheme of the connection.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        if self.tls { Scheme::Https } else { Scheme::Http }
    }
}
