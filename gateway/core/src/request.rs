//! One request as the guards see it, whatever protocol brought it.

mod framing_fields;
mod head;
mod head_builder;
mod http1;
mod http2;
mod message;
mod peer;
pub(crate) mod syntax;

pub(crate) use framing_fields::{CONNECTION_OPTIONS_MAX, FramingFields};
pub use head::Head;
#[cfg(test)]
pub(crate) use head_builder::tests as heads;
pub(crate) use head_builder::{HeadBuilder, RequestLine};
pub use http1::{Framing, Http1Meta, Http1Version};
pub use http2::{Http2Request, SchemeRule, http2_head};
pub use message::{Field, Protocol, RequestBody, Scheme};
pub use peer::{Peer, PeerAddress, PeerNetworks, UNIX};
pub use syntax::judge_method;
