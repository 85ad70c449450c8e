//! What holds of every sequence of events: of random ones, and of those from which the fuzz target starts.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::run::HEAD;
use super::sequence;
use crate::request_out::OutgoingHead;

fn run(text: &[u8]) -> &'static str {
    sequence::run(text, || OutgoingHead::of(HEAD.strip_suffix(b"\r\n").unwrap()))
}

/// What the request is; then what happens, the usual more often than the rest.
fn sequences() -> impl Strategy<Value = String> {
    let setting = prop::sample::subsequence(b"BEKLWHOXNPRFQDGAVZCCYY".to_vec(), 0..5);
    let usual = prop::sample::select(b"cctttebbzoyyypr&5567881029@#a+i".to_vec());
    let all = (b'!'..=b'~').filter(|byte| !byte.is_ascii_uppercase() && *byte != b'"');
    let all = prop::sample::select(all.collect::<Vec<_>>());
    let happenings = prop::collection::vec(prop_oneof![3 => usual, 1 => all], 0..40);
    let start = prop::sample::select(vec![&b" "[..], b" ct", b" ct", b" et", b" e"]);
    (setting, start, happenings).prop_map(|(setting, start, happenings)| {
        [&setting[..], start, &happenings].concat().into_iter().map(char::from).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn every_sequence_of_events_ends_and_holds_to_the_rules(text in sequences()) {
        run(text.as_bytes());
    }
}

/// A file's name begins with how its sequence ends; that of a file which a run of the target has left there has no dash.
#[test]
fn the_sequences_of_the_corpus_end_as_they_are_called() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus/exchange");
    let (mut files, mut others) = (0, Vec::new());
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let end = run(&fs::read(&path).unwrap());
        if name.split_once('-').is_some_and(|(said, _)| said != end) {
            others.push(format!("{name}: {end}"));
        }
        files += 1;
    }
    assert!(others.is_empty(), "{others:?}");
    assert!(files > 10, "{files} files");
}
