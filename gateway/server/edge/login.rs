//! Connection-based logins: NTLM and Negotiate (RFC 4559) authenticate a connection, not a request.
//!
//! An app that uses them attributes every request on a connection to the user who logged in on it. So once a request or an
//! answer shows such a login, the client connection gets its own connections to the app. No other client is given one, and
//! they end with the client connection. They also end when another caller or another address uses the client connection, as
//! behind a proxy that multiplexes the requests of many clients. Behind such a proxy one address may stand for many users:
//! there, without an authenticated caller, these connections serve only requests that carry a login themselves.

use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderName, header};
use stagedoor_core::request::Head;
use stagedoor_core::response_fields::ResponseFields;

use super::pool::{AppStream, Upstream};

/// The most idle connections to the app that one client connection keeps for itself.
const IDLE_MAX: usize = 4;

/// The login of one client connection, if there is one.
#[derive(Debug, Default)]
pub(crate) struct ConnectionLogin(Option<OwnConnections>);

#[derive(Debug)]
struct OwnConnections {
    who: Who,
    idle: Vec<AppStream>,
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
    /// Whether a request of `who` uses connections that no other client uses; `logs_in`: it carries a login itself.
    /// Connections of somebody else end here.
    pub(crate) fn applies(&mut self, who: impl FnOnce() -> Who, logs_in: bool) -> bool {
        if self.0.is_none() && !logs_in {
            return false;
        }
        let who = who();
        self.0.take_if(|own| own.who != who || (who.may_be_another() && !logs_in));
        if logs_in {
            self.0.get_or_insert(OwnConnections { who, idle: Vec::new() });
        }
        self.0.is_some()
    }

    /// Notes that an answer to `who` asked for a login, or confirmed one.
    pub(crate) fn seen(&mut self, who: Who) {
        self.0.get_or_insert(OwnConnections { who, idle: Vec::new() });
    }

    /// An idle connection of its own to this upstream; the one that was used last. Requests to several apps may come on one
    /// client connection.
    pub(crate) fn take(&mut self, upstream: &Arc<Upstream>) -> Option<AppStream> {
        let idle = &mut self.0.as_mut()?.idle;
        let place = idle.iter().rposition(|stream| stream.is_of(upstream))?;
        Some(idle.remove(place))
    }

    /// Keeps a connection for the next request.
    pub(crate) fn keep(&mut self, stream: AppStream) {
        if let Some(own) = self.0.as_mut().filter(|own| own.idle.len() < IDLE_MAX) {
            own.idle.push(stream);
        }
    }
}

/// Whether a request carries a login of the connection.
pub(crate) fn in_request(head: &Head<'_>) -> bool {
    ["authorization", "proxy-authorization"].into_iter().any(|name| head.all(name).any(names_scheme))
}

/// Whether an answer asks for a login of the connection, or says that there is one.
pub(crate) fn in_answer<F: ResponseFields>(fields: &F) -> bool {
    let named = |name: &HeaderName| fields.all(name).any(|value| names_scheme(value.as_bytes()));
    named(&header::WWW_AUTHENTICATE)
        || named(&header::PROXY_AUTHENTICATE)
        || fields.first(&PERSISTENT_AUTH).is_some()
}

const PERSISTENT_AUTH: HeaderName = HeaderName::from_static("persistent-auth");

/// Whether one of the challenges or credentials in a field is of such a scheme (RFC 9110 §11.3, §11.4).
fn names_scheme(value: &[u8]) -> bool {
    let mut rest = Some(value);
    while let Some(part) = rest {
        if begins_with_scheme(part.trim_ascii_start()) {
            return true;
        }
        rest = memchr::memchr(b',', part).and_then(|comma| part.get(comma + 1..));
    }
    false
}

fn begins_with_scheme(part: &[u8]) -> bool {
    SCHEMES.iter().any(|scheme| {
        part.split_at_checked(scheme.len()).is_some_and(|(name, after)| {
            name.eq_ignore_ascii_case(scheme) && matches!(after.first(), None | Some(b',' | b' ' | b'\t'))
        })
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
            ("Basic x,\tnegotiate", true),
            ("NTLM, Basic realm=\"a\"", true),
            ("NTLM,Basic realm=\"a\"", true),
            (" ,, Kerberos\tx", true),
            ("Nego2", true),
            ("Nego", false),
            (",", false),
            ("", false),
        ] {
            assert_eq!(names_scheme(value.as_bytes()), expected, "{value}");
        }
    }

    fn who(user: Option<&str>, proxied: bool) -> Who {
        Who { ip: IpAddr::from([192, 0, 2, 1]), user: user.map(Into::into), proxied }
    }

    #[test]
    fn a_login_is_of_one_client_connection_and_one_caller() {
        let (alice, bob) = (|| who(Some("alice"), false), || who(Some("bob"), false));
        let mut login = ConnectionLogin::default();
        assert!(!login.applies(alice, false));
        assert!(login.applies(alice, true));
        assert!(login.applies(alice, false));
        // Another caller on the same connection has not logged in.
        assert!(!login.applies(bob, false));
        assert!(!login.applies(alice, false));
        login.seen(bob());
        assert!(login.applies(bob, false));
        assert!(!login.applies(alice, false));
    }

    #[test]
    fn a_login_behind_a_proxy_is_of_a_proven_caller_or_of_its_own_requests() {
        for (user, proxied, stays) in [(None, false, true), (Some("alice"), true, true), (None, true, false)]
        {
            let caller = || who(user, proxied);
            let mut login = ConnectionLogin::default();
            // The steps of a login are on one connection.
            assert!(login.applies(caller, true), "{user:?}");
            assert!(login.applies(caller, true), "{user:?}");
            assert_eq!(login.applies(caller, false), stays, "{user:?}");
            assert_eq!(login.applies(caller, false), stays, "{user:?}");
        }
    }
}
