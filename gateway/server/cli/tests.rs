#![allow(clippy::unwrap_used, reason = "tests")]

use super::output::parse_span;
use super::*;
use crate::problems::Problems;
use stagedoor_config::Problem;

#[test]
fn the_definitions_are_sound() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_has_examples() {
    fn check(command: &clap::Command, path: &str) {
        let mut nested = command.get_subcommands().peekable();
        if nested.peek().is_none() {
            let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(after.contains("Examples:\n  "), "{path} has no examples");
        }
        for inner in nested {
            check(inner, &format!("{path} {}", inner.get_name()));
        }
    }
    check(&Cli::command(), "stagedoor");
}

#[test]
fn spans() {
    fn check(text: &str, expected: Option<u64>) {
        assert_eq!(parse_span(text).ok().map(|span| span.as_secs()), expected, "{text}");
    }
    check("90s", Some(90));
    check("30m", Some(1_800));
    check("1h", Some(3_600));
    check("7d", Some(604_800));
    check("0s", None);
    check("1", None);
    check("h", None);
    check("", None);
    check("-1h", None);
    check("1.5h", None);
    check("99999999999999999999d", None);
    check("999999999999999999d", None);
}

fn problem(line: usize, path: &str, hint: &str) -> Problem {
    Problem {
        file: "a.toml".into(),
        line,
        path: path.into(),
        message: "no such key: `x`".into(),
        hint: hint.into(),
    }
}

#[test]
fn problems_are_told_all_at_once() {
    let problems = Problems::new(vec![problem(3, "server.x", "leave it out"), problem(0, "", "")]);
    assert_eq!(
        problems.text(false),
        "error: no such key: `x`\n  --> a.toml:3 (server.x)\n  hint: leave it out\n\n\
         error: no such key: `x`\n  --> a.toml\n\n2 errors\n"
    );
    assert!(problems.text(true).starts_with("\x1b[1;31merror\x1b[0m: no such key"));
    assert_eq!(
        problems.json()[0].to_string(),
        r#"{"file":"a.toml","hint":"leave it out","level":"error","line":3,"message":"no such key: `x`","path":"server.x"}"#
    );
}

#[test]
fn problems_found_by_the_server_are_still_problems() {
    let problems = Problems::new(vec![problem(1, "", "")]);
    let error = anyhow::Error::from(problems.clone()).context("start");
    assert!(matches!(Failure::from(error), Failure::Problems(found) if found == problems));
    assert!(matches!(Failure::from(anyhow::anyhow!("port taken")), Failure::Runtime(_)));
}
