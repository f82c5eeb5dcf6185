//! Which packet indexes have been seen: a sliding window of bits (RFC 3711 §3.3.2).

use crate::forward::DropReason;

/// The newest index seen and which of the `64 * WORDS` indexes up to it have been seen too.
///
/// A ring of bits: index `i` has bit `i % SPAN`, so moving forward clears only what is skipped.
#[derive(Clone, Debug)]
pub(super) struct ReplayWindow<const WORDS: usize> {
    newest: u64,
    seen: [u64; WORDS],
}

impl<const WORDS: usize> ReplayWindow<WORDS> {
    /// How many indexes the window reaches back, the newest included.
    const SPAN: u64 = 64 * WORDS as u64;

    /// A window that has seen `first` only.
    pub(super) const fn starting_at(first: u64) -> Self {
        let mut window = Self { newest: first, seen: [0; WORDS] };
        window.mark(first);
        window
    }

    /// Whether `index` may still be accepted. Changes nothing: its packet is not authenticated yet.
    ///
    /// # Errors
    /// `SrtpReplay` for an index that was accepted, `SrtpTooOld` for one that the window has left behind.
    pub(super) const fn check(&self, index: u64) -> Result<(), DropReason> {
        if index > self.newest {
            return Ok(());
        }
        if self.newest - index >= Self::SPAN {
            return Err(DropReason::SrtpTooOld);
        }
        let (word, bit) = Self::place(index);
        if self.seen[word] & bit == 0 { Ok(()) } else { Err(DropReason::SrtpReplay) }
    }

    /// Records an index that [`Self::check`] allowed and whose packet proved genuine.
    pub(super) fn accept(&mut self, index: u64) {
        if index > self.newest {
            if index - self.newest >= Self::SPAN {
                self.seen = [0; WORDS];
            } else {
                for skipped in self.newest + 1..index {
                    let (word, bit) = Self::place(skipped);
                    self.seen[word] &= !bit;
                }
            }
            self.newest = index;
        }
        self.mark(index);
    }

    /// The highest index seen.
    pub(super) const fn newest(&self) -> u64 {
        self.newest
    }

    const fn mark(&mut self, index: u64) {
        let (word, bit) = Self::place(index);
        self.seen[word] |= bit;
    }

    /// The word is below `WORDS` by the remainder.
    const fn place(index: u64) -> (usize, u64) {
        let place = index % Self::SPAN;
        ((place / 64) as usize, 1 << (place % 64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    type Window = ReplayWindow<2>;
    const SPAN: u64 = Window::SPAN;

    #[test]
    fn the_oldest_index_in_reach_is_accepted_once_and_the_one_before_is_too_old() {
        let mut window = Window::starting_at(1000);
        let oldest = 1000 - (SPAN - 1);
        assert_eq!(window.check(oldest), Ok(()));
        window.accept(oldest);
        assert_eq!(window.check(oldest), Err(DropReason::SrtpReplay));
        assert_eq!(window.check(oldest - 1), Err(DropReason::SrtpTooOld));
        assert_eq!(window.newest(), 1000);
    }

    #[test]
    fn indexes_skipped_by_a_jump_are_still_accepted_late() {
        let mut window = Window::starting_at(0);
        (1..SPAN).for_each(|index| window.accept(index));
        // The ring wraps: these reuse the bits of indexes that were seen.
        window.accept(SPAN + 5);
        for late in SPAN..SPAN + 5 {
            assert_eq!(window.check(late), Ok(()));
        }
        assert_eq!(window.check(SPAN - 1), Err(DropReason::SrtpReplay));
    }

    proptest! {
        // covers: RFC 3711 §3.3.2
        #[test]
        fn agrees_with_a_set_of_all_indexes(first in 0..300u64, steps in prop::collection::vec(0..900u64, 1..200)) {
            let mut window = Window::starting_at(first);
            let mut accepted = BTreeSet::from([first]);
            for index in steps {
                let newest = *accepted.last().expect("never empty");
                let expected = if index + SPAN <= newest {
                    Err(DropReason::SrtpTooOld)
                } else if accepted.contains(&index) {
                    Err(DropReason::SrtpReplay)
                } else {
                    Ok(())
                };
                prop_assert_eq!(window.check(index), expected);
                if expected.is_ok() {
                    window.accept(index);
                    accepted.insert(index);
                }
            }
        }
    }
}
