//! What would let a refused request pass: lines to paste, or what to do instead.
//!
//! A proposal is made for the text of the files in force and tried before it is told: it has to compile, every
//! promise kept, and where the refusal can be rehearsed, the request must not meet it again. The narrowest
//! change is taken: one route rather than an app. No line is ever proposed that weakens how a token is
//! verified.

mod amounts;
mod callers;
mod paths;
mod routes;

use std::mem::discriminant;
use std::net::IpAddr;
use std::sync::Arc;

use super::edit::{Change, Page, Step, quoted};
use super::expect::{refused_by, rehearse};
use super::{Materials, compile};
use stagedoor_core::clock::Now;
use stagedoor_core::denial::{Denial, Guard, UpstreamFault};
use stagedoor_core::policy::{App, Assumed, Line, Policy, Route};

pub use callers::shell_word;

/// What is known of a request that was refused.
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
    pub crowded: bool,
}

/// What would let a request pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remedy {
    /// Lines for a configuration file.
    pub change: Option<Change>,
    /// A command for the caller, which opens nothing.
    pub command: Option<String>,
    /// What the change opens, or why there is none.
    pub advice: String,
}

/// The key that refused, and where it stands; `None` where it is a default, or no key at all.
#[must_use]
pub fn decided(policy: &Policy, refused: &Refused<'_>) -> Option<(&'static str, Line)> {
    let case = Case { policy, refused };
    let written = case.exact().and_then(|(key, file, path)| {
        let source = policy.texts.iter().find(|source| *source.name == *file)?;
        let page = Page::open(source)?;
        let line = page.line_of(page.find(&path)?);
        Some((key, Line { file: Arc::clone(&source.name), line }))
    });
    if let Some(line) = case.twin().and_then(|twin| twin.route.lines.of("match")) {
        return Some(("match", line.clone()));
    }
    let route = refused.route.or_else(|| case.met());
    written.or_else(|| refused_by(refused.denial, refused.reached, refused.app, route))
}

/// What would let the request pass under `policy`, the one in force.
///
/// `materials` has to be one of stand-ins: a proposal is compiled, and must not reach for secrets.
#[must_use]
pub fn remedy(policy: &Policy, refused: &Refused<'_>, materials: &dyn Materials, now: Now) -> Remedy {
    let case = Case { policy, refused };
    let drafted = case.draft();
    let Some(change) = &drafted.change else { return drafted };
    match case.try_out(change, materials, now) {
        Ok(None) => drafted,
        Ok(Some(next)) => Remedy { advice: format!("{}; {next}", drafted.advice), ..drafted },
        Err(why) => Remedy {
            change: None,
            command: drafted.command,
            advice: format!("no single line lets it pass: {why}"),
        },
    }
}

/// One request and the policy that refused it.
#[derive(Clone, Copy)]
struct Case<'a> {
    policy: &'a Policy,
    refused: &'a Refused<'a>,
}

type Path<'p> = Vec<Step<'p>>;

