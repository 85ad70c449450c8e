//! The patterns of an app and those of its profile, in two tables.

use super::route::Layer;
use super::trie::{PatternStep, Remaining, Trie};

/// The app's own patterns, which are tried first, and those of its profile.
#[derive(Debug, Default)]
pub(super) struct Layers {
    own: Trie,
    profile: Trie,
}

impl Layers {
    /// Adds a pattern; `None` is any method. An existing one is kept.
    pub(super) fn insert(&mut self, layer: Layer, method: Option<&str>, steps: &[PatternStep], place: usize) {
        match layer {
            Layer::App => self.own.insert(method, steps, place),
            Layer::Profile => self.profile.insert(method, steps, place),
        }
    }

    /// The best match of the app's own, else the best of the profile's; see [`Trie::find`].
    pub(super) fn find(&self, method: &str, path: Option<&[u8]>) -> Option<usize> {
        self.own.find(method, path).or_else(|| self.profile.find(method, path))
    }

    /// Both tables before the first segment of a path.
    pub(super) fn ahead(&self) -> Vec<Remaining<'_>> {
        vec![Remaining::Node(&self.own), Remaining::Node(&self.profile)]
    }

    /// The methods of all patterns that match the path, sorted.
    pub(super) fn methods(&self, path: Option<&[u8]>) -> Vec<&str> {
        let mut all = self.own.methods(path);
        all.extend(self.profile.methods(path));
        all.sort_unstable();
        all.dedup();
        all
    }
}
