//! A profile's file.

use super::app::{App, settings};
use super::reader::Reader;
use crate::config::Source;
use crate::config::place::{Given, Maybe, Place};
use crate::config::problem::{Report, did_you_mean, shown};
use crate::config::profile::{SHELF, Shelved, find};
use crate::config::text;

/// What a profile says, of itself and of an app.
#[derive(Debug)]
pub(crate) struct Profile {
    pub(crate) version: Maybe<u64>,
    /// `for`
    pub(crate) made_for: Maybe<String>,
    pub(crate) about: Maybe<String>,
    pub(crate) facts: Maybe<Vec<Given<String>>>,
    /// How many requests an hour one open page of the app makes by itself.
    pub(crate) polls: Maybe<u64>,
    pub(crate) app: App,
}

impl Profile {
    /// Reads a profile; `None` where it says nothing of an app.
    pub(crate) fn read(shelved: &Shelved, report: &Report) -> Option<Self> {
        let source = [Source { name: shelved.label().into(), text: shelved.text.to_owned() }];
        let texts = text::parse(&source, report);
        let root = Reader::profile(texts.first()?, report);
        root.require("profile", "begin with [profile]: version, for, about and facts");
        root.require("app", "say what it sets, under [app]");
        let header = root.child("profile", "profile")?;
        for key in ["version", "for", "about", "facts"] {
            header.require(key, "a profile says for what it is, and how that is known");
        }
        let app = root.child("app", "app.*")?;
        let name = Given { value: shelved.name.to_owned(), at: app.at.clone() };
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
pub(super) fn beneath(uses: &Given<String>, report: &Report) -> Option<App> {
    match find(SHELF, &uses.value) {
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

fn unknown(asked: &str, at: &Place, report: &Report) {
    let name = asked.split('@').next().unwrap_or_default();
    let versions: Vec<String> = SHELF
        .iter()
        .filter(|shelved| shelved.name == name)
        .map(|s| format!("`{name}@{}`", s.version))
        .collect();
    if !versions.is_empty() {
        let hint = format!("there is {}; without a version the newest is meant", versions.join(", "));
        report.problem(at, format!("no such version of a profile: `{}`", shown(asked)), hint);
        return;
    }
    let mut names: Vec<&str> = SHELF.iter().map(|shelved| shelved.name).collect();
    names.dedup();
    let near = did_you_mean(name, names.iter().copied()).map_or_else(String::new, |hint| format!("{hint}; "));
    let hint = format!("{near}there are {}", names.join(", "));
    report.problem(at, format!("no such profile: `{}`", shown(asked)), hint);
}
