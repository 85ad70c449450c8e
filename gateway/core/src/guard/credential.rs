//! Finding the token of a request, and removing it from what the app receives.
//!
//! Protects the app from another reading of the credentials: a request with two different tokens is refused, and the
//! token does not reach the app unless the configuration keeps it.
//!
//! Trust: none; every byte is the client's choice. Bounds: the caps of the head; each source is read once. Finding allocates only to percent-decode a query parameter. RFC 6750 §2, 6265 §5.4.

use std::borrow::Cow;

use http::HeaderName;
use percent_encoding::percent_decode;

use crate::denial::Denial;
use crate::field_names::{self, same};
use crate::request::Head;

/// One of `sources`: a place where a token is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenSource {
    /// `Authorization: Bearer …`
    Bearer,
    /// Another header; its value may begin with `Bearer `.
    Header(HeaderName),
    /// A cookie. Names are compared exactly.
    Cookie(String),
    /// A query parameter. Names are compared exactly, after percent-decoding.
    Query(String),
}

/// The sources of all tokens of one app, which are removed before the app sees the request.
#[derive(Clone, Debug, Default)]
pub struct CarrierPolicy {
    /// All of them, without repeats.
    pub sources: Vec<TokenSource>,
    /// `identity.token = "keep"`: bearer and cookie stay.
    pub keep: bool,
}

/// The token of a request.
#[derive(Clone, Debug)]
pub struct Carried<'h> {
    /// The token, without `Bearer ` and percent-decoded.
    pub token: Cow<'h, [u8]>,
    /// Where it was found first: an index into the sources that were searched.
    pub source: usize,
}

/// Finds the token that `sources` carry.
///
/// Every occurrence of every source is read. Empty values count as absent, and the same
/// value twice is one token.
///
/// # Errors
/// [`Denial::AmbiguousCredentials`] if two occurrences differ, or a bearer token stands beside another
/// `Authorization`: which of the two an app takes is its choice, and the field has one value (RFC 9110 §11.6.2).
pub fn find<'h>(sources: &[TokenSource], head: &'h Head<'_>) -> Result<Option<Carried<'h>>, Denial> {
    find_among(sources.iter(), head)
}

/// As [`find`], over sources that do not lie in one slice.
pub(crate) fn find_among<'s, 'h>(
    sources: impl Iterator<Item = &'s TokenSource>,
    head: &'h Head<'_>,
) -> Result<Option<Carried<'h>>, Denial> {
    let mut found: Option<Carried<'h>> = None;
    for (source, place) in sources.enumerate() {
        let agreed = place.visit(head, |token| match &found {
            Some(first) => first.token == token,
            None => {
                found = Some(Carried { token, source });
                true
            }
        });
        if !agreed || (*place == TokenSource::Bearer && is_mixed(head)) {
            return Err(Denial::AmbiguousCredentials);
        }
    }
    Ok(found)
}

impl TokenSource {
    /// Reads `bearer`, `header:NAME`, `cookie:NAME` or `query:NAME`.
    ///
    /// # Errors
    /// Message and hint for the operator.
    pub fn parse(text: &str) -> Result<Self, (String, String)> {
        let hint = "write `bearer`, `header:NAME`, `cookie:NAME` or `query:NAME`";
        let fault = |message: &str| Err((format!("{message}: `{text}`"), hint.to_owned()));
        if text == "bearer" {
            return Ok(Self::Bearer);
        }
        let Some((kind, name)) = text.split_once(':') else {
            return fault("not a source of tokens");
        };
        match kind {
            "header" => match HeaderName::from_bytes(name.as_bytes()) {
                Ok(name) if name == http::header::AUTHORIZATION => Err((
                    format!("the authorization header is read by a source of its own: `{text}`"),
                    "write `bearer`".to_owned(),
                )),
                Ok(name) if !field_names::meaning(name.as_str()).carries_tokens() => {
                    fault("this header cannot carry a token")
                }
                Ok(name) => Ok(Self::Header(name)),
                Err(_) => fault("not a header name"),
            },
            "cookie" if is_cookie_name(name) => Ok(Self::Cookie(name.to_owned())),
            "cookie" => fault("not a cookie name"),
            "query"
                if !name.is_empty()
                    && name.bytes().all(|b| b.is_ascii_graphic() && !b"&=#%+".contains(&b)) =>
            {
                Ok(Self::Query(name.to_owned()))
            }
            "query" => fault("not a parameter name"),
            _ => fault("not a source of tokens"),
        }
    }

