//! Supysonic (PyPI): programs that know a name and a password and nothing else, and pages with a login of their own.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::program::in_environment;
use super::visitor::Visitor;
use super::{Program, Stand};
use crate::harness::{Request, Response};

/// As the script sets it.
const PASSWORD: &str = "Own-d00r-key!";

/// What every program sends.
const WHO: &str = "u=alice&p=Own-d00r-key!&v=1.12.0&c=test&f=json";

fn supysonic() -> Program {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/real/supysonic");
    Program::start(&in_environment("python"), |home, port, command| {
        command.arg(&script).arg(home.path()).arg(port.to_string());
    })
}

/// The example without the line that opens `/rest`.
fn shut() -> Stand {
    Stand::changed("supysonic", supysonic(), |text| {
        let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with("route ")).collect();
        assert_eq!(kept.len() + 1, text.lines().count());
        kept.join("\n")
    })
}

fn status(answer: &Response) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["subsonic-response"]["status"].as_str().unwrap().to_owned()
}

fn one_song(program: &mut Visitor) -> String {
    let found = program.get(&format!("/rest/search3.view?query=tone&{WHO}"));
    assert_eq!(status(&found), "ok");
    found.json()["subsonic-response"]["searchResult3"]["song"][0]["id"].as_str().unwrap().to_owned()
}

/// With the profile alone, the token is asked for everywhere.
#[test]
fn strangers_and_other_pages_never_reach_supysonic() {
    let stand = shut();
    let ping = format!("/rest/ping.view?{WHO}");
    stand.refuses_strangers(&[
        Request::get("/"),
        Request::get("/user/login"),
        Request::get(&ping),
        Request::post("/rest/ping.view", WHO).field("Content-Type", "application/x-www-form-urlencoded"),
    ]);
    stand.refuses_other_pages(Request::post("/user/login", format!("user=alice&password={PASSWORD}")));
    // A program that can send a field of its own comes in, whatever else it sends.
    let basic = format!("Basic {}", STANDARD.encode(format!("alice:{PASSWORD}")));
    let mut program = stand.stranger().with("X-Stagedoor-Token", &stand.token);
    assert_eq!(status(&program.get(&ping)), "ok");
    let mut program = program.with("Authorization", &basic);
    assert_eq!(status(&program.get("/rest/ping.view?v=1.12.0&c=test&f=json")), "ok");
    stand.told_the_app_of_alice();
}

/// As the example has it: a program that knows the password alone finds a song and plays it, in parts as well.
#[test]
fn a_program_with_a_name_and_a_password_plays_a_song() {
    let stand = Stand::of("supysonic", supysonic());
    let mut program = stand.stranger();
    assert_eq!(status(&program.get(&format!("/rest/ping.view?{WHO}"))), "ok");
    let form = program.clone().post("/rest/ping.view", "application/x-www-form-urlencoded", WHO);
    assert_eq!(status(&form), "ok");
    // Many write the slash at the end of their address, and that of the path; the app is asked for the one path.
    assert_eq!(status(&program.get(&format!("//rest/ping.view?{WHO}"))), "ok");
    assert!(!stand.relay.heard().contains("GET //"), "{}", stand.relay.heard());
    let song = one_song(&mut program);
    let stream = format!("/rest/stream.view?id={song}&{WHO}");
    let whole = program.get(&stream);
    assert_eq!((whole.status, whole.body.len()), (200, 80_044), "{:?}", whole.fields);
    assert!(whole.field("content-type").starts_with("audio/"), "{:?}", whole.fields);
    let part = program.clone().with("Range", "bytes=44-143").get(&stream);
    assert_eq!((part.status, part.body), (206, vec![0x80; 100]));

    let wrong = program.get("/rest/ping.view?u=alice&p=wrong&v=1.12.0&c=test&f=json");
    assert_eq!(wrong.json()["subsonic-response"]["error"]["code"], 40, "Supysonic's own refusal: {wrong:?}");
    // The pages stay shut, whatever the program knows.
    for page in ["/", "/user/login", "/folder", "/restful"] {
        let answer = stand.relay.hears_nothing_of(|| program.get(&format!("{page}?{WHO}")));
        assert_eq!((answer.status, &*answer.code()), (401, "token_missing"), "{page}");
    }
    assert!(!stand.relay.heard().contains("x-auth-user"), "nobody was asked, so nobody is named");
    let written = stand.gateway.everything_written();
    assert!(
        written.contains("/rest/ping.view") && !written.contains(PASSWORD),
        "a password in the log: {written}"
    );
}

/// A password can be guessed as often as the line says, and no more.
#[test]
fn guesses_of_a_password_meet_a_limit() {
    let stand = Stand::changed("supysonic", supysonic(), |text| {
        text.replace("\"10/s burst 400\", \"9000/hour\"", "\"20/hour\"")
    });
    let mut program = stand.stranger();
    let mut guess = |number: u32| {
        program.get(&format!("/rest/ping.view?u=alice&p=guess-{number}&v=1.12.0&c=test&f=json")).status
    };
    let statuses: Vec<u16> = (0..22).map(&mut guess).collect();
    assert_eq!(statuses, [vec![200; 20], vec![429; 2]].concat());
    assert_eq!(stand.browser().get("/").status, 302, "the pages are not concerned");
}

#[test]
fn a_browser_logs_in_to_supysonics_pages() {
    let stand = Stand::of("supysonic", supysonic());
    let mut browser = stand.browser();
    let start = browser.get("/");
    assert_eq!((start.status, start.field("location")), (302, "/user/login?returnUrl=/"), "{start:?}");
    let page = browser.get("/user/login");
    assert!(page.status == 200 && page.text().contains("<title>Supysonic</title>"), "{page:?}");
    assert!(!page.fields.has("server"), "it tells its make: {page:?}");
    let body = format!("user=alice&password={PASSWORD}");
    let entered = browser.post("/user/login", "application/x-www-form-urlencoded", body);
    assert_eq!((entered.status, entered.field("location")), (302, "/"), "{entered:?}");
    let home = browser.get("/");
    assert!(home.status == 200 && home.text().contains("alice"), "{home:?}");
    stand.told_the_app_of_alice();
}
