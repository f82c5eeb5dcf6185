//! Every target bears a bounded number of hostile inputs; `scripts/fuzz` runs them for long.

use keel_fuzz::TARGETS;

/// Inputs per target: a second or two of each.
const RUNS: u64 = 20_000;

#[test]
fn no_target_panics() {
    for target in TARGETS {
        if let Err(failure) = target.fuzz(1, RUNS) {
            panic!("{failure}");
        }
    }
}

#[test]
fn seeds_are_more_than_noise() {
    for target in TARGETS {
        assert!(!(target.seeds)().is_empty(), "{} has no seeds", target.name);
    }
}
