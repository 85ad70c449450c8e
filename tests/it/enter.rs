//! Enter links: a token comes into a browser by a code that works once, and leaves it again.

mod making;
mod pages;

use std::io::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use serde_json::{Value, json};

use crate::harness::{
    Client, Command, Folder, Gateway, HOST, Request, Response, Token, Upstream, token, unix_now,
};

const CONFIG: &str = r#"
[server]
trusted_proxies = ["127.0.0.2/32"]
timeouts = { body_idle = "1s" }

[auth.house]
sources = ["bearer", "cookie:door_token"]

[app.media]
hosts    = ["media.localhost"]
upstream = { urls = ["UPSTREAM"] }
auth     = "required"

[[app.media.route]]
match = "* /open/{*rest}"
auth  = "public"
"#;

const FORM: &str = "application/x-www-form-urlencoded";
const ENTER: &str = "/.stagedoor/enter";

fn gateway(app: &Upstream) -> Gateway {
    Gateway::before(app, CONFIG)
}

/// What the operator's API says to a wish for a link.
fn wish(gateway: &Gateway, wish: &Value) -> Response {
    let request = Request::post("/api/v1/enter", wish.to_string()).field("Content-Type", "application/json");
    gateway.ask_admin_as_operator(request)
}

/// The code of a link for `token`.
fn code_for(gateway: &Gateway, token: &str) -> String {
    let answer = wish(gateway, &json!({ "token": token }));
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()["code"].as_str().unwrap().to_owned()
}

/// As a browser's form sends it over plain HTTP.
fn form(code: &str) -> Request {
    form_from(code, "http")
}

/// As [`form`], where the browser speaks this scheme.
fn form_from(code: &str, scheme: &str) -> Request {
    Request::post(ENTER, format!("code={code}"))
        .field("Content-Type", FORM)
        .field("Accept", "text/html,*/*;q=0.8")
        .field("Origin", format!("{scheme}://{HOST}"))
}

/// The lines of `Set-Cookie`.
fn cookies(answer: &Response) -> Vec<String> {
    answer.fields.all("set-cookie").map(str::to_owned).collect()
}

fn page(answer: &Response) -> String {
    assert_eq!(answer.field("content-type"), "text/html; charset=utf-8", "{answer:?}");
    answer.text()
}

#[test]
fn a_link_lets_a_browser_in_once() {
    let app = Upstream::start();
    let gateway = gateway(&app);
    let token = token("alice");
    let made = wish(&gateway, &json!({ "token": token, "app": "media" }));
    assert_eq!(made.status, 201, "{made:?}");
    let link = made.json();
    assert_eq!((link["path"].as_str(), link["app"].as_str()), (Some(ENTER), Some("media")));
    assert_eq!((link["expires_in"].as_u64(), link["hosts"][0].as_str()), (Some(600), Some(HOST)));
    assert_eq!(link["listen"][0].as_str(), Some(&*gateway.address.to_string()));
    let code = link["code"].as_str().unwrap();

    let entered = gateway.ask(&form(code));
    assert_eq!(entered.status, 200, "{entered:?}");
    assert!(page(&entered).contains("content=\"0; url=/\""), "{entered:?}");
    let cookies = cookies(&entered);
    let [cookie] = &*cookies else { panic!("{cookies:?}") };
    let (pair, attributes) = cookie.split_once("; ").unwrap();
    assert_eq!(pair, format!("door_token={token}"));
    let (rest, age) = attributes.rsplit_once('=').unwrap();
    assert_eq!(rest, "Path=/; HttpOnly; SameSite=Lax; Max-Age");
    assert!((3000..=3600).contains(&age.parse::<u64>().unwrap()), "{age}");
    assert_eq!(entered.field("cache-control"), "no-store");
    assert_eq!(gateway.event(&entered)["user"], "alice");

    let inside = gateway.ask(&Request::get("/films").field("Cookie", pair));
    assert_eq!(inside.status, 200);
    let seen = app.sole();
    assert_eq!((seen.target.as_str(), seen.fields.sole("cookie")), ("/films", None));

    let again = gateway.ask(&form(code));
    assert_eq!((again.status, again.fields.has("set-cookie")), (403, false), "{again:?}");
    assert!(page(&again).contains("no longer works"));
    assert_eq!(gateway.event(&again)["code"], "link_invalid");
    assert_eq!(gateway.metric("stagedoor_denied_total", &["app=\"media\"", "code=\"link_invalid\""]), 1.0);
}

