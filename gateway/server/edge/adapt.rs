//! Between the core's plain types and pingora's.

use std::time::UNIX_EPOCH;

use http::{HeaderName, HeaderValue};
use pingora::http::ResponseHeader;
use stagedoor_core::clock::Now;
use stagedoor_core::guard::response::ResponseFields;
use stagedoor_core::reply::Reply;

/// pingora's response head as the core edits it.
pub(crate) struct Fields<'a>(pub(crate) &'a mut ResponseHeader);

impl ResponseFields for Fields<'_> {
    fn first(&self, name: &HeaderName) -> Option<&HeaderValue> {
        self.0.headers.get(name)
    }

    fn all(&self, name: &HeaderName) -> impl Iterator<Item = &HeaderValue> {
        self.0.headers.get_all(name).iter()
    }

    fn names(&self) -> Vec<HeaderName> {
        self.0.headers.keys().cloned().collect()
    }

    fn remove(&mut self, name: &HeaderName) {
        self.0.remove_header(name);
    }

    fn revalidates(&self) -> bool {
        self.0.status == http::StatusCode::NOT_MODIFIED
    }

    fn remove_where(&mut self, goes: impl Fn(&HeaderName) -> bool) {
        let going: Vec<HeaderName> = self.0.headers.keys().filter(|name| goes(name)).cloned().collect();
        for name in &going {
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

/// The bytes of a local answer, `Date` (RFC 9110 §6.6.1) among its fields.
pub(crate) fn to_h1(mut reply: Reply, now: Now, head_only: bool, close: bool) -> Vec<u8> {
    let date = httpdate::fmt_http_date(UNIX_EPOCH + now.unix());
    if let Ok(date) = HeaderValue::from_str(&date) {
        reply.fields.insert(http::header::DATE, date);
    }
    reply.to_h1(head_only, close)
}

/// A local answer as pingora writes it; pingora adds `Date` and `Connection`.
pub(crate) fn response_header(reply: &Reply) -> pingora::Result<ResponseHeader> {
    let mut header = ResponseHeader::build(reply.status, Some(reply.fields.len() + 3))?;
    for (name, value) in &reply.fields {
        header.append_header(name, value)?;
    }
    header.insert_header(http::header::CONTENT_LENGTH, reply.body.len())?;
    Ok(header)
}
