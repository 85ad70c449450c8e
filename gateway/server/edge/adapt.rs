//! Between the core's plain types and pingora's.

use bytes::BytesMut;
use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderName, HeaderValue, StatusCode, Version};
use pingora::http::ResponseHeader;
use stagedoor_core::clock::Now;
use stagedoor_core::reply::Reply;
use stagedoor_core::response_fields::ResponseFields;

use super::date::http_date;

/// pingora's response head as the core edits it.
pub(crate) struct Fields<'a>(pub(crate) &'a mut ResponseHeader);

impl ResponseFields for Fields<'_> {
    fn first(&self, name: &HeaderName) -> Option<&HeaderValue> {
        self.0.headers.get(name)
    }

    fn all(&self, name: &HeaderName) -> impl Iterator<Item = &HeaderValue> {
        self.0.headers.get_all(name).iter()
    }

    fn remove(&mut self, name: &HeaderName) {
        self.0.remove_header(name);
    }

    fn revalidates(&self) -> bool {
        self.0.status == StatusCode::NOT_MODIFIED
    }

    fn requires_upgrade(&self) -> bool {
        self.0.status == StatusCode::UPGRADE_REQUIRED
    }

    fn switches(&self) -> bool {
        self.0.status == StatusCode::SWITCHING_PROTOCOLS
    }

    fn retain(&mut self, mut stays: impl FnMut(&HeaderName, &HeaderValue) -> bool) {
        let all = self.0.headers.iter();
        let gone: Vec<HeaderName> =
            all.filter(|(name, value)| !stays(name, value)).map(|(name, _)| name.clone()).collect();
        for name in &gone {
            self.0.remove_header(name);
        }
    }

    // Neither of the two can fail: name and value are of the right types already, and the number
    // of fields stays far below the map's bound, which pingora's parser has enforced.
    fn set(&mut self, name: HeaderName, value: HeaderValue) {
        let _ = self.0.insert_header(name, value);
    }

    fn add(&mut self, name: HeaderName, value: HeaderValue) {
        let _ = self.0.append_header(name, value);
    }
}

/// Makes the head of a final answer this hop's own message: its version (RFC 9112 §2.3), and one line
/// of framing where the app repeats itself, which pingora has read as one.
pub(crate) fn one_framing(response: &mut ResponseHeader) {
    response.set_version(Version::HTTP_11);
    if response.status == StatusCode::NO_CONTENT {
        // RFC 9110 §8.6, RFC 9112 §6.1: whoever heeds one of them waits for a body that never comes.
        response.remove_header(&CONTENT_LENGTH);
        response.remove_header(&TRANSFER_ENCODING);
    }
    if let Some(length) = repeated(response, &CONTENT_LENGTH, |_| true) {
        let _ = response.insert_header(CONTENT_LENGTH, length);
    }
    if let Some(coding) =
        repeated(response, &TRANSFER_ENCODING, |coding| coding.eq_ignore_ascii_case(b"chunked"))
    {
        let _ = response.insert_header(TRANSFER_ENCODING, coding);
    }
}

/// Whether no coding but `chunked` delimits the body: any other would go on with its field and
/// without its meaning.
pub(crate) fn is_framed(response: &ResponseHeader) -> bool {
    let mut codings = response.headers.get_all(TRANSFER_ENCODING).iter();
    codings.all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked"))
}

/// Makes a 101 that was judged this hop's own: one line of each.
pub(crate) fn one_switch(response: &mut ResponseHeader) {
    let _ = response.insert_header(UPGRADE, "websocket");
    let _ = response.insert_header(CONNECTION, "Upgrade");
}

/// Whether an answer has no body whatever its fields say (RFC 9112 §6.3): an app that sends one all the same would
/// begin the next answer with it.
pub(crate) fn is_bodiless(response: &ResponseHeader, to: &http::Method) -> bool {
    *to == http::Method::HEAD || matches!(response.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

/// Whether the app keeps the connection, by its version and what it says of it (RFC 9112 §9.3). Of HTTP/1.0 no word
/// is taken for it: that version ends its answers by closing.
pub(crate) fn keeps_connection(response: &ResponseHeader) -> bool {
    let mut options = response
        .headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|b| *b == b','))
        .map(<[u8]>::trim_ascii);
    response.version == Version::HTTP_11 && !options.any(|option| option.eq_ignore_ascii_case(b"close"))
}

/// The one element of a field that stands there several times, if each of them is `fit`.
fn repeated(
    response: &ResponseHeader,
    name: &HeaderName,
    fit: impl Fn(&[u8]) -> bool,
) -> Option<HeaderValue> {
    let lines = response.headers.get_all(name);
    let mut elements =
        lines.iter().flat_map(|line| line.as_bytes().split(|b| *b == b',')).map(<[u8]>::trim_ascii);
    let first = elements.next()?;
    let mut more = elements.peekable();
    more.peek()?;
    let same = fit(first) && more.all(|other| other.eq_ignore_ascii_case(first));
    if same { HeaderValue::from_bytes(first).ok() } else { None }
}

/// The bytes of a local answer, `Date` (RFC 9110 §6.6.1) among its fields.
pub(crate) fn to_h1(mut reply: Reply, now: Now, head_only: bool, close: bool) -> Vec<u8> {
    reply.fields.insert(http::header::DATE, http_date(now.unix()));
    reply.to_h1(head_only, close)
}

/// A local answer as pingora writes it; pingora adds `Date` and `Connection`.
pub(crate) fn response_header(reply: &Reply) -> pingora::Result<ResponseHeader> {
    let mut header = ResponseHeader::build(reply.status, Some(reply.fields.len() + 3))?;
    for (name, value) in &reply.fields {
        header.append_header(name, value)?;
    }
    header.insert_header(CONTENT_LENGTH, reply.body.len())?;
    Ok(header)
}

/// Tells pingora the client's version, so that it sends no chunks to one that knows none; towards
/// the app it speaks 1.1 all the same.
pub(crate) fn speak_http10(handed: &mut BytesMut) {
    let end = handed.iter().position(|byte| *byte == b'\r');
    if let Some(minor) = end.and_then(|end| handed.get_mut(end.checked_sub(1)?)) {
        *minor = b'0';
    }
}
