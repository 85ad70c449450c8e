//! The bytes of a local answer.

use http::header;
use stagedoor_core::clock::Now;
use stagedoor_core::reply::Reply;

use super::date::http_date;

/// The bytes of a local answer, `Date` (RFC 9110 §6.6.1) among its fields.
pub(crate) fn to_h1(mut reply: Reply, now: Now, head_only: bool, close: bool) -> Vec<u8> {
    reply.fields.insert(header::DATE, http_date(now.unix()));
    reply.to_h1(head_only, close)
}
