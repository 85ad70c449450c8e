//! The head of one answer, as far as the gateway acts on it.

use http::{HeaderName, HeaderValue, StatusCode};

use crate::field_list::FieldList;
use crate::response_fields::ResponseFields;

/// The head of an answer, interim or final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerHead {
    /// 100 to 999.
    pub status: StatusCode,
    /// The app's version.
    pub version: AnswerVersion,
    /// The fields as they came, except that `Transfer-Encoding` is taken out and `Content-Length` is one line of digits;
    /// a 1xx or 204 has neither.
    pub fields: FieldList,
    /// How the body that follows is delimited.
    pub body: AnswerBody,
    /// Whether the connection may carry another exchange, by this head alone (RFC 9112 §9.3). HTTP/1.0 never keeps one.
    pub keeps_connection: bool,
}

/// How the body of an answer is delimited (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerBody {
    /// None follows, whatever the fields say: an answer to HEAD, a 1xx, a 204, a 304.
    None,
    /// This many bytes; may be zero.
    Length(u64),
    /// The chunked coding.
    Chunked,
    /// All bytes until the app closes the connection.
    UntilClose,
}

/// The version of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerVersion {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
}

/// What of the request decides how its answer is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AskedWith {
    /// The method is HEAD: the answer has no body.
    pub head: bool,
}

impl AnswerHead {
    /// Whether it asks the client for credentials (RFC 9110 §15.5.2).
    #[must_use]
    pub fn asks_for_credentials(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED
    }
}

impl ResponseFields for AnswerHead {
    fn first(&self, name: &HeaderName) -> Option<&HeaderValue> {
        self.fields.first(name)
    }

    fn all(&self, name: &HeaderName) -> impl Iterator<Item = &HeaderValue> {
        self.fields.all(name)
    }

    fn remove(&mut self, name: &HeaderName) {
        self.fields.remove(name);
    }

    fn set(&mut self, name: HeaderName, value: HeaderValue) {
        self.fields.set(name, value);
    }

    fn add(&mut self, name: HeaderName, value: HeaderValue) {
        self.fields.add(name, value);
    }

    fn revalidates(&self) -> bool {
        self.status == StatusCode::NOT_MODIFIED
    }

    fn requires_upgrade(&self) -> bool {
        self.status == StatusCode::UPGRADE_REQUIRED
    }

    fn switches(&self) -> bool {
        self.status == StatusCode::SWITCHING_PROTOCOLS
    }

    fn retain(&mut self, stays: impl FnMut(&HeaderName, &HeaderValue) -> bool) {
        self.fields.retain(stays);
    }

    fn reserve(&mut self, lines: usize) {
        self.fields.reserve(lines);
    }
}
