//! The table of hosts: which app a host belongs to.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::net::IpAddr;

use crate::denial::Denial;
use crate::host::{HostName, split_port, without_trailing_dot};

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
        let mut seen: Vec<(HostEntry, usize)> = Vec::new();
        for (position, (text, app)) in entries.iter().enumerate() {
            let entry = match HostEntry::parse(text) {
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
                HostEntry::Name(name) => table.names.push((name, *app)),
                HostEntry::Wildcard(name) => table.wildcards.push((name, *app)),
                HostEntry::Address(ip) => table.addresses.push((ip, *app)),
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

    /// Checks one name or address of a configuration; a wildcard is an error.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn judge_name(text: &str) -> Result<(), &'static str> {
        match HostEntry::parse(text)? {
            HostEntry::Name(_) | HostEntry::Address(_) => Ok(()),
            HostEntry::Wildcard(_) => Err("no wildcard here"),
        }
    }

    /// Finds the app of a `Host` value. The port is checked and ignored. A dot at the end of a name marks it as fully
    /// qualified (RFC 1034 §3.1); it is removed, for the app too.
    ///
    /// # Errors
    /// [`Denial::AmbiguousHost`] for what is no host name or address, [`Denial::UnknownHost`] for one
    /// that no app has.
    pub fn find<'h>(&self, host: &'h str) -> Result<Host<'h>, Denial> {
        let (whole, port) = split_port(host).map_err(Denial::AmbiguousHost)?;
        let bare = without_trailing_dot(whole);
        let app = match HostName::parse(bare).map_err(Denial::AmbiguousHost)? {
            HostName::Address(ip) => self
                .addresses
                .binary_search_by(|(known, _)| known.cmp(&ip))
                .ok()
                .and_then(|at| self.addresses.get(at))
                .map(|(_, app)| *app),
            HostName::Label(name) => lookup(&self.names, name).or_else(|| self.wildcard(name)),
        };
        let name = match (bare.len() == whole.len(), port) {
            (true, _) => Cow::Borrowed(host),
            (false, "") => Cow::Borrowed(bare),
            (false, port) => Cow::Owned(format!("{bare}{port}")),
        };
        Ok(Host { app: app.ok_or(Denial::UnknownHost)?, name })
    }

    /// The hosts and wildcards that one of the two tables names, each with its app in `self` and in `new`. Hosts with the
    /// same index in both are included, since the index may be that of another app.
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
enum HostEntry {
    Name(Box<str>),
    Wildcard(Box<str>),
    Address(IpAddr),
}

impl HostEntry {
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
        match (HostName::parse(name)?, wildcard) {
            (HostName::Address(_), true) => Err("a wildcard covers names, not addresses"),
            (HostName::Address(ip), false) => Ok(Self::Address(ip)),
            (HostName::Label(name), true) => Ok(Self::Wildcard(name.to_ascii_lowercase().into())),
            (HostName::Label(name), false) => Ok(Self::Name(name.to_ascii_lowercase().into())),
        }
    }
}

fn lookup(sorted: &[(Box<str>, usize)], name: &str) -> Option<usize> {
    let at = sorted.binary_search_by(|(known, _)| ignore_case(known, name)).ok()?;
    sorted.get(at).map(|(_, app)| *app)
}

/// Compares `known`, which is lower case, with `name`, whose case does not matter.
fn ignore_case(known: &str, name: &str) -> Ordering {
    known.bytes().cmp(name.bytes().map(|b| b.to_ascii_lowercase()))
}
