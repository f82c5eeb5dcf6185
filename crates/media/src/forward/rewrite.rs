//! Sequence numbers of one subscriber: which outgoing number an incoming one becomes.
//!
//! The outgoing numbers skip only what was withheld on purpose. A packet that was lost on its way to Keel
//! keeps its number, so that a late repair still fits; a packet that is withheld before anything newer
//! has left takes its number with it.

use crate::rtp::ExtSeq;
use std::collections::VecDeque;

/// Changes of the offset that are remembered, and with them how far back a late packet finds its number.
/// Padding-only probes come in bursts and a burst is one change, so this is many seconds of any stream.
const SEGMENTS_MAX: usize = 64;

/// Maps the numbers of a source onto those of a sink. Each incoming number must be mapped or withheld at
/// most once: filtering duplicates is the source's part.
#[derive(Debug)]
pub(super) struct Rewriter {
    /// Oldest first, never empty; at the bound the oldest is forgotten.
    segments: VecDeque<Segment>,
    /// One past the newest incoming number that was mapped or withheld.
    next: ExtSeq,
}

/// Incoming numbers from `first` on are `offset` above the outgoing ones.
#[derive(Clone, Copy, Debug)]
struct Segment {
    first: ExtSeq,
    offset: u64,
    /// How many numbers right before `first` were withheld.
    withheld: u64,
}

/// What became of a number that was to be withheld.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Withheld {
    /// The outgoing numbers skip it.
    Skipped,
    /// Newer packets have left already: its outgoing number exists and an empty packet should fill it.
    Late(ExtSeq),
    /// It is older than anything that is remembered.
    Forgotten,
}

impl Rewriter {
    /// Maps `first_in` to `first_out` and counts on from there.
    pub(super) fn new(first_in: ExtSeq, first_out: ExtSeq) -> Self {
        let mut segments = VecDeque::with_capacity(SEGMENTS_MAX);
        let offset = first_in.value().wrapping_sub(first_out.value());
        segments.push_back(Segment { first: first_in, offset, withheld: 0 });
        Self { segments, next: first_in }
    }

    /// Continues with another source: its number `first_in` becomes the one after the newest so far.
    pub(super) fn switch(&mut self, first_in: ExtSeq) {
        let first_out = self.next_out();
        self.segments.clear();
        let offset = first_in.value().wrapping_sub(first_out.value());
        self.segments.push_back(Segment { first: first_in, offset, withheld: 0 });
        self.next = first_in;
    }

    /// Goes on with `first_in`, which is not before what was mapped or withheld: what lies between has no
    /// numbers and never gets any.
    pub(super) fn skip_to(&mut self, first_in: ExtSeq) {
        let Ok(withheld) = u64::try_from(first_in.since(self.next)) else { return };
        if withheld == 0 {
            return;
        }
        if self.segments.len() == SEGMENTS_MAX {
            self.segments.pop_front();
        }
        let offset = self.last().offset.wrapping_add(withheld);
        self.segments.push_back(Segment { first: first_in, offset, withheld });
        self.next = first_in;
    }

    /// The outgoing number of a packet; `None` when it is too old to tell, or was withheld.
    pub(super) fn map(&mut self, index: ExtSeq) -> Option<ExtSeq> {
        let out = self.find(index)?;
        self.next = self.next.max(index.next());
        Some(out)
    }

    /// Takes a packet out of the stream.
    pub(super) fn withhold(&mut self, index: ExtSeq) -> Withheld {
        if index < self.next {
            return self.find(index).map_or(Withheld::Forgotten, Withheld::Late);
        }
        self.next = index.next();
        let last = self.last();
        if last.first == index {
            let extended = Segment {
                first: index.next(),
                offset: last.offset.wrapping_add(1),
                withheld: last.withheld + 1,
            };
            if let Some(last) = self.segments.back_mut() {
                *last = extended;
            }
        } else {
            if self.segments.len() == SEGMENTS_MAX {
                self.segments.pop_front();
            }
            let offset = last.offset.wrapping_add(1);
            self.segments.push_back(Segment { first: index.next(), offset, withheld: 1 });
        }
        Withheld::Skipped
    }

    /// The incoming number that became `out`; `None` when no packet of the present source did.
    pub(super) fn source_index(&self, out: ExtSeq) -> Option<ExtSeq> {
        let (place, index) = self.segments.iter().enumerate().rev().find_map(|(place, segment)| {
            let index = out.plus(segment.offset);
            (index >= segment.first).then_some((place, index))
        })?;
        let withheld_later = self.segments.get(place + 1).is_some_and(|later| later.has_withheld(index));
        (index < self.next && !withheld_later).then_some(index)
    }

    /// The number that the next packet in order would have.
    pub(super) fn next_out(&self) -> ExtSeq {
        ExtSeq::new(self.next.value().wrapping_sub(self.last().offset))
    }

    fn find(&self, index: ExtSeq) -> Option<ExtSeq> {
        let (place, segment) =
            self.segments.iter().enumerate().rev().find(|(_, segment)| segment.first <= index)?;
        if self.segments.get(place + 1).is_some_and(|later| later.has_withheld(index)) {
            return None;
        }
        Some(ExtSeq::new(index.value().wrapping_sub(segment.offset)))
    }

    fn last(&self) -> Segment {
        *self.segments.back().expect("a rewriter is made with one segment and never loses its last")
    }
}

