//! `config/REFERENCE.md` and `config/stagedoor.schema.json` are what the program says of itself, and the metrics
//! it lists are those that a real process has.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;
use stagedoor::telemetry::metrics::catalogue::ALL;

use crate::harness::{
    Authority, Command, Folder, Gateway, HOST, Output, Request, Upstream, token, websocket,
};

fn reference(arguments: &[&str]) -> Output {
    let output = Command::new(&Folder::empty(), &[&["reference"], arguments].concat()).run();
    assert_eq!((output.code, &*output.stderr), (Some(0), ""), "{arguments:?}");
    output
}

#[test]
fn what_is_written_is_what_the_program_says() {
    for (name, arguments) in [("REFERENCE.md", &[] as &[&str]), ("stagedoor.schema.json", &["schema"])] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(name);
        let (written, said) = (fs::read_to_string(&path).unwrap_or_default(), reference(arguments).stdout);
        let stale = written.lines().zip(said.lines()).find(|(is, should)| is != should);
        assert!(
            written.trim_end() == said.trim_end(),
            "config/{name} is stale: {stale:#?}\nhint: cargo run -- reference --write config"
        );
    }
}

#[test]
fn it_writes_what_differs_and_says_so() {
    let folder = Folder::empty();
    let write = |to: &str| Command::new(&folder, &["reference", "--write", to]).run();
    let first = write(".");
    assert_eq!(first.stdout, "written: ./REFERENCE.md\nwritten: ./stagedoor.schema.json", "{first:?}");
    folder.write("REFERENCE.md", "old");
    assert_eq!(write(".").stdout, "written: ./REFERENCE.md\nunchanged: ./stagedoor.schema.json");
    let text = folder.read("REFERENCE.md");
    assert!(text.contains("stagedoor reference --write config") && text.contains("## Metrics"));
    assert!(serde_json::from_str::<Value>(&folder.read("stagedoor.schema.json")).is_ok());
    let nowhere = write("missing");
    assert_eq!(nowhere.code, Some(1), "{nowhere:?}");
    assert!(nowhere.stderr.contains("missing/REFERENCE.md"), "{nowhere:?}");
    let both = Command::new(&folder, &["reference", "keys", "--write", "."]).run();
    assert_eq!(both.code, Some(2), "{both:?}");
}

#[test]
fn its_parts_are_told_to_people_and_to_programs() {
    let whole = reference(&[]).stdout;
    for (part, words) in [
        ("keys", "## `[server]`"),
        ("codes", "| 403 | `not_owner`"),
        ("metrics", "| `stagedoor_streams`"),
        ("signals", "| `SIGUSR1` |"),
    ] {
        let text = reference(&[part]).stdout;
        assert!(text.contains(words) && whole.contains(text.trim()), "{part}");
        let rows: Value = serde_json::from_str(&reference(&[part, "--json"]).stdout).unwrap();
        assert!(rows.as_array().is_some_and(|rows| rows.len() > 10), "{part}");
    }
    let all: Value = serde_json::from_str(&reference(&["--json"]).stdout).unwrap();
    assert_eq!(all["metrics"].as_array().map(Vec::len), Some(ALL.len()));
    let schema: Value = serde_json::from_str(&reference(&["schema"]).stdout).unwrap();
    assert_eq!(schema["properties"]["server"]["properties"]["listen"]["default"][0], "127.0.0.1:8080");
}

/// An app whose requests bring every series to life.
const CONFIG: &str = r#"
[server.tls]
listen = ["127.0.0.1:0"]
redirect_http = false
certificates = [{ cert = "tls.pem", key = "tls.key" }]
[auth.house]
[auth.idp]
kind     = "jwt"
issuer   = "https://idp.test"
audience = ["media"]
jwks     = { url = "http://127.0.0.1:1/jwks" }
[app.media]
hosts    = ["media.localhost"]
upstream = { urls = ["UPSTREAM"] }
auth     = "optional"
by       = ["house"]
[[app.media.route]]
match    = "GET /limited"
limit.ip = ["1/hour"]
"#;

#[test]
fn a_process_has_the_metrics_that_are_listed_and_no_others() {
    let app = Upstream::with(|exchange| {
        if exchange.path() == "/ws" {
            return exchange.echo_websocket();
        }
        crate::harness::default_answer(exchange)
    });
    let pair = Authority::new("house").issue(&[HOST]);
    let folder = Folder::new(&CONFIG.replace("UPSTREAM", &app.url()));
    folder.write("tls.pem", &pair.cert);
    folder.write_private("tls.key", &pair.key);
    let gateway = Gateway::start_in(folder);
    for _ in 0..2 {
        gateway.ask(&Request::get("/limited").host(HOST).bearer(&token("bob")));
    }
    let _socket = websocket(gateway.address, "/ws", &[]).unwrap();
    let listed: BTreeSet<String> = ALL
        .iter()
        .map(|metric| {
            let labels: BTreeSet<&str> = metric.labels.iter().copied().collect();
            format!("{} {} {labels:?} {}", metric.name, metric.kind.name(), metric.help)
        })
        .collect();
    assert_eq!(listed.len(), ALL.len());
    let names: Vec<&str> = ALL.iter().map(|metric| metric.name).collect();
    assert!(names.is_sorted(), "{names:?}");
    assert_eq!(scraped(&gateway.metrics()), listed);
}

/// Name, kind, labels and help of every metric, as scraped.
fn scraped(text: &str) -> BTreeSet<String> {
    let (mut helps, mut kinds) = (BTreeMap::new(), BTreeMap::new());
    let mut labels: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in text.lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            helps.insert(name, help);
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' '))
        {
            kinds.insert(name, kind);
        } else {
            let name = line.split(['{', ' ']).next().unwrap_or_default();
            let stem = |suffix: &str| name.strip_suffix(suffix).filter(|stem| kinds.contains_key(*stem));
            let family = ["_bucket", "_sum", "_count"].into_iter().find_map(stem).unwrap_or(name);
            let of_series = labels.entry(family).or_default();
            if let Some((_, inside)) = line.split_once('{') {
                // Every label but the first follows the closing quote of another.
                let names = inside.split('"').step_by(2).map(|part| part.trim_matches(|c| ",=".contains(c)));
                of_series
                    .extend(names.filter(|name| !name.is_empty() && !name.starts_with('}') && *name != "le"));
            }
        }
    }
    let of_family = |(name, kind): (&&str, &&str)| {
        let of_series = labels.get(name).unwrap_or_else(|| panic!("no series of `{name}`"));
        format!("{name} {kind} {of_series:?} {}", helps.get(name).unwrap_or(&""))
    };
    kinds.iter().map(of_family).collect()
}
