//! Which app a host belongs to.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::denial::Denial;

/// Host name → app.
///
/// Names are compared without case and without their port, addresses as addresses. A whole name
/// beats a wildcard, a longer wildcard a shorter one.
#[derive(Debug, Default)]
pub struct HostTable {
    /// Sorted, lower case.
    names: Vec<(Box<str>, usize)>,
    /// What follows the `*.`: sorted, lower case.
    wildcards: Vec<(Box<str>, usize)>,
    /// Sorted.
    addresses: Vec<(IpAddr, usize)>,
}

/// Evidence: the host was found.
#[derive(Clone, Debug)]
pub struct Host<'h> {
    app: usize,
    name: Cow<'h, str>,
}

/// What is wrong with a configured host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostFault {
    /// It is neither a host name nor an address; the text says why.
    Malformed(&'static str),
    /// The entry at this position has the same.
    Taken(usize),
}

impl HostTable {
    /// Builds the table from host names as configured, each with the index of its app.
    ///
    /// `*.example.com` covers one label or more. IPv6 addresses may stand in brackets or without.
    ///
    /// # Errors
    /// The positions of entries that are malformed, or that an earlier entry already has.
    pub fn build(entries: &[(String, usize)]) -> Result<Self, Vec<(usize, HostFault)>> {
        let mut table = Self::default();
        let mut faults = Vec::new();
        let mut seen: Vec<(Entry, usize)> = Vec::new();
        for (position, (text, app)) in entries.iter().enumerate() {
            let entry = match Entry::parse(text) {
                Ok(entry) => entry,
                Err(fault) => {
                    faults.push((position, HostFault::Malformed(fault)));
                    continue;
                }
            };
            if let Some((_, other)) = seen.iter().find(|(known, _)| *known == entry) {
                faults.push((position, HostFault::Taken(*other)));
                continue;
            }
            match entry.clone() {
                Entry::Name(name) => table.names.push((name, *app)),
                Entry::Wildcard(name) => table.wildcards.push((name, *app)),
                Entry::Address(ip) => table.addresses.push((ip, *app)),
            }
            seen.push((entry, position));
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        table.names.sort_unstable();
        table.wildcards.sort_unstable();
        table.addresses.sort_unstable();
        Ok(table)
    }

    /// Judges one name or address of a configuration, where no wildcard may stand.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn judge_name(text: &str) -> Result<(), &'static str> {
        match Entry::parse(text)? {
            Entry::Name(_) | Entry::Address(_) => Ok(()),
            Entry::Wildcard(_) => Err("no wildcard here"),
        }
    }

    /// Finds the app of a `Host` value; a port is judged and ignored. A dot at the end of a name says that it is whole
    /// (RFC 1034 §3.1): it is taken off, for the app too.
    ///
    /// # Errors
    /// [`Denial::AmbiguousPath`] for what is no host name or address, [`Denial::UnknownHost`] for one
    /// that no app has.
    pub fn find<'h>(&self, host: &'h str) -> Result<Host<'h>, Denial> {
        let (whole, port) = split_port(host)?;
        let bare = without_root(whole);
        let app = match Name::parse(bare).map_err(Denial::AmbiguousPath)? {
            Name::Address(ip) => self
                .addresses
                .binary_search_by(|(known, _)| known.cmp(&ip))
                .ok()
                .and_then(|at| self.addresses.get(at))
                .map(|(_, app)| *app),
            Name::Label(name) => lookup(&self.names, name).or_else(|| self.wildcard(name)),
        };
        let name = match (bare.len() == whole.len(), port) {
            (true, _) => Cow::Borrowed(host),
            (false, "") => Cow::Borrowed(bare),
            (false, port) => Cow::Owned(format!("{bare}{port}")),
        };
        Ok(Host { app: app.ok_or(Denial::UnknownHost)?, name })
    }

    /// Every host, or every wildcard as it is written, that one of the tables names and that means another app in `new`:
    /// with the app of either. Where both mean an app of the same index it is told too, since that may be another app.
    pub(crate) fn differing<'t>(&'t self, new: &'t Self) -> Vec<(String, Option<usize>, Option<usize>)> {
        let Self { names, wildcards, addresses } = self;
        let all_names = names.iter().chain(&new.names).map(|(name, _)| &**name);
        let of_names = all_names.map(|name| {
            let find = |table: &Self| lookup(&table.names, name).or_else(|| table.wildcard(name));
            (name.to_owned(), find(self), find(new))
        });
        let all_wildcards = wildcards.iter().chain(&new.wildcards).map(|(parent, _)| parent);
        let of_wildcards = all_wildcards.map(|parent| {
            let host = format!("*.{parent}");
            let (old, new) = (self.wildcard(&host), new.wildcard(&host));
            (host, old, new)
        });
        let of_addresses = addresses.iter().chain(&new.addresses).map(|(ip, _)| {
            let find =
                |table: &Self| table.addresses.iter().find(|(known, _)| known == ip).map(|(_, app)| *app);
            (ip.to_string(), find(self), find(new))
        });
        let mut all: Vec<_> = of_names.chain(of_wildcards).chain(of_addresses).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    fn wildcard(&self, name: &str) -> Option<usize> {
        let mut rest = name;
        while let Some((_, parent)) = rest.split_once('.') {
            if let Some(app) = lookup(&self.wildcards, parent) {
                return Some(app);
            }
            rest = parent;
        }
        None
    }
}

