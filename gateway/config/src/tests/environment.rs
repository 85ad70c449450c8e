//! What the environment says in place of the file.

use super::{APP, Desk, HOUSE, Problem, check_at, compare, compile, compiled, now, source, text};
use stagedoor_core::policy::Policy;

const LISTEN: &str = "STAGEDOOR_LISTEN";
const TRUSTED: &str = "STAGEDOOR_TRUSTED_PROXIES";
const ADMIN: &str = "STAGEDOOR_ADMIN_LISTEN";
const HOSTS: &str = "STAGEDOOR_HOSTS";

fn with(server: &str, desk: &Desk) -> Policy {
    compiled(&text(&[HOUSE, APP, server]), desk).unwrap().policy
}

/// What is listened on, and who is trusted.
fn shown(policy: &Policy) -> String {
    let texts = |all: Vec<String>| all.join(" ");
    let listen = texts(policy.server.listen.iter().map(ToString::to_string).collect());
    format!("{listen} | {}", texts(policy.client.trusted.entries()))
}

#[test]
fn variables_go_before_the_file() {
    const SERVER: &str = "[server]\nlisten = [\"127.0.0.1:1\"]\ntrusted_proxies = [\"10.0.0.1\"]\n";
    let listen = Desk::default().var(LISTEN, "0.0.0.0:80, [::1]:81,");
    let both = listen.clone().var(TRUSTED, " 10.1.0.0/16 ,fd00::/8");
    for (server, desk, expected) in [
        (SERVER, &Desk::default(), "127.0.0.1:1 | 10.0.0.1/32"),
        (SERVER, &listen, "0.0.0.0:80 [::1]:81 | 10.0.0.1/32"),
        (SERVER, &both, "0.0.0.0:80 [::1]:81 | 10.1.0.0/16 fd00::/8"),
        ("", &both, "0.0.0.0:80 [::1]:81 | 10.1.0.0/16 fd00::/8"),
        (SERVER, &Desk::default().var(LISTEN, "").var(TRUSTED, ""), "127.0.0.1:1 | 10.0.0.1/32"),
        // None of them is a secret.
        (SERVER, &Desk { stand_in: true, ..both.clone() }, "0.0.0.0:80 [::1]:81 | 10.1.0.0/16 fd00::/8"),
    ] {
        assert_eq!(shown(&with(server, desk)), expected, "{server}");
    }
}

#[test]
fn the_operators_listener_is_moved_or_shut() {
    const SERVER: &str = "[admin]\nlisten = \"127.0.0.1:1\"\n";
    let admin = |value| Desk::default().var(ADMIN, value);
    for (server, value, expected) in [
        (SERVER, "", "127.0.0.1:1"),
        (SERVER, "127.0.0.2:2", "127.0.0.2:2"),
        (SERVER, " off ", "off"),
        ("", "[::1]:3", "[::1]:3"),
        ("[admin]\nlisten = \"off\"\n", "127.0.0.2:2", "127.0.0.2:2"),
    ] {
        let listen = with(server, &admin(value)).admin.listen;
        assert_eq!(listen.map_or("off".to_owned(), |at| at.to_string()), expected, "{server} {value}");
    }
}

#[test]
fn a_line_that_is_overridden_is_told() {
    fn check(server: &str, desk: &Desk, expected: &[&str]) {
        let text = text(&[HOUSE, APP, server]);
        compare(&compiled(&text, desk).unwrap().warnings, expected, &text);
    }
    const LINE: &str = "[server]\nlisten = [\"127.0.0.1:1\"]\n";
    let listen = Desk::default().var(LISTEN, "127.0.0.1:2");
    check(LINE, &listen, &["11 server.listen: overridden by … `STAGEDOOR_LISTEN` | leave the line out"]);
    check("", &listen, &[]);
    check(LINE, &Desk::default().var(LISTEN, "127.0.0.1:1"), &[]);
    let admin = Desk::default().var(ADMIN, "off");
    let line = "[admin]\nlisten = \"127.0.0.1:1\"\n";
    check(line, &admin, &["11 admin.listen: overridden by … `STAGEDOOR_ADMIN_LISTEN` | leave the line out"]);
    check("[admin]\nlisten = \"off\"\n", &admin, &[]);
    let trusted = Desk::default().var(TRUSTED, "10.0.0.1");
    let everybody = "[server]\ntrusted_proxies = [\"0.0.0.0/0\"]\n";
    check(everybody, &trusted, &["11 server.trusted_proxies: overridden by … `STAGEDOOR_TRUSTED_PROXIES`"]);
    let trusts_all = Desk::default().var(TRUSTED, "::/0");
    check("", &trusts_all, &["0 server.trusted_proxies: anybody may claim any client address: `::/0`"]);
}

