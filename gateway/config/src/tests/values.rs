//! Values of a grammar of their own: addresses, networks, origins, headers.

use super::{APP, HOUSE, check, text, warnings};

/// These lines in an app that is complete.
fn with(lines: &str) -> String {
    text(&[HOUSE, APP, lines])
}

#[test]
fn what_happens_to_streams_is_a_word_or_a_grace() {
    for good in ["close", "finish", "grace:0s", "grace:1ms", "grace: 30 s", "grace:24h", "grace:1d"] {
        check(&with(&format!("streams.on_expiry = \"{good}\"\n")), &[]);
    }
    for bad in
        ["", "Close", "grace", "grace:", "grace:30", "grace:-1s", "grace:25h", "grace:99999999999999999999d"]
    {
        let told = format!(
            "10 app.media.streams.on_expiry: not what happens to a stream: `{bad}` | \"close\", \"finish\", or"
        );
        check(&with(&format!("streams.on_expiry = \"{bad}\"\n")), &[&told]);
    }
    let public = "[[app.media.route]]\nmatch = \"GET /\"\nauth = \"public\"\nstreams.on_expiry = \"close\"\n";
    let told =
        "13 app.media.route[0].streams.on_expiry: this key needs a caller, and a public route has none";
    check(&with(public), &[told]);
    // Those without a user are counted by their address.
    check(&with(&public.replace("on_expiry = \"close\"", "per_user = 1")), &[]);
}

#[test]
fn upstreams_are_one_address() {
    let at = |value: &str| with("").replace("\"http://127.0.0.1:3000\"", value);
    for good in [
        "\"http://127.0.0.1:3000\"",
        "\"http://app\"",
        "\"http://[::1]:3000/\"",
        "{ urls = [\"http://app:1\"], host = \"upstream\", connect = \"1s\", read = \"5m\", retries = 0 }",
        "\"unix:/run/app.sock\"",
        "\"unix:///run/app.sock\"",
        "{ urls = [\"unix:/run/a b@c/#?.sock\"], host = \"keep\" }",
    ] {
        check(&at(good), &[]);
    }
    for (bad, expected) in [
        (
            "\"127.0.0.1:3000\"",
            "8 app.media.upstream: not an address of an app: `127.0.0.1:3000` | accepted: http://HOST:PORT",
        ),
        ("\"ftp://app\"", "not an address of an app"),
        ("\"http://app:0\"", "not an address of an app"),
        ("\"http://app:\"", "not an address of an app"),
        ("\"http://app:70000\"", "not an address of an app"),
        ("\"http://app/path\"", "an address of an app with a path"),
        ("\"http://app?x=1\"", "with a path"),
        ("\"http://app/#x\"", "with a path"),
        ("{ urls = [] }", "no address of the app"),
        ("{ host = \"keep\" }", "8 app.media.upstream: missing key `urls`"),
        (
            "{ urls = [\"http://a\", \"http://b\"] }",
            "8 app.media.upstream.urls[1]: more than one url is not yet supported: `http://b`",
        ),
        ("{ urls = [\"http://a\"], health = \"/x\" }", "8 app.media.upstream.health: not yet supported"),
        (
            "{ urls = [\"http://a\"], retries = 2 }",
            "8 app.media.upstream.retries: not a number that fits: `2`",
        ),
        ("{ urls = [\"http://a\"], host = \"keeep\" }", "did you mean `keep`"),
        (
            "\"unix:run/app.sock\"",
            "8 app.media.upstream: not the path of a socket: `unix:run/app.sock` | write the whole path",
        ),
        ("\"unix:\"", "not the path of a socket"),
        ("\"unix://host/app.sock\"", "not the path of a socket"),
        ("\"unix:/run/\"", "not the path of a socket"),
        ("\"unix:/run/a\\u0001\"", "a control character in the path of a socket"),
        (
            "{ urls = [\"unix:/run/app.sock\"], host = \"upstream\" }",
            "8 app.media.upstream.host: `host = \"upstream\"` beside a Unix socket | leave `host` out",
        ),
        ("\"http://127.0.0.1:8080\"", "8 app.media.upstream: the gateway listens at `127.0.0.1:8080` itself"),
    ] {
        check(&at(bad), &[expected]);
    }
    check(&at(&format!("\"unix:/{}\"", "a".repeat(106))), &[]);
    check(&at(&format!("\"unix:/{}\"", "a".repeat(107))), &["a path of more than 107 bytes"]);
    let told = format!(
        "{:?}",
        super::compiled(&at("\"http://bob:hunter2@app\""), &super::Desk::default()).unwrap_err()
    );
    assert!(told.contains("a user name") && !told.contains("hunter2"), "{told}");
}

