//! Apps with a login of their own, and pages whose pictures and films cannot set a header.

use std::io;

use crate::harness::{Exchange, Gateway, Request, Upstream, token};

const CONFIG: &str = r#"
[auth.house]
sources = ["header:x-stagedoor-token", "cookie:stagedoor", "query:sd_token"]

[app.media]
hosts    = ["media.localhost"]
upstream = { urls = ["UPSTREAM"] }
auth     = "required"
"#;

/// Basic for people, a bearer token of its own for programs, and two challenges without either.
fn guarded(exchange: &mut Exchange<'_>) -> io::Result<()> {
    exchange.body()?;
    let seen = exchange.seen();
    match (exchange.path().as_str(), seen.fields.sole("authorization")) {
        ("/login", _) => {
            exchange.reply("200 OK", &["Content-Type: application/json"], r#"{"token":"own.1"}"#)
        }
        (_, Some("Basic dXNlcjpwYXNz" | "Bearer own.1")) => exchange.reply("200 OK", &[], "inside"),
        (_, _) => {
            let lines = ["WWW-Authenticate: Basic realm=\"nas\"", "WWW-Authenticate: Bearer realm=\"nas\""];
            exchange.reply("401 Unauthorized", &lines, "who are you?")
        }
    }
}

/// The two carriers that leave `Authorization` alone.
fn carriers() -> [(&'static str, String); 2] {
    [
        ("X-Stagedoor-Token", token("bob")),
        ("Cookie", format!("own=1; stagedoor={}; theme=dark", token("bob"))),
    ]
}

#[test]
fn an_app_with_a_login_of_its_own_is_asked_twice() {
    let app = Upstream::with(guarded);
    let gateway = Gateway::before(&app, CONFIG);
    for authorization in ["Basic dXNlcjpwYXNz", "Bearer own.1", &format!("Bearer {}", token("bob"))] {
        let answer = gateway.ask(&Request::get("/x").field("Authorization", authorization));
        assert_eq!((answer.status, answer.code().as_str()), (401, "token_missing"), "{authorization}");
        assert_eq!(answer.field("www-authenticate"), r#"Bearer realm="media""#);
    }
    assert!(app.seen().is_empty(), "the app's own credential opens no gateway");

    for (name, value) in carriers() {
        let ours = |target: &str| Request::get(target).field(name, &*value);
        for wrong in
            [None, Some("Basic bm90OnJpZ2h0"), Some("Bearer own.2"), Some("Negotiate YII="), Some("")]
        {
            let request = match wrong {
                None => ours("/x"),
                Some(wrong) => ours("/x").field("Authorization", wrong),
            };
            let answer = gateway.ask(&request);
            assert_eq!((answer.status, answer.text().as_str()), (401, "who are you?"), "{name} {wrong:?}");
            let challenges: Vec<&str> = answer.fields.all("www-authenticate").collect();
            assert_eq!(challenges, [r#"Basic realm="nas""#, r#"Bearer realm="nas""#]);
        }
        let own = gateway.ask(&ours("/login")).json()["token"].as_str().unwrap().to_owned();
        for right in ["Basic dXNlcjpwYXNz", &format!("Bearer {own}")] {
            let answer = gateway.ask(&ours("/x").field("Authorization", right));
            assert_eq!((answer.status, answer.text().as_str()), (200, "inside"), "{name} {right}");
            let seen = app.last();
            assert_eq!(seen.fields.sole("authorization"), Some(right));
            assert!(!seen.fields.has("x-stagedoor-token"), "{seen:?}");
            let cookies = (name == "Cookie").then_some("own=1; theme=dark");
            assert_eq!(seen.fields.sole("cookie"), cookies, "{seen:?}");
            assert!(!String::from_utf8_lossy(&seen.head).contains(&token("bob")[..40]), "{seen:?}");
        }
    }
}

/// A token in the query, and what the app is asked for.
#[test]
fn a_picture_with_the_token_in_its_query_leaves_the_rest_alone() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CONFIG);
    let rows = [
        ("/p.jpg?T", "/p.jpg"),
        ("/p.jpg?T&", "/p.jpg"),
        ("/p.jpg?T&w=300&h=200", "/p.jpg?w=300&h=200"),
        ("/p.jpg?w=300&T&h=200", "/p.jpg?w=300&h=200"),
        ("/p.jpg?w=300&h=200&T", "/p.jpg?w=300&h=200"),
        ("/p.jpg?T&T&w=300", "/p.jpg?w=300"),
        ("/p.jpg?z=1&a=2&z=3&T&a=4", "/p.jpg?z=1&a=2&z=3&a=4"),
        ("/p.jpg?flag&T&empty=&=odd", "/p.jpg?flag&empty=&=odd"),
        ("/p.jpg?a=1&&T&&b=2", "/p.jpg?a=1&&&b=2"),
        ("/p.jpg?sd_token2=x&T&xsd_token=y", "/p.jpg?sd_token2=x&xsd_token=y"),
        ("/p.jpg?path=%2Fa%2fb%7C|&T&q=a+b%20c;d", "/p.jpg?path=%2Fa%2fb%7C|&q=a+b%20c;d"),
        ("/p.jpg?n=m\u{fc}ller&T&u=http://x/?y=1", "/p.jpg?n=m%C3%BCller&u=http://x/?y=1"),
        ("/a%7Cb/p.jpg?T", "/a%7Cb/p.jpg"),
    ];
    let ours = format!("sd_token={}", token("bob"));
    for (asked, arrives) in rows {
        app.forget();
        let answer = gateway.ask(
            &Request::get(&asked.replace('T', &ours))
                .field("Sec-Fetch-Dest", "image")
                .field("Sec-Fetch-Mode", "no-cors")
                .field("Sec-Fetch-Site", "cross-site"),
        );
        assert_eq!(answer.status, 200, "{asked}: {answer:?}");
        let arrives: String = arrives.bytes().map(char::from).collect();
        assert_eq!(app.sole().target, arrives, "{asked}");
    }
    let spelt = format!("/p.jpg?a=1&sd%5Ftoken={}", token("bob"));
    assert_eq!(gateway.ask(&Request::get(&spelt)).status, 200);
    assert_eq!(app.last().target, "/p.jpg?a=1", "the app would decode the name");
}

#[test]
fn a_film_with_the_token_in_a_cookie_can_be_sought_in() {
    let app = Upstream::with(|exchange| {
        let lines = ["Content-Type: video/mp4", "Content-Range: bytes 100-103/1000", "Accept-Ranges: bytes"];
        match exchange.seen().fields.sole("range") {
            Some("bytes=100-103") => exchange.reply("206 Partial Content", &lines, "film"),
            _ => exchange.reply("200 OK", &lines[..1], "whole film"),
        }
    });
    let gateway = Gateway::before(&app, CONFIG);
    let video = |request: Request| {
        request
            .field("Sec-Fetch-Dest", "video")
            .field("Sec-Fetch-Mode", "no-cors")
            .field("Range", "bytes=100-103")
    };
    let in_cookie = format!("stagedoor={}", token("bob"));
    let in_query = format!("/film.mp4?sd_token={}&t=1", token("bob"));
    for (request, target) in [
        (video(Request::get("/film.mp4")).field("Cookie", in_cookie), "/film.mp4"),
        (video(Request::get(&in_query)), "/film.mp4?t=1"),
    ] {
        let answer = gateway.ask(&request);
        assert_eq!((answer.status, answer.text().as_str()), (206, "film"), "{target}");
        assert_eq!(answer.field("content-range"), "bytes 100-103/1000");
        assert!(!answer.fields.has("cross-origin-resource-policy"), "other pages may embed it");
        let seen = app.last();
        assert_eq!((seen.target.as_str(), seen.fields.sole("cookie")), (target, None));
    }
    let without = gateway.ask(&video(Request::get("/film.mp4?t=1")).field("Accept", "*/*"));
    assert_eq!(without.status, 401, "and never a redirect or a page in the place of a film");
    assert!(answer_is_no_page(&without), "{without:?}");
}

fn answer_is_no_page(answer: &crate::harness::Response) -> bool {
    answer.field("content-type") == "application/problem+json" && !answer.fields.has("location")
}
