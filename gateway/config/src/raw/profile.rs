//! A profile's file.

use super::app::{App, settings};
use super::reader::Reader;
use crate::SourceFile;
use crate::location::{Location, Setting, Spanned};
use crate::problem::{Report, did_you_mean, shown};
use crate::profile::{BUILT_IN, BuiltIn, find};
use crate::text;

/// What a profile says, of itself and of an app.
#[derive(Debug)]
pub(crate) struct Profile {
    pub(crate) version: Setting<u64>,
    /// `for`
    pub(crate) made_for: Setting<String>,
    pub(crate) about: Setting<String>,
    pub(crate) facts: Setting<Vec<Spanned<String>>>,
    /// How many requests an hour one open page of the app makes by itself.
    pub(crate) polls: Setting<u64>,
    pub(crate) app: App,
}

impl Profile {
    /// Reads a profile; `None` where it says nothing of an app.
    pub(crate) fn read(shelved: &BuiltIn, report: &Report) -> Option<Self> {
        let source = [SourceFile { name: shelved.label().into(), text: shelved.text.to_owned() }];
        let texts = text::parse(&source, report);
        let root = Reader::profile(texts.first()?, report);
        root.require("profile", "begin with [profile]: version, for, about and facts");
        root.require("app", "say what it sets, under [app]");
        let header = root.child("profile", "profile")?;
        for key in ["version", "for", "about", "facts"] {
            header.require(key, "a profile says for what it is, and how that is known");
        }
        let app = root.child("app", "app.*")?;
        let name = Spanned { value: shelved.name.to_owned(), at: app.at.clone() };
        Some(Self {
            version: header.count("version", 1..=1_000_000),
            made_for: header.text("for"),
            about: header.text("about"),
            facts: header.texts("facts"),
            polls: header.count("polls", 1..=100_000),
            app: settings(name, &app),
        })
    }
}

/// What the profile of a `use` says of its app.
pub(super) fn beneath(uses: &Spanned<String>, report: &Report) -> Option<App> {
    match find(BUILT_IN, &uses.value) {
        Some(shelved) => {
            let Profile { version: _, made_for: _, about: _, facts: _, polls, app } =
                Profile::read(shelved, report)?;
            Some(App { polls, ..app })
        }
        None => {
            unknown(&uses.value, &uses.at, report);
            None
        }
    }
}

fn unknown(asked: &str, at: &Location, report: &Report) {
    let name = asked.split('@').next().unwrap_or_default();
    let versions: Vec<String> = BUILT_IN
        .iter()
        .filter(|shelved| shelved.name == name)
        .map(|s| format!("`{name}@{}`", s.version))
        .collect();
    if !versions.is_empty() {
        let hint = format!("there is {}; without a version the newest is meant", versions.join(", "));
        report.problem(at, format!("no such version of a profile: `{}`", shown(asked)), hint);
        return;
    }
    let mut names: Vec<&str> = BUILT_IN.iter().map(|shelved| shelved.name).collect();
    names.dedup();
    let near = did_you_mean(name, names.iter().copied()).map_or_else(String::new, |hint| format!("{hint}; "));
    let hint = format!("{near}there are {}", names.join(", "));
    report.problem(at, format!("no such profile: `{}`", shown(asked)), hint);
}
