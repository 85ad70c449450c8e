//! Connection-based logins: NTLM and Negotiate (RFC 4559) authenticate a connection, not a request.
//!
//! An app that uses them attributes every request on a connection to the user who logged in on it. So once a request or an
//! answer shows such a login, the client connection gets its own connections to the app. No other client is given one, and
//! they end with the client connection. They also end when another caller or another address uses the client connection, as
//! behind a proxy that multiplexes the requests of many clients.
//!
//! Behind a proxy one address may stand for many users. There, without an authenticated caller, a connection is never used
//! again once anybody may be logged in on it: it is kept only after a challenge, in the middle of a login, and serves the next
//! request alone, which has to carry a login itself. If that request is another client's, the app compares its login with a
//! challenge that this client was not given. So each login serves one request there.
//!
//! What the gateway cannot see: a proxy that is not trusted, sends the requests of many clients through one connection, and
//! adds no forwarding field to them.

use std::net::IpAddr;
use std::sync::{Arc, Weak};

use http::{HeaderName, header};
use stagedoor_core::answer::AnswerHead;
use stagedoor_core::pipeline::Permit;
use stagedoor_core::request::{Head, Peer, PeerAddress};
use stagedoor_core::request_out::OutgoingHead;
use stagedoor_core::response_fields::ResponseFields;

use super::pool::{AppStream, Owner, Upstream};

/// The most upstreams at which one client connection keeps a connection for itself: one at each, which counts among the idle
/// ones of the pool, and is closed as they are where they become too many or too old.
const UPSTREAMS_MAX: usize = 4;

/// The login of one client connection, if there is one. Few have one, and the others hold no room for it.
#[derive(Debug, Default)]
pub(crate) struct ConnectionLogin(Option<Box<OwnConnections>>);

#[derive(Debug)]
struct OwnConnections {
    who: Who,
    /// Names the idle connections, which the upstreams hold.
    owner: Owner,
    /// Where it has any.
    upstreams: Vec<Weak<Upstream>>,
}

impl OwnConnections {
    fn of(who: Who) -> Box<Self> {
        Box::new(Self { who, owner: Owner::fresh(), upstreams: Vec::new() })
    }

    fn end_idle(&mut self) {
        for upstream in self.upstreams.drain(..) {
            end_owned(&upstream, self.owner);
        }
    }
}

fn end_owned(upstream: &Weak<Upstream>, owner: Owner) {
    if let Some(upstream) = upstream.upgrade() {
        upstream.end_owned(owner);
    }
}

impl Drop for OwnConnections {
    fn drop(&mut self) {
        self.end_idle();
    }
}

/// The client that uses a client connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Who {
    ip: IpAddr,
    caller: Option<ProvenCaller>,
    /// A proxy is in between, and may send requests of other clients on the same connection.
    proxied: bool,
}

/// A user, and the provider whose token names it: two providers may use one name for two people.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ProvenCaller {
    provider: Arc<str>,
    user: Arc<str>,
}

/// What a request says of a login of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestLogin {
    /// Nothing.
    Absent,
    /// It names a scheme, in a way that the app may not receive or not heed.
    Named,
    /// The app receives a login: it is all that the request to it says of credentials.
    Carried,
}

impl Who {
    pub(crate) fn of(permit: &Permit<'_>, head: &Head<'_>, peer: Peer) -> Self {
        let (client, caller) = (permit.client(), permit.caller());
        let caller = caller.provider().zip(caller.user());
        Self {
            ip: client.ip(),
            caller: caller.map(|(provider, user)| ProvenCaller {
                provider: Arc::clone(provider),
                user: Arc::clone(user),
            }),
            // One that is not trusted, too: its fields are not believed, but they show that it is there.
            proxied: client.is_proxied()
                || peer.address == PeerAddress::UnixSocket
                || FORWARDING.into_iter().any(|name| head.has(name)),
        }
    }

    /// Whether the next request may come from another user without any sign of it.
    pub(crate) fn may_be_another(&self) -> bool {
        self.proxied && self.caller.is_none()
    }
}

