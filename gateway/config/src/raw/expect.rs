//! `[[expect]]`.

use super::reader::Reader;
use crate::location::{Location, Setting, Spanned};

#[derive(Debug)]
pub(crate) struct Expect {
    pub(crate) at: Location,
    pub(crate) request: Setting<String>,
    pub(crate) host: Setting<String>,
    pub(crate) caller: Option<As>,
    pub(crate) ip: Setting<String>,
    pub(crate) answer: Setting<Answer>,
}

#[derive(Debug)]
pub(crate) struct As {
    pub(crate) user: Setting<String>,
    pub(crate) roles: Setting<Vec<Spanned<String>>>,
    pub(crate) scopes: Setting<Vec<Spanned<String>>>,
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

fn answer(table: &Reader<'_>) -> Setting<Answer> {
    if let Some(word) = table.word("answer") {
        return Some(Spanned { value: Answer::Word(word.value), at: word.at });
    }
    let status = table.count("answer", 100..=599)?;
    let value = Answer::Status(u16::try_from(status.value).ok()?);
    Some(Spanned { value, at: status.at })
}
