//! What the files say, table by table, with the place of every value; nothing is judged here but
//! keys, types, units and ranges.

mod app;
mod auth;
mod base;
mod expect;
mod layer;
mod profile;
mod reader;
mod server;

pub(crate) use app::{
    Access, App, AuthMode, Cors, CorsTable, Csp, Headers, HstsTable, Identity, Limits, Owner, Route, Upstream,
};
pub(crate) use auth::{Claims, JwtKey, Keys, Provider, Secret};
pub(crate) use base::lay;
pub(crate) use expect::{Answer, As, Expect};
pub(crate) use profile::Profile;
pub(crate) use server::{AccessLog, Admin, Log, Server, ServerLimits, State, Timeouts};

use super::location::Spanned;
use super::problem::Report;
use super::text::Text;
use reader::Reader;

/// All files as one.
#[derive(Debug)]
pub(crate) struct File {
    /// The name of the main file.
    pub(crate) main: std::sync::Arc<str>,
    pub(crate) include: Vec<Spanned<String>>,
    pub(crate) server: Server,
    pub(crate) admin: Admin,
    pub(crate) state: State,
    pub(crate) log: Log,
    pub(crate) providers: Vec<Provider>,
    /// In the order of their names.
    pub(crate) apps: Vec<App>,
    pub(crate) expects: Vec<Expect>,
}

/// Reads every file; the first is the main one.
pub(crate) fn read(texts: &[Text<'_>], report: &Report) -> File {
    let mut file = File {
        main: texts.first().map_or_else(|| "".into(), |text| std::sync::Arc::clone(&text.name)),
        include: Vec::new(),
        server: Server::default(),
        admin: Admin::default(),
        state: State::default(),
        log: Log::default(),
        providers: Vec::new(),
        apps: Vec::new(),
        expects: Vec::new(),
    };
    for text in texts {
        let root = Reader::root(text, report);
        root.count("version", 1..=1);
        if text.main {
            main_tables(&root, &mut file);
        } else {
            refuse_main_tables(&root);
        }
        file.providers.extend(auth::read(&root));
        file.apps.extend(app::read(&root));
        file.expects.extend(expect::read(&root));
    }
    once(&file.providers, |provider| &provider.name, "auth", report);
    once(&file.apps, |app| &app.name, "app", report);
    file.apps.sort_by(|a, b| a.name.value.cmp(&b.name.value));
    file
}

fn main_tables(root: &Reader<'_>, file: &mut File) {
    file.include = root.texts("include").map(|list| list.value).unwrap_or_default();
    for glob in &file.include {
        if glob.value.is_empty() || glob.value.contains(|c: char| c.is_control()) {
            root.report().problem(&glob.at, "not a glob: ``", "write a pattern such as \"apps/*.toml\"");
        }
    }
    file.server = root.child("server", "server").map(|table| server::server(&table)).unwrap_or_default();
    file.admin = root.child("admin", "admin").map(|table| server::admin(&table)).unwrap_or_default();
    file.state = root.child("state", "state").map(|table| server::state(&table)).unwrap_or_default();
    file.log = root.child("log", "log").map(|table| server::log(&table)).unwrap_or_default();
}

/// An include holds apps, providers and promises: the rest would make it matter which file comes last.
fn refuse_main_tables(root: &Reader<'_>) {
    for key in ["include", "server", "admin", "state", "log"] {
        if root.has(key) {
            root.report().problem(
                &root.place(key),
                format!("not in an included file: `{key}`"),
                "move it to the main file",
            );
        }
    }
}

/// Tells names that two files give to one thing each.
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
