//! The `Date` of answers, whose text is made once a second in each thread.

use std::cell::RefCell;
use std::time::{Duration, UNIX_EPOCH};

use http::HeaderValue;

thread_local! {
    /// The last text, and the second that it is for.
    static LAST: RefCell<Option<(u64, HeaderValue)>> = const { RefCell::new(None) };
}

/// A time since the epoch as `Date` has it (RFC 9110 §5.6.7).
pub(crate) fn http_date(unix: Duration) -> HeaderValue {
    let second = unix.as_secs();
    LAST.with_borrow_mut(|last| {
        if let Some((known, date)) = last
            && *known == second
        {
            return date.clone();
        }
        let text = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(second));
        // It is ASCII.
        let date = HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""));
        last.insert((second, date)).1.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_second_has_its_own_date() {
        for (seconds, expected) in [
            (784_111_777.0, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (784_111_777.9, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (784_111_778.0, "Sun, 06 Nov 1994 08:49:38 GMT"),
            (784_111_777.0, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (0.0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        ] {
            assert_eq!(http_date(Duration::from_secs_f64(seconds)), expected);
        }
    }
}
