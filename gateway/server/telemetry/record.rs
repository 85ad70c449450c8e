//! The access event of a request, as one line of JSON or text.
//!
//! Input: values that the client chose. They are bounded, redacted and escaped here, so that an event is one line, JSON
//! stays valid and a terminal does not act on them.

use std::cell::Cell;
use std::net::IpAddr;
use std::time::Duration;

use stagedoor_core::clock;
use stagedoor_core::denial::{Denial, UpstreamFault};
use stagedoor_core::guard::routes::Route;
use stagedoor_core::policy::App;
use stagedoor_core::text::is_odd;

use super::redact::Redaction;

/// What happened to one request: the data of its access event and its metrics.
#[derive(Clone, Debug)]
pub struct Record<'a> {
    /// When it arrived, since the epoch.
    pub time: Duration,
    /// The gateway's id of the request.
    pub request_id: &'a str,
    /// The app; `None` if the host named none.
    pub app: Option<Label<'a>>,
    /// The route; `None` if the request did not get that far.
    pub route: Option<Label<'a>>,
    /// The method; empty if the head could not be read.
    pub method: &'a str,
    /// Path and query as received; redacted when written.
    pub target: &'a [u8],
    /// The status that was sent to the client; 0 if none was.
    pub status: u16,
    /// Why the gateway refused; `None` if the answer is the app's.
    pub refusal: Option<EventRefusal<'a>>,
    /// The authenticated user, if there is one.
    pub user: Option<&'a str>,
    /// The client's address.
    pub ip: IpAddr,
    /// Bytes of the request body.
    pub bytes_in: u64,
    /// Bytes of the response body.
    pub bytes_out: u64,
    /// The gateway's own time.
    pub gateway: Duration,
    /// Time from the request to the app until its answer began; `None` if the app was not asked.
    pub upstream: Option<Duration>,
    /// The fault of the app, if there was one.
    pub upstream_fault: Option<UpstreamFault>,
    /// Who ended a stream, or an answer before it was whole: `client`, `app`, `idle`, `draining` or `gateway`.
    pub ended_by: Option<&'static str>,
    /// What exactly went wrong between the client and the app.
    pub detail: Option<&'static str>,
    /// How often the request was sent, or tried to be sent, to the app again.
    pub retries: usize,
    /// From the first byte of the request to the last of the answer.
    pub total: Duration,
    /// The connection to the gateway is TLS.
    pub tls: bool,
    /// The host that the client asked for, or that a trusted proxy reports; `None` if the head could not be read.
    pub host: Option<&'a str>,
    /// The client used https: to the gateway, or to a trusted proxy.
    pub https: bool,
    /// The protocol of the request; `None` if the head could not be read.
    pub protocol: Option<&'static str>,
    /// The URL of the app that was asked; `None` if none was.
    pub upstream_url: Option<&'a str>,
    /// `Referer` as received; redacted when written.
    pub referer: Option<&'a [u8]>,
    /// `User-Agent` as received.
    pub user_agent: Option<&'a [u8]>,
}

/// The name of an app or a route, and its position in the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label<'a> {
    /// The name.
    pub text: &'a str,
    /// The position in the policy.
    pub index: usize,
}

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventRefusal<'a> {
    /// The stable code.
    pub code: &'static str,
    /// The limit that was used up, if a limit refused.
    pub limit: Option<&'a str>,
    /// The reason, for the operator; at most 512 bytes are written.
    pub reason: Option<&'a str>,
}

/// The format of the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineFormat {
    /// One JSON object.
    Json,
    /// Text without colour.
    Text,
    /// Text with colour, for a terminal.
    Colour,
}

