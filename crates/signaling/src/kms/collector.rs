//! When dead clients' objects go (PROTOCOL.md §3).

use super::session::{Ended, Sessions};
use std::time::{Duration, Instant};

/// Marks of live sockets' sessions in one period.
const MARKS: u32 = 4;

/// The garbage collector's clock.
/// KMS: each quarter of a period the sessions of open sockets are marked; each period those without a mark
/// end. So a dead client's objects go between one and two periods after its socket.
#[derive(Debug)]
pub(crate) struct Collector {
    step: Duration,
    next: Instant,
    marks: u32,
}

impl Collector {
    /// A collector that begins its first period now.
    pub(crate) fn new(now: Instant, period: Duration) -> Self {
        let step = period / MARKS;
        Self { step, next: now + step, marks: 0 }
    }

    /// When [`Self::handle_timeout`] wants to be called.
    pub(crate) fn poll_timeout(&self) -> Instant {
        self.next
    }

    /// Does what is due; the sessions that have ended.
    pub(crate) fn handle_timeout(&mut self, now: Instant, sessions: &mut Sessions) -> Vec<Ended> {
        if now < self.next {
            return Vec::new();
        }
        // A machine that slept is not made up for: its clients need time to come back.
        self.next = now + self.step;
        sessions.mark();
        self.marks = (self.marks + 1) % MARKS;
        if self.marks == 0 { sessions.collect() } else { Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kms::object::ObjectId;
    use crate::kms::outbox::outbox;
    use tokio::sync::mpsc;

    #[test]
    fn a_dead_clients_session_ends_in_the_second_period() {
        let start = Instant::now();
        let period = Duration::from_secs(240);
        let mut sessions = Sessions::new(9);
        let mut collector = Collector::new(start, period);
        let socket = sessions.open(outbox(1).0);
        let session = sessions.join(socket, None).expect("there is room");
        let (inbox, _requests) = mpsc::channel(1);
        let root = ObjectId::parse("1_kurento.MediaPipeline").expect("an id");
        sessions.add_tree(Some(&session), &root, inbox);

        let mut now = start;
        let dies_at = start + Duration::from_secs(100);
        let mut ended = Vec::new();
        while ended.is_empty() {
            now = collector.poll_timeout();
            if now > dies_at {
                sessions.close(socket);
            }
            assert!(now <= dies_at + 2 * period, "it never ends");
            ended = collector.handle_timeout(now, &mut sessions);
        }
        assert!(now >= dies_at + period, "it ended after {:?}", now - dies_at);
        assert_eq!(ended[0].session, session);
    }

    #[test]
    fn nothing_is_done_before_its_time() {
        let start = Instant::now();
        let mut sessions = Sessions::new(9);
        let mut collector = Collector::new(start, Duration::from_secs(4));
        let due = collector.poll_timeout();
        for _ in 0..9 {
            assert!(collector.handle_timeout(start, &mut sessions).is_empty());
            assert_eq!(collector.poll_timeout(), due);
        }
    }
}