/// Fields that proxies add.
const FORWARDING: [&str; 4] = ["x-forwarded-for", "forwarded", "x-real-ip", "via"];

impl ConnectionLogin {
    /// Whether a request of `who` uses connections that no other client uses. Connections of somebody else end here.
    pub(crate) fn applies(&mut self, who: impl FnOnce() -> Who, login: RequestLogin) -> bool {
        let logs_in = match login {
            RequestLogin::Absent => false,
            RequestLogin::Named | RequestLogin::Carried => true,
        };
        if self.0.is_none() && !logs_in {
            return false;
        }
        let who = who();
        let goes_on = !who.may_be_another() || login == RequestLogin::Carried;
        self.0.take_if(|own| own.who != who || !goes_on);
        if logs_in {
            self.0.get_or_insert_with(|| OwnConnections::of(who));
        }
        self.0.is_some()
    }

    /// Notes that an answer to `who` asked for a login, or confirmed one.
    pub(crate) fn seen(&mut self, who: Who) {
        self.0.get_or_insert_with(|| OwnConnections::of(who));
    }

    /// The idle connection of its own to this upstream, if it is still good. Requests to several apps may come on one client
    /// connection. Where that may be another client's request, no login waits for a later one.
    pub(crate) fn take(&mut self, upstream: &Arc<Upstream>) -> Option<AppStream> {
        let own = self.0.as_mut()?;
        let taken = upstream.take_owned(own.owner);
        if own.who.may_be_another() {
            own.end_idle();
        }
        taken
    }

    /// Keeps a connection for the next request. Where it has them at too many upstreams, the one that was known first gives up.
    pub(crate) fn keep(&mut self, stream: AppStream) {
        let Some(own) = &mut self.0 else { return };
        let upstream = Arc::downgrade(stream.upstream());
        if !own.upstreams.iter().any(|known| known.ptr_eq(&upstream)) {
            own.upstreams.retain(|known| known.strong_count() > 0);
            if own.upstreams.len() >= UPSTREAMS_MAX {
                end_owned(&own.upstreams.remove(0), own.owner);
            }
            own.upstreams.push(upstream);
        }
        stream.keep_for(own.owner);
    }
}

/// What a request says of a login of the connection, and whether the app receives it.
pub(crate) fn in_request(head: &Head<'_>, outgoing: &OutgoingHead) -> RequestLogin {
    if !head.all("authorization").any(names_scheme) {
        return RequestLogin::Absent;
    }
    if outgoing.sole("authorization").is_some_and(is_step) {
        RequestLogin::Carried
    } else {
        RequestLogin::Named
    }
}

/// Whether an answer asks for a login of the connection, or says that there is one.
pub(crate) fn in_answer<F: ResponseFields>(fields: &F) -> bool {
    let named = |name: &HeaderName| fields.all(name).any(|value| names_scheme(value.as_bytes()));
    named(&header::WWW_AUTHENTICATE)
        || named(&header::PROXY_AUTHENTICATE)
        || fields.first(&PERSISTENT_AUTH).is_some()
}

/// Whether an answer is the middle of a login: a challenge with data of the app's, which the next request has to answer. The
/// name of a scheme alone may also be the refusal of a user who is logged in.
pub(crate) fn is_challenge(answer: &AnswerHead) -> bool {
    answer.asks_for_credentials() && is_continued(answer)
}

fn is_continued<F: ResponseFields>(fields: &F) -> bool {
    fields.all(&header::WWW_AUTHENTICATE).any(|value| any_part(value.as_bytes(), is_step))
        && fields.first(&PERSISTENT_AUTH).is_none()
}

const PERSISTENT_AUTH: HeaderName = HeaderName::from_static("persistent-auth");

/// Whether one of the challenges or credentials in a field is of such a scheme (RFC 9110 §11.3, §11.4).
fn names_scheme(value: &[u8]) -> bool {
    any_part(value, |part| after_scheme(part).is_some())
}

