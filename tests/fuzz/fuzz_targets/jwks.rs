//! Key sets of a provider: no input panics, the cap on keys holds, every key is of an allowed algorithm and no secret, a `kid` and an
//! algorithm mean one key, and reading again gives the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stagedoor_core::guard::jwt::{Alg, KeySet};

fuzz_target!(|bytes: &[u8]| {
    let all: Vec<Alg> = Alg::ALL.into_iter().filter(|alg| !alg.is_symmetric()).collect();
    for algorithms in [all.as_slice(), &[Alg::Rs256, Alg::Es256, Alg::EdDsa], &[]] {
        let Ok(set) = KeySet::read(bytes, algorithms) else { continue };
        assert!(set.keys().len() + set.ignored().len() <= KeySet::MAX_KEYS);
        assert!(set.keys().iter().all(|key| algorithms.contains(&key.alg()) && !key.signs()));
        for (at, key) in set.keys().iter().enumerate() {
            let Some(kid) = key.kid() else { continue };
            let before = &set.keys()[..at];
            assert!(!before.iter().any(|other| other.kid() == Some(kid) && other.alg() == key.alg()));
        }
        assert!(set.ignored().iter().all(|one| !one.kid.chars().any(char::is_control)));
        assert!(KeySet::read(bytes, algorithms).is_ok_and(|again| again.is_same(&set)));
    }
});
