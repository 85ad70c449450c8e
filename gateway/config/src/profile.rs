//! Profiles of well-known apps, which an app takes with `use = "NAME"`.
//!
//! Each is a file in `config/profiles/`, built into the program: it names neither files nor secrets, and it says of
//! an app what its own table would say, in the same words. What a profile may say at all stands in
//! [`keys::profiles`](super::keys::profiles).

use serde_json::{Value, json};

use super::location::Spanned;
use super::problem::Report;
use super::raw;

/// A profile, for whoever looks for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: u64,
    /// The app it is for, and the versions of it that were looked at.
    pub made_for: String,
    /// What it does, in one sentence.
    pub about: String,
    /// Where its facts are from: an address, a blank, and what it proves.
    pub facts: Vec<String>,
    /// Below which paths its routes are, where the app says nothing else: `/` is the root.
    pub base: Vec<String>,
    /// How many requests an hour one open page of the app makes by itself, where that is known.
    pub polls: Option<u64>,
    /// What it opens to everybody: the `match` of each public route, below each base.
    pub public: Vec<String>,
    /// Where it has tokens read; empty where that is left to the providers.
    pub sources: Vec<String>,
}

/// Every profile, by name and version.
pub fn profiles() -> impl Iterator<Item = Profile> {
    BUILT_IN.iter().filter_map(Profile::of)
}

/// The list of profiles as Markdown, beginning with a heading of the second level.
#[must_use]
pub fn profiles_markdown() -> String {
    let mut out = String::from(HEAD);
    for profile in profiles() {
        let Profile { name, version, made_for, about, facts, base, polls, public, sources } = profile;
        out.push_str(&format!("\n### `{name}@{version}`\n\nFor {made_for}. {about}\n\n"));
        out.push_str(&format!("* Public: {}.\n", listed(&public, "nothing")));
        out.push_str(&format!("* Tokens: {}.\n", listed(&sources, "where the providers say")));
        if !base.is_empty() {
            out.push_str(&format!("* Base: {}; `base` says another.\n", listed(&base, "")));
        }
        if let Some(polls) = polls {
            out.push_str(&format!("* One open page asks {polls} times an hour by itself.\n"));
        }
        for fact in facts {
            let (address, proves) = fact.split_once(' ').unwrap_or((&fact, ""));
            out.push_str(&format!("* Fact: {proves} (<{address}>).\n"));
        }
    }
    out
}

/// The same for programs: an array of objects.
#[must_use]
pub fn profiles_json() -> Value {
    let object = |profile| {
        let Profile { name, version, made_for, about, facts, base, polls, public, sources } = profile;
        json!({
            "name": name,
            "version": version,
            "for": made_for,
            "about": about,
            "facts": facts,
            "base": base,
            "polls": polls,
            "public": public,
            "sources": sources,
        })
    };
    profiles().map(object).collect()
}

fn listed(words: &[String], otherwise: &str) -> String {
    if words.is_empty() {
        return otherwise.to_owned();
    }
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

impl Profile {
    fn of(shelved: &BuiltIn) -> Option<Self> {
        // A profile with a mistake is none; that there is no such profile is shown by a test.
        let report = Report::default();
        let raw::Profile { version, made_for, about, facts, polls, mut app } =
            raw::Profile::read(shelved, &report)?;
        raw::lay(&mut app.routes, app.base.as_ref(), &report);
        let public = app
            .routes
            .iter()
            .filter(|route| route.auth.as_ref().is_some_and(|auth| auth.value == raw::AuthMode::Public));
        Some(Self {
            name: shelved.name,
            version: version?.value,
            made_for: made_for?.value,
            about: about?.value,
            facts: texts(facts.as_ref()),
            base: texts(app.base.as_ref()),
            polls: polls.map(|given| given.value),
            public: public.flat_map(|route| texts(route.matches.as_ref())).collect(),
            sources: texts(app.sources.as_ref()),
        })
    }
}

fn texts(list: Option<&Spanned<Vec<Spanned<String>>>>) -> Vec<String> {
    list.iter().flat_map(|list| &list.value).map(|given| given.value.clone()).collect()
}

/// A profile as it lies on the shelf.
#[derive(Clone, Copy, Debug)]
pub(super) struct BuiltIn {
    pub(super) name: &'static str,
    pub(super) version: u64,
    /// A newer version of it lies there too.
    pub(super) older: bool,
    pub(super) text: &'static str,
}

impl BuiltIn {
    /// The name of its file, without the ending: that of an older version tells which.
    fn stem(&self) -> String {
        let Self { name, version, older, text: _ } = self;
        if *older { format!("{name}@{version}") } else { (*name).to_owned() }
    }

    /// How it is called in messages, and wherever it decides.
    pub(super) fn label(&self) -> String {
        format!("profile {}", self.stem())
    }
}

/// The profile of a `use`: of several versions the newest, unless one is named.
pub(super) fn find<'s>(shelf: &'s [BuiltIn], asked: &str) -> Option<&'s BuiltIn> {
    let (name, version) = match asked.split_once('@') {
        Some((name, version)) => (name, Some(version)),
        None => (asked, None),
    };
    shelf.iter().filter(|shelved| shelved.name == name).find(|shelved| match version {
        Some(version) => version == shelved.version.to_string(),
        None => !shelved.older,
    })
}

/// The newest version of a profile.
macro_rules! newest {
    ($name:literal, $version:literal) => {
        BuiltIn {
            name: $name,
            version: $version,
            older: false,
            text: include_str!(concat!("../../../config/profiles/", $name, ".toml")),
        }
    };
}

/// Every profile there is, by name and version. One that is superseded stays, as `NAME@VERSION.toml`.
pub(super) const BUILT_IN: &[BuiltIn] = &[
    newest!("calibre-web", 1),
    newest!("deluge", 1),
    newest!("generic-api", 1),
    newest!("generic-spa", 1),
    newest!("gradio", 1),
    newest!("jellyfin", 1),
    newest!("kodi", 1),
    newest!("lidarr", 1),
    newest!("mopidy", 1),
    newest!("navidrome", 1),
    newest!("prowlarr", 1),
    newest!("pyload", 1),
    newest!("qbittorrent", 1),
    newest!("radarr", 1),
    newest!("sonarr", 1),
    newest!("subsonic", 1),
    newest!("supysonic", 1),
    newest!("transmission", 1),
];

const HEAD: &str = "\
## Profiles

`use = \"NAME\"` in an `[app.NAME]` takes what is known of a well-known app, `use = \"NAME@VERSION\"` one version of it for
good. `hosts`, `upstream` and `auth` are still yours to say. What you write wins key by key: `body.max`, `encoded_slash` and
`websocket` of the app also over what the profile says of a route. A route of yours is asked before those of the profile.
A profile opens nothing to everybody but what stands here as public. Where the app has a URL base of its own, say it:
`base = \"/media\"`; the routes of the profile are then below that path alone.
";

#[cfg(test)]
mod tests;