#[test]
fn a_proxy_that_speaks_proxy_needs_no_trust() {
    let with = |proxies: &str, trusted: &str| {
        with(&format!("[server]\nproxy_protocol = {proxies}\ntrusted_proxies = {trusted}\n"))
    };
    warnings(&with("[\"10.0.0.1\", \"unix\"]", "[\"10.0.0.2\", \"192.0.2.0/24\"]"), &[]);
    for (proxies, trusted) in [
        ("[\"10.0.0.1\"]", "[\"10.0.0.0/8\"]"),
        ("[\"10.0.0.0/8\"]", "[\"10.0.0.1\"]"),
        ("[\"::ffff:10.0.0.1\"]", "[\"10.0.0.1\"]"),
        ("[\"unix\"]", "[\"unix\"]"),
    ] {
        warnings(&with(proxies, trusted), &["11 server.proxy_protocol[0]: also in `trusted_proxies`: `"]);
    }
    warnings(&with("[\"0.0.0.0/0\"]", "[]"), &["11 server.proxy_protocol[0]: anybody may tell any client"]);
    check(&with("[\"proxy.lan\"]", "[]"), &["11 server.proxy_protocol[0]: not a network: `proxy.lan`"]);
}

#[test]
fn modes_of_sockets_are_octal() {
    let with = |mode: &str| with(&format!("[server]\nunix_mode = \"{mode}\"\n"));
    for mode in ["660", "0660", "0600", "000"] {
        check(&with(mode), &[]);
        warnings(&with(mode), &[]);
    }
    for mode in ["", "66", "0o660", "00660", "0680", "-66", "+66", "rw-rw----"] {
        check(&with(mode), &[&format!("11 server.unix_mode: not the mode of a socket: `{mode}`")]);
    }
    warnings(&with("0666"), &["11 server.unix_mode: every user of this machine may connect"]);
}

