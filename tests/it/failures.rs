//! The app fails: the client is told plainly and nothing of the app shows.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::harness::{Exchange, Gateway, Request, Response, Upstream, default_answer, poll_until};

const CONFIG: &str = r#"
[app.media]
hosts    = ["media.localhost"]
upstream = { urls = ["UPSTREAM"], read = "1s", connect = "1s", retries = 1 }
auth     = "public"
"#;

fn assert_hides_the_app(answer: &Response, app: &str) {
    let whole = format!("{}{}", String::from_utf8_lossy(&answer.head), answer.text()).to_ascii_lowercase();
    let port = app.rsplit_once(':').unwrap().1;
    for word in [app, port, "127.0.0.1", "refused", "pingora", "os error", "traceback"] {
        assert!(!whole.contains(word), "`{word}` shows: {whole}");
    }
    assert!(answer.fields.has("x-request-id") && answer.fields.has("x-content-type-options"), "{answer:?}");
}

#[test]
fn an_app_that_went_and_came_back() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CONFIG);
    let url = app.address.to_string();
    assert_eq!(gateway.ask(&Request::get("/x")).status, 200);
    let address = app.kill();
    for request in [Request::get("/x"), Request::post("/x", "abc"), Request::new("DELETE", "/x")] {
        let answer = gateway.ask(&request);
        assert_eq!((answer.status, answer.code().as_str()), (502, "upstream_unreachable"), "{request:?}");
        assert_hides_the_app(&answer, &url);
    }
    let app = Upstream::on(address, default_answer);
    poll_until("the app to be served again", || {
        (gateway.ask(&Request::get("/back")).status == 200).then_some(())
    });
    assert_eq!(gateway.ask(&Request::post("/back", "abc")).status, 200);
    assert_eq!(app.last().body, b"abc");
}

#[test]
fn an_app_that_does_not_answer() {
    let app = Upstream::with(|exchange| {
        let _ = exchange.body();
        exchange.wait_for_the_end();
        Ok(())
    });
    let gateway = Gateway::before(&app, CONFIG);
    for request in [Request::get("/x"), Request::post("/x", "abc")] {
        app.forget();
        let answer = gateway.ask(&request);
        assert_eq!((answer.status, answer.code().as_str()), (504, "upstream_timeout"));
        assert_hides_the_app(&answer, &app.address.to_string());
        assert_eq!(app.seen().len(), 1, "a slow app is not asked twice");
    }
}

#[test]
fn an_app_that_breaks_off_before_its_answer() {
    let app = Upstream::with(|exchange| {
        exchange.body()?;
        exchange.hang_up();
        match exchange.path().as_str() {
            "/half" => exchange.write("HTTP/1.1 200 OK\r\nContent-Le"),
            "/nonsense" => exchange.write("Traceback (most recent call last): 10.0.0.1\r\n\r\n"),
            "/lengths" => {
                exchange.write("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd")
            }
            _ => Ok(()),
        }
    });
    let gateway = Gateway::before(&app, CONFIG);
    for path in ["/nothing", "/half", "/nonsense", "/lengths"] {
        for request in [Request::get(path), Request::post(path, "abc")] {
            app.forget();
            let answer = gateway.ask(&request);
            assert_eq!((answer.status, answer.code().as_str()), (502, "upstream_unreachable"), "{request:?}");
            assert_hides_the_app(&answer, &app.address.to_string());
            if request.method == "POST" {
                assert_eq!(app.seen().len(), 1, "{path}: sent twice");
            } else {
                assert!(app.seen().len() <= 2, "{path}: sent {} times", app.seen().len());
            }
        }
    }
}

#[test]
fn an_app_that_breaks_off_in_its_answer() {
    let app = Upstream::with(|exchange| {
        exchange.hang_up();
        match exchange.path().as_str() {
            "/length" => exchange.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
            "/chunk" => exchange.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf"),
            "/between" => {
                exchange.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
            }
            "/stall" => {
                exchange.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")?;
                exchange.wait_for_the_end();
                Ok(())
            }
            _ => exchange.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n"),
        }
    });
    let gateway = Gateway::before(&app, CONFIG);
    for path in ["/length", "/chunk", "/between", "/stall", "/malformed"] {
        let answer = gateway.ask(&Request::get(path));
        assert_eq!(answer.status, 200, "{path}");
        assert!(!answer.complete, "{path}: a broken body that looks whole: {answer:?}");
        assert!(answer.body.starts_with(b"half") || answer.body.is_empty(), "{path}: {}", answer.text());
    }
}

/// Closes the connection the moment the second request arrives.
fn stale(served: &AtomicUsize, exchange: &mut Exchange<'_>) -> io::Result<()> {
    exchange.body()?;
    if served.fetch_add(1, Ordering::SeqCst) == 1 {
        exchange.hang_up();
        return Ok(());
    }
    exchange.reply("200 OK", &[], "ok")
}