impl Record<'_> {
    /// Appends the event as one line, its newline included.
    pub fn write(&self, form: LineFormat, redaction: &Redaction, out: &mut Vec<u8>) {
        match form {
            LineFormat::Json => self.write_json(redaction, out),
            LineFormat::Text => self.write_text(redaction, false, out),
            LineFormat::Colour => self.write_text(redaction, true, out),
        }
    }

    fn write_json(&self, redaction: &Redaction, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"time\":\"");
        push_time(self.time, out);
        out.extend_from_slice(b"\",\"request_id\":");
        push_quoted(self.request_id.as_bytes(), NAME_MAX, out);
        out.extend_from_slice(b",\"app\":");
        push_quoted(label(self.app).as_bytes(), NAME_MAX, out);
        out.extend_from_slice(b",\"route\":");
        push_quoted(label(self.route).as_bytes(), NAME_MAX, out);
        out.extend_from_slice(b",\"method\":");
        push_quoted(self.method.as_bytes(), METHOD_MAX, out);
        out.extend_from_slice(b",\"path\":");
        push_quoted(&redaction.target(self.target), PATH_MAX, out);
        out.extend_from_slice(b",\"status\":");
        push_number(self.status.into(), out);
        out.extend_from_slice(b",\"code\":");
        push_optional(self.refusal.map(|r| r.code.as_bytes()), NAME_MAX, out);
        out.extend_from_slice(b",\"user\":");
        push_optional(self.user.map(str::as_bytes), NAME_MAX, out);
        out.extend_from_slice(b",\"ip\":\"");
        push_address(self.ip, out);
        out.extend_from_slice(b"\",\"bytes_in\":");
        push_number(self.bytes_in, out);
        out.extend_from_slice(b",\"bytes_out\":");
        push_number(self.bytes_out, out);
        out.extend_from_slice(b",\"gateway_us\":");
        push_number(micros(self.gateway), out);
        out.extend_from_slice(b",\"upstream_us\":");
        match self.upstream {
            Some(upstream) => push_number(micros(upstream), out),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b",\"total_us\":");
        push_number(micros(self.total), out);
        out.extend_from_slice(if self.tls { b",\"tls\":true" } else { b",\"tls\":false" });
        out.extend_from_slice(b",\"user_agent\":");
        match self.user_agent {
            Some(agent) => push_quoted(&redaction.line(agent), AGENT_MAX, out),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b",\"host\":");
        push_optional(self.host.map(str::as_bytes), NAME_MAX, out);
        out.extend_from_slice(if self.https {
            b",\"scheme\":\"https\"".as_slice()
        } else {
            b",\"scheme\":\"http\"".as_slice()
        });
        out.extend_from_slice(b",\"protocol\":");
        push_optional(self.protocol.map(str::as_bytes), NAME_MAX, out);
        out.extend_from_slice(b",\"upstream\":");
        push_optional(self.upstream_url.map(str::as_bytes), NAME_MAX, out);
        out.extend_from_slice(b",\"referer\":");
        match self.referer {
            Some(referer) => push_quoted(&redaction.referer(referer), REFERER_MAX, out),
            None => out.extend_from_slice(b"null"),
        }
        if let Some(fault) = self.upstream_fault {
            out.extend_from_slice(b",\"upstream_error\":");
            push_quoted(fault.label().as_bytes(), NAME_MAX, out);
        }
        if let Some(ended_by) = self.ended_by {
            out.extend_from_slice(b",\"ended_by\":");
            push_quoted(ended_by.as_bytes(), NAME_MAX, out);
        }
        if let Some(detail) = self.detail {
            out.extend_from_slice(b",\"detail\":");
            push_quoted(detail.as_bytes(), REASON_MAX, out);
        }
        if self.retries > 0 {
            out.extend_from_slice(b",\"retries\":");
            push_number(self.retries as u64, out);
        }
        if let Some(limit) = self.refusal.and_then(|r| r.limit) {
            out.extend_from_slice(b",\"limit\":");
            push_quoted(limit.as_bytes(), NAME_MAX, out);
        }
        if let Some(reason) = self.refusal.and_then(|r| r.reason) {
            out.extend_from_slice(b",\"reason\":");
            push_quoted(&redaction.line(reason.as_bytes()), REASON_MAX, out);
        }
        out.extend_from_slice(b"}\n");
    }

    fn write_text(&self, redaction: &Redaction, colour: bool, out: &mut Vec<u8>) {
        push_time(self.time, out);
        out.push(b' ');
        if colour {
            out.extend_from_slice(status_colour(self.status));
        }
        push_number(self.status.into(), out);
        if colour {
            out.extend_from_slice(PLAIN);
        }
        out.push(b' ');
        push_escaped(or_dash(self.method.as_bytes()), METHOD_MAX, out);
        out.push(b' ');
        push_escaped(or_dash(&redaction.target(self.target)), PATH_MAX, out);
        if let Some(host) = self.host {
            out.extend_from_slice(b" host=");
            push_word(host.as_bytes(), out);
        }
        out.extend_from_slice(b" app=");
        push_word(label(self.app).as_bytes(), out);
        out.extend_from_slice(b" route=");
        push_word(label(self.route).as_bytes(), out);
        if let Some(user) = self.user {
            out.extend_from_slice(b" user=");
            push_word(user.as_bytes(), out);
        }
        out.extend_from_slice(b" ip=");
        push_address(self.ip, out);
        for (name, value) in [(" in=", self.bytes_in), (" out=", self.bytes_out)] {
            out.extend_from_slice(name.as_bytes());
            push_number(value, out);
        }
        out.extend_from_slice(b" gateway=");
        push_millis(self.gateway, out);
        if let Some(upstream) = self.upstream {
            out.extend_from_slice(b" upstream=");
            push_millis(upstream, out);
        }
        if let Some(fault) = self.upstream_fault {
            out.extend_from_slice(b" upstream_error=");
            push_word(fault.label().as_bytes(), out);
        }
        if let Some(ended_by) = self.ended_by {
            out.extend_from_slice(b" ended_by=");
            push_word(ended_by.as_bytes(), out);
        }
        if let Some(detail) = self.detail {
            out.extend_from_slice(b" detail=");
            push_quoted(detail.as_bytes(), REASON_MAX, out);
        }
        if self.retries > 0 {
            out.extend_from_slice(b" retries=");
            push_number(self.retries as u64, out);
        }
        if let Some(refusal) = self.refusal {
            out.extend_from_slice(b" code=");
            push_word(refusal.code.as_bytes(), out);
            if let Some(reason) = refusal.reason {
                out.extend_from_slice(b" reason=");
                push_quoted(&redaction.line(reason.as_bytes()), REASON_MAX, out);
            }
        }
        out.extend_from_slice(b" id=");
        push_word(self.request_id.as_bytes(), out);
        out.push(b'\n');
    }
}

