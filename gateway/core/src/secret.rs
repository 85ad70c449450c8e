//! A container for secrets that is never printed, and the check of how strong a secret is.
//!
//! A [`Secret`] is wiped when it is dropped, prints as `[secret]`, and can be neither cloned,
//! displayed nor serialised: code that reads the value calls [`Secret::expose`].

mod known;
mod strength;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use zeroize::Zeroize;

pub(crate) use strength::is_key_file;
pub use strength::{Weakness, judge};

/// A secret: wiped when dropped, never printed.
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Wraps a value.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value. There is no other way to read it.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl Secret<Vec<u8>> {
    /// Whether `presented` is this secret, in a time that depends on the lengths alone.
    ///
    /// An empty secret matches nothing, not even an empty value.
    #[must_use]
    pub fn matches(&self, presented: &[u8]) -> bool {
        !self.0.is_empty() && verify_slices_are_equal(&self.0, presented).is_ok()
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> std::fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests;
