//! Whether the peer's media is there: from its first authenticated packet until it ends or falls silent.

use crate::pipeline::ConnectionState;
use std::time::{Duration, Instant};

/// Silence that ends a session with video: its parties report every 1.5 s at least, beside their media.
const SILENCE_VIDEO: Duration = Duration::from_secs(4);
/// Silence that ends a session with audio only. Muted, or receiving only, its party sends nothing but
/// reports, 5 s apart on average and at most 1.5 times that (RFC 3550 §6.2, §6.3.1).
const SILENCE_AUDIO: Duration = Duration::from_secs(15);

/// The state of one peer's media. A packet costs a store of its time.
#[derive(Debug)]
pub(super) struct Liveness {
    state: State,
    newest: Option<Instant>,
    silence: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Nothing came yet, or no longer: the next packet of either kind is a beginning.
    Silent,
    /// Packets come; whether they still do is looked at then.
    Live { check: Instant },
    /// The peer said that its streams have ended. Reports go on where it still receives, so that only media
    /// is a new beginning.
    Ended,
    /// DTLS is closed: what still arrives was under way.
    Closed,
}

/// What an authenticated packet is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sign {
    Rtp,
    Rtcp,
}

impl Default for Liveness {
    fn default() -> Self {
        Self { state: State::Silent, newest: None, silence: SILENCE_AUDIO }
    }
}

impl Liveness {
    /// Learns that video was negotiated.
    pub(super) const fn expect_video(&mut self) {
        self.silence = SILENCE_VIDEO;
    }

    /// Notes a packet; `Some` when it is a beginning.
    pub(super) fn note(&mut self, sign: Sign, now: Instant) -> Option<ConnectionState> {
        self.newest = Some(now);
        match (self.state, sign) {
            (State::Live { .. } | State::Closed, _) | (State::Ended, Sign::Rtcp) => None,
            (State::Silent, _) | (State::Ended, Sign::Rtp) => {
                self.state = State::Live { check: now + self.silence };
                Some(ConnectionState::Connected)
            }
        }
    }

    /// The peer ended all its streams (BYE); `Some` when that is news.
    pub(super) fn end_streams(&mut self) -> Option<ConnectionState> {
        self.leave(State::Ended)
    }

    /// Consent is lost, until a check revives it.
    pub(super) fn lose_consent(&mut self) -> Option<ConnectionState> {
        self.leave(State::Silent)
    }

    /// DTLS is closed or has failed, which is for good.
    pub(super) fn close(&mut self) -> Option<ConnectionState> {
        self.leave(State::Closed)
    }

    /// Looks whether packets still come.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Option<ConnectionState> {
        let State::Live { check } = self.state else { return None };
        if now < check {
            return None;
        }
        let due = self.newest.map_or(check, |newest| newest + self.silence);
        if due > now {
            self.state = State::Live { check: due };
            return None;
        }
        self.state = State::Silent;
        Some(ConnectionState::Disconnected)
    }

    pub(super) const fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Live { check } => Some(check),
            State::Silent | State::Ended | State::Closed => None,
        }
    }

    fn leave(&mut self, state: State) -> Option<ConnectionState> {
        let was_live = matches!(std::mem::replace(&mut self.state, state), State::Live { .. });
        was_live.then_some(ConnectionState::Disconnected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ConnectionState::{Connected, Disconnected};

    fn at(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    #[test]
    fn four_seconds_of_silence_end_a_session_with_video_and_the_next_packet_begins_it_anew() {
        let start = Instant::now(); // clock: an origin, never compared with the present
        let mut liveness = Liveness::default();
        liveness.expect_video();
        assert_eq!(liveness.poll_timeout(), None);
        assert_eq!(liveness.note(Sign::Rtcp, start), Some(Connected));
        assert_eq!(liveness.note(Sign::Rtp, at(start, 3_000)), None);
        assert_eq!(liveness.poll_timeout(), Some(at(start, 4_000)));
        assert_eq!(liveness.handle_timeout(at(start, 4_000)), None);
        assert_eq!(liveness.poll_timeout(), Some(at(start, 7_000)));
        assert_eq!(liveness.handle_timeout(at(start, 7_000)), Some(Disconnected));
        assert_eq!(liveness.poll_timeout(), None);
        assert_eq!(liveness.note(Sign::Rtcp, at(start, 9_000)), Some(Connected));
    }

    #[test]
    fn an_audio_receiver_that_reports_every_seven_seconds_stays() {
        let start = Instant::now(); // clock: an origin, never compared with the present
        let mut liveness = Liveness::default();
        assert_eq!(liveness.note(Sign::Rtcp, start), Some(Connected));
        for report in 1..10 {
            let now = at(start, report * 7_500);
            if liveness.poll_timeout().is_some_and(|check| check <= now) {
                assert_eq!(liveness.handle_timeout(now), None);
            }
            assert_eq!(liveness.note(Sign::Rtcp, now), None);
        }
    }

    #[test]
    fn after_a_bye_reports_are_no_beginning_and_after_dtls_nothing_is() {
        let start = Instant::now(); // clock: an origin, never compared with the present
        let mut liveness = Liveness::default();
        assert_eq!(liveness.end_streams(), None, "nothing had begun");
        assert_eq!(liveness.note(Sign::Rtp, start), Some(Connected));
        assert_eq!(liveness.end_streams(), Some(Disconnected));
        assert_eq!(liveness.note(Sign::Rtcp, start), None);
        assert_eq!(liveness.note(Sign::Rtp, start), Some(Connected));
        assert_eq!(liveness.lose_consent(), Some(Disconnected));
        assert_eq!(liveness.note(Sign::Rtcp, start), Some(Connected));
        assert_eq!(liveness.close(), Some(Disconnected));
        assert_eq!(liveness.note(Sign::Rtp, start), None);
        assert_eq!(liveness.close(), None);
    }
}
