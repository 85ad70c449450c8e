//! The mistakes of a configuration, as text and as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};
use stagedoor_config::Problem;

/// Every mistake of a configuration that was refused. As an error, it makes a command exit with 2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    errors: Vec<Problem>,
}

impl Problems {
    /// Wraps the mistakes.
    #[must_use]
    pub fn new(errors: Vec<Problem>) -> Self {
        Self { errors }
    }

    /// One mistake without a line.
    #[must_use]
    pub fn single(file: &str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(vec![Problem {
            file: file.into(),
            line: 0,
            path: String::new(),
            message: message.into(),
            hint: hint.into(),
        }])
    }

    /// The text for a terminal: each mistake with its place and hint, then their number.
    pub(crate) fn text(&self, colour: bool) -> String {
        let mut text = String::new();
        for problem in &self.errors {
            push(&mut text, &error(&problem.message, colour), problem);
        }
        let count = self.errors.len();
        let _ = writeln!(text, "{count} {}", if count == 1 { "error" } else { "errors" });
        text
    }

    /// The JSON: an array of objects.
    pub(crate) fn json(&self) -> Value {
        self.errors.iter().map(|problem| object("error", problem)).collect()
    }
}

impl std::fmt::Display for Problems {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.text(false).trim_end())
    }
}

impl std::error::Error for Problems {}

/// Warnings as text.
pub(crate) fn warnings_text(warnings: &[Problem], colour: bool) -> String {
    let mut text = String::new();
    for problem in warnings {
        push(&mut text, &titled("warning", "\x1b[1;33m", &problem.message, colour), problem);
    }
    text
}

/// Warnings and notes as JSON.
pub(crate) fn warnings_json(warnings: &[Problem], notes: &[Problem]) -> Value {
    let warnings = warnings.iter().map(|problem| object("warning", problem));
    warnings.chain(notes.iter().map(|problem| object("note", problem))).collect()
}

/// Notes as text: they are not mistakes.
pub(crate) fn notes_text(notes: &[Problem], colour: bool) -> String {
    let mut text = String::new();
    for problem in notes {
        push(&mut text, &titled("note", "\x1b[1;36m", &problem.message, colour), problem);
    }
    text
}

/// `error: message`
pub(crate) fn error(message: &str, colour: bool) -> String {
    titled("error", "\x1b[1;31m", message, colour)
}

fn titled(title: &str, paint: &str, message: &str, colour: bool) -> String {
    if colour { format!("{paint}{title}\x1b[0m: {message}") } else { format!("{title}: {message}") }
}

fn push(text: &mut String, first: &str, problem: &Problem) {
    let Problem { file, line, path, message: _, hint } = problem;
    let _ = write!(text, "{first}\n  --> {file}");
    if *line > 0 {
        let _ = write!(text, ":{line}");
    }
    if !path.is_empty() {
        let _ = write!(text, " ({path})");
    }
    text.push('\n');
    if !hint.is_empty() {
        let _ = writeln!(text, "  hint: {hint}");
    }
    text.push('\n');
}

fn object(level: &str, problem: &Problem) -> Value {
    let Problem { file, line, path, message, hint } = problem;
    json!({ "level": level, "file": &**file, "line": line, "path": path, "message": message, "hint": hint })
}
