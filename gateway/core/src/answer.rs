//! The strict parser of the app's answers: bytes in, an [`AnswerHead`] or an [`AnswerFault`] out.
//!
//! Protects clients, and the gateway's connections to the app, from answers that two readers could delimit differently.
//! No other parser reads an answer, and the answer to the client is written anew from its result. It trusts no byte: an
//! app may be taken over, or may pass on what somebody has put into its fields.
//!
//! It is strict where an answer is framed: line ends are CRLF alone, a name is a token followed by its colon, a line is
//! never folded, one length or one `chunked` delimits the body, and HTTP/1.0 knows no chunks. It is lenient where real
//! apps need it and where every reader sees the same message. These are all leniencies; each is the name of a test:
//!
//! * `equal_lengths_are_one`: `Content-Length` may be repeated, in lines or in a list, with the same digits
//!   (RFC 9110 §8.6).
//! * `equal_chunked_lines_are_one`: a `Transfer-Encoding: chunked` line may be repeated.
//! * `framing_is_dropped_where_no_body_can_be`: a 1xx or 204 may have `Content-Length` and `Transfer-Encoding`, which mean
//!   nothing there. They are removed, and the connection is not kept after a 204 that announces a body. A 101 may have no
//!   `Transfer-Encoding`.
//! * `latin_text_is_allowed`: values and the reason phrase may hold bytes of 0x80 and above (RFC 9110 §5.5, `obs-text`).
//! * `the_reason_phrase_may_be_missing`: also without the space before it.
//! * `unknown_statuses_up_to_999_pass`
//! * `empty_lines_before_a_status_line_are_skipped`: at most two, each CRLF.
//! * `values_are_trimmed`: white space around a value is optional, of any length, and may be missing (RFC 9112 §5.1).
//! * `a_value_may_be_empty`
//! * `http_1_0_may_switch_protocols`: a 101, as any other 1xx, may be of HTTP/1.0.
//! * `names_may_be_any_token`: dots, underscores and the other signs of a token, in any case.
//! * `options_of_connection_may_be_anything`: only `close` is heard; the field is removed.
//! * `the_answer_to_a_head_and_a_304_may_announce_a_body`: a length or chunks that the answer to a GET would have (RFC 9110 §8.6).
//!
//! What is lenient inside a chunked body is listed at [`crate::chunked`].
//!
//! Bounds: 64 KiB of heads in one answer, interim heads and empty lines included; 256 fields a head; 256 interim heads;
//! 32 options of `Connection`. Each byte is read once, however the head was cut into packets, and a fault is found at
//! the first byte that no answer could have there. The lists of fields and the names that `http` does not know are the
//! only allocations.
//!
//! RFC 9112 (§2.2 line ends, §4 status line, §5 fields, §6 body length, §9.3 persistence),
//! RFC 9110 (§5 fields, §7.6.1 Connection, §8.6 Content-Length, §15.2 interim answers).

mod fault;
mod framing;
mod head;
mod parser;

pub use fault::AnswerFault;
pub use head::{AnswerBody, AnswerHead, AnswerVersion, AskedWith};
pub use parser::{AnswerParser, FIELDS_MAX, HEADS_MAX, INTERIM_MAX};

#[cfg(test)]
mod tests;