impl<'h> Host<'h> {
    /// Index of the app.
    #[must_use]
    pub fn app(&self) -> usize {
        self.app
    }

    /// The host as the client wrote it, port included, without a dot at its end.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// One configured host.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    Name(Box<str>),
    Wildcard(Box<str>),
    Address(IpAddr),
}

impl Entry {
    fn parse(text: &str) -> Result<Self, &'static str> {
        if let Ok(ip) = text.parse() {
            return Ok(Self::Address(ip));
        }
        if !text.is_ascii() {
            return Err("not ASCII: browsers send such a name in its `xn--` form");
        }
        if !text.starts_with('[') && text.contains(':') {
            return Err("a host without its scheme and port is expected");
        }
        let (name, wildcard) = match text.strip_prefix("*.") {
            Some(parent) => (parent, true),
            None => (text, false),
        };
        match (Name::parse(name)?, wildcard) {
            (Name::Address(_), true) => Err("a wildcard covers names, not addresses"),
            (Name::Address(ip), false) => Ok(Self::Address(ip)),
            (Name::Label(name), true) => Ok(Self::Wildcard(name.to_ascii_lowercase().into())),
            (Name::Label(name), false) => Ok(Self::Name(name.to_ascii_lowercase().into())),
        }
    }
}

/// A host without its port, judged.
enum Name<'a> {
    Address(IpAddr),
    Label(&'a str),
}

impl<'a> Name<'a> {
    fn parse(text: &'a str) -> Result<Self, &'static str> {
        if let Some(inner) = text.strip_prefix('[') {
            let ip = inner.strip_suffix(']').and_then(|inner| inner.parse::<Ipv6Addr>().ok());
            return ip.map(|ip| Self::Address(ip.into())).ok_or("an address in brackets that is none");
        }
        if let Ok(ip) = text.parse::<Ipv4Addr>() {
            return Ok(Self::Address(ip.into()));
        }
        if text.is_empty() {
            return Err("an empty host");
        }
        if text.len() > NAME_MAX {
            return Err("a host name of more than 253 bytes");
        }
        if !text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')) {
            return Err("an illegal byte in the host");
        }
        if text.ends_with('.') {
            return Err("a dot at the end of the host");
        }
        if text.split('.').any(|label| label.is_empty() || label.len() > LABEL_MAX) {
            return Err("an empty or overlong label in the host");
        }
        // `127.1`, `0x7f000001`, `2130706433`: some resolvers read an address there.
        if text.rsplit('.').next().is_some_and(is_number) {
            return Err("a number as the host's last label that makes no address");
        }
        Ok(Self::Label(text))
    }
}

fn is_number(label: &str) -> bool {
    let hex = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
    hex.is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
        || label.bytes().all(|b| b.is_ascii_digit())
}

/// Parts `:PORT` from what stands before it; it has to be a number from 1 to 65535.
fn split_port(host: &str) -> Result<(&str, &str), Denial> {
    let colon = match host.rfind(']') {
        Some(bracket) => host.get(bracket..).and_then(|tail| tail.find(':')).map(|at| bracket + at),
        None => host.find(':'),
    };
    let Some((name, port)) = colon.and_then(|at| host.split_at_checked(at)) else { return Ok((host, "")) };
    let digits = port.strip_prefix(':').unwrap_or_default();
    let number = digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse::<u16>().ok()).flatten();
    match number {
        Some(1..) => Ok((name, port)),
        Some(0) | None => Err(Denial::AmbiguousPath("a port in the host that is none")),
    }
}

/// Takes one dot off the end of a name; an address has none there.
fn without_root(name: &str) -> &str {
    match name.strip_suffix('.') {
        Some(bare) if bare.parse::<Ipv4Addr>().is_err() && !bare.ends_with(']') => bare,
        Some(_) | None => name,
    }
}

/// Whether two authorities name the same host and port: without case, a dot at the end of the name, and the port that
/// is `default` for the scheme (RFC 9110 §4.2.3). Neither has to name a host at all.
pub(crate) fn is_same(one: &str, other: &str, default: u16) -> bool {
    fn parts(authority: &str, default: u16) -> Option<(&str, u16)> {
        let (name, port) = split_port(authority).ok()?;
        let port = port.strip_prefix(':').map_or(Some(default), |digits| digits.parse().ok())?;
        Some((without_root(name), port))
    }
    one.eq_ignore_ascii_case(other)
        || matches!(
            (parts(one, default), parts(other, default)),
            (Some((one, a)), Some((other, b))) if a == b && one.eq_ignore_ascii_case(other)
        )
}

fn lookup(sorted: &[(Box<str>, usize)], name: &str) -> Option<usize> {
    let at = sorted.binary_search_by(|(known, _)| ignore_case(known, name)).ok()?;
    sorted.get(at).map(|(_, app)| *app)
}

/// Compares `known`, which is lower case, with `name`, whose case does not matter.
fn ignore_case(known: &str, name: &str) -> Ordering {
    known.bytes().cmp(name.bytes().map(|b| b.to_ascii_lowercase()))
}

/// Bytes of a name (RFC 1035 §2.3.4, as text).
const NAME_MAX: usize = 253;
/// Bytes of a label (RFC 1035 §2.3.4).
const LABEL_MAX: usize = 63;
