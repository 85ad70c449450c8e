//! A revocation as a row of the store, and a row as a revocation.
//!
//! A row is read strictly: what this program would not have written is none.

use std::sync::Arc;

use stagedoor_core::guard::revocation::{Revocation, Subject, TokenId};

/// The longest name of a provider, in bytes.
const MOST_PROVIDER: usize = 256;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) kind: &'static str,
    pub(super) name: String,
    /// Empty for every provider.
    pub(super) provider: String,
    pub(super) revocation: Revocation,
}

impl Record {
    pub(super) fn of(revocation: &Revocation) -> Self {
        let (kind, name) = match &revocation.subject {
            Subject::Everybody => ("all", String::new()),
            Subject::User(name) => ("user", name.to_string()),
            Subject::Jti(jti) => ("jti", jti.to_string()),
            Subject::Token(id) => ("token", id.to_string()),
        };
        let provider = revocation.provider.as_deref().unwrap_or_default().to_owned();
        Self { kind, name, provider, revocation: revocation.clone() }
    }

    /// A row of these values; `None` if they are not such as [`Record::of`] gives.
    pub(super) fn read(
        kind: &str,
        name: &str,
        provider: &str,
        made: i64,
        until: Option<i64>,
    ) -> Option<Self> {
        let subject = match kind {
            "all" => name.is_empty().then_some(Subject::Everybody),
            "user" => Subject::user(name),
            "jti" => Subject::jti(name),
            "token" => TokenId::parse(name).map(Subject::Token),
            _ => None,
        }?;
        if provider.len() > MOST_PROVIDER || provider.chars().any(char::is_control) {
            return None;
        }
        let provider = Some(provider).filter(|name| !name.is_empty()).map(Arc::from);
        let until = until.map(u64::try_from).transpose().ok()?;
        Some(Self::of(&Revocation { subject, provider, made: u64::try_from(made).ok()?, until }))
    }

    /// Whether it is about a user or a token.
    pub(super) fn is_named(&self) -> bool {
        !matches!(self.revocation.subject, Subject::Everybody)
    }
}

/// A number of seconds as SQLite stores it.
pub(super) fn signed(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn rows_are_read_as_they_are_written_and_no_others_are() {
        let id = TokenId::of_jti("x");
        let subjects = [
            Subject::Everybody,
            Subject::user("bob").unwrap(),
            Subject::jti("j 1").unwrap(),
            Subject::Token(id),
        ];
        for subject in subjects {
            for (provider, until) in [(None, None), (Some(Arc::from("house")), Some(7))] {
                let record = Record::of(&Revocation { subject: subject.clone(), provider, made: 5, until });
                let Record { kind, name, provider, revocation } = &record;
                let until = revocation.until.map(|until| i64::try_from(until).unwrap());
                assert_eq!(Record::read(kind, name, provider, 5, until).as_ref(), Some(&record));
            }
        }
        for (kind, name, provider, made, until) in [
            ("al", "", "", 5, None),
            ("all", "x", "", 5, None),
            ("user", "", "", 5, None),
            ("user", "a\u{1}", "", 5, None),
            ("jti", "", "", 5, None),
            ("token", "x", "", 5, None),
            ("user", "bob", "a\n", 5, None),
            ("user", "bob", "", -5, None),
            ("user", "bob", "", 5, Some(-1)),
        ] {
            assert_eq!(Record::read(kind, name, provider, made, until), None, "{kind} {name} {provider}");
        }
    }
}
