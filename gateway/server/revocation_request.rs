//! What an operator asks to be revoked, from the admin API or the command line, as entries of the list.

use std::sync::Arc;

use serde_json::{Value, json};
use stagedoor_core::clock::Now;
use stagedoor_core::guard::caller::Provider;
use stagedoor_core::guard::revocation::{Revocation, RevocationList, Subject, TokenId};
use stagedoor_core::policy::Policy;
use stagedoor_core::secret::Secret;

use crate::telemetry::record::timestamp;

/// A wish: exactly one of `user`, `jti`, `token` and `all`, or `provider` alone; `user` and `jti` may be limited to a provider.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RevocationRequest {
    pub(crate) user: Option<String>,
    pub(crate) jti: Option<String>,
    pub(crate) provider: Option<String>,
    #[serde(default)]
    pub(crate) all: bool,
    #[serde(default, deserialize_with = "secret")]
    pub(crate) token: Option<Secret<String>>,
}

/// Why a wish cannot be met.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RequestFault {
    #[error("say what is revoked: one of `user`, `jti`, `token` and `all`, or a `provider`")]
    Which,
    #[error("`{0}` goes with `user` or `jti`, or stands alone")]
    Beside(&'static str),
    #[error("no caller has such a name: 1 to 256 bytes without control characters")]
    User,
    #[error(
        "this is shown nowhere in such a way: 1 to 256 bytes without control characters; hint: `--token -` takes any token"
    )]
    Jti,
    #[error("no provider has this name; there are: `{}`", .0.join("`, `"))]
    NoSuchProvider(Vec<String>),
    #[error("no provider has signed this token: {0}")]
    Token(String),
    #[error("the token has expired: nothing accepts it any more")]
    Expired,
}

impl RevocationRequest {
    /// The entries to add, at `now`.
    ///
    /// An entry lasts as long as a credential can be alive that it meets: until the token ends, or for the longest time that the
    /// providers vouch for one.
    pub(crate) fn plan(&self, policy: &Policy, now: Now) -> Result<Vec<Revocation>, RequestFault> {
        let provider = self.provider.as_deref().map(|name| named(policy, name)).transpose()?;
        let subject = match (&self.user, &self.jti, &self.token, self.all) {
            (Some(user), None, None, false) => Subject::user(user).ok_or(RequestFault::User)?,
            (None, Some(jti), None, false) => Subject::jti(jti).ok_or(RequestFault::Jti)?,
            (None, None, Some(token), false) => {
                return if provider.is_none() {
                    of_token(policy, token, now)
                } else {
                    Err(RequestFault::Beside("provider"))
                };
            }
            (None, None, None, true) if provider.is_some() => return Err(RequestFault::Beside("provider")),
            (None, None, None, true) => Subject::Everybody,
            (None, None, None, false) if provider.is_some() => Subject::Everybody,
            (_, _, _, _) => return Err(RequestFault::Which),
        };
        let concerned =
            policy.providers.iter().filter(|one| provider.as_ref().is_none_or(|name| name == one.name()));
        let longest = longest_validity(concerned);
        let until = longest.map(|longest| now.unix().saturating_add(longest).as_secs().saturating_add(1));
        Ok(vec![Revocation { subject, provider, made: now.unix_secs(), until }])
    }
}

/// The longest time for which one of the providers vouches; `None` where that is not known, or where there is none.
fn longest_validity<'p>(providers: impl Iterator<Item = &'p Provider>) -> Option<std::time::Duration> {
    let each: Option<Vec<_>> = providers.map(Provider::longest_validity).collect();
    each?.into_iter().max()
}

fn named(policy: &Policy, name: &str) -> Result<Arc<str>, RequestFault> {
    let mut names = policy.providers.iter().map(Provider::name);
    names.find(|known| ***known == *name).cloned().ok_or_else(|| {
        RequestFault::NoSuchProvider(policy.providers.iter().map(|one| one.name().to_string()).collect())
    })
}

/// One entry for each provider that has signed the token.
fn of_token(policy: &Policy, token: &Secret<String>, now: Now) -> Result<Vec<Revocation>, RequestFault> {
    let mut reason = "there is none".to_owned();
    let mut found = Vec::new();
    for provider in policy.providers.iter().filter_map(Provider::jwt) {
        match provider.identify(token.expose().trim().as_bytes(), now) {
            Ok((subject, expires)) => {
                let until = expires.saturating_add(RevocationList::MOST_LEEWAY).as_secs().saturating_add(1);
                let (provider, made) = (Some(Arc::clone(&provider.name)), now.unix_secs());
                found.push(Revocation { subject, provider, made, until: Some(until) });
            }
            Err(denial) => reason = denial.reason().into_owned(),
        }
    }
    if found.is_empty() {
        return Err(RequestFault::Token(reason));
    }
    found.retain(|revocation| !revocation.has_ended(now.unix_secs()));
    if found.is_empty() { Err(RequestFault::Expired) } else { Ok(found) }
}

/// Entries as documents, the newest first.
pub(crate) fn documents(mut revocations: Vec<Revocation>) -> Vec<Value> {
    revocations.sort_by_key(|revocation| std::cmp::Reverse(revocation.made));
    revocations.iter().map(document).collect()
}

/// An entry as a document.
fn document(revocation: &Revocation) -> Value {
    let Revocation { subject, provider, made, until } = revocation;
    let mut document = match subject {
        Subject::Everybody => json!({ "all": provider.is_none() }),
        Subject::User(user) => json!({ "user": **user }),
        Subject::Jti(jti) => json!({ "jti": **jti }),
        Subject::Token(id) => json!({ "token_id": TokenId::to_string(id) }),
    };
    let time = |seconds: u64| timestamp(std::time::Duration::from_secs(seconds));
    document["provider"] = json!(provider.as_deref());
    document["made"] = json!(time(*made));
    document["until"] = json!(until.map(time));
    document
}

/// An entry in words, for the log and for people.
pub(crate) fn words(revocation: &Revocation) -> String {
    let of = |provider: &Option<Arc<str>>| match provider {
        Some(provider) => format!(" of provider `{provider}`"),
        None => String::new(),
    };
    let at = timestamp(std::time::Duration::from_secs(revocation.made));
    let provider = of(&revocation.provider);
    match &revocation.subject {
        Subject::Everybody => format!("everything{provider} that was issued until {at}"),
        Subject::User(user) => format!("what user `{}`{provider} was issued until {at}", user.escape_debug()),
        Subject::Jti(jti) => format!("the token `{}`{provider}", jti.escape_debug()),
        Subject::Token(id) => format!("the token with the id `{id}`{provider}"),
    }
}

fn secret<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Secret<String>>, D::Error> {
    let text: Option<String> = serde::Deserialize::deserialize(deserializer)?;
    Ok(text.map(Secret::new))
}

#[cfg(test)]
mod tests;