#[test]
fn listeners_do_not_collide() {
    for (server, admin, expected) in [
        ("[\"127.0.0.1:8080\"]", "127.0.0.1:9901", None),
        ("[\"127.0.0.1:0\", \"127.0.0.1:0\"]", "127.0.0.1:0", None),
        ("[\"127.0.0.1:80\", \"127.0.0.2:80\", \"[::1]:80\"]", "off", None),
        ("[\"127.0.0.1:9901\"]", "127.0.0.1:9901", Some("13 admin.listen: … in conflict: `127.0.0.1:9901`")),
        ("[\"0.0.0.0:9901\"]", "127.0.0.1:9901", Some("13 admin.listen: … in conflict")),
        ("[\"[::]:9901\"]", "127.0.0.1:9901", Some("13 admin.listen: … in conflict")),
        (
            "[\"127.0.0.1:80\", \"0.0.0.0:80\"]",
            "off",
            Some("11 server.listen[1]: in conflict with `127.0.0.1:80`: `0.0.0.0:80`"),
        ),
        ("[\"unix:/run/sd/a.sock\", \"unix:b.sock\", \"127.0.0.1:80\"]", "off", None),
        (
            "[\"unix:/run/sd/a.sock\", \"unix:/run/sd/a.sock\"]",
            "off",
            Some("11 server.listen[1]: in conflict with `unix:/run/sd/a.sock`"),
        ),
        ("[\"fd:http\", \"fd:https\"]", "off", None),
        ("[\"fd:http\", \"fd:http\"]", "off", Some("11 server.listen[1]: in conflict with `fd:http`")),
        ("[\"fd:\"]", "off", Some("11 server.listen[0]: not the name of a passed socket: `fd:`")),
        ("[\"fd:a:b\"]", "off", Some("not the name of a passed socket: `fd:a:b`")),
        ("[\"unix:\"]", "off", Some("11 server.listen[0]: no path of a Unix socket: `unix:`")),
        ("[\"unix:@sd\"]", "off", Some("an abstract Unix socket, which has no mode: `unix:@sd`")),
        ("[\"unix:/run/sd/\"]", "off", Some("a folder, not the path of a Unix socket")),
        ("[]", "off", Some("11 server.listen: nowhere to listen")),
        ("[\":8080\"]", "off", Some("11 server.listen[0]: not an address with a port: `:8080`")),
        ("[\"localhost:8080\"]", "off", Some("not an address with a port: `localhost:8080`")),
        ("[\"127.0.0.1:80\"]", "127.0.0.1", Some("13 admin.listen: not an address with a port: `127.0.0.1`")),
    ] {
        let text = with(&format!("[server]\nlisten = {server}\n[admin]\nlisten = \"{admin}\"\n"));
        check(&text, expected.as_slice());
    }
    let long = format!("[\"unix:/{}\"]", "x".repeat(107));
    check(
        &with(&format!("[server]\nlisten = {long}\n")),
        &["11 server.listen[0]: a path longer than the 107"],
    );
    check(&with("[server]\ntrusted_proxies = [\"10.0.0.0/8\", \"::1\", \"192.0.2.1\", \"unix\"]\n"), &[]);
    check(
        &with("[server]\ntrusted_proxies = [\"10.0.0.0/33\"]\n"),
        &["11 server.trusted_proxies[0]: not a network: `10.0.0.0/33`"],
    );
    warnings(
        &with("[server]\ntrusted_proxies = [\"0.0.0.0/0\"]\n"),
        &["11 server.trusted_proxies[0]: anybody may claim any client address"],
    );
    let forwarded = |list: &str, trusted: &str| {
        with(&format!("[server]\ntrusted_proxies = {trusted}\nforwarded = {list}\n"))
    };
    for (list, trusted, warned) in [
        ("[\"for\", \"proto\", \"host\", \"port\"]", "[\"::1\"]", ""),
        ("[\"forwarded\"]", "[\"::1\"]", ""),
        ("[\"for\"]", "[]", "12 server.forwarded: no proxy is trusted, so nothing is believed"),
        (
            "[\"proto\"]",
            "[\"::1\"]",
            "12 server.forwarded: no field tells the client's address | add \"for\"",
        ),
        ("[]", "[\"::1\"]", "12 server.forwarded: no field tells the client's address"),
        (
            "[\"for\", \"forwarded\"]",
            "[\"::1\"]",
            "12 server.forwarded: both `Forwarded` and `X-Forwarded-*`",
        ),
    ] {
        let expected: &[&str] = if warned.is_empty() { &[] } else { &[warned] };
        warnings(&forwarded(list, trusted), expected);
    }
    for (list, expected) in [
        (
            "[\"x-forwarded-host\"]",
            "12 server.forwarded[0]: no such forwarded field: `x-forwarded-host` | did you mean `host`",
        ),
        ("[\"for\", \"ip\"]", "12 server.forwarded[1]: no such forwarded field: `ip` | accepted: \"for\""),
        ("[\"for\", \"for\"]", "12 server.forwarded[1]: listed twice: `for`"),
    ] {
        check(&forwarded(list, "[\"::1\"]"), &[expected]);
    }
    check(&with("access = { deny = [\"x\"] }\n"), &["10 app.media.access.deny[0]: not a network: `x`"]);
    check(&with("access = { allow = [] }\n"), &["10 app.media.access.allow: nobody is allowed"]);
    check(&with("access = { }\n"), &["10 app.media.access: neither `allow` nor `deny`"]);
}

