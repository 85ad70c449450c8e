//! WebSocket upgrades: which request may become a WebSocket, and which 101 of the app completes it.
//!
//! Protects against tunnels, because after a 101 the gateway does not read the bytes. Any other protocol that a client
//! offers (`h2c`, `TLS/1.2`) is dropped, and the request is forwarded as plain HTTP (RFC 9110 §7.8). A request for
//! `websocket` must be a handshake by RFC 6455 §4.2.1, and its route must allow it. A 101 of the app is accepted only if it
//! answers that handshake (§4.1). A handshake of another version than 13 is refused, since the gateway could not check the
//! answer to it.
//!
//! Every field is a choice of the client or of the app, and none is repaired. Bounds: a handshake stores the accept value
//! and what its client offered, no more than its head. Plain requests allocate nothing.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue, header};

use crate::denial::Denial;
use crate::request::Head;
use crate::response_fields::ResponseFields;

/// `websocket`: whether a route may become a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpgradePolicy {
    /// A WebSocket may pass.
    Websocket,
    /// No request may become a WebSocket.
    Forbidden,
}

/// Evidence: whether the connection may become a WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upgrade {
    /// It may not; any offer of the client is dropped.
    None,
    /// It may, by an answer to this handshake.
    Websocket(Handshake),
}

/// The handshake of a client, to check the answer of the app against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// What `Sec-WebSocket-Accept` has to say.
    accept: String,
    /// The lines of `Sec-WebSocket-Protocol`, joined.
    protocols: Vec<u8>,
    /// The lines of `Sec-WebSocket-Extensions`, joined.
    extensions: Vec<u8>,
}

impl UpgradePolicy {
    /// Checks whether the client asks for a WebSocket, and may.
    ///
    /// # Errors
    /// [`Denial::UpgradeRefused`] for a WebSocket where none is allowed, and for one that is no handshake.
    pub fn check(self, head: &Head<'_>) -> Result<Upgrade, Denial> {
        if !head.asks_websocket() {
            return Ok(Upgrade::None);
        }
        match self {
            Self::Websocket => Handshake::of(head).map(Upgrade::Websocket).ok_or(Denial::UpgradeRefused),
            Self::Forbidden => Err(Denial::UpgradeRefused),
        }
    }
}

impl Handshake {
    /// RFC 6455 §4.2.1, without what the guards before have judged (host, origin).
    fn of(head: &Head<'_>) -> Option<Self> {
        let names_it = elements(head.all("upgrade")).any(is_websocket);
        let plain = head.method() == "GET" && head.protocol().can_upgrade() && head.body().is_empty();
        let version = head.sole_text("sec-websocket-version") == Some("13");
        let key = head.sole_text("sec-websocket-key").filter(|key| is_key(key))?;
        (names_it && plain && version).then(|| Self {
            accept: accept(key),
            protocols: joined(head.all("sec-websocket-protocol")),
            extensions: joined(head.all("sec-websocket-extensions")),
        })
    }

    /// Whether the fields of a 101 complete this handshake (RFC 6455 §4.1, the client's last list).
    ///
    /// A repeated `Upgrade` line with the same value passes.
    ///
    /// # Errors
    /// What is wrong with the answer, for the log.
    pub fn confirm<F: ResponseFields>(&self, answer: &F) -> Result<(), &'static str> {
        let mut upgrades = elements(values(answer, &header::UPGRADE)).peekable();
        if upgrades.peek().is_none() || !upgrades.all(is_websocket) {
            return Err("it switches to something else than a WebSocket");
        }
        if !elements(values(answer, &header::CONNECTION))
            .any(|option| option.eq_ignore_ascii_case(b"upgrade"))
        {
            return Err("its `Connection` does not name `upgrade`");
        }
        if sole(answer, &header::SEC_WEBSOCKET_ACCEPT) != Some(self.accept.as_bytes()) {
            return Err("its `Sec-WebSocket-Accept` does not fit the key");
        }
        if answer.first(&header::SEC_WEBSOCKET_PROTOCOL).is_some() {
            let chosen = sole(answer, &header::SEC_WEBSOCKET_PROTOCOL);
            let offered = |chosen: &[u8]| {
                !chosen.is_empty() && elements([&*self.protocols]).any(|protocol| protocol == chosen)
            };
            if !chosen.is_some_and(offered) {
                return Err("its `Sec-WebSocket-Protocol` was not offered");
            }
        }
        let offered = |chosen: &[u8]| {
            elements([&*self.extensions]).any(|extension| name(extension).eq_ignore_ascii_case(name(chosen)))
        };
        if !elements(values(answer, &header::SEC_WEBSOCKET_EXTENSIONS)).all(offered) {
            return Err("its `Sec-WebSocket-Extensions` were not offered");
        }
        Ok(())
    }
}

fn values<'f, F: ResponseFields>(answer: &'f F, name: &'static HeaderName) -> impl Iterator<Item = &'f [u8]> {
    answer.all(name).map(HeaderValue::as_bytes)
}

/// The value of a field that is there once.
fn sole<'f, F: ResponseFields>(answer: &'f F, name: &HeaderName) -> Option<&'f [u8]> {
    let value = answer.first(name)?;
    (answer.all(name).count() == 1).then_some(value.as_bytes())
}

/// 16 bytes in Base64 (RFC 6455 §4.1, 7): 22 characters and the padding.
fn is_key(key: &str) -> bool {
    key.len() == 24
        && key
            .strip_suffix("==")
            .is_some_and(|key| key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/')))
}

/// RFC 6455 §4.2.2, 5.4. SHA-1 is no protection here: it shows that the other side has read the key.
fn accept(key: &str) -> String {
    let mut text = key.as_bytes().to_vec();
    text.extend_from_slice(GUID);
    STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &text))
}

/// The elements of a list (RFC 9110 §5.6.1), empty ones left out.
fn elements<'v>(lines: impl IntoIterator<Item = &'v [u8]>) -> impl Iterator<Item = &'v [u8]> {
    lines
        .into_iter()
        .flat_map(|line| line.split(|b| *b == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|element| !element.is_empty())
}

fn is_websocket(protocol: &[u8]) -> bool {
    protocol.eq_ignore_ascii_case(b"websocket")
}

/// An extension without its parameters.
fn name(extension: &[u8]) -> &[u8] {
    extension.split(|b| *b == b';').next().unwrap_or_default().trim_ascii()
}

fn joined<'v>(lines: impl Iterator<Item = &'v [u8]>) -> Vec<u8> {
    let mut all = Vec::new();
    for line in lines {
        all.extend_from_slice(line);
        all.push(b',');
    }
    all
}

/// RFC 6455 §1.3
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

#[cfg(test)]
mod tests;
