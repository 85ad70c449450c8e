//! WebDAV and PATCH: methods, fields and answers that only a few apps know.

use crate::harness::{Gateway, HOST, Request, Upstream, token};

const CONFIG: &str = r#"
[app.media]
hosts    = ["media.localhost", "media.example.com"]
upstream = { urls = ["UPSTREAM"] }
auth     = "required"
"#;

/// Method, target, fields that the app needs, body.
type Row = (&'static str, &'static str, &'static [(&'static str, &'static str)], &'static str);

const ROWS: &[Row] = &[
    ("OPTIONS", "/dav/", &[], ""),
    ("PROPFIND", "/dav/", &[("Depth", "1"), ("Content-Type", "application/xml")], "<propfind/>"),
    ("PROPFIND", "/dav/", &[("Depth", "infinity"), ("Brief", "t")], ""),
    ("PROPPATCH", "/dav/a", &[("Content-Type", "text/xml; charset=\"utf-8\"")], "<propertyupdate/>"),
    ("MKCOL", "/dav/new%20folder/", &[], ""),
    ("PUT", "/dav/a|b", &[("If-None-Match", "*"), ("OC-Checksum", "MD5:1"), ("X-OC-Mtime", "1")], "data"),
    ("MOVE", "/dav/a", &[("Destination", "http://media.localhost/dav/b%7Cc"), ("Overwrite", "F")], ""),
    ("MOVE", "/dav/a", &[("Destination", "https://media.example.com:8443/dav/b"), ("Depth", "infinity")], ""),
    ("COPY", "/dav/a", &[("Destination", "/dav/m%C3%BCller"), ("Overwrite", "T"), ("Depth", "0")], ""),
    ("LOCK", "/dav/a", &[("Timeout", "Infinite, Second-4100000000"), ("Depth", "0")], "<lockinfo/>"),
    ("LOCK", "/dav/a", &[("If", "(<urn:uuid:1>) (Not <urn:uuid:2> [\"e\"])"), ("Timeout", "Second-60")], ""),
    ("UNLOCK", "/dav/a", &[("Lock-Token", "<urn:uuid:1>")], ""),
    ("DELETE", "/dav/a", &[("If", "</dav/a> (<urn:uuid:1>)")], ""),
    ("REPORT", "/cal/", &[("Depth", "1")], "<calendar-query/>"),
    ("SEARCH", "/dav/", &[], "<searchrequest/>"),
    ("MKCALENDAR", "/cal/new/", &[], "<mkcalendar/>"),
    ("ACL", "/dav/a", &[], "<acl/>"),
    ("VERSION-CONTROL", "/dav/a", &[], ""),
    (
        "PATCH",
        "/api/item/1",
        &[("Content-Type", "application/merge-patch+json"), ("If-Match", "\"e\"")],
        "{}",
    ),
    ("PATCH", "/files/upload-1", &[("Upload-Offset", "70"), ("Tus-Resumable", "1.0.0")], "bytes"),
    ("M-SEARCH", "/x", &[], ""),
];

#[test]
fn unusual_methods_arrive_with_all_that_they_need() {
    let app = Upstream::with(|exchange| {
        exchange.body()?;
        exchange.reply(
            "207 Multi-Status",
            &[
                "DAV: 1, 2, <http://own.example/propset>",
                "MS-Author-Via: DAV",
                "Lock-Token: <urn:uuid:1>",
                "Allow: LOCK",
            ],
            "<multistatus/>",
        )
    });
    let gateway = Gateway::before(&app, CONFIG);
    let mut client = gateway.client();
    for (method, target, fields, body) in ROWS {
        app.forget();
        let mut request = Request::new(method, target).body(body).bearer(&token("bob"));
        for (name, value) in *fields {
            request = request.field(name, *value);
        }
        let answer = client.ask(&request);
        assert_eq!((answer.status, answer.text().as_str()), (207, "<multistatus/>"), "{method} {target}");
        assert_eq!(answer.field("dav"), "1, 2, <http://own.example/propset>");
        assert_eq!((answer.field("lock-token"), answer.field("allow")), ("<urn:uuid:1>", "LOCK"));
        let seen = app.sole();
        assert_eq!((seen.method.as_str(), seen.target.as_str()), (*method, *target));
        assert_eq!(seen.body, body.as_bytes(), "{method}");
        for (name, value) in *fields {
            let value: String = value.bytes().map(char::from).collect();
            assert_eq!(seen.fields.sole(name), Some(&*value), "{method} {name}");
        }
    }
}

