//! `[[expect]]`.

use super::reader::Reader;
use crate::config::place::{Given, Maybe, Place};

#[derive(Debug)]
pub(crate) struct Expect {
    pub(crate) at: Place,
    pub(crate) request: Maybe<String>,
    pub(crate) host: Maybe<String>,
    pub(crate) caller: Option<As>,
    pub(crate) ip: Maybe<String>,
    pub(crate) answer: Maybe<Answer>,
}

#[derive(Debug)]
pub(crate) struct As {
    pub(crate) user: Maybe<String>,
    pub(crate) roles: Maybe<Vec<Given<String>>>,
    pub(crate) scopes: Maybe<Vec<Given<String>>>,
}

#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Status(u16),
    Word(String),
}

pub(super) fn read(root: &Reader<'_>) -> Vec<Expect> {
    root.children("expect", "expect[]").iter().map(expect).collect()
}

fn expect(table: &Reader<'_>) -> Expect {
    table.require("request", "write METHOD and path: request = \"GET /api/items\"");
    table.require(
        "answer",
        "say what has to come out: \"forward\", a status such as 403, or a code such as \"not_owner\"",
    );
    Expect {
        at: table.at.clone(),
        request: table.text("request"),
        host: table.text("host"),
        caller: table.child("as", "expect[].as").map(|t| {
            t.require("user", "name the user: as = { user = \"bob\" }");
            As { user: t.text("user"), roles: t.texts("roles"), scopes: t.texts("scopes") }
        }),
        ip: table.text("ip"),
        answer: answer(table),
    }
}

fn answer(table: &Reader<'_>) -> Maybe<Answer> {
    if let Some(word) = table.word("answer") {
        return Some(Given { value: Answer::Word(word.value), at: word.at });
    }
    let status = table.count("answer", 100..=599)?;
    let value = Answer::Status(u16::try_from(status.value).ok()?);
    Some(Given { value, at: status.at })
}
