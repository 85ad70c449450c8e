//! The writer of requests to the app: the matched request line, the client's fields that may pass, and what the guards
//! found out about client and caller.
//!
//! Protects the app from fields of the client that it would use as identity, address, method or path, and from a second
//! reading of the framing. Only the evidence of the guards is trusted. A field of the client passes, in its order and
//! spelling, if the gateway does not write it itself and if it is neither on the list in [`field_names`] nor on the app's.
//!
//! Bounds: one pass over the fields, no allocation for a field that passes; a cookie or query that carried the token is
//! written anew once. The caller's identity takes at most 64 roles and 4 KiB. RFC 9110 §7.6, RFC 9112 §3, §6.

mod identity;

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::{BufMut, BytesMut};

use crate::field_names::{self, Meaning};
use crate::guard::cors;
use crate::guard::credential::CarrierPolicy;
use crate::guard::upgrade::Upgrade;
use crate::pipeline::{Permit, PreflightPermit};
use crate::policy::{ForwardPolicy, UpstreamHost};
use crate::public_address::PublicAddress;
use crate::request::{CONNECTION_OPTIONS_MAX, Field, Head, RequestBody, Scheme};
use crate::work;

/// A head for the app, in HTTP/1.1, without the fields that delimit its body: only [`write_head`] makes one, so that
/// nothing reaches an app that was not permitted.
#[derive(Debug)]
pub struct OutgoingHead(BytesMut);

impl OutgoingHead {
    /// The whole head, up to and with its last empty line: with exactly one way to delimit the body, and none where there is no
    /// body. `content-length: 0` is said where the client said it.
    ///
    /// A request with a body is the last one of its connection: an app that does not read the body would take it for the next
    /// request, which was not permitted.
    #[must_use]
    pub fn finish(self, body: RequestBody) -> BytesMut {
        let Self(mut out) = self;
        match body {
            RequestBody::None => {}
            RequestBody::Known(length) => put_shown(&mut out, "content-length", length),
            RequestBody::Unknown => out.put_slice(b"transfer-encoding: chunked\r\n"),
        }
        if !body.is_empty() {
            out.put_slice(b"Connection: close\r\n");
        }
        out.put_slice(b"\r\n");
        out
    }

    /// The value of the field `name`, where exactly one line has it.
    #[must_use]
    pub fn sole(&self, name: &str) -> Option<&[u8]> {
        let mut values = self.0.as_ref().split(|byte| *byte == b'\n').filter_map(|line: &[u8]| {
            let (field, value) = line.split_at_checked(name.len())?;
            let value = value.strip_prefix(b":")?;
            field.eq_ignore_ascii_case(name.as_bytes()).then(|| value.trim_ascii())
        });
        values.next().filter(|_| values.next().is_none())
    }

    #[cfg(test)]
    pub(crate) fn of(text: &[u8]) -> Self {
        Self(text.into())
    }
}

/// Writes the head that goes to the app into `out`, an empty buffer.
///
/// `request_id` is visible ASCII.
pub fn write_head(permit: &Permit<'_>, head: &Head<'_>, request_id: &str, mut out: BytesMut) -> OutgoingHead {
    let (target, client, caller) = (permit.target(), permit.client(), permit.caller());
    let outgoing = Outgoing {
        policy: &permit.app().forward,
        carriers: &permit.app().carriers,
        head,
        target: target.raw(),
        host: target.host(),
        client: client.ip(),
        public: PublicAddress::of(client, target.host()),
        user: caller.user().map(|user| &**user),
        roles: caller.roles(),
        websocket: matches!(permit.upgrade(), Upgrade::Websocket(_)),
        destination: permit.destination().rewritten(),
        upstream_scheme: permit.app().upstream.address.scheme(),
        request_id,
    };
    outgoing.write(&mut out);
    OutgoingHead(out)
}

/// Appends the head of a preflight that the app answers: path, host, the fields that the Fetch standard defines for a
/// preflight, and the forwarding fields. It has no query, cookie, credential, identity or other field of the client.
///
/// The app closes the connection after it; no other request uses it.
pub fn write_preflight(permit: &PreflightPermit<'_>, head: &Head<'_>, request_id: &str, out: &mut BytesMut) {
    let (target, client) = (permit.target(), permit.client());
    let outgoing = Outgoing {
        policy: &permit.app().forward,
        carriers: &permit.app().carriers,
        head,
        target: target.raw_path(),
        host: target.host(),
        client: client.ip(),
        public: PublicAddress::of(client, target.host()),
        user: None,
        roles: &[],
        websocket: false,
        destination: None,
        upstream_scheme: permit.app().upstream.address.scheme(),
        request_id,
    };
    outgoing.write_preflight(out);
}

/// The parts of a head for the app.
struct Outgoing<'a, C> {
    policy: &'a ForwardPolicy,
    carriers: &'a C,
    head: &'a Head<'a>,
    target: &'a [u8],
    host: &'a str,
    client: IpAddr,
    public: PublicAddress<'a>,
    user: Option<&'a str>,
    roles: &'a [Arc<str>],
    websocket: bool,
    /// The checked `Destination`, if it differs from the client's.
    destination: Option<&'a [u8]>,
    /// How the app is spoken to.
    upstream_scheme: Scheme,
    request_id: &'a str,
}

