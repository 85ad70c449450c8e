//! How long an answer may be used by its cache headers (RFC 9111 §4.2).

use std::time::Duration;

use http::HeaderMap;
use http::header::{AGE, CACHE_CONTROL, DATE, EXPIRES, HeaderName};

/// How long the answer may be used from now on; `None` where it does not say, or says that it may not be stored: it is the caller's to
/// choose then.
///
/// Of several times the shortest counts, and what is malformed counts for nothing.
pub(super) fn fresh_for(fields: &HeaderMap) -> Option<Duration> {
    let directives: Vec<String> = fields
        .get_all(CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|directive| directive.trim().to_ascii_lowercase())
        .collect();
    if directives.iter().any(|directive| directive == "no-store" || directive.starts_with("no-cache")) {
        return None;
    }
    let max_age = directives
        .iter()
        .filter_map(|directive| directive.strip_prefix("max-age="))
        .filter_map(|seconds| seconds.trim_matches('"').parse().ok())
        .map(Duration::from_secs)
        .min();
    let lifetime = max_age.or_else(|| {
        let date = |name: HeaderName| httpdate::parse_http_date(fields.get(name)?.to_str().ok()?).ok();
        date(EXPIRES)?.duration_since(date(DATE)?).ok()
    })?;
    let age = fields.get(AGE).and_then(|age| age.to_str().ok()?.trim().parse().ok()).unwrap_or_default();
    let left = lifetime.saturating_sub(Duration::from_secs(age));
    (!left.is_zero()).then_some(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cache_headers_say_how_long_an_answer_may_be_used() {
        let date = ("date", "Mon, 30 Nov 2026 12:00:00 GMT");
        for (fields, expected) in [
            (vec![], None),
            (vec![("cache-control", "max-age=300")], Some(300)),
            (vec![("cache-control", "public, Max-Age=300, must-revalidate")], Some(300)),
            (vec![("cache-control", "max-age=\"300\"")], Some(300)),
            (vec![("cache-control", "max-age=300"), ("cache-control", "max-age=60")], Some(60)),
            (vec![("cache-control", "max-age=300"), ("age", "100")], Some(200)),
            (vec![("cache-control", "max-age=300"), ("age", "400")], None),
            (vec![("cache-control", "max-age=300"), ("age", "x")], Some(300)),
            (vec![("cache-control", "max-age=0")], None),
            (vec![("cache-control", "max-age=-1")], None),
            (vec![("cache-control", "max-age=300, no-store")], None),
            (vec![("cache-control", "no-cache=\"x\", max-age=300")], None),
            (vec![("cache-control", "s-maxage=300")], None),
            (vec![date, ("expires", "Mon, 30 Nov 2026 12:10:00 GMT")], Some(600)),
            (
                vec![date, ("expires", "Mon, 30 Nov 2026 12:10:00 GMT"), ("cache-control", "max-age=5")],
                Some(5),
            ),
            (vec![date, ("expires", "Mon, 30 Nov 2026 11:00:00 GMT")], None),
            (vec![date, ("expires", "0")], None),
            (vec![("expires", "Mon, 30 Nov 2026 12:10:00 GMT")], None),
            (vec![("cache-control", "max-age=99999999999999999999999")], None),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in &fields {
                map.append(*name, http::HeaderValue::from_static(value));
            }
            assert_eq!(fresh_for(&map), expected.map(Duration::from_secs), "{fields:?}");
        }
    }
}
