//! Who the caller is: what proves it, what the app is told, and what nobody else may say.

use serde_json::json;

use crate::harness::{Command, Gateway, Request, Token, Upstream, token, unix_now};

const CONFIG: &str = r#"
[auth.house]
sources = ["bearer", "header:x-stagedoor-token", "cookie:access_token", "query:sd_token"]

[app.media]
hosts    = ["media.localhost"]
upstream = { urls = ["UPSTREAM"] }
auth     = "required"
identity = { user = "x-auth-user", roles = "x-auth-roles" }

[[app.media.route]]
match = "* /admin/{*rest}"
roles = ["admin"]
[[app.media.route]]
match = "* /optional"
auth  = "optional"
[[app.media.route]]
match = "* /public"
auth  = "public"
"#;

/// All roles of a token count; what the app is told of them has an end.
#[test]
fn a_caller_of_many_roles_is_judged_by_all_of_them() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CONFIG);
    let mut roles: Vec<String> = (0..64).map(|n| format!("role-{n}")).collect();
    let told = roles.join(",");
    roles.push("admin".to_owned());
    let ask = |roles: &[String]| {
        let roles: Vec<&str> = roles.iter().map(String::as_str).collect();
        gateway.ask(&Request::get("/admin/users").bearer(&Token::of("bob").roles(&roles).sign()))
    };
    assert_eq!(ask(&roles).status, 200);
    assert_eq!(app.sole().fields.sole("x-auth-roles"), Some(told.as_str()));
    let many = |n: usize| vec!["r".to_owned(); n];
    assert_eq!(ask(&many(1024)).code(), "forbidden");
    for (roles, words) in
        [(many(1025), "more than 1024 roles"), (vec!["us\ner".to_owned()], "a control character")]
    {
        let refused = ask(&roles);
        assert_eq!((refused.status, refused.code().as_str()), (401, "token_invalid"));
        let query = format!("/api/v1/why?id={}", refused.field("x-request-id"));
        let why = gateway.ask_admin_as_operator(Request::get(&query)).text();
        assert!(why.contains(words), "{why}");
    }
}

#[test]
fn each_carrier_proves_and_is_taken_off() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CONFIG);
    let token = Token::of("bob").roles(&["user", "dj"]).sign();
    let signature = token.rsplit_once('.').unwrap().1.to_owned();
    let rows: [(Request, &str, Option<&str>); 9] = [
        (Request::get("/x").bearer(&token), "/x", None),
        (Request::get("/x").field("authorization", format!("bearer {token}")), "/x", None),
        (Request::get("/x").field("X-Stagedoor-Token", &token), "/x", None),
        (Request::get("/x").field("x-stagedoor-token", format!("Bearer {token}")), "/x", None),
        (Request::get("/x").field("Cookie", format!("access_token={token}")), "/x", None),
        (
            Request::get("/x").field("Cookie", format!("a=1; access_token={token}; b=\"2\"")),
            "/x",
            Some("a=1; b=\"2\""),
        ),
        (Request::get(&format!("/x?sd_token={token}")), "/x", None),
        (Request::get(&format!("/x?a=%7C&sd_token={token}&b=|")), "/x?a=%7C&b=|", None),
        (Request::get(&format!("/x?sd_token={token}&sd_token={token}&z")), "/x?z", None),
    ];
    for (request, target, cookie) in rows {
        app.forget();
        let answer = gateway.ask(&request);
        assert_eq!(answer.status, 200, "{request:?}: {answer:?}");
        let seen = app.sole();
        assert_eq!(seen.target, target, "{request:?}");
        assert_eq!(seen.fields.sole("cookie"), cookie, "{request:?}");
        assert_eq!(seen.fields.sole("x-auth-user"), Some("bob"));
        assert_eq!(seen.fields.sole("x-auth-roles"), Some("user,dj"));
        assert!(!String::from_utf8_lossy(&seen.head).contains(&signature), "the app saw the token: {seen:?}");
        assert_eq!(gateway.event(&answer)["user"], "bob");
    }
    assert!(!gateway.everything_written().contains(&signature), "a token was logged");
}

#[test]
fn a_bearer_is_kept_where_the_app_asks_for_it() {
    let app = Upstream::start();
    let config = CONFIG.replace("x-auth-roles\" }", "x-auth-roles\", token = \"keep\" }");
    let gateway = Gateway::before(&app, &config);
    let bob = token("bob");
    assert_eq!(gateway.ask(&Request::get("/x").bearer(&bob)).status, 200);
    assert_eq!(app.last().fields.sole("authorization"), Some(format!("Bearer {bob}").as_str()));
    assert_eq!(gateway.ask(&Request::get("/x").field("cookie", format!("access_token={bob}"))).status, 200);
    assert_eq!(app.last().fields.sole("cookie"), Some(format!("access_token={bob}").as_str()));
    let both = Request::get(&format!("/x?sd_token={bob}")).field("x-stagedoor-token", &bob);
    assert_eq!(gateway.ask(&both).status, 200);
    assert!(!String::from_utf8_lossy(&app.last().head).contains(&bob), "{:?}", app.last());
}

