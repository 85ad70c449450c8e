#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use super::*;
use crate::request::{Protocol, heads};

fn strings(list: &[&str]) -> Vec<String> {
    list.iter().map(|s| (*s).to_owned()).collect()
}

fn listed() -> ListedOrigins {
    ListedOrigins {
        origins: strings(&["https://a.example", "http://b.example:8080"]),
        any: false,
        methods: strings(&["GET", "DELETE"]),
        headers: strings(&["authorization", "content-type"]),
        expose: strings(&["ratelimit", "x-request-id"]),
        credentials: true,
        max_age: Duration::from_secs(600),
    }
}

fn policy(edit: impl FnOnce(&mut ListedOrigins)) -> CorsPolicy {
    let mut listed = listed();
    edit(&mut listed);
    CorsPolicy::Listed(Box::new(listed))
}

/// `METHOD; name: value; …`
fn head(text: &str) -> Head<'_> {
    let mut parts = text.split("; ");
    let method = parts.next().unwrap();
    let fields = parts.map(|line| {
        let (name, value) = line.split_once(": ").unwrap();
        (name, value.as_bytes())
    });
    heads::build((method, b"/", Protocol::Http11), "media.example", fields).unwrap()
}

fn lines(headers: &[(HeaderName, HeaderValue)]) -> String {
    let lines: Vec<String> = headers
        .iter()
        .map(|(name, value)| {
            format!("{}={}", name.as_str().trim_start_matches("access-control-"), value.to_str().unwrap())
        })
        .collect();
    lines.join(" | ")
}

#[test]
fn grants() {
    let check = |policy: &CorsPolicy, request: &str, expected: &str| {
        let grant = policy.grant(&head(request));
        let vary = if grant.vary { " | vary" } else { "" };
        assert_eq!(format!("{}{vary}", lines(&grant.headers)), expected, "{request}");
    };
    let own = policy(|_| {});
    let full = "allow-origin=https://a.example | allow-credentials=true | expose-headers=ratelimit, x-request-id | vary";
    check(&own, "GET; Origin: https://a.example", full);
    check(&own, "GET; oRiGiN: https://a.example", full);
    check(&own, "GET; Origin: HTTPS://A.example", &full.replace("https://a", "HTTPS://A"));
    for other in [
        "GET",
        "GET; Origin: https://a.example.evil.test",
        "GET; Origin: https://evil.test?https://a.example",
        "GET; Origin: https://a.example/",
        "GET; Origin: https://a.example:443",
        "GET; Origin: http://a.example",
        "GET; Origin: https://aXexample",
        "GET; Origin: https://b.example:8080",
        "GET; Origin: null",
        "GET; Origin: *",
        "GET; Origin: https://a.example, https://a.example",
        "GET; Origin: https://a.example; Origin: https://a.example",
        "GET; Origin: https://a.example; origin: https://evil.test",
    ] {
        check(&own, other, " | vary");
    }

    let null = policy(|l| l.origins = strings(&["null"]));
    check(
        &null,
        "GET; Origin: null",
        "allow-origin=null | allow-credentials=true | expose-headers=ratelimit, x-request-id | vary",
    );
    check(&null, "GET; Origin: NULL", " | vary");

    let open = policy(|l| (l.any, l.credentials, l.expose) = (true, false, Vec::new()));
    check(&open, "GET; Origin: https://any.test", "allow-origin=*");
    check(&open, "GET", "allow-origin=*");
    check(&open, "GET; Origin: https://a.test; Origin: https://b.test", "");

    let contradiction = policy(|l| l.any = true);
    check(&contradiction, "GET; Origin: https://any.test", " | vary");

    check(&CorsPolicy::SameOrigin, "GET; Origin: https://a.example", "");
    check(&CorsPolicy::App, "GET; Origin: https://a.example", "");
}

#[test]
fn preflights() {
    let check = |policy: &CorsPolicy, request: &str, expected: Option<&str>| {
        let seen = match policy.preflight(&head(request)) {
            Some(PreflightRequest::Gateway { answer, .. }) => Some(lines(&answer.headers)),
            Some(PreflightRequest::App { .. }) | None => None,
        };
        assert_eq!(seen.as_deref(), expected, "{request}");
    };
    const ASK: &str = "OPTIONS; Origin: https://a.example; Access-Control-Request-Method: DELETE";
    let vary = "vary=Origin, Access-Control-Request-Method, Access-Control-Request-Headers";
    let full = format!(
        "{vary} | allow-origin=https://a.example | allow-credentials=true | allow-methods=GET, DELETE | \
         allow-headers=authorization, content-type | max-age=600"
    );
    let own = policy(|_| {});
    check(&own, ASK, Some(&full));
    check(&own, &format!("{ASK}; Access-Control-Request-Headers: x-evil"), Some(&full));
    check(&own, &format!("{ASK}; Access-Control-Request-Private-Network: true"), Some(&full));
    check(&own, &ASK.replace("https://a", "https://evil"), Some(vary));
    check(&own, &ASK.replace("https://a.example", "null"), Some(vary));

    for not_one in [
        "OPTIONS",
        "OPTIONS; Origin: https://a.example",
        "OPTIONS; Access-Control-Request-Method: DELETE",
        "GET; Origin: https://a.example; Access-Control-Request-Method: DELETE",
        "OPTIONS; Origin: https://a.example; Access-Control-Request-Method: A B",
        "OPTIONS; Origin: https://a.example; Access-Control-Request-Method: GET; Access-Control-Request-Method: PUT",
        "OPTIONS; Origin: https://a.example; Origin: https://a.example; Access-Control-Request-Method: GET",
    ] {
        check(&own, not_one, None);
        check(&CorsPolicy::SameOrigin, not_one, None);
    }
    check(&CorsPolicy::SameOrigin, ASK, Some(""));
    check(&CorsPolicy::App, ASK, None);

    let wild = policy(|l| (l.methods, l.headers) = (strings(&["*"]), strings(&["*"])));
    check(
        &wild,
        &format!("{ASK}; Access-Control-Request-Headers: Authorization,X-A, (bad) ,"),
        Some(&format!(
            "{vary} | allow-origin=https://a.example | allow-credentials=true | allow-methods=DELETE | \
             allow-headers=authorization, x-a | max-age=600"
        )),
    );
    let open = policy(|l| (l.any, l.credentials) = (true, false));
    check(
        &open,
        ASK,
        Some(&format!(
            "{vary} | allow-origin=* | allow-methods=GET, DELETE | allow-headers=authorization, content-type | max-age=600"
        )),
    );
}

#[test]
fn a_wildcard_lists_no_origin() {
    let open = policy(|l| (l.any, l.credentials) = (true, false));
    assert!(open.lists("https://A.example"));
    assert!(!open.lists("https://any.test"));
    assert!(!open.lists("*"));
    assert!(!CorsPolicy::SameOrigin.lists("https://a.example"));
    assert!(!CorsPolicy::App.lists("https://a.example"));
}
