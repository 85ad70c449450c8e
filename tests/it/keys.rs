//! Each key changes what is seen from outside.
//!
//! What the core decides is shown by its own walking test for each key; here are those that the process
//! honours, each under two values at once, and some of the others once more as a client meets them.
//! Where a deadline is shown, the gateway with the short one tells when the other could have cut, too.

use std::net::SocketAddr;

use stagedoor_config::keys::{Honoured, State, tables};

use crate::confinement;
use crate::harness::{Client, Gateway, Request, Response, Upstream};
use crate::{exchange, fetched_keys, http2, in_flight, proxy_protocol, streams, tls, unix_sockets};

mod admin;
mod deadlines;
mod limits;
mod logs;
mod upstream;

/// Table, key, and the test that shows it.
type Row = (&'static str, &'static str, fn());

const ROWS: &[Row] = &[
    ("server", "listen", it_listens_where_it_is_told),
    ("server", "unix_mode", unix_sockets::the_mode_is_as_told),
    ("server", "proxy_protocol", proxy_protocol::the_address_of_the_client),
    ("server", "threads", limits::threads_are_as_many_as_told),
    ("server", "drain", deadlines::drain),
    ("server", "server_timing", of_the_answer),
    ("server.tls", "listen", tls::requests::over_tls),
    ("server.tls", "certificates", tls::certificates::chosen),
    ("server.tls", "client_ca", tls::client_certificates::usual_authorities),
    ("server.tls", "min_version", tls::handshakes::oldest_version),
    ("server.tls.certificates[]", "cert", tls::certificates::chosen),
    ("server.tls.certificates[]", "key", tls::certificates::unusable),
    ("server.tls.certificates[]", "ocsp", tls::certificates::staple),
    ("server.tls.certificates[]", "dangerous_open_file", tls::certificates::open_key),
    ("server.timeouts", "handshake", tls::handshakes::deadline),
    ("server.limits", "handshakes", tls::handshakes::cap),
    ("server", "confine", confinement::off_confines_nothing),
    ("server.timeouts", "proxy_protocol", proxy_protocol::a_header_has_a_deadline),
    ("server.timeouts", "header", deadlines::header),
    ("server.timeouts", "idle", deadlines::idle),
    ("server.timeouts", "body_idle", deadlines::body_idle),
    ("server.timeouts", "min_rate", deadlines::min_rate),
    ("server.timeouts", "send_idle", deadlines::send_idle),
    ("server.timeouts", "stream_idle", deadlines::stream_idle),
    ("server.limits", "connections", limits::connections),
    ("server.limits", "connections_per_ip", limits::connections_per_ip),
    ("server.limits", "requests_per_connection", limits::requests_per_connection),
    ("server", "h2c", http2::exchanges::a_listener_speaks_http_2_only_where_the_file_says_so),
    ("server.timeouts", "h2_idle", http2::attacks::silence_is_not_waited_for),
    ("server.limits", "h2_streams", http2::attacks::more_streams_than_allowed_are_refused_one_by_one),
    (
        "server.limits",
        "h2_streams_per_ip",
        http2::attacks::the_streams_of_one_address_are_counted_on_all_of_its_connections,
    ),
    ("server.limits", "header_bytes", limits::heads),
    ("server.limits", "header_count", limits::heads),
    ("server.limits", "uri_bytes", limits::heads),
    ("admin", "listen", admin::listen),
    ("admin", "hosts", admin::hosts),
    ("admin", "token", admin::token),
    ("admin", "metrics", admin::metrics),
    ("state", "dir", admin::state_dir),
    ("log", "level", logs::level),
    ("log", "format", the_log_is_of_its_form),
    ("log", "access", logs::access),
    ("log", "redact_query", logs::redact_query),
    ("app.*.log", "redact_query", logs::redact_query_of_an_app),
    ("log.access", "file", logs::access),
    ("log.access", "max_size", logs::rotation),
    ("log.access", "keep", logs::rotation),
    (
        "app.*",
        "client_ca",
        tls::client_certificates::no_connection_without_a_certificate_of_the_apps_own_authorities,
    ),
    ("auth.*", "algorithms", fetched_keys::keys_are_used_with_the_algorithms_of_the_file),
    ("auth.*.jwks", "url", fetched_keys::keys_are_used_with_the_algorithms_of_the_file),
    ("auth.*.jwks", "discovery", fetched_keys::the_keys_of_a_provider_are_found_by_its_description),
    ("auth.*.jwks", "refresh", fetched_keys::keys_are_fetched_again_as_often_as_told),
    ("auth.*.jwks", "cooldown", fetched_keys::a_thousand_unknown_keys_cause_one_fetch_a_cooldown),
    ("auth.*.jwks", "stale", fetched_keys::known_keys_stay_for_a_time_while_the_provider_is_down),
    ("auth.*.jwks", "ca", fetched_keys::the_certificate_of_a_provider_is_verified),
    (
        "auth.*.jwks",
        "dangerous_plain_http",
        fetched_keys::keys_are_fetched_without_tls_from_private_networks_alone,
    ),
    ("app.*.streams", "per_user", streams::a_caller_has_no_more_websockets_open_than_it_may),
    ("app.*.route[].streams", "per_user", streams::a_route_with_a_cap_of_its_own_counts_by_itself),
    ("app.*.streams", "on_expiry", streams::an_app_may_let_its_streams_go_on),
    ("app.*.route[].streams", "on_expiry", streams::a_route_may_let_its_streams_go_on),
    ("app.*.limit", "in_flight", in_flight::an_app_that_is_busy_gets_no_more),
    ("app.*.upstream", "urls", upstream::urls),
    ("app.*.upstream", "ca", exchange::tls::no_request_reaches_an_app_whose_certificate_is_not_accepted),
    ("app.*.upstream", "server_name", exchange::tls::the_name_of_the_certificate_is_told_to_the_app),
    (
        "app.*.upstream",
        "dangerous_any_certificate",
        exchange::tls::a_certificate_may_be_listed_itself_or_not_be_looked_at,
    ),
    ("app.*.upstream", "connect", upstream::connect),
    ("app.*.upstream", "read", upstream::read),
    ("app.*.upstream", "retries", upstream::retries),
];

