//! What stands in `deploy/` fits the program and the rest of the tree.
//!
//! What takes tools of others (promtool, systemd-analyze, buildah) is in `tests/deploy` and `tests/image`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::{Command, Folder};

const RULES: &str = "prometheus/alerts.yml";
const RULE_TESTS: &str = "prometheus/alerts.test.yml";
const DASHBOARD: &str = "grafana/stagedoor.json";
const UNIT: &str = "systemd/stagedoor.service";

#[test]
fn rules_and_dashboard_name_metrics_that_exist() {
    let reference = read("../config/REFERENCE.md");
    let known: BTreeSet<&str> = reference
        .lines()
        .filter_map(|line| line.strip_prefix("| `stagedoor_"))
        .filter_map(|rest| rest.split('`').next())
        .collect();
    assert!(known.len() > 10, "{known:?}");
    let exists = |name: &str| known.contains(name.trim_start_matches("stagedoor_"));
    for file in [RULES, RULE_TESTS, DASHBOARD] {
        let names = metrics(&read(file));
        assert!(names.len() > 8, "{file}: {names:?}");
        for name in names {
            let stem = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
            let found = exists(&name) || stem.is_some_and(exists);
            assert!(found, "{file} names a metric that is not in config/REFERENCE.md: `{name}`");
        }
    }
}

#[test]
fn every_alert_has_a_name_of_its_own_and_a_test() {
    let rules = read(RULES);
    let names: Vec<&str> = after(&rules, "- alert: ").collect();
    let distinct: BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(names.len(), distinct.len(), "{names:?}");
    assert!(names.len() >= 10, "{names:?}");
    let tests = read(RULE_TESTS);
    for name in names {
        assert!(tests.contains(&format!("alertname=\"{name}\"")), "no test shows `{name}` firing");
    }
    assert!(tests.contains("exp_samples: []"), "no test shows an alert that does not fire");
}

#[test]
fn panels_have_ids_of_their_own_and_the_source_that_was_chosen() {
    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).unwrap();
    let variables: Vec<&str> =
        array(&dashboard["templating"]["list"]).iter().map(|v| v["name"].as_str().unwrap()).collect();
    assert_eq!(variables, ["datasource", "instance", "app"]);
    let panels = array(&dashboard["panels"]);
    let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "two panels share an id");
    let mut queries = 0;
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{}", panel["title"]);
        for target in array(&panel["targets"]) {
            queries += 1;
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{}", panel["title"]);
            let query = target["expr"].as_str().unwrap();
            assert!(query.contains("instance=~\"$instance\""), "{}: {query}", panel["title"]);
            for name in variables_in(query) {
                let known = variables.contains(&name) || ["__rate_interval", "__range"].contains(&name);
                assert!(known, "{}: `${name}` is not a variable", panel["title"]);
            }
        }
    }
    assert!(queries > 20, "{queries}");
}

#[test]
fn files_that_are_named_exist() {
    let compose = read("compose.yml");
    // `./` in front of a volume is the folder of the file.
    let mounted: Vec<&str> = after(&compose, "- ./").filter_map(|rest| rest.split(':').next()).collect();
    assert_eq!(mounted, ["compose"], "what compose mounts from here");
    assert!(deploy().join("compose/stagedoor.toml").is_file(), "the file that the image runs with");

    let prometheus = read("prometheus.yml");
    assert!(prometheus.contains(&format!("  - {RULES}\n")), "the rules");
    assert!(after(&read(RULE_TESTS), "  - alerts.yml").next().is_some(), "the tests are of these rules");

    let unit = read(UNIT);
    for word in
        unit.lines().filter(|line| line.starts_with("#   sudo install")).flat_map(str::split_whitespace)
    {
        if word.starts_with("deploy/") || word.starts_with("config/") {
            assert!(
                deploy().join("..").join(word).is_file(),
                "the unit names a file that is not there: {word}"
            );
        }
    }
}