    /// Whether it is a header, which no page of another origin can send without a preflight.
    #[must_use]
    pub fn is_header(&self) -> bool {
        match self {
            Self::Bearer | Self::Header(_) => true,
            Self::Cookie(_) | Self::Query(_) => false,
        }
    }

    /// Whether there is a token in this place.
    #[must_use]
    pub(crate) fn is_used(&self, head: &Head<'_>) -> bool {
        !self.visit(head, |_| false)
    }

    /// Calls `agree` with each token in this place until it returns `false`. Returns whether it never did.
    fn visit<'h>(&self, head: &'h Head<'_>, mut agree: impl FnMut(Cow<'h, [u8]>) -> bool) -> bool {
        let mut agree = |token: Cow<'h, [u8]>| token.is_empty() || agree(token);
        match self {
            Self::Bearer => head.all("authorization").filter_map(bearer).all(|t| agree(Cow::Borrowed(t))),
            Self::Header(name) => {
                head.all(name.as_str()).all(|value| agree(Cow::Borrowed(bearer(value).unwrap_or(value))))
            }
            Self::Cookie(name) => cookies_of(head, name).all(|token| agree(Cow::Borrowed(token))),
            Self::Query(name) => head
                .raw_query()
                .unwrap_or_default()
                .split(|b| *b == b'&')
                .map(query_pair)
                .filter(|(n, _)| decoded(n) == name.as_bytes())
                .all(|(_, token)| agree(decoded(token))),
        }
    }
}

impl std::fmt::Display for TokenSource {
    /// As [`TokenSource::parse`] reads it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bearer => f.write_str("bearer"),
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Cookie(name) => write!(f, "cookie:{name}"),
            Self::Query(name) => write!(f, "query:{name}"),
        }
    }
}

impl CarrierPolicy {
    /// Whether a field must not reach the app.
    ///
    /// Names are compared folded ([`same`]), since many apps cannot tell the spellings apart. `Authorization`
    /// is dropped only with the scheme `Bearer`: any other scheme is the app's own. A `Cookie` field is never dropped
    /// here; it is rewritten by [`CarrierPolicy::strip_cookie`].
    #[must_use]
    pub fn drops(&self, name: &str, value: &[u8]) -> bool {
        self.sources.iter().any(|source| match source {
            TokenSource::Bearer => {
                !self.keep && name.eq_ignore_ascii_case("authorization") && bearer(value).is_some()
            }
            TokenSource::Header(own) => same(own.as_str(), name),
            TokenSource::Cookie(_) | TokenSource::Query(_) => false,
        })
    }

    /// Whether the request carries a token of the gateway, valid or not, in a header. No page of another origin can add one
    /// without a preflight.
    #[must_use]
    pub fn stand_in_header(&self, head: &Head<'_>) -> bool {
        self.sources.iter().any(|source| match source {
            TokenSource::Bearer => head.all("authorization").any(|value| bearer(value).is_some()),
            TokenSource::Header(own) => head.has(own.as_str()),
            TokenSource::Cookie(_) | TokenSource::Query(_) => false,
        })
    }

    /// The names of the cookies that carry tokens.
    pub fn cookies(&self) -> impl Iterator<Item = &str> {
        self.sources.iter().filter_map(|source| match source {
            TokenSource::Cookie(name) => Some(name.as_str()),
            TokenSource::Bearer | TokenSource::Header(_) | TokenSource::Query(_) => None,
        })
    }

