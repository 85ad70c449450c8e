//! What the files say, with the location of every value: the tables of [`keys`](super::keys), read from all files, and each app
//! over its profile. Nothing is judged here but keys, types, units and ranges.

mod app;
mod base;
mod layer;
mod profile;

pub(crate) use base::put_below;
pub(crate) use profile::Profile;

pub(crate) use super::keys::Answer;
pub(crate) use super::keys::tables::*;

use super::keys::ConfigTable;
use super::keys::reader::{ConfigLayer, Reader};
use super::location::Spanned;
use super::parsed_file::ParsedFile;
use super::problem::Report;

/// All files as one.
#[derive(Debug)]
pub(crate) struct File {
    /// The name of the main file.
    pub(crate) main: std::sync::Arc<str>,
    pub(crate) include: Vec<Spanned<String>>,
    pub(crate) server: Server,
    pub(crate) admin: Admin,
    pub(crate) state: StateTable,
    pub(crate) log: Log,
    pub(crate) providers: Vec<Provider>,
    /// In the order of their names.
    pub(crate) apps: Vec<App>,
    pub(crate) expects: Vec<Expect>,
}

/// Reads every file; the first is the main one.
pub(crate) fn read(files: &[ParsedFile<'_>], report: &Report) -> File {
    let mut file = File {
        main: files.first().map_or_else(|| "".into(), |first| std::sync::Arc::clone(&first.name)),
        include: Vec::new(),
        server: Server::default(),
        admin: Admin::default(),
        state: StateTable::default(),
        log: Log::default(),
        providers: Vec::new(),
        apps: Vec::new(),
        expects: Vec::new(),
    };
    for one in files {
        let root = Reader::root(one, Root::TABLE, LANGUAGE, ConfigLayer::Operator, report);
        let Root { at: _, version: _, include, server, admin, state, log, auth, app, expect } =
            Root::read(&root);
        if one.main {
            file.include = include.map(|list| list.value).unwrap_or_default();
            judge_globs(&file.include, report);
            (file.server, file.admin, file.state, file.log) = (server, admin, state, log);
        }
        file.providers.extend(auth);
        file.apps.extend(app.into_iter().map(|app| app::with_profile(app, report)));
        file.expects.extend(expect);
    }
    once(&file.providers, |provider| &provider.name, "auth", report);
    once(&file.apps, |app| &app.name, "app", report);
    file.apps.sort_by(|a, b| a.name.value.cmp(&b.name.value));
    file
}

fn judge_globs(include: &[Spanned<String>], report: &Report) {
    for glob in include {
        if glob.value.is_empty() || glob.value.contains(|c: char| c.is_control()) {
            report.problem(&glob.at, "not a glob: ``", "write a pattern such as \"apps/*.toml\"");
        }
    }
}

/// Reports names that two files give to one thing each.
fn once<T>(all: &[T], name: impl Fn(&T) -> &Spanned<String>, what: &str, report: &Report) {
    for (index, one) in all.iter().enumerate() {
        let this = name(one);
        let before = all.iter().take(index).map(&name).find(|other| other.value == this.value);
        if let Some(before) = before {
            report.problem(
                &this.at,
                format!("another [{what}.{}] stands at `{}`", this.value, before.at),
                "give one of them another name",
            );
        }
    }
}
