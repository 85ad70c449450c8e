//! Apps with headers, cookies, redirects and refusals of their own.

use std::io;

use crate::harness::{Exchange, Gateway, HOST, Request, Response, Upstream};

const CONFIG: &str = r#"
[app.media]
hosts    = ["media.localhost", "media.example.com"]
upstream = { urls = ["UPSTREAM"] }
auth     = "public"
"#;

/// Every security header that an app may send itself, with a value that is not the gateway's.
const OWN: &[(&str, &str)] = &[
    ("strict-transport-security", "max-age=60"),
    ("x-content-type-options", "NOSNIFF"),
    ("x-frame-options", "ALLOW-FROM https://tv.example"),
    ("content-security-policy", "default-src 'self' 'unsafe-inline'; report-uri /csp"),
    ("content-security-policy-report-only", "default-src 'none'; report-uri /csp"),
    ("referrer-policy", "unsafe-url"),
    ("permissions-policy", "camera=(self)"),
    ("cross-origin-opener-policy", "unsafe-none"),
    ("cross-origin-resource-policy", "cross-origin"),
    ("cross-origin-embedder-policy", "require-corp"),
    ("cross-origin-opener-policy-report-only", "same-origin"),
    ("cross-origin-embedder-policy-report-only", "require-corp"),
    ("x-permitted-cross-domain-policies", "master-only"),
    ("x-download-options", "noopen"),
    ("x-robots-tag", "none"),
    ("origin-agent-cluster", "?1"),
    ("clear-site-data", "\"cache\""),
    ("reporting-endpoints", "main=\"/reports\""),
    ("cache-control", "private, max-age=5"),
];

/// Answers with the one header that the query names, `;`-separated lines of it, as a page.
fn says(lines: &'static [(&'static str, &'static str)]) -> Upstream {
    Upstream::with(move |exchange| {
        let lines: Vec<String> = lines.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        let mut lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        lines.push("Content-Type: text/html");
        exchange.reply("200 OK", &lines, "<script>inline()</script>")
    })
}

fn from_https() -> Request {
    Request::get("/x").host("media.example.com").field("X-Forwarded-Proto", "https")
}

/// No field that means one thing stands twice.
fn assert_nothing_twice(answer: &Response) {
    for (name, _) in &answer.fields.0 {
        if !name.eq_ignore_ascii_case("set-cookie") {
            let _ = answer.fields.sole(name);
        }
    }
}

#[test]
fn what_an_app_says_itself_stands_once_and_as_it_is() {
    let app = says(OWN);
    for lines in [
        "",
        "headers.preset = \"api\"\n",
        "headers.preset = \"off\"\n",
        "headers = { hsts = { max_age = \"365d\" }, csp = { mode = \"report\", policy = { default-src = [\"'self'\"] } } }\n",
        "headers = { csp = { mode = \"enforce\", policy = { default-src = [\"'self'\"] } } }\n",
    ] {
        let trusting = "[server]\ntrusted_proxies = [\"127.0.0.1/32\"]\n";
        let gateway = Gateway::before(&app, &format!("{trusting}{CONFIG}{lines}"));
        let answer = gateway.ask(&from_https());
        assert_eq!(answer.text(), "<script>inline()</script>");
        for (name, value) in OWN {
            assert_eq!(answer.fields.sole(name), Some(*value), "{lines}");
        }
        assert_nothing_twice(&answer);
    }
}

#[test]
fn an_app_that_says_nothing_gets_each_header_once() {
    let app = says(&[]);
    let gateway = Gateway::before(&app, CONFIG);
    let answer = gateway.ask(&Request::get("/x"));
    for name in ["x-content-type-options", "x-frame-options", "content-security-policy", "referrer-policy"] {
        assert!(answer.fields.sole(name).is_some(), "{name}");
    }
    assert_nothing_twice(&answer);
}