#[test]
fn every_key_of_the_process_has_a_test() {
    let honoured = tables().flat_map(|table| table.keys.iter().map(move |key| (table.path, key)));
    let mut keys: Vec<(&str, &str)> = honoured
        .filter(|(_, key)| key.honoured == Honoured::ByServer && key.state == State::Supported)
        .map(|(table, key)| (table, key.name))
        .collect();
    let mut rows: Vec<(&str, &str)> = ROWS.iter().map(|(table, key, _)| (*table, *key)).collect();
    keys.sort_unstable();
    rows.sort_unstable();
    assert_eq!(keys, rows);
}

const APP: &str = r#"
[app.media]
hosts    = ["media.localhost"]
upstream = { urls = ["UPSTREAM"] }
auth     = "public"
"#;

/// Asks under both configurations and gives what `look` makes of the answers.
fn both(
    without: &str,
    with: &str,
    request: &Request,
    look: impl Fn(&Response, &Upstream) -> String,
) -> (String, String) {
    let seen = |config: &str| {
        let app = Upstream::with(|exchange| {
            exchange.body()?;
            exchange.reply("200 OK", &["Server: app", "X-App: 1", "Content-Type: text/html"], "ok")
        });
        let gateway = Gateway::before(&app, config);
        let answer = gateway.ask(request);
        look(&answer, &app)
    };
    (seen(without), seen(with))
}

/// Two gateways before one app, each with lines of its own before the app's.
fn two(app: &Upstream, a: &str, b: &str) -> (Gateway, Gateway) {
    let start = |lines: &str| Gateway::before(app, &format!("{lines}\n{APP}"));
    (start(a), start(b))
}

fn key(text: &str) -> String {
    format!("{APP}{text}\n")
}

#[test]
fn of_the_app() {
    let status = |answer: &Response, _: &Upstream| answer.status.to_string();
    let get = Request::get("/x");
    let rows: Vec<(&str, Request, &str, &str)> = vec![
        ("unlisted = \"deny\"\n[[app.media.route]]\nmatch = \"GET /y\"", get.clone(), "200", "404"),
        ("access = { deny = [\"127.0.0.0/8\"] }", get.clone(), "200", "403"),
        ("access = { allow = [\"10.0.0.0/8\"] }", get.clone(), "200", "403"),
        ("body.max = \"2B\"", Request::post("/x", "abc"), "200", "413"),
        ("body.get = \"deny\"", Request::get("/x").body("abc"), "200", "400"),
        ("encoded_slash = true", Request::get("/a%2Fb"), "400", "200"),
        ("backslash = \"name\"", Request::get("/a%5Cb"), "400", "200"),
    ];
    for (text, request, without, with) in rows {
        let (a, b) = both(APP, &key(text), &request, status);
        assert_eq!((a.as_str(), b.as_str()), (without, with), "{text}");
    }
}

