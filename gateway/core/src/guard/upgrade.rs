//! Who may leave HTTP for a WebSocket.
//!
//! Protects against tunnels: whatever a client asks to switch to (`h2c`, `TLS/1.0`, two things at
//! once), only one `websocket` on a plain `GET` without a body may pass, and only where the route
//! allows it (RFC 9110 §7.8, RFC 6455 §4.1). Every field is the client's choice and none is
//! repaired. Bounds: nothing is remembered.

use crate::denial::Denial;
use crate::request::{Framing, Head, Version};

/// `websocket`: whether a route may become a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpgradePolicy {
    /// One `websocket` may pass.
    Websocket,
    /// Nothing leaves HTTP.
    Forbidden,
}

/// Evidence of what the connection may become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upgrade {
    /// It stays plain HTTP; an `Upgrade` field that `Connection` does not name is dropped.
    None,
    /// It may become a WebSocket.
    Websocket,
}

impl UpgradePolicy {
    /// Judges what the client asks to switch to.
    ///
    /// # Errors
    /// [`Denial::UpgradeRefused`] for anything but one well-formed `websocket` where it is allowed.
    pub fn check(self, head: &Head<'_>) -> Result<Upgrade, Denial> {
        if !head.asks_upgrade() {
            return Ok(Upgrade::None);
        }
        match self {
            Self::Websocket if is_handshake(head) => Ok(Upgrade::Websocket),
            Self::Websocket | Self::Forbidden => Err(Denial::UpgradeRefused),
        }
    }
}

/// The parts of a WebSocket handshake that keep it from being anything else; key and version are
/// the app's to judge.
fn is_handshake(head: &Head<'_>) -> bool {
    head.sole_text("upgrade").is_some_and(|token| token.eq_ignore_ascii_case("websocket"))
        && head.method() == "GET"
        && head.version() == Version::Http11
        && head.framing() == Framing::None
}

#[cfg(test)]
mod tests;
