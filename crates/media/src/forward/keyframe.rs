//! When a publisher is asked for a keyframe: the wishes of all its subscribers as one request.

use std::time::{Duration, Instant};

/// Between two requests for new wishes. A keyframe costs the publisher many times a delta frame; wishes
/// that come within this window of a request are served by one more at its end, so a storm of joins is two
/// requests a second at most.
const WINDOW: Duration = Duration::from_millis(500);
/// How long a keyframe may take before the request counts as lost: a long round trip and some frames. Each
/// further attempt waits twice as long, up to [`RETRY_MAX`].
const RETRY_MIN: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(4);
/// Requests for one wish, half a minute of them. A publisher that answers none of them has a muted camera,
/// or none; whoever still waits when its packets come makes a new wish.
const ATTEMPTS_MAX: u8 = 10;

/// The state of the request to one source.
#[derive(Debug, Default)]
pub(super) struct KeyframeRequest {
    state: State,
    last_asked: Option<Instant>,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Idle,
    Wished {
        due: Instant,
    },
    Asked {
        retry: Instant,
        attempts: u8,
    },
}

/// What to send to the publisher.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ask {
    /// A request for a new wish.
    First,
    /// The same request again.
    Again,
}

impl KeyframeRequest {
    /// Somebody needs a keyframe. Joins a request that is under way.
    pub(super) fn wish(&mut self, now: Instant) {
        if matches!(self.state, State::Idle) {
            let due = self.last_asked.map_or(now, |asked| (asked + WINDOW).max(now));
            self.state = State::Wished { due };
        }
    }

    /// A keyframe begins: every wish so far is granted.
    pub(super) const fn note_keyframe(&mut self) {
        self.state = State::Idle;
    }

    /// Nothing comes any more, so there is nobody to ask.
    pub(super) const fn give_up(&mut self) {
        self.state = State::Idle;
    }

    /// The request that is due, if any; nothing more once a wish has had its last attempt.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Ask> {
        let (ask, attempts) = match self.state {
            State::Wished { due } if due <= now => (Ask::First, 1),
            State::Asked { retry, attempts } if retry <= now => {
                if attempts == ATTEMPTS_MAX {
                    self.state = State::Idle;
                    return None;
                }
                (Ask::Again, attempts + 1)
            }
            _ => return None,
        };
        let pause = (RETRY_MIN * (1 << (attempts - 1).min(8))).min(RETRY_MAX);
        self.state = State::Asked { retry: now + pause, attempts };
        self.last_asked = Some(now);
        Some(ask)
    }

    pub(super) const fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Idle => None,
            State::Wished { due } => Some(due),
            State::Asked { retry, .. } => Some(retry),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_wishes_are_one_request() {
        let start = Instant::now(); // clock: an origin, never compared with the present
        let mut request = KeyframeRequest::default();
        let mut asked = 0;
        for wish in 0..100 {
            let now = start + Duration::from_millis(wish);
            request.wish(now);
            asked += u32::from(request.take_due(now).is_some());
        }
        assert_eq!(asked, 1);
    }

    #[test]
    fn a_wish_right_after_a_keyframe_waits_for_the_window() {
        let start = Instant::now(); // clock: an origin, never compared with the present
        let mut request = KeyframeRequest::default();
        request.wish(start);
        assert_eq!(request.take_due(start), Some(Ask::First));
        request.note_keyframe();
        assert_eq!(request.poll_timeout(), None);
        request.wish(start + Duration::from_millis(100));
        assert_eq!(request.take_due(start + Duration::from_millis(499)), None);
        assert_eq!(request.take_due(start + WINDOW), Some(Ask::First));
    }

    #[test]
    fn an_unanswered_request_is_repeated_ever_more_rarely_and_not_for_ever() {
        let start = Instant::now(); // clock: an origin, never compared with the present
        let mut request = KeyframeRequest::default();
        request.wish(start);
        let mut asks = Vec::new();
        while let Some(due) = request.poll_timeout() {
            asks.extend(request.take_due(due).map(|ask| (ask, (due - start).as_millis())));
        }
        let times: Vec<_> = asks.iter().map(|(_, at)| *at).collect();
        assert_eq!(times, [0, 500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500]);
        assert_eq!(asks[0].0, Ask::First);
        assert!(asks[1..].iter().all(|(ask, _)| *ask == Ask::Again));
    }
}
