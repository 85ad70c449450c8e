//! Connection-based logins: NTLM and Negotiate (RFC 4559) authenticate a connection, not a request.
//!
//! An app that uses them attributes every request on a connection to the user who logged in on it. So once a request or an
//! answer shows such a login, the client connection gets its own connections to the app. No other client is given one, and
//! they end with the client connection. They also end when another caller or another address uses the client connection, as
//! behind a proxy that multiplexes the requests of many clients. Behind such a proxy one address may stand for many users:
//! there, without an authenticated caller, these connections serve only requests that carry a login themselves.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{HeaderMap, HeaderName, header};
use stagedoor_core::request::Head;

use super::connection::{AppConnection, Handle};

/// The next group number. Group 0 is shared by all clients.
static GROUPS: AtomicU64 = AtomicU64::new(1);

/// A new group, without connections.
pub(crate) fn fresh_group() -> u64 {
    GROUPS.fetch_add(1, Ordering::Relaxed)
}

/// The login of one client connection, if there is one.
#[derive(Debug, Default)]
pub(crate) struct ConnectionLogin(Mutex<Option<OwnConnections>>);

#[derive(Debug)]
struct OwnConnections {
    group: u64,
    who: Who,
    connections: Vec<Handle>,
}

/// The client that uses a client connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Who {
    pub(crate) ip: IpAddr,
    pub(crate) user: Option<Arc<str>>,
    /// A proxy is in between, and may send requests of other clients on the same connection.
    pub(crate) proxied: bool,
}

impl Who {
    /// Whether the next request may come from another user without any sign of it.
    fn may_be_another(&self) -> bool {
        self.proxied && self.user.is_none()
    }
}

impl ConnectionLogin {
    /// The group of connections for a request of `who`, 0 for the shared one; `logs_in`: the request carries a login.
    pub(crate) fn group(&self, who: &Who, logs_in: bool) -> u64 {
        let mut own = self.lock();
        own.take_if(|own| own.who != *who || (who.may_be_another() && !logs_in));
        match &*own {
            Some(own) => own.group,
            None if logs_in => own.insert(OwnConnections::of(who.clone())).group,
            None => 0,
        }
    }

    /// Notes that an answer to `who` asked for a login, or confirmed one.
    pub(crate) fn seen(&self, who: &Who) {
        self.lock().get_or_insert_with(|| OwnConnections::of(who.clone()));
    }

    /// Notes a connection to the app that belongs to this group.
    pub(crate) fn uses(&self, connection: &Handle) {
        if let Some(own) = self.lock().as_mut() {
            own.connections.retain(|known| known.strong_count() > 0 && !known.ptr_eq(connection));
            own.connections.push(connection.clone());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<OwnConnections>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OwnConnections {
    fn of(who: Who) -> Self {
        Self { group: fresh_group(), who, connections: Vec::new() }
    }
}

impl Drop for OwnConnections {
    fn drop(&mut self) {
        self.connections
            .iter()
            .filter_map(Handle::upgrade)
            .for_each(|connection| AppConnection::end(&connection));
    }
}

/// Whether a request carries a login of the connection.
pub(crate) fn in_request(head: &Head<'_>) -> bool {
    ["authorization", "proxy-authorization"].into_iter().any(|name| head.all(name).any(names_scheme))
}

/// Whether an answer asks for a login of the connection, or says that there is one.
pub(crate) fn in_answer(fields: &HeaderMap) -> bool {
    let named = |name: &HeaderName| fields.get_all(name).iter().any(|value| names_scheme(value.as_bytes()));
    named(&header::WWW_AUTHENTICATE)
        || named(&header::PROXY_AUTHENTICATE)
        || fields.contains_key("persistent-auth")
}

/// Whether one of the challenges or credentials in a field is of such a scheme (RFC 9110 §11.3, §11.4).
fn names_scheme(value: &[u8]) -> bool {
    value.split(|b| *b == b',').any(|part| {
        let scheme = part.trim_ascii().split(|b| matches!(b, b' ' | b'\t')).next().unwrap_or_default();
        SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known))
    })
}

const SCHEMES: [&[u8]; 4] = [b"NTLM", b"Negotiate", b"Nego2", b"Kerberos"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_are_found_among_others() {
        for (value, expected) in [
            ("NTLM", true),
            ("ntlm TlRMTVNTUAAB", true),
            ("Negotiate YII=", true),
            ("Basic realm=\"a\", NTLM", true),
            ("Basic realm=\"a\",Negotiate", true),
            ("Bearer ntlm", false),
            ("Basic realm=\"NTLM\"", false),
            ("Bearer realm=\"a\"", false),
            ("Negotiated x", false),
            ("", false),
        ] {
            assert_eq!(names_scheme(value.as_bytes()), expected, "{value}");
        }
    }

    #[test]
    fn a_login_is_of_one_client_connection_and_one_caller() {
        let who =
            |user: &str| Who { ip: IpAddr::from([192, 0, 2, 1]), user: Some(user.into()), proxied: false };
        let (one, other) = (ConnectionLogin::default(), ConnectionLogin::default());
        assert_eq!(one.group(&who("alice"), false), 0);
        let own = one.group(&who("alice"), true);
        assert_ne!(own, 0);
        assert_eq!(one.group(&who("alice"), false), own);
        assert_ne!(other.group(&who("alice"), true), own);
        // Another caller on the same connection has not logged in.
        assert_eq!(one.group(&who("bob"), false), 0);
        assert_eq!(one.group(&who("alice"), false), 0);
        one.seen(&who("bob"));
        let bobs = one.group(&who("bob"), false);
        assert!(bobs != 0 && bobs != own);
        assert_ne!(one.group(&who("alice"), true), bobs);
    }

    #[test]
    fn a_login_behind_a_proxy_is_of_a_proven_caller_or_of_its_own_requests() {
        let who = |user: Option<&str>, proxied| Who {
            ip: IpAddr::from([192, 0, 2, 1]),
            user: user.map(Into::into),
            proxied,
        };
        for (caller, stays) in
            [(who(None, false), true), (who(Some("alice"), true), true), (who(None, true), false)]
        {
            let login = ConnectionLogin::default();
            let own = login.group(&caller, true);
            // The steps of a login are on one connection.
            assert_eq!(login.group(&caller, true), own, "{caller:?}");
            assert_eq!(login.group(&caller, false) == own, stays, "{caller:?}");
            assert_eq!(login.group(&caller, false) != 0, stays, "{caller:?}");
        }
    }
}