#[test]
fn who_shows_no_pages_gets_the_cookie_alone() {
    let app = Upstream::start();
    let gateway = gateway(&app);
    let plain = |code: &str| Request::post(ENTER, format!("code={code}")).field("Content-Type", FORM);
    let answer = gateway.ask(&plain(&code_for(&gateway, &token("bob"))));
    assert_eq!((answer.status, cookies(&answer).len()), (204, 1), "{answer:?}");
    let answer = gateway.ask(&plain("nonsense"));
    assert_eq!((answer.status, answer.code().as_str()), (403, "link_invalid"));
    // A page that a script asks for is no navigation either.
    let scripted = form(&code_for(&gateway, &token("bob"))).field("Sec-Fetch-Mode", "cors");
    assert_eq!(gateway.ask(&scripted).status, 204);
}

#[test]
fn the_cookie_is_secure_where_the_clients_leg_is_https() {
    let app = Upstream::start();
    let gateway = gateway(&app);
    let proxied = |code: &str, from: &str| {
        // A proxy that is not trusted tells nothing: then both schemes are the same.
        let request = form_from(code, "https");
        let request = request.field("X-Forwarded-For", "203.0.113.9").field("X-Forwarded-Proto", "https");
        let answer = Client::connect_from(from.parse().unwrap(), gateway.address).ask(&request);
        assert_eq!(answer.status, 200, "{answer:?}");
        cookies(&answer).pop().unwrap()
    };
    let trusted = proxied(&code_for(&gateway, &token("bob")), "127.0.0.2");
    assert!(trusted.ends_with("; Secure"), "{trusted}");
    let spoofed = proxied(&code_for(&gateway, &token("bob")), "127.0.0.3");
    assert!(!spoofed.contains("Secure"), "{spoofed}");
}

#[test]
fn another_cookie_that_carries_a_token_gives_way() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, &CONFIG.replace("\"bearer\", ", "\"cookie:first\", "));
    let lines = cookies(&gateway.ask(&form(&code_for(&gateway, &token("bob")))));
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with("first=ey"), "{lines:?}");
    assert!(lines[1].starts_with("door_token=; ") && lines[1].contains("Max-Age=0"), "{lines:?}");
}

#[test]
fn a_cookie_lives_no_longer_than_its_token() {
    let app = Upstream::start();
    let gateway = gateway(&app);
    let short = Token::of("bob").claim("exp", unix_now() + 120).sign();
    let answer = gateway.ask(&form(&code_for(&gateway, &short)));
    let cookie = cookies(&answer).pop().unwrap();
    let age: u64 = cookie.rsplit_once("Max-Age=").unwrap().1.parse().unwrap();
    assert!((1..=120).contains(&age), "{cookie}");
}

#[test]
fn a_form_of_another_site_or_shape_is_refused_and_uses_nothing_up() {
    let app = Upstream::start();
    let gateway = gateway(&app);
    let code = code_for(&gateway, &token("mallory"));
    let bare = |kind: &str, body: &str| Request::post(ENTER, body).field("Content-Type", kind);
    let body = format!("code={code}");
    let rows = [
        (bare(FORM, &body).field("Origin", "https://evil.example"), 403, "cross_origin"),
        (bare(FORM, &body).field("Origin", "null"), 403, "cross_origin"),
        (bare(FORM, &body).field("Sec-Fetch-Site", "cross-site"), 403, "cross_origin"),
        (bare(FORM, &body).field("Sec-Fetch-Site", "same-site"), 403, "cross_origin"),
        (bare("text/plain", &body), 415, "media_type"),
        (bare("application/json", &format!("{{\"code\":\"{code}\"}}")), 415, "media_type"),
        (bare(FORM, &format!("{body}&x={}", "x".repeat(4096))), 413, "body_too_large"),
        (bare(FORM, &format!("{body}&{body}")), 403, "link_invalid"),
        (bare(FORM, ""), 403, "link_invalid"),
        (Request::get(&format!("{ENTER}?code={code}")).field("X", "y"), 200, ""),
        (Request::new("PUT", ENTER), 405, "method_not_allowed"),
    ];
    for (request, status, code) in rows {
        let answer = gateway.ask(&request);
        assert_eq!(answer.status, status, "{request:?}: {answer:?}");
        assert!(!answer.fields.has("set-cookie"), "{answer:?}");
        assert!(!answer.fields.has("access-control-allow-origin"), "{answer:?}");
        if !code.is_empty() {
            assert_eq!(answer.code(), code, "{request:?}");
        }
    }
    let chunked = format!(
        "POST {ENTER} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: {FORM}\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
        body.len()
    );
    let answer = gateway.raw(chunked);
    assert_eq!((answer.status, answer.field("connection")), (400, "close"), "{answer:?}");
    // After all that it still works.
    assert_eq!(gateway.ask(&form(&code)).status, 200);
    assert!(app.seen().is_empty(), "the app heard of it");
}

