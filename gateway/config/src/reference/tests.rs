#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::super::keys::table;
use super::*;

#[test]
fn every_key_stands_in_it_with_a_default_and_a_sentence() {
    let text = keys();
    for table in tables() {
        let (_, from) = text.split_once(&format!("\n## {}\n", title(table.path))).unwrap();
        let section = from.split("\n## ").next().unwrap();
        let rows = section.lines().filter(|line| line.starts_with("| `")).count();
        let supported: Vec<&Key> = table.keys.iter().filter(|key| key.state == State::Supported).collect();
        assert_eq!(rows, supported.len(), "[{}]", table.path);
        for key in supported {
            let plain = !matches!(key.kind, Kind::Table(_) | Kind::Tables(_) | Kind::Named(_));
            assert!(
                !plain || table.path.is_empty() || key.default != DefaultValue::OfEachKey,
                "`{}` of [{}]",
                key.name,
                table.path
            );
            assert!(section.contains(&format!("| `{}` |", key.name)), "`{}` of [{}]", key.name, table.path);
        }
    }
    for line in text.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        assert!(cells.len() == 5 && cells.iter().all(|cell| !cell.is_empty()), "{line}");
    }
}

/// A newcomer reads one row, not the table: a meaning of two words says nothing.
#[test]
fn meanings_are_sentences() {
    for table in tables() {
        for key in table.keys.iter().filter(|key| key.state == State::Supported) {
            let words = key.doc.split_whitespace().count();
            assert!(words > 2, "`{}` of [{}]: {}", key.name, table.path, key.doc);
            assert!(!key.security.ends_with('.'), "`{}` of [{}]: {}", key.name, table.path, key.security);
        }
    }
}

/// Keys that can be set to less protection than their default, or that decide whether there is any.
const WEAKENING: &[(&str, &[&str])] = &[
    ("", &["include"]),
    ("server", &["listen", "unix_mode", "trusted_proxies", "forwarded", "proxy_protocol", "server_timing"]),
    ("server.timeouts", &["min_rate"]),
    ("admin", &["listen", "hosts", "token", "metrics"]),
    ("log", &["redact_query"]),
    (
        "auth.*",
        &["keys", "leeway", "max_lifetime", "sources", "dangerous_any_issuer", "dangerous_any_audience"],
    ),
    ("auth.*.keys[]", &["secret"]),
    ("auth.*.jwks", &["refresh", "stale", "ca", "dangerous_plain_http"]),
    ("secret", &["env", "dangerous_open_file", "dangerous_weak"]),
    (
        "app.*",
        &["upstream", "auth", "by", "unlisted", "websocket", "case", "backslash", "encoded_slash", "cors"],
    ),
    ("app.*.upstream", &["ca", "dangerous_any_certificate"]),
    ("app.*.identity", &["token", "pass"]),
    ("app.*.limit", &["ip"]),
    ("app.*.body", &["max"]),
    ("app.*.access", &["allow"]),
    ("app.*.cors", &["origins", "credentials"]),
    ("app.*.headers", &["preset", "frame"]),
    ("app.*.headers.hsts", &["max_age", "preload"]),
    ("app.*.headers.csp", &["mode", "policy"]),
    ("app.*.log", &["redact_query"]),
    ("app.*.origin", &["check"]),
    ("app.*.streams", &["on_expiry"]),
    ("app.*.route[].streams", &["on_expiry"]),
    ("app.*.route[]", &["auth", "encoded_slash"]),
    ("app.*.route[].owner", &["or_role"]),
    ("app.*.route[].limit", &["app"]),
];

#[test]
fn what_weakens_has_a_note() {
    for (path, names) in WEAKENING {
        for name in *names {
            let key = table(path).key(name).unwrap_or_else(|| panic!("no `{name}` in [{path}]"));
            assert!(!key.security.is_empty(), "`{name}` of [{path}] can weaken, and nothing says so");
            assert!(keys().contains(&format!("**Mind:** {}.", key.security)), "{}", key.security);
        }
    }
    for key in tables().flat_map(|table| table.keys).filter(|key| key.name.starts_with("dangerous_")) {
        let listed = WEAKENING.iter().any(|(_, names)| names.contains(&key.name));
        assert!(listed, "`{}` is not on the list", key.name);
    }
}

#[test]
fn programs_read_the_same() {
    let (rows, codes) = (keys_json(), codes_json());
    let rows = rows.as_array().unwrap();
    let supported = tables().flat_map(|table| table.keys).filter(|key| key.state == State::Supported);
    assert_eq!(rows.len(), supported.count());
    let listen = rows.iter().find(|row| row["table"] == "server" && row["key"] == "listen").unwrap();
    assert_eq!(listen["default"], "[\"127.0.0.1:8080\"]");
    assert_eq!(listen["reload"], "restart");
    let told = |code: &str| codes.as_array().unwrap().iter().any(|row| row["code"] == code);
    assert!(Denial::CODES.into_iter().all(told));
    assert!(codes.as_array().unwrap().iter().any(|row| row["code"] == "not_owner" && row["status"] == 403));
}

#[test]
fn what_is_to_come_is_named_and_no_more() {
    let text = keys();
    let (_, later) = text.split_once("## Not yet supported").unwrap();
    for key in tables().flat_map(|table| table.keys).filter(|key| key.state != State::Supported) {
        assert!(later.contains(&format!("`{}`", key.name)), "{}", key.name);
        assert!(!text.contains(key.doc) || key.doc.len() < 20, "{}", key.doc);
    }
}

#[test]
fn every_refusal_stands_in_it() {
    let text = codes();
    for denial in Denial::examples() {
        let row = format!("| {} | `{}` |", denial.status().as_u16(), denial.code());
        assert!(text.contains(&row), "{row}");
    }
}
