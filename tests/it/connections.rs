//! Connections to the app: shared where nothing speaks against it, and nobody else's where something does.

use std::collections::HashMap;
use std::io::Read as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use crate::harness::{Exchange, Gateway, Request, Token, Upstream, poll_until};

const CONFIG: &str = r#"
[app.media]
hosts    = ["media.localhost"]
upstream = { urls = ["UPSTREAM"] }
auth     = "public"
"#;

/// An app that takes whoever has logged in on a connection for the sender of all that comes on it.
fn connection_login(scheme: &'static str) -> Upstream {
    let logged_in = Mutex::new(HashMap::<SocketAddr, String>::new());
    Upstream::with(move |exchange| {
        exchange.body()?;
        let mut logged_in = logged_in.lock().unwrap();
        let given = exchange.seen().fields.sole("authorization").map(str::to_owned);
        if let Some(name) = given.as_deref().and_then(|given| given.strip_prefix(scheme)) {
            logged_in.insert(exchange.peer(), name.trim().to_owned());
        }
        match logged_in.get(&exchange.peer()) {
            Some(name) => exchange.reply("200 OK", &[], name),
            None => exchange.reply("401 Unauthorized", &[&format!("WWW-Authenticate: {scheme}")], "who"),
        }
    })
}

#[test]
fn a_login_of_the_connection_is_of_one_client() {
    for scheme in ["NTLM", "Negotiate"] {
        let app = connection_login(scheme);
        let gateway = Gateway::before(&app, CONFIG);
        let mut alice = gateway.client();
        assert_eq!(alice.ask(&Request::get("/x")).status, 401);
        let login = Request::get("/x").field("Authorization", format!("{scheme} alice"));
        assert_eq!(alice.ask(&login).text(), "alice");
        for round in 0..5 {
            // She stays logged in, with every method that has no body.
            for request in [Request::get("/x"), Request::new("DELETE", "/x"), Request::new("POST", "/x")] {
                assert_eq!(alice.ask(&request).text(), "alice", "{scheme}, round {round}: {request:?}");
            }
            let mut bob = gateway.client();
            for request in [Request::get("/x"), Request::post("/x", "a"), Request::get("/x")] {
                assert_eq!(bob.ask(&request).status, 401, "{scheme}, round {round}: {request:?}");
            }
        }
        drop(alice);
        assert_eq!(gateway.ask(&Request::get("/x")).status, 401, "{scheme}");
        // A request that brings both, as the last step of a login does.
        let both = Request::post("/x", "a").field("Authorization", format!("{scheme} eve"));
        assert_eq!(gateway.client().ask(&both).text(), "eve");
        assert_eq!(gateway.ask(&Request::get("/x")).status, 401, "{scheme}");
    }
}

#[test]
fn a_login_of_the_connection_ends_with_the_client() {
    let ends = Arc::new(Mutex::new(0));
    let app = Upstream::with({
        let ends = Arc::clone(&ends);
        move |exchange| {
            exchange.reply("200 OK", &["Persistent-Auth: true"], "ok")?;
            if exchange.seen().fields.has("authorization") {
                exchange.wait_for_the_end();
                *ends.lock().unwrap() += 1;
            }
            Ok(())
        }
    });
    let gateway = Gateway::before(&app, CONFIG);
    let mut alice = gateway.client();
    assert_eq!(alice.ask(&Request::get("/x").field("Authorization", "NTLM alice")).status, 200);
    drop(alice);
    poll_until("the app's connection to end", || (*ends.lock().unwrap() == 1).then_some(()));
}

#[test]
fn a_login_of_the_connection_is_of_one_caller() {
    let app = connection_login("NTLM");
    let config = format!(
        "[auth.house]\nkind = \"jwt\"\nissuer = \"stagedoor\"\naudience = [\"media\"]\n\
         sources = [\"header:x-stagedoor-token\"]\n\
         keys = [{{ kid = \"k1\", alg = \"HS256\", secret = {{ file = \"secret\" }} }}]\n{}",
        CONFIG.replace("\"public\"", "\"required\"")
    );
    let gateway = Gateway::before(&app, &config);
    // As behind a proxy that sends the requests of both through one connection.
    let mut both = gateway.client();
    let by = |name: &str| Request::get("/x").field("x-stagedoor-token", Token::of(name).sign());
    assert_eq!(both.ask(&by("alice").field("Authorization", "NTLM alice")).text(), "alice");
    assert_eq!(both.ask(&by("alice")).text(), "alice");
    assert_eq!(both.ask(&by("bob")).status, 401);
    assert_eq!(both.ask(&by("alice")).status, 401, "she logs in anew");
}