#[test]
fn a_form_may_come_in_pieces_and_the_connection_goes_on() {
    let app = Upstream::start();
    let gateway = gateway(&app);
    let head = |length: usize, more: &str| {
        format!(
            "POST {ENTER} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: {FORM}\r\nContent-Length: {length}\r\n{more}\r\n"
        )
    };
    let mut client = gateway.client();
    // In two pieces, with the next request behind it.
    let body = format!("code={}", code_for(&gateway, &token("bob")));
    let (first, second) = body.split_at(9);
    client.send(format!("{}{first}", head(body.len(), "")));
    client.send(format!("{second}GET /open/1 HTTP/1.1\r\nHost: {HOST}\r\n\r\n"));
    assert_eq!(client.answer_to("POST").status, 204);
    assert_eq!(client.answer().status, 200);
    // All at once, with the next request behind it.
    let body = format!("code={}", code_for(&gateway, &token("bob")));
    client.send(format!("{}{body}GET /open/2 HTTP/1.1\r\nHost: {HOST}\r\n\r\n", head(body.len(), "")));
    assert_eq!(client.answer_to("POST").status, 204);
    assert_eq!(client.answer().status, 200);
    // A refused one, unread, is not taken for a request either.
    let hidden = format!("GET /open/hidden HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    let refused = head(hidden.len(), "Origin: http://evil.example\r\n");
    client.send(format!("{refused}{hidden}GET /open/3 HTTP/1.1\r\nHost: {HOST}\r\n\r\n"));
    assert_eq!(client.answer_to("POST").status, 403);
    assert_eq!(client.answer().status, 200);
    // One that waits to be asked for.
    let body = format!("code={}", code_for(&gateway, &token("bob")));
    client.send(head(body.len(), "Expect: 100-continue\r\n"));
    while !client.reader.all.windows(12).any(|bytes| bytes == b"HTTP/1.1 100") {
        assert!(client.reader.fill().unwrap() > 0);
    }
    client.send(&body);
    let answer = client.answer_to("POST");
    assert_eq!((answer.status, answer.interim.len()), (204, 1), "{answer:?}");
    let seen: Vec<String> = app.seen().into_iter().map(|seen| seen.target).collect();
    assert_eq!(seen, ["/open/1", "/open/2", "/open/3"]);
}

#[test]
fn a_form_over_a_connection_that_ends_is_answered_whole() {
    let app = Upstream::start();
    let gateway = gateway(&app);
    let rows = [
        ("1.0", "", "close"),
        // No interim answer is for HTTP/1.0.
        ("1.0", "Expect: 100-continue\r\n", "close"),
        ("1.0", "Connection: keep-alive\r\n", "keep-alive"),
        ("1.1", "Connection: close\r\n", "close"),
        ("1.1", "Connection: close\r\nExpect: 100-continue\r\n", "close"),
    ];
    for (version, more, connection) in rows {
        let paged = format!("GET {ENTER} HTTP/{version}\r\nHost: {HOST}\r\n{more}\r\n");
        let answer = gateway.raw(paged);
        assert_eq!((answer.status, answer.field("connection")), (200, connection), "{version} {more}");
        assert!(page(&answer).ends_with("</html>\n"));

        let body = format!("code={}", code_for(&gateway, &token("bob")));
        let (first, second) = body.split_at(9);
        let mut client = gateway.client();
        client.send(format!(
            "POST {ENTER} HTTP/{version}\r\nHost: {HOST}\r\nContent-Type: {FORM}\r\nAccept: text/html\r\n\
             Content-Length: {}\r\n{more}\r\n{first}",
            body.len()
        ));
        // What stands behind the last form of a connection is no request.
        client.send(format!("{second}GET /open/next HTTP/1.1\r\nHost: {HOST}\r\n\r\n"));
        let answer = client.answer_to("POST");
        assert_eq!((answer.status, answer.field("connection")), (200, connection), "{version} {more}");
        assert_eq!((answer.interim.len(), cookies(&answer).len()), (0, 1), "{answer:?}");
        assert!(page(&answer).ends_with("</html>\n"));
        if connection == "close" {
            assert!(client.is_closed(), "{version} {more}");
        } else {
            assert_eq!(client.answer().status, 200);
        }
    }
    assert_eq!(app.seen().len(), 1);
}

#[test]
fn a_form_that_does_not_come_is_not_waited_for() {
    let app = Upstream::start();
    let gateway = gateway(&app);
    let head = format!(
        "POST {ENTER} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: {FORM}\r\nContent-Length: 9\r\n\r\ncode"
    );
    let answer = gateway.raw(&head);
    assert_eq!((answer.status, answer.code().as_str()), (408, "body_timeout"));
    let mut client = gateway.client();
    client.send(&head).finish();
    assert_eq!(client.answer_to("POST").status, 400);
}

#[test]
fn of_many_who_come_with_one_code_one_gets_in() {
    let app = Upstream::start();
    let gateway = gateway(&app);
    for _ in 0..10 {
        let bytes = form(&code_for(&gateway, &token("bob"))).bytes();
        let (head, last) = bytes.split_at(bytes.len() - 1);
        let mut clients: Vec<Client> = (0..8).map(|_| gateway.client()).collect();
        clients.iter_mut().for_each(|client| {
            client.send(head);
        });
        for client in &mut clients {
            client.reader.stream.write_all(last).unwrap();
        }
        let statuses: Vec<u16> = clients.iter_mut().map(|client| client.answer_to("POST").status).collect();
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
        assert_eq!(statuses.iter().filter(|status| **status == 403).count(), 7, "{statuses:?}");
    }
}

#[test]
fn links_outlive_a_reload_but_not_their_keys() {
    let app = Upstream::start();
    let gateway = gateway(&app);
    let kept = code_for(&gateway, &token("bob"));
    let renamed = code_for(&gateway, &token("bob"));
    let lost = code_for(&gateway, &token("bob"));
    gateway.folder.configure(
        &CONFIG
            .replace("UPSTREAM", &app.url())
            .replace("[[app.media.route]]", "limit.ip = [\"99/s burst 99\"]\n[[app.media.route]]"),
    );
    assert_eq!(gateway.reload(), "ok");
    assert_eq!(gateway.ask(&form(&kept)).status, 200);
    // The cookie is the one that is read now.
    gateway.folder.configure(&CONFIG.replace("UPSTREAM", &app.url()).replace("door_token", "other_token"));
    assert_eq!(gateway.reload(), "ok");
    let answer = gateway.ask(&form(&renamed));
    assert!(cookies(&answer)[0].starts_with("other_token="), "{answer:?}");
    gateway.folder.write_private("secret", "pT4uJ0cVb8nKqWz3yR7sLx1mFh6dGa9eXo2iUvYtQwE");
    assert_eq!(gateway.reload(), "ok");
    let answer = gateway.ask(&form(&lost));
    assert_eq!((answer.status, answer.fields.has("set-cookie")), (403, false), "{answer:?}");
}

#[test]
fn no_code_is_ever_written() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, &format!("{CONFIG}\n[log]\nlevel = \"trace\"\n"));
    let token = token("bob");
    let (used, open) = (code_for(&gateway, &token), code_for(&gateway, &token));
    assert_eq!(gateway.ask(&form(&used)).status, 200);
    let last = gateway.ask(&form(&used));
    assert_eq!(last.status, 403);
    gateway.event(&last);
    // A messenger that encodes the `#`, a program that guesses.
    for place in ["%23", "/", "?", "?code=", "%2f"] {
        gateway.event(&gateway.ask(&Request::get(&format!("{ENTER}{place}{open}"))));
    }
    let written = format!("{}\n{}", gateway.everything_written(), gateway.metrics());
    let signature = token.rsplit_once('.').unwrap().1;
    for secret in [&*used, &*open, signature] {
        assert!(!written.contains(secret), "{secret} in {written}");
    }
}

