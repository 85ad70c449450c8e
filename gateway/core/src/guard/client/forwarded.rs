//! The `Forwarded` field (RFC 7239 §4), read strictly and without copying.
//!
//! A line that does not parse to its end is ignored as a whole: a client could have opened a quoted string that
//! contains what the proxy appended.

use std::net::IpAddr;

use super::hop::{MAX_HOPS, node};

/// The element of one hop. A parameter that is missing or given twice is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Element<'a> {
    /// `for=`: an address, with or without a port; names and obfuscated identifiers are `None`.
    pub(super) node: Option<IpAddr>,
    /// It has a `for=`, readable or not.
    pub(super) names_node: bool,
    /// `proto=`
    pub(super) proto: Option<&'a [u8]>,
    /// `host=`
    pub(super) host: Option<&'a [u8]>,
}

/// The addresses of the last [`MAX_HOPS`] elements, in a ring buffer.
pub(super) struct Nodes {
    ring: [Option<IpAddr>; MAX_HOPS],
    seen: usize,
}

impl Nodes {
    /// Reads all lines, in their order. A malformed line counts as one malformed element.
    pub(super) fn read<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut nodes = Self { ring: [None; MAX_HOPS], seen: 0 };
        for line in lines {
            if elements(line, |_| ()).is_none() {
                nodes.push(None);
            } else {
                elements(line, |element| nodes.push(element.node));
            }
        }
        nodes
    }

    /// The nearest hop first.
    pub(super) fn nearest_first(&self) -> impl Iterator<Item = Option<IpAddr>> {
        let kept = self.seen.min(MAX_HOPS);
        (1..=kept).map(move |back| self.ring.get((self.seen - back) % MAX_HOPS).copied().flatten())
    }

    fn push(&mut self, node: Option<IpAddr>) {
        if let Some(slot) = self.ring.get_mut(self.seen % MAX_HOPS) {
            *slot = node;
        }
        self.seen += 1;
    }
}

/// The last element of a line; `None` if the line is malformed.
pub(super) fn last(line: &[u8]) -> Option<Element<'_>> {
    let mut last = Element::default();
    elements(line, |element| last = element)?;
    Some(last)
}

/// Tells `each` every element from the left; `None` at the first fault.
fn elements<'a>(mut rest: &'a [u8], mut each: impl FnMut(Element<'a>)) -> Option<()> {
    let mut element = Element::default();
    let mut given = [false; 3];
    loop {
        rest = rest.trim_ascii_start();
        if !matches!(rest.first(), None | Some(b',' | b';')) {
            let (name, value, after) = pair(rest)?;
            let kind =
                [&b"for"[..], b"proto", b"host"].iter().position(|known| name.eq_ignore_ascii_case(known));
            if let Some(seen) = kind.and_then(|kind| given.get_mut(kind)) {
                // RFC 7239 §4: a parameter must not occur more than once in an element.
                if std::mem::replace(seen, true) {
                    return None;
                }
            }
            match kind {
                Some(0) => (element.node, element.names_node) = (node(value), true),
                Some(1) => element.proto = Some(value),
                Some(2) => element.host = Some(value),
                Some(_) | None => (),
            }
            rest = after.trim_ascii_start();
        }
        match rest.split_first() {
            Some((b';', after)) => rest = after,
            Some((b',', after)) => {
                each(std::mem::take(&mut element));
                given = [false; 3];
                rest = after;
            }
            Some(_) => return None,
            None => {
                each(element);
                return Some(());
            }
        }
    }
}

/// `token = ( token / quoted-string )` and what follows. Colons and brackets are let through
/// unquoted, as many proxies write them; an escape inside a quoted string is a fault, for no
/// address and no host has one.
fn pair(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (name, rest) = text.split_at_checked(text.iter().position(|byte| *byte == b'=')?)?;
    let rest = rest.strip_prefix(b"=")?;
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    if name.is_empty() || !name.iter().all(is_token) {
        return None;
    }
    if let Some(quoted) = rest.strip_prefix(b"\"") {
        let (value, after) = quoted.split_at_checked(quoted.iter().position(|byte| *byte == b'"')?)?;
        return (!value.contains(&b'\\')).then_some((name, value, after.strip_prefix(b"\"")?));
    }
    let length = rest.iter().position(|byte| !is_token(byte) && !b":[]".contains(byte));
    let (value, after) = rest.split_at_checked(length.unwrap_or(rest.len()))?;
    (!value.is_empty()).then_some((name, value, after))
}
