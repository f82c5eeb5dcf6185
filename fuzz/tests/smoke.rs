//! Every target bears a bounded number of hostile inputs; `scripts/fuzz` runs them for long.

use keel_fuzz::TARGETS;

/// Inputs per target: a second or two of each.
const RUNS: u64 = 20_000;

/// Targets with a whole server, or several forwarders, behind them take milliseconds for an input.
const SLOW: [(&str, u64); 3] = [("kurento", 400), ("layers", 4_000), ("turn", 4_000)];

#[test]
fn no_target_panics() {
    for target in TARGETS {
        let slow = SLOW.iter().find(|(name, _)| *name == target.name);
        if let Err(failure) = target.fuzz(1, slow.map_or(RUNS, |(_, runs)| *runs)) {
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
