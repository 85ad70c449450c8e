//! The one table of keys: it feeds the reader, "did you mean", the reference and the schema.
//!
//! A key that is [`State::Supported`] has a row in the walking test that shows that changing it
//! changes what is compiled. Any other key is refused where it stands: nothing is parsed and ignored.

mod apps;
mod auth;
mod extras;
pub(super) mod profiles;
mod server;

/// One table of the language.
#[derive(Debug)]
pub struct Table {
    /// Its path: `*` stands for a name of the operator's choice, `[]` for an entry of a list.
    pub path: &'static str,
    /// What it is about, in one sentence.
    pub doc: &'static str,
    /// Its keys.
    pub keys: &'static [Key],
}

/// One key of a table.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What its value looks like.
    pub kind: Kind,
    /// The value where it is left out, as written, or in words; empty where its table has the defaults.
    pub default: &'static str,
    /// What is accepted beyond its kind, such as `10ms to 1d`; empty where the kind says it all.
    pub range: &'static str,
    /// A regular expression (ECMA 262) that every string of the value matches; empty where any may do.
    /// It is for editors: what it lets through may still be refused.
    pub pattern: &'static str,
    /// How many items a list has at least.
    pub least: usize,
    /// How many items it has at most; `None` where any number may be.
    pub most: Option<usize>,
    /// In a [`Kind::Map`], what stands under each name.
    pub each: Kind,
    /// What it means, in one sentence.
    pub doc: &'static str,
    /// When a change takes effect.
    pub change: Change,
    /// What to mind; empty where there is nothing.
    pub security: &'static str,
    /// Who honours it.
    pub honoured: Honoured,
    /// Whether it is built.
    pub state: State,
}

/// What a value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A string.
    Text,
    /// One of these strings.
    Choice(&'static [&'static str]),
    /// `true` or `false`.
    Flag,
    /// A whole number.
    Count,
    /// A time with its unit.
    Duration,
    /// Bytes with their unit.
    Size,
    /// Bytes a second with their unit.
    Rate,
    /// A list of strings.
    Texts,
    /// A string or a list of strings.
    TextOrTexts,
    /// A table whose keys are of the operator's choice.
    Map,
    /// The table of this path.
    Table(&'static str),
    /// A list of tables of this path.
    Tables(&'static str),
    /// Tables of this path, each under a name of the operator's choice.
    Named(&'static str),
    /// A string, or the table of this path.
    TextOrTable(&'static str),
    /// A string or a whole number.
    TextOrCount,
}

/// When a change takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// With the next reload.
    Live,
    /// With the next start.
    Restart,
}

/// Who honours a key, and thus where a test has to look for its effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Honoured {
    /// What is decided about a request, or said to client and app: the core alone shows it.
    ByCore,
    /// The process: sockets, deadlines, logs, the operator's listener.
    ByServer,
}

/// Whether a key is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It works.
    Supported,
    /// It is planned; whoever writes it is told so.
    NotYet,
    /// Room is left for it; whoever writes it is told so.
    Later,
}

/// Every table, in the order of the reference.
pub fn tables() -> impl Iterator<Item = &'static Table> {
    [server::TABLES, auth::TABLES, apps::TABLES, extras::TABLES].into_iter().flatten()
}

/// The table of `path`, as [`Table::path`] writes it, or one of a profile. An unknown path is an empty table.
#[must_use]
pub fn table(path: &str) -> &'static Table {
    static NONE: Table = Table { path: "", doc: "", keys: &[] };
    tables().chain(profiles::TABLES).find(|table| table.path == path).unwrap_or(&NONE)
}

impl Table {
    /// The key called `name`.
    #[must_use]
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

impl Key {
    /// The default as it would be written in a file; `None` where it is told in words, or not at all.
    #[must_use]
    pub fn written_default(&self) -> Option<&'static str> {
        let begins = |first: char| matches!(first, '"' | '[' | '{') || first.is_ascii_digit();
        Some(self.default).filter(|text| text.starts_with(begins) || matches!(*text, "true" | "false"))
    }

    const fn new(name: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Self {
        Self {
            name,
            kind,
            default,
            range: "",
            pattern: "",
            least: 0,
            most: None,
            each: Kind::Text,
            doc,
            change: Change::Live,
            security: "",
            honoured: Honoured::ByCore,
            state: State::Supported,
        }
    }

    const fn restart(self) -> Self {
        Self { change: Change::Restart, ..self }
    }

    const fn within(self, range: &'static str) -> Self {
        Self { range, ..self }
    }

    const fn like(self, pattern: &'static str) -> Self {
        Self { pattern, ..self }
    }

    const fn filled(self) -> Self {
        Self { least: 1, ..self }
    }

    const fn at_most(self, most: usize) -> Self {
        Self { most: Some(most), ..self }
    }

    const fn each(self, each: Kind) -> Self {
        Self { each, ..self }
    }

    const fn by_server(self) -> Self {
        Self { honoured: Honoured::ByServer, ..self }
    }

    const fn mind(self, security: &'static str) -> Self {
        Self { security, ..self }
    }

    const fn not_yet(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self { state: State::NotYet, ..Self::new(name, kind, "", doc) }
    }

    const fn later(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self { state: State::Later, ..Self::new(name, kind, "", doc) }
    }
}

/// Where a token may stand.
const SOURCE: &str = r"^(bearer|(header|cookie|query):.+)$";
/// An address with a port.
const SOCKET: &str = r"^(\[[0-9A-Fa-f:.%]+\]|[0-9.]+):[0-9]+$";
/// An address or a network.
const NETWORK: &str = r"^[0-9A-Fa-f:.]+(/[0-9]+)?$";
/// The name of a query parameter.
const PARAMETER: &str = r"^[^\s&=;?#%+\[\]]+$";

#[cfg(test)]
mod tests;
