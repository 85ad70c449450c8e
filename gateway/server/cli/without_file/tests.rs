#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::*;

fn texts(items: &[&str]) -> Vec<String> {
    items.iter().map(|item| (*item).to_owned()).collect()
}

#[test]
fn links_lead_where_somebody_listens() {
    fn check(listen: &[&str], more: &[&str], expected: &[&str]) {
        assert_eq!(hosts(&texts(listen), &texts(more)), expected, "{listen:?} {more:?}");
    }
    check(&["127.0.0.1:8080"], &[], &["localhost", "127.0.0.1"]);
    check(&["127.0.0.1:8080"], &["media.lan"], &["localhost", "127.0.0.1", "media.lan"]);
    // Links lead to the first name and port.
    check(&["0.0.0.0:8080"], &["media.lan"], &["media.lan", "localhost", "127.0.0.1"]);
    check(&["[::]:80"], &["*.lan", "localhost"], &["*.lan", "localhost", "127.0.0.1", "[::1]"]);
    check(&["[::1]:80", "192.0.2.1:80"], &["a.lan"], &["localhost", "[::1]", "192.0.2.1", "a.lan"]);
    check(&["[::]:8080"], &[], &["localhost", "127.0.0.1", "[::1]"]);
    check(&["192.0.2.1:80", "[2001:db8::1]:80"], &[], &["192.0.2.1", "[2001:db8::1]", "localhost"]);
    // Nobody listens on localhost there.
    check(&["127.0.8.1:80"], &["a.lan"], &["127.0.8.1", "localhost", "a.lan"]);
    check(&["192.168.1.5:80", "127.0.0.1:80"], &[], &["192.168.1.5", "127.0.0.1", "localhost"]);
    check(&["nonsense"], &["LOCALHOST"], &["localhost"]);
}

#[test]
fn what_the_environment_says_stays_a_value() {
    let environment =
        Environment { listen: texts(&["192.0.2.1:1"]), hosts: texts(&["a\"]\nauth = \"public\" #"]) };
    let ConfigSource::Text { source, .. } = config("http://x\\y\u{7f}", &environment) else {
        panic!("a file")
    };
    let table: toml::Table = source.text.parse().unwrap();
    let app = table["app"]["app"].as_table().unwrap();
    assert_eq!(app["auth"].as_str(), Some("required"));
    assert_eq!(app["upstream"]["urls"][0].as_str(), Some("http://x\\y\u{7f}"));
    assert_eq!(app["hosts"][0].as_str(), Some("a\"]\nauth = \"public\" #"));
    assert_eq!(app["hosts"][1].as_str(), Some("192.0.2.1"));
}
