//! Where something stands, and what stands there.

use std::sync::Arc;

use crate::policy::Line;

/// A place in a configuration file, and the TOML path of what stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) file: Arc<str>,
    /// Counted from 1; 0 is the file as a whole.
    pub(crate) line: usize,
    /// Such as `app.anime.route[2].limit.ip`; positions count from 0.
    pub(crate) path: String,
}

/// A value that was written, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Given<T> {
    pub(crate) value: T,
    pub(crate) at: Place,
}

/// A key that may be left out.
pub(crate) type Maybe<T> = Option<Given<T>>;

impl Place {
    pub(crate) fn whole(file: &Arc<str>) -> Self {
        Self { file: Arc::clone(file), line: 0, path: String::new() }
    }

    /// The place of a key of this table, on the same line until it is known better.
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

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

impl<T> Given<T> {
    /// The value, or `otherwise` where nothing was written.
    pub(crate) fn or(this: Option<&Self>, otherwise: T) -> T
    where
        T: Clone,
    {
        this.map_or(otherwise, |given| given.value.clone())
    }
}