#[test]
fn the_page_that_takes_a_code_may_do_that_and_nothing_else() {
    let app = Upstream::start();
    let gateway = gateway(&app);
    let answer = gateway.ask(&Request::get(ENTER));
    assert_eq!(answer.status, 200, "{answer:?}");
    let html = page(&answer);
    let hash = |from: &str, to: &str| {
        let block = html.split_once(from).unwrap().1.split_once(to).unwrap().0;
        base64::engine::general_purpose::STANDARD.encode(digest(&SHA256, block.as_bytes()))
    };
    assert_eq!(
        answer.field("content-security-policy"),
        format!(
            "default-src 'none'; script-src 'sha256-{}'; form-action 'self'; style-src 'sha256-{}'; base-uri 'none'; frame-ancestors 'none'",
            hash("<script>", "</script>"),
            hash("<style>", "</style>")
        )
    );
    for (name, value) in [
        ("cache-control", "no-store"),
        // Under `no-referrer` the form would come with `Origin: null`.
        ("referrer-policy", "same-origin"),
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        assert_eq!(answer.field(name), value, "{name}");
    }
    assert!(!answer.field("x-request-id").is_empty());
    let head = gateway.ask(&Request::new("HEAD", ENTER));
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.field("content-length"), answer.field("content-length"));
    assert!(html.contains("<title>Come in · media</title>"), "{html}");
    // Only who opened the address by hand is led on without a click; over plain HTTP browsers do not say.
    assert!(html.contains("name=\"look\" value=\"ask\""), "{html}");
    let sought = gateway.ask(&Request::get(ENTER).field("Sec-Fetch-Site", "none"));
    assert!(page(&sought).contains("name=\"look\" value=\"go\""), "{sought:?}");
    let linked = gateway.ask(&Request::get(ENTER).field("Sec-Fetch-Site", "cross-site"));
    assert!(page(&linked).contains("name=\"look\" value=\"ask\""), "{linked:?}");
    assert_eq!(gateway.event(&answer)["route"], "-");
    assert!(app.seen().is_empty());
}