#[test]
fn different_credentials_at_once_are_refused() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CONFIG);
    let (bob, eve) = (token("bob"), token("eve"));
    for request in [
        Request::get("/x").bearer(&bob).field("x-stagedoor-token", &eve),
        Request::get("/x").bearer(&bob).bearer(&eve),
        Request::get("/x").field("cookie", format!("access_token={bob}; access_token={eve}")),
        Request::get("/x")
            .field("cookie", format!("access_token={bob}"))
            .field("cookie", format!("access_token={eve}")),
        Request::get(&format!("/x?sd_token={bob}&sd_token={eve}")),
        Request::get(&format!("/x?sd_token={bob}")).bearer(&eve),
        Request::get("/x").bearer(&bob).field("cookie", "access_token=nonsense"),
        Request::get("/public").bearer(&bob).field("x-stagedoor-token", &eve).field("x-n", "1"),
    ] {
        let answer = gateway.ask(&request);
        if request.bytes().starts_with(b"GET /public") {
            continue; // nothing is read where nothing is asked
        }
        assert_eq!((answer.status, answer.code().as_str()), (400, "ambiguous_credentials"), "{request:?}");
        assert_eq!(answer.field("connection"), "close");
    }
    let same = Request::get("/x").bearer(&bob).field("x-stagedoor-token", &bob);
    assert_eq!(gateway.ask(&same).status, 200, "the same twice is one");
}

#[test]
fn the_apps_own_authorization_passes_where_nobody_reads_it() {
    let app = Upstream::start();
    let config = CONFIG.replace("\"bearer\", ", "");
    let gateway = Gateway::before(&app, &config);
    for value in ["Basic dXNlcjpwYXNz", "Bearer of-the-app", "Digest username=\"x\"", "Token abc"] {
        let request =
            Request::get("/x").field("x-stagedoor-token", token("bob")).field("Authorization", value);
        assert_eq!(gateway.ask(&request).status, 200);
        assert_eq!(app.last().fields.sole("authorization"), Some(value));
    }
}

#[test]
fn tokens_that_are_not_genuine_are_refused() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CONFIG);
    let now = unix_now();
    let bob = || Token::of("bob");
    let unsigned = {
        let signed = bob().header("alg", "none").sign();
        format!("{}.", signed.rsplit_once('.').unwrap().0)
    };
    let rows: Vec<(&str, String, &str)> = vec![
        ("expired", bob().claim("iat", now - 7200).claim("exp", now - 3600).sign(), "token_expired"),
        ("another key", bob().secret("another secret that is long enough for hmac").sign(), "token_invalid"),
        ("none", unsigned, "token_invalid"),
        ("another algorithm", bob().header("alg", "HS512").sign(), "token_invalid"),
        ("unknown kid", bob().header("kid", "k2").sign(), "token_invalid"),
        ("crit", bob().header("crit", serde_json::json!(["exp"])).sign(), "token_invalid"),
        ("another issuer", bob().claim("iss", "someone").sign(), "token_invalid"),
        ("a list of issuers", bob().claim("iss", serde_json::json!(["stagedoor"])).sign(), "token_invalid"),
        ("another audience", bob().claim("aud", "other").sign(), "token_invalid"),
        ("no audience", bob().claim("aud", serde_json::Value::Null).sign(), "token_invalid"),
        ("no expiry", bob().claim("exp", serde_json::Value::Null).sign(), "token_invalid"),
        ("expiry as text", bob().claim("exp", (now + 60).to_string()).sign(), "token_invalid"),
        ("not yet", bob().claim("nbf", now + 600).sign(), "token_invalid"),
        ("issued later", bob().claim("iat", now + 600).sign(), "token_invalid"),
        ("too long a life", bob().claim("exp", now + 200_000).sign(), "token_invalid"),
        ("no user", bob().claim("sub", serde_json::Value::Null).sign(), "token_invalid"),
        ("empty user", bob().claim("sub", "").sign(), "token_invalid"),
        ("user is a number", bob().claim("sub", 7).sign(), "token_invalid"),
        ("user with a control", bob().claim("sub", "a\nb").sign(), "token_invalid"),
        ("user too long", bob().claim("sub", "u".repeat(257)).sign(), "token_invalid"),
        ("two parts", token("bob").rsplit_once('.').unwrap().0.to_owned(), "token_invalid"),
        ("padding", format!("{}=", token("bob")), "token_invalid"),
        ("text", "abc".to_owned(), "token_invalid"),
        ("too large", bob().claim("x", "y".repeat(9000)).sign(), "token_invalid"),
    ];
    for (name, token, code) in rows {
        let answer = gateway.ask(&Request::get("/x").bearer(&token));
        assert_eq!((answer.status, answer.code().as_str()), (401, code), "{name}: {answer:?}");
        assert_eq!(
            answer.field("www-authenticate"),
            r#"Bearer realm="media", error="invalid_token""#,
            "{name}"
        );
        let optional = gateway.ask(&Request::get("/optional").bearer(&token));
        assert_eq!(optional.status, 401, "{name} where none is needed");
    }
    assert!(app.seen().is_empty());
    for (name, token) in [
        ("list of audiences", bob().claim("aud", serde_json::json!(["x", "media"])).sign()),
        ("one role as text", bob().claim("roles", "user").sign()),
        ("user of 256 bytes", Token::of(&"u".repeat(256)).sign()),
        ("within the leeway", bob().claim("exp", now - 5).sign()),
    ] {
        assert_eq!(gateway.ask(&Request::get("/x").bearer(&token)).status, 200, "{name}");
    }
}

