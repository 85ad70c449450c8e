//! Apps that believe what stands in `Host` and in the `X-Forwarded-*` fields.

use std::collections::HashMap;
use std::io;
use std::sync::Mutex;

use crate::harness::{Exchange, Gateway, HOST, Request, Upstream};

const CONFIG: &str = r#"
[app.media]
hosts    = ["media.localhost", "media.example.com"]
upstream = { urls = ["UPSTREAM"] }
auth     = "public"
"#;

/// The proxy writes all of `X-Forwarded-*`.
const TRUSTING: &str = "[server]\ntrusted_proxies = [\"127.0.0.1/32\", \"10.0.0.0/8\"]\n\
                        forwarded = [\"for\", \"proto\", \"host\", \"port\"]\n";
/// The proxy writes `Forwarded` alone.
const RFC7239: &str =
    "[server]\ntrusted_proxies = [\"127.0.0.1/32\", \"10.0.0.0/8\"]\nforwarded = [\"forwarded\"]\n";

/// Serves its own address alone: a wall against DNS rebinding that also checks the port.
fn knows_its_port(exchange: &mut Exchange<'_>) -> io::Result<()> {
    exchange.body()?;
    if exchange.seen().fields.sole("host") == Some(&exchange.address().to_string()) {
        exchange.reply("200 OK", &[], "the queue")
    } else {
        exchange.reply("401 Unauthorized", &[], "wrong host")
    }
}

/// Takes a form from its own origin alone, which it reads from `Host`.
fn knows_its_origin(exchange: &mut Exchange<'_>) -> io::Result<()> {
    exchange.body()?;
    let seen = exchange.seen();
    let own = format!("http://{}", seen.fields.sole("host").unwrap_or_default());
    if seen.fields.sole("origin") == Some(&own) {
        exchange.reply("200 OK", &[], "saved")
    } else {
        exchange.reply("403 Forbidden", &[], "cross-site")
    }
}

#[test]
fn an_app_that_checks_the_port_in_its_host_gets_its_own() {
    let app = Upstream::with(knows_its_port);
    let kept = Gateway::before(&app, CONFIG);
    assert_eq!(kept.ask(&Request::get("/x")).text(), "wrong host");
    let own = Gateway::before(&app, &CONFIG.replace("[\"UPSTREAM\"]", "[\"UPSTREAM\"], host = \"upstream\""));
    for (host, port) in [(HOST, "80"), ("media.localhost:8080", "8080"), ("MEDIA.localhost:443", "443")] {
        let answer = own.ask(&Request::get("/x").host(host));
        assert_eq!((answer.status, answer.text().as_str()), (200, "the queue"), "{host}");
        let fields = app.last().fields;
        assert_eq!(fields.sole("x-forwarded-host"), Some(host), "the client's host is told all the same");
        assert_eq!(fields.sole("x-forwarded-port"), Some(port));
        assert_eq!(fields.sole("x-forwarded-proto"), Some("http"));
    }
}

#[test]
fn an_app_that_needs_the_clients_host_gets_it() {
    let app = Upstream::with(knows_its_origin);
    let gateway = Gateway::before(&app, CONFIG);
    for host in [HOST, "media.localhost:8080"] {
        let form = Request::post("/save", "a=1").host(host).field("Origin", format!("http://{host}"));
        let answer = gateway.ask(&form);
        assert_eq!((answer.status, answer.text().as_str()), (200, "saved"), "{host}");
        assert_eq!(app.last().fields.sole("x-forwarded-host"), Some(host));
    }
    // Behind another proxy it is the host that the browser asked for.
    let behind = Gateway::before(&app, &format!("{TRUSTING}{CONFIG}"));
    let form = Request::post("/save", "a=1")
        .host("10.0.0.9:3000")
        .field("X-Forwarded-Host", "media.example.com")
        .field("Origin", "http://media.example.com");
    assert_eq!(behind.ask(&form).text(), "saved");
}