#[test]
fn leaving_takes_the_cookie_out_again() {
    let app = Upstream::start();
    let gateway = gateway(&app);
    let leave = |method: &str| Request::new(method, "/.stagedoor/leave").field("Accept", "text/html");
    let gone = "door_token=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0";
    for request in [
        leave("GET").field("Sec-Fetch-Site", "none").field("Sec-Fetch-Mode", "navigate"),
        leave("POST").field("Origin", format!("http://{HOST}")),
    ] {
        let answer = gateway.ask(&request);
        assert_eq!((answer.status, cookies(&answer)), (200, vec![gone.to_owned()]), "{request:?}");
        assert!(page(&answer).contains("You have left"));
    }
    let picture = Request::get("/.stagedoor/leave").field("Accept", "image/avif,image/webp,*/*;q=0.8");
    for request in [leave("GET").field("Sec-Fetch-Site", "cross-site"), leave("GET"), leave("HEAD"), picture]
    {
        let asked = gateway.ask(&request);
        assert_eq!((asked.status, cookies(&asked).len()), (200, 0), "{asked:?}");
        assert_eq!(page(&asked).contains("action=\"/.stagedoor/leave\""), !asked.body.is_empty());
    }
    let foreign = gateway.ask(&leave("POST").field("Origin", "https://evil.example"));
    assert_eq!((foreign.status, cookies(&foreign).len()), (403, 0));
    let scripted = gateway.ask(&Request::new("POST", "/.stagedoor/leave"));
    assert_eq!((scripted.status, cookies(&scripted).len()), (204, 1));
    assert!(app.seen().is_empty());
}

#[test]
fn nothing_of_the_area_reaches_the_app() {
    let app = Upstream::start();
    let open = CONFIG.replace("\"* /open/{*rest}\"", "\"* /{*rest}\"");
    let gateway = Gateway::before(&app, &open);
    assert_eq!(gateway.ask(&Request::get("/anything")).status, 200);
    app.forget();
    for (path, status) in [
        ("/.stagedoor/else", 404),
        ("/.Stagedoor/enter", 400),
        ("//.stagedoor/enter", 400),
        ("/.stagedoor;x/enter", 400),
        ("/%2Estagedoor/enter", 400),
        ("/.stagedoor%2Fenter", 400),
    ] {
        for method in ["GET", "POST", "PROPFIND"] {
            assert_eq!(gateway.ask(&Request::new(method, path)).status, status, "{method} {path}");
        }
    }
    for path in ["/.stagedoor", "/.stagedoor/"] {
        for (method, status) in [("GET", 200), ("POST", 405), ("PROPFIND", 405)] {
            assert_eq!(gateway.ask(&Request::new(method, path)).status, status, "{method} {path}");
        }
    }
    let handshake = Request::get("/.stagedoor/ws")
        .field("Connection", "Upgrade")
        .field("Upgrade", "websocket")
        .field("Sec-WebSocket-Version", "13")
        .field("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    assert_eq!(gateway.ask(&handshake).status, 404);
    assert!(app.seen().is_empty(), "{:?}", app.seen());

    let folder =
        Folder::new(&CONFIG.replace("UPSTREAM", &app.url()).replace("/open/{*rest}", "/.StageDoor/{x}"));
    let output = Command::new(&folder, &["check", "stagedoor.toml"]).run();
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(output.stderr.contains("the gateway's own pages are there: `* /.StageDoor/{x}`"), "{output:?}");
}