/// Removes the token from fields, cookies and queries.
trait Carriers {
    fn drops(&self, name: &str, value: &[u8]) -> bool;
    fn strip_cookie(&self, value: &[u8]) -> Option<Vec<u8>>;
    fn strip_query(&self, query: &[u8]) -> Option<Vec<u8>>;
}

impl Carriers for CarrierPolicy {
    fn drops(&self, name: &str, value: &[u8]) -> bool {
        self.drops(name, value)
    }

    fn strip_cookie(&self, value: &[u8]) -> Option<Vec<u8>> {
        self.strip_cookie(value)
    }

    fn strip_query(&self, query: &[u8]) -> Option<Vec<u8>> {
        self.strip_query(query)
    }
}

impl<C: Carriers> Outgoing<'_, C> {
    fn write(&self, out: &mut BytesMut) {
        out.reserve(self.length());
        self.request_line(out);
        self.kept_fields(out);
        self.forwarded(out);
        put(out, "x-request-id", self.request_id.as_bytes());
        self.identity(out);
        if self.websocket {
            out.put_slice(b"Connection: upgrade\r\nUpgrade: websocket\r\n");
        }
    }

    /// At most how long the head gets, in most cases: the buffer then grows once.
    fn length(&self) -> usize {
        let fields: usize = self.head.fields().iter().map(|f| f.name.len() + f.value.len() + LINE).sum();
        self.target.len() + fields + ADDED
    }

    fn write_preflight(&self, out: &mut BytesMut) {
        out.reserve(self.length());
        self.request_line(out);
        for Field { name, value } in
            self.head.fields().iter().filter(|field| cors::is_request_field(field.name))
        {
            put(out, name, value);
        }
        self.forwarded(out);
        put(out, "x-request-id", self.request_id.as_bytes());
        out.put_slice(b"Connection: close\r\n\r\n");
    }

    /// Path and query byte for byte as they were matched, without the parameters that carried the token.
    fn request_line(&self, out: &mut BytesMut) {
        out.put_slice(self.head.method().as_bytes());
        out.put_slice(b" ");
        let mut parts = self.target.splitn(2, |b| *b == b'?');
        let (path, query) = (parts.next().unwrap_or_default(), parts.next());
        match query.and_then(|query| self.carriers.strip_query(query)) {
            None => out.put_slice(self.target),
            Some(rest) => {
                out.put_slice(path);
                if !rest.is_empty() {
                    out.put_slice(b"?");
                    out.put_slice(&rest);
                }
            }
        }
        out.put_slice(b" HTTP/1.1\r\nHost: ");
        out.put_slice(match &self.policy.host {
            UpstreamHost::Keep => self.host.as_bytes(),
            UpstreamHost::Upstream(authority) => authority.as_bytes(),
        });
        out.put_slice(b"\r\n");
    }

    fn kept_fields(&self, out: &mut BytesMut) {
        let nominated = Nominated::by(self.head);
        for Field { name, value } in self.head.fields() {
            if !self.passes(name) || self.carriers.drops(name, value) {
                continue;
            }
            if nominated.has(name) {
                continue;
            }
            if name.eq_ignore_ascii_case("cookie") {
                if !self.head.protocol().splits_cookies() {
                    self.cookie(name, value, out);
                }
                continue;
            }
            if name.eq_ignore_ascii_case("destination") {
                self.destination(name, self.destination.unwrap_or(value), out);
                continue;
            }
            put(out, name, value);
        }
        if self.head.protocol().splits_cookies() && !nominated.has("cookie") {
            self.joined_cookie(out);
        }
    }

    /// Whether a field of the client may stand in the request to the app, whatever its value.
    fn passes(&self, name: &str) -> bool {
        let told = [&self.policy.user, &self.policy.roles];
        if told.into_iter().flatten().any(|ours| field_names::same(name, ours.as_str())) {
            return false;
        }
        if self.policy.strip.iter().any(|held_back| held_back.matches(name)) {
            return false;
        }
        match field_names::meaning(name) {
            Meaning::Plain | Meaning::Message => true,
            Meaning::HopByHop | Meaning::Framing | Meaning::Written | Meaning::Httpoxy => false,
            Meaning::Identity | Meaning::Routing => {
                self.policy.pass.iter().any(|pass| field_names::same(name, pass))
            }
        }
    }

    /// The second path of COPY and MOVE (RFC 4918 §10.3). An app that receives its own name as host compares it with that.
    fn destination(&self, name: &str, value: &[u8], out: &mut BytesMut) {
        match (&self.policy.host, self.public.within(value)) {
            (UpstreamHost::Upstream(authority), Some(path)) => {
                put_name(out, name);
                out.put_slice(self.upstream_scheme.as_str().as_bytes());
                out.put_slice(b"://");
                out.put_slice(authority.as_bytes());
                out.put_slice(path);
                out.put_slice(b"\r\n");
            }
            (UpstreamHost::Upstream(_) | UpstreamHost::Keep, _) => put(out, name, value),
        }
    }

    /// A cookie line without the cookies that carry tokens; an empty line is dropped.
    fn cookie(&self, name: &str, value: &[u8], out: &mut BytesMut) {
        match self.carriers.strip_cookie(value) {
            None => put(out, name, value),
            Some(rest) if rest.is_empty() => {}
            Some(rest) => put(out, name, &rest),
        }
    }

    /// HTTP/2 may split cookies over several fields; HTTP/1.1 has one (RFC 9113 §8.2.3).
    fn joined_cookie(&self, out: &mut BytesMut) {
        if !self.passes("cookie") {
            return;
        }
        let mut crumbs = self.head.all("cookie");
        let (Some(first), second) = (crumbs.next(), crumbs.next()) else {
            return;
        };
        if second.is_none() {
            return self.cookie("cookie", first, out);
        }
        let crumbs: Vec<&[u8]> = self.head.all("cookie").collect();
        self.cookie("cookie", &crumbs.join(&b"; "[..]), out);
    }

    fn forwarded(&self, out: &mut BytesMut) {
        out.put_slice(b"x-forwarded-for: ");
        put_address(out, self.client.to_canonical());
        out.put_slice(match self.public.scheme() {
            Scheme::Https => b"\r\nx-forwarded-proto: https\r\nx-forwarded-host: ".as_slice(),
            Scheme::Http => b"\r\nx-forwarded-proto: http\r\nx-forwarded-host: ".as_slice(),
        });
        out.put_slice(self.host.as_bytes());
        out.put_slice(b"\r\nx-forwarded-port: ");
        out.put_slice(itoa::Buffer::new().format(self.public.port()).as_bytes());
        out.put_slice(b"\r\n");
    }

    fn identity(&self, out: &mut BytesMut) {
        let Some(user) = self.user else {
            return;
        };
        if let Some(name) = &self.policy.user {
            put_name(out, name.as_str());
            identity::put_text(out, user);
            out.put_slice(b"\r\n");
        }
        if let Some(name) = &self.policy.roles
            && !self.roles.is_empty()
        {
            put_name(out, name.as_str());
            identity::put_list(out, self.roles);
            out.put_slice(b"\r\n");
        }
    }
}

