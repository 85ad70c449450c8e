//! The last refusals, kept for `stagedoor why`.
//!
//! Input: values that a client chose. They are redacted and cut before they are kept; of the header fields, only `Host` and
//! `Origin` are kept. Bounds: [`KEPT`] refusals of requests and [`CONNECTIONS_KEPT`] of connections, each of a bounded size. A refusal costs one allocation, and the lock is
//! held for as long as it takes to move a pointer: text is rendered only when an operator asks ([`crate::why`]). The policy
//! that refused is not kept; `why` looks names up in the one in force.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use stagedoor_core::denial::{Denial, Guard};
use stagedoor_core::guard::upgrade::{Upgrade, UpgradePolicy};
use stagedoor_core::pipeline::Trail;
use stagedoor_core::request::{Head, RequestBody};
use uuid::Uuid;

use crate::telemetry::redact::Redaction;

/// How many refusals of requests are kept.
pub(crate) const KEPT: usize = 10_000;
/// How many refusals of connections are kept. They come before a request and cost a client nothing, so they push out no other ones.
const CONNECTIONS_KEPT: usize = 100;
/// Bytes that are kept of a target.
pub(crate) const TARGET_MAX: usize = 512;
/// Bytes that are kept of a `Host` or an `Origin`: a name of 253 bytes, a scheme and a port fit.
pub(crate) const NAME_MAX: usize = 272;
/// How many roles of a caller are kept.
pub(crate) const ROLES_MAX: usize = 8;
/// The longest role that is kept, in bytes.
pub(crate) const ROLE_MAX: usize = 128;

/// The last [`KEPT`] of requests, and the last [`CONNECTIONS_KEPT`] of connections.
#[derive(Debug, Default)]
pub(crate) struct RecentRefusals {
    requests: Ring,
    connections: Ring,
}

/// The last refusals of one kind.
#[derive(Debug, Default)]
struct Ring {
    /// The ids stand beside the records, so that a search reads little memory: refusals wait for the lock meanwhile.
    entries: Mutex<VecDeque<(RequestId, Arc<RefusalRecord>)>>,
}

/// What is kept of one refusal.
#[derive(Debug)]
pub(crate) struct RefusalRecord {
    pub(crate) id: RequestId,
    /// When the request arrived, since the epoch.
    pub(crate) time: Duration,
    /// The policy that refused, as [`LivePolicy::generation`](crate::live_policy::LivePolicy) counts them.
    pub(crate) generation: u64,
    pub(crate) app: Option<Arc<str>>,
    /// The label of the route and its position in the policy.
    pub(crate) route: Option<(Arc<str>, usize)>,
    pub(crate) denial: Denial,
    pub(crate) guard: Guard,
    pub(crate) method: Box<str>,
    /// Path and query without secrets, at most [`TARGET_MAX`] bytes.
    pub(crate) target: Box<[u8]>,
    /// `target` holds the whole path as it was sent.
    pub(crate) whole_path: bool,
    pub(crate) host: Option<Box<str>>,
    pub(crate) origin: Option<Box<str>>,
    pub(crate) client: IpAddr,
    pub(crate) user: Option<Arc<str>>,
    pub(crate) roles: Box<[Arc<str>]>,
    /// `Content-Length`
    pub(crate) declared: Option<u64>,
    /// The request was a well-formed WebSocket handshake.
    pub(crate) handshake: bool,
    /// The head had too many fields, rather than too many bytes.
    pub(crate) too_many_fields: bool,
}

/// A request id in binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RequestId(Uuid);

/// What a refusal record needs besides head, trail and denial.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RefusalContext<'a> {
    pub(crate) request_id: &'a str,
    pub(crate) time: Duration,
    pub(crate) generation: u64,
    /// The other end of the socket.
    pub(crate) peer: IpAddr,
    /// The host that was matched.
    pub(crate) host: Option<&'a str>,
    pub(crate) too_many_fields: bool,
    pub(crate) redaction: &'a Redaction,
}

impl RecentRefusals {
    /// Keeps a refusal, and drops the oldest of its kind if there are too many.
    pub(crate) fn push(&self, refusal: RefusalRecord) {
        // No request was read.
        let of_connection = refusal.guard == Guard::Connection && refusal.method.is_empty();
        match of_connection {
            true => self.connections.push(refusal, CONNECTIONS_KEPT),
            false => self.requests.push(refusal, KEPT),
        }
    }

    pub(crate) fn find(&self, id: RequestId) -> Option<Arc<RefusalRecord>> {
        self.requests.find(id).or_else(|| self.connections.find(id))
    }

    /// The newest `count` refusals, newest first.
    pub(crate) fn newest(&self, count: usize) -> Vec<Arc<RefusalRecord>> {
        let mut newest = self.requests.newest(count);
        newest.extend(self.connections.newest(count));
        // A stable sort: of the same moment, those of requests come first.
        newest.sort_by_key(|refusal| std::cmp::Reverse(refusal.time));
        newest.truncate(count);
        newest
    }
}

