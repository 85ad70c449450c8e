//! Response fields in the order in which they came.
//!
//! An answer has ten to thirty of them. A scan of so short a list costs less than the hash map of `http`, and the fields
//! are written as they stand.

use http::{HeaderName, HeaderValue};

use crate::response_fields::ResponseFields;

/// A list of response fields, one entry a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldList {
    lines: Vec<(HeaderName, HeaderValue)>,
}

impl FieldList {
    /// An empty list with room for `count` lines.
    #[must_use]
    pub fn with_capacity(count: usize) -> Self {
        Self { lines: Vec::with_capacity(count) }
    }

    /// The lines in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&HeaderName, &HeaderValue)> {
        self.lines.iter().map(|(name, value)| (name, value))
    }

    /// How many lines there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Whether there is a line of this name.
    #[must_use]
    pub fn has(&self, name: &HeaderName) -> bool {
        self.first(name).is_some()
    }
}

impl ResponseFields for FieldList {
    fn first(&self, name: &HeaderName) -> Option<&HeaderValue> {
        self.lines.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    fn all(&self, name: &HeaderName) -> impl Iterator<Item = &HeaderValue> {
        self.lines.iter().filter(move |(known, _)| known == name).map(|(_, value)| value)
    }

    fn remove(&mut self, name: &HeaderName) {
        self.lines.retain(|(known, _)| known != name);
    }

    /// The new line stands where the first one stood, or at the end.
    fn set(&mut self, name: HeaderName, value: HeaderValue) {
        let Some(at) = self.lines.iter().position(|(known, _)| *known == name) else {
            self.lines.push((name, value));
            return;
        };
        let mut index = 0;
        self.lines.retain(|(known, _)| {
            index += 1;
            index <= at + 1 || *known != name
        });
        if let Some(line) = self.lines.get_mut(at) {
            line.1 = value;
        }
    }

    fn add(&mut self, name: HeaderName, value: HeaderValue) {
        self.lines.push((name, value));
    }

    fn retain(&mut self, mut stays: impl FnMut(&HeaderName, &HeaderValue) -> bool) {
        self.lines.retain(|(name, value)| stays(name, value));
    }

    fn reserve(&mut self, lines: usize) {
        self.lines.reserve(lines);
    }
}

impl FromIterator<(HeaderName, HeaderValue)> for FieldList {
    fn from_iter<I: IntoIterator<Item = (HeaderName, HeaderValue)>>(lines: I) -> Self {
        Self { lines: lines.into_iter().collect() }
    }
}

impl IntoIterator for FieldList {
    type Item = (HeaderName, HeaderValue);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.lines.into_iter()
    }
}

#[cfg(test)]
mod tests;
