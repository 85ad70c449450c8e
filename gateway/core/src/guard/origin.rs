//! The same-origin rule: what a browser sends along by itself proves no intent.
//!
//! Protects cookie-borne callers from pages of other origins that let a browser change something (CSRF), open a
//! WebSocket, which CORS does not cover, or load an answer that tells something by its size or by whether it is there.
//! Trust: `Origin` and the Fetch Metadata fields are believed, as a page cannot set them; a client that is no browser
//! can, but has no other's cookies. A `Sec-Fetch-Site` that is none of the four values counts as `cross-site`.
//!
//! A navigation is a person who follows a link: by default it passes, also into a frame, whose pages `headers.frame`
//! is there for. `object` and `embed` are loaded by the page and count as no navigation. Browsers send Fetch Metadata
//! over https and on loopback alone: over plain http a GET of another site's page says nothing of where it comes from,
//! unless it is one of CORS, which names its `Origin`; that [`OriginPolicy::Strict`] asks.
//!
//! Where the client's side is https, an origin of `http://` is another one: whoever is on the network can be it. Where it
//! is plain http, as far as is known, `https://` with the same host is the same: TLS may end at a proxy that is not in
//! `server.trusted_proxies`, and a page of https is no weaker than one of http.
//!
//! Bounds: a few comparisons. RFC 6454 §7, RFC 6455 §10.2, W3C Fetch Metadata.

use crate::denial::Denial;
use crate::guard::client::PublicAddress;
use crate::guard::cors::CorsPolicy;
use crate::host::name_and_port;
use crate::request::Head;

/// `origin.check`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OriginPolicy {
    /// Requests that carry a cookie and no other credential: unsafe ones, handshakes, and what another site loads
    /// without navigating.
    #[default]
    Cookies,
    /// As [`OriginPolicy::Cookies`], and navigations and requests of the same site as well.
    Strict,
    /// As [`OriginPolicy::Cookies`], and every unsafe request and handshake, whatever it carries.
    Always,
    /// None.
    Off,
}

/// Evidence: the request does not come from a foreign page, or need not be asked.
#[derive(Debug)]
pub struct OriginChecked(());

impl OriginPolicy {
    /// Asks where a request comes from. `by_header`: it carries a credential in a header of its own, which no foreign
    /// page can add without a preflight.
    ///
    /// # Errors
    /// [`Denial::CrossOrigin`].
    pub fn check(
        self,
        head: &Head<'_>,
        at: &PublicAddress<'_>,
        by_header: bool,
        cors: &CorsPolicy,
    ) -> Result<OriginChecked, Denial> {
        if !self.asks(head, by_header) || is_welcome(head, at, |origin| cors.lists(origin)) {
            Ok(OriginChecked(()))
        } else {
            Err(Denial::CrossOrigin)
        }
    }

    fn asks(self, head: &Head<'_>, by_header: bool) -> bool {
        let unsafe_or_handshake = !SAFE.contains(&head.method()) || head.asks_websocket();
        let borne_by_cookie = head.has("cookie") && !by_header;
        let loaded_elsewhere = || Site::of(head) == Site::Cross && !navigates(head);
        match self {
            Self::Off => false,
            Self::Cookies => borne_by_cookie && (unsafe_or_handshake || loaded_elsewhere()),
            Self::Strict => borne_by_cookie && (unsafe_or_handshake || comes_from_a_page(head)),
            Self::Always => unsafe_or_handshake || (borne_by_cookie && loaded_elsewhere()),
        }
    }
}

/// `Sec-Fetch-Site`: what the page is to us that made the browser ask.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Site {
    /// The browser says nothing of it.
    Unsaid,
    /// A page of ours, or the person at the browser.
    Own,
    /// A page of another host or port below the same domain.
    Same,
    /// A page of another site, or a value that no browser sends.
    Cross,
}

impl Site {
    fn of(head: &Head<'_>) -> Self {
        match head.sole_text("sec-fetch-site") {
            Some("same-origin" | "none") => Self::Own,
            Some("same-site") => Self::Same,
            Some(_) => Self::Cross,
            None if head.has("sec-fetch-site") => Self::Cross,
            None => Self::Unsaid,
        }
    }
}

/// Whether a page of another host or port may have made the browser ask: it says so, or names an origin and nothing else.
fn comes_from_a_page(head: &Head<'_>) -> bool {
    match Site::of(head) {
        Site::Own => false,
        Site::Same | Site::Cross => true,
        Site::Unsaid => head.has("origin"),
    }
}

/// Whether the browser goes to the answer, rather than to load it into a page.
fn navigates(head: &Head<'_>) -> bool {
    let embeds = || matches!(head.sole_text("sec-fetch-dest"), Some("object" | "embed"));
    head.sole_text("sec-fetch-mode") == Some("navigate") && !embeds()
}

/// Whether the browser says that the page is ours, or its origin is ours or listed, or nothing says that a browser
/// sent it.
fn is_welcome(head: &Head<'_>, at: &PublicAddress<'_>, lists: impl FnOnce(&str) -> bool) -> bool {
    let site = Site::of(head);
    if site == Site::Own {
        return true;
    }
    match head.sole_text("origin") {
        Some(origin) => is_same(origin, at) || (origin != "null" && lists(origin)),
        // Repeated, not text, or absent: only the last may pass.
        None => !head.has("origin") && site == Site::Unsaid,
    }
}

/// Whether a serialised origin is the one under which the client knows us.
///
/// Where the client's side is not known to be https, both schemes are, and both default ports are the same as none.
fn is_same(origin: &str, at: &PublicAddress<'_>) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let (name, port) = name_and_port(authority);
    let same_port = match (at.scheme(), scheme) {
        ("https", "https") => port.unwrap_or(443) == at.port(),
        ("http", "http" | "https") => {
            let said = |port: Option<u16>| port.filter(|port| ![80, 443].contains(port));
            said(port) == said(Some(at.port()))
        }
        _ => false,
    };
    // Ours has lost the dot that says that it is whole.
    let name = name.strip_suffix('.').unwrap_or(name);
    !name.is_empty() && same_port && name.eq_ignore_ascii_case(at.name())
}

/// RFC 9110 §9.2.1.
const SAFE: [&str; 4] = ["GET", "HEAD", "OPTIONS", "TRACE"];

#[cfg(test)]
mod tests;
