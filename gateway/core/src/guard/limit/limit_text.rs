//! What header fields say of a limit, the same for every request: its name, what it allows, its window.

use std::fmt::Write as _;

use http::HeaderValue;

use super::rule::Rule;

/// The texts of one limit, made when it is compiled.
#[derive(Debug)]
pub(super) struct LimitText {
    /// The name as an sf-string, quotes included.
    pub(super) name: Box<str>,
    /// Its element of `RateLimit-Policy`: `"app.ip-1";q=40;w=2`.
    pub(super) policy: Box<str>,
    /// Requests that a client who was never seen may send at once.
    pub(super) quota: HeaderValue,
}

impl LimitText {
    pub(super) fn new(name: &str, rule: Rule) -> Self {
        let name = quoted(name);
        let quota = rule.allowance();
        let mut policy = name.clone();
        // Writing to a string cannot fail.
        let _ = write!(policy, ";q={quota};w={}", rule.seconds());
        Self { name: name.into(), policy: policy.into(), quota: HeaderValue::from(quota) }
    }
}

/// An sf-string (RFC 9651 §3.3.3), which is printable ASCII: anything else in a name becomes `?`.
fn quoted(name: &str) -> String {
    let mut text = String::from('"');
    for c in name.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            ' '..='~' => text.push(c),
            _ => text.push('?'),
        }
    }
    text.push('"');
    text
}