#[test]
fn nobody_is_told_of_where_nobody_is_proven() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CONFIG);
    for path in ["/optional", "/public"] {
        assert_eq!(gateway.ask(&Request::get(path).field("x-auth-user", "spoof")).status, 200);
        assert!(!app.last().fields.has("x-auth-user"), "{:?}", app.last());
    }
    assert_eq!(gateway.ask(&Request::get("/optional").bearer(&token("bob"))).status, 200);
    assert_eq!(app.last().fields.sole("x-auth-user"), Some("bob"));
    let odd = Token::of("m\u{fc}ller%,\"").roles(&["r\u{f6}le", "a,b"]).sign();
    assert_eq!(gateway.ask(&Request::get("/x").bearer(&odd)).status, 200);
    let user = app.last().fields.sole("x-auth-user").unwrap().to_owned();
    assert!(user.is_ascii() && user.contains("%C3%BC"), "{user}");
}

/// What CONTRACT removes from every request, the lists written out.
const FORBIDDEN: &[&str] = &[
    "x-auth-user",
    "x-auth-user-id",
    "x-auth-username",
    "x-auth-role",
    "x-auth-roles",
    "x-auth-group",
    "x-auth-groups",
    "x-auth-email",
    "x-auth-request-user",
    "x-auth-request-email",
    "x-auth-request-groups",
    "x-auth-request-access-token",
    "x-user",
    "x-user-id",
    "x-user-name",
    "x-user-email",
    "x-user-role",
    "x-user-roles",
    "x-username",
    "remote-user",
    "remote-groups",
    "remote-name",
    "remote-email",
    "x-remote-user",
    "x-remote-group",
    "x-forwarded-user",
    "x-forwarded-email",
    "x-forwarded-groups",
    "x-forwarded-preferred-username",
    "x-webauth-user",
    "x-webauth-name",
    "x-authentik-username",
    "x-authentik-groups",
    "tailscale-user-login",
    "tailscale-user-name",
    "x-client-cert",
    "x-client-cert-dn",
    "x-ssl-client-cert",
    "x-ssl-client-s-dn",
    "x-ssl-client-verify",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-original-uri",
    "x-rewrite-url",
    "script-name",
    "path-info",
    "x-script-name",
    "x-scheme",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-scheme",
    "x-forwarded-server",
    "x-forwarded-ssl",
    "forwarded",
    "x-real-ip",
    "x-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "keep-alive",
    "proxy-connection",
    "proxy-authorization",
    "x-request-id",
    "proxy",
    "x-middleware-subrequest",
    "x-goog-authenticated-user-email",
    "x-goog-iap-jwt-assertion",
    "cf-access-jwt-assertion",
    "x-ms-client-principal-name",
    "x-amzn-oidc-identity",
    "x-pomerium-claim-email",
    "x-authenticated-userid",
    "x-consumer-username",
    "x-credential-identifier",
    "oidc-claim-sub",
    "x-token-subject",
    "x-token-user-roles",
    "ssl-client-s-dn",
    "x-original-host",
    "x-envoy-original-path",
    "x-vouch-user",
    "x-told-name",
];

