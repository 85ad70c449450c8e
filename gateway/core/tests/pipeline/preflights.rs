//! Preflights that the app answers: what reaches it, and on which routes.

use super::{HOUSE, outcome, policy, wire};

const APP: &str = r#"
[app.media]
hosts = ["m.example"]
upstream = "http://127.0.0.1:3000"
auth = "required"
cors = "app"
[[app.media.route]]
match = "POST /items"
[[app.media.route]]
match = "* /admin/{*rest}"
roles = ["admin"]
[[app.media.route]]
match = "GET /users/{user}"
owner = { param = "user" }
[[app.media.route]]
match = "GET /scoped"
scopes = ["x"]
[[app.media.route]]
match = "DELETE /admin/open"
roles = ["admin"]
preflight = "app"
[[app.media.route]]
match = "GET /open"
auth = "public"
"#;

fn asked(path: &str, method: &str, more: &str) -> String {
    wire(&format!(
        "OPTIONS {path} HTTP/1.1\nHost: m.example\nOrigin: https://evil.example\nAccess-Control-Request-Method: {method}\n{more}"
    ))
}

#[test]
fn nothing_but_the_question_reaches_the_app() {
    let policy = policy(&format!("{HOUSE}{APP}"));
    let everything = "Access-Control-Request-Headers: x-a, authorization\nAccess-Control-Request-Private-Network: true\n\
                      Cookie: app=1; door={bob}\nAuthorization: Basic YTpi\nX-Door: {bob}\nX-Auth-User: root\nX-Api-Key: k\n\
                      User-Agent: x/1\nAccept: */*\nReferer: https://evil.example/\nX-Forwarded-For: 1.2.3.4\n\
                      Connection: upgrade\nUpgrade: websocket\nX-HTTP-Method-Override: POST";
    let expected = "ask the app OPTIONS /items HTTP/1.1\r\nHost: m.example\r\nOrigin: https://evil.example\r\n\
                    Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: x-a, authorization\r\n\
                    Access-Control-Request-Private-Network: true\r\nx-forwarded-for: 192.0.2.1\r\n\
                    x-forwarded-proto: http\r\nx-forwarded-host: m.example\r\nx-forwarded-port: 80\r\n\
                    x-request-id: 1\r\nConnection: close\r\n\r\n";
    let request = asked("/items?door={bob}&delete=1", "POST", everything);
    assert_eq!(outcome(&policy, "192.0.2.1", &request), expected);
}

#[test]
fn the_route_of_the_announced_method_says_whether_the_app_is_asked() {
    let policy = policy(&format!("{HOUSE}{APP}"));
    for (path, method, expected) in [
        ("/items", "POST", "ask the app"),
        ("/unlisted", "PATCH", "ask the app"),
        ("/open", "GET", "ask the app"),
        ("/admin/x", "POST", "deny 401 token_missing"),
        ("/admin/open", "POST", "deny 401 token_missing"),
        ("/admin/open", "DELETE", "ask the app"),
        ("/users/bob", "GET", "deny 401 token_missing"),
        ("/scoped", "GET", "deny 401 token_missing"),
        ("/a/../items", "POST", "deny 400 ambiguous_path"),
    ] {
        let found = outcome(&policy, "192.0.2.1", &asked(path, method, ""));
        assert!(found.starts_with(expected), "{method} {path}: {found}");
    }
}

#[test]
fn what_is_no_preflight_is_a_request_like_any_other() {
    let policy = policy(&format!("{HOUSE}{APP}"));
    let (origin, method) = ("Origin: https://evil.example", "Access-Control-Request-Method: POST");
    for fields in [
        origin.to_owned(),
        method.to_owned(),
        format!("{origin}\n{origin}\n{method}"),
        format!("{origin}\n{method}\n{method}"),
        format!("{origin}\nAccess-Control-Request-Method: post"),
        format!("{origin}\nAccess-Control-Request-Method: *"),
        format!("{origin}\nAccess-Control-Request-Method: TRACE"),
        format!("Origin:\n{method}"),
        format!("{origin}\nAccess-Control-Request-Method: a b"),
    ] {
        let request = wire(&format!("OPTIONS /items HTTP/1.1\nHost: m.example\n{fields}"));
        assert_eq!(outcome(&policy, "192.0.2.1", &request), "deny 401 token_missing", "{fields}");
    }
    let post = wire(&format!("POST /items HTTP/1.1\nHost: m.example\n{origin}\n{method}"));
    assert_eq!(outcome(&policy, "192.0.2.1", &post), "deny 401 token_missing");
    for body in ["Content-Length: 1", "Transfer-Encoding: chunked"] {
        assert_eq!(
            outcome(&policy, "192.0.2.1", &asked("/items", "POST", body)),
            "deny 400 bad_request",
            "{body}"
        );
    }
}

#[test]
fn the_apps_limit_counts_them() {
    let limited = APP.replace("cors = \"app\"\n", "cors = \"app\"\nlimit.ip = [\"2/hour\"]\n");
    let policy = policy(&format!("{HOUSE}{limited}"));
    let request = asked("/items", "POST", "");
    for expected in ["ask the app", "ask the app", "deny 429 rate_limited"] {
        let found = outcome(&policy, "192.0.2.1", &request);
        assert!(found.starts_with(expected), "{found}");
    }
}