#[test]
fn of_the_answer() {
    let field = |name: &'static str| move |answer: &Response, _: &Upstream| answer.field(name).to_owned();
    let get = Request::get("/x");
    let rows: [(&str, &'static str, &str, &str); 6] = [
        (
            "headers = { preset = \"api\" }",
            "referrer-policy",
            "strict-origin-when-cross-origin",
            "no-referrer",
        ),
        ("headers = { preset = \"off\" }", "x-content-type-options", "nosniff", ""),
        ("headers = { set = { x-robots-tag = \"noindex\" } }", "x-robots-tag", "", "noindex"),
        ("headers = { remove = [\"x-app\"] }", "x-app", "1", ""),
        ("headers = { frame = [\"'none'\"] }", "x-frame-options", "SAMEORIGIN", "DENY"),
        (
            "headers = { csp = { mode = \"enforce\", policy = { default-src = [\"'self'\"] } } }",
            "content-security-policy",
            "base-uri 'self'; object-src 'none'; frame-ancestors 'self'",
            "*",
        ),
    ];
    for (text, name, without, with) in rows {
        let (a, b) = both(APP, &key(text), &get, field(name));
        assert_eq!(a, without, "{text}");
        if with == "*" {
            assert!(b != a && b.contains("default-src 'self'"), "{text}: {b}");
        } else {
            assert_eq!(b, with, "{text}");
        }
    }
    let (a, b) = both(APP, &format!("[server]\nserver_timing = true\n{APP}"), &get, field("server-timing"));
    assert!(a.is_empty() && b.starts_with("gateway;dur="), "{a} {b}");
}

#[test]
fn of_the_way_to_the_app() {
    let seen = |name: &'static str| {
        move |_: &Response, app: &Upstream| {
            app.seen().first().and_then(|seen| seen.fields.sole(name).map(str::to_owned)).unwrap_or_default()
        }
    };
    let get = Request::get("/x").field("X-User", "mallory");
    let (a, b) =
        both(APP, &APP.replace("[\"UPSTREAM\"]", "[\"UPSTREAM\"], host = \"upstream\""), &get, seen("host"));
    assert!(a == "media.localhost" && b.starts_with("127.0.0.1:"), "{a} {b}");
    let (a, b) = both(APP, &key("identity = { pass = [\"x-user\"] }"), &get, seen("x-user"));
    assert_eq!((a.as_str(), b.as_str()), ("", "mallory"));
}

#[test]
fn trusted_proxies_are_believed_about_what_they_write() {
    let trusting = format!("[server]\ntrusted_proxies = [\"127.0.0.1/32\"]\n{APP}");
    let all = trusting.replace("[server]", "[server]\nforwarded = [\"for\", \"proto\", \"host\", \"port\"]");
    let request = Request::get("/x")
        .field("X-Forwarded-For", "192.0.2.7")
        .field("X-Forwarded-Proto", "wss")
        .field("X-Forwarded-Host", "other.localhost:443")
        .field("X-Forwarded-Port", "8443")
        .field("Forwarded", "for=198.51.100.1;host=third.localhost");
    let look = |answer: &Response, app: &Upstream| {
        let seen = app.sole();
        let of = |name: &str| seen.fields.sole(name).unwrap_or_default().to_owned();
        let told = ["for", "proto", "host", "port"].map(|name| of(&format!("x-forwarded-{name}")));
        format!("{} {} {}", told.join(" "), of("host"), answer.status)
    };
    let config =
        |text: &str| text.replace("[\"media.localhost\"]", "[\"media.localhost\", \"other.localhost\"]");
    let (a, b) = both(APP, &trusting, &request, look);
    assert_eq!(a, "127.0.0.1 http media.localhost 80 media.localhost 200");
    assert_eq!(b, "192.0.2.7 https media.localhost 443 media.localhost 200");
    let (_, c) = both(APP, &config(&all), &request, look);
    assert_eq!(c, "192.0.2.7 https other.localhost 8443 other.localhost 200");
}