#[test]
fn what_clients_may_not_say_never_arrives() {
    let app = Upstream::start();
    let gateway = Gateway::before(
        &app,
        &CONFIG.replace("\"x-auth-roles\" }", "\"x-auth-roles\", strip = [\"x-told-*\"] }"),
    );
    let spellings: [fn(&str) -> String; 6] = [
        str::to_owned,
        |name| name.replace('-', "."),
        str::to_ascii_uppercase,
        |name| name.replace('-', "_"),
        |name| name.replacen('-', "_", 1).to_ascii_uppercase(),
        |name| name.split('-').map(title).collect::<Vec<_>>().join("-"),
    ];
    for spell in spellings {
        for names in FORBIDDEN.chunks(16) {
            for target in ["/public", "/x"] {
                app.forget();
                let mut request = Request::get(target);
                if target == "/x" {
                    request = request.bearer(&token("bob"));
                }
                for name in names {
                    request = request.field(&spell(name), "sp00f").field(&spell(name), "sp00f.example");
                }
                let answer = gateway.ask(&request);
                assert_eq!(answer.status, 200, "{request:?}: {answer:?}");
                let head = String::from_utf8_lossy(&app.sole().head).into_owned();
                assert!(!head.contains("sp00f"), "{head}");
            }
        }
    }
    app.forget();
    gateway.ask(&Request::get("/public").field("x-forwarded-for", "1.2.3.4").field("X-Request-Id", "mine"));
    let fields = app.sole().fields;
    assert_eq!(fields.sole("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(fields.sole("x-forwarded-proto"), Some("http"));
    assert_eq!(fields.sole("x-forwarded-host"), Some("media.localhost"));
    assert_eq!(fields.sole("x-forwarded-port"), Some("80"));
    assert_ne!(fields.sole("x-request-id"), Some("mine"));
    assert_eq!(fields.sole("host"), Some("media.localhost"));
}

fn title(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_ascii_uppercase() + rest
}

#[test]
fn what_is_the_apps_own_arrives() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CONFIG);
    let rows = [
        ("X-Auth-Token", "of-the-app"),
        ("x-user-agent", "grpc"),
        ("X-Plex-Token", "abc"),
        ("Range", "bytes=0-1"),
        ("If-None-Match", "\"x\""),
        ("X_Custom", "1"),
        ("Destination", "http://media.localhost/y"),
        ("Accept-Encoding", "gzip, br"),
        ("Cookie", "a=1; b=2"),
    ];
    let request =
        rows.iter().fold(Request::get("/public"), |request, (name, value)| request.field(name, *value));
    assert_eq!(gateway.ask(&request).status, 200);
    let seen = app.sole();
    for (name, value) in rows {
        assert_eq!(seen.fields.sole(name), Some(value));
    }
}

#[test]
fn an_upgrade_field_skips_no_guard() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CONFIG);
    let upgrades: [&[&str]; 7] = [
        &["websocket"],
        &["h2c"],
        &["foo"],
        &[""],
        &["websocket", "websocket"],
        &["websocket, h2c"],
        &["TLS/1.0, HTTP/1.1"],
    ];
    let user = Token::of("bob").roles(&["user"]).sign();
    for values in upgrades {
        for connection in
            [None, Some("upgrade"), Some("Upgrade, HTTP2-Settings"), Some("keep-alive, Upgrade")]
        {
            for method in ["GET", "POST", "OPTIONS"] {
                let ask = |target: &str, token: Option<&str>| {
                    let mut request = Request::new(method, target)
                        .field("Sec-WebSocket-Version", "13")
                        .field("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
                        .field("HTTP2-Settings", "AAMAAABkAARAAAAAAAIAAAAA");
                    for value in values {
                        request = request.field("Upgrade", *value);
                    }
                    if let Some(connection) = connection {
                        request = request.field("Connection", connection);
                    }
                    if let Some(token) = token {
                        request = request.bearer(token);
                    }
                    gateway.ask(&request).status
                };
                let row = format!("{method} {values:?} {connection:?}");
                assert_eq!(ask("/x", None), 401, "{row}");
                assert_eq!(ask("/x", Some("nonsense")), 401, "{row}");
                assert_eq!(ask("/admin/x", Some(&user)), 403, "{row}");
                assert_eq!(ask("/a/../x", Some(&user)), 400, "{row}");
            }
        }
    }
    assert!(app.seen().is_empty());
}

