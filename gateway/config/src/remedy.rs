//! What would let a refused request pass: lines to paste, or what to do instead.
//!
//! A proposal is made for the text of the files in force and tried before it is shown: it has to compile, every
//! promise kept, and where the refusal can be tried in a dry run, the request must not meet it again. The narrowest
//! change is taken: one route rather than an app. No line is ever proposed that weakens how a token is
//! verified.

mod amounts;
mod callers;
mod case;
mod paths;
mod routes;
mod shell;

use std::mem::discriminant;
use std::sync::Arc;

use super::edit::{Change, Page, Step};
use super::expect::{dry_run, refused_by};
use super::load::compile;
use super::materials::Materials;
use super::source::{Line, Source};
use case::{Case, Path, app_key, nothing};
use stagedoor_core::clock::Now;
use stagedoor_core::denial::{Denial, Guard, RemedyKind};
use stagedoor_core::guard::caller::AssumedIdentity;
use stagedoor_core::policy::Policy;

pub use case::{Refused, Remedy};
pub use shell::shell_word;

/// The key that refused, and its line; `None` where it is a default, or no key at all.
#[must_use]
pub fn decided(policy: &Policy, source: &Source, refused: &Refused<'_>) -> Option<(&'static str, Line)> {
    let case = Case { policy, source, refused };
    let written = case.exact().and_then(|(key, file, path)| {
        let text = source.files.iter().find(|text| *text.name == *file)?;
        let page = Page::open(text)?;
        let line = page.line_of(page.find(&path)?);
        Some((key, Line { file: Arc::clone(&text.name), line }))
    });
    if let Some(line) = case.twin().and_then(|twin| source.of_route(refused.app?, twin.route).of("match")) {
        return Some(("match", line.clone()));
    }
    let route = refused.route.or_else(|| case.met());
    written.or_else(|| refused_by(refused.denial, refused.reached, refused.app, route, source))
}