/// What a client may send to look like another, whether the peer is trusted or not.
const CLAIMS: &[&[(&str, &str)]] = &[
    &[],
    &[("X-Forwarded-For", "192.0.2.7")],
    &[("X-Forwarded-For", "198.51.100.1"), ("X-Forwarded-For", "192.0.2.7")],
    &[("X-Forwarded-For", "198.51.100.1, 192.0.2.7")],
    &[("X-Forwarded-For", "198.51.100.1,192.0.2.7, 10.1.1.1")],
    &[
        ("x-forwarded-for", "198.51.100.1"),
        ("X_Forwarded_For", "203.0.113.9"),
        ("X-FORWARDED-FOR", "192.0.2.7"),
    ],
    &[("X-Forwarded-For", "not an address, 192.0.2.7:4711")],
    &[("X-Forwarded-For", ""), ("X-Forwarded-For", "192.0.2.7")],
    &[("Forwarded", "for=198.51.100.1, for=192.0.2.7;proto=http")],
    &[("Forwarded", "for=198.51.100.1"), ("Forwarded", "For=\"192.0.2.7:80\"")],
    &[("X-Forwarded-For", "192.0.2.7"), ("Forwarded", "for=203.0.113.9"), ("X-Real-IP", "203.0.113.8")],
    &[("X-Real-IP", "203.0.113.8"), ("True-Client-IP", "203.0.113.8"), ("CF-Connecting-IP", "203.0.113.8")],
];

#[test]
fn exactly_one_address_arrives_whatever_is_claimed() {
    let app = Upstream::start();
    let plain = Gateway::before(&app, CONFIG);
    let trusting = Gateway::before(&app, &format!("{TRUSTING}{CONFIG}"));
    let rfc7239 = Gateway::before(&app, &format!("{RFC7239}{CONFIG}"));
    for claims in CLAIMS {
        let request =
            claims.iter().fold(Request::get("/x"), |request, (name, value)| request.field(name, *value));
        let says = |field: &str| claims.iter().any(|(name, _)| name.eq_ignore_ascii_case(field));
        let last = |field: &str| {
            claims.iter().rfind(|(name, _)| name.eq_ignore_ascii_case(field)).map(|found| found.1)
        };
        let by_rfc7239 = match last("forwarded") {
            Some(said) if said.contains("203.0.113.9") => "203.0.113.9",
            Some(_) => "192.0.2.7",
            None => "127.0.0.1",
        };
        for (gateway, expected) in [
            (&plain, "127.0.0.1"),
            (&trusting, if says("x-forwarded-for") { "192.0.2.7" } else { "127.0.0.1" }),
            (&rfc7239, by_rfc7239),
        ] {
            app.forget();
            assert_eq!(gateway.ask(&request).status, 200, "{claims:?}");
            let seen = app.sole();
            assert_eq!(seen.fields.sole("x-forwarded-for"), Some(expected), "{claims:?}");
            for other in ["x_forwarded_for", "forwarded", "x-real-ip", "true-client-ip", "cf-connecting-ip"] {
                assert!(!seen.fields.has(other), "{claims:?}: {seen:?}");
            }
            for name in ["x-forwarded-proto", "x-forwarded-host", "x-forwarded-port"] {
                assert!(seen.fields.sole(name).is_some(), "{name} after {claims:?}");
            }
        }
    }
}

/// Logs in over what it takes for its public address, three times for each client; anything that does not fit
/// sends the browser back to the form, without a word.
#[derive(Default)]
struct Login(Mutex<HashMap<String, usize>>);

impl Login {
    fn answer(&self, exchange: &mut Exchange<'_>) -> io::Result<()> {
        exchange.body()?;
        let fields = exchange.seen().fields;
        let of = |name| fields.sole(name).unwrap_or_default().to_owned();
        let (proto, host) = (of("x-forwarded-proto"), of("x-forwarded-host"));
        let port = match (proto.as_str(), of("x-forwarded-port").as_str()) {
            ("http", "80") | ("https", "443") => String::new(),
            (_, port) => format!(":{port}"),
        };
        let name = host.split(':').next().unwrap_or_default();
        if of("origin") != format!("{proto}://{name}{port}") {
            return exchange.reply("303 See Other", &["Location: /login"], "");
        }
        let client = of("x-forwarded-for").split(',').next().unwrap_or_default().trim().to_owned();
        let mut tries = self.0.lock().unwrap();
        let count = tries.entry(client).or_default();
        *count += 1;
        if *count > 3 {
            return exchange.reply("429 Too Many Requests", &["Retry-After: 60"], "slow down");
        }
        exchange.reply("303 See Other", &["Location: /home", "Set-Cookie: session=1; HttpOnly"], "")
    }
}

fn login_app() -> Upstream {
    let login = Login::default();
    Upstream::with(move |exchange| login.answer(exchange))
}

/// Where the browser is, what the gateway hears as `Host`, and what the proxy between them says.
type Proxied = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

