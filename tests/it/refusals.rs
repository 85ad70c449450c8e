//! Every refusal: its status, its fields and its body in each shape.

use std::io;

use crate::harness::{Client, Exchange, Gateway, Request, Response, Token, Upstream, token, unix_now};

const CONFIG: &str = r#"
[server]
trusted_proxies = ["127.0.0.0/8"]

[server.timeouts]
header = "1s"

[auth.house]
sources = ["bearer", "header:x-stagedoor-token", "cookie:access_token"]

[app.media]
hosts    = ["media.localhost"]
upstream = { urls = ["UPSTREAM"], read = "1s" }
auth     = "required"
unlisted = "deny"
errors   = "SHAPE"

[app.media.cors]
origins     = ["https://good.example"]
credentials = true
expose      = ["x-request-id"]

[[app.media.route]]
match = "* /x"
[[app.media.route]]
match = "GET /listed"
[[app.media.route]]
match = "GET /admin"
roles = ["admin"]
[[app.media.route]]
match  = "GET /scoped"
scopes = ["media:write"]
[[app.media.route]]
match = "GET /users/{user}/jobs"
owner = { param = "user", or_role = "admin" }
[[app.media.route]]
match    = "POST /small"
auth     = "public"
body.max = "1KiB"
[[app.media.route]]
match    = "GET /limited"
auth     = "public"
limit.ip = ["1/hour"]
[[app.media.route]]
match = "GET /silent"
auth  = "public"
[[app.media.route]]
match     = "GET /no-sockets"
auth      = "public"
websocket = false

[app.gone]
hosts    = ["gone.localhost"]
upstream = { urls = ["http://127.0.0.1:9"], connect = "1s" }
auth     = "public"
errors   = "SHAPE"
cors     = { origins = ["https://good.example"], expose = ["x-request-id"], credentials = true }

[app.fenced]
hosts    = ["fenced.localhost"]
upstream = { urls = ["UPSTREAM"] }
auth     = "public"
errors   = "SHAPE"
access   = { allow = ["10.0.0.0/8"] }
cors     = { origins = ["https://good.example"], expose = ["x-request-id"], credentials = true }
"#;

/// A refusal, how it is provoked, and what goes with it.
struct Case {
    code: &'static str,
    status: u16,
    bytes: Vec<u8>,
    /// The app is known by the time it is refused, so its shape and its CORS rules are.
    of_an_app: bool,
    closes: bool,
    field: Option<(&'static str, &'static str)>,
}

fn case(code: &'static str, status: u16, request: &Request) -> Case {
    // Allowed to read what is refused, and not a navigation.
    let bytes = request
        .clone()
        .field("Origin", "https://good.example")
        .field("Sec-Fetch-Site", "same-origin")
        .bytes();
    Case { code, status, bytes, of_an_app: true, closes: false, field: None }
}

impl Case {
    fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.field = Some((name, value));
        self
    }

    fn closing(mut self) -> Self {
        self.closes = true;
        self
    }

    /// Refused before an app is known.
    fn of_nobody(mut self) -> Self {
        self.of_an_app = false;
        self
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes = bytes.to_vec();
        self
    }
}