#[test]
fn a_cookie_is_believed_from_the_same_origin_only() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CONFIG);
    let cookie = format!("access_token={}", token("bob"));
    let with = |method: &str, fields: &[(&str, &str)]| {
        let request = Request::new(method, "/x").field("Cookie", &*cookie).field("Content-Length", "0");
        let request = fields.iter().fold(request, |request, (name, value)| request.field(name, *value));
        gateway.ask(&request).status
    };
    type Row<'r> = (&'r str, &'r [(&'r str, &'r str)], u16);
    let rows: &[Row<'_>] = &[
        ("GET", &[("Sec-Fetch-Site", "cross-site"), ("Origin", "http://evil.example")], 403),
        ("GET", &[("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate")], 200),
        ("GET", &[("Origin", "http://evil.example")], 200),
        ("POST", &[], 200),
        ("POST", &[("Sec-Fetch-Site", "same-origin")], 200),
        ("POST", &[("Sec-Fetch-Site", "none")], 200),
        ("POST", &[("Sec-Fetch-Site", "same-site")], 403),
        ("POST", &[("Sec-Fetch-Site", "cross-site")], 403),
        ("POST", &[("Origin", "http://media.localhost")], 200),
        ("POST", &[("Origin", "http://evil.example")], 403),
        ("POST", &[("Origin", "null")], 403),
        ("DELETE", &[("Origin", "http://media.localhost.evil.example")], 403),
        ("PUT", &[("Sec-Fetch-Site", "cross-site"), ("Origin", "http://media.localhost")], 200),
    ];
    for (method, fields, expected) in rows {
        assert_eq!(with(method, fields), *expected, "{method} {fields:?}");
    }
    let bearer = Request::post("/x", "").bearer(&token("bob")).field("Origin", "http://evil.example");
    assert_eq!(gateway.ask(&bearer).status, 200, "a bearer is never sent by a browser alone");
}

/// RFC 9470: the refusal tells the client how its user has to sign in.
#[test]
fn a_route_asks_for_a_second_factor_and_the_challenge_says_for_which() {
    let app = Upstream::start();
    let named = "[auth.house]\nmfa = { amr = [\"mfa\", \"pwd+otp\"], acr = [\"gold\", \"silver\"] }\n";
    let config =
        CONFIG.replace("[auth.house]\n", named) + "[[app.media.route]]\nmatch = \"* /safe\"\nmfa = true\n";
    let gateway = Gateway::before(&app, &config);
    let bob = || Token::of("bob");
    for (name, token, status) in [
        ("neither", bob(), 403),
        ("mfa", bob().claim("amr", json!(["mfa"])), 200),
        ("two methods", bob().claim("amr", json!(["pwd", "x", "otp"])), 200),
        ("two methods that are not listed", bob().claim("amr", json!(["pwd", "hwk"])), 403),
        ("a string", bob().claim("amr", "mfa"), 403),
        ("very many methods", bob().claim("amr", json!(vec!["mfa"; 33])), 403),
        ("acr", bob().claim("acr", "silver"), 200),
        ("another acr", bob().claim("acr", "bronze"), 403),
        ("a list of acr", bob().claim("acr", json!(["gold"])), 403),
        ("a role", bob().roles(&["mfa", "gold"]), 403),
    ] {
        app.forget();
        let token = token.sign();
        let answer = gateway.ask(&Request::get("/safe").bearer(&token));
        assert_eq!(answer.status, status, "{name}: {answer:?}");
        // Elsewhere none of it matters.
        assert_eq!(gateway.ask(&Request::get("/x").bearer(&token)).status, 200, "{name}");
        if status == 200 {
            assert_eq!(app.seen().len(), 2, "{name}");
            continue;
        }
        assert_eq!((answer.code().as_str(), app.seen().len()), ("mfa_required", 1), "{name}");
        assert_eq!(
            answer.field("www-authenticate"),
            "Bearer realm=\"media\", error=\"insufficient_user_authentication\", acr_values=\"gold silver\""
        );
        assert_eq!(gateway.event(&answer)["code"], "mfa_required");
        let query = format!("/api/v1/why?id={}", answer.field("x-request-id"));
        let why = gateway.ask_admin_as_operator(Request::get(&query)).text();
        assert!(why.contains("--mfa"), "{why}");
    }
    assert_eq!(gateway.ask(&Request::get("/safe")).code(), "token_missing");
    let sign = |more: &[&str]| {
        let arguments = [&["token", "--config", "stagedoor.toml", "--sub", "bob"], more].concat();
        let output = Command::new(&gateway.folder, &arguments).run();
        assert_eq!(output.code, Some(0), "{output:?}");
        output.stdout.trim().to_owned()
    };
    for (more, status) in [(&[][..], 403), (&["--mfa"], 200)] {
        assert_eq!(gateway.ask(&Request::get("/safe").bearer(&sign(more))).status, status, "{more:?}");
    }
}
