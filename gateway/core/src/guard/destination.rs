//! The second path of COPY and MOVE.
//!
//! Protects what a caller may not write from a request for what the caller may: a WebDAV app puts
//! the one where `Destination` says. Trust: none, the field is the client's choice. Its path is rewritten as that of a
//! request is (raw bytes that are no ASCII, and `//` for an app that says `slashes = "merge"`), and judged as that of a
//! request of the same method: outside the gateway's own pages, routed in every reading, its caller proven and
//! permitted. What was judged is what the app is told. Limits are not asked twice. Bounds: one field.
//!
//! RFC 4918 §8.3 (references), §9.8 and §9.9 (COPY, MOVE), §10.3 (Destination).

use crate::denial::{Denial, DestinationDenial};
use crate::guard::caller::{AuthPolicy, Caller};
use crate::guard::gateway_pages::{self, PathOwner};
use crate::guard::routes::{Found, RoutesPolicy};
use crate::guard::target::{HostTable, PathPolicy, Target};
use crate::path;
use crate::request::Head;
use crate::request::syntax::is_target_byte;

/// Methods that write where `Destination` says: RFC 4918, and what Exchange and its kin call them.
const METHODS: [&str; 4] = ["COPY", "MOVE", "BCOPY", "BMOVE"];

/// Evidence: the request names no second path, or its caller may do there what it does here.
#[derive(Debug)]
pub struct CheckedDestination {
    /// What the app is told in place of what the client said, where they differ.
    rewritten: Option<Box<[u8]>>,
}

impl CheckedDestination {
    /// The `Destination` that was judged, where it is not the client's to the letter.
    #[must_use]
    pub fn rewritten(&self) -> Option<&[u8]> {
        self.rewritten.as_deref()
    }
}

/// Judges the second path; `prove` proves the caller as its route asks.
///
/// # Errors
/// [`Denial::BadRequest`] for what is no reference or can be read in two ways, [`Denial::Destination`] with what a
/// request for it would get.
pub fn check<'h, C: AsRef<Caller>>(
    (routes, paths): (&RoutesPolicy, PathPolicy),
    hosts: &HostTable,
    head: &'h Head<'h>,
    target: &Target<'h>,
    prove: impl Fn(&AuthPolicy) -> Result<C, Denial>,
) -> Result<CheckedDestination, Denial> {
    if !METHODS.contains(&head.method()) {
        return Ok(CheckedDestination { rewritten: None });
    }
    let mut named = head.all("destination");
    // Without one the app refuses.
    let Some(value) = named.next() else { return Ok(CheckedDestination { rewritten: None }) };
    if named.next().is_some() {
        return Err(Denial::BadRequest("more than one Destination"));
    }
    let Reference { start, authority, path } = Reference::read(value)?;
    if let Some(authority) = authority {
        elsewhere(hosts, target, authority)?;
    }
    let second = target.beside(path::encoded(path), paths).map_err(|_| UNCLEAR)?;
    match gateway_pages::classify(&second) {
        PathOwner::App(_) => permitted((routes, paths), head.method(), &second, &prove)?,
        PathOwner::Gateway(_) => {
            return Err(Denial::BadRequest("the path in Destination is one of the gateway's own"));
        }
    }
    let rewritten = (second.raw() != path).then(|| [start, second.raw()].concat().into());
    Ok(CheckedDestination { rewritten })
}

fn permitted<C: AsRef<Caller>>(
    (routes, paths): (&RoutesPolicy, PathPolicy),
    method: &str,
    second: &Target<'_>,
    prove: impl Fn(&AuthPolicy) -> Result<C, Denial>,
) -> Result<(), Denial> {
    let refused = |denial, route| Denial::Destination(Box::new(DestinationDenial { denial, route }));
    let Found { route } = routes.find(method, second, paths).map_err(|denial| refused(denial, None))?;
    let caller = prove(&route.auth).and_then(|caller| route.permission.check(caller.as_ref(), second));
    caller.map(|_| ()).map_err(|denial| refused(denial, Some(route.index)))
}

/// Another app of this gateway has rules of its own. Of a name that is not known here it is the path that counts: a proxy
/// in front may have another name for this host.
fn elsewhere(hosts: &HostTable, target: &Target<'_>, authority: &str) -> Result<(), Denial> {
    match hosts.find(authority) {
        Ok(host) if !target.shares_app(&host) => {
            Err(Denial::Destination(Box::new(DestinationDenial { denial: Denial::UnknownHost, route: None })))
        }
        Ok(_) | Err(Denial::UnknownHost) => Ok(()),
        Err(_) => Err(Denial::BadRequest("the host in Destination is no host")),
    }
}

/// `Simple-ref` of RFC 4918 §8.3.
struct Reference<'h> {
    /// What stands before the path.
    start: &'h [u8],
    /// `None` for a path alone.
    authority: Option<&'h str>,
    /// Starts with a slash, and has no query: some apps take one for a part of the path.
    path: &'h [u8],
}

impl<'h> Reference<'h> {
    fn read(value: &'h [u8]) -> Result<Self, Denial> {
        if !value.iter().copied().all(is_target_byte) {
            return Err(Denial::BadRequest("an illegal byte in Destination"));
        }
        if value.contains(&b'?') {
            return Err(Denial::BadRequest("a query in Destination"));
        }
        let (start, authority, path) = match value {
            // A reference to another host, to some; a path to others.
            [b'/', b'/', ..] => return Err(NO_REFERENCE),
            [b'/', ..] => (&b""[..], None, value),
            _ => {
                let rest = ["http://", "https://"].into_iter().find_map(|scheme| {
                    let (start, rest) = value.split_at_checked(scheme.len())?;
                    start.eq_ignore_ascii_case(scheme.as_bytes()).then_some(rest)
                });
                let rest = rest.ok_or(NO_REFERENCE)?;
                let slash = rest.iter().position(|byte| *byte == b'/').ok_or(NO_REFERENCE)?;
                let (authority, path) = rest.split_at_checked(slash).ok_or(NO_REFERENCE)?;
                let start = value.get(..value.len() - path.len()).unwrap_or_default();
                (start, Some(std::str::from_utf8(authority).map_err(|_| NO_REFERENCE)?), path)
            }
        };
        Ok(Self { start, authority, path })
    }
}

const UNCLEAR: Denial = Denial::BadRequest("the path in Destination can be read in more than one way");
const NO_REFERENCE: Denial = Denial::BadRequest("Destination is neither a path nor an http URL");

#[cfg(test)]
mod tests;
