#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::collections::HashSet;
use std::sync::Barrier;

use super::*;

fn at(seconds: u64) -> Now {
    Now::new(Duration::from_secs(seconds), Duration::from_secs(1_790_000_000 + seconds))
}

fn issue(links: &EnterLinks, app: &str, token: &str, now: Now) -> Result<String, EnterLinkError> {
    let token = Secret::new(token.as_bytes().to_vec());
    links.issue(&app.into(), token, now).map(|code| code.expose().clone())
}

fn redeem(links: &EnterLinks, app: &str, code: &str, now: Now) -> Option<String> {
    links.redeem(app, code.as_bytes(), now).map(|token| String::from_utf8(token.expose().clone()).unwrap())
}

#[test]
fn a_code_is_worth_its_token_once() {
    let links = EnterLinks::default();
    let code = issue(&links, "media", "T", at(0)).unwrap();
    let other = issue(&links, "media", "T", at(0)).unwrap();
    assert_eq!(redeem(&links, "media", &code, at(1)).as_deref(), Some("T"));
    assert_eq!(redeem(&links, "media", &code, at(1)), None);
    assert_eq!(redeem(&links, "media", &other, at(1)).as_deref(), Some("T"));
    for nonsense in ["", "x", &code[1..], &format!("{other}="), &"A".repeat(4096)] {
        assert_eq!(redeem(&links, "media", nonsense, at(1)), None, "{nonsense}");
    }
}

#[test]
fn a_code_is_worth_nothing_elsewhere_and_keeps_its_worth() {
    let links = EnterLinks::default();
    let code = issue(&links, "media", "T", at(0)).unwrap();
    assert_eq!(redeem(&links, "films", &code, at(1)), None);
    assert_eq!(redeem(&links, "media", &code, at(1)).as_deref(), Some("T"));
}

#[test]
fn a_code_expires_to_the_second() {
    let links = EnterLinks::default();
    let life = LIFE.as_secs();
    let in_time = issue(&links, "media", "T", at(7)).unwrap();
    let late = issue(&links, "media", "T", at(7)).unwrap();
    assert_eq!(redeem(&links, "media", &late, at(7 + life)), None);
    assert_eq!(redeem(&links, "media", &in_time, at(7 + life - 1)).as_deref(), Some("T"));
}

#[test]
fn no_more_links_are_open_than_the_cap_and_old_ones_make_room() {
    let links = EnterLinks::default();
    let codes: HashSet<String> = (0..CAP).map(|_| issue(&links, "media", "T", at(0)).unwrap()).collect();
    assert_eq!(codes.len(), CAP);
    let full = |seconds: u64| Err(EnterLinkError::Full { until_next: Duration::from_secs(seconds) });
    assert_eq!(issue(&links, "media", "T", at(1)), full(LIFE.as_secs() - 1));
    // A used one makes room for one.
    assert!(redeem(&links, "media", codes.iter().next().unwrap(), at(2)).is_some());
    assert!(issue(&links, "media", "T", at(2)).is_ok());
    assert_eq!(issue(&links, "media", "T", at(2)), full(LIFE.as_secs() - 2));
    // Those whose time is over are forgotten with their tokens.
    assert!(issue(&links, "media", "T", at(2 + LIFE.as_secs())).is_ok());
    assert_eq!(links.lock().len(), 1);
}

#[test]
fn of_two_who_come_with_one_code_one_gets_in() {
    let links = EnterLinks::default();
    for _ in 0..200 {
        let code = issue(&links, "media", "T", at(0)).unwrap();
        let start = Barrier::new(4);
        let winners: usize = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        usize::from(redeem(&links, "media", &code, at(1)).is_some())
                    })
                })
                .collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).sum()
        });
        assert_eq!(winners, 1);
    }
}

#[test]
fn codes_have_256_bits_and_neither_code_nor_token_is_shown() {
    let links = EnterLinks::default();
    let code = issue(&links, "media", "tell-nobody", at(0)).unwrap();
    assert_eq!(URL_SAFE_NO_PAD.decode(&code).unwrap().len(), 32);
    let shown = format!("{links:?}");
    assert!(!shown.contains(&code) && !shown.contains("tell-nobody"), "{shown}");
}

#[test]
fn where_a_browser_finds_an_app() {
    fn check(hosts: &[&str], port: u16, expected: Option<&str>) {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        assert_eq!(base(&hosts, Scheme::Http, port).as_deref(), expected, "{hosts:?}");
    }
    let host = ["media.example.com".to_owned()];
    assert_eq!(base(&host, Scheme::Https, 443).as_deref(), Some("https://media.example.com"));
    assert_eq!(base(&host, Scheme::Https, 8443).as_deref(), Some("https://media.example.com:8443"));
    check(&["media.localhost"], 8080, Some("http://media.localhost:8080"));
    check(&["*.example.com", "media.lan"], 80, Some("http://media.lan"));
    check(&["::1"], 8080, Some("http://[::1]:8080"));
    check(&["[::1]"], 8080, Some("http://[::1]:8080"));
    check(&["*.example.com"], 80, None);
    check(&[], 80, None);
    assert_eq!(address("http://a", "C").expose(), "http://a/.stagedoor/enter#C");
}