/// Whether credentials or a challenge are of such a scheme, and have data.
fn is_step(part: &[u8]) -> bool {
    let after = after_scheme(part).map(<[u8]>::trim_ascii_start);
    after.is_some_and(|data| !matches!(data.first(), None | Some(b',')))
}

/// Whether one of the parts between commas, with all that follows it, is such a one.
fn any_part(value: &[u8], is: impl Fn(&[u8]) -> bool) -> bool {
    let mut rest = Some(value);
    while let Some(part) = rest {
        if is(part.trim_ascii_start()) {
            return true;
        }
        rest = memchr::memchr(b',', part).and_then(|comma| part.get(comma + 1..));
    }
    false
}

/// What follows the name of such a scheme at the beginning.
fn after_scheme(part: &[u8]) -> Option<&[u8]> {
    SCHEMES.iter().find_map(|scheme| {
        let (name, after) = part.split_at_checked(scheme.len())?;
        let whole = matches!(after.first(), None | Some(b',' | b' ' | b'\t'));
        (whole && name.eq_ignore_ascii_case(scheme)).then_some(after)
    })
}

const SCHEMES: [&[u8]; 4] = [b"NTLM", b"Negotiate", b"Nego2", b"Kerberos"];

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::RequestLogin::{Absent, Carried, Named};
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

    #[test]
    fn only_a_challenge_with_data_is_the_middle_of_a_login() {
        for (value, expected) in [
            ("NTLM TlRMTVNTUAAC", true),
            ("Negotiate oYHu", true),
            ("Basic realm=\"a\", NTLM TlRMTVNTUAAC", true),
            ("NTLM", false),
            ("NTLM ", false),
            ("NTLM , Basic realm=\"a\"", false),
            ("Negotiate, NTLM", false),
            ("Basic realm=\"a\"", false),
        ] {
            let mut fields = HeaderMap::new();
            fields.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(value));
            assert_eq!(is_continued(&fields), expected, "{value}");
            fields.insert(PERSISTENT_AUTH, HeaderValue::from_static("true"));
            assert!(!is_continued(&fields), "{value}");
        }
    }

    fn who(user: Option<&str>, proxied: bool) -> Who {
        let caller = user.map(|user| ProvenCaller { provider: "house".into(), user: user.into() });
        Who { ip: IpAddr::from([192, 0, 2, 1]), caller, proxied }
    }

    #[test]
    fn a_login_is_of_one_client_connection_and_one_caller() {
        let (alice, bob) = (|| who(Some("alice"), false), || who(Some("bob"), false));
        let mut login = ConnectionLogin::default();
        assert!(!login.applies(alice, Absent));
        assert!(login.applies(alice, Carried));
        assert!(login.applies(alice, Absent));
        // Another caller on the same connection has not logged in.
        assert!(!login.applies(bob, Absent));
        assert!(!login.applies(alice, Absent));
        login.seen(bob());
        assert!(login.applies(bob, Absent));
        assert!(!login.applies(alice, Absent));
        // The same name by another provider is another caller.
        assert!(login.applies(alice, Carried));
        let other = ProvenCaller { provider: "other".into(), user: "alice".into() };
        assert!(!login.applies(|| Who { caller: Some(other), ..alice() }, Absent));
    }

    #[test]
    fn a_login_behind_a_proxy_is_of_a_proven_caller_or_of_its_own_requests() {
        for (user, proxied, stays) in [(None, false, true), (Some("alice"), true, true), (None, true, false)]
        {
            let caller = || who(user, proxied);
            let mut login = ConnectionLogin::default();
            // The steps of a login are on one connection.
            assert!(login.applies(caller, Carried), "{user:?}");
            assert!(login.applies(caller, Carried), "{user:?}");
            assert_eq!(login.applies(caller, Absent), stays, "{user:?}");
            assert_eq!(login.applies(caller, Absent), stays, "{user:?}");
            assert!(login.applies(caller, Named), "{user:?}");
        }
    }
}
