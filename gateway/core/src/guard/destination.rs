//! `Destination`: the second path of COPY and MOVE, which a WebDAV app writes to.
//!
//! Protects paths that the caller may not write to: a request for a permitted path could name another one here. Trust:
//! none, the field is the client's choice. The path is rewritten as the path of a request is (bytes that are not ASCII,
//! and `//` for an app with `slashes = "merge"`), and checked as that of a request of the same method: it is no page of
//! the gateway, every reading meets the same route, and the caller may use that route. The app receives the checked path.
//! Limits are not charged again. Bounds: one field.
//!
//! RFC 4918 §8.3 (references), §9.8 and §9.9 (COPY, MOVE), §10.3 (Destination).

use crate::denial::{Denial, DestinationDenial};
use crate::guard::caller::{AuthPolicy, Caller};
use crate::guard::gateway_pages::{self, PathOwner};
use crate::guard::routes::{Found, RoutesPolicy};
use crate::guard::target::{HostTable, PathPolicy, Target};
use crate::path;
use crate::request::syntax::is_target_byte;
use crate::request::{Head, Scheme};

/// Methods that write to `Destination`: those of RFC 4918, and those of Exchange.
const METHODS: [&str; 4] = ["COPY", "MOVE", "BCOPY", "BMOVE"];

/// Evidence: the request names no second path, or its caller may use the method there too.
#[derive(Debug)]
pub struct CheckedDestination {
    /// The value for the app, if it differs from the client's.
    rewritten: Option<Box<[u8]>>,
}

impl CheckedDestination {
    /// The checked `Destination`, if it differs from the client's.
    #[must_use]
    pub fn rewritten(&self) -> Option<&[u8]> {
        self.rewritten.as_deref()
    }
}

/// Checks the second path; `prove` authenticates the caller by the policy of its route.
///
/// # Errors
/// [`Denial::BadRequest`] for a value that is no reference or can be read in two ways, [`Denial::Destination`] with the
/// refusal that a request for it would get.
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
    // Without the field the app refuses the request.
    let Some(value) = named.next() else { return Ok(CheckedDestination { rewritten: None }) };
    if named.next().is_some() {
        return Err(Denial::BadRequest("more than one Destination"));
    }
    let Reference { start, authority, path } = Reference::read(value)?;
    if let Some(authority) = authority {
        check_host(hosts, target, authority)?;
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
    // The signature of a request says nothing of the field.
    if route.signature.is_some() {
        return Err(refused(Denial::SignatureMissing, Some(route.index)));
    }
    let caller = prove(&route.auth).and_then(|caller| route.permission.check(caller.as_ref(), second));
    caller.map(|_| ()).map_err(|denial| refused(denial, Some(route.index)))
}

/// Refuses the host of another app of this gateway, which has its own rules. A host that is not known here passes: a proxy
/// in front may use another name for this host.
fn check_host(hosts: &HostTable, target: &Target<'_>, authority: &str) -> Result<(), Denial> {
    match hosts.find(authority) {
        Ok(host) if !target.shares_app(&host) => {
            Err(Denial::Destination(Box::new(DestinationDenial { denial: Denial::UnknownHost, route: None })))
        }
        Ok(_) | Err(Denial::UnknownHost) => Ok(()),
        Err(_) => Err(Denial::BadRequest("an invalid host in Destination")),
    }
}

/// `Simple-ref` of RFC 4918 §8.3.
struct Reference<'h> {
    /// Scheme and authority.
    start: &'h [u8],
    /// `None` for a path without a host.
    authority: Option<&'h str>,
    /// Starts with a slash and has no query: some apps would read a query as a part of the path.
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
            // Some apps read a reference to another host, others a path.
            [b'/', b'/', ..] => return Err(NO_REFERENCE),
            [b'/', ..] => (&b""[..], None, value),
            _ => {
                let (_, rest) = Scheme::split(value).ok_or(NO_REFERENCE)?;
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