impl Ring {
    fn push(&self, refusal: RefusalRecord, most: usize) {
        let entry = (refusal.id, Arc::new(refusal));
        let oldest = {
            let mut entries = self.entries();
            let oldest = if entries.len() >= most { entries.pop_front() } else { None };
            entries.push_back(entry);
            oldest
        };
        // Freed outside the lock.
        drop(oldest);
    }

    fn find(&self, id: RequestId) -> Option<Arc<RefusalRecord>> {
        self.entries().iter().rev().find(|(known, _)| *known == id).map(|(_, refusal)| Arc::clone(refusal))
    }

    fn newest(&self, count: usize) -> Vec<Arc<RefusalRecord>> {
        self.entries().iter().rev().take(count).map(|(_, refusal)| Arc::clone(refusal)).collect()
    }

    fn entries(&self) -> MutexGuard<'_, VecDeque<(RequestId, Arc<RefusalRecord>)>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RefusalRecord {
    /// The record of a refused request; `head` is `None` where it could not be parsed.
    pub(crate) fn of(
        at: &RefusalContext<'_>,
        head: Option<&Head<'_>>,
        trail: &Trail,
        denial: &Denial,
    ) -> Option<Self> {
        let (target, whole_path) =
            head.map(|head| target(trail.target(head), at.redaction)).unwrap_or_default();
        let origin = head.and_then(|head| head.sole_text("origin"));
        let named = |text: &str| name(text, at.redaction);
        let roles = trail.caller.as_ref().map_or(&[][..], |caller| caller.roles());
        Some(Self {
            id: RequestId::parse(at.request_id)?,
            time: at.time,
            generation: at.generation,
            app: trail.app.as_ref().map(|app| Arc::clone(&app.name)),
            route: trail.route.as_ref().map(|route| (Arc::clone(&route.label), route.index)),
            denial: denial.clone(),
            guard: guard(denial, trail.reached),
            method: head.map_or("", Head::method).into(),
            target,
            whole_path,
            host: at.host.and_then(named),
            origin: origin.and_then(named),
            client: trail.client.as_ref().map_or(at.peer, |client| client.ip()),
            user: trail.user.clone(),
            roles: roles.iter().filter(|role| role.len() <= ROLE_MAX).take(ROLES_MAX).cloned().collect(),
            declared: head.and_then(|head| match head.body() {
                RequestBody::Known(length) => Some(length),
                RequestBody::None | RequestBody::Unknown => None,
            }),
            handshake: head.is_some_and(|head| {
                matches!(UpgradePolicy::Websocket.check(head), Ok(Upgrade::Websocket(_)))
            }),
            too_many_fields: at.too_many_fields,
        })
    }
}

impl RequestId {
    /// Reads a UUID in the form that answers have, with hyphens; `None` for anything else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let hyphenated = text.len() == uuid::fmt::Hyphenated::LENGTH;
        Uuid::try_parse(text).ok().filter(|_| hyphenated).map(Self)
    }
}

impl std::fmt::Display for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(id) = self;
        write!(f, "{}", id.hyphenated())
    }
}

/// The guard that refused. A permitted request that fails after all has reached the body, whatever failed.
fn guard(denial: &Denial, reached: Guard) -> Guard {
    let first = denial.guard();
    let of_the_app = denial.upstream_fault().is_some()
        || (matches!(first, Guard::Upstream | Guard::Streams) && reached == Guard::Body);
    // A signature is judged with the whole body.
    if matches!(first, Guard::Connection | Guard::Signature) || of_the_app { first } else { reached }
}

/// The target, redacted and then cut; and whether its path is whole and as it was sent. It is cut after redaction, because
/// half of a token would not be recognised.
fn target(raw: &[u8], redaction: &Redaction) -> (Box<[u8]>, bool) {
    let clean = redaction.target(raw);
    let path = |target: &[u8]| target.iter().position(|byte| *byte == b'?').unwrap_or(target.len());
    let (sent, kept) = (path(raw), path(&clean));
    let whole = kept <= TARGET_MAX && raw.get(..sent) == clean.get(..kept);
    (clean.get(..TARGET_MAX).unwrap_or(&clean).into(), whole)
}

/// A host or an origin without user information; `None` if it is longer than [`NAME_MAX`].
fn name(text: &str, redaction: &Redaction) -> Option<Box<str>> {
    let (scheme, rest) = text.split_once("://").map_or(("", text), |(scheme, rest)| (scheme, rest));
    let rest = rest.rsplit('@').next().unwrap_or_default();
    let text = if scheme.is_empty() { rest.to_owned() } else { format!("{scheme}://{rest}") };
    let clean = redaction.line(text.as_bytes());
    let clean = std::str::from_utf8(&clean).ok()?;
    (clean.len() <= NAME_MAX).then(|| clean.into())
}

#[cfg(test)]
mod tests;
