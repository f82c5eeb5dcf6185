//! Which of a stream's recent packets have arrived.

use crate::rtp::ExtSeq;

/// How far behind the newest packet a late one is still told from a duplicate. More than a repair can
/// take: at 1,100 packets/s, 10 Mbit/s of video, it is two seconds.
const WINDOW: u64 = 2_048;
const WORDS: usize = (WINDOW / 64) as usize;

/// A bitmap of the last [`WINDOW`] numbers.
#[derive(Debug)]
pub(super) struct ReceiveWindow {
    first: ExtSeq,
    next: ExtSeq,
    bits: [u64; WORDS],
}

/// How a packet relates to those before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Order {
    /// Newer than all; `missing` numbers before it have not arrived yet.
    Newest {
        /// How many were jumped over.
        missing: u64,
    },
    /// It fills a hole.
    Late,
    /// It has been here.
    Duplicate,
    /// From before the stream or the window.
    TooOld,
}

impl ReceiveWindow {
    /// A window whose first packet will be `first`.
    pub(super) const fn new(first: ExtSeq) -> Self {
        Self { first, next: first, bits: [0; WORDS] }
    }

    /// How `index` relates to what has been noted, without noting it.
    pub(super) fn order(&self, index: ExtSeq) -> Order {
        if index >= self.next {
            return Order::Newest { missing: index.since(self.next) as u64 };
        }
        if index < self.first || self.next.since(index) as u64 > WINDOW {
            return Order::TooOld;
        }
        if self.bits[word(index)] & bit(index) == 0 { Order::Late } else { Order::Duplicate }
    }

    /// Notes that `index` has arrived.
    pub(super) fn note(&mut self, index: ExtSeq) {
        if index >= self.next {
            let jump = index.since(self.next) as u64;
            if jump >= WINDOW {
                self.bits = [0; WORDS];
            } else {
                for skipped in 0..=jump {
                    let skipped = self.next.plus(skipped);
                    self.bits[word(skipped)] &= !bit(skipped);
                }
            }
            self.next = index.next();
        }
        self.bits[word(index)] |= bit(index);
    }

    /// Whether everything from `first` up to before `end` has arrived; `false` for what lies outside the
    /// window.
    pub(super) fn has_all(&self, first: ExtSeq, end: ExtSeq) -> bool {
        let length = end.since(first);
        (0..=WINDOW as i64).contains(&length)
            && (0..length as u64).all(|place| self.order(first.plus(place)) == Order::Duplicate)
    }

    /// One past the newest.
    pub(super) const fn next(&self) -> ExtSeq {
        self.next
    }
}

const fn word(index: ExtSeq) -> usize {
    (index.value() % WINDOW / 64) as usize
}

const fn bit(index: ExtSeq) -> u64 {
    1 << (index.value() % 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_new_late_and_repeated_packets_apart() {
        let seq = ExtSeq::new;
        let mut window = ReceiveWindow::new(seq(100));
        let table = [
            (100, Order::Newest { missing: 0 }),
            (103, Order::Newest { missing: 2 }),
            (101, Order::Late),
            (101, Order::Duplicate),
            (99, Order::TooOld),
            (103 + WINDOW, Order::Newest { missing: WINDOW - 1 }),
            (103, Order::TooOld),
            (104, Order::Late),
            (200_000, Order::Newest { missing: 200_000 - 104 - WINDOW }),
            (199_999, Order::Late),
            (200_000 - WINDOW, Order::TooOld),
        ];
        for (index, expected) in table {
            assert_eq!(window.order(seq(index)), expected, "{index}");
            if !matches!(expected, Order::Duplicate | Order::TooOld) {
                window.note(seq(index));
            }
        }
    }

    #[test]
    fn knows_whether_a_run_is_whole() {
        let seq = ExtSeq::new;
        let mut window = ReceiveWindow::new(seq(100));
        for index in [100, 101, 103] {
            window.note(seq(index));
        }
        assert!(window.has_all(seq(100), seq(102)));
        assert!(!window.has_all(seq(100), seq(104)), "102 is missing");
        assert!(!window.has_all(seq(103), seq(105)), "104 has not come");
        assert!(!window.has_all(seq(99), seq(101)) && !window.has_all(seq(102), seq(101)));
        window.note(seq(102));
        assert!(window.has_all(seq(100), seq(104)) && window.has_all(seq(104), seq(104)));
        window.note(seq(101 + WINDOW));
        assert!(!window.has_all(seq(100), seq(104)), "100 has left the window");
    }
}
