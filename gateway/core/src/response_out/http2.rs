//! The head of an answer for an HTTP/2 client.
//!
//! Fields of the connection never stand in it (RFC 9113 §8.2.2): a client would take the answer for malformed. A length is
//! said where the body has one. The answer that completes a WebSocket is a 200, without the proof of the key, which the
//! client never sent (RFC 8441 §5).

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

use crate::answer::AnswerHead;
use crate::answer_framing::AnswerFraming;
use crate::field_names;

/// The head of an answer of the app.
///
/// `date` is the present time as `Date` has it (RFC 9110 §5.6.7); a final answer gets it where the app sent none
/// (RFC 9110 §6.6.1).
#[must_use]
pub fn http2_answer(head: &AnswerHead, framing: AnswerFraming, date: &HeaderValue) -> Response<()> {
    let tunnel = framing == AnswerFraming::Tunnel;
    let status = if tunnel { StatusCode::OK } else { head.status };
    let mut fields = HeaderMap::with_capacity(head.fields.len() + 2);
    for (name, value) in head.fields.iter() {
        let dropped = *name == header::CONTENT_LENGTH && !keeps_length(framing, status)
            || tunnel && *name == header::SEC_WEBSOCKET_ACCEPT;
        if !dropped && !is_of_the_connection(name) {
            append(&mut fields, name.clone(), value.clone());
        }
    }
    if let AnswerFraming::Length(length) = framing {
        append(&mut fields, header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    if !status.is_informational() && !fields.contains_key(header::DATE) {
        append(&mut fields, header::DATE, date.clone());
    }
    with_fields(status, fields)
}

/// A head of this status with these fields.
pub(crate) fn with_fields(status: StatusCode, fields: HeaderMap) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = status;
    *response.headers_mut() = fields;
    response
}

/// Whether the length that the app told is passed on: what an answer to HEAD or a 304 would have had (RFC 9110 §8.6).
fn keeps_length(framing: AnswerFraming, status: StatusCode) -> bool {
    framing == AnswerFraming::None && !status.is_informational() && status != StatusCode::NO_CONTENT
}

/// Whether no answer of HTTP/2 has such a field (RFC 9113 §8.2.2). `TE` is one of requests.
fn is_of_the_connection(name: &HeaderName) -> bool {
    *name == header::TE || field_names::is_of_http1(name.as_str())
}

/// An answer has fewer fields than a map can hold, since its head is capped.
fn append(fields: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
    let _ = fields.try_append(name, value);
}

#[cfg(test)]
mod tests;
