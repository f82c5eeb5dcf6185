//! Numbers of one subscriber: which outgoing ones a source's packet and its picture get.
//!
//! The outgoing numbers skip only what was withheld on purpose. A packet that was lost on its way to Keel
//! keeps its number, so that a late repair still fits; a packet that is withheld before anything newer
//! has left takes its number with it. The same holds for the numbers of pictures.

use crate::codec::{FrameInfo, PictureNumbers};
use crate::rtp::ExtSeq;
use std::collections::VecDeque;

/// Changes of the offset that are remembered, and with them how far back a late packet finds its number.
/// Withheld frames that follow one another are one change: a stream of 30 pictures a second of which every
/// second one is withheld makes 15 of them, so this is four seconds at the least, more than the ring keeps.
const SEGMENTS_MAX: usize = 64;

/// Maps the numbers of one source after the other onto those of a sink. Each incoming number must be mapped
/// or withheld at most once: filtering duplicates is the source's part.
#[derive(Debug)]
pub(super) struct Rewriter {
    /// What packets in order need, where no pointer has to be followed: of a subscriber that is sent one
    /// packet now and then all this is out of the processor's caches.
    newest: Segment,
    /// Those before, by outgoing numbers; at the bound the oldest is forgotten.
    older: VecDeque<Segment>,
    /// One past the newest number of the present source that was mapped or withheld.
    next: ExtSeq,
}

/// From here on, up to the next segment, both numberings count alike.
#[derive(Clone, Copy, Debug)]
struct Segment {
    first_in: ExtSeq,
    first_out: ExtSeq,
    shift: PictureShift,
    /// Counts the sources: incoming numbers of different ones must not be compared.
    origin: u32,
}

/// The numbers of one packet's picture and frame, those that it has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Pictures {
    pub(super) numbers: Option<PictureNumbers>,
    pub(super) frame_number: Option<u16>,
}

/// What is added to them, modulo their widths.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct PictureShift {
    picture: u16,
    base: u8,
    frame: u16,
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
        let newest = Segment { first_in, first_out, shift: PictureShift::default(), origin: 0 };
        Self { newest, older: VecDeque::with_capacity(SEGMENTS_MAX), next: first_in }
    }

    /// Continues with another source: its number `first_in` becomes the one after the newest so far.
    pub(super) fn switch(&mut self, first_in: ExtSeq) {
        let (first_out, is_empty) = (self.next_out(), self.newest.first_in == self.next);
        let origin = self.newest.origin.wrapping_add(1);
        self.follow(Segment { first_in, first_out, shift: PictureShift::default(), origin }, is_empty);
        self.next = first_in;
    }

    /// Goes on with `first_in`, which is not before what was mapped or withheld: what lies between has no
    /// numbers and never gets any.
    pub(super) fn skip_to(&mut self, first_in: ExtSeq) {
        if first_in <= self.next {
            return;
        }
        let (first_out, is_empty) = (self.next_out(), self.newest.first_in == self.next);
        self.follow(Segment { first_in, first_out, ..self.newest }, is_empty);
        self.next = first_in;
    }

    /// Says what is added to the numbers of pictures, before the first packet of a source is mapped.
    pub(super) fn set_shift(&mut self, shift: PictureShift) {
        self.newest.shift = shift;
    }

    /// The outgoing number of a packet and the shift of its picture's; `None` when it is too old to tell,
    /// or was withheld.
    pub(super) fn map(&mut self, index: ExtSeq) -> Option<(ExtSeq, PictureShift)> {
        let found = self.find(index)?;
        self.next = self.next.max(index.next());
        Some(found)
    }

    /// Takes a packet out of the stream, and with it that many numbers of pictures.
    pub(super) fn withhold(&mut self, index: ExtSeq, pictures: u16) -> Withheld {
        if index < self.next {
            return self.find(index).map_or(Withheld::Forgotten, |(out, _)| Withheld::Late(out));
        }
        self.next = index.next();
        let last = self.newest;
        let picture = last.shift.picture.wrapping_sub(pictures);
        let shift = PictureShift { picture, ..last.shift };
        let next = Segment { first_in: index.next(), first_out: last.out(index), shift, ..last };
        self.follow(next, last.first_in == index);
        Withheld::Skipped
    }

    /// The incoming number that became `out`, of whatever source had it, and the shift of its picture's.
    pub(super) fn source_index(&self, out: ExtSeq) -> Option<(ExtSeq, PictureShift)> {
        if out >= self.next_out() {
            return None;
        }
        let segment = self.newest_first().find(|segment| segment.first_out <= out)?;
        Some((segment.first_in.plus(out.since(segment.first_out) as u64), segment.shift))
    }

    /// What is added to the numbers of the pictures that come next.
    pub(super) fn newest_shift(&self) -> PictureShift {
        self.newest.shift
    }

    /// One past the newest number of the source that was mapped or withheld: at first, its first.
    pub(super) const fn next_in(&self) -> ExtSeq {
        self.next
    }

    /// The number that the next packet in order would have.
    pub(super) fn next_out(&self) -> ExtSeq {
        self.newest.out(self.next)
    }

    fn find(&self, index: ExtSeq) -> Option<(ExtSeq, PictureShift)> {
        let origin = self.newest.origin;
        let mut after = None;
        for segment in self.newest_first().take_while(|segment| segment.origin == origin) {
            if segment.first_in <= index {
                let out = segment.out(index);
                // Numbers between two segments were withheld.
                return after.is_none_or(|after| out < after).then_some((out, segment.shift));
            }
            after = Some(segment.first_out);
        }
        None
    }

    /// Begins another segment, in place of the newest where that is empty.
    fn follow(&mut self, segment: Segment, is_empty: bool) {
        if !is_empty {
            if self.older.len() == SEGMENTS_MAX {
                self.older.pop_front();
            }
            self.older.push_back(self.newest);
        }
        self.newest = segment;
    }

    fn newest_first(&self) -> impl Iterator<Item = &Segment> {
        std::iter::once(&self.newest).chain(self.older.iter().rev())
    }
}