/// What would let the request pass under `policy`, the one in force.
///
/// `materials` has to be one of stand-ins: a proposal is compiled, and must not reach for secrets.
#[must_use]
pub fn remedy(
    policy: &Policy,
    source: &Source,
    refused: &Refused<'_>,
    materials: &dyn Materials,
    now: Now,
) -> Remedy {
    let case = Case { policy, source, refused };
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

impl<'a> Case<'a> {
    fn draft(&self) -> Remedy {
        let kind = self.refused.denial.remedy();
        if self.refused.reached == Guard::Own && kind != RemedyKind::FreshLink {
            return own_page();
        }
        match kind {
            RemedyKind::Advice(advice) => nothing(advice),
            RemedyKind::GatewayPage => own_page(),
            RemedyKind::FreshLink => fresh_link(),
            RemedyKind::Host => self.host(),
            RemedyKind::Route { caution } => self.listed(caution),
            RemedyKind::Address => self.address(),
            RemedyKind::Path(remedy) => self.path_spelling(remedy),
            RemedyKind::UriBytes => self.long_uri(),
            RemedyKind::HeaderBytes => self.large_head(),
            RemedyKind::Token => self.token_missing(),
            RemedyKind::FreshToken => self.token_refused(),
            RemedyKind::Role => self.role_missing(),
            RemedyKind::Scope => self.scope_missing(),
            RemedyKind::Owner => self.not_owner(),
            RemedyKind::SecondFactor => self.second_factor_missing(),
            RemedyKind::Origin => self.cross_origin(),
            RemedyKind::Websocket => self.upgrade(),
            RemedyKind::BodyOfGet => self.body_of_get(),
            RemedyKind::BodySize { max } => self.body(max),
            RemedyKind::Limit(exceeded) => self.limit(exceeded),
            RemedyKind::App(fault) => nothing(&fault.advice(self.url())),
        }
    }

    /// The key that refused, where its file and path are known better than a table's lines tell.
    #[allow(clippy::wildcard_enum_match_arm, reason = "the row of a kind names its keys")]
    fn exact(&self) -> Option<(&'static str, Arc<str>, Path<'a>)> {
        let denial = self.refused.denial;
        match denial.remedy() {
            RemedyKind::Host => {
                let app = self.policy.apps.first()?;
                Some(("hosts", self.file_of(app)?, app_key(app, &["hosts"])))
            }
            RemedyKind::Address => {
                let (app, key) = (self.refused.app?, self.list_that_refuses());
                Some((key, self.file_of(app)?, app_key(app, &["access", key.strip_prefix("access.")?])))
            }
            RemedyKind::Limit(exceeded) => {
                let app = self.refused.app?;
                let (key, path, _) = self.place_of_limit(&self.page(app)?, app, exceeded)?;
                Some((key, self.file_of(app)?, path))
            }
            RemedyKind::HeaderBytes if self.refused.too_many_fields => {
                self.of_server("server.limits.header_count")
            }
            _ => denial.keys().iter().find_map(|key| self.of_server(key)),
        }
    }

    /// A key of `[server]`, which is in the first file; `None` for any other.
    fn of_server(&self, key: &'static str) -> Option<(&'static str, Arc<str>, Path<'a>)> {
        let path = key.starts_with("server.").then(|| key.split('.').map(Step::Key).collect())?;
        Some((key, Arc::clone(&self.source.files.first()?.name), path))
    }

    /// Compiles the files with the change, and sends the request again as far as a dry run can: what it
    /// meets next.
    fn try_out(
        &self,
        change: &Change,
        materials: &dyn Materials,
        now: Now,
    ) -> Result<Option<String>, String> {
        let mut sources = self.source.files.to_vec();
        let Some(source) = sources.iter_mut().find(|source| source.name == change.file) else {
            return Err("its file is not one of the configuration".to_owned());
        };
        source.text = change.apply(&source.text);
        let changed = compile(&sources, materials, None, now).map_err(|problems| {
            problems.first().map_or_else(String::new, |problem| problem.message.clone())
        })?;
        match self.retried(&changed.policy, now) {
            Some(again) if discriminant(&again) == discriminant(self.refused.denial) => {
                Err(again.reason().into_owned())
            }
            // It was never asked for one, and may have one.
            Some(Denial::TokenMissing) => Ok(Some("a token is asked for next".to_owned())),
            Some(again) => Ok(Some(format!("next it meets `{}`", again.code()))),
            None => Ok(None),
        }
    }

    /// What the request meets now, where that depends on nothing but its head's first lines and its caller.
    fn retried(&self, policy: &Policy, now: Now) -> Option<Denial> {
        let Refused { denial, method, path, host, client, user, roles, .. } = *self.refused;
        let depends = match denial.remedy() {
            RemedyKind::Host
            | RemedyKind::Route { .. }
            | RemedyKind::Address
            | RemedyKind::Path(_)
            | RemedyKind::Token
            | RemedyKind::Role
            | RemedyKind::Owner => true,
            RemedyKind::UriBytes
            | RemedyKind::HeaderBytes
            | RemedyKind::FreshToken
            | RemedyKind::FreshLink
            | RemedyKind::GatewayPage
            | RemedyKind::Scope
            | RemedyKind::SecondFactor
            | RemedyKind::Origin
            | RemedyKind::Websocket
            | RemedyKind::BodyOfGet
            | RemedyKind::BodySize { .. }
            | RemedyKind::Limit(_)
            | RemedyKind::App(_)
            | RemedyKind::Advice(_) => false,
        };
        let request = format!("{method} {}", path.filter(|_| depends)?);
        let assumed = user.map(|user| AssumedIdentity {
            user: user.to_owned(),
            roles: roles.iter().map(|role| role.to_string()).collect(),
            scopes: Vec::new(),
            // Asked for last: what was refused before may well say it.
            mfa: true,
        });
        dry_run(policy, &request, host?, assumed.as_ref(), client, now).0.err()
    }
}

/// The pages below `/.stagedoor/` have rules of their own.
fn own_page() -> Remedy {
    nothing("no key changes the gateway's own pages; open the link anew, in a browser")
}

fn fresh_link() -> Remedy {
    Remedy {
        change: None,
        command: Some("stagedoor token --sub NAME --link".to_owned()),
        advice: "a link works once, within ten minutes and until a restart: make another".to_owned(),
    }
}

#[cfg(test)]
mod tests;
