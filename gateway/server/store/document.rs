//! The store as text, for a copy and for another machine: what `stagedoor state export` writes and `stagedoor state import` reads.
//!
//! UTF-8, one JSON object a line. The first names the format and its version. The last says how many lines are between them, so that
//! a text that was cut off is noticed.
//!
//! ```text
//! {"stagedoor_state":1}
//! {"revocation":{"kind":"user","name":"bob","provider":"house","made":1800000000,"until":1800086400}}
//! {"revocation":{"kind":"all","made":1800000000}}
//! {"end":2}
//! ```
//!
//! `kind` is `all`, `user`, `jti` or `token`; `name` is the user, the `jti` or the id of the token, and absent with `all`; without a
//! `provider` it concerns every one; `made` and `until` are seconds since 1970, and without `until` the entry never ends.
//!
//! Bounds: those of the list. A line that is not understood makes the whole text unusable, and is named.

use serde::{Deserialize, Serialize};
use stagedoor_core::guard::revocation::{Revocation, RevocationList};

use super::record::{Record, signed};

/// The version of the format.
const VERSION: u64 = 1;

/// The first line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    stagedoor_state: u64,
}

/// Any other line.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Revocation(RevocationLine),
    End(usize),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RevocationLine {
    kind: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    provider: String,
    made: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<i64>,
}

/// Why a text is not imported.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub(crate) struct DocumentFault {
    line: usize,
    reason: String,
}

/// The text of these revocations.
pub(crate) fn write(revocations: &[Revocation]) -> serde_json::Result<String> {
    let mut text = serde_json::to_string(&Head { stagedoor_state: VERSION })? + "\n";
    for revocation in revocations {
        let Record { kind, name, provider, revocation } = Record::of(revocation);
        let (made, until) = (signed(revocation.made), revocation.until.map(signed));
        let line = RevocationLine { kind: kind.to_owned(), name, provider, made, until };
        text += &serde_json::to_string(&Line::Revocation(line))?;
        text.push('\n');
    }
    text += &serde_json::to_string(&Line::End(revocations.len()))?;
    text.push('\n');
    Ok(text)
}

/// The revocations of a text.
///
/// # Errors
/// The first line that is not understood, or that is missing.
pub(crate) fn read(text: &str) -> Result<Vec<Revocation>, DocumentFault> {
    let mut lines = text.lines().zip(1..);
    let fault = |line, reason: &str| DocumentFault { line, reason: reason.to_owned() };
    let head = lines.next().and_then(|(line, _)| serde_json::from_str::<Head>(line).ok());
    match head {
        Some(Head { stagedoor_state: VERSION }) => {}
        Some(Head { stagedoor_state }) => {
            let reason = format!("version `{stagedoor_state}` of the format, known is `{VERSION}`");
            return Err(fault(1, &reason));
        }
        None => return Err(fault(1, "not the beginning of an export")),
    }
    let mut revocations = Vec::new();
    for (line, number) in lines.by_ref() {
        match serde_json::from_str(line)
            .map_err(|error| fault(number, &format!("not understood: {error}")))?
        {
            Line::Revocation(RevocationLine { kind, name, provider, made, until }) => {
                let record = Record::read(&kind, &name, &provider, made, until);
                let record = record.ok_or_else(|| fault(number, "not a revocation"))?;
                revocations.push(record.revocation);
            }
            Line::End(count) if count != revocations.len() => {
                return Err(fault(number, "another number of lines than there are: some are missing"));
            }
            Line::End(_) => {
                return match lines.next() {
                    None => Ok(revocations),
                    Some((_, number)) => Err(fault(number, "something follows the end")),
                };
            }
        }
        if revocations.len() > RevocationList::MOST + RevocationList::MOST_PROVIDERS {
            return Err(fault(number, "more lines than a store has room for"));
        }
    }
    Err(fault(text.lines().count(), "the end is missing: the text was cut off"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::sync::Arc;

    use stagedoor_core::guard::revocation::{Subject, TokenId};

    use super::*;

    const TEXT: &str = r#"{"stagedoor_state":1}
{"revocation":{"kind":"user","name":"bob \"b\"","provider":"house","made":5,"until":7}}
{"revocation":{"kind":"jti","name":"j 1","made":5}}
{"revocation":{"kind":"token","name":"ID","made":5,"until":7}}
{"revocation":{"kind":"all","provider":"house","made":5}}
{"end":4}
"#;

    fn all() -> (String, Vec<Revocation>) {
        let id = TokenId::of_jti("x");
        let of = |subject, provider: Option<&str>, until| Revocation {
            subject,
            provider: provider.map(Arc::from),
            made: 5,
            until,
        };
        let all = vec![
            of(Subject::user("bob \"b\"").unwrap(), Some("house"), Some(7)),
            of(Subject::jti("j 1").unwrap(), None, None),
            of(Subject::Token(id), None, Some(7)),
            of(Subject::Everybody, Some("house"), None),
        ];
        (TEXT.replace("ID", &id.to_string()), all)
    }

    #[test]
    fn a_text_says_what_was_written() {
        let (text, all) = all();
        assert_eq!(write(&all).unwrap(), text);
        assert_eq!(read(&text), Ok(all));
        assert_eq!(read(&write(&[]).unwrap()), Ok(vec![]));
    }

    #[test]
    fn a_text_is_read_whole_or_not_at_all() {
        let (text, _) = all();
        for end in (0..text.len()).filter(|end| text.is_char_boundary(*end) && *end != text.len() - 1) {
            assert!(read(&text[..end]).is_err(), "cut off after {end}");
        }
        let lines: Vec<&str> = text.lines().collect();
        for missing in 0..lines.len() {
            let rest: Vec<&str> =
                lines.iter().enumerate().filter(|(n, _)| *n != missing).map(|(_, line)| *line).collect();
            assert!(read(&rest.join("\n")).is_err(), "without line {}", missing + 1);
        }
    }

    #[test]
    fn the_line_that_is_not_understood_is_named() {
        let (text, _) = all();
        for (from, to, expected) in [
            (
                "{\"stagedoor_state\":1}",
                "{\"stagedoor_state\":2}",
                "line 1: version `2` of the format, known is `1`",
            ),
            ("{\"stagedoor_state\":1}", "{}", "line 1: not the beginning of an export"),
            ("\"kind\":\"user\"", "\"kind\":\"usr\"", "line 2: not a revocation"),
            (
                "\"made\":5,\"until\":7}}\n{\"revocation\":{\"kind\":\"jti\"",
                "\"made\":-5}}\n{\"revocation\":{\"kind\":\"jti\"",
                "line 2: not a revocation",
            ),
            (
                "\"kind\":\"jti\"",
                "\"kind\":\"jti\",\"more\":1",
                "line 3: not understood: unknown field `more`",
            ),
            ("{\"end\":4}", "{\"end\":5}", "line 6: another number of lines"),
            ("{\"end\":4}\n", "{\"end\":4}\n{\"end\":4}\n", "line 7: something follows the end"),
            ("{\"end\":4}\n", "", "line 5: the end is missing"),
        ] {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text, "{from}");
            let told = read(&changed).unwrap_err().to_string();
            assert!(told.starts_with(expected), "{told}");
        }
    }
}
