//! The cookie that carries a token.
//!
//! RFC 6265 §4.1, RFC 6265bis §4.1.3 (prefixes) and §5.6 (sizes).

use std::time::Duration;

use http::HeaderValue;

/// The most bytes of name and value that browsers store.
pub const COOKIE_MAX: usize = 4096;

/// The `Set-Cookie` of a token that expires after `life`; `None` if the token cannot be a cookie's value.
///
/// Scripts cannot read the cookie, requests that other sites cause do not carry it, and it is sent only over https if it
/// was set over https.
#[must_use]
pub fn set_cookie(name: &str, token: &[u8], life: Duration, https: bool) -> Option<HeaderValue> {
    if life.as_secs() == 0 || !token.iter().all(|byte| is_cookie_octet(*byte)) {
        return None;
    }
    let token = std::str::from_utf8(token).ok()?;
    written(name, token, life.as_secs(), https)
}

/// The `Set-Cookie` that removes the cookie.
#[must_use]
pub fn clear_cookie(name: &str, https: bool) -> Option<HeaderValue> {
    written(name, "", 0, https)
}

/// Whether browsers accept a cookie of this name only over https.
#[must_use]
pub fn cookie_needs_https(name: &str) -> bool {
    ["__host-", "__secure-"]
        .iter()
        .any(|prefix| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix)))
}

fn written(name: &str, value: &str, seconds: u64, https: bool) -> Option<HeaderValue> {
    let secure = if https { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// RFC 6265 §4.1.1.
pub(super) fn is_cookie_octet(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\')
}