/// The usual three lines of nginx leave `X-Forwarded-Host` to the client.
#[test]
fn a_clients_own_forwarded_host_opens_no_other_app() {
    let app = Upstream::start();
    let second = APP.replace("app.media", "app.second").replace("media.localhost", "second.localhost");
    let config = format!("[server]\ntrusted_proxies = [\"127.0.0.1/32\"]\n{APP}{second}");
    let gateway = Gateway::before(&app, &config);
    for name in ["X-Forwarded-Host", "X_Forwarded_Host", "X-Original-Host", "X-Host", "X-Forwarded-Server"] {
        app.forget();
        let request =
            Request::get("/x").field("X-Forwarded-For", "192.0.2.7").field("X-Forwarded-Proto", "https");
        let answer =
            gateway.ask(&request.field(name, "second.localhost").field("Forwarded", "host=second.localhost"));
        assert_eq!(answer.status, 200, "{name}");
        assert_eq!(gateway.event(&answer)["app"], "media", "{name}");
        let head = String::from_utf8_lossy(&app.sole().head).into_owned();
        assert!(!head.contains("second"), "{head}");
    }
    // Whoever looks for the reason of a 421 is told.
    let lost = gateway.ask(&Request::get("/x").host("10.0.0.9").field("X-Forwarded-Host", "media.localhost"));
    assert_eq!((lost.status, lost.code().as_str()), (421, "unknown_host"));
    let reason = gateway.event(&lost)["reason"].as_str().unwrap_or_default().to_owned();
    assert!(reason.contains("\"host\" to `server.forwarded`"), "{reason}");
}

#[test]
fn the_reported_host_decides_about_hsts_on_refusals_too() {
    let hosts = APP.replace("media.localhost", "media.example.com");
    let server = "[server]\ntrusted_proxies = [\"127.0.0.1/32\"]\nforwarded = [\"proto\", \"host\"]\n";
    let config = format!("{server}{hosts}unlisted = \"deny\"\n");
    let gateway = Gateway::start(&config.replace("UPSTREAM", "http://127.0.0.1:9"));
    let answer = gateway.ask(
        &Request::get("/nothing")
            .host("10.0.0.1:8080")
            .field("X-Forwarded-Proto", "https")
            .field("X-Forwarded-Host", "media.example.com"),
    );
    assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"));
    assert!(answer.fields.has("strict-transport-security"), "{answer:?}");
}

#[test]
fn it_listens_where_it_is_told() {
    let app = Upstream::start();
    let gateway = Gateway::before(
        &app,
        &format!("[server]\nlisten = [\"127.0.0.1:0\", \"[::1]:0\", \"127.0.0.2:0\"]\n{APP}"),
    );
    assert_eq!(gateway.addresses.len(), 3);
    for address in &gateway.addresses {
        assert_eq!(Client::connect(*address).ask(&Request::get("/x")).status, 200, "{address}");
    }
    let elsewhere: SocketAddr = format!("127.0.0.3:{}", gateway.address.port()).parse().unwrap();
    assert!(std::net::TcpStream::connect(elsewhere).is_err());
}

#[test]
fn the_log_is_of_its_form() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, APP);
    let first = gateway.log().lines().next().unwrap_or_default().to_owned();
    assert!(serde_json::from_str::<serde_json::Value>(&first).is_ok(), "{first}");
    let text = Gateway::before(&app, &format!("[log]\nformat = \"text\"\n{APP}"));
    let first = text.log().lines().next().unwrap_or_default().to_owned();
    assert!(serde_json::from_str::<serde_json::Value>(&first).is_err(), "{first}");
}

#[test]
fn files_that_are_included_count() {
    let app = Upstream::start();
    let folder = crate::harness::Folder::new("include = [\"apps/*.toml\"]\n");
    folder.write("apps/media.toml", &APP.replace("UPSTREAM", &app.url()));
    let gateway = Gateway::start_in(folder);
    assert_eq!(gateway.ask(&Request::get("/x")).status, 200);
    let second = APP.replace("UPSTREAM", &app.url()).replace("media", "second");
    gateway.folder.write("apps/second.toml", &second);
    assert_eq!(gateway.reload(), "ok");
    assert_eq!(gateway.ask(&Request::get("/x").host("second.localhost")).status, 200);
}