impl<'a> Case<'a> {
    fn draft(&self) -> Remedy {
        if self.refused.reached == Guard::Own {
            return self.own_page();
        }
        match self.refused.denial {
            Denial::UnknownHost => self.host(),
            Denial::NotFound => self.listed(""),
            Denial::MethodNotAllowed { allow } if allow.is_empty() => {
                nothing("this method never goes through, whatever the configuration says")
            }
            Denial::MethodNotAllowed { .. } => {
                self.listed(": without the roles, scopes or owner that other methods of the path may ask for")
            }
            Denial::AddressRefused => self.address(),
            Denial::AmbiguousPath(fault) => self.ambiguous(fault),
            Denial::UriTooLong => self.long_uri(),
            Denial::HeadersTooLarge => self.large_head(),
            Denial::TokenMissing => self.token_missing(),
            Denial::TokenInvalid(_) | Denial::TokenExpired => self.token_refused(),
            Denial::AmbiguousCredentials => nothing(
                "send one credential: two that differ are never chosen between; `sources` of the provider says where one may stand",
            ),
            // Only the gateway's own pages ask for it.
            Denial::LinkInvalid | Denial::MediaType => self.own_page(),
            Denial::RoleMissing => self.role_missing(),
            Denial::ScopeMissing => self.scope_missing(),
            Denial::NotOwner => self.not_owner(),
            Denial::Destination(_) => nothing(
                "COPY and MOVE need leave for both of their paths: `stagedoor explain` with the same method and the one \
                 in `Destination` says what that one asks for",
            ),
            Denial::CrossOrigin => self.cross_origin(),
            Denial::UpgradeRefused => self.upgrade(),
            Denial::UnexpectedBody => self.body_of_get(),
            Denial::BodyTooLarge { max } => self.body(*max),
            Denial::RateLimited(exhausted) => self.limit(exhausted),
            Denial::BadRequest(_) => nothing("the client has to send it otherwise: no key lets it pass"),
            Denial::HeadTimeout => nothing(
                "see whether the client or its network is slow; `server.timeouts.header` is the deadline",
            ),
            Denial::BodyTimeout => nothing(
                "see whether the client or its network is slow; `server.timeouts.body_idle` and `min_rate` are the bounds",
            ),
            Denial::IdentityUnavailable => nothing("see why the identity service does not answer"),
            Denial::Overloaded => nothing(
                "see who holds the connections; `server.limits.connections` and `connections_per_ip` are the bounds",
            ),
            Denial::Draining => nothing("send it again: the gateway was going down, or coming up again"),
            Denial::UpstreamUnreachable(fault) => nothing(&fault.advice(self.url())),
            Denial::UpstreamTimeout => nothing(&UpstreamFault::Timeout.advice(self.url())),
            Denial::Internal(_) => {
                nothing("see the log of the gateway at that moment: this is a fault of its own")
            }
        }
    }

    /// The pages below `/.stagedoor/` have rules of their own, which no key changes.
    fn own_page(&self) -> Remedy {
        let again = matches!(self.refused.denial, Denial::LinkInvalid);
        Remedy {
            change: None,
            command: again.then(|| "stagedoor token --sub NAME --link".to_owned()),
            advice: match again {
                true => {
                    "a link is good once, for ten minutes, and not beyond a restart: make another".to_owned()
                }
                false => {
                    "no key changes the gateway's own pages; open the link anew, in a browser".to_owned()
                }
            },
        }
    }