impl<'a> Label<'a> {
    /// The app's name and position.
    #[must_use]
    pub fn app(app: &'a App) -> Self {
        Self { text: &app.name, index: app.index }
    }

    /// The route's label and position.
    #[must_use]
    pub fn route(route: &'a Route) -> Self {
        Self { text: &route.label, index: route.index }
    }
}

impl<'a> EventRefusal<'a> {
    /// The refusal of an access event; `reason` is [`Denial::reason`], which the caller renders once.
    #[must_use]
    pub fn of(denial: &'a Denial, reason: &'a str) -> Self {
        let limit = denial.limit().map(|exceeded| &*exceeded.limit);
        Self { code: denial.code(), limit, reason: Some(reason) }
    }
}

/// A timestamp in the format of access events.
pub(crate) fn timestamp(since_epoch: Duration) -> String {
    let mut out = Vec::with_capacity(24);
    push_time(since_epoch, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// At most `max` bytes that a client sent, escaped as in access events.
pub(crate) fn shown(text: &[u8], max: usize) -> String {
    let mut out = Vec::new();
    push_escaped(text, max, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// The name, or `-` if there is none.
pub(super) fn label(label: Option<Label<'_>>) -> &str {
    label.map_or("-", |l| l.text)
}

/// Appends `2026-11-21T05:41:37.123Z` (RFC 3339 §5.6, UTC).
fn push_time(since_epoch: Duration, out: &mut Vec<u8>) {
    let second = since_epoch.as_secs();
    let (known, text) = SECOND.get();
    let text = if known == second { text } else { whole_second(second) };
    SECOND.set((second, text));
    out.extend_from_slice(&text);
    out.extend_from_slice(&three_digits(since_epoch.subsec_millis()));
    out.push(b'Z');
}

/// `2026-11-21T05:41:37.`
fn whole_second(since_epoch: u64) -> SecondText {
    let at = clock::utc(Duration::from_secs(since_epoch));
    let (hour, minute, second) = at.as_hms();
    let year = at.year().unsigned_abs();
    let mut text = *b"....-..-..T..:..:...";
    for (place, value) in [
        (0, year / 100),
        (2, year),
        (5, u8::from(at.month()).into()),
        (8, at.day().into()),
        (11, hour.into()),
        (14, minute.into()),
        (17, second.into()),
    ] {
        [text[place], text[place + 1]] = two_digits(value);
    }
    text
}

type SecondText = [u8; 20];

thread_local! {
    /// The second that was written last, and its text: an event is seldom the first one in its second.
    static SECOND: Cell<(u64, SecondText)> = const { Cell::new((u64::MAX, [0; 20])) };
}

fn push_optional(text: Option<&[u8]>, max: usize, out: &mut Vec<u8>) {
    match text {
        Some(text) => push_quoted(text, max, out),
        None => out.extend_from_slice(b"null"),
    }
}

fn push_quoted(text: &[u8], max: usize, out: &mut Vec<u8>) {
    out.push(b'"');
    push_escaped(text, max, out);
    out.push(b'"');
}

/// Appends a word as it is, and any other text in quotes.
fn push_word(text: &[u8], out: &mut Vec<u8>) {
    let plain = !text.is_empty() && text.iter().all(|b| b.is_ascii_graphic() && *b != b'"' && *b != b'=');
    if plain { push_escaped(text, NAME_MAX, out) } else { push_quoted(text, NAME_MAX, out) }
}

/// Appends at most `max` bytes of `text` so that they can stand in a JSON string (RFC 8259 §7) and
/// on a terminal: bytes that are not UTF-8 as `%XX`, control characters and direction marks as `\uXXXX`.
fn push_escaped(text: &[u8], max: usize, out: &mut Vec<u8>) {
    let (text, cut) = shorten(text, max);
    if !cut && text.iter().fold(true, |plain, byte| plain & is_plain(*byte)) {
        return out.extend_from_slice(text);
    }
    for chunk in text.utf8_chunks() {
        let valid = chunk.valid();
        if valid.bytes().all(is_plain) {
            out.extend_from_slice(valid.as_bytes());
        } else {
            valid.chars().for_each(|c| push_char(c, out));
        }
        for byte in chunk.invalid() {
            out.extend_from_slice(&[b'%', hex(byte >> 4), hex(byte & 15)]);
        }
    }
    if cut {
        out.extend_from_slice("…".as_bytes());
    }
}

/// The first `max` bytes, and whether any were cut. A character is not split.
fn shorten(text: &[u8], max: usize) -> (&[u8], bool) {
    if text.len() <= max {
        return (text, false);
    }
    let inside = |at: &usize| text.get(*at).is_some_and(|b| b & 0xC0 == 0x80);
    let end = (max.saturating_sub(3)..=max).rev().find(|at| !inside(at)).unwrap_or(max);
    (text.split_at(end).0, true)
}

/// Without a branch, so that the compiler can look at many bytes at once.
fn is_plain(byte: u8) -> bool {
    (0x20..=0x7E).contains(&byte) & (byte != b'"') & (byte != b'\\')
}

fn push_char(c: char, out: &mut Vec<u8>) {
    match c {
        '"' | '\\' => out.extend_from_slice(&[b'\\', c as u8]),
        _ if is_odd(c) => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| push_unit(*unit, out)),
        _ => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

fn push_unit(unit: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\\u");
    for shift in [12, 8, 4, 0] {
        out.push(hex((unit >> shift) as u8 & 15));
    }
}

fn hex(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'A' + nibble - 10 }
}

fn push_number(value: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// The last two decimal digits of `value`.
fn two_digits(value: u32) -> [u8; 2] {
    [b'0' + (value / 10 % 10) as u8, b'0' + (value % 10) as u8]
}

/// The last three.
fn three_digits(value: u32) -> [u8; 3] {
    let [tens, ones] = two_digits(value);
    [b'0' + (value / 100 % 10) as u8, tens, ones]
}

fn push_millis(time: Duration, out: &mut Vec<u8>) {
    push_number(micros(time) / 1_000, out);
    out.push(b'.');
    out.extend_from_slice(&three_digits(time.subsec_micros() % 1_000));
    out.extend_from_slice(b"ms");
}

fn push_address(ip: IpAddr, out: &mut Vec<u8>) {
    use std::io::Write as _;
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            push_number(a.into(), out);
            for octet in [b, c, d] {
                out.push(b'.');
                push_number(octet.into(), out);
            }
        }
        IpAddr::V6(v6) => {
            // Writing to memory cannot fail.
            let _ = write!(out, "{v6}");
        }
    }
}

fn micros(time: Duration) -> u64 {
    time.as_secs().saturating_mul(1_000_000).saturating_add(time.subsec_micros().into())
}

fn or_dash(text: &[u8]) -> &[u8] {
    if text.is_empty() { b"-" } else { text }
}

fn status_colour(status: u16) -> &'static [u8] {
    match status {
        100..=299 => b"\x1b[32m",
        300..=399 => b"\x1b[36m",
        400..=499 => b"\x1b[33m",
        _ => b"\x1b[31m",
    }
}

const PLAIN: &[u8] = b"\x1b[0m";
const PATH_MAX: usize = 2048;
const AGENT_MAX: usize = 256;
const REFERER_MAX: usize = 1024;
/// The most bytes of a name.
pub(crate) const NAME_MAX: usize = 256;
const METHOD_MAX: usize = 32;
const REASON_MAX: usize = 512;

#[cfg(test)]
pub(super) mod tests;
