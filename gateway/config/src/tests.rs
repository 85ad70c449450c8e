//! The language, from text to policy.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod authorities;
mod carried;
mod crossing;
mod design;
mod edited;
mod encoded_slash;
mod environment;
mod fetched_keys;
mod lengths;
mod profiles;
mod promises;
mod reading;
mod routes;
mod secrets;
mod tls;
mod values;
mod walking;

use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::Duration;

use super::{Compiled, FileFault, GivenUp, Material, Materials, Problem, SourceFile, schema};
use stagedoor_core::clock::Now;
use stagedoor_core::policy::Policy;
use stagedoor_core::secret::Secret;

/// Files and variables that a test lays out.
#[derive(Clone, Default)]
pub(crate) struct Desk {
    files: HashMap<&'static str, (Vec<u8>, bool)>,
    env: HashMap<&'static str, Vec<u8>>,
    stand_in: bool,
    never_make: bool,
}

/// Neither short, nor guessable, nor printed anywhere but here.
pub(crate) const GOOD: &str = "k7Qw2mZx9RtB4nVc8LpY1sHd6JfG3aEu";
pub(crate) const OTHER: &str = "Z9xK4vN7bQ2wL8mR1tY6pC3sD5fH0jGe";

impl Desk {
    pub(crate) fn file(mut self, path: &'static str, text: &str) -> Self {
        self.files.insert(path, (text.as_bytes().to_vec(), false));
        self
    }

    fn open_file(mut self, path: &'static str, text: &str) -> Self {
        self.files.insert(path, (text.as_bytes().to_vec(), true));
        self
    }

    fn var(mut self, name: &'static str, text: &str) -> Self {
        self.env.insert(name, text.as_bytes().to_vec());
        self
    }
}

impl Materials for Desk {
    fn file(&self, path: &str) -> Result<Material, FileFault> {
        if path.ends_with("unreadable") {
            return Err(FileFault::Unreadable("permission denied".to_owned()));
        }
        if path.starts_with("given-up/") {
            return Err(FileFault::GivenUp(GivenUp::UntilRestart));
        }
        if path.starts_with("home/") {
            return Err(FileFault::GivenUp(GivenUp::ButForFiles));
        }
        if let Some((_, text)) = tls_files().iter().find(|(known, _)| *known == path) {
            return Ok(Material { bytes: Secret::new(text.clone().into_bytes()), open: false });
        }
        let (bytes, open) = self.files.get(path).ok_or(FileFault::Missing)?;
        Ok(Material { bytes: Secret::new(bytes.clone()), open: *open })
    }

    fn env(&self, name: &str) -> Option<Secret<Vec<u8>>> {
        self.env.get(name).map(|value| Secret::new(value.clone()))
    }

    fn generate(&self, path: &str) -> Result<Option<Secret<Vec<u8>>>, FileFault> {
        if path.starts_with("read-only/") {
            return Err(FileFault::Unreadable("read-only file system".to_owned()));
        }
        if path.starts_with("made-nowhere/") {
            return Err(FileFault::GivenUp(GivenUp::UntilRestart));
        }
        let made = format!("{path}-{OTHER}").into_bytes();
        Ok((!self.never_make).then(|| Secret::new(made)))
    }

    fn random(&self) -> [u8; 32] {
        std::array::from_fn(|index| u8::try_from(index * 7 % 251).unwrap())
    }

    fn stand_in(&self) -> bool {
        self.stand_in
    }
}

/// A certificate for the app of these tests, valid by their clock, under two names each.
fn tls_files() -> &'static [(&'static str, String)] {
    static FILES: OnceLock<Vec<(&str, String)>> = OnceLock::new();
    FILES.get_or_init(|| {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["media.example.com".to_owned()]).unwrap();
        let (cert, key) = (params.self_signed(&key).unwrap().pem(), key.serialize_pem());
        vec![
            ("tls.pem", cert.clone()),
            ("tls.key", key.clone()),
            ("tls/same.pem", cert),
            ("tls/same.key", key),
        ]
    })
}

pub(crate) fn now() -> Now {
    Now::new(Duration::from_secs(10), Duration::from_secs(1_790_000_000))
}