impl Segment {
    fn out(&self, index: ExtSeq) -> ExtSeq {
        self.first_out.plus(index.since(self.first_in) as u64)
    }
}

impl Pictures {
    pub(super) const fn of(frame: &FrameInfo) -> Self {
        Self { numbers: frame.numbers, frame_number: frame.frame_number }
    }

    /// Becomes the newer ones, in those numbers that they have.
    pub(super) fn advance(&mut self, newer: Self) {
        self.numbers = newer.numbers.or(self.numbers);
        self.frame_number = newer.frame_number.or(self.frame_number);
    }
}

impl PictureShift {
    /// The shift that makes `next` follow `last`, in those numbers that both have.
    pub(super) fn to_follow(last: Pictures, next: Pictures) -> Self {
        let (last_numbers, next_numbers) =
            (last.numbers.unwrap_or_default(), next.numbers.unwrap_or_default());
        let both = last.numbers.is_some() && next.numbers.is_some();
        let picture = both.then(|| distance(last_numbers.picture, next_numbers.picture));
        let base = last_numbers.base.zip(next_numbers.base);
        let frame = last.frame_number.zip(next.frame_number);
        Self {
            picture: picture.unwrap_or_default(),
            base: base.map_or(0, |(last, next)| last.wrapping_add(1).wrapping_sub(next)),
            frame: frame.map_or(0, |(last, next)| distance(last, next)),
        }
    }

    /// The numbers that a subscriber sees.
    pub(super) fn apply(self, pictures: Pictures) -> Pictures {
        let numbers = pictures.numbers.map(|numbers| PictureNumbers {
            picture: numbers.picture.wrapping_add(self.picture) & mask(numbers.bits),
            base: numbers.base.map(|base| base.wrapping_add(self.base)),
            ..numbers
        });
        Pictures {
            numbers,
            frame_number: pictures.frame_number.map(|number| number.wrapping_add(self.frame)),
        }
    }

    /// Whether the numbers stay as they are.
    pub(super) fn is_none(self) -> bool {
        self == Self::default()
    }
}

fn distance(last: u16, next: u16) -> u16 {
    last.wrapping_add(1).wrapping_sub(next)
}

