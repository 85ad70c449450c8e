#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;

use super::*;
use crate::guard::target::tests::path;
use crate::path;

proptest! {
    /// Whatever folds into the area is the gateway's, and what does not is the app's: the short look at a path
    /// that is in its folded form agrees with the long one.
    #[test]
    fn no_reading_of_a_path_slips_past(
        before in path(),
        door in prop::sample::select(vec!["", ".stagedoor", ".StageDoor", "%2estagedoor", ".stagedoo%72"]),
        after in path(),
        alone in any::<bool>(),
    ) {
        let before = if alone { b"/".to_vec() } else { before };
        let path = [&before, door.as_bytes(), &after].concat();
        let reads = |reading: path::readings::Reading<'_>| {
            reading.folded(false).split(|b| *b == b'/').next() == Some(SEGMENT)
        };
        let expected = readings(&path).into_iter().any(reads);
        prop_assert_eq!(covers(&path), expected);
        if path::is_folded(&path, true) {
            prop_assert_eq!(spelling(&path, true).is_some(), expected);
        }
    }
}
