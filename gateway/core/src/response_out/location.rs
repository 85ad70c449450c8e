//! The upstream's address in `Location`, `Content-Location` and `Refresh`, which is replaced by the public one.
//!
//! Without this, a client would be redirected past the gateway and would learn the upstream's address: an app that
//! receives its own name as host (`upstream.host = "upstream"`), or that is configured with its base address, redirects to
//! that name. A relative reference, another host, and an address with user information are not changed.
//!
//! Bounds: three lookups; an answer without such an address costs nothing more. RFC 9110 §10.2.2, §8.7; HTML, "shared
//! declarative refresh steps".

use std::ops::Range;

use http::{HeaderName, HeaderValue, header};

use crate::host::name_and_port;
use crate::public_address::PublicAddress;
use crate::request::Scheme;
use crate::response_fields::ResponseFields;

/// The address of an upstream, as answers may name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamAddress {
    scheme: Scheme,
    name: Box<str>,
    port: u16,
}

impl UpstreamAddress {
    /// From the scheme and the `host:port` of the app's upstream.
    #[must_use]
    pub fn of(scheme: Scheme, authority: &str) -> Self {
        let (name, port) = name_and_port(authority);
        Self { scheme, name: name.into(), port: port.unwrap_or(scheme.default_port()) }
    }

    /// Puts the public address in place of this one.
    pub(super) fn map<F: ResponseFields>(&self, fields: &mut F, public: &PublicAddress<'_>) {
        for name in [header::LOCATION, header::CONTENT_LOCATION] {
            self.map_lines(fields, name, |value| Some(0..value.len()), public);
        }
        self.map_lines(fields, header::REFRESH, refresh_url, public);
    }

    /// Maps the address that `find` finds in each line of a field.
    fn map_lines<F: ResponseFields>(
        &self,
        fields: &mut F,
        name: HeaderName,
        find: impl Fn(&[u8]) -> Option<Range<usize>>,
        public: &PublicAddress<'_>,
    ) {
        let mapped = |line: &HeaderValue| {
            let bytes = line.as_bytes();
            let at = find(bytes)?;
            let (before, after) = (bytes.get(..at.start)?, bytes.get(at.end..)?);
            let (relative, rest) = self.strip(bytes.get(at)?)?;
            let public = public.to_string();
            let start = if relative { public.split_once(':')?.1 } else { &public };
            HeaderValue::from_bytes(&[before, start.as_bytes(), rest, after].concat()).ok()
        };
        if fields.all(&name).all(|line| mapped(line).is_none()) {
            return;
        }
        let lines: Vec<HeaderValue> =
            fields.all(&name).map(|line| mapped(line).unwrap_or_else(|| line.clone())).collect();
        fields.remove(&name);
        for line in lines {
            fields.add(name.clone(), line);
        }
    }

    /// The rest of a URL after scheme and authority, if the authority is this one; and whether the URL has no scheme.
    fn strip<'u>(&self, url: &'u [u8]) -> Option<(bool, &'u [u8])> {
        let (said, rest) = match url.strip_prefix(b"//") {
            Some(rest) => (None, rest),
            None => Scheme::split(url).map(|(scheme, rest)| (Some(scheme), rest))?,
        };
        let end = rest.iter().position(|byte| b"/?#\\".contains(byte)).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at_checked(end)?;
        let (name, port) = name_and_port(std::str::from_utf8(authority).ok()?);
        // An app on the port of its scheme that takes the request for one of the other scheme writes that one, without
        // a port.
        let unsaid = if self.port == self.scheme.default_port() {
            self.port
        } else {
            said.unwrap_or(self.scheme).default_port()
        };
        let same = name.eq_ignore_ascii_case(&self.name) && port.unwrap_or(unsaid) == self.port;
        same.then_some((said.is_none(), rest))
    }
}

/// Where the address in `5; url=ADDRESS` stands, quoted or not.
fn refresh_url(value: &[u8]) -> Option<Range<usize>> {
    let skip = |at: usize, skipped: &[u8]| {
        at + value.get(at..).unwrap_or_default().iter().take_while(|byte| skipped.contains(byte)).count()
    };
    let mut at = value.iter().position(|byte| b";,".contains(byte))? + 1;
    at = skip(at, b" \t");
    let word = value.get(at..).and_then(|rest| rest.get(..3)).is_some_and(|w| w.eq_ignore_ascii_case(b"url"));
    if word {
        let sign = skip(at + 3, b" \t");
        if value.get(sign) == Some(&b'=') {
            at = skip(sign + 1, b" \t");
        }
    }
    let quote = value.get(at).filter(|byte| b"'\"".contains(byte));
    at += usize::from(quote.is_some());
    let length = value.get(at..)?.iter().position(|byte| Some(byte) == quote);
    Some(at..length.map_or(value.len(), |length| at + length))
}

#[cfg(test)]
mod tests;