/// The app compares `Destination` with its public address: with what it is told of that, a move is one of its own.
#[test]
fn a_move_names_the_address_that_the_app_is_told() {
    let app = Upstream::with(|exchange| {
        exchange.body()?;
        let fields = exchange.seen().fields;
        let of = |name| fields.sole(name).unwrap_or_default().to_owned();
        let own = format!("{}://{}/", of("x-forwarded-proto"), of("x-forwarded-host"));
        let status = if of("destination").starts_with(&own) { "201 Created" } else { "502 Bad Gateway" };
        exchange.reply(status, &[], "")
    });
    let gateway = Gateway::before(&app, &format!("[server]\ntrusted_proxies = [\"127.0.0.1/32\"]\n{CONFIG}"));
    let moving = |to: &str| Request::new("MOVE", "/dav/a").bearer(&token("bob")).field("Destination", to);
    let plain = moving(&format!("http://{HOST}/dav/b"));
    assert_eq!(gateway.ask(&plain).status, 201);
    let https = moving("https://media.example.com/dav/b")
        .host("media.example.com")
        .field("X-Forwarded-Proto", "https");
    assert_eq!(gateway.ask(&https).status, 201);
    let elsewhere = gateway.ask(&moving("http://other.example/dav/b"));
    assert_eq!(
        (elsewhere.status, elsewhere.text().as_str()),
        (502, ""),
        "the app's own 502, not the gateway's"
    );
}

/// The folder of another is no place to put things, and what refused is told.
#[test]
fn a_move_into_anothers_folder_never_reaches_the_app() {
    let app = Upstream::start();
    let routes = "[[app.media.route]]\nmatch = \"* /files/{user}/{*rest}\"\nowner = { param = \"user\" } # whose\n\
                  [[app.media.route]]\nmatch = \"* /drop/{*rest}\"\nauth = \"public\"\n";
    let gateway = Gateway::before(&app, &format!("{CONFIG}{routes}"));
    let moving = |to: &str| {
        let request = Request::new("MOVE", "/files/bob/a").bearer(&token("bob")).field("Destination", to);
        gateway.ask(&request)
    };
    let refused = moving("http://media.localhost/files/eve/a");
    assert_eq!((refused.status, refused.code().as_str()), (403, "forbidden"));
    for odd in ["/files/bob/../eve/a", "/files/bob/b?/../../eve/a"] {
        assert_eq!(moving(&format!("http://media.localhost{odd}")).status, 400, "{odd}");
    }
    let stranger = Request::new("MOVE", "/drop/a").field("Destination", "/files/eve/a");
    let asked = gateway.ask(&stranger);
    assert_eq!((asked.status, asked.code().as_str()), (401, "token_missing"));
    assert_eq!(asked.field("www-authenticate"), "Bearer realm=\"media\"");
    assert!(app.seen().is_empty());
    let query = format!("/api/v1/why?id={}", refused.field("x-request-id"));
    let why = gateway.ask_admin_as_operator(Request::get(&query)).json();
    let words =
        |text: &serde_json::Value, words: &str| text.as_str().is_some_and(|text| text.contains(words));
    assert!(words(&why["reason"], "`Destination` would be refused: `not_owner`"), "{why:#}");
    assert_eq!((&why["guard"], &why["key"]), (&"permission".into(), &"owner".into()), "{why:#}");
    assert!(why["remedy"]["change"].is_null() && words(&why["remedy"]["advice"], "both paths"), "{why:#}");
    assert_eq!(moving("http://media.localhost/files/bob/b").status, 200);
    assert_eq!(app.sole().fields.sole("destination"), Some("http://media.localhost/files/bob/b"));
}

#[test]
fn unusual_methods_need_a_token_like_any_other() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CONFIG);
    for (method, target, _, _) in ROWS {
        let answer = gateway.ask(&Request::new(method, target).field("Content-Length", "0"));
        assert_eq!(answer.status, 401, "{method}");
    }
    assert!(app.seen().is_empty());
}
