//! Calibre-Web (PyPI): a login form with a CSRF token, a session, uploads, covers, and OPDS feeds behind Basic.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::program::in_environment;
use super::visitor::{Visitor, between, form};
use super::{Program, Stand, epub};
use crate::harness::{Request, Response};

/// As the script sets it.
const PASSWORD: &str = "Own-d00r-key!";

/// Calibre-Web on an empty library; `further` arguments are those of the script.
fn calibre_web(further: &[&str]) -> Program {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/real/calibre-web");
    Program::start(&in_environment("python"), |home, port, command| {
        command.arg(&script).arg(home.path()).arg(port.to_string()).args(further);
    })
}

/// The token against forged forms that stands in a page.
fn form_token(page: &Response) -> String {
    assert_eq!(page.status, 200, "{page:?}");
    between(&page.text(), "name=\"csrf_token\" value=\"", "\"").to_owned()
}

fn log_in(visitor: &mut Visitor, password: &str) -> Response {
    let token = form_token(&visitor.get("/login"));
    let password = password.replace('!', "%21");
    let body = format!("csrf_token={token}&username=admin&password={password}&next=%2F");
    visitor.post("/login", "application/x-www-form-urlencoded", body)
}

/// Uploads the book of the test; the path of its page.
fn upload(visitor: &mut Visitor) -> String {
    let token = form_token(&visitor.get("/"));
    let file = ("btn-upload", "door.epub", "application/epub+zip");
    let (kind, body) = form(&[("csrf_token", &token)], file, &epub::book());
    let answer = visitor.post("/upload", &kind, body);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["location"].as_str().unwrap().replace("/admin/", "/")
}

#[test]
fn a_browser_logs_in_uploads_reads_and_leaves() {
    let stand = Stand::of("calibre-web", calibre_web(&[]));
    let (kind, body) = form(&[], ("btn-upload", "door.epub", "application/epub+zip"), &epub::book());
    let unasked = Request::post("/upload", body).field("Content-Type", kind);
    stand.refuses_strangers(&[Request::get("/"), Request::get("/opds"), unasked.clone()]);
    stand.refuses_other_pages(unasked);

    let mut browser = stand.browser();
    let start = browser.get("/");
    assert_eq!((start.status, start.field("location")), (302, "/login?next=%2F"), "{start:?}");
    // The page's policy is the app's own, alone: a second one would break its scripts.
    assert!(
        start.field("content-security-policy").starts_with("default-src 'self' 'unsafe-inline'"),
        "{start:?}"
    );
    assert_eq!(start.field("x-content-type-options"), "nosniff");
    let wrong = log_in(&mut browser, "wrong");
    assert_eq!((wrong.status, wrong.field("www-authenticate")), (401, ""), "the app's own: {wrong:?}");
    let right = log_in(&mut browser, PASSWORD);
    assert_eq!((right.status, right.field("location")), (302, "/"), "{right:?}");

    // A form without its token is the app's own affair.
    let forged = browser.post("/upload", "application/x-www-form-urlencoded", "");
    assert_eq!((forged.status, &*forged.code()), (400, "-"), "{forged:?}");
    let page = upload(&mut browser);
    assert!(browser.get(&page).text().contains(epub::TITLE), "{page}");

    let cover = browser.get("/cover/1/og");
    assert_eq!((cover.status, cover.field("content-type")), (200, "image/jpeg"), "{cover:?}");
    assert_eq!(cover.body, epub::COVER);
    let kept = browser.clone().with("If-None-Match", cover.field("etag")).get("/cover/1/og");
    assert_eq!((kept.status, kept.body.len()), (304, 0), "{kept:?}");

    the_download_honours_ranges(&browser);
    the_path_is_the_one_that_was_matched(&stand, &browser);

    let left = browser.get("/logout");
    assert_eq!(left.status, 302, "{left:?}");
    assert_eq!(browser.get("/").status, 302, "its session is over");
    stand.told_the_app_of_alice();
}

