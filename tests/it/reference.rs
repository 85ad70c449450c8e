//! `config/REFERENCE.md` is what the program says of itself: the core's text, and the metrics of a real process.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::harness::{Gateway, HOST, Request, Upstream, token, websocket};

const WRITE: &str = "STAGEDOOR_WRITE_REFERENCE";

/// An app whose requests bring every series to life.
const CONFIG: &str = r#"
[app.media]
hosts    = ["media.localhost"]
upstream = { urls = ["UPSTREAM"] }
auth     = "optional"
[[app.media.route]]
match    = "GET /limited"
limit.ip = ["1/hour"]
"#;

#[test]
fn it_is_what_the_program_says() {
    let app = Upstream::with(|exchange| {
        if exchange.path() == "/ws" {
            return exchange.echo_websocket();
        }
        crate::harness::default_answer(exchange)
    });
    let gateway = Gateway::before(&app, CONFIG);
    for _ in 0..2 {
        gateway.ask(&Request::get("/limited").host(HOST).bearer(&token("bob")));
    }
    let _socket = websocket(gateway.address, "/ws", &[]).unwrap();
    let text = stagedoor_core::config::reference() + &metrics(&gateway.metrics());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/REFERENCE.md");
    if std::env::var_os(WRITE).is_some() {
        fs::write(&path, &text).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    if written == text {
        return;
    }
    let stale = written.lines().zip(text.lines()).find(|(is, should)| is != should);
    panic!("config/REFERENCE.md is stale: {stale:#?}\nhint: {WRITE}=1 cargo test --test it reference");
}

/// The metrics as a section: name, kind, labels and help of each, as scraped.
fn metrics(scraped: &str) -> String {
    let (mut helps, mut kinds) = (BTreeMap::new(), BTreeMap::new());
    let mut labels: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in scraped.lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            helps.insert(name, help);
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' '))
        {
            kinds.insert(name, kind);
        } else {
            let name = line.split(['{', ' ']).next().unwrap_or_default();
            let stem = |suffix: &str| name.strip_suffix(suffix).filter(|stem| kinds.contains_key(stem));
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
    let mut out = String::from("\n## Metrics\n\n");
    out.push_str("`GET /metrics` of the operator's listener. Names and labels stay as they are.\n\n");
    out.push_str("| metric | kind | labels | meaning |\n|---|---|---|---|\n");
    for (name, kind) in kinds.iter().filter(|(name, _)| name.starts_with("stagedoor_")) {
        let of_series = labels.get(name).unwrap_or_else(|| panic!("no series of `{name}`"));
        let named: Vec<String> = of_series.iter().map(|label| format!("`{label}`")).collect();
        let help = helps.get(name).unwrap_or_else(|| panic!("no help of `{name}`"));
        out.push_str(&format!("| `{name}` | {kind} | {} | {help} |\n", named.join(", ")));
    }
    assert!(kinds.len() > 16, "{kinds:?}");
    out
}