#[test]
fn a_login_of_the_connection_is_of_nobody_else_in_the_house() {
    let app = connection_login("NTLM");
    let gateway = Gateway::before(&app, &format!("[server]\ntrusted_proxies = [\"127.0.0.1/32\"]\n{CONFIG}"));
    // A proxy that sends the requests of all through one connection; they have one address.
    let mut proxy = gateway.client();
    let one = || Request::get("/x").field("X-Forwarded-For", "192.0.2.7");
    assert_eq!(proxy.ask(&one()).status, 401);
    for _ in 0..2 {
        assert_eq!(proxy.ask(&one().field("Authorization", "NTLM alice")).text(), "alice");
    }
    assert_eq!(proxy.ask(&one()).status, 401);
}

/// Answers once, and then with words of its own should anybody use the connection again.
fn poisoned(exchange: &mut Exchange<'_>, answer: &str, ends: &Mutex<Vec<String>>) -> std::io::Result<()> {
    exchange.write(answer)?;
    let path = exchange.path();
    let mut stream = exchange.stream();
    let mut next = [0; 1024];
    let end = match stream.read(&mut next) {
        Ok(0) | Err(_) => "ended",
        Ok(_) => {
            exchange.write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")?;
            "used again"
        }
    };
    ends.lock().unwrap().push(format!("{path} {end}"));
    Ok(())
}

/// A connection that has just been ended may lie in the pool until the reactor has seen it: nobody is to be answered 502
/// for it, whatever `retries` says.
#[test]
fn a_connection_that_was_ended_is_nobodys_failure() {
    let app = Upstream::with(|exchange| match exchange.path().as_str() {
        "/unchanged" => exchange.write("HTTP/1.1 304 Not Modified\r\n\r\n"),
        _ => exchange.reply("200 OK", &[], "fine"),
    });
    let config = CONFIG.replace("[\"UPSTREAM\"] }", "[\"UPSTREAM\"], retries = 0 }");
    let gateway = Gateway::before(&app, &config);
    std::thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                let mut client = gateway.client();
                for round in 0..60 {
                    let (path, status) = if round % 3 == 0 { ("/unchanged", 304) } else { ("/x", 200) };
                    assert_eq!(client.ask(&Request::get(path)).status, status, "round {round}");
                }
            });
        }
    });
}

#[test]
fn nothing_is_used_again_that_may_still_speak() {
    let ends = Arc::new(Mutex::new(Vec::new()));
    let app = Upstream::with({
        let ends = Arc::clone(&ends);
        move |exchange| {
            let answer = match exchange.path().as_str() {
                "/head" => "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
                "/empty" => "HTTP/1.1 204 No Content\r\n\r\n",
                "/unchanged" => "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
                "/old" => "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
                "/closes" => {
                    "HTTP/1.1 200 OK\r\nConnection: x\r\nConnection: Close\r\nContent-Length: 2\r\n\r\nok"
                }
                "/more" => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n",
                _ => return exchange.reply("200 OK", &[], "fine"),
            };
            poisoned(exchange, answer, &ends)
        }
    });
    let gateway = Gateway::before(&app, CONFIG);
    for (method, path, status) in [
        ("HEAD", "/head", 200),
        ("GET", "/empty", 204),
        ("GET", "/unchanged", 304),
        ("GET", "/old", 200),
        ("GET", "/closes", 200),
        ("GET", "/more", 200),
    ] {
        let mut client = gateway.client();
        client.send(Request::new(method, path).bytes());
        assert_eq!(client.answer_to(method).status, status, "{path}");
        for _ in 0..3 {
            assert_eq!(gateway.ask(&Request::get("/next")).text(), "fine", "after {path}");
        }
        let end = format!("{path} ended");
        poll_until(&end, || ends.lock().unwrap().contains(&end).then_some(()));
    }
    assert_eq!(ends.lock().unwrap().len(), 6, "{ends:?}");
}

#[test]
fn what_nothing_speaks_against_is_used_again() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CONFIG);
    poll_until("a connection that is used again", || {
        assert_eq!(gateway.ask(&Request::get("/x")).status, 200);
        assert_eq!(gateway.ask(&Request::get("/x")).status, 200);
        (app.connections() < app.seen().len()).then_some(())
    });
}