    /// The values of the cookies that carry tokens, valid or not, with their names. Empty ones are left out.
    pub fn in_cookies<'h>(&self, head: &Head<'h>) -> impl Iterator<Item = (&str, &'h [u8])> {
        let each = self.cookies().flat_map(|name| cookies_of(head, name).map(move |token| (name, token)));
        each.filter(|(_, token)| !token.is_empty())
    }

    /// A `Cookie` value without the cookies that carry tokens: `None` if unchanged, empty if nothing is left.
    #[must_use]
    pub fn strip_cookie(&self, value: &[u8]) -> Option<Vec<u8>> {
        if self.keep {
            return None;
        }
        let ours = |pair: &[u8]| {
            let name = pair.split(|b| *b == b'=').next().unwrap_or_default().trim_ascii();
            self.sources.iter().any(|s| matches!(s, TokenSource::Cookie(own) if own.as_bytes() == name))
        };
        let left = without(value, b';', ours)?;
        Some(left.trim_ascii().to_vec())
    }

    /// A query without the parameters that carry tokens, the rest byte for byte: `None` if unchanged.
    #[must_use]
    pub fn strip_query(&self, query: &[u8]) -> Option<Vec<u8>> {
        let ours = |pair: &[u8]| {
            let name = decoded(query_pair(pair).0);
            self.sources.iter().any(|s| matches!(s, TokenSource::Query(own) if own.as_bytes() == &*name))
        };
        without(query, b'&', ours)
    }
}

/// The parts of `list` that are not `ours`, or `None` if none is.
fn without(list: &[u8], separator: u8, ours: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
    let parts = || list.split(|b| *b == separator);
    if !parts().any(&ours) {
        return None;
    }
    let mut left = Vec::with_capacity(list.len());
    for (position, part) in parts().filter(|part| !ours(part)).enumerate() {
        if position > 0 {
            left.push(separator);
        }
        left.extend_from_slice(part);
    }
    Some(left)
}

/// What follows the scheme `Bearer` (in any case). A value that is not one b64token (RFC 6750
/// §2.1) is returned as well: it is a credential, and a bad one.
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let value = value.trim_ascii();
    let end = value.iter().position(|b| matches!(b, b' ' | b'\t')).unwrap_or(value.len());
    let (scheme, rest) = value.split_at_checked(end)?;
    scheme.eq_ignore_ascii_case(b"bearer").then(|| rest.trim_ascii())
}

/// Whether there is an `Authorization` with a bearer token and another one without.
fn is_mixed(head: &Head<'_>) -> bool {
    let mut lines = head.all("authorization").map(|value| bearer(value).is_some());
    lines.next().is_some_and(|first| lines.any(|other| other != first))
}

/// The values of every cookie of this name.
fn cookies_of<'h>(head: &Head<'h>, name: &str) -> impl Iterator<Item = &'h [u8]> {
    let pairs = head.all("cookie").flat_map(|value| value.split(|b| *b == b';')).filter_map(cookie_pair);
    pairs.filter(move |(n, _)| *n == name.as_bytes()).map(|(_, token)| token)
}

/// Name and value of one cookie, without the white space around them.
fn cookie_pair(pair: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = pair.iter().position(|b| *b == b'=')?;
    let (name, value) = pair.split_at_checked(at)?;
    Some((name.trim_ascii(), value.get(1..)?.trim_ascii()))
}

/// Name and value of one query parameter, as written. Without a `=` the value is empty.
fn query_pair(pair: &[u8]) -> (&[u8], &[u8]) {
    let mut halves = pair.splitn(2, |b| *b == b'=');
    (halves.next().unwrap_or_default(), halves.next().unwrap_or_default())
}

/// Percent-decoded; `+` stays what it is.
fn decoded(raw: &[u8]) -> Cow<'_, [u8]> {
    percent_decode(raw).into()
}

/// A token of RFC 9110 §5.6.2, as RFC 6265 §4.1.1 asks for.
fn is_cookie_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

#[cfg(test)]
pub(crate) mod tests;
