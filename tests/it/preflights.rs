//! Preflights that the app answers: only the question gets in, only the word on CORS gets out.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use crate::harness::{DEADLINE, Exchange, Gateway, Http2, Request, Response, Upstream, poll_until};

const CONFIG: &str = r#"
[auth.house]
kind     = "jwt"
keys     = [{ secret = { file = "jwt_secret", generate = true } }]
issuer   = "stagedoor"
audience = ["media"]
sources  = ["bearer", "cookie:door", "query:door"]

[app.media]
hosts    = ["media.localhost"]
upstream = { urls = ["UPSTREAM"], read = "1s", connect = "1s" }
auth     = "required"
cors     = "app"
[[app.media.route]]
match = "DELETE /admin/{*rest}"
roles = ["admin"]
"#;

fn preflight(path: &str, method: &str) -> Request {
    Request::new("OPTIONS", path)
        .field("Origin", "https://pages.example")
        .field("Access-Control-Request-Method", method)
        .field("Access-Control-Request-Headers", "authorization")
}

/// A handler that does not look at the method: it does the work, and tells what came of it.
fn careless(exchange: &mut Exchange<'_>) -> io::Result<()> {
    exchange.reply(
        "200 OK",
        &[
            "Access-Control-Allow-Origin: https://pages.example",
            "Access-Control-Allow-Headers: authorization",
            "Vary: Origin",
            "Set-Cookie: session=stolen",
            "X-Secret: s",
            "X-Stagedoor-Code: token_missing",
            "Location: /elsewhere",
            "ETag: \"e\"",
        ],
        "deleted 17 films",
    )
}

fn names(answer: &Response) -> Vec<String> {
    answer.fields.0.iter().map(|(name, _)| name.to_ascii_lowercase()).collect()
}

#[test]
fn the_app_answers_and_nothing_else_of_it_comes_back() {
    let app = Upstream::with(careless);
    let gateway = Gateway::before(&app, CONFIG);
    let mut client = gateway.client();
    for _ in 0..2 {
        let asked = preflight("/films?door=x&delete=1", "DELETE")
            .field("Cookie", "door=x; session=1")
            .field("Authorization", "Bearer x")
            .field("X-Auth-User", "root");
        let answer = client.ask(&asked);
        assert_eq!((answer.status, answer.text().as_str()), (200, ""));
        assert_eq!(answer.field("access-control-allow-origin"), "https://pages.example");
        assert_eq!(answer.field("access-control-allow-headers"), "authorization");
        assert_eq!(answer.field("vary"), "Origin");
        let names = names(&answer);
        for kept_back in ["set-cookie", "x-secret", "x-stagedoor-code", "location", "etag", "content-type"] {
            assert!(!names.iter().any(|name| name == kept_back), "{kept_back}: {answer:?}");
        }
        assert!(names.iter().any(|name| name == "x-request-id"));
        let seen = app.last();
        assert_eq!((seen.method.as_str(), seen.target.as_str()), ("OPTIONS", "/films"));
        for kept_out in ["cookie", "authorization", "x-auth-user", "content-length", "transfer-encoding"] {
            assert!(!seen.fields.has(kept_out), "{kept_out}: {seen:?}");
        }
        assert_eq!(seen.fields.sole("access-control-request-method"), Some("DELETE"));
    }
    // The request that it announces still needs a caller.
    let request = Request::new("DELETE", "/films").field("Origin", "https://pages.example");
    assert_eq!(client.ask(&request).code(), "token_missing");
    // What a caller's role decides is no preflight's.
    app.forget();
    assert_eq!(client.ask(&preflight("/admin/films", "DELETE")).code(), "token_missing");
    assert!(app.seen().is_empty());
}

#[test]
fn a_body_that_never_ends_is_never_read() {
    let app = Upstream::with(|exchange| {
        exchange.write(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\n\
             Transfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n",
        )?;
        exchange.wait_for_the_end();
        Ok(())
    });
    let gateway = Gateway::before(&app, CONFIG);
    let mut client = gateway.client();
    for _ in 0..3 {
        let answer = client.ask(&preflight("/films", "GET"));
        assert_eq!((answer.status, answer.field("access-control-allow-origin")), (200, "*"));
        assert_eq!(answer.text(), "");
    }
}