#[test]
fn a_variable_that_is_wrong_is_named() {
    fn check(server: &str, desk: &Desk, expected: &[&str]) {
        check_at(&text(&[HOUSE, APP, server]), desk, expected);
        let problems = compiled(&text(&[HOUSE, APP, server]), desk).unwrap_err();
        let variable = problems.last().unwrap().file.strip_prefix("environment variable ").map(str::to_owned);
        assert!(variable.is_some_and(|name| [LISTEN, TRUSTED, ADMIN].contains(&&*name)), "{problems:?}");
    }
    let listen = |value| Desk::default().var(LISTEN, value);
    check("", &listen("8080"), &["0 server.listen: not an address with a port: `8080` | accepted"]);
    check("", &listen(","), &["0 server.listen: nowhere to listen"]);
    check("", &listen("0.0.0.0:80,127.0.0.1:80"), &["0 server.listen: in conflict with `0.0.0.0:80`"]);
    let trusted = Desk::default().var(TRUSTED, "proxy.lan");
    check("", &trusted, &["0 server.trusted_proxies: not a network: `proxy.lan`"]);
    let admin = |value| Desk::default().var(ADMIN, value);
    check("", &admin("9901"), &["0 admin.listen: not an address with a port: `9901` | … \"off\" for none"]);
    check("", &admin("OFF"), &["0 admin.listen: not an address with a port: `OFF` | … \"off\" for none"]);
    check("", &admin("127.0.0.1:1,127.0.0.1:2"), &["0 admin.listen: not an address with a port"]);
    check("", &admin(","), &["0 admin.listen: not an address with a port: ``"]);
    check("", &admin("0.0.0.0:8080"), &["0 admin.listen: admin.listen and server.listen are in conflict"]);
    let mut broken = listen("");
    broken.env.insert(LISTEN, vec![b'1', 0xff]);
    check("", &broken, &["0 server.listen: not UTF-8"]);
    // A line of the file that is wrong stays wrong.
    let wrong = "[admin]\nlisten = \"x\"\n";
    let told = &["11 admin.listen: not an address with a port: `x`", "0 admin.listen: not an address"];
    check(wrong, &admin("y"), told);
    let both = &["11 server.listen[0]: not an address with a port: `x`", "0 server.listen: not an address"];
    check("[server]\nlisten = [\"x\"]\n", &listen("y"), both);
}

/// What `run --upstream` writes for itself holds what the variables say, and they are what is to be mended.
#[test]
fn without_a_file_the_variable_is_named() {
    let wrong = APP.replace("\"media.example.com\"", "\"localhost\", \"http://media.lan\"");
    let wrong = text(&[HOUSE, &wrong.replace("\"http://127.0.0.1:3000\"", "{ urls = [\"app:80\"] }")]);
    let desk = Desk::default().var(HOSTS, "a.lan, http://media.lan").var("STAGEDOOR_UPSTREAM", "app:80");
    let places = |file: &str, desk: &Desk| {
        let problems = compile(&[source(file, &wrong)], desk, None, now()).unwrap_err();
        let place = |p: &Problem| format!("{}:{} {}", p.file, p.line, p.path);
        problems.iter().map(place).collect::<Vec<_>>()
    };
    let theirs = [
        "environment variable STAGEDOOR_UPSTREAM:0 app.media.upstream.urls",
        "environment variable STAGEDOOR_HOSTS:0 app.media.hosts",
    ];
    assert_eq!(places("run --upstream", &desk), theirs);
    let ours = |file: &str, [first, second]: [usize; 2]| {
        [format!("{file}:{first} app.media.hosts[1]"), format!("{file}:{second} app.media.upstream.urls[0]")]
    };
    // There is no file in which a line could be looked up.
    assert_eq!(places("run --upstream", &Desk::default()), ours("run --upstream", [0, 0]));
    // Of a file the same words are its own.
    assert_eq!(places("stagedoor.toml", &desk), ours("stagedoor.toml", [7, 8]));
}

#[test]
fn a_file_that_is_wrong_stays_so_under_a_variable() {
    let desk = Desk::default().var(LISTEN, "127.0.0.1:1").var(TRUSTED, "10.0.0.1");
    let server = "[server]\nlisten = [\"x\"]\ntrusted_proxies = [\"y\"]\n";
    let told =
        &["11 server.listen[0]: not an address with a port: `x`", "12 server.trusted_proxies[0]: not a net"];
    check_at(&text(&[HOUSE, APP, server]), &desk, told);
}

#[test]
fn hosts_of_the_environment_that_no_app_serves_are_told() {
    fn check(hosts: &str, value: &'static str, expected: &[&str]) {
        let text = text(&[HOUSE, &APP.replace("\"media.example.com\"", hosts)]);
        let desk = Desk::default().var(HOSTS, value);
        compare(&compiled(&text, &desk).unwrap().warnings, expected, &text);
    }
    check("\"a.lan\"", "A.lan", &[]);
    check("\"*.lan\"", "*.lan,b.lan", &[]);
    check("\"a.lan\"", "", &[]);
    let told = "0 : it belongs to `run --upstream`, and no app of the file serves `b.lan` | add the name";
    check("\"a.lan\"", "a.lan, b.lan", &[told]);
}
