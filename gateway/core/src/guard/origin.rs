//! The same-origin rule: what a browser sends along by itself proves no intent.
//!
//! Protects cookie-borne callers from pages of other origins that let a browser change something
//! (CSRF) or open a WebSocket, which CORS does not cover. Trust: `Origin` and `Sec-Fetch-Site` are
//! believed, as a page cannot set them; whoever is no browser can, but has no other's cookies.
//! Bounds: a few comparisons. RFC 6454 §7, RFC 6455 §10.2, W3C Fetch Metadata.

use crate::denial::Denial;
use crate::guard::client::{PublicAddress, split_port};
use crate::guard::cors::CorsPolicy;
use crate::request::Head;

/// `origin.check`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OriginPolicy {
    /// Unsafe requests and handshakes that carry a cookie and no other credential.
    #[default]
    Cookies,
    /// Every unsafe request and handshake.
    Always,
    /// None.
    Off,
}

/// Evidence: the request does not come from a foreign page, or need not be asked.
#[derive(Debug)]
pub struct OriginChecked(());

impl OriginPolicy {
    /// Asks where an unsafe request or a handshake comes from. `by_header`: it carries a credential in a
    /// header of its own, which no foreign page can add without a preflight.
    ///
    /// # Errors
    /// [`Denial::CrossOrigin`].
    pub fn check(
        &self,
        head: &Head<'_>,
        at: &PublicAddress<'_>,
        by_header: bool,
        cors: &CorsPolicy,
    ) -> Result<OriginChecked, Denial> {
        let exempt = !self.applies(head, by_header);
        if exempt || is_welcome(head, at, |origin| cors.lists(origin)) {
            Ok(OriginChecked(()))
        } else {
            Err(Denial::CrossOrigin)
        }
    }

    fn applies(self, head: &Head<'_>, by_header: bool) -> bool {
        let harmless = SAFE.contains(&head.method()) && !head.asks_websocket();
        match self {
            Self::Off => false,
            Self::Always => !harmless,
            Self::Cookies => !harmless && head.has("cookie") && !by_header,
        }
    }
}

/// Whether the browser says that the page is ours, or its origin is ours or listed, or nothing
/// says that a browser sent it.
fn is_welcome(head: &Head<'_>, at: &PublicAddress<'_>, lists: impl FnOnce(&str) -> bool) -> bool {
    if matches!(head.sole_text("sec-fetch-site"), Some("same-origin" | "none")) {
        return true;
    }
    match head.sole_text("origin") {
        Some(origin) => is_same(origin, at) || (origin != "null" && lists(origin)),
        // Repeated, not text, or absent: only the last may pass.
        None => !head.has("origin") && !head.has("sec-fetch-site"),
    }
}

/// Whether an origin names this host and port.
///
/// Both default ports are the same as none, since the scheme that the client used is not certain
/// behind a proxy.
fn is_same(origin: &str, at: &PublicAddress<'_>) -> bool {
    let Some(("http" | "https", authority)) = origin.split_once("://") else {
        return false;
    };
    let (name, port) = split_port(authority);
    let said = |port: Option<u16>| port.filter(|port| !DEFAULT_PORTS.contains(port));
    // Ours has lost the dot that says that it is whole.
    let name = name.strip_suffix('.').unwrap_or(name);
    !name.is_empty() && said(port) == said(Some(at.port())) && name.eq_ignore_ascii_case(at.name())
}

/// RFC 9110 §9.2.1.
const SAFE: [&str; 4] = ["GET", "HEAD", "OPTIONS", "TRACE"];
const DEFAULT_PORTS: [u16; 2] = [80, 443];

#[cfg(test)]
mod tests;
