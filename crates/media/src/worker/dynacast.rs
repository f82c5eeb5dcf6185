//! Which encodings of a video somebody wants, told to its publisher's owner: one that nobody watches need not
//! be sent ("dynacast").

use super::State;
use crate::forward::{ENCODINGS_MAX, WantedEncodings};
use crate::id::{ElementId, SessionId, TrackId};
use crate::pipeline::EndpointEvent;
use std::time::{Duration, Instant};

/// How long an encoding must have been wanted by nobody before that is told: viewers change their layouts in
/// less, and an encoder that is begun anew costs a keyframe.
const UNWANTED_MIN: Duration = Duration::from_secs(2);

/// What the owner of one video was told, and what is wanted by now.
#[derive(Clone, Debug)]
pub(super) struct EncodingWatch {
    told: WantedEncodings,
    /// Of those that were told to be wanted: since when they are not.
    unwanted: [Option<Instant>; ENCODINGS_MAX],
}

impl EncodingWatch {
    /// Of a publisher that sends all its `count` encodings, as everybody does who was told nothing.
    pub(super) fn new(count: usize) -> Self {
        Self { told: WantedEncodings::first(count), unwanted: [None; ENCODINGS_MAX] }
    }

    /// Notes what is wanted from now on. Returns what to tell, if anything.
    pub(super) fn note(&mut self, wanted: WantedEncodings, now: Instant) -> Option<WantedEncodings> {
        for (place, unwanted) in self.unwanted.iter_mut().enumerate() {
            let since = self.told.contains(place) && !wanted.contains(place);
            *unwanted = since.then(|| unwanted.unwrap_or(now));
        }
        self.tell(self.told.union(wanted))
    }

    /// Returns what to tell by now, if anything.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Option<WantedEncodings> {
        let mut wanted = self.told;
        for (place, unwanted) in self.unwanted.iter_mut().enumerate() {
            if unwanted.take_if(|since| *since + UNWANTED_MIN <= now).is_some() {
                wanted.set(place, false);
            }
        }
        self.tell(wanted)
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.unwanted.iter().flatten().min().map(|since| *since + UNWANTED_MIN)
    }

    fn tell(&mut self, wanted: WantedEncodings) -> Option<WantedEncodings> {
        (std::mem::replace(&mut self.told, wanted) != wanted).then_some(wanted)
    }
}

impl State {
    /// Notes that other encodings of a track are wanted than before.
    pub(super) fn note_wanted(
        &mut self,
        now: Instant,
        session: SessionId,
        track: TrackId,
        wanted: WantedEncodings,
    ) {
        let endpoint = self.sessions.get(session).and_then(|seat| self.endpoints.get(&seat.endpoint));
        let mut media = endpoint.into_iter().flat_map(|endpoint| &endpoint.media);
        if let Some(element) = media.find(|media| media.track == Some(track)).map(|media| media.element) {
            self.change_watch(element, |watch| watch.note(wanted, now));
        }
    }

    /// Tells what has not been wanted for long enough.
    pub(super) fn look_at_encodings(&mut self, now: Instant) {
        while let Some((due, element)) = self.watches.first().copied()
            && due <= now
        {
            self.watches.remove(&(due, element));
            self.change_watch(element, |watch| watch.handle_timeout(now));
        }
    }

    /// Changes the watch of a line, if it has one, and tells what comes of it.
    pub(super) fn change_watch(
        &mut self,
        element: ElementId,
        change: impl FnOnce(&mut EncodingWatch) -> Option<WantedEncodings>,
    ) {
        let Some(connection) = self.lines.get(&element).map(|line| line.connection) else { return };
        let endpoint = self.endpoints.get_mut(&connection);
        let media = endpoint.and_then(|known| known.media.iter_mut().find(|media| media.element == element));
        let Some((media, watch)) = media.and_then(|media| Some((&media.encodings, media.watch.as_mut()?)))
        else {
            return;
        };
        let before = watch.poll_timeout();
        let told = change(watch);
        if let Some(before) = before {
            self.watches.remove(&(before, element));
        }
        if let Some(due) = watch.poll_timeout() {
            self.watches.insert((due, element));
        }
        if let Some(wanted) = told {
            let named = media.iter().enumerate().map(|(place, (_, rid))| (*rid, wanted.contains(place)));
            let wanted = named.collect();
            self.emit(element, EndpointEvent::WantedEncodings { wanted });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(encodings: &[usize]) -> WantedEncodings {
        let mut wanted = WantedEncodings::default();
        encodings.iter().for_each(|encoding| wanted.set(*encoding, true));
        wanted
    }

    #[test]
    fn what_nobody_wants_is_told_after_two_seconds_and_what_somebody_wants_at_once() {
        let start = Instant::now(); // clock: an origin, never compared with the present
        let at = |ms| start + Duration::from_millis(ms);
        let mut watch = EncodingWatch::new(3);
        assert_eq!(watch.note(wanted(&[0]), at(0)), None, "the better two may be wanted in a moment");
        assert_eq!(watch.note(wanted(&[0, 1]), at(1_000)), None, "and so it is");
        assert_eq!(watch.note(wanted(&[0]), at(1_500)), None);
        assert_eq!(watch.poll_timeout(), Some(at(2_000)));
        assert_eq!(watch.handle_timeout(at(2_000)), Some(wanted(&[0, 1])), "each by its own time");
        assert_eq!(watch.handle_timeout(at(3_499)), None);
        assert_eq!(watch.handle_timeout(at(3_500)), Some(wanted(&[0])));
        assert_eq!(watch.poll_timeout(), None);
        assert_eq!(watch.note(wanted(&[0, 1, 2]), at(9_000)), Some(wanted(&[0, 1, 2])));
        assert_eq!(watch.note(wanted(&[]), at(9_100)), None);
        assert_eq!(watch.handle_timeout(at(11_100)), Some(wanted(&[])), "nobody watches at all");
    }
}