/// A provider and an app that lack nothing. The provider takes lines 1 to 5, the app begins at line 6.
pub(crate) const HOUSE: &str = r#"[auth.house]
kind = "jwt"
keys = [{ secret = { file = "jwt_secret", generate = true } }]
issuer = "stagedoor"
audience = ["media"]
"#;
pub(crate) const APP: &str = r#"[app.media]
hosts = ["media.example.com"]
upstream = "http://127.0.0.1:3000"
auth = "required"
"#;

/// A file of these parts.
pub(crate) fn text(parts: &[&str]) -> String {
    parts.concat()
}

pub(crate) fn source(name: &str, text: &str) -> SourceFile {
    SourceFile { name: name.into(), text: text.to_owned() }
}

/// Compiles, and holds the schema to what came of it: whatever compiles it accepts, and where a key is unknown
/// or not built it refuses the file. So every text of these tests is one for the schema too.
fn compile(
    sources: &[SourceFile],
    materials: &dyn Materials,
    previous: Option<&Policy>,
    now: Now,
) -> Result<Compiled, Vec<Problem>> {
    let outcome = super::compile(sources, materials, previous, now);
    for SourceFile { name, text } in sources {
        let Some(faults) = schema::tests::faults(text) else { continue };
        let of_keys = |problem: &&Problem| {
            problem.file == *name
                && (problem.message.starts_with("unknown key")
                    || problem.message.starts_with("not yet supported: `"))
        };
        match &outcome {
            Ok(_) => assert_eq!(faults, [""; 0], "it compiles, and the schema refuses it:\n{text}"),
            Err(problems) => {
                if let Some(problem) = problems.iter().find(of_keys) {
                    assert_ne!(faults, [""; 0], "the schema lets this pass: {problem}\n{text}");
                }
            }
        }
    }
    outcome
}

pub(crate) fn compiled(text: &str, desk: &Desk) -> Result<Compiled, Vec<Problem>> {
    compile(&[source("stagedoor.toml", text)], desk, None, now())
}

/// The policy of a text that has to compile.
pub(crate) fn policy(text: &str) -> Policy {
    loaded(text).policy
}

/// What a text that has to compile compiles to.
pub(crate) fn loaded(text: &str) -> Compiled {
    match compiled(text, &Desk::default()) {
        Ok(compiled) => compiled,
        Err(problems) => panic!("{}\n{text}", told(&problems)),
    }
}

fn told(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// `LINE PATH: MESSAGE` of every problem.
fn short(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(|p| format!("{} {}: {} | {}", p.line, p.path, p.message, p.hint)).collect()
}

/// The problems of a text: each expectation holds words, divided by ` … `, that one problem has in this order.
fn check(text: &str, expected: &[&str]) {
    check_at(text, &Desk::default(), expected);
}

fn check_at(text: &str, desk: &Desk, expected: &[&str]) {
    let problems = match compiled(text, desk) {
        Ok(compiled) => {
            assert!(expected.is_empty(), "compiles, expected {expected:?}\n{text}\n{:?}", compiled.warnings);
            return;
        }
        Err(problems) => problems,
    };
    compare(&problems, expected, text);
}

fn compare(problems: &[Problem], expected: &[&str], text: &str) {
    let short = short(problems);
    let numbered: Vec<String> =
        text.lines().enumerate().map(|(line, text)| format!("{:3} {text}", line + 1)).collect();
    let context = || format!("found {short:#?}\nexpected {expected:#?}\n{}", numbered.join("\n"));
    assert_eq!(short.len(), expected.len(), "{}", context());
    for (problem, words) in short.iter().zip(expected) {
        let mut rest = problem.as_str();
        for word in words.split(" … ") {
            let Some(at) = rest.find(word) else { panic!("no `{word}`: {}", context()) };
            rest = &rest[at + word.len()..];
        }
    }
    for problem in problems {
        assert!(!problem.hint.is_empty(), "a problem without a hint: {problem}");
        assert!(!problem.message.ends_with('.') && !problem.hint.ends_with('.'), "{problem}");
    }
}

/// The warnings of a text that compiles.
fn warnings(text: &str, expected: &[&str]) {
    match compiled(text, &Desk::default()) {
        Ok(compiled) => compare(&compiled.warnings, expected, text),
        Err(problems) => panic!("{}\n{text}", told(&problems)),
    }
}