fn the_download_honours_ranges(browser: &Visitor) {
    const FILE: &str = "/download/1/epub/door.epub";
    let whole = browser.clone().get(FILE);
    assert_eq!((whole.status, whole.field("accept-ranges")), (200, "bytes"), "{whole:?}");
    assert!(whole.field("content-disposition").contains("The%20Door"), "{whole:?}");
    let length = whole.body.len();
    let ask = |range: &str| browser.clone().with("Range", range).get(FILE);
    let part = ask("bytes=10-19");
    assert_eq!((part.status, part.body), (206, whole.body[10..20].to_vec()));
    assert_eq!(part.fields.sole("content-range"), Some(&*format!("bytes 10-19/{length}")));
    let end = ask("bytes=-5");
    assert_eq!((end.status, end.body), (206, whole.body[length - 5..].to_vec()));
    assert_eq!(ask("bytes=99999999-").status, 416);
    let changed = browser.clone().with("If-Range", "\"another\"").with("Range", "bytes=0-1").get(FILE);
    assert_eq!((changed.status, changed.body.len()), (200, length));
}

/// Calibre-Web cuts what `X-Script-Name` says off the path: whoever could say it would choose another path than
/// the one that the gateway judged.
fn the_path_is_the_one_that_was_matched(stand: &Stand, browser: &Visitor) {
    let ask = |visitor: Visitor| visitor.with("X-Script-Name", "/static").get("/static/login").status;
    assert_eq!(ask(Visitor::new(&stand.host, stand.app.address)), 200, "the app itself falls for it");
    assert_eq!(ask(browser.clone()), 404);
}

#[test]
fn a_reader_gets_feeds_covers_and_books_with_basic() {
    let stand = Stand::of("calibre-web", calibre_web(&[]));
    let mut browser = stand.browser();
    log_in(&mut browser, PASSWORD);
    upload(&mut browser);

    let reader = |password: &str| {
        let basic = STANDARD.encode(format!("admin:{password}"));
        stand
            .stranger()
            .with("X-Stagedoor-Token", &stand.token)
            .with("Authorization", &format!("Basic {basic}"))
            .with("User-Agent", "a reader")
    };
    let without = stand.stranger().with("X-Stagedoor-Token", &stand.token).get("/opds");
    assert_eq!((without.status, &*without.code()), (401, "-"), "the app's own: {without:?}");
    assert!(without.field("www-authenticate").starts_with("Basic "), "{without:?}");
    assert_eq!(reader("wrong").get("/opds").status, 401);

    let mut reader = reader(PASSWORD);
    let start = reader.get("/opds");
    assert!(start.field("content-type").starts_with("application/atom+xml"), "{start:?}");
    let feed = reader.get("/opds/new").text();
    assert!(feed.contains(&format!("<title>{}</title>", epub::TITLE)), "{feed}");
    let link = between(&feed, "rel=\"http://opds-spec.org/acquisition\" href=\"", "\"");
    let book = reader.get(link);
    assert_eq!((book.status, book.field("content-type")), (200, "application/epub+zip"), "{book:?}");
    let cover = between(&feed, "<link type=\"image/jpeg\" href=\"", "\"");
    assert_eq!(reader.get(cover).body, epub::COVER);
    stand.told_the_app_of_alice();
}

/// Calibre-Web takes the gateway's word for who asks, and the gateway takes nobody's.
#[test]
fn the_gateways_word_logs_in_and_a_clients_does_not() {
    let stand = Stand::of("calibre-web", calibre_web(&["--believe", "X-Auth-User"]));
    let is_in = |mut visitor: Visitor| {
        let page = visitor.get("/me");
        assert!(page.status == 200 || page.field("location").starts_with("/login"), "{page:?}");
        page.status == 200
    };
    let direct = Visitor::new(&stand.host, stand.app.address);
    assert!(is_in(direct.with("X-Auth-User", "admin")), "the app itself believes anybody");
    assert!(is_in(stand.browser_of("admin")));
    assert!(!is_in(stand.browser()), "it knows no alice");
    for spelling in ["X-Auth-User", "x_auth_user", "X.Auth.User", "X-AUTH_USER"] {
        assert!(!is_in(stand.browser().with(spelling, "admin")), "{spelling}");
    }
}
