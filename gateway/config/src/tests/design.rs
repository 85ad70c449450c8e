//! The annotated configuration at the root of the repository runs as it is, and breaks in order.

use proptest::prelude::*;

use super::{Desk, compile, now};
use crate::{SourceFile, dry_run};

const ANNOTATED: &str = include_str!("../../../../config/stagedoor.toml");

#[test]
fn the_annotated_configuration_compiles_without_a_warning() {
    let file = SourceFile { name: "config/stagedoor.toml".into(), text: ANNOTATED.to_owned() };
    let compiled = compile(&[file], &Desk::default(), None, now()).unwrap();
    assert_eq!(compiled.warnings, []);
    let policy = compiled.policy;
    assert_eq!(policy.server.state_dir, std::path::Path::new("config/data"));
    let ip = "127.0.0.1".parse().unwrap();
    let (outcome, _) = dry_run(&policy, "GET /", "localhost:8080", None, ip, now());
    assert_eq!(outcome.unwrap_err().code(), "token_missing");
}

/// What people do to a file: a stretch is lost, repeated, or overwritten.
fn mended(text: &str, at: usize, length: usize, with: &str) -> String {
    let from = text.floor_char_boundary(at % text.len());
    let to = text.floor_char_boundary((from + length).min(text.len()));
    format!("{}{with}{}", &text[..from], &text[to..])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_damaged_file_is_told_of_and_never_a_panic(
        cuts in prop::collection::vec((any::<usize>(), 0..80_usize, r#"[ -~\n]{0,12}"#), 1..4),
    ) {
        let text = cuts.iter().fold(ANNOTATED.to_owned(), |text, (at, length, with)| mended(&text, *at, *length, with));
        let lines = text.lines().count() + 1;
        let desk = Desk { stand_in: true, ..Desk::default() };
        if let Err(problems) = compile(&[SourceFile { name: "f".into(), text }], &desk, None, now()) {
            prop_assert!(!problems.is_empty());
            for problem in problems {
                prop_assert!(problem.line <= lines && !problem.message.is_empty(), "{problem}");
                prop_assert!(!problem.hint.is_empty(), "{problem}");
            }
        }
    }
}