/// A second policy would intersect with the app's and break its inline scripts.
#[test]
fn an_apps_csp_stays_alone() {
    const TWO: &[(&str, &str)] = &[
        ("Content-Security-Policy", "script-src 'self' 'unsafe-inline'"),
        ("content-security-policy", "img-src * data:"),
    ];
    const REPORTED: &[(&str, &str)] = &[("Content-Security-Policy-Report-Only", "default-src 'none'")];
    let reporting = "headers = { csp = { mode = \"report\", policy = { default-src = [\"'self'\"] } } }\n";
    let enforcing = "headers = { csp = { mode = \"enforce\", policy = { default-src = [\"'self'\"] } } }\n";
    let two = says(TWO);
    let reported = says(REPORTED);
    for lines in ["", reporting, enforcing] {
        let answer = Gateway::before(&two, &format!("{CONFIG}{lines}")).ask(&Request::get("/x"));
        let policies: Vec<&str> = answer.fields.all("content-security-policy").collect();
        assert_eq!(policies, [TWO[0].1, TWO[1].1], "{lines}");
        assert!(!answer.fields.has("content-security-policy-report-only"), "{lines}: {answer:?}");

        let answer = Gateway::before(&reported, &format!("{CONFIG}{lines}")).ask(&Request::get("/x"));
        let only = answer.fields.sole("content-security-policy-report-only");
        assert_eq!(only, Some("default-src 'none'"), "{lines}");
        // What is only reported on protects nobody: the enforced policy is still ours.
        let enforced = answer.fields.sole("content-security-policy").unwrap();
        assert_eq!(enforced.contains("default-src"), lines == enforcing, "{enforced}");
    }
    let replacing = enforcing.replace("enforce\"", "enforce\", app = \"replace\"");
    let answer = Gateway::before(&two, &format!("{CONFIG}{replacing}")).ask(&Request::get("/x"));
    assert!(answer.fields.sole("content-security-policy").unwrap().starts_with("default-src 'self'"));
}

/// The lines of a login, as an app with several frameworks in it sends them.
const COOKIES: &[&str] = &[
    "session=abc; Path=/; HttpOnly; SameSite=Lax",
    "session.sig=d,e,f; Path=/; Expires=Wed, 21 Oct 2037 07:28:00 GMT",
    "csrf=\"a b, c\"; path=/",
    "theme=dark",
    "lang=de; Domain=media.localhost",
    "old=; Max-Age=0; Path=/",
    "old=; Max-Age=0; Path=/app",
    "session=abc2; Path=/app; httponly",
    "__Host-x=1; Path=/; Secure",
    "tracking=1; SameSite=None; Partitioned",
];

#[test]
fn ten_cookies_stay_ten_in_their_order_and_as_they_are() {
    let app = Upstream::with(|exchange| {
        exchange.body()?;
        let lines: Vec<String> = COOKIES.iter().map(|cookie| format!("Set-Cookie: {cookie}")).collect();
        let mut lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        lines.insert(5, "X-Between: 1");
        let status = match exchange.path().as_str() {
            "/login" => "303 See Other",
            "/refused" => "401 Unauthorized",
            "/same" => {
                return exchange
                    .write(format!("HTTP/1.1 304 Not Modified\r\n{}\r\n\r\n", lines.join("\r\n")));
            }
            _ => "200 OK",
        };
        exchange.reply(status, &lines, "")
    });
    let trusting = format!("[server]\ntrusted_proxies = [\"127.0.0.1/32\"]\n{CONFIG}");
    let plain = Gateway::before(&app, CONFIG);
    let proxied = Gateway::before(&app, &trusting);
    for path in ["/login", "/refused", "/same", "/page"] {
        for (gateway, request) in [
            (&plain, Request::post(path, "u=1")),
            (&plain, Request::get(path)),
            (&proxied, Request::get(path).host("media.example.com").field("X-Forwarded-Proto", "https")),
        ] {
            let answer = gateway.ask(&request);
            let cookies: Vec<&str> = answer.fields.all("set-cookie").collect();
            assert_eq!(cookies, COOKIES, "{path}");
        }
    }
}

/// Status and fields of answers that point somewhere.
const POINTERS: &[(&str, &str)] = &[
    ("302 Found", "Location: ?token=abc&x=%2F"),
    ("302 Found", "Location: ../x"),
    ("302 Found", "Location: ./"),
    ("302 Found", "Location: x/y;z"),
    ("302 Found", "Location: //cdn.example/film"),
    ("302 Found", "Location: #part"),
    ("301 Moved Permanently", "Location: http://127.0.0.1:8096/web/index.html"),
    (
        "303 See Other",
        "Location: https://idp.example/authorize?redirect_uri=http%3A%2F%2Fmedia.localhost%2Fcb",
    ),
    ("307 Temporary Redirect", "Location: /m\u{fc}ller|x"),
    ("308 Permanent Redirect", "Location: HTTP://Media.Localhost:80/A"),
    ("302 Found", "Location: app://open"),
    ("300 Multiple Choices", "Location: a"),
    ("201 Created", "Location: /files/7"),
    ("201 Created", "Content-Location: ../files/7"),
    ("200 OK", "Content-Location: http://127.0.0.1:8096/x"),
    ("200 OK", "Refresh: 5; url=?again=1"),
    ("200 OK", "Link: <?page=2>; rel=\"next\", <//cdn.example>; rel=preconnect"),
    ("202 Accepted", "Location: jobs/1"),
];

