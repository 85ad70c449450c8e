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
    "/library/Bj\u{f6}rk/J\u{f3}ga.mp3",
    "/library/Bj%C3%B6rk/J%c3%b3ga.mp3",
    "/library/\u{6771}\u{4eac}/\u{1f3b5}.ogg",
    "/library/100%25.mp3",
    "/library/a+b.mp3",
    "/library/a%2Bb.mp3",
    "/library/{id}[1]^'.mp3",
    "/library/a;v=1,b!$()*@:~",
    "/library/...and%20Justice/.hidden/..x/x..",
    "/library//double//slash/",
    "/search?q=%7C|%23%26%3D%25",
    "/search?q=Bj\u{f6}rk&r=Bj%C3%B6rk",
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
