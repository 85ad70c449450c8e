//! What a policy was compiled from: files, lines of keys, promises. Nothing here decides about a request.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use stagedoor_core::guard::caller::AssumedIdentity;
use stagedoor_core::guard::routes::Route;
use stagedoor_core::policy::App;

/// What a [`Policy`](stagedoor_core::policy::Policy) was compiled from, for messages, remedies and the confinement.
#[derive(Debug, Default)]
pub struct Source {
    /// The files of the configuration, the main one first.
    pub files: Arc<[SourceFile]>,
    /// Every other file that the configuration names, such as a secret or a key, in the order in which the compiler reads them.
    pub named_files: Vec<NamedFile>,
    /// Every `[[expect]]`.
    pub expects: Vec<Expect>,
    /// In the order of [`Policy::apps`](stagedoor_core::policy::Policy::apps).
    pub(crate) apps: Vec<AppLines>,
}

/// The lines of the keys of one app.
#[derive(Debug)]
pub(crate) struct AppLines {
    /// Of its own table.
    pub(crate) app: KeyLines,
    /// Of its routes, by [`Route::index`]; the first is that of unlisted paths, which has none of its own.
    pub(crate) routes: Vec<KeyLines>,
}

impl Source {
    /// The lines of the table of `app`.
    #[must_use]
    pub fn of_app(&self, app: &App) -> &KeyLines {
        self.apps.get(app.index).map_or(&NO_LINES, |lines| &lines.app)
    }

    /// The lines of the table of a route of `app`.
    #[must_use]
    pub fn of_route(&self, app: &App, route: &Route) -> &KeyLines {
        self.apps.get(app.index).and_then(|lines| lines.routes.get(route.index)).unwrap_or(&NO_LINES)
    }
}

static NO_LINES: KeyLines = KeyLines(Vec::new());

/// A file of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Its name, as messages show it; relative paths of the main file start at its folder.
    pub name: Arc<str>,
    /// Its text.
    pub text: String,
}

/// A file that the configuration names: a secret or a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFile {
    /// The path as written.
    pub path: String,
    /// Whether the gateway makes it where it is missing.
    pub made: bool,
}

/// The lines of the keys of one table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyLines(pub(crate) Vec<(Cow<'static, str>, Line)>);

/// A place in a configuration file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Line {
    /// The file, as messages name it.
    pub file: Arc<str>,
    /// Counted from 1.
    pub line: usize,
}

impl KeyLines {
    /// The line of `key`, if it was written.
    #[must_use]
    pub fn of(&self, key: &str) -> Option<&Line> {
        self.0.iter().find(|(k, _)| *k == key).map(|(_, line)| line)
    }
}

/// The name of the text that `run --upstream` makes from its flag and its variables. It is no file, so that messages show
/// no line of it.
pub const UNFILED: &str = "run --upstream";

impl Line {
    /// The number of the line; `None` where there is no file to look it up in.
    #[must_use]
    pub fn number(&self) -> Option<usize> {
        (*self.file != *UNFILED).then_some(self.line)
    }
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.number() {
            Some(line) => write!(f, "{}:{line}", self.file),
            None => f.write_str(&self.file),
        }
    }
}

/// One `[[expect]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expect {
    /// Method and path: `METHOD /path`.
    pub request: String,
    /// The `Host`; where the file has one app alone and the promise names none, a host of that app.
    pub host: Option<String>,
    /// The caller; `None` without a token.
    pub caller: Option<AssumedIdentity>,
    /// The client's address; loopback if not said.
    pub ip: Option<IpAddr>,
    /// What has to come out.
    pub answer: Expected,
    /// Where it stood.
    pub line: Line,
}

/// What an `[[expect]]` promises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The request reaches the app.
    Forward,
    /// It is refused with this status.
    Status(u16),
    /// It is refused with this code.
    Code(String),
}