#[test]
fn what_points_somewhere_points_there_still() {
    let app = Upstream::with(|exchange| {
        exchange.body()?;
        let n: usize = exchange.path().trim_start_matches('/').parse().unwrap();
        let (status, line) = POINTERS[n];
        exchange.reply(status, &[line], "")
    });
    let upstreams_host = CONFIG.replace("[\"UPSTREAM\"]", "[\"UPSTREAM\"], host = \"upstream\"");
    for config in [CONFIG, &upstreams_host] {
        let gateway = Gateway::before(&app, config);
        for (n, (status, line)) in POINTERS.iter().enumerate() {
            let answer = gateway.ask(&Request::get(&format!("/{n}")).field("Accept", "text/html"));
            assert!(status.starts_with(&answer.status.to_string()), "{status} {line}: {answer:?}");
            let (name, value) = line.split_once(": ").unwrap();
            let value: String = value.bytes().map(char::from).collect();
            assert_eq!(answer.field(name), value);
        }
    }
}

/// Status, the fields that give it its meaning, and its body.
type Refusal = (&'static str, &'static [&'static str], &'static str);

const REFUSALS: &[Refusal] = &[
    (
        "401 Unauthorized",
        &["WWW-Authenticate: Digest realm=\"app\", nonce=\"n\", qop=\"auth\""],
        "<h1>Log in</h1>",
    ),
    ("403 Forbidden", &["X-CSRF-Failed: 1", "Content-Type: application/json"], "{\"detail\":\"CSRF\"}"),
    ("404 Not Found", &["Content-Type: text/html", "Cache-Control: max-age=60"], "<h1>No such film</h1>"),
    ("405 Method Not Allowed", &["Allow: GET, PROPFIND, X-OWN"], "no"),
    ("409 Conflict", &["X-Transmission-Session-Id: s1"], "<h1>409: Conflict</h1>"),
    ("413 Content Too Large", &["Retry-After: 3", "Content-Type: text/plain"], "at most 5 MB"),
    ("415 Unsupported Media Type", &["Accept-Post: image/png", "Accept: image/png"], "png only"),
    ("416 Range Not Satisfiable", &["Content-Range: bytes */1234"], ""),
    ("422 Unprocessable Content", &["Content-Type: application/json"], "{\"detail\":[{\"loc\":[\"body\"]}]}"),
    (
        "429 Too Many Requests",
        &["Retry-After: 77", "X-RateLimit-Remaining: 0", "RateLimit: limit=5"],
        "own limit",
    ),
    ("418 I'm a teapot", &["X-Pot: 1"], "short"),
    ("451 Whatever", &["Link: <https://law.example>; rel=\"blocked-by\""], "law"),
    ("503 Service Unavailable", &["Retry-After: 120"], "library scan"),
];

fn refuses(exchange: &mut Exchange<'_>) -> io::Result<()> {
    exchange.body()?;
    let n: usize = exchange.path().trim_start_matches('/').parse().unwrap();
    let (status, lines, body) = REFUSALS[n];
    exchange.reply(status, lines, body)
}

#[test]
fn an_apps_own_refusals_are_its_own_for_everybody() {
    let app = Upstream::with(refuses);
    for lines in [
        "",
        "errors = \"fastapi\"\n",
        "errors = \"error\"\n",
        "unlisted = \"deny\"\n[[app.media.route]]\nmatch = \"* /{*rest}\"\n",
    ] {
        let gateway = Gateway::before(&app, &format!("{CONFIG}{lines}"));
        let mut client = gateway.client();
        for (n, (status, fields, body)) in REFUSALS.iter().enumerate() {
            let target = format!("/{n}");
            for request in [
                Request::get(&target),
                Request::post(&target, "x=1"),
                Request::new("HEAD", &target),
                Request::get(&target).field("Accept", "text/html").field("Sec-Fetch-Mode", "navigate"),
            ] {
                let head = request.method == "HEAD";
                let answer = client.ask(&request);
                assert!(status.starts_with(&answer.status.to_string()), "{status}: {answer:?}");
                assert_eq!(answer.text(), if head { "" } else { body }, "{status}");
                assert_eq!(answer.field("content-length"), body.len().to_string(), "{status}");
                for line in *fields {
                    let (name, value) = line.split_once(": ").unwrap();
                    assert_eq!(answer.fields.sole(name), Some(value), "{status} {request:?}");
                }
                assert!(answer.fields.has("x-request-id"), "{status}");
            }
        }
    }
}

/// The handshake of transmission: 409 hands out an id, which the next request carries.
#[test]
fn a_session_id_is_handed_out_by_a_conflict() {
    let app = Upstream::with(|exchange| {
        exchange.body()?;
        match exchange.seen().fields.sole("x-transmission-session-id") {
            Some("s-42") => {
                exchange.reply("200 OK", &["Content-Type: application/json"], r#"{"result":"success"}"#)
            }
            _ => {
                exchange.reply("409 Conflict", &["X-Transmission-Session-Id: s-42"], "<h1>409: Conflict</h1>")
            }
        }
    });
    let gateway = Gateway::before(&app, CONFIG);
    let mut client = gateway.client();
    let ask = || Request::post("/transmission/rpc", r#"{"method":"session-get"}"#).host(HOST);
    let first = client.ask(&ask());
    assert_eq!(first.status, 409);
    let id = first.field("x-transmission-session-id").to_owned();
    let second = client.ask(&ask().field("X-Transmission-Session-Id", id));
    assert_eq!((second.status, second.json()["result"].as_str()), (200, Some("success")));
}

/// The app's own words about its own limit, next to a limit of the gateway.
#[test]
fn the_retry_after_of_the_app_is_its_own() {
    let app =
        Upstream::with(|exchange| exchange.reply("429 Too Many Requests", &["Retry-After: 77"], "own limit"));
    let gateway = Gateway::before(&app, &format!("{CONFIG}limit.ip = [\"3/hour\"]\n"));
    for _ in 0..3 {
        let answer = gateway.ask(&Request::get("/x"));
        assert_eq!(
            (answer.status, answer.text().as_str(), answer.field("retry-after")),
            (429, "own limit", "77")
        );
        assert!(
            answer.fields.sole("ratelimit").is_some(),
            "what is left of ours is told as well: {answer:?}"
        );
    }
    let answer = gateway.ask(&Request::get("/x"));
    assert_eq!((answer.status, answer.code().as_str()), (429, "rate_limited"));
    assert_ne!(answer.field("retry-after"), "77");
    assert_eq!(app.seen().len(), 3);
}

/// An app that builds its redirects from the `Host` it hears, or from its own configured address.
#[test]
fn redirects_to_the_app_itself_lead_to_the_gateway() {
    let app = Upstream::with(|exchange| {
        exchange.body()?;
        let own = format!("http://{}", exchange.address());
        let heard = exchange.seen().fields.sole("host").unwrap_or_default().to_owned();
        let to = exchange.path().trim_start_matches('/').to_owned();
        let location = match to.as_str() {
            "own" => format!("Location: {own}/web/"),
            "heard" => format!("Location: http://{heard}/web/?u={own}"),
            "relative" => "Location: /web/".to_owned(),
            "other" => "Location: http://127.0.0.1:1/web/".to_owned(),
            _ => format!("Location: {to}"),
        };
        let refresh = format!("Refresh: 0; url='{own}/web/'");
        exchange.reply("302 Found", &[&location, &format!("Content-Location: {own}/x"), &refresh], "")
    });
    let server =
        "[server]\ntrusted_proxies = [\"127.0.0.1/32\"]\nforwarded = [\"for\", \"proto\", \"port\"]\n";
    for host in ["keep", "upstream"] {
        let own = CONFIG.replace("[\"UPSTREAM\"]", &format!("[\"UPSTREAM\"], host = \"{host}\""));
        let gateway = Gateway::before(&app, &format!("{server}{own}"));
        for (asked, fields, public) in [
            ("media.localhost:8080", &[][..], "http://media.localhost:8080"),
            ("media.localhost", &[("X-Forwarded-Proto", "https")][..], "https://media.localhost"),
            (
                "media.localhost",
                &[("X-Forwarded-Proto", "https"), ("X-Forwarded-Port", "8443")][..],
                "https://media.localhost:8443",
            ),
        ] {
            let ask = |path: &str| {
                let request = Request::get(path).host(asked);
                gateway
                    .ask(&fields.iter().fold(request, |request, (name, value)| request.field(name, *value)))
            };
            let answer = ask("/own");
            assert_eq!(answer.status, 302);
            assert_eq!(answer.field("location"), format!("{public}/web/"), "{host} {asked}");
            assert_eq!(answer.field("content-location"), format!("{public}/x"), "{host} {asked}");
            assert_eq!(answer.field("refresh"), format!("0; url='{public}/web/'"), "{host} {asked}");
            assert_eq!(ask("/relative").field("location"), "/web/");
            assert_eq!(ask("/other").field("location"), "http://127.0.0.1:1/web/");
            let heard = ask("/heard");
            if host == "upstream" {
                assert!(
                    heard.field("location").starts_with(&format!("{public}/web/?u=http://127.")),
                    "{heard:?}"
                );
            }
        }
    }
}
