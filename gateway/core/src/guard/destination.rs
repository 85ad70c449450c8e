//! The second path of COPY and MOVE.
//!
//! Protects what a caller may not write from a request for what the caller may: a WebDAV app puts
//! the one where `Destination` says. Trust: none, the field is the client's choice; it reaches the
//! app byte for byte. Its path is judged as that of a request of the same method: read in one way
//! only, routed, its caller proven and permitted. Limits are not asked twice. Bounds: one field.
//!
//! RFC 4918 §8.3 (references), §9.8 and §9.9 (COPY, MOVE), §10.3 (Destination).

use crate::denial::{Denial, Second};
use crate::guard::caller::{AuthPolicy, Caller};
use crate::guard::routes::Found;
use crate::guard::target::{HostTable, Target};
use crate::head;
use crate::policy::App;
use crate::request::Head;

/// Methods that write where `Destination` says: RFC 4918, and what Exchange and its kin call them.
const METHODS: [&str; 4] = ["COPY", "MOVE", "BCOPY", "BMOVE"];

/// Evidence: the request names no second path, or its caller may do there what it does here.
#[derive(Debug)]
pub struct Destined(());

/// Judges the second path; `prove` proves the caller as its route asks.
///
/// Apps decode the field before they look for its query and fragment, or after: a name with an encoded `?` or `#` is judged
/// in both readings.
///
/// # Errors
/// [`Denial::BadRequest`] for what is no reference or can be read in two ways, [`Denial::Destination`] with what a
/// request for it would get.
pub fn check<'h, C: AsRef<Caller>>(
    app: &App,
    hosts: &HostTable,
    head: &'h Head<'h>,
    target: &Target<'h>,
    prove: impl Fn(&AuthPolicy) -> Result<C, Denial>,
) -> Result<Destined, Denial> {
    if !METHODS.contains(&head.method()) {
        return Ok(Destined(()));
    }
    let mut named = head.all("destination");
    // Without one the app refuses.
    let Some(value) = named.next() else { return Ok(Destined(())) };
    if named.next().is_some() {
        return Err(Denial::BadRequest("more than one Destination"));
    }
    let Reference { authority, path } = Reference::read(value)?;
    if let Some(authority) = authority {
        elsewhere(hosts, target, authority)?;
    }
    for path in [Some(path), cut(path, b"%3F"), cut(path, b"%23")].into_iter().flatten() {
        let second = target
            .beside(path, app.path)
            .map_err(|_| Denial::BadRequest("the path in Destination can be read in more than one way"))?;
        permitted(app, head.method(), &second, &prove)?;
    }
    Ok(Destined(()))
}

fn permitted<C: AsRef<Caller>>(
    app: &App,
    method: &str,
    second: &Target<'_>,
    prove: impl Fn(&AuthPolicy) -> Result<C, Denial>,
) -> Result<(), Denial> {
    let refused = |denial, route| Denial::Destination(Box::new(Second { denial, route }));
    let Found { route } =
        app.routes.find(method, second, app.path).map_err(|denial| refused(denial, None))?;
    let caller = prove(&route.auth).and_then(|caller| route.permission.check(caller.as_ref(), second));
    caller.map(|_| ()).map_err(|denial| refused(denial, Some(route.index)))
}

/// What is left of a path for an app that decodes it first and takes what comes to light for its end.
fn cut<'p>(path: &'p [u8], encoded: &[u8; 3]) -> Option<&'p [u8]> {
    path.get(..path.windows(3).position(|three| three.eq_ignore_ascii_case(encoded))?)
}

/// Another app of this gateway has rules of its own. Of a name that is not known here it is the path that counts: a proxy
/// in front may have another name for this host.
fn elsewhere(hosts: &HostTable, target: &Target<'_>, authority: &str) -> Result<(), Denial> {
    match hosts.find(authority) {
        Ok(host) if !target.shares_app(&host) => {
            Err(Denial::Destination(Box::new(Second { denial: Denial::UnknownHost, route: None })))
        }
        Ok(_) | Err(Denial::UnknownHost) => Ok(()),
        Err(_) => Err(Denial::BadRequest("the host in Destination is no host")),
    }
}

/// `Simple-ref` of RFC 4918 §8.3.
struct Reference<'h> {
    /// `None` for a path alone.
    authority: Option<&'h str>,
    /// Starts with a slash, and has no query: some apps take one for a part of the path.
    path: &'h [u8],
}

impl<'h> Reference<'h> {
    fn read(value: &'h [u8]) -> Result<Self, Denial> {
        if !value.iter().copied().all(head::is_target_byte) {
            return Err(Denial::BadRequest("an illegal byte in Destination"));
        }
        if value.contains(&b'?') {
            return Err(Denial::BadRequest("a query in Destination"));
        }
        let (authority, path) = match value {
            // A reference to another host, to some; a path to others.
            [b'/', b'/', ..] => return Err(NO_REFERENCE),
            [b'/', ..] => (None, value),
            _ => {
                let rest = ["http://", "https://"].into_iter().find_map(|scheme| {
                    let (start, rest) = value.split_at_checked(scheme.len())?;
                    start.eq_ignore_ascii_case(scheme.as_bytes()).then_some(rest)
                });
                let rest = rest.ok_or(NO_REFERENCE)?;
                let slash = rest.iter().position(|byte| *byte == b'/').ok_or(NO_REFERENCE)?;
                let (authority, path) = rest.split_at_checked(slash).ok_or(NO_REFERENCE)?;
                (Some(std::str::from_utf8(authority).map_err(|_| NO_REFERENCE)?), path)
            }
        };
        Ok(Self { authority, path })
    }
}

const NO_REFERENCE: Denial = Denial::BadRequest("Destination is neither a path nor an http URL");

#[cfg(test)]
mod tests;