#[test]
fn a_login_that_depends_on_scheme_host_and_port_works() {
    let app = login_app();
    let gateway = Gateway::before(&app, CONFIG);
    for (host, origin) in
        [(HOST, "http://media.localhost"), ("media.localhost:8080", "http://media.localhost:8080")]
    {
        let lies = Request::post("/login", "u=1")
            .host(host)
            .field("Origin", origin)
            .field("X-Forwarded-Proto", "https")
            .field("X-Forwarded-Host", "evil.example")
            .field("X-Forwarded-Port", "1");
        assert_eq!(gateway.ask(&lies).field("location"), "/home", "{host}");
    }
    let app = login_app();
    let trusting = Gateway::before(&app, &format!("{TRUSTING}{CONFIG}"));
    let rfc7239 = Gateway::before(&app, &format!("{RFC7239}{CONFIG}"));
    let proxied: [Proxied; 6] = [
        ("https://media.example.com", "media.example.com", &[("X-Forwarded-Proto", "https")]),
        (
            "https://media.example.com:8443",
            "10.0.0.9",
            &[("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "media.example.com:8443")],
        ),
        (
            "https://media.example.com",
            "10.0.0.9",
            &[("Forwarded", "for=192.0.2.7;proto=https;host=media.example.com")],
        ),
        ("http://media.example.com", "media.example.com", &[("X-Forwarded-Proto", "http")]),
        (
            "https://media.example.com:8443",
            "media.example.com",
            &[("X-Forwarded-Proto", "https"), ("X-Forwarded-Port", "8443")],
        ),
        (
            "https://media.example.com",
            "10.0.0.9",
            &[
                ("X-Forwarded-Proto", "wss"),
                ("X-Forwarded-Host", "media.example.com:443"),
                ("X-Forwarded-Port", "443"),
            ],
        ),
    ];
    for (n, (origin, host, fields)) in proxied.into_iter().enumerate() {
        let request = fields.iter().fold(
            Request::post("/login", "u=1").host(host).field("Origin", origin),
            |request, (name, value)| request.field(name, *value),
        );
        let request =
            if n == 2 { request } else { request.field("X-Forwarded-For", format!("192.0.2.{}", 10 + n)) };
        let answer = if n == 2 { rfc7239.ask(&request) } else { trusting.ask(&request) };
        assert_eq!(answer.field("location"), "/home", "{origin}: {:?}", app.last().fields);
    }
}

/// A browser at a port that only a proxy knows: its page is no other site's.
#[test]
fn the_port_that_a_proxy_tells_is_the_one_of_the_origin() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, &format!("{TRUSTING}{CONFIG}"));
    let post = |origin: &str, port: &str| {
        let request = Request::post("/save", "a=1").host("media.example.com").field("Cookie", "s=1");
        let request = request.field("Origin", origin).field("X-Forwarded-Proto", "https");
        gateway.ask(&request.field("X-Forwarded-Port", port)).status
    };
    assert_eq!(post("https://media.example.com:8443", "8443"), 200);
    assert_eq!(post("https://media.example.com", "8443"), 403);
    assert_eq!(post("https://media.example.com", "443"), 200);
    assert_eq!(post("https://media.example.com:8443", "none"), 403);
}

#[test]
fn an_apps_own_limit_cannot_be_walked_round() {
    let app = login_app();
    let gateway = Gateway::before(&app, CONFIG);
    let outcomes: Vec<u16> = (1..=6)
        .map(|n| {
            let request = Request::post("/login", "u=1")
                .field("Origin", "http://media.localhost")
                .field("X-Forwarded-For", format!("192.0.2.{n}, 198.51.100.{n}"))
                .field("Forwarded", format!("for=192.0.2.{n}"));
            gateway.ask(&request).status
        })
        .collect();
    assert_eq!(outcomes, [303, 303, 303, 429, 429, 429]);
}

/// An app that reads heads alone would find its next request in the body of this one.
#[test]
fn a_request_with_a_body_is_the_last_of_its_connection() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CONFIG);
    let mut client = gateway.client();
    for method in ["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE"] {
        for request in [
            Request::new(method, "/x").body("abc"),
            Request::new(method, "/x").field("Transfer-Encoding", "chunked"),
            Request::new(method, "/x"),
        ] {
            let mut bytes = request.bytes();
            let chunked = request.bytes().windows(7).any(|part| part == b"chunked");
            if chunked {
                bytes.extend(b"3\r\nabc\r\n0\r\n\r\n");
            }
            client.send(&bytes);
            assert_eq!(client.answer_to(method).status, 200, "{request:?}");
            let seen = app.last();
            let told = seen.fields.all("connection").collect::<Vec<_>>();
            let expected: &[&str] = if seen.body.is_empty() { &[] } else { &["close"] };
            assert_eq!(told, expected, "{request:?}");
            assert_eq!(seen.body.len(), if seen.body.is_empty() { 0 } else { 3 });
        }
    }
}