/// The fields that `Connection` names besides the options that every client sends (RFC 9110 §7.6.1).
///
/// Read once, so that many options are not read again for each field. The parser lets no more than
/// [`CONNECTION_OPTIONS_MAX`] pass; should there be more, every field counts as named.
struct Nominated<'a> {
    options: [&'a [u8]; CONNECTION_OPTIONS_MAX],
    count: usize,
}

impl<'a> Nominated<'a> {
    fn by(head: &Head<'a>) -> Self {
        let mut all = Self { options: [b""; CONNECTION_OPTIONS_MAX], count: 0 };
        let options = head.all("connection").flat_map(|value| value.split(|b| *b == b','));
        for option in options {
            work::spend(option.len());
            let option = option.trim_ascii();
            if USUAL.iter().any(|usual| option.eq_ignore_ascii_case(usual)) {
                continue;
            }
            if let Some(place) = all.options.get_mut(all.count) {
                *place = option;
            }
            all.count += 1;
        }
        all
    }

    fn has(&self, name: &str) -> bool {
        if self.count == 0 {
            return false;
        }
        let Some(options) = self.options.get(..self.count) else { return true };
        work::spend(options.len());
        options.iter().any(|option| option.eq_ignore_ascii_case(name.as_bytes()))
    }
}

fn put(out: &mut BytesMut, name: &str, value: &[u8]) {
    put_name(out, name);
    out.put_slice(value);
    out.put_slice(b"\r\n");
}

fn put_name(out: &mut BytesMut, name: &str) {
    out.put_slice(name.as_bytes());
    out.put_slice(b": ");
}

fn put_shown(out: &mut BytesMut, name: &str, value: impl std::fmt::Display) {
    // Writing to a buffer that grows cannot fail.
    let _ = write!(out, "{name}: {value}\r\n");
}

fn put_address(out: &mut BytesMut, ip: IpAddr) {
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            let mut number = itoa::Buffer::new();
            out.put_slice(number.format(a).as_bytes());
            for octet in [b, c, d] {
                out.put_slice(b".");
                out.put_slice(number.format(octet).as_bytes());
            }
        }
        IpAddr::V6(v6) => {
            // Writing to a buffer that grows cannot fail.
            let _ = write!(out, "{v6}");
        }
    }
}

const USUAL: [&[u8]; 4] = [b"", b"close", b"keep-alive", b"upgrade"];

/// Bytes of a field besides its name and value.
const LINE: usize = b": \r\n".len();
/// Room for what is added to the client's own fields.
const ADDED: usize = 512;

#[cfg(test)]
mod tests;
