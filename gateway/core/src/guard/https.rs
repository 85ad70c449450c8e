//! What becomes of requests over plain HTTP, where the gateway speaks https too.
//!
//! Protects what clients send from being read on its way: with `redirect_http`, plain HTTP serves no app. GET and HEAD are answered with
//! the same address over https (308); any other method is refused, because its body or its effect would be lost or repeated on a
//! way that the client did not choose. The scheme is the client's as the client guard found it: behind a trusted proxy that ends TLS it
//! is https, and sending its clients to https would send them in a circle. Nothing is stored.

use http::HeaderValue;

use crate::denial::Denial;
use crate::guard::client::Client;
use crate::public_address::PublicAddress;
use crate::request::{Head, Scheme};

/// `server.tls.redirect_http`: what plain HTTP serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainHttpPolicy {
    /// The apps.
    Serves,
    /// Their addresses over https.
    Redirects {
        /// The port under which clients reach the https listeners.
        port: u16,
    },
}

/// Evidence: the request came over https, or plain HTTP serves apps.
#[derive(Debug)]
pub struct SchemeChecked(());

/// What the policy makes of a request.
#[derive(Debug)]
pub enum SchemeOutcome {
    /// It is served.
    Serve(SchemeChecked),
    /// It is answered with an address.
    Redirect(HttpsRedirect),
}

/// The same address over https.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpsRedirect {
    location: HeaderValue,
}

impl PlainHttpPolicy {
    /// Judges the scheme of a request for a host that an app has; `public` is the address as the client knows it.
    ///
    /// # Errors
    /// [`Denial::HttpsRequired`] for a method that is not redirected.
    pub fn check(
        self,
        client: &Client,
        head: &Head<'_>,
        public: &PublicAddress<'_>,
    ) -> Result<SchemeOutcome, Denial> {
        match (self, client.scheme()) {
            (Self::Serves, _) | (_, Scheme::Https) => Ok(SchemeOutcome::Serve(SchemeChecked(()))),
            (Self::Redirects { port }, Scheme::Http) => match head.method() {
                "GET" | "HEAD" => HttpsRedirect::to(public.name(), port, head.target())
                    .map(SchemeOutcome::Redirect)
                    .ok_or(Denial::HttpsRequired),
                _ => Err(Denial::HttpsRequired),
            },
        }
    }
}

impl HttpsRedirect {
    /// The value of `Location`.
    #[must_use]
    pub fn location(&self) -> &HeaderValue {
        &self.location
    }

    /// `target`, path and query, goes byte for byte as it came. `None` where it would not make a field value.
    fn to(name: &str, port: u16, target: &[u8]) -> Option<Self> {
        let mut location = format!("https://{name}");
        if port != Scheme::Https.default_port() {
            location.push_str(&format!(":{port}"));
        }
        let mut location = location.into_bytes();
        location.extend_from_slice(target);
        HeaderValue::try_from(location).ok().map(|location| Self { location })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn the_address_is_the_same_but_for_its_scheme_and_port() {
        for (name, port, target, expected) in [
            ("media.example.com", 443, "/", "https://media.example.com/"),
            ("media.example.com", 8443, "/a%2Fb?c=d%20e&f", "https://media.example.com:8443/a%2Fb?c=d%20e&f"),
            ("[2001:db8::1]", 443, "//evil.example/x", "https://[2001:db8::1]//evil.example/x"),
        ] {
            let made = HttpsRedirect::to(name, port, target.as_bytes()).unwrap();
            assert_eq!(made.location(), expected);
        }
        assert_eq!(HttpsRedirect::to("a", 443, b"/\r\nset-cookie: x"), None);
    }
}
