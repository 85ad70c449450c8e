//! Profiles of well-known apps, which an app takes with `use = "NAME"`.
//!
//! Each is a file in `config/profiles/`, built into the program: it names neither files nor secrets, and it says of
//! an app what its own table would say, in the same words. It may set the keys whose rows in
//! [`keys`](super::keys) are marked `in_profiles`.

use serde_json::{Value, json};

use super::built_in::{BUILT_IN, BuiltIn};
use super::location::Spanned;
use super::problem::Report;
use super::raw;

/// The description of a profile.
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
    fn of(built_in: &BuiltIn) -> Option<Self> {
        // A profile with a mistake is left out; a test shows that there is none.
        let report = Report::default();
        let raw::Profile { header, mut app } = raw::Profile::read(built_in, &report)?;
        let raw::ProfileHeader { at: _, version, made_for, about, facts, polls } = header;
        raw::put_below(&mut app.routes, app.base.as_ref(), &report);
        let public = app
            .routes
            .iter()
            .filter(|route| route.auth.as_ref().is_some_and(|auth| auth.value == raw::AuthMode::Public));
        Some(Self {
            name: built_in.name,
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
