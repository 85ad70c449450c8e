//! The file of a profile.

use crate::SourceFile;
use crate::built_in::{BUILT_IN, BuiltIn, find};
use crate::keys::ConfigTable;
use crate::keys::reader::{ConfigLayer, Reader};
use crate::keys::tables::{App, LANGUAGE, ProfileFile, ProfileHeader};
use crate::location::{Location, Spanned};
use crate::parsed_file;
use crate::problem::{Report, did_you_mean, shown};

/// What a profile says, of itself and of an app.
#[derive(Debug)]
pub(crate) struct Profile {
    pub(crate) header: ProfileHeader,
    pub(crate) app: App,
}

impl Profile {
    /// Reads a profile; `None` where it says nothing of an app.
    pub(crate) fn read(built_in: &BuiltIn, report: &Report) -> Option<Self> {
        let source = [SourceFile { name: built_in.label().into(), text: built_in.text.to_owned() }];
        let files = parsed_file::parse(&source, report);
        let root = Reader::root(files.first()?, ProfileFile::TABLE, LANGUAGE, ConfigLayer::Profile, report);
        let ProfileFile { at: _, profile, app } = ProfileFile::read(&root);
        let (header, app) = (profile?, app?);
        let name = Spanned { value: built_in.name.to_owned(), at: app.at.clone() };
        Some(Self { header, app: App { name, ..app } })
    }
}

/// What the profile of a `use` says of its app.
pub(super) fn of_app(uses: &Spanned<String>, report: &Report) -> Option<App> {
    let Some(built_in) = find(BUILT_IN, &uses.value) else {
        unknown(&uses.value, &uses.at, report);
        return None;
    };
    let Profile { header, app } = Profile::read(built_in, report)?;
    Some(App { polls: header.polls, ..app })
}

fn unknown(asked: &str, at: &Location, report: &Report) {
    let name = asked.split('@').next().unwrap_or_default();
    let versions: Vec<String> = BUILT_IN
        .iter()
        .filter(|built_in| built_in.name == name)
        .map(|s| format!("`{name}@{}`", s.version))
        .collect();
    if !versions.is_empty() {
        let hint = format!("there is {}; without a version the newest is meant", versions.join(", "));
        report.problem(at, format!("no such version of a profile: `{}`", shown(asked)), hint);
        return;
    }
    let mut names: Vec<&str> = BUILT_IN.iter().map(|built_in| built_in.name).collect();
    names.dedup();
    let near = did_you_mean(name, names.iter().copied()).map_or_else(String::new, |hint| format!("{hint}; "));
    let hint = format!("{near}there are {}", names.join(", "));
    report.problem(at, format!("no such profile: `{}`", shown(asked)), hint);
}
