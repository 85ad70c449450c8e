//! What a person reads on the way in and out: where one wanted to go, who one becomes, who one is.

use serde_json::json;

use super::{CONFIG, ENTER, FORM, code_for, cookies, form, gateway, page};
use crate::harness::{Gateway, HOST, Request, Response, Token, Upstream, token, unix_now};

/// As a browser navigates over https or on this machine.
fn navigate(target: &str) -> Request {
    Request::get(target)
        .field("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
        .field("Sec-Fetch-Mode", "navigate")
        .field("Sec-Fetch-Dest", "document")
        .field("Sec-Fetch-Site", "none")
}

/// As a browser sends one of our forms with these fields.
fn sent(fields: &[(&str, &str)]) -> Request {
    let encode = |text: &str| {
        text.bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' => {
                    char::from(byte).to_string()
                }
                byte => format!("%{byte:02X}"),
            })
            .collect::<String>()
    };
    let pairs: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    Request::post(ENTER, pairs.join("&"))
        .field("Content-Type", FORM)
        .field("Accept", "text/html,*/*;q=0.8")
        .field("Sec-Fetch-Mode", "navigate")
        .field("Sec-Fetch-Site", "same-origin")
        .field("Origin", format!("http://{HOST}"))
}

/// The hidden fields of the form on a page.
fn hidden(answer: &Response) -> Vec<(String, String)> {
    let page = page(answer);
    let inputs = page.split("<input type=\"hidden\" name=\"").skip(1);
    inputs
        .map(|input| {
            let (name, rest) = input.split_once("\" value=\"").unwrap();
            let value = rest.split_once("\">").unwrap().0;
            (
                name.to_owned(),
                value.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&"),
            )
        })
        .collect()
}

/// Fills a page's form in, and sends it.
fn fill(gateway: &Gateway, page: &Response, more: &[(&str, &str)]) -> Response {
    let hidden = hidden(page);
    let mut fields: Vec<(&str, &str)> = hidden.iter().map(|(name, value)| (&**name, &**value)).collect();
    fields.extend(more);
    gateway.ask(&sent(&fields))
}

#[test]
fn a_page_that_asks_who_comes_leads_back_to_what_was_asked_first() {
    let app = Upstream::start();
    let gateway = gateway(&app);
    let wanted = "/library/films?page=2&q=a%20b";
    let refused = gateway.ask(&navigate(wanted));
    assert_eq!(refused.status, 401);
    assert_eq!(refused.field("www-authenticate"), "Bearer realm=\"media\"");
    assert_eq!(refused.field("referrer-policy"), "same-origin");
    assert!(!refused.fields.has("set-cookie"), "{refused:?}");
    assert!(page(&refused).contains("<title>401 Unauthorized · media</title>"), "{refused:?}");

    // The code says what it is worth before it is used up.
    let code = code_for(&gateway, &token("alice"));
    let asked = fill(&gateway, &refused, &[("code", &format!("http://{HOST}{ENTER}#{code}"))]);
    assert_eq!((asked.status, cookies(&asked).len()), (200, 0), "{asked:?}");
    for part in ["<h1>Come in to media?</h1>", "<strong>alice</strong>", "60 minutes", "Come in as alice"] {
        assert!(page(&asked).contains(part), "{part}: {asked:?}");
    }
    let entered = fill(&gateway, &asked, &[]);
    assert_eq!((entered.status, cookies(&entered).len()), (200, 1), "{entered:?}");
    assert!(page(&entered).contains("content=\"0; url=/library/films?page=2&amp;q=a%20b\""), "{entered:?}");
    let again = fill(&gateway, &asked, &[]);
    assert_eq!(again.status, 403, "{again:?}");
    // The way is remembered for another code, too.
    assert!(hidden(&again).contains(&("to".to_owned(), wanted.to_owned())), "{again:?}");
}

#[test]
fn a_refusal_offers_a_code_only_where_one_helps() {
    let app = Upstream::start();
    let gateway = gateway(&app);
    // A form that was refused is not sent again by coming in.
    let post = Request::post("/films", "x")
        .field("Sec-Fetch-Mode", "navigate")
        .field("Origin", format!("http://{HOST}"));
    let refused = gateway.ask(&post);
    assert_eq!((refused.status, hidden(&refused).len()), (401, 1), "{refused:?}");
    // Programs get what they got before.
    let program = gateway.ask(&Request::get("/films"));
    assert_eq!((program.status, program.code().as_str()), (401, "token_missing"));
    // An old token in the address is not taken along.
    let config = CONFIG.replace("\"bearer\", ", "\"bearer\", \"query:sd\", ");
    let queried = Gateway::before(&app, &config);
    let refused = queried.ask(&navigate("/films?sd=x&page=2"));
    assert!(hidden(&refused).contains(&("to".to_owned(), "/films?page=2".to_owned())), "{refused:?}");
    // An app whose tokens stand in no cookie takes no code in a browser.
    let bare = Gateway::before(&app, &CONFIG.replace(", \"cookie:door_token\"", ""));
    for target in ["/films", ENTER, "/.stagedoor/"] {
        let answer = bare.ask(&navigate(target));
        assert!(!page(&answer).contains("<form"), "{target}: {answer:?}");
    }
    assert_eq!(bare.ask(&form("x")).status, 403);
}

