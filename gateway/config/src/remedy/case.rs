//! One refused request, the policy that refused it, and what is proposed about it.

use std::net::IpAddr;
use std::sync::Arc;

use crate::edit::{Change, Page, Step};
use crate::source::Source;
use stagedoor_core::denial::{Denial, Guard, PathRemedy, RemedyKind};
use stagedoor_core::guard::routes::Route;
use stagedoor_core::policy::{App, Policy};

/// A request that was refused.
#[derive(Clone, Copy, Debug)]
pub struct Refused<'a> {
    /// Why.
    pub denial: &'a Denial,
    /// The guard that refused.
    pub reached: Guard,
    /// The app, once its host was known.
    pub app: Option<&'a App>,
    /// The route, once found.
    pub route: Option<&'a Route>,
    /// The method; empty where the head could not be read.
    pub method: &'a str,
    /// The path without its query as received; `None` unless all of it is known.
    pub path: Option<&'a str>,
    /// The host as sent.
    pub host: Option<&'a str>,
    /// The `Origin` as sent.
    pub origin: Option<&'a str>,
    /// The client's address.
    pub client: IpAddr,
    /// The user, once proven.
    pub user: Option<&'a str>,
    /// Roles of the user.
    pub roles: &'a [Arc<str>],
    /// The declared length of the body, in bytes.
    pub declared: Option<u64>,
    /// It asked for nothing but a WebSocket, as one does.
    pub handshake: bool,
    /// Its head had too many fields, rather than too many bytes.
    pub too_many_fields: bool,
}

/// What would let a request pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remedy {
    /// Lines for a configuration file.
    pub change: Option<Change>,
    /// A command for the caller, which opens nothing.
    pub command: Option<String>,
    /// What the change opens, or why there is no change.
    pub advice: String,
}

/// One request and the policy that refused it.
#[derive(Clone, Copy)]
pub(super) struct Case<'a> {
    pub(super) policy: &'a Policy,
    pub(super) source: &'a Source,
    pub(super) refused: &'a Refused<'a>,
}

pub(super) type Path<'p> = Vec<Step<'p>>;

impl<'a> Case<'a> {
    /// The file of an app.
    pub(super) fn file_of(&self, app: &App) -> Option<Arc<str>> {
        self.source.of_app(app).of("app").map(|line| Arc::clone(&line.file))
    }

    /// The file of an app, unless it cannot be edited.
    pub(super) fn page(&self, app: &App) -> Option<Page<'a>> {
        let file = self.file_of(app)?;
        let source = self.source.files.iter().find(|source| source.name == file)?;
        Page::open(source)
    }

    pub(super) fn main(&self) -> Option<Page<'a>> {
        Page::open(self.source.files.first()?)
    }

    pub(super) fn url(&self) -> &str {
        self.refused.app.map_or("", |app| &app.upstream.url)
    }

    /// The route whose `encoded_slash` refused: the refusal came before it was found.
    pub(super) fn met(&self) -> Option<&'a Route> {
        if self.refused.denial.remedy() != RemedyKind::Path(PathRemedy::EncodedSlash) {
            return None;
        }
        let Refused { app, method, path, .. } = *self.refused;
        app?.routes.met(method, path?.as_bytes()).map(Arc::as_ref)
    }

    /// What the route's requests are, in words.
    pub(super) fn requests(&self) -> String {
        match self.refused.route {
            Some(route) if route.index > 0 => format!("of the route `{}`", route.label),
            Some(_) | None => format!("`{} {}`", self.refused.method, self.refused.path.unwrap_or("-")),
        }
    }
}

pub(super) fn nothing(advice: &str) -> Remedy {
    Remedy { advice: advice.to_owned(), ..Remedy::default() }
}

pub(super) fn change(change: Option<Change>, advice: String) -> Remedy {
    match change {
        Some(change) => Remedy { change: Some(change), command: None, advice },
        None => nothing(
            "no line can be named: too little is known of the request, or its file is not plain enough",
        ),
    }
}

pub(super) fn app_key<'p>(app: &'p App, keys: &[&'p str]) -> Path<'p> {
    let path = ["app", &app.name].into_iter().chain(keys.iter().copied());
    path.map(Step::Key).collect()
}
