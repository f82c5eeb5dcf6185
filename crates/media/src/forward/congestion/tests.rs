//! Stories of the estimator alone: silence, peers that tell little, and what is probed.

use super::*;
use crate::rtp::Ssrc;

const START: Bitrate = Bitrate::bps(1_000_000);
const MS: Duration = Duration::from_millis(1);

/// An estimator and its clock, on a path that carries everything within 50 ms.
struct Path {
    estimator: BandwidthEstimator,
    begun: Instant,
    now: Instant,
    number: u64,
}

impl Path {
    fn new() -> Self {
        let now = Instant::now(); // clock: an origin, never compared with the present
        Self { estimator: BandwidthEstimator::new(START, now), begun: now, now, number: 0 }
    }

    /// Sends at the estimate for a time, with every timer at its own time; tells what was sent in bytes.
    fn send(&mut self, duration: Duration, answered: bool) -> u64 {
        let mut sent = 0;
        let end = self.now + duration;
        while self.now < end {
            let first = self.number;
            for _ in 0..10 {
                self.now += 5 * MS;
                let probe = self.estimator.poll_probe(self.now).map(|probe| probe.id);
                let bytes = self.estimator.estimate().as_bps() as usize / 8 / 200;
                self.estimator.note_sent(ExtSeq::new(self.number), bytes, self.now, probe);
                self.number += 1;
                sent += bytes as u64;
            }
            if answered {
                let feedback = self.arrived(first, self.number);
                self.estimator.handle_feedback(&feedback, self.now);
            }
            self.act();
        }
        sent
    }

    fn wait(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(due) = self.estimator.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.act();
        }
        self.now = end;
    }

    fn act(&mut self) {
        if self.estimator.poll_timeout().is_some_and(|due| due <= self.now) {
            self.estimator.handle_timeout(self.now);
            let due = self.estimator.poll_timeout();
            assert!(due.is_none_or(|due| due > self.now), "everything due has been done");
        }
    }

    /// Says that the numbers arrived 5 ms apart, the last one now.
    fn arrived(&self, first: u64, next: u64) -> TransportFeedback {
        let ticks = (self.now - self.begun).as_millis() as u64 * 4;
        let begin = ticks - 20 * (next - first - 1);
        let mut arrivals = vec![Some((begin % 256) as i16)];
        arrivals.extend((first + 1..next).map(|_| Some(20)));
        TransportFeedback {
            media_ssrc: Ssrc::new(1),
            base: first as u16,
            reference_time: (begin / 256) as u32,
            count: 0,
            arrivals,
        }
    }
}

#[test]
fn a_path_that_carries_everything_is_found_to_up_to_the_limit() {
    let mut path = Path::new();
    path.estimator.set_limits(Bitrate::bps(100_000), Bitrate::bps(4_000_000));
    path.send(Duration::from_secs(20), true);
    assert_eq!(path.estimator.estimate(), Bitrate::bps(4_000_000));
    assert_eq!(path.estimator.loss(), 0.0);
    assert!(path.estimator.round_trip().is_some_and(|measured| measured < 5 * MS));
    assert_eq!(path.estimator.in_flight_bytes(), 0);
}

#[test]
fn silence_lowers_the_estimate_to_its_minimum_and_an_answer_ends_it() {
    let mut path = Path::new();
    path.estimator.set_limits(Bitrate::bps(80_000), START);
    path.send(Duration::from_secs(3), true);
    assert_eq!(path.estimator.estimate(), START);
    path.send(Duration::from_millis(500), false);
    assert_eq!(path.estimator.estimate(), START, "feedback may be late");
    path.send(Duration::from_secs(3), false);
    let fallen = path.estimator.estimate();
    assert!(fallen < Bitrate::bps(600_000), "{fallen:?}");
    path.wait(Duration::from_secs(60));
    assert_eq!(path.estimator.estimate(), Bitrate::bps(80_000));
    path.send(Duration::from_secs(40), true);
    assert_eq!(path.estimator.estimate(), START, "it is found again, without a single probe sent");
}

#[test]
fn who_sends_nothing_hears_nothing_and_loses_nothing() {
    let mut path = Path::new();
    path.send(Duration::from_secs(2), true);
    let before = path.estimator.estimate();
    path.estimator.set_wanted_rate(Bitrate::bps(0));
    path.wait(Duration::from_secs(60));
    assert_eq!(path.estimator.estimate(), before);
    assert_eq!(path.estimator.poll_timeout(), None, "nothing is under way, nothing wanted");
}

#[test]
fn the_estimate_of_a_peer_that_tells_remb_alone_is_its_own_unless_much_is_lost() {
    let mut path = Path::new();
    let told = Bitrate::bps(2_000_000);
    path.estimator.handle_remb(told, path.now);
    assert_eq!(path.estimator.estimate(), told);
    for _ in 0..10 {
        path.wait(Duration::from_secs(1));
        path.estimator.handle_reception(0, Some(40 * MS), path.now);
        path.estimator.handle_remb(told, path.now);
    }
    assert_eq!(path.estimator.estimate(), told);
    for _ in 0..3 {
        path.wait(Duration::from_secs(1));
        path.estimator.handle_reception(77, Some(40 * MS), path.now);
    }
    assert!(path.estimator.estimate() < Bitrate::bps(1_700_000), "{:?}", path.estimator.estimate());
    let before = path.estimator.estimate();
    path.wait(Duration::from_secs(30));
    assert!(path.estimator.estimate() < before, "reports that stop are silence too");
}

#[test]
fn a_peer_that_tells_loss_alone_is_sent_what_is_proved() {
    let mut path = Path::new();
    path.estimator.set_application_rate(Bitrate::bps(900_000));
    for _ in 0..20 {
        path.wait(Duration::from_secs(1));
        path.estimator.handle_reception(0, None, path.now);
    }
    let grown = path.estimator.estimate();
    assert!((Bitrate::bps(1_300_000)..Bitrate::bps(1_400_000)).contains(&grown), "{grown:?}");
}

#[test]
fn remb_bounds_the_estimate_of_a_peer_with_feedback() {
    let mut path = Path::new();
    path.send(Duration::from_secs(5), true);
    path.estimator.handle_remb(Bitrate::bps(400_000), path.now);
    assert_eq!(path.estimator.estimate(), Bitrate::bps(400_000));
}

#[test]
fn the_same_calls_give_the_same_estimate() {
    let run = || {
        let mut path = Path::new();
        let sent = path.send(Duration::from_secs(10), true);
        (sent, path.estimator.estimate())
    };
    assert_eq!(run(), run());
}