#[test]
fn no_form_leads_to_another_site_or_to_a_page_of_our_own() {
    let app = Upstream::start();
    let gateway = gateway(&app);
    let long = format!("/{}", "x".repeat(2_500));
    for to in [
        "//evil.example",
        "///evil.example/x",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "\t//evil.example",
        " //evil.example",
        "https://evil.example/",
        "https:evil.example",
        "javascript:alert(1)",
        "evil.example",
        "/%5c/evil.example",
        "/x/..//evil.example",
        "/films\r\nx: y",
        "/films#x",
        "/.stagedoor/leave",
        "/%2Estagedoor/leave",
        "/\u{202e}films",
        &long,
        "",
    ] {
        let code = code_for(&gateway, &token("alice"));
        let looked = gateway.ask(&sent(&[("code", &code), ("to", to), ("look", "go")]));
        assert!(!page(&looked).contains("name=\"to\""), "{to:?}: {looked:?}");
        let entered = gateway.ask(&sent(&[("code", &code), ("to", to)]));
        assert!(page(&entered).contains("content=\"0; url=/\""), "{to:?}: {entered:?}");
        assert!(!page(&entered).contains("evil"), "{to:?}: {entered:?}");
    }
    // Twice is not once.
    let code = code_for(&gateway, &token("alice"));
    let entered = gateway.ask(&sent(&[("code", &code), ("to", "/a"), ("to", "/b")]));
    assert!(page(&entered).contains("content=\"0; url=/\""), "{entered:?}");
    // What a refused address says is not repeated either.
    for target in ["//evil.example/x", "/x/..//evil.example"] {
        let refused = gateway.ask(&navigate(target));
        assert!(!page(&refused).contains("evil.example"), "{refused:?}");
    }
}

#[test]
fn a_look_uses_nothing_up_and_tells_nobody_else() {
    let app = Upstream::start();
    let two = "\n[app.two]\nhosts = [\"two.localhost\"]\nupstream = { urls = [\"UPSTREAM\"] }\nauth = \"required\"\n";
    let gateway = Gateway::before(&app, &format!("{CONFIG}{two}"));
    let made = super::wish(&gateway, &json!({ "token": token("alice"), "app": "media" })).json();
    let code = made["code"].as_str().unwrap();
    for _ in 0..3 {
        let looked = gateway.ask(&sent(&[("code", code), ("look", "ask")]));
        assert_eq!((looked.status, cookies(&looked).len()), (200, 0), "{looked:?}");
        assert_eq!(looked.field("cache-control"), "no-store");
    }
    // For programs.
    let bare = |body: String| Request::post(ENTER, body).field("Content-Type", FORM);
    let told = gateway.ask(&bare(format!("code={code}&look=1")));
    let document = told.json();
    assert_eq!((told.status, &document["app"], &document["user"]), (200, &json!("media"), &json!("alice")));
    assert!((3_590..=3_600).contains(&document["expires_in"].as_u64().unwrap()), "{document}");
    // Of another site, or at another app, nothing is told.
    let foreign = gateway.ask(&bare(format!("code={code}&look=1")).field("Origin", "https://evil.example"));
    assert_eq!(foreign.code(), "cross_origin");
    let elsewhere = gateway.ask(&bare(format!("code={code}&look=1")).host("two.localhost"));
    assert_eq!((elsewhere.status, elsewhere.code().as_str()), (403, "link_invalid"));
    let unknown = gateway.ask(&bare("code=x&look=1".to_owned()));
    assert_eq!((unknown.status, unknown.code().as_str()), (403, "link_invalid"));
    // A key that is gone is worth nothing, before and after.
    assert_eq!(cookies(&gateway.ask(&form(code))).len(), 1);
    assert_eq!(gateway.ask(&bare(format!("code={code}&look=1"))).status, 403);
}

