//! The answers and bodies from which the fuzz targets start, and what these have found.
//!
//! A file's name begins with what it is: `whole-`, `refused-` or `unfinished-`; that of a file which a run of a target has
//! left there has no dash. Every slicing has to agree.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::chunked::Chunked;

/// Whether the file is of this kind, as far as its name says.
fn is_called(name: &str, kind: &str) -> bool {
    name.split_once('-').is_none_or(|(said, _)| said == kind)
}

/// The files of `tests/fuzz/corpus/TARGET` with their bytes.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus").join(target);
    let files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(path).unwrap()))
        .collect();
    assert!(files.len() > 10, "{} files", files.len());
    files
}

#[test]
fn the_answers_of_the_corpus_are_told_apart() {
    for (name, bytes) in corpus("answer") {
        for to in [GET, HEAD] {
            let told = arriving(&bytes, bytes.len(), to);
            let kind = match told.rsplit("; ").next().unwrap() {
                "partial" => "unfinished",
                last if last.contains("| ") => "whole",
                _ => "refused",
            };
            assert!(is_called(&name, kind), "{name}: {told}");
            for step in [1, 2, 5] {
                assert_eq!(arriving(&bytes, step, to), told, "{name} by {step}");
            }
        }
    }
}

#[test]
fn the_bodies_of_the_corpus_are_told_apart() {
    for (name, bytes) in corpus("chunks") {
        let mut told = Vec::new();
        for step in [bytes.len(), 1, 2, 5] {
            let (mut chunked, mut body, mut data) = (Chunked::default(), 0, Vec::new());
            let outcome = bytes.chunks(step.max(1)).try_for_each(|piece| {
                let mut piece = piece.to_vec();
                let decoded = chunked.decode(&mut piece)?;
                body += decoded.of_body;
                data.extend_from_slice(&piece[..decoded.data]);
                Ok::<(), crate::chunked::Malformed>(())
            });
            let kind = match outcome {
                Ok(()) if chunked.is_done() => "whole",
                Ok(()) => "unfinished",
                Err(_) => "refused",
            };
            assert!(is_called(&name, kind), "{name} by {step}: {outcome:?}");
            if outcome.is_ok() {
                told.push((body, data));
            }
        }
        told.dedup();
        assert!(told.len() <= 1, "{name}");
    }
}
