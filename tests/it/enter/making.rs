//! How links are made: the operator's API, the command, and what is told to whom no link would help.

use serde_json::{Value, json};

use super::{CONFIG, ENTER, form, gateway, wish};
use crate::harness::{
    Command, Folder, Gateway, HOST, Request, Token, Upstream, own_address, token, unix_now,
};

#[test]
fn what_no_browser_could_use_is_told_when_the_link_is_made() {
    let app = Upstream::start();
    let two =
        "\n[app.two]\nhosts = [\"two.localhost\"]\nupstream = { urls = [\"UPSTREAM\"] }\nauth = \"public\"\n";
    let gateway = Gateway::before(&app, &format!("{CONFIG}{two}"));
    let old = Token::of("bob").claim("iat", unix_now() - 900).claim("exp", unix_now() - 600).sign();
    let vast = Token::of("bob").claim("note", "x".repeat(3_000)).sign();
    let foreign = Token::of("bob").claim("aud", "elsewhere").sign();
    let rows = [
        (json!({ "token": token("bob") }), 422, "several apps; hint: `--app` and one of: `media`, `two`"),
        (
            json!({ "token": token("bob"), "app": "three" }),
            422,
            "no app has this name; there are: `media`, `two`",
        ),
        (json!({ "token": token("bob"), "app": "two" }), 422, "asks nobody"),
        (json!({ "token": "nonsense", "app": "media" }), 422, "not a signed JSON Web Token"),
        (json!({ "token": old, "app": "media" }), 422, "token has expired"),
        (json!({ "token": foreign, "app": "media" }), 422, "`aud`"),
        (json!({ "token": vast, "app": "media" }), 422, "no cookie over 4096 bytes"),
        (json!({ "token": 1 }), 400, "not a JSON object"),
        (json!({ "token": "x", "ap": "media" }), 400, "not a JSON object"),
        (json!([]), 400, "not a JSON object"),
    ];
    for (document, status, detail) in rows {
        let answer = wish(&gateway, &document);
        let told = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
        assert!(answer.status == status && told.contains(detail), "{document}: {answer:?}");
        let code = if status == 422 { "link_refused" } else { "bad_request" };
        let instance = format!("urn:uuid:{}", answer.field("x-request-id"));
        assert_eq!((answer.code().as_str(), answer.json()["instance"].as_str()), (code, Some(&*instance)));
        assert!(!answer.text().contains("nonsense"), "a token is repeated: {answer:?}");
    }
}

#[test]
fn where_a_cookie_is_missing_the_table_that_decides_is_named() {
    let app = Upstream::start();
    let bare = CONFIG.replace(", \"cookie:door_token\"", "");
    let with = |line: &str| bare.replace("auth     = \"required\"", &format!("auth = \"required\"\n{line}"));
    let rows = [
        (bare.clone(), "`sources = [\"bearer\", \"cookie:stagedoor\"]` in [auth.house]"),
        // Where the app says itself where its tokens are read, its provider is not asked.
        (
            with("sources = [\"header:x-door\", \"query:sd\"]"),
            "`sources = [\"header:x-door\", \"query:sd\", \"cookie:stagedoor\"]` in [app.media]",
        ),
        (
            with("use = \"generic-api\""),
            "`sources = [\"bearer\", \"header:x-stagedoor-token\", \"cookie:stagedoor\"]` in [app.media]",
        ),
    ];
    for (config, hint) in rows {
        let gateway = Gateway::before(&app, &config);
        let answer = wish(&gateway, &json!({ "token": token("bob") }));
        let told = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(answer.status == 422 && told.contains(hint), "{told}");
        // Pasted, it helps.
        let (line, table) = hint.trim_start_matches('`').split_once("` in ").unwrap();
        let pasted = if table == "[auth.house]" {
            config.replace("sources = [\"bearer\"]", line)
        } else {
            let bare = config.lines().filter(|text| !text.starts_with("sources = "));
            let bare: Vec<&str> = bare.collect();
            bare.join("\n").replace(table, &format!("{table}\n{line}"))
        };
        gateway.folder.configure(&pasted.replace("UPSTREAM", &app.url()));
        assert_eq!(gateway.reload(), "ok");
        assert_eq!(wish(&gateway, &json!({ "token": token("bob") })).status, 201, "{pasted}");
    }
}

#[test]
fn when_no_more_links_are_made_the_answer_says_when_to_come_back() {
    let app = Upstream::start();
    let gateway = gateway(&app);
    let wished = json!({ "token": token("bob") });
    let full = (0..=1_000).map(|_| wish(&gateway, &wished)).find(|answer| answer.status != 201).unwrap();
    assert_eq!(full.status, 503, "{full:?}");
    let wait: u64 = full.field("retry-after").parse().unwrap();
    // That of the first link that ends.
    assert!((1..=600).contains(&wait), "{wait}");
    assert!(full.json()["detail"].as_str().unwrap().contains(&format!("or {wait} seconds")), "{full:?}");
}