#[test]
fn nobody_takes_the_place_of_somebody_without_a_click() {
    let app = Upstream::start();
    let gateway = gateway(&app);
    let bob = format!("door_token={}", token("bob"));
    let code = code_for(&gateway, &token("mallory"));
    let looked = gateway.ask(&sent(&[("code", &code), ("look", "go")]));
    assert!(hidden(&looked).contains(&("auto".to_owned(), String::new())), "{looked:?}");
    // Who is in is told who would give way, and the page waits.
    let looked = gateway.ask(&sent(&[("code", &code), ("look", "go")]).field("Cookie", &*bob));
    assert!(page(&looked).contains("in already as <strong>bob</strong>"), "{looked:?}");
    assert!(!page(&looked).contains("name=\"auto\""), "{looked:?}");
    // Somebody who came in while the page counted down is asked as well.
    let auto = gateway.ask(&sent(&[("code", &code), ("auto", "1")]).field("Cookie", &*bob));
    assert_eq!((auto.status, cookies(&auto).len()), (200, 0), "{auto:?}");
    assert!(page(&auto).contains("in already as <strong>bob</strong>"), "{auto:?}");
    let clicked = fill(&gateway, &auto, &[]);
    assert_eq!((clicked.status, cookies(&clicked).len()), (200, 1), "{clicked:?}");
    // A link that was used up leads somebody who is in back to the app, and its guest to whom it came from.
    let again = gateway.ask(&sent(&[("code", &code), ("look", "go")]).field("Cookie", &*bob));
    assert!(
        again.status == 403 && page(&again).contains("You are in already, as <strong>bob</strong>"),
        "{again:?}"
    );
    let again = gateway.ask(&sent(&[("code", &code), ("look", "go")]));
    assert!(page(&again).contains("Ask the person who gave it to you"), "{again:?}");
    assert!(!page(&again).contains("stagedoor token"), "{again:?}");
    let event = gateway.event(&again);
    assert!(event["reason"].as_str().unwrap().contains("`stagedoor token --link` makes another"), "{event}");
}

#[test]
fn the_own_page_says_who_is_in_until_when_and_how_to_leave() {
    let app = Upstream::start();
    let gateway = gateway(&app);
    let home = || navigate("/.stagedoor/");
    let out = gateway.ask(&home());
    assert_eq!(out.status, 200, "{out:?}");
    assert!(page(&out).contains("You are not signed in") && page(&out).contains("<form"), "{out:?}");

    let token = Token::of("alice").claim("exp", unix_now() + 7_200).sign();
    let cookie = format!("door_token={token}");
    let inside = gateway.ask(&home().field("Cookie", &*cookie));
    for part in
        ["<dd>media</dd>", "<strong>alice</strong>", "<time datetime=\"20", "action=\"/.stagedoor/leave\""]
    {
        assert!(page(&inside).contains(part), "{part}: {inside:?}");
    }
    assert!(page(&inside).contains("<dd>2 hours</dd>") && !page(&inside).contains(&token), "{inside:?}");
    assert_eq!((inside.field("cache-control"), inside.fields.has("set-cookie")), ("no-store", false));

    let stale = Token::of("alice").claim("iat", unix_now() - 900).claim("exp", unix_now() - 600).sign();
    let ended = gateway.ask(&home().field("Cookie", format!("door_token={stale}")));
    assert!(page(&ended).contains("Your sign-in has expired") && page(&ended).contains("<form"), "{ended:?}");
    // Two that differ: only leaving helps.
    let twice = gateway.ask(&home().field("Cookie", format!("{cookie}; door_token=x")));
    assert_eq!(twice.status, 400, "{twice:?}");
    assert!(page(&twice).contains("href=\"/.stagedoor/leave\""), "{twice:?}");

    let told = gateway.ask(&Request::get("/.stagedoor/").bearer(&token)).json();
    assert_eq!((&told["app"], &told["user"]), (&json!("media"), &json!("alice")), "{told}");
    assert_eq!(gateway.ask(&Request::get("/.stagedoor/")).json()["user"], json!(null));
    assert!(app.seen().is_empty());
}

#[test]
fn a_page_counts_down_until_a_limit_lets_one_on() {
    let app = Upstream::start();
    let limited = CONFIG.replace("auth     = \"required\"", "auth = \"public\"\nlimit.ip = [\"1/hour\"]");
    let gateway = Gateway::before(&app, &limited);
    assert_eq!(gateway.ask(&navigate("/films")).status, 200);
    let refused = gateway.ask(&navigate("/films"));
    assert_eq!(refused.status, 429, "{refused:?}");
    let seconds = refused.field("retry-after");
    assert!(page(&refused).contains(&format!("data-seconds=\"{seconds}\">")), "{refused:?}");
    assert!(page(&refused).contains("minutes</strong>"), "{refused:?}");
    assert!(page(&refused).contains("href=\"\">Try again</a>"), "{refused:?}");
    assert!(!refused.fields.has("refresh") && !page(&refused).contains("http-equiv"), "{refused:?}");
}
