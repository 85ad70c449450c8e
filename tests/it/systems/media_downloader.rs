//! media-downloader: 41 of 43 endpoints stood open.

use super::stage::{Slot, Stage, System, Who, folder, moved};
use super::walk::{self, Expected};
use crate::harness::{Gateway, Request, Token, unix_now};

pub(super) static SYSTEM: System = System {
    name: "media-downloader",
    host: "downloads.localhost",
    port: 8000,
    slot: Slot::Bearer,
    user_claim: "sub",
    refusal: "detail",
};

#[test]
fn every_endpoint_of_media_downloader() {
    walk::every_endpoint(&Stage::set(&SYSTEM));
}

/// The list of protected endpoints is headed "33", has 38 and leaves three of 43 unnamed: whatever is not
/// listed is protected too.
#[test]
fn what_is_listed_as_protected_and_what_is_not_listed_wants_a_token_in_the_apps_own_words() {
    let stage = Stage::set(&SYSTEM);
    let listed: Vec<(String, String)> = walk::endpoints(&SYSTEM)
        .into_iter()
        .filter(|(_, _, expected)| *expected == Expected::Known)
        .map(|(method, path, _)| (method, walk::sample(&path)))
        .collect();
    assert_eq!(listed.len(), 38);
    let unlisted = [
        ("GET", "/"),
        ("GET", "/api"),
        ("GET", "/api/downloads/7"),
        ("POST", "/api/health"),
        ("GET", "/api/auth/login"),
        ("POST", "/api/ws"),
        ("GET", "/api/ws/7"),
        ("GET", "/docs"),
        ("GET", "/openapi.json"),
        ("GET", "/@vite/client"),
        ("PROPFIND", "/anything"),
    ];
    let unlisted = unlisted.map(|(method, path)| (method.to_owned(), path.to_owned()));
    for (method, path) in listed.into_iter().chain(unlisted) {
        let answer = stage.ask_as(Who::Nobody, walk::request(&method, &path));
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (401, r#"{"detail":"Not authenticated"}"#),
            "{path}"
        );
    }
    // Another spelling of a public path is no way in either.
    assert_eq!(stage.ask_as(Who::Nobody, Request::post("/api/auth/login/", "{}")).status, 400);
    assert!(stage.app.served().is_empty());
}

#[test]
fn the_two_public_ones_are_open() {
    let stage = Stage::set(&SYSTEM);
    let login =
        stage.ask_as(Who::Nobody, Request::post("/api/auth/login", r#"{"username":"a","password":"b"}"#));
    assert_eq!((login.status, login.json()["body"].as_u64()), (200, Some(31)));
    assert_eq!(stage.ask_as(Who::Nobody, walk::request("WEBSOCKET", "/api/ws")).status, 101);
}

#[test]
fn the_secret_that_was_published_is_refused_at_start() {
    let published = "0fd0cef5f2b4126b3fda2d7ce00137fd5b65c9a29ea2e001fd5d53b02905be64";
    let folder = folder(&SYSTEM, &SYSTEM.config(), "127.0.0.1:1".parse().unwrap());
    folder.write_private("data/media-downloader_secret", published);
    let (_, output) = Gateway::try_start_in(folder).expect_err("it does not start");
    assert_eq!(output.code, Some(2), "{output:#?}");
    assert!(output.stderr.contains("app.toml:") && output.stderr.contains("secret"), "{output:#?}");
    assert!(!output.stderr.contains(published), "{output:#?}");
}

#[test]
fn media_elements_carry_the_token_where_they_can() {
    let stage = Stage::set(&SYSTEM);
    let token = SYSTEM.credential(Who::User, "alice").unwrap();
    let cookie = Request::get("/api/media/preview?file=a.mp4")
        .field("Cookie", format!("theme=dark; stagedoor={token}"));
    let query = Request::get(&format!("/api/media/thumbnail?sd_token={token}&file=a%7Cb.mp4"));
    for (request, left) in [(cookie, "file=a.mp4"), (query, "file=a%7Cb.mp4")] {
        let answer = stage.ask_as(Who::Nobody, request);
        assert_eq!(answer.status, 200, "{answer:?}");
        let seen = answer.json();
        assert_eq!(
            (seen["query"].as_str(), seen["headers"]["x-auth-user"].as_str()),
            (Some(left), Some("alice"))
        );
        assert!(!answer.text().contains(&token), "{}", answer.text());
    }
}

/// As the file's comment says: the app's tokens name no issuer and no audience, and the app reads them itself.
#[test]
fn tokens_of_the_apps_own_login_open_the_door_once_its_secret_is_shared() {
    let theirs =
        Token::of("alice").without(&["kid", "iss", "aud", "iat"]).claim("exp", unix_now() + 1800).sign();
    let own = |stage: &Stage| stage.ask_as(Who::Nobody, Request::get("/api/downloads").bearer(&theirs));
    assert_eq!(own(&Stage::set(&SYSTEM)).status, 401);

    let config = moved(&SYSTEM.config(), "issuer   = \"stagedoor\"", "dangerous_any_issuer = true");
    let config = moved(&config, "audience = [\"media-downloader\"]", "dangerous_any_audience = true");
    let kept = "errors   = \"fastapi\"\nidentity = { token = \"keep\" }";
    let stage = Stage::set_with(&SYSTEM, moved(&config, "errors   = \"fastapi\"", kept));
    let answer = own(&stage);
    assert_eq!(answer.status, 200, "{answer:?}");
    let seen = answer.json();
    assert_eq!(seen["headers"]["authorization"].as_str(), Some(&*format!("Bearer {theirs}")));
    assert_eq!(seen["headers"]["x-auth-user"], "alice");
}