fn cases() -> Vec<Case> {
    let bob = Token::of("bob").roles(&["user"]).claim("scope", "media:read").sign();
    let get = |target: &str| Request::get(target).bearer(&bob);
    let now = unix_now();
    let expired = Token::of("bob").claim("iat", now - 7200).claim("exp", now - 3600).sign();
    let upgrade = |target: &str, to: &str| get(target).field("Connection", "upgrade").field("Upgrade", to);
    let bearer = r#"Bearer realm="media""#;
    let invalid = r#"Bearer realm="media", error="invalid_token""#;
    let none = &Request::get("/x");
    vec![
        case("bad_request", 400, none).of_nobody().closing().raw(b"GET /x HTTP/1.1\r\n\r\n"),
        case("ambiguous_credentials", 400, &get("/x").field("x-stagedoor-token", token("eve"))).closing(),
        case("ambiguous_path", 400, &get("/a/../x")).closing(),
        case("ambiguous_path", 400, &get("/X")).closing(),
        case("token_missing", 401, none).with("www-authenticate", bearer),
        case("token_invalid", 401, &Request::get("/x").bearer("nonsense")).with("www-authenticate", invalid),
        case("token_expired", 401, &Request::get("/x").bearer(&expired)).with("www-authenticate", invalid),
        case("forbidden", 403, &get("/admin")),
        case("forbidden", 403, &get("/scoped"))
            .with("www-authenticate", r#"Bearer realm="media", error="insufficient_scope""#),
        case("not_owner", 403, &get("/users/eve/jobs")),
        case("cross_origin", 403, none).raw(
            &Request::post("/x", "")
                .field("Cookie", format!("access_token={bob}"))
                .field("Origin", "https://evil.example")
                .bytes(),
        ),
        case("address_refused", 403, &get("/x").host("fenced.localhost")),
        case("upgrade_refused", 403, &upgrade("/x", "websocket")),
        case("upgrade_refused", 403, &upgrade("/no-sockets", "websocket")),
        case("unknown_host", 421, &get("/x").host("other.localhost")).of_nobody(),
        case("not_found", 404, &get("/nothing")),
        case("method_not_allowed", 405, &Request::post("/listed", "").bearer(&bob))
            .with("allow", "GET, HEAD"),
        case("method_not_allowed", 405, none)
            .of_nobody()
            .closing()
            .raw(b"TRACE /x HTTP/1.1\r\nHost: media.localhost\r\n\r\n"),
        case("head_timeout", 408, none).of_nobody().closing().raw(b"GET /x HTTP/1.1\r\nHo"),
        case("uri_too_long", 414, &get(&format!("/{}", "a".repeat(9000)))).of_nobody().closing(),
        case("headers_too_large", 431, &get("/x").field("X-Big", "v".repeat(40_000))).of_nobody().closing(),
        case("body_too_large", 413, &Request::post("/small", vec![b'x'; 2000])).closing(),
        case("rate_limited", 429, &get("/limited").field("x-forwarded-for", "192.0.2.7")),
        case("upstream_unreachable", 502, &get("/x").host("gone.localhost")).closing(),
        case("upstream_timeout", 504, &get("/silent")).closing(),
    ]
}

fn app(exchange: &mut Exchange<'_>) -> io::Result<()> {
    if exchange.path() == "/silent" {
        exchange.wait_for_the_end();
        return Ok(());
    }
    exchange.body()?;
    exchange.reply("200 OK", &[], "ok")
}

#[test]
fn every_refusal_as_a_problem() {
    table("problem");
}

#[test]
fn every_refusal_as_fastapi_says_it() {
    table("fastapi");
}

#[test]
fn every_refusal_as_an_error() {
    table("error");
}

fn table(shape: &str) {
    let upstream = Upstream::with(app);
    let gateway = Gateway::before(&upstream, &CONFIG.replace("SHAPE", shape));
    let first = Request::get("/limited").field("x-forwarded-for", "192.0.2.7");
    assert_eq!(gateway.ask(&first).status, 200);
    let mut faults = Vec::new();
    for case in cases() {
        let mut client = gateway.client();
        client.send(&case.bytes);
        let answer = client.answer();
        let mut note = |fault: String| faults.push(format!("{} {}: {fault}", case.status, case.code));
        if answer.status != case.status {
            note(format!("answered {answer:?}"));
            continue;
        }
        for fault in faults_of(&case, &answer, shape) {
            note(fault);
        }
        let event = gateway.event(&answer);
        if event["code"] != case.code || event["status"] != case.status {
            note(format!("logged as {event}"));
        }
        let closes = answer.field("connection") == "close";
        if case.closes && !closes {
            note(format!("`connection: {}`", answer.field("connection")));
        }
        if closes && !client.is_closed() {
            note("the connection stays open".to_owned());
        }
    }
    assert!(faults.is_empty(), "{}:\n{}", faults.len(), faults.join("\n"));
    let reached: Vec<_> = upstream.seen().into_iter().map(|seen| seen.target).collect();
    assert_eq!(reached, ["/limited", "/silent"]);
}

fn faults_of(case: &Case, answer: &Response, shape: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut expect = |name: &str, value: &str| {
        if answer.field(name) != value {
            faults.push(format!("`{name}: {}`, expected `{value}`", answer.field(name)));
        }
    };
    expect("x-stagedoor-code", case.code);
    expect("x-content-type-options", "nosniff");
    expect("x-frame-options", "DENY");
    expect("content-security-policy", "default-src 'none'; frame-ancestors 'none'");
    expect("referrer-policy", "no-referrer");
    expect("cache-control", "no-store");
    expect("cross-origin-opener-policy", "same-origin");
    expect("cross-origin-resource-policy", "same-origin");
    if let Some((name, value)) = case.field {
        expect(name, value);
    }
    if case.of_an_app && case.code != "cross_origin" {
        expect("access-control-allow-origin", "https://good.example");
        expect("access-control-allow-credentials", "true");
        let exposed = answer.field("access-control-expose-headers");
        if !exposed.split(", ").any(|name| name == "x-stagedoor-code") {
            faults.push(format!("`access-control-expose-headers: {exposed}`"));
        }
    } else {
        expect("access-control-allow-origin", "");
    }
    if !answer.complete {
        faults.push("the body is not whole".to_owned());
    }
    let id = answer.field("x-request-id");
    if id.len() < 16 {
        faults.push(format!("`x-request-id: {id}`"));
    }
    if answer.fields.has("server") || answer.fields.has("strict-transport-security") {
        faults.push(format!("a field too many: {:?}", answer.fields));
    }
    if case.code == "rate_limited" {
        faults.extend(faults_of_a_limit(answer, shape));
    }
    let shape = if case.of_an_app { shape } else { "problem" };
    faults.extend(faults_of_the_body(case, answer, shape));
    faults
}

fn faults_of_a_limit(answer: &Response, shape: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for name in [
        "retry-after",
        "ratelimit",
        "ratelimit-policy",
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
    ] {
        if !answer.fields.has(name) {
            faults.push(format!("no `{name}`"));
        }
    }
    if answer.field("retry-after").parse::<u64>().is_ok_and(|after| (3000..=3960).contains(&after)) {
    } else {
        faults.push(format!("`retry-after: {}`", answer.field("retry-after")));
    }
    let kind = "https://iana.org/assignments/http-problem-types#quota-exceeded";
    if shape == "problem" && answer.json()["type"] != kind {
        faults.push(format!("type {}", answer.json()["type"]));
    }
    faults
}

fn faults_of_the_body(case: &Case, answer: &Response, shape: &str) -> Vec<String> {
    let json = serde_json::from_slice::<serde_json::Value>(&answer.body).unwrap_or_default();
    let kind = answer.field("content-type");
    match shape {
        "problem" => {
            let instance = format!("urn:uuid:{}", answer.field("x-request-id"));
            let sound = kind == "application/problem+json"
                && json["code"] == case.code
                && json["status"] == case.status
                && json["instance"] == instance.as_str()
                && ["type", "title", "detail"]
                    .iter()
                    .all(|key| json[key].as_str().is_some_and(|text| !text.is_empty()));
            if sound { Vec::new() } else { vec![format!("as {kind}: {json}")] }
        }
        key => {
            let key = if key == "fastapi" { "detail" } else { "error" };
            let text = json[key].as_str().unwrap_or_default();
            let sound = kind == "application/json"
                && !text.is_empty()
                && (case.code != "token_missing" || key != "detail" || text == "Not authenticated");
            if sound { Vec::new() } else { vec![format!("as {kind}: {json}")] }
        }
    }
}

#[test]
fn a_navigation_gets_a_page_and_is_never_redirected() {
    let upstream = Upstream::with(app);
    let gateway = Gateway::before(&upstream, &CONFIG.replace("SHAPE", "fastapi"));
    let html = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    for (path, status) in [("/x", 401), ("/nothing", 404), ("/a/../b", 400)] {
        let request = Request::get(path)
            .field("Accept", html)
            .field("Sec-Fetch-Mode", "navigate")
            .field("Sec-Fetch-Dest", "document");
        let answer = gateway.ask(&request);
        assert_eq!(answer.status, status);
        assert!(answer.field("content-type").starts_with("text/html"), "{answer:?}");
        assert!(answer.text().contains(answer.field("x-request-id")), "the page tells the request id");
        assert!(!answer.fields.has("location"));
        let csp = answer.field("content-security-policy");
        assert!(csp.starts_with("default-src 'none'") && csp.contains("frame-ancestors 'none'"), "{csp}");
    }
    // What a script asks for is no page, whatever it accepts.
    let fetched = Request::get("/x").field("Accept", html).field("Sec-Fetch-Mode", "cors");
    assert_eq!(gateway.ask(&fetched).field("content-type"), "application/json");
    assert_eq!(
        gateway.ask(&Request::get("/x").field("Accept", "*/*")).field("content-type"),
        "application/json"
    );
}

#[test]
fn nothing_of_the_request_is_reflected() {
    let upstream = Upstream::with(app);
    let gateway = Gateway::before(&upstream, &CONFIG.replace("SHAPE", "problem"));
    let answer = gateway.ask(
        &Request::get("/%3Cscript%3Ealert(1)%3C/script%3E?<b>")
            .field("Accept", "text/html")
            .field("Sec-Fetch-Mode", "navigate")
            .field("User-Agent", "<i>agent</i>"),
    );
    for word in ["script", "alert", "<b>", "<i>"] {
        assert!(
            !answer.text().contains(&format!("{word}(")) && !answer.text().contains("<i>"),
            "{}",
            answer.text()
        );
    }
    assert!(!answer.text().contains("alert"), "{}", answer.text());
}

#[test]
fn an_answer_to_head_has_no_body() {
    let upstream = Upstream::with(app);
    let gateway = Gateway::before(&upstream, &CONFIG.replace("SHAPE", "problem"));
    let mut client = gateway.client();
    let answer = client.ask(&Request::new("HEAD", "/x"));
    assert_eq!(answer.status, 401);
    let with = gateway.ask(&Request::get("/x"));
    assert_eq!(answer.field("content-length"), with.field("content-length"));
    assert_eq!((gateway.event(&answer)["bytes_out"].as_u64(), answer.body.len()), (Some(0), 0));
    assert_eq!(gateway.event(&with)["bytes_out"], with.body.len());
    assert_eq!(client.ask(&Request::get("/nothing")).status, 404, "the connection is still in step");
}

#[test]
fn preflights_need_no_credential() {
    let upstream = Upstream::with(app);
    let gateway = Gateway::before(&upstream, &CONFIG.replace("SHAPE", "problem"));
    let preflight = |origin: &str, method: &str| {
        gateway.ask(
            &Request::new("OPTIONS", "/x")
                .field("Origin", origin)
                .field("Access-Control-Request-Method", method)
                .field("Access-Control-Request-Headers", "authorization"),
        )
    };
    let allowed = preflight("https://good.example", "GET");
    assert_eq!(allowed.status, 204);
    assert_eq!(allowed.field("access-control-allow-origin"), "https://good.example");
    assert_eq!(allowed.field("access-control-allow-credentials"), "true");
    assert!(allowed.fields.has("x-request-id"));
    let refused = preflight("https://evil.example", "GET");
    assert_eq!(refused.status, 204);
    assert!(
        refused.fields.0.iter().all(|(name, _)| !name.to_ascii_lowercase().starts_with("access-control-"))
    );
    let plain = gateway.ask(&Request::new("OPTIONS", "/x"));
    assert_eq!(
        (plain.status, plain.code().as_str()),
        (401, "token_missing"),
        "no preflight, a request like others"
    );
    assert!(upstream.seen().is_empty());
}

#[test]
fn connections_beyond_the_cap_are_told_so() {
    let upstream = Upstream::with(app);
    let config = CONFIG
        .replace("SHAPE", "problem")
        .replace("[server.timeouts]", "[server.limits]\nconnections = 2\n[server.timeouts]");
    let gateway = Gateway::before(&upstream, &config);
    let mut open: Vec<Client> = (0..2).map(|_| gateway.client()).collect();
    for client in &mut open {
        assert_eq!(client.ask(&Request::get("/x")).status, 401);
    }
    let mut third = gateway.client();
    let answer = third.answer();
    assert_eq!((answer.status, answer.code().as_str()), (503, "overloaded"));
    assert!(answer.field("retry-after").parse::<u64>().is_ok_and(|after| after > 0), "{answer:?}");
    assert!(answer.fields.has("x-request-id"));
    assert_eq!(answer.field("connection"), "close");
    assert!(third.is_closed());
    assert!(gateway.metric("stagedoor_connections_refused_total", &["connections"]) >= 1.0);
}