impl Segment {
    fn has_withheld(&self, index: ExtSeq) -> bool {
        index < self.first && self.first.since(index) as u64 <= self.withheld
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    fn seq(value: u64) -> ExtSeq {
        ExtSeq::new(value)
    }

    #[test]
    fn a_lost_packet_keeps_its_number_and_a_withheld_one_takes_it_along() {
        let mut rewriter = Rewriter::new(seq(1_000), seq(7));
        assert_eq!(rewriter.map(seq(1_000)), Some(seq(7)));
        assert_eq!(rewriter.map(seq(1_002)), Some(seq(9)), "1001 is lost for now");
        assert_eq!(rewriter.withhold(seq(1_003)), Withheld::Skipped);
        assert_eq!(rewriter.withhold(seq(1_004)), Withheld::Skipped);
        assert_eq!(rewriter.map(seq(1_005)), Some(seq(10)));
        assert_eq!(rewriter.map(seq(1_001)), Some(seq(8)), "the repair fits its slot");
        assert_eq!(rewriter.source_index(seq(10)), Some(seq(1_005)));
        assert_eq!(rewriter.source_index(seq(8)), Some(seq(1_001)));
        assert_eq!(rewriter.source_index(seq(11)), None, "not sent yet");
        assert_eq!(rewriter.source_index(seq(6)), None, "before the stream");
        assert_eq!(rewriter.map(seq(1_003)), None, "withheld stays withheld");
    }

    #[test]
    fn padding_that_comes_late_has_a_slot_to_fill() {
        let mut rewriter = Rewriter::new(seq(10), seq(1));
        rewriter.map(seq(10));
        rewriter.map(seq(12));
        assert_eq!(rewriter.withhold(seq(11)), Withheld::Late(seq(2)));
        assert_eq!(rewriter.withhold(seq(9)), Withheld::Forgotten);
    }

    #[test]
    fn another_source_continues_the_numbers() {
        let mut rewriter = Rewriter::new(seq(10), seq(1));
        rewriter.map(seq(10));
        rewriter.withhold(seq(11));
        rewriter.switch(seq(500_000));
        assert_eq!(rewriter.map(seq(500_000)), Some(seq(2)));
        assert_eq!(rewriter.source_index(seq(1)), None, "the old source's packets are out of reach");
    }

    #[test]
    fn what_is_skipped_has_no_numbers_whether_it_came_or_not() {
        let mut rewriter = Rewriter::new(seq(10), seq(1));
        rewriter.map(seq(10));
        rewriter.withhold(seq(11));
        rewriter.skip_to(seq(20));
        rewriter.skip_to(seq(20));
        assert_eq!(rewriter.map(seq(20)), Some(seq(2)));
        assert_eq!(rewriter.map(seq(15)), None, "late, and never wanted");
        assert_eq!(rewriter.source_index(seq(2)), Some(seq(20)));
        assert_eq!(rewriter.source_index(seq(1)), Some(seq(10)));
        rewriter.skip_to(seq(5));
        assert_eq!(rewriter.map(seq(21)), Some(seq(3)), "it never goes back");
    }

    #[test]
    fn a_flood_of_single_probes_is_bounded_and_forgets_the_oldest() {
        let mut rewriter = Rewriter::new(seq(0), seq(0));
        for index in 0..1_000 {
            match index % 2 {
                0 => assert_eq!(rewriter.map(seq(index)), Some(seq(index / 2))),
                _ => assert_eq!(rewriter.withhold(seq(index)), Withheld::Skipped),
            }
        }
        assert_eq!(rewriter.segments.len(), SEGMENTS_MAX);
        assert_eq!(rewriter.find(seq(0)), None);
    }

    /// What happens to each number of a source: it is media or padding, and it arrives in place, late by
    /// some packets, or never.
    fn fates() -> impl Strategy<Value = Vec<(bool, Option<usize>)>> {
        let padding = prop_oneof![5 => Just(false), 1 => Just(true)];
        let delay = prop_oneof![8 => Just(Some(0)), 2 => (1usize..30).prop_map(Some), 1 => Just(None)];
        proptest::collection::vec((padding, delay), 1..150)
    }

    proptest! {
        // covers: DESIGN.md "Outgoing sequence numbers skip only what was withheld on purpose"
        #[test]
        fn numbers_never_repeat_and_gaps_are_only_the_sources(fates in fates(), start in 0u64..0x2_0000) {
            let mut arrivals: Vec<(usize, usize, bool)> = fates
                .iter()
                .enumerate()
                .filter_map(|(place, (padding, delay))| Some((place + (*delay)?, place, *padding)))
                .collect();
            arrivals.sort_unstable();
            prop_assume!(!arrivals.is_empty());
            let first = arrivals[0].1;
            let mut rewriter = Rewriter::new(seq(start + first as u64), seq(3));
            let (mut sent, mut skipped) = (BTreeMap::new(), BTreeSet::new());
            for (_, place, padding) in &arrivals {
                let index = seq(start + *place as u64);
                let out = match padding {
                    false => rewriter.map(index),
                    true => match rewriter.withhold(index) {
                        Withheld::Skipped => {
                            skipped.insert(*place);
                            None
                        }
                        Withheld::Late(out) => Some(out),
                        Withheld::Forgotten => None,
                    },
                };
                prop_assert_eq!(out.is_none(), *place < first || skipped.contains(place));
                if let Some(out) = out {
                    prop_assert_eq!(rewriter.source_index(out), Some(index));
                    prop_assert!(sent.insert(*place, out).is_none());
                }
            }
            // Every number sits exactly where the count of those not skipped before it says.
            for (place, out) in &sent {
                let kept = (first..*place).filter(|earlier| !skipped.contains(earlier)).count();
                prop_assert_eq!(*out, seq(3 + kept as u64));
            }
        }
    }
}