    /// The key that refused, where its file and path are known better than a table's lines tell.
    fn exact(&self) -> Option<(&'static str, Arc<str>, Path<'a>)> {
        let server = |key: &'static str, path: [&'static str; 3]| {
            Some((key, Arc::clone(&self.policy.texts.first()?.name), path.map(Step::Key).to_vec()))
        };
        match self.refused.denial {
            Denial::UriTooLong => server("server.limits.uri_bytes", ["server", "limits", "uri_bytes"]),
            Denial::HeadersTooLarge if self.refused.crowded => {
                server("server.limits.header_count", ["server", "limits", "header_count"])
            }
            Denial::HeadersTooLarge => {
                server("server.limits.header_bytes", ["server", "limits", "header_bytes"])
            }
            Denial::HeadTimeout => server("server.timeouts.header", ["server", "timeouts", "header"]),
            Denial::BodyTimeout => server("server.timeouts.body_idle", ["server", "timeouts", "body_idle"]),
            Denial::UnknownHost => {
                let app = self.policy.apps.first()?;
                Some(("hosts", file_of(app)?, app_key(app, &["hosts"])))
            }
            Denial::AddressRefused => {
                let (app, key) = (self.refused.app?, self.list_that_refuses());
                Some((key, file_of(app)?, app_key(app, &["access", key.strip_prefix("access.")?])))
            }
            Denial::RateLimited(exhausted) => {
                let app = self.refused.app?;
                let (key, path, _) = self.place_of_limit(&self.page(app)?, app, exhausted)?;
                Some((key, file_of(app)?, path))
            }
            Denial::BadRequest(_)
            | Denial::AmbiguousPath(_)
            | Denial::NotFound
            | Denial::MethodNotAllowed { .. }
            | Denial::AmbiguousCredentials
            | Denial::TokenMissing
            | Denial::TokenInvalid(_)
            | Denial::TokenExpired
            | Denial::IdentityUnavailable
            | Denial::LinkInvalid
            | Denial::MediaType
            | Denial::RoleMissing
            | Denial::ScopeMissing
            | Denial::NotOwner
            | Denial::Destination(_)
            | Denial::CrossOrigin
            | Denial::UpgradeRefused
            | Denial::UnexpectedBody
            | Denial::BodyTooLarge { .. }
            | Denial::Overloaded
            | Denial::Draining
            | Denial::UpstreamUnreachable(_)
            | Denial::UpstreamTimeout
            | Denial::Internal(_) => None,
        }
    }

    /// Compiles the files with the change, and sends the request again as far as that can be rehearsed: what it
    /// meets next.
    fn try_out(
        &self,
        change: &Change,
        materials: &dyn Materials,
        now: Now,
    ) -> Result<Option<String>, String> {
        let mut sources = self.policy.texts.to_vec();
        let Some(source) = sources.iter_mut().find(|source| source.name == change.file) else {
            return Err("its file is not one of the configuration".to_owned());
        };
        source.text = change.apply(&source.text);
        let changed = compile(&sources, materials, None, now).map_err(|problems| {
            problems.first().map_or_else(String::new, |problem| problem.message.clone())
        })?;
        match self.rehearsed(&changed.policy, now) {
            Some(again) if discriminant(&again) == discriminant(self.refused.denial) => Err(again.reason()),
            // It was never asked for one, and may have one.
            Some(Denial::TokenMissing) => Ok(Some("a token is asked for next".to_owned())),
            Some(again) => Ok(Some(format!("next it meets `{}`", again.code()))),
            None => Ok(None),
        }
    }

    /// What the request meets now, where that depends on nothing but its head's first lines and its caller.
    fn rehearsed(&self, policy: &Policy, now: Now) -> Option<Denial> {
        let Refused { denial, method, path, host, client, user, roles, .. } = *self.refused;
        let depends = matches!(
            denial,
            Denial::UnknownHost
                | Denial::NotFound
                | Denial::MethodNotAllowed { .. }
                | Denial::AmbiguousPath(_)
                | Denial::AddressRefused
                | Denial::TokenMissing
                | Denial::RoleMissing
                | Denial::NotOwner
        );
        let request = format!("{method} {}", path.filter(|_| depends)?);
        let assumed = user.map(|user| Assumed {
            user: user.to_owned(),
            roles: roles.iter().map(|role| role.to_string()).collect(),
            scopes: Vec::new(),
        });
        rehearse(policy, &request, host?, assumed.as_ref(), client, now).0.err()
    }

    /// The file of an app, unless it cannot be edited.
    fn page(&self, app: &App) -> Option<Page<'a>> {
        let file = file_of(app)?;
        let source = self.policy.texts.iter().find(|source| source.name == file)?;
        Page::open(source)
    }

    fn main(&self) -> Option<Page<'a>> {
        Page::open(self.policy.texts.first()?)
    }

    fn url(&self) -> &str {
        self.refused.app.map_or("", |app| &app.upstream.url)
    }

    /// The route whose word on `%2F` refused: it had not been found yet.
    fn met(&self) -> Option<&'a Route> {
        let Denial::AmbiguousPath(fault) = self.refused.denial else { return None };
        let Refused { app, method, path, .. } = *self.refused;
        let met = app?.routes.met(method, path?.as_bytes()).map(Arc::as_ref);
        met.filter(|_| fault.contains("encoded slash"))
    }

    /// What the route's requests are, in words.
    fn requests(&self) -> String {
        match self.refused.route {
            Some(route) if route.index > 0 => format!("of the route `{}`", route.label),
            Some(_) | None => format!("`{} {}`", self.refused.method, self.refused.path.unwrap_or("-")),
        }
    }
}

fn nothing(advice: &str) -> Remedy {
    Remedy { advice: advice.to_owned(), ..Remedy::default() }
}

fn change(change: Option<Change>, advice: String) -> Remedy {
    match change {
        Some(change) => Remedy { change: Some(change), command: None, advice },
        None => nothing(
            "no line can be named: too little is known of the request, or its file is not plain enough",
        ),
    }
}

fn file_of(app: &App) -> Option<Arc<str>> {
    app.lines.of("app").map(|line| Arc::clone(&line.file))
}

fn app_key<'p>(app: &'p App, keys: &[&'p str]) -> Path<'p> {
    let path = ["app", &app.name].into_iter().chain(keys.iter().copied());
    path.map(Step::Key).collect()
}

#[cfg(test)]
mod tests;