#[test]
fn the_operators_hosts_are_names() {
    let at = |host: &str| with(&format!("[admin]\nhosts = [\"{host}\"]\n"));
    for good in ["gate.example.com", "Gate.Example.com", "gate", "192.0.2.1", "::1", "[::1]"] {
        check(&at(good), &[]);
    }
    let hint = "a whole name without scheme, port and path: \"gate.example.com\"";
    for bad in ["a.example:9915", "http://a.example", "a.example/", "", "a.example.", "*.a.example"] {
        check(&at(bad), &[&format!("11 admin.hosts[0]: not a host ( … ): `{bad}` | {hint}")]);
    }
}

#[test]
fn cors_lists_origins_as_browsers_send_them() {
    let at = |origins: &str, more: &str| with(&format!("[app.media.cors]\norigins = {origins}\n{more}"));
    check(
        &at(
            "[\"https://a.example\", \"http://localhost:3000\", \"https://[::1]:8443\"]",
            "credentials = true\n",
        ),
        &[],
    );
    check(&at("[\"*\"]", ""), &[]);
    for (origins, expected) in [
        ("[\"*\"]", "12 app.media.cors.credentials: credentials for any origin: `*`"),
        (
            "[\"https://a.example/\"]",
            "11 app.media.cors.origins[0]: not an origin: `https://a.example/` | without the slash",
        ),
        ("[\"https://a.example/x\"]", "not an origin: `https://a.example/x`"),
        ("[\"a.example\"]", "not an origin: `a.example` | a scheme is missing"),
        ("[\"https://\"]", "not an origin"),
        (
            "[\"https://a.example:443\"]",
            "not an origin … browsers leave the default port out: \"https://a.example\"",
        ),
        ("[\"http://a.example:80\"]", "browsers leave the default port out"),
        ("[\"https://*.a.example\"]", "not an origin"),
        ("[\"https://a@b\"]", "not an origin"),
        ("[\"null\"]", "not an origin: `null` | every sandboxed page"),
        ("[\"https://a\", \"https://A\"]", "listed twice: `https://A`"),
        ("[]", "11 app.media.cors.origins: no origin"),
    ] {
        check(&at(origins, "credentials = true\n"), &[expected]);
    }
    check(&at("[\"*\", \"https://a\"]", ""), &["other origins beside `*`"]);
    check(
        &at("[\"https://a\"]", "expose = [\"x-*\"]\n"),
        &["12 app.media.cors.expose[0]: no wildcard in a header: `x-*` | names are written whole"],
    );
    check(
        &at("[\"https://a\"]", "methods = [\"get\"]\n"),
        &["12 app.media.cors.methods[0]: not a method here: `get`"],
    );
    check(&at("[\"https://a\"]", "methods = [\"TRACE\"]\n"), &["not a method here: `TRACE`"]);
    check(&at("[\"https://a\"]", "headers = [\"a b\"]\n"), &["not a header: `a b`"]);
    check(
        &at("[\"https://a\"]", "expose = [\"*\"]\ncredentials = true\n"),
        &["12 app.media.cors.expose[0]: any header, with credentials"],
    );
    check(&with("[app.media.cors]\ncredentials = false\n"), &["10 app.media.cors: missing key `origins`"]);
}

