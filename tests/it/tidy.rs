//! The rules of this project that the compiler does not check.

mod circles;

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below `folder`, tests aside, with its text cut where its own tests begin.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut files = Vec::new();
    walk(&root().join(folder), &mut files);
    assert!(!files.is_empty(), "nothing in `{folder}`");
    files
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(root()).unwrap().display().to_string();
            let text = fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
            (name, text)
        })
        .filter(|(name, _)| !name.ends_with("tests.rs") && !name.contains("/tests/"))
        .collect()
}

fn walk(folder: &Path, into: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            walk(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// Lines of code (comments aside) that hold one of `words`.
fn found(files: &[(String, String)], words: &[&str]) -> Vec<String> {
    let mut places = Vec::new();
    for (name, text) in files {
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if words.iter().any(|word| code.contains(word)) {
                places.push(format!("{name}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    places
}

fn assert_none(places: &[String], rule: &str) {
    assert!(places.is_empty(), "{rule}:\n{}", places.join("\n"));
}

#[test]
fn the_core_knows_no_runtime_file_socket_environment_or_clock() {
    let words = [
        "tokio",
        "pingora",
        "prometheus",
        "tracing",
        "std::fs",
        "std::net::Tcp",
        "std::net::Udp",
        "std::env",
        "std::thread",
        "std::process",
        "Instant::now",
        "SystemTime::now",
        "DateTime::now",
    ];
    assert_none(&found(&sources("gateway/core/src"), &words), "the core is given what it needs");
    let manifest = fs::read_to_string(root().join("gateway/core/Cargo.toml")).unwrap();
    for name in ["tokio", "pingora", "prometheus", "tracing"] {
        assert!(!manifest.contains(name), "`{name}` is a dependency of the core");
    }
}

/// A guard may take another's evidence as a parameter; how that was made is its own affair.
#[test]
fn guards_keep_out_of_each_other() {
    let files: Vec<_> = sources("gateway/core/src/guard");
    let mut places = Vec::new();
    for (name, text) in &files {
        let own =
            name.trim_start_matches("gateway/core/src/guard/").split(['/', '.']).next().unwrap().to_owned();
        for (number, line) in text.lines().enumerate() {
            let Some(path) = line.trim().strip_prefix("use crate::guard::") else { continue };
            let mut parts = path.trim_end_matches(';').split("::");
            let other = parts.next().unwrap_or_default();
            let item = parts.next().unwrap_or_default();
            // `guard::jwt::verify::Thing` reaches into a folder; `guard::jwt::JwtPolicy` does not.
            let reaches_in = item.starts_with(char::is_lowercase) && parts.next().is_some();
            if other != own && other.starts_with(char::is_lowercase) && reaches_in {
                places.push(format!("{name}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert_none(&places, "guards do not import each other's internals");
}

#[test]
fn nothing_keys_on_what_a_client_claims_to_upgrade_to() {
    assert_none(&found(&sources("gateway"), &["is_upgrade_req"]), "tunnels begin at `was_upgraded()`");
}

#[test]
fn nothing_unwraps() {
    let places: Vec<_> = found(&sources("gateway"), &[".unwrap()", "todo!(", "unimplemented!(", "dbg!("])
        .into_iter()
        .filter(|place| !place.contains("/tests"))
        .collect();
    assert_none(&places, "errors are handled");
}

#[test]
fn only_commands_print() {
    let files: Vec<_> =
        sources("gateway").into_iter().filter(|(name, _)| !name.starts_with("gateway/server/cli/")).collect();
    assert_none(
        &found(&files, &["println!(", "print!(", "eprintln!(", "eprint!("]),
        "printing is for `cli/`",
    );
}

#[test]
fn no_module_is_called_after_nothing() {
    let names = ["util", "utils", "common", "helpers", "types", "manager", "misc"];
    let files: Vec<_> = [sources("gateway"), sources("tests")].concat();
    let places: Vec<String> = files
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| name.split(['/', '.']).any(|part| names.contains(&part)))
        .collect();
    assert_none(&places, "a module is a noun of the field");
}

#[test]
fn policies_are_decided_in_the_core() {
    let files = sources("gateway/server/edge");
    assert_none(
        &found(&files, &["StatusCode::UNAUTHORIZED", "StatusCode::FORBIDDEN"]),
        "the edge decides nothing",
    );
    let above = found(&sources("gateway/core/src"), &["stagedoor::", "stagedoor_config", "crate::config"]);
    assert_none(&above, "the core knows neither the server nor the configuration language");
}

#[test]
fn the_order_of_the_source_is_the_order_of_the_checks() {
    let text = fs::read_to_string(root().join("gateway/core/src/pipeline.rs")).unwrap();
    let body = text.split("pub fn admit").nth(1).unwrap();
    let order = [
        "Guard::Target",
        "Guard::ServerName",
        "Guard::Https",
        "Guard::ClientCertificate",
        "Guard::Access",
        "Guard::AppLimit",
        "Guard::Own",
        "Guard::Route",
        "Guard::Preflight",
        "Guard::RouteLimit",
        "Guard::Size",
        "Guard::Identity",
        "Guard::Origin",
        "Guard::Permission",
        "Guard::CallerLimit",
        "Guard::Upgrade",
        "Guard::Body",
    ];
    let places: Vec<usize> = order
        .iter()
        .map(|guard| body.find(&format!("reached = {guard};")).unwrap_or_else(|| panic!("{guard}")))
        .collect();
    assert!(places.is_sorted(), "{places:?}");
}
