//! Values with the file, the line and the TOML path they were read from.

use std::sync::Arc;

use crate::source::Line;

/// A file, a line of it and the TOML path of the key or table on that line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) file: Arc<str>,
    /// Counted from 1; 0 is the file as a whole.
    pub(crate) line: usize,
    /// Such as `app.anime.route[2].limit.ip`; positions count from 0.
    pub(crate) path: String,
}

/// A value with the location it was read from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spanned<T> {
    pub(crate) value: T,
    pub(crate) at: Location,
}

/// The value of a key; `None` where the key is left out, or where its value was refused.
pub(crate) type Setting<T> = Option<Spanned<T>>;

/// A list of strings.
pub(crate) type Texts = Setting<Vec<Spanned<String>>>;

/// A table with keys of the operator's choice.
#[derive(Clone, Debug)]
pub(crate) struct Entries<T> {
    pub(crate) at: Location,
    /// In the order of the file.
    pub(crate) list: Vec<(Spanned<String>, Spanned<T>)>,
}

impl Location {
    pub(crate) fn whole(file: &Arc<str>) -> Self {
        Self { file: Arc::clone(file), line: 0, path: String::new() }
    }

    /// The location of a key of this table, on the line of the table.
    pub(crate) fn key(&self, key: &str) -> Self {
        let path = if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) };
        Self { path, ..self.clone() }
    }

    pub(crate) fn on(self, line: usize) -> Self {
        Self { line, ..self }
    }

    pub(crate) fn line(&self) -> Line {
        Line { file: Arc::clone(&self.file), line: self.line }
    }
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

impl<T> Spanned<T> {
    /// The value, or `otherwise` where nothing was written.
    pub(crate) fn value_or(this: Option<&Self>, otherwise: T) -> T
    where
        T: Clone,
    {
        this.map_or(otherwise, |given| given.value.clone())
    }
}