const fn mask(bits: u8) -> u16 {
    if bits < 16 { (1 << bits) - 1 } else { u16::MAX }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    fn seq(value: u64) -> ExtSeq {
        ExtSeq::new(value)
    }

    fn number(found: Option<(ExtSeq, PictureShift)>) -> Option<ExtSeq> {
        found.map(|(number, _)| number)
    }

    fn pictures(picture: u16, base: u8) -> Pictures {
        let numbers = PictureNumbers { picture, bits: 15, base: Some(base), contiguous: true };
        Pictures { numbers: Some(numbers), frame_number: Some(picture) }
    }

    #[test]
    fn withheld_pictures_take_their_numbers_along_and_late_packets_find_the_old_ones() {
        let mut rewriter = Rewriter::new(seq(10), seq(1));
        let shown = |rewriter: &mut Rewriter, index, picture| {
            let (_, shift) = rewriter.map(seq(index)).expect("not withheld");
            let shown = shift.apply(pictures(picture, 9));
            (shown.numbers.expect("it has some").picture, shown.frame_number)
        };
        assert_eq!(shown(&mut rewriter, 10, 0x7fff), (0x7fff, Some(0x7fff)));
        rewriter.withhold(seq(12), 1);
        rewriter.withhold(seq(13), 0);
        assert_eq!(shown(&mut rewriter, 14, 1), (0, Some(1)), "picture 0 was withheld");
        assert_eq!(shown(&mut rewriter, 11, 0x7fff), (0x7fff, Some(0x7fff)), "the first picture's rest");
        let (_, shift) = rewriter.source_index(seq(3)).expect("it left");
        let again = shift.apply(pictures(1, 9)).numbers.expect("it has some");
        assert_eq!((again.picture, again.base), (0, Some(9)), "a retransmission has the same number");
    }

    #[test]
    fn another_sources_pictures_follow_in_every_numbering() {
        let last = pictures(0x7fff, 0xff);
        let shift = PictureShift::to_follow(last, pictures(500, 77));
        assert!(!shift.is_none());
        let shown = shift.apply(pictures(500, 77));
        assert_eq!(shown.numbers, pictures(0, 0).numbers, "15 and 8 bits");
        assert_eq!(shown.frame_number, Some(0x8000), "16 bits");
        assert!(PictureShift::to_follow(last, Pictures::default()).is_none(), "nothing to shift");
    }

    #[test]
    fn a_lost_packet_keeps_its_number_and_a_withheld_one_takes_it_along() {
        let mut rewriter = Rewriter::new(seq(1_000), seq(7));
        assert_eq!(number(rewriter.map(seq(1_000))), Some(seq(7)));
        assert_eq!(number(rewriter.map(seq(1_002))), Some(seq(9)), "1001 is lost for now");
        assert_eq!(rewriter.withhold(seq(1_003), 0), Withheld::Skipped);
        assert_eq!(rewriter.withhold(seq(1_004), 0), Withheld::Skipped);
        assert_eq!(number(rewriter.map(seq(1_005))), Some(seq(10)));
        assert_eq!(number(rewriter.map(seq(1_001))), Some(seq(8)), "the repair fits its slot");
        assert_eq!(number(rewriter.source_index(seq(10))), Some(seq(1_005)));
        assert_eq!(number(rewriter.source_index(seq(8))), Some(seq(1_001)));
        assert_eq!(number(rewriter.source_index(seq(11))), None, "not sent yet");
        assert_eq!(number(rewriter.source_index(seq(6))), None, "before the stream");
        assert_eq!(number(rewriter.map(seq(1_003))), None, "withheld stays withheld");
    }

    #[test]
    fn padding_that_comes_late_has_a_slot_to_fill() {
        let mut rewriter = Rewriter::new(seq(10), seq(1));
        rewriter.map(seq(10));
        rewriter.map(seq(12));
        assert_eq!(rewriter.withhold(seq(11), 0), Withheld::Late(seq(2)));
        assert_eq!(rewriter.withhold(seq(9), 0), Withheld::Forgotten);
    }

    #[test]
    fn another_source_continues_the_numbers() {
        let mut rewriter = Rewriter::new(seq(10), seq(1));
        rewriter.map(seq(10));
        rewriter.withhold(seq(11), 0);
        rewriter.switch(seq(500_000));
        assert_eq!(number(rewriter.map(seq(500_000))), Some(seq(2)));
        assert_eq!(number(rewriter.source_index(seq(1))), Some(seq(10)), "repairs reach across the switch");
        assert_eq!(number(rewriter.source_index(seq(2))), Some(seq(500_000)));
        assert_eq!(number(rewriter.map(seq(12))), None, "a number of the old source has no place any more");
    }

    #[test]
    fn what_is_skipped_has_no_numbers_whether_it_came_or_not() {
        let mut rewriter = Rewriter::new(seq(10), seq(1));
        rewriter.map(seq(10));
        rewriter.withhold(seq(11), 0);
        rewriter.skip_to(seq(20));
        rewriter.skip_to(seq(20));
        assert_eq!(number(rewriter.map(seq(20))), Some(seq(2)));
        assert_eq!(number(rewriter.map(seq(15))), None, "late, and never wanted");
        assert_eq!(number(rewriter.source_index(seq(2))), Some(seq(20)));
        assert_eq!(number(rewriter.source_index(seq(1))), Some(seq(10)));
        rewriter.skip_to(seq(5));
        assert_eq!(number(rewriter.map(seq(21))), Some(seq(3)), "it never goes back");
    }

    #[test]
    fn a_flood_of_single_probes_is_bounded_and_forgets_the_oldest() {
        let mut rewriter = Rewriter::new(seq(0), seq(0));
        for index in 0..1_000 {
            match index % 2 {
                0 => assert_eq!(number(rewriter.map(seq(index))), Some(seq(index / 2))),
                _ => assert_eq!(rewriter.withhold(seq(index), 0), Withheld::Skipped),
            }
        }
        assert_eq!(rewriter.older.len(), SEGMENTS_MAX);
        assert_eq!(number(rewriter.find(seq(0))), None);
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
                    false => number(rewriter.map(index)),
                    true => match rewriter.withhold(index, 0) {
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
                    prop_assert_eq!(number(rewriter.source_index(out)), Some(index));
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