#[test]
fn the_operators_api_reads_small_documents_of_the_operator_alone() {
    let app = Upstream::start();
    let gateway = gateway(&app);
    let document = json!({ "token": token("bob") }).to_string();
    let post = |body: &str| Request::post("/api/v1/enter", body).field("Content-Type", "application/json");
    assert_eq!(gateway.ask_admin(post(&document)).status, 401);
    assert_eq!(gateway.ask_admin_as_operator(Request::get("/api/v1/enter")).status, 405);
    let untyped = Request::post("/api/v1/enter", &document);
    assert_eq!(gateway.ask_admin_as_operator(untyped).status, 415);
    assert_eq!(gateway.ask_admin_as_operator(post(&" ".repeat(16 * 1024 + 1))).status, 413);
    assert_eq!(gateway.ask_admin_as_operator(post(&" ".repeat(16 * 1024))).status, 400);
    let chunked = Request::new("POST", "/api/v1/enter")
        .field("Content-Type", "application/json")
        .field("Transfer-Encoding", "chunked");
    assert_eq!(gateway.ask_admin_as_operator(chunked).status, 400);
    let answer = gateway.ask_admin_as_operator(post(&document).field("Expect", "100-continue"));
    assert_eq!(answer.status, 201);
}

#[test]
fn explain_says_that_it_is_answered_here() {
    let folder = Folder::new(&CONFIG.replace("UPSTREAM", "http://127.0.0.1:9"));
    let explain = |request: &str, more: &[&str]| {
        let arguments = [&["explain", request, "--config", "stagedoor.toml"], more].concat();
        let output = Command::new(&folder, &arguments).run();
        assert_eq!(output.code, Some(0), "{output:?}");
        output.stdout
    };
    let told = explain("GET /.stagedoor/enter", &[]);
    assert!(told.contains("here  own pages") && told.contains("answered here: a page"), "{told}");
    let told = explain("GET /.Stagedoor/enter", &[]);
    assert!(told.contains("deny  own pages") && told.contains("ambiguous_path"), "{told}");
    let json: Value = serde_json::from_str(&explain("GET /.stagedoor/leave", &["--json"])).unwrap();
    assert_eq!(json["verdict"], "own");
    assert!(!explain("GET /open/x", &[]).contains("own pages"));
}

#[test]
fn the_command_prints_one_address_that_works() {
    let app = Upstream::start();
    let config = CONFIG.replace("UPSTREAM", &app.url());
    let config = format!("{config}\n[admin]\nlisten = \"{}\"\n", own_address());
    let folder = Folder::new(&config);
    let link = |more: &[&str], folder: &Folder| {
        let arguments = ["token", "--sub", "alice", "--config", "stagedoor.toml", "--link"];
        Command::new(folder, &[&arguments, more].concat()).run()
    };
    let dead = link(&[], &folder);
    assert_eq!(dead.code, Some(1), "{dead:?}");
    assert!(dead.stdout.is_empty() && dead.stderr.contains("hint: it has to run"), "{dead:?}");

    let gateway = Gateway::start_in(folder);
    let made = link(&[], &gateway.folder);
    assert_eq!((made.code, made.stderr.as_str()), (Some(0), ""), "{made:?}");
    let start = format!("http://{HOST}:{}{ENTER}#", gateway.address.port());
    let code = made.stdout.trim().strip_prefix(&start).unwrap_or_else(|| panic!("{made:?}"));
    assert_eq!(made.stdout.lines().count(), 1);
    assert_eq!(gateway.ask(&form(code)).status, 200);

    let made = link(&["--url", "https://media.example.com/", "--app", "media"], &gateway.folder);
    assert!(made.stdout.starts_with(&format!("https://media.example.com{ENTER}#")), "{made:?}");
    let made = link(&["--json"], &gateway.folder);
    let told: Value = serde_json::from_str(&made.stdout).unwrap();
    assert!(told["url"].as_str().unwrap().starts_with(&start), "{told}");
    assert_eq!((told["app"].as_str(), told["expires_in"].as_u64()), (Some("media"), Some(600)));

    let unknown = link(&["--app", "films"], &gateway.folder);
    assert_eq!(unknown.code, Some(1), "{unknown:?}");
    assert!(unknown.stderr.contains("no app has this name"), "{unknown:?}");
    for base in ["media.example.com", "https://", "https://a/b", "https://a#b", "ftp://a", "https://u@a"] {
        assert_eq!(link(&["--url", base], &gateway.folder).code, Some(2), "{base}");
    }
    let lonely = Command::new(&gateway.folder, &["token", "--sub", "a", "--url", "https://a"]).run();
    assert_eq!(lonely.code, Some(2), "{lonely:?}");
}

#[test]
fn a_cookie_for_https_alone_is_warned_about() {
    let app = Upstream::start();
    let config = CONFIG.replace("UPSTREAM", &app.url()).replace("door_token", "__Host-door");
    let gateway =
        Gateway::start_in(Folder::new(&format!("{config}\n[admin]\nlisten = \"{}\"\n", own_address())));
    let link = |more: &[&str]| {
        let arguments = ["token", "--sub", "alice", "--config", "stagedoor.toml", "--link"];
        Command::new(&gateway.folder, &[&arguments, more].concat()).run()
    };
    let plain = link(&[]);
    assert_eq!(plain.code, Some(0), "{plain:?}");
    assert!(plain.stderr.contains("by https alone"), "{plain:?}");
    assert_eq!(link(&["--url", "https://media.example.com"]).stderr, "");
}