#[test]
fn headers_are_headers() {
    for (line, expected) in [
        ("set = { \"a b\" = \"x\" }", "11 app.media.headers.set.\"a b\": not a header: `a b`"),
        ("set = { x-a = \"a\\nb\" }", "11 app.media.headers.set.x-a: not a value of a header"),
        ("set = { content-length = \"1\" }", "the gateway's own: `content-length`"),
        ("set = { X_Request_Id = \"1\" }", "the gateway's own: `x_request_id`"),
        ("remove = [\"transfer_encoding\"]", "the gateway's own: `transfer_encoding`"),
        ("set = { access-control-allow-origin = \"*\" }", "set by CORS alone"),
        ("set = { x-a = 1 }", "11 app.media.headers.set.x-a: not a string: `1`"),
        (
            "remove = [\"x-*\"]",
            "11 app.media.headers.remove[0]: no wildcard in a header: `x-*` | names are written whole",
        ),
        ("set = { \"x-*\" = \"1\" }", "no wildcard in a header: `x-*` | names are written whole"),
        ("remove = [\"x:\"]", "11 app.media.headers.remove[0]: not a header: `x:`"),
        ("frame = [\"https://a; script-src *\"]", "11 app.media.headers.frame[0]: not a source"),
        ("frame = [\"self\"]", "a keyword without its quotes: `self` | … \"'self'\""),
        ("frame = [\"'none'\", \"https://a\"]", "other sources beside"),
        ("csp = { mode = \"report\" }", "11 app.media.headers.csp: missing key `policy`"),
        (
            "csp = { policy = { default-scr = [\"'self'\"] } }",
            "not a directive: `default-scr` | did you mean `default-src`",
        ),
        (
            "csp = { policy = { default-src = [\"'self'; x\"] } }",
            "11 app.media.headers.csp.policy.default-src[0]: not a source",
        ),
        ("csp = { policy = { default-src = [\"a,b\"] } }", "not a source: `a,b`"),
        ("csp = { policy = { default-src = [\"a\\nb\"] } }", "not a source: `a\\nb`"),
        ("csp = { mode = \"enforced\", policy = { default-src = [\"'self'\"] } }", "did you mean `enforce`"),
        (
            "hsts = { max_age = \"364d\", include_subdomains = true, preload = true }",
            "11 app.media.headers.hsts.preload: `preload` without",
        ),
        ("hsts = { preload = true }", "11 app.media.headers.hsts.preload: `preload` without"),
        ("hsts = { max_age = 31536000 }", "11 app.media.headers.hsts.max_age: not a duration: `31536000`"),
    ] {
        let given = with(&format!("[app.media.headers]\n{line}\n"));
        check(&given, &[expected]);
    }
    check(
        &with("[app.media.headers]\nhsts = { include_subdomains = true, preload = true }\nframe = []\n"),
        &[],
    );
}

#[test]
fn identity_headers_mean_nothing_else() {
    for (value, expected) in [
        ("{ user = \"host\" }", Some("10 app.media.identity.user: not a header for an identity: `host`")),
        ("{ user = \"X-Forwarded-For\" }", Some("not a header for an identity: `x-forwarded-for`")),
        ("{ user = \"x_forwarded.for\" }", Some("not a header for an identity: `x_forwarded.for`")),
        ("{ user = \"a b\" }", Some("not a header: `a b`")),
        (
            "{ user = \"x-a\", roles = \"X-A\" }",
            Some("10 app.media.identity: user and roles in the same header"),
        ),
        (
            "{ user = \"x-a\", roles = \"x_a\" }",
            Some("10 app.media.identity: user and roles in the same header"),
        ),
        ("{ user = \"x-*\" }", Some("no wildcard in a header: `x-*` | names are written whole")),
        ("{ token = \"kep\" }", Some("did you mean `keep`")),
        ("{ user = \"off\", roles = \"off\", token = \"keep\" }", None),
        ("{ user = \"remote-user\", roles = \"x-forwarded-groups\" }", None),
        ("{ user = \"x-webauth-user\", roles = \"x_my.roles\" }", None),
    ] {
        check(&with(&format!("identity = {value}\n")), expected.as_slice());
    }
    for name in [
        "proxy",
        "Proxy",
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "expect",
        "http2-settings",
        "proxy-authorization",
        "content-length",
        "host",
        "cookie",
        "authorization",
        "x-request-id",
        "x-forwarded-proto",
        "x-forwarded-host",
        "x-forwarded-port",
        "x-forwarded-prefix",
        "x_forwarded_ssl",
        "forwarded",
        "x-real-ip",
        "path-info",
        "script-name",
        "x-original-url",
        "x-http-method-override",
        "range",
        "content-type",
        "origin",
        "sec-fetch-site",
        "access-control-request-method",
        "if-none-match",
        "accept",
        "destination",
        "user-agent",
        "x-middleware-subrequest",
        "x-envoy-original-path",
        "remote-addr",
    ] {
        for key in ["user", "roles"] {
            let expected = format!(
                "10 app.media.identity.{key}: not a header for an identity: `{}`",
                name.to_lowercase()
            );
            check(&with(&format!("identity.{key} = \"{name}\"\n")), &[&expected]);
        }
    }
    check(
        &with("identity.user = \"proxy\"\n"),
        &[
            "10 app.media.identity.user: not a header for an identity: `proxy` | it becomes the variable HTTP_PROXY",
        ],
    );
    check(
        &with("sources = [\"bearer\", \"header:x-door\"]\nidentity.user = \"X_Door\"\n"),
        &[
            "11 app.media.identity.user: not a header for an identity: `x_door` | it carries the token of the caller",
        ],
    );
}

