//! Answers to a subscriber's NACKs: what to send again, under which number, and how often at most.

use super::DropReason;
use crate::rtp::{ExtSeq, Ssrc};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Packets that may wait for the next fan-out, and packets that may be served within one round trip.
/// A burst that long is not repaired in time: the rest is refused, and the subscriber asks again or for a
/// keyframe. It also bounds what a hostile subscriber can make Keel send.
const WINDOW: usize = 512;
/// The shortest pause between two answers for one packet, for paths of hardly any round trip.
const PAUSE_MIN: Duration = Duration::from_millis(10);

/// The retransmission stream of one sink (RFC 4588): its own SSRC, its own numbers.
#[derive(Debug)]
pub(super) struct Retransmitter {
    ssrc: Ssrc,
    next: ExtSeq,
    /// The subscriber's numbers.
    waiting: VecDeque<ExtSeq>,
    /// By outgoing number modulo [`WINDOW`]: what was served last and when. Allocated at the first NACK.
    served: Vec<Option<(ExtSeq, Instant)>>,
}

impl Retransmitter {
    pub(super) const fn new(ssrc: Ssrc, first: ExtSeq) -> Self {
        Self { ssrc, next: first, waiting: VecDeque::new(), served: Vec::new() }
    }

    /// Queues a packet; `Ok(false)` when it was served less than a round trip ago, so that the answer may
    /// still be under way.
    pub(super) fn want(
        &mut self,
        out: ExtSeq,
        round_trip: Duration,
        now: Instant,
    ) -> Result<bool, DropReason> {
        self.served.resize(WINDOW, None);
        let place = (out.value() % WINDOW as u64) as usize;
        let Some(entry) = self.served.get_mut(place) else { return Err(DropReason::RepairMissing) };
        if let Some((served, at)) = *entry
            && now.saturating_duration_since(at) < round_trip.max(PAUSE_MIN)
        {
            return if served == out { Ok(false) } else { Err(DropReason::RepairMissing) };
        }
        if self.waiting.len() == WINDOW {
            return Err(DropReason::RepairMissing);
        }
        *entry = Some((out, now));
        self.waiting.push_back(out);
        Ok(true)
    }

    /// The next packet to send again.
    pub(super) fn take(&mut self) -> Option<ExtSeq> {
        self.waiting.pop_front()
    }

    /// Whether [`Self::take`] has something.
    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The SSRC and number of the next retransmission, which is used up with this.
    pub(super) const fn number(&mut self) -> (Ssrc, ExtSeq) {
        let number = self.next;
        self.next = number.next();
        (self.ssrc, number)
    }

    /// Forgets what was asked for. The numbers go on.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: Duration = Duration::from_millis(80);

    fn wanted(out: u64) -> ExtSeq {
        ExtSeq::new(out)
    }

    #[test]
    fn a_packet_is_served_once_per_round_trip() {
        let start = Instant::now(); // clock: an origin, never compared with the present
        let mut retransmitter = Retransmitter::new(Ssrc::new(9), ExtSeq::new(5));
        assert_eq!(retransmitter.want(wanted(1), RTT, start), Ok(true));
        assert_eq!(retransmitter.want(wanted(1), RTT, start + RTT / 2), Ok(false));
        assert_eq!(retransmitter.want(wanted(1), RTT, start + RTT), Ok(true));
        assert_eq!(retransmitter.take(), Some(wanted(1)));
        assert_eq!(retransmitter.number(), (Ssrc::new(9), ExtSeq::new(5)));
        assert_eq!(retransmitter.number(), (Ssrc::new(9), ExtSeq::new(6)));
    }

    #[test]
    fn a_flood_of_requests_is_served_up_to_the_window_per_round_trip() {
        let start = Instant::now(); // clock: an origin, never compared with the present
        let mut retransmitter = Retransmitter::new(Ssrc::new(9), ExtSeq::new(5));
        let mut served = 0;
        for round in 0..4 {
            for out in 0..5_000 {
                let now = start + Duration::from_millis(round * 20);
                served += usize::from(retransmitter.want(wanted(out), RTT, now) == Ok(true));
                retransmitter.take();
            }
        }
        assert_eq!(served, WINDOW);
    }
}