#[test]
fn a_stale_connection_is_tried_again_where_that_is_safe() {
    let app = Upstream::with(|exchange| {
        exchange.body()?;
        if exchange.before == 1 {
            exchange.hang_up();
            return Ok(());
        }
        exchange.reply("200 OK", &[], "ok")
    });
    let gateway = Gateway::before(&app, CONFIG);
    let mut n = 0;
    poll_until("a connection that was used before", || {
        n += 1;
        let target = format!("/{n}");
        assert_eq!(gateway.ask(&Request::get(&target)).status, 200, "request {n}");
        let times = app.seen().iter().filter(|seen| seen.target == target).count();
        assert!(times <= 2, "tried {times} times");
        (times == 2).then_some(())
    });
}

#[test]
fn what_changes_something_is_never_sent_twice() {
    for method in ["POST", "PUT", "PATCH", "DELETE", "MKCOL"] {
        let served = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&served);
        let app = Upstream::with(move |exchange| stale(&count, exchange));
        let gateway = Gateway::before(&app, CONFIG);
        assert_eq!(gateway.ask(&Request::get("/first")).status, 200);
        let answer = gateway.ask(&Request::new(method, "/second").field("Content-Length", "0"));
        assert_eq!(answer.status, 502, "{method}");
        let seen: Vec<_> = app.seen().into_iter().filter(|seen| seen.target == "/second").collect();
        assert_eq!(seen.len(), 1, "{method}: {seen:?}");
    }
}

/// The app closes idle connections on its own account, always just too late for us to know.
#[test]
fn posts_survive_an_app_that_closes_idle_connections() {
    let app = Upstream::with(|exchange| {
        exchange.body()?;
        exchange.hang_up();
        exchange.reply("200 OK", &[], "ok")
    });
    let gateway = Gateway::before(&app, CONFIG);
    let mut client = gateway.client();
    for n in 0..100 {
        let request = if n % 3 == 0 { Request::get("/x") } else { Request::post("/x", "abc") };
        assert_eq!(client.ask(&request).status, 200, "request {n}");
    }
    assert_eq!(app.seen().len(), 100, "nothing was sent twice");
}

#[test]
fn the_apps_own_refusals_pass_with_their_fields() {
    let app = Upstream::with(|exchange| {
        exchange.body()?;
        let status = exchange.path().trim_start_matches('/').to_owned();
        exchange.reply(
            &format!("{status} Whatever"),
            &[
                "X-Transmission-Session-Id: abc",
                "WWW-Authenticate: Basic realm=\"app\"",
                "Content-Type: text/x-own",
            ],
            "own words",
        )
    });
    let gateway = Gateway::before(&app, CONFIG);
    let mut client = gateway.client();
    for status in [400, 401, 403, 404, 405, 409, 413, 415, 416, 422, 429, 500, 502, 503] {
        let answer = client.ask(&Request::get(&format!("/{status}")));
        assert_eq!((answer.status, answer.text().as_str()), (status, "own words"));
        assert_eq!(answer.field("x-transmission-session-id"), "abc");
        assert_eq!(answer.field("www-authenticate"), "Basic realm=\"app\"");
        assert_eq!(answer.field("content-type"), "text/x-own");
    }
}

#[test]
fn what_leaks_is_removed_and_what_is_the_apps_is_kept() {
    let app = Upstream::with(|exchange| {
        exchange.body()?;
        let cookies: Vec<String> =
            (0..10).map(|n| format!("Set-Cookie: c{n}={n}; Path=/, HttpOnly")).collect();
        let mut lines: Vec<&str> = cookies.iter().map(String::as_str).collect();
        lines.extend([
            "Server: gunicorn/19.9",
            "X-Powered-By: Express",
            "X-AspNet-Version: 4",
            "X-Generator: Hugo",
            "X-XSS-Protection: 1",
            "Keep-Alive: timeout=5",
            "Proxy-Authenticate: Basic",
            "Access-Control-Allow-Origin: *",
            "Access-Control-Allow-Credentials: true",
            "Location: ?token=relative",
            "Content-Security-Policy: default-src 'self' 'unsafe-inline'",
            "X-Frame-Options: DENY",
            "Referrer-Policy: origin",
            "Content-Type: text/html",
            "X-Request-Id: of-the-app",
            "X-Own: kept",
        ]);
        exchange.reply("302 Found", &lines, "<p>")
    });
    let gateway = Gateway::before(&app, CONFIG);
    let answer = gateway.ask(&Request::get("/x").field("Origin", "http://evil.example"));
    assert_eq!(answer.status, 302);
    for name in [
        "server",
        "x-powered-by",
        "x-aspnet-version",
        "x-generator",
        "x-xss-protection",
        "keep-alive",
        "proxy-authenticate",
        "access-control-allow-origin",
        "access-control-allow-credentials",
    ] {
        assert!(!answer.fields.has(name), "`{name}` shows: {answer:?}");
    }
    let cookies: Vec<&str> = answer.fields.all("set-cookie").collect();
    assert_eq!(cookies.len(), 10);
    assert_eq!(cookies[3], "c3=3; Path=/, HttpOnly");
    assert_eq!(answer.field("location"), "?token=relative");
    assert_eq!(answer.field("content-security-policy"), "default-src 'self' 'unsafe-inline'");
    assert_eq!(answer.field("x-frame-options"), "DENY");
    assert_eq!(answer.field("referrer-policy"), "origin");
    assert_eq!(answer.field("x-own"), "kept");
    assert_ne!(answer.field("x-request-id"), "of-the-app");
    assert_eq!(answer.field("x-content-type-options"), "nosniff");
    assert_eq!(app.sole().fields.sole("x-request-id"), Some(answer.field("x-request-id")));
}