#[test]
fn what_passes_is_held_back_without_it() {
    let pass = |name: &str| with(&format!("sources = [\"header:x-door\"]\nidentity.pass = [\"{name}\"]\n"));
    for name in
        ["Remote-User", "x-real-ip", "forwarded", "x_forwarded_prefix", "cf-connecting-ip", "x-http-method"]
    {
        warnings(
            &pass(name),
            &[&format!("11 app.media.identity.pass[0]: any client can set this header: `{name}`")],
        );
    }
    for (name, expected) in [
        ("x_auth_user", "the gateway's own: `x_auth_user` | the gateway sets it itself"),
        ("proxy", "never passed on: `proxy` | it becomes the variable HTTP_PROXY"),
        ("x-forwarded-for", "never passed on: `x-forwarded-for` | it is written by the gateway"),
        ("X.Forwarded.Host", "never passed on: `X.Forwarded.Host`"),
        ("te", "never passed on: `te` | it belongs to one connection"),
        ("content-length", "never passed on: `content-length` | it delimits the body"),
        ("x_door", "never passed on: `x_door` | it carries a token of the gateway"),
        ("cookie", "passes anyway: `cookie`"),
        ("x-api-key", "passes anyway: `x-api-key` | it is not among the headers that are held back"),
        ("remote-*", "no wildcard in a header: `remote-*` | names are written whole"),
    ] {
        check(&pass(name), &[&format!("11 app.media.identity.pass[0]: {expected}")]);
    }
    check(
        &with("identity.pass = [\"x-real-ip\", \"X_Real_IP\"]\n"),
        &["10 app.media.identity.pass[1]: listed twice: `X_Real_IP`"],
    );
    check(
        &with("identity = { pass = [\"remote-user\"], strip = [\"remote-u*\"] }\n"),
        &["10 app.media.identity.pass[0]: held back by `identity.strip`: `remote-user`"],
    );
}

#[test]
fn what_an_app_holds_back_is_a_name_or_how_names_begin() {
    let strip = |list: &str| with(&format!("identity.strip = [{list}]\n"));
    for good in ["\"x-told\"", "\"X_Told-*\", \"x-other\"", "\"authorization\"", "\"x-*\""] {
        check(&strip(good), &[]);
        warnings(&strip(good), &[]);
    }
    for (bad, expected) in [
        ("\"\"", "10 app.media.identity.strip[0]: not a header: `` | a whole name such as \"x-told\""),
        ("\"*\"", "not a header: `*`"),
        ("\"x-*-y\"", "not a header: `x-*-y`"),
        ("\"a b\"", "not a header: `a b`"),
        ("\"x-told\", \"X_Told\"", "10 app.media.identity.strip[1]: listed twice: `X_Told`"),
    ] {
        check(&strip(bad), &[expected]);
    }
    for known in ["Remote-User", "x-forwarded-for", "te", "cf-access-*", "x-auth-request-a*"] {
        warnings(
            &strip(&format!("\"{known}\"")),
            &[&format!("10 app.media.identity.strip[0]: held back already: `{known}`")],
        );
    }
}
