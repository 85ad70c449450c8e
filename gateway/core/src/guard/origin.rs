//! The same-origin rule: protection against cross-site request forgery (CSRF) for credentials that a browser sends by
//! itself, such as cookies.
//!
//! A page of another origin could otherwise let a browser change something, open a WebSocket, which CORS does not cover,
//! or load an answer whose size or presence tells something. Trust: `Origin` and the Fetch Metadata fields are used as
//! sent, because a page cannot set them. A client that is no browser can set them, but has no cookies of another user. A
//! `Sec-Fetch-Site` that is none of the four values counts as `cross-site`.
//!
//! A navigation, where a person follows a link, passes by default; it also passes in a frame, which `headers.frame`
//! controls. `object` and `embed` are loaded by the page and are no navigations. Browsers send Fetch Metadata only over
//! https and on loopback. Over plain http a GET from another site does not say where it comes from, unless it is a CORS
//! request, which has an `Origin`; [`OriginPolicy::Strict`] checks that one.
//!
//! If the client uses https, an origin of `http://` is another origin: anyone on the network can serve it. If the client
//! uses plain http, as far as is known, `https://` with the same host is the same origin: TLS may end at a proxy that is
//! not in `server.trusted_proxies`, and a page of https is no weaker than one of http.
//!
//! Bounds: a few comparisons. RFC 6454 §7, RFC 6455 §10.2, W3C Fetch Metadata.

use crate::denial::Denial;
use crate::guard::cors::CorsPolicy;
use crate::host::name_and_port;
use crate::public_address::PublicAddress;
use crate::request::{Head, Scheme};

/// `origin.check`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OriginPolicy {
    /// Checks requests that carry a cookie and no other credential: unsafe methods, WebSocket handshakes, and what another
    /// site loads without navigating.
    #[default]
    Cookies,
    /// As [`OriginPolicy::Cookies`], and navigations and requests of the same site as well.
    Strict,
    /// As [`OriginPolicy::Cookies`], and every unsafe request and handshake, whatever it carries.
    Always,
    /// Checks no request.
    Off,
}

/// What proves who the caller is, besides cookies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CarriedBy {
    /// A credential in a header, which no page of another origin can add without a preflight.
    pub header: bool,
    /// The connection itself, by a certificate of the client: a browser shows it whichever page asks.
    pub connection: bool,
}

/// Evidence: the request does not come from a page of another origin, or needs no check.
#[derive(Debug)]
pub struct OriginChecked(());

impl OriginPolicy {
    /// Checks where a request comes from.
    ///
    /// # Errors
    /// [`Denial::CrossOrigin`].
    pub fn check(
        self,
        head: &Head<'_>,
        at: &PublicAddress<'_>,
        carried: CarriedBy,
        cors: &CorsPolicy,
    ) -> Result<OriginChecked, Denial> {
        if !self.asks(head, carried) || is_welcome(head, at, |origin| cors.lists(origin)) {
            Ok(OriginChecked(()))
        } else {
            Err(Denial::CrossOrigin)
        }
    }

    fn asks(self, head: &Head<'_>, carried: CarriedBy) -> bool {
        let unsafe_or_handshake = !SAFE.contains(&head.method()) || head.asks_websocket();
        let by_itself = (head.has("cookie") || carried.connection) && !carried.header;
        let loaded_elsewhere = || Site::of(head) == Site::Cross && !navigates(head);
        match self {
            Self::Off => false,
            Self::Cookies => by_itself && (unsafe_or_handshake || loaded_elsewhere()),
            Self::Strict => by_itself && (unsafe_or_handshake || comes_from_a_page(head)),
            Self::Always => unsafe_or_handshake || (by_itself && loaded_elsewhere()),
        }
    }
}

/// `Sec-Fetch-Site`: where the page is that made the browser send the request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Site {
    /// The field is missing.
    Unsaid,
    /// A page of the same origin, or the user of the browser.
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

/// Whether a page of another host or port may have made the browser send the request: the browser says so, or it sends an
/// `Origin` and no Fetch Metadata.
fn comes_from_a_page(head: &Head<'_>) -> bool {
    match Site::of(head) {
        Site::Own => false,
        Site::Same | Site::Cross => true,
        Site::Unsaid => head.has("origin"),
    }
}

/// Whether the request is a navigation: the browser shows the answer as a page.
fn navigates(head: &Head<'_>) -> bool {
    let embeds = || matches!(head.sole_text("sec-fetch-dest"), Some("object" | "embed"));
    head.sole_text("sec-fetch-mode") == Some("navigate") && !embeds()
}

/// Whether the browser says that the page is of the same origin, or its origin is the same or listed, or no field says
/// that a browser sent the request.
fn is_welcome(head: &Head<'_>, at: &PublicAddress<'_>, lists: impl FnOnce(&str) -> bool) -> bool {
    let site = Site::of(head);
    if site == Site::Own {
        return true;
    }
    match head.sole_text("origin") {
        Some(origin) => is_same(origin, at) || (origin != "null" && lists(origin)),
        // Repeated, not text, or absent. Only an absent one may pass.
        None => !head.has("origin") && site == Site::Unsaid,
    }
}

/// Whether a serialised origin is the public origin of the app.
///
/// If the client is not known to use https, both schemes match, and each default port is the same as no port.
fn is_same(origin: &str, at: &PublicAddress<'_>) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let Some(scheme) = Scheme::named(scheme) else { return false };
    let (name, port) = name_and_port(authority);
    let same_port = match (at.scheme(), scheme) {
        (Scheme::Https, Scheme::Https) => port.unwrap_or(scheme.default_port()) == at.port(),
        (Scheme::Http, Scheme::Http | Scheme::Https) => {
            let defaults = [Scheme::Http, Scheme::Https].map(Scheme::default_port);
            let said = |port: Option<u16>| port.filter(|port| !defaults.contains(port));
            said(port) == said(Some(at.port()))
        }
        (Scheme::Https, Scheme::Http) => false,
    };
    // The public name has no dot at its end any more.
    let name = name.strip_suffix('.').unwrap_or(name);
    !name.is_empty() && same_port && name.eq_ignore_ascii_case(at.name())
}

/// RFC 9110 §9.2.1.
const SAFE: [&str; 4] = ["GET", "HEAD", "OPTIONS", "TRACE"];

#[cfg(test)]
mod tests;