#[test]
fn many_clients_while_the_app_comes_and_goes() {
    let flaky = Arc::new(AtomicBool::new(false));
    let down = Arc::clone(&flaky);
    let app = Upstream::with(move |exchange| {
        if down.load(Ordering::SeqCst) {
            exchange.hang_up();
            return Ok(());
        }
        default_answer(exchange)
    });
    let gateway = Gateway::before(&app, CONFIG);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for n in 0..50 {
                    let answer = gateway.ask(&Request::get("/x"));
                    assert!(matches!(answer.status, 200 | 502), "{n}: {answer:?}");
                    assert!(answer.complete);
                }
            });
        }
        scope.spawn(|| {
            for n in 0..20 {
                flaky.store(n % 2 == 0, Ordering::SeqCst);
                std::thread::yield_now();
            }
        });
    });
    flaky.store(false, Ordering::SeqCst);
    assert_eq!(gateway.ask(&Request::get("/x")).status, 200);
}

#[test]
fn the_operator_is_told_why_an_app_gave_no_answer() {
    let app = Upstream::with(|exchange| {
        exchange.body()?;
        exchange.hang_up();
        match exchange.path().as_str() {
            "/timeout" => {
                exchange.wait_for_the_end();
                Ok(())
            }
            "/tls" => exchange.write(b"\x15\x03\x01\x00\x02\x02\x28"),
            "/bad_answer" => exchange.write("220 ready\r\n\r\n"),
            _ => Ok(()),
        }
    });
    let gone = Upstream::start();
    let nobody = gone.address;
    gone.kill();
    let others = format!(
        "{CONFIG}\n\
         [app.gone]\nhosts = [\"gone.localhost\"]\nupstream = \"http://{nobody}\"\nauth = \"public\"\n\
         [app.nowhere]\nhosts = [\"nowhere.localhost\"]\nupstream = \"http://nowhere.invalid:80\"\nauth = \"public\"\n"
    );
    let gateway = Gateway::before(&app, &others);
    for (host, app_name, reason, code, word) in [
        ("gone.localhost", "gone", "refused", "upstream_unreachable", "nothing listens"),
        ("nowhere.localhost", "nowhere", "no_such_name", "upstream_unreachable", "has no address"),
        ("media.localhost", "media", "closed", "upstream_unreachable", "closed the connection"),
        ("media.localhost", "media", "timeout", "upstream_timeout", "took longer than"),
        ("media.localhost", "media", "tls", "upstream_unreachable", "speaks TLS"),
        ("media.localhost", "media", "bad_answer", "upstream_unreachable", "not HTTP"),
    ] {
        let answer = gateway.ask(&Request::post(&format!("/{reason}"), "a").host(host));
        assert_eq!(answer.code(), code, "{reason}: {answer:?}");
        let text = format!("{}{}", String::from_utf8_lossy(&answer.head), answer.text());
        // The code of a timeout says as much as its status, 504.
        let told = reason != "timeout" && text.contains(reason);
        assert!(!told && !text.contains(word), "{reason}: the client is told: {text}");
        let event = gateway.event(&answer);
        assert_eq!(event["upstream_error"], reason, "{event}");
        assert!(event["reason"].as_str().unwrap().contains(word), "{event}");
        let labels = [&*format!("app=\"{app_name}\""), &*format!("reason=\"{reason}\"")];
        poll_until(reason, || {
            (gateway.metric("stagedoor_upstream_failures_total", &labels) == 1.0).then_some(())
        });
        let id = answer.field("x-request-id").to_owned();
        let why = gateway.ask_admin_as_operator(Request::get(&format!("/api/v1/why?id={id}"))).json();
        assert!(why["reason"].as_str().unwrap().contains(word), "{why:#}");
        assert!(!why["remedy"]["advice"].as_str().unwrap().is_empty(), "{why:#}");
    }
    // An answer that goes well has no such field, and one that breaks off has.
    assert!(
        gateway.event(&gateway.ask(&Request::get("/x").host("other.localhost")))["upstream_error"].is_null()
    );
}