#[test]
fn one_version_and_one_place_for_the_configuration() {
    let compose = read("compose.yml");
    let image = format!("image: stagedoor:{}", env!("CARGO_PKG_VERSION"));
    assert!(compose.contains(&image), "compose.yml names the image that deploy/image makes: {image}");
    let dockerfile = read("Dockerfile");
    assert!(dockerfile.contains(r#"CMD ["run", "--config", "/config/stagedoor.toml"]"#), "{dockerfile}");
    assert!(
        dockerfile.contains("\nFROM scratch\n") && dockerfile.contains("\nUSER 65532:65532\n"),
        "{dockerfile}"
    );
    for line in ["- ./compose:/config:ro", "- stagedoor-data:/data", "read_only: true", "cap_drop: [ALL]"] {
        assert!(compose.contains(line), "compose.yml: {line}");
    }
    let toml = read("compose/stagedoor.toml");
    assert!(toml.contains("state.dir = \"/data\""), "the one place that can be written");
}

#[test]
fn the_configuration_of_compose_is_accepted_without_a_warning() {
    let folder = Folder::empty();
    let file = deploy().join("compose/stagedoor.toml");
    let checked = Command::new(&folder, &["check", "--no-files", file.to_str().unwrap()]).run();
    assert_eq!(checked.code, Some(0), "{checked:#?}");
    assert!(checked.stdout.contains("1 app, "), "{checked:#?}");
    assert!(checked.stdout.trim_end().ends_with("0 warnings"), "{checked:#?}");
}

#[test]
fn what_is_started_is_a_command_of_the_program() {
    let folder = Folder::empty();
    let mut commands = BTreeSet::new();
    let (dockerfile, compose, unit) = (read("Dockerfile"), read("compose.yml"), read(UNIT));
    commands.extend(
        after(&dockerfile, "CMD [").filter_map(|rest| words(rest).into_iter().find(|w| !w.contains('/'))),
    );
    commands.extend(after(&compose, "test: [").filter_map(|rest| words(rest).into_iter().nth(2)));
    for start in ["ExecStart=/usr/local/bin/stagedoor ", "stagedoor /stagedoor ", "sudo stagedoor "] {
        let named = after(&unit, start).chain(after(&compose, start));
        commands.extend(named.filter_map(|rest| rest.split_whitespace().next().map(str::to_owned)));
    }
    let all: Vec<&str> = commands.iter().map(String::as_str).collect();
    assert_eq!(all, ["check", "healthcheck", "run", "token"], "what is started somewhere");
    for command in all {
        let told = Command::new(&folder, &[command, "--help"]).run();
        assert_eq!(told.code, Some(0), "{command}: {told:#?}");
    }
    let told = Command::new(&folder, &["run", "--help"]).run();
    assert!(told.stdout.contains("--config"), "{told:#?}");
}

#[test]
fn nothing_is_killed_before_the_drain_is_over() {
    let reference = read("../config/REFERENCE.md");
    let drain = after(&reference, "| `drain` | ").next().unwrap();
    let drain: u32 =
        drain.split("`\"").nth(1).and_then(|rest| rest.split("s\"`").next()).unwrap().parse().unwrap();
    let number = |text: &str, key: &str| -> u32 {
        let value = after(text, key).next().unwrap_or_else(|| panic!("no `{key}`"));
        value.trim_end_matches('s').parse().unwrap()
    };
    assert!(number(&read(UNIT), "\nTimeoutStopSec=") > drain + 1, "the unit");
    assert!(number(&read("compose.yml"), "stop_grace_period: ") > drain + 1, "compose");
}

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy")
}

fn read(name: &str) -> String {
    fs::read_to_string(deploy().join(name)).unwrap_or_else(|error| panic!("deploy/{name}: {error}"))
}

fn array(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

/// What follows `start` on its line, wherever it stands.
fn after<'t>(text: &'t str, start: &'t str) -> impl Iterator<Item = &'t str> {
    text.match_indices(start).map(move |(at, _)| text[at + start.len()..].lines().next().unwrap_or_default())
}

/// The strings of a list in one line, behind its bracket.
fn words(list: &str) -> Vec<String> {
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

fn metrics(text: &str) -> BTreeSet<String> {
    let begins = |at: usize| !text[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || "_:".contains(c));
    let is_part = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '_';
    let places = text.match_indices("stagedoor_").filter(|(at, _)| begins(*at));
    places.map(|(at, _)| text[at..].chars().take_while(is_part).collect()).collect()
}

fn variables_in(query: &str) -> Vec<&str> {
    // `${1}` is a group of a pattern.
    let names = query.split('$').skip(1).filter(|rest| !rest.starts_with('{'));
    names
        .map(|rest| rest.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).next().unwrap_or_default())
        .collect()
}
