//! The trait by which guards and writers edit response fields, whatever type holds them.

use http::{HeaderMap, HeaderName, HeaderValue};

/// A set of response fields that can be edited.
pub trait ResponseFields {
    /// The first value of the field.
    fn first(&self, name: &HeaderName) -> Option<&HeaderValue>;

    /// All values of the field, in order.
    fn all(&self, name: &HeaderName) -> impl Iterator<Item = &HeaderValue>;

    /// Removes every line of the field.
    fn remove(&mut self, name: &HeaderName);

    /// Replaces every line of the field by one.
    fn set(&mut self, name: HeaderName, value: HeaderValue);

    /// Adds one more line.
    fn add(&mut self, name: HeaderName, value: HeaderValue);

    /// The answer is a 304: its fields update a stored answer (RFC 9111 §4.3.4), which has its own CSP and media type.
    fn revalidates(&self) -> bool {
        false
    }

    /// The answer is a 426, which names the protocol that is wanted (RFC 9110 §15.5.22).
    fn requires_upgrade(&self) -> bool {
        false
    }

    /// The answer is a 101: `Connection` and `Upgrade` complete it (RFC 9110 §15.2.2).
    fn switches(&self) -> bool {
        false
    }

    /// Removes each line of which `stays` does not say that it stays; it is asked about every line. The answer depends on the name alone: a
    /// map removes all lines of a name.
    fn retain(&mut self, stays: impl FnMut(&HeaderName, &HeaderValue) -> bool);

    /// Makes room for so many more lines.
    fn reserve(&mut self, _lines: usize) {}
}

impl ResponseFields for HeaderMap {
    fn first(&self, name: &HeaderName) -> Option<&HeaderValue> {
        self.get(name)
    }

    fn all(&self, name: &HeaderName) -> impl Iterator<Item = &HeaderValue> {
        self.get_all(name).iter()
    }

    fn remove(&mut self, name: &HeaderName) {
        self.remove(name);
    }

    fn set(&mut self, name: HeaderName, value: HeaderValue) {
        self.insert(name, value);
    }

    fn add(&mut self, name: HeaderName, value: HeaderValue) {
        self.append(name, value);
    }

    fn retain(&mut self, mut stays: impl FnMut(&HeaderName, &HeaderValue) -> bool) {
        let mut gone: Vec<HeaderName> = Vec::new();
        for (name, value) in self.iter() {
            if !stays(name, value) {
                gone.push(name.clone());
            }
        }
        for name in &gone {
            self.remove(name);
        }
    }
}
