//! Names that other programs would write otherwise arrive as they were written.

use crate::harness::{Gateway, Request, Upstream};

const CONFIG: &str = r#"
[app.media]
hosts    = ["media.localhost"]
upstream = { urls = ["UPSTREAM"] }
auth     = "public"
"#;

/// Targets that arrive byte for byte.
const KEPT: &[&str] = &[
    "/library/AC%7CDC/Back%20in%20Black.flac",
    "/library/AC|DC/Back%20in%20Black.flac",
    "/library/track%20%231.mp3",
    "/library/Simon%20%26%20Garfunkel",
    "/library/Simon&Garfunkel=1",
    "/library/why%3F.mp3",
    "/library/Bj%C3%B6rk/J%c3%b3ga.mp3",
    "/library/M%E4dchen.mp3",
    "/library/100%25.mp3",
    "/library/a+b.mp3",
    "/library/a%2Bb.mp3",
    "/library/{id}[1]^'.mp3",
    "/library/a;v=1,b!$()*@:~",
    "/library/...and%20Justice/.hidden/..x/x..",
    "/library//double//slash/",
    "/search?q=%7C|%23%26%3D%25",
    "/search?path=%2Fmnt%2Fmedia%2F..%2Fx&next=/a/../b",
    "/search?next=http%3A%2F%2Fmedia.localhost%2Fa%3Fb%3Dc",
    "/search?a=1&a=2&a&=&&b=?c=/d",
    "/search?broken=%zz%&lonely=%",
    "/search?back=\\x&tilde=~&caret=^&grave=`&braces={[]}",
    "/search??",
    "/search?",
];

#[test]
fn odd_bytes_reach_the_app_as_they_were_sent() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CONFIG);
    let mut client = gateway.client();
    for target in KEPT {
        app.forget();
        let answer = client.ask(&Request::get(target));
        assert_eq!(answer.status, 200, "{target}: {answer:?}");
        let sent: String = target.bytes().map(char::from).collect();
        assert_eq!(app.sole().target, sent);
    }
}

/// What servers read in several ways when it stands there raw, and how it arrives.
const ENCODED: &[(&[u8], &str)] = &[
    (b"/library/Bj\xc3\xb6rk/J\xc3\xb3ga.mp3", "/library/Bj%C3%B6rk/J%C3%B3ga.mp3"),
    (
        b"/library/\xf0\x9f\x8e\xb5.ogg?q=Bj\xc3\xb6rk&r=Bj%C3%B6rk",
        "/library/%F0%9F%8E%B5.ogg?q=Bj%C3%B6rk&r=Bj%C3%B6rk",
    ),
    (b"/library/M\xe4dchen.mp3?n=\xa0", "/library/M%E4dchen.mp3?n=%A0"),
    (b"/library\xc2\xa0", "/library%C2%A0"),
    (b"/search?\xa0", "/search?%A0"),
    (b"/jsonrpc?request={\"id\":1}&from=<a>", "/jsonrpc?request={%22id%22:1}&from=%3Ca%3E"),
];

#[test]
fn raw_bytes_and_quotes_reach_the_app_percent_encoded() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CONFIG);
    for (target, arrives) in ENCODED {
        app.forget();
        let request =
            [b"GET ", *target, b" HTTP/1.1\r\nHost: media.localhost\r\nConnection: close\r\n\r\n"].concat();
        let answer = gateway.raw(request);
        assert_eq!(answer.status, 200, "{arrives}: {answer:?}");
        assert_eq!(app.sole().target, *arrives);
        assert_eq!(gateway.event(&answer)["path"], *arrives);
    }
}

#[test]
fn merged_slashes_are_what_is_matched_sent_and_told() {
    let app = Upstream::start();
    let config = format!(
        "{CONFIG}slashes = \"merge\"\n[[app.media.route]]\nmatch = \"GET /rest/{{*rest}}\"\nname = \"rest\"\n"
    );
    let gateway = Gateway::before(&app, &config);
    let answer = gateway.ask(&Request::get("//rest//ping.view?u=//a"));
    assert_eq!(answer.status, 200);
    assert_eq!(app.sole().target, "/rest/ping.view?u=//a");
    let event = gateway.event(&answer);
    assert_eq!((&event["path"], &event["route"]), (&"/rest/ping.view?u=//a".into(), &"rest".into()));
}

#[test]
fn a_host_with_a_dot_at_its_end_is_the_same_host() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CONFIG);
    for (line, host, told) in [
        ("/x", "media.localhost.", "media.localhost"),
        ("/x", "media.localhost.:8080", "media.localhost:8080"),
        ("http://media.localhost:80/x", "media.localhost", "media.localhost"),
        ("http://media.localhost./x", "media.localhost", "media.localhost"),
    ] {
        app.forget();
        let answer = gateway.raw(format!("GET {line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
        assert_eq!(answer.status, 200, "{line} {host}: {answer:?}");
        let seen = app.sole();
        let of = |name| seen.fields.sole(name).unwrap_or_default().to_owned();
        assert_eq!((of("host"), of("x-forwarded-host")), (told.into(), told.into()), "{line} {host}");
    }
}

#[test]
fn dot_segments_reach_no_app_in_any_spelling() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CONFIG);
    for segment in
        ["..", ".", "%2e%2e", "%2E.", ".%2e", "%2e", "%252e%252e", "..;x", "..%3bx", "%u002e%u002e"]
    {
        for target in
            [format!("/library/{segment}/x"), format!("/{segment}"), format!("/library/x/{segment}?q=1")]
        {
            let answer = gateway.ask(&Request::get(&target));
            assert_eq!((answer.status, answer.code().as_str()), (400, "ambiguous_path"), "{target}");
        }
    }
    assert!(app.seen().is_empty());
}