#[test]
fn an_app_that_fails_is_told_as_for_any_request() {
    let app = Upstream::with(|exchange| match exchange.path().as_str() {
        "/switch" => {
            exchange.write("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
        }
        "/endless" => {
            exchange.write("HTTP/1.1 200 OK\r\n")?;
            let line = format!("Access-Control-X: {}\r\n", "x".repeat(1000));
            (0..200).try_for_each(|_| exchange.write(&line))
        }
        _ => {
            exchange.wait_for_the_end();
            Ok(())
        }
    });
    let gateway = Gateway::before(&app, CONFIG);
    for (path, expected) in [
        ("/switch", (502, "upstream_unreachable")),
        ("/endless", (502, "upstream_unreachable")),
        ("/silent", (504, "upstream_timeout")),
    ] {
        let answer = gateway.ask(&preflight(path, "GET"));
        assert_eq!((answer.status, answer.code().as_str()), expected, "{path}");
        assert_eq!(answer.field("x-stagedoor-code"), expected.1);
        let event = gateway.event(&answer);
        let reason = ["bad_answer", "closed", "timeout"];
        assert!(reason.iter().any(|reason| event["upstream_error"] == *reason), "{event}");
        assert_eq!(event["upstream"], app.url(), "{event}");
    }
    app.kill();
    poll_until("the app to be gone", || {
        (gateway.ask(&preflight("/x", "GET")).code() == "upstream_unreachable").then_some(())
    });
}

#[test]
fn the_time_of_the_app_is_the_apps() {
    let app = Upstream::with(careless);
    let gateway = Gateway::before(&app, CONFIG);
    let event = gateway.event(&gateway.ask(&preflight("/films", "GET")));
    assert_eq!(event["upstream"], app.url(), "{event}");
    assert!(event["upstream_us"].is_number() && event["upstream_error"].is_null(), "{event}");
}

/// An app that takes the question and never answers; it counts the connections that have ended.
fn silent(ended: &Arc<AtomicUsize>) -> Upstream {
    let ended = Arc::clone(ended);
    Upstream::with(move |exchange| {
        exchange.wait_for_the_end();
        ended.fetch_add(1, Ordering::SeqCst);
        Ok(())
    })
}

/// A gateway that waits an hour for the answer of `app`, with these further lines of `[server]`.
fn patient(app: &Upstream, server: &str) -> Gateway {
    let config = CONFIG.replace("read = \"1s\"", "read = \"1h\"");
    Gateway::before(app, &format!("[server]\nh2c = [\"127.0.0.1:0\"]\n{server}{config}"))
}

fn wait_until_asked(app: &Upstream, times: usize) {
    poll_until("the app to be asked", || (app.seen().len() == times).then_some(()));
}

#[test]
fn a_client_that_is_gone_is_not_asked_for_any_longer() {
    let ended = Arc::new(AtomicUsize::new(0));
    let app = silent(&ended);
    let gateway = patient(&app, "");
    let mut http1 = gateway.client();
    http1.send(preflight("/http1", "GET").bytes());
    let mut http2 = Http2::connect(gateway.address);
    let (head, _) = preflight("/http2", "GET").http2("http");
    let stream = http2.begin(head, true).unwrap();
    wait_until_asked(&app, 2);
    http1.reset();
    drop(stream);
    poll_until("the app to be left", || (ended.load(Ordering::SeqCst) == 2).then_some(()));
    for path in ["/http1", "/http2"] {
        let event = gateway.event_where(path, |event| event["path"] == path);
        assert_eq!((&event["status"], &event["ended_by"]), (&0.into(), &"client".into()), "{event}");
        assert_eq!(event["upstream"], app.url(), "{event}");
        assert!(event["code"].is_null() && event["upstream_error"].is_null(), "nobody refused it: {event}");
    }
}

#[test]
fn a_client_that_closes_its_side_still_gets_the_answer() {
    let (release, held) = mpsc::channel();
    let held = Mutex::new(held);
    let app = Upstream::with(move |exchange| {
        let _ = held.lock().unwrap().recv_timeout(DEADLINE * 2);
        careless(exchange)
    });
    let gateway = patient(&app, "");
    let mut client = gateway.client();
    client.send(preflight("/films", "GET").bytes());
    wait_until_asked(&app, 1);
    client.finish();
    gateway.metrics();
    release.send(()).unwrap();
    let answer = client.answer_to("OPTIONS");
    assert_eq!((answer.status, answer.field("vary")), (200, "Origin"), "{answer:?}");
}

#[test]
fn an_app_that_is_silent_is_waited_for_until_the_drain_is_over() {
    let app = silent(&Arc::default());
    let mut gateway = patient(&app, "drain = \"300ms\"\n");
    let mut http1 = gateway.client();
    http1.send(preflight("/http1", "GET").bytes());
    let mut http2 = Http2::connect(gateway.address);
    let (head, _) = preflight("/http2", "GET").http2("http");
    let stream = http2.begin(head, true).unwrap();
    wait_until_asked(&app, 2);
    gateway.signal("TERM");
    let answers = [http1.answer_to("OPTIONS"), http2.answer(stream.answer).unwrap()];
    assert!(gateway.wait().0.success());
    for answer in answers {
        assert_eq!((answer.status, answer.code().as_str()), (503, "draining"), "{answer:?}");
        let event = gateway.event(&answer);
        assert_eq!((&event["status"], &event["code"]), (&503.into(), &"draining".into()), "{event}");
    }
}
