//! Which of the pairs that the peer nominated is used.

use std::time::{Duration, Instant};

/// Aggressive nominators (RFC 5245 §8.1.1.2) put USE-CANDIDATE in every check, so several pairs are
/// nominated at nearly the same time and the best of them is meant.
const SIMULTANEOUS_MAX: Duration = Duration::from_secs(1);
/// Two pairs that are nominated in turn at least this often are both meant to be nominated still: they
/// must not replace each other for ever. Consent checks come every 5 s or more often (RFC 7675 §5.1).
const ALTERNATION_MAX: Duration = Duration::from_secs(6);

/// A pair's nominations.
#[derive(Clone, Copy, Debug)]
pub(super) struct Nominated {
    /// The PRIORITY of the nominating check.
    pub(super) priority: u32,
    /// The latest nominating check.
    pub(super) last: Instant,
}

/// Whether a pair nominated now, with this priority, replaces the one in use. `before` is when the pair
/// was nominated the time before.
pub(super) fn replaces(now: Instant, priority: u32, before: Option<Instant>, in_use: Nominated) -> bool {
    let is_simultaneous = now.saturating_duration_since(in_use.last) < SIMULTANEOUS_MAX;
    let is_alternating = before.is_some_and(|before| {
        before < in_use.last && now.saturating_duration_since(before) <= ALTERNATION_MAX
    });
    if is_simultaneous || is_alternating { priority > in_use.priority } else { true }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_wins_unless_nominations_coincide() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let in_use = Nominated { priority: 100, last: at(10_000) };
        for (story, now, priority, before, wins) in [
            ("lower, at the same time", at(10_500), 50, None, false),
            ("higher, at the same time", at(10_500), 150, None, true),
            ("equal, at the same time", at(10_500), 100, None, false),
            ("lower, just under a second later", at(10_999), 50, None, false),
            ("lower, a second later", at(11_000), 50, None, true),
            ("lower, back after a long absence", at(12_000), 50, Some(at(2000)), true),
            ("lower, nominated in turn", at(12_000), 50, Some(at(9000)), false),
            ("higher, nominated in turn", at(12_000), 150, Some(at(9000)), true),
            ("lower, nominated twice while the other is not", at(13_000), 50, Some(at(10_600)), true),
        ] {
            assert_eq!(replaces(now, priority, before, in_use), wins, "{story}");
        }
    }
}
