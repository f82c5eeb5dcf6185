//! A naive forwarder: it remembers everything, and says of each departure whether it had to be.
//!
//! It knows nothing of rings, offsets or timers. A viewer's stream is a sequence of *runs*, each of one track:
//! every packet that the track had from the run's first on, in its publisher's order, under numbers that skip
//! nothing but padding. A run begins with a keyframe. Before it may stand one picture alone.

use keel_media::rtp::SeqNo;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// After this long without a recognisable keyframe a viewer gets what there is.
const PATIENCE: Duration = Duration::from_secs(3);

/// A packet as its publisher made it.
#[derive(Clone, Debug)]
pub(super) struct Made {
    pub(super) payload: Vec<u8>,
    pub(super) timestamp: u32,
    pub(super) begins_keyframe: bool,
}

/// What one publisher made, and what of it the forwarder took.
#[derive(Debug, Default)]
pub(super) struct TrackModel {
    made: BTreeMap<u64, Made>,
    taken: BTreeSet<u64>,
    /// Keyframes that began before anything newer had come.
    prompt: BTreeSet<u64>,
    requests: Vec<Instant>,
}

/// One viewer's stream.
#[derive(Debug, Default)]
pub(super) struct Viewer {
    wanted: Option<usize>,
    wanted_since: Option<Instant>,
    /// The viewer's transport came up: its run may begin anew.
    restarted: bool,
    run: Option<Run>,
    /// Numbers that what was lost at the end of the last run may have taken, once that has ended.
    lost_before: u64,
    newest_out: Option<u64>,
    newest_departure: Option<Instant>,
    newest_timestamp: Option<u32>,
    /// By the number on the wire.
    sent: BTreeMap<u16, (Vec<u8>, u32)>,
    asked: BTreeSet<u16>,
    asks: usize,
    pub(super) repairs: usize,
}

#[derive(Debug)]
struct Run {
    track: usize,
    /// Its first packet; earlier ones may still come late, where the run before was of this track too.
    begin: Option<u64>,
    /// Outgoing number by the publisher's index.
    outs: BTreeMap<u64, u64>,
    /// Outgoing timestamp by the publisher's, of which there is no wrap in a play.
    timestamps: BTreeMap<u32, u32>,
    /// It goes on without a keyframe, for want of one.
    blind: bool,
}

impl TrackModel {
    pub(super) fn make(&mut self, index: u64, made: Made) {
        self.made.insert(index, made);
    }

    pub(super) fn made(&self, index: u64) -> Option<&Made> {
        self.made.get(&index)
    }

    /// Notes what the forwarder made of a packet that came.
    pub(super) fn arrived(&mut self, index: u64, was_taken: bool, is_duplicate: bool) {
        if was_taken
            && self.made[&index].begins_keyframe
            && self.taken.last().is_none_or(|newest| *newest < index)
        {
            self.prompt.insert(index);
        }
        assert!(!was_taken || self.taken.insert(index), "{index} was taken twice");
        assert!(!is_duplicate || self.taken.contains(&index), "{index} never came before");
    }

    /// Notes a request for a keyframe: two in any second at most.
    pub(super) fn requested(&mut self, now: Instant) {
        if let Some(before) = self.requests.len().checked_sub(2).map(|place| self.requests[place]) {
            assert!(now - before >= Duration::from_secs(1), "more than two requests in a second");
        }
        self.requests.push(now);
    }

    fn media_from(&self, index: u64) -> impl Iterator<Item = (u64, &Made)> {
        let taken = self.taken.range(index..).filter_map(|index| Some((*index, self.made.get(index)?)));
        taken.filter(|(_, made)| !made.payload.is_empty())
    }

    fn padding_between(&self, after: u64, before: u64) -> u64 {
        let is_padding = |(_, made): &(&u64, &Made)| made.payload.is_empty();
        self.made.range(after + 1..before).filter(is_padding).count() as u64
    }
}

impl Viewer {
    /// The viewer is to have this track from now on, or none.
    pub(super) fn want(&mut self, tracks: &[TrackModel], track: Option<usize>, now: Instant) {
        self.wanted = track;
        self.restart(now);
        if track.is_none()
            && let Some(run) = self.run.take()
        {
            self.lost_before = run.lost_at_end(&tracks[run.track]);
        }
    }

    pub(super) fn restart(&mut self, now: Instant) {
        self.restarted = true;
        self.wanted_since = Some(now);
    }

    /// Notes that it asked for numbers again.
    pub(super) fn ask(&mut self, numbers: &[SeqNo]) {
        self.asked.extend(numbers.iter().map(|number| number.wire()));
        self.asks += numbers.len();
    }

    /// How many packets of media it got.
    #[cfg(test)]
    pub(super) fn received(&self) -> usize {
        self.sent.len()
    }

    /// A packet left for it, whose payload is the one of `index` of `track`.
    pub(super) fn departed(
        &mut self,
        tracks: &[TrackModel],
        (track, index): (usize, u64),
        out: u64,
        timestamp: u32,
        now: Instant,
    ) {
        let made = tracks[track].made(index).expect("a payload that its publisher made");
        assert!(tracks[track].taken.contains(&index), "{index} was not taken");
        // Until the track that it wants begins, what it had may go on.
        let begins_anew = self.restarted
            && self.wanted == Some(track)
            && self.newest_out.is_none_or(|newest| newest < out)
            && (made.begins_keyframe || self.has_waited(now));
        let goes_on = self.run.as_ref().is_some_and(|run| run.track == track) && !begins_anew;
        if !goes_on {
            self.begin_run(tracks, track, made, out, now);
        }
        let patience_is_over =
            self.newest_departure.is_none_or(|departure| now.duration_since(departure) >= PATIENCE);
        let run = self.run.as_mut().expect("a run has begun");
        run.take(&tracks[track], index, out, patience_is_over);
        run.note_time(made.timestamp, timestamp);
        let newest = self.newest_timestamp.get_or_insert(timestamp);
        let is_newer = timestamp.wrapping_sub(*newest) as i32 > 0;
        assert!(goes_on || is_newer || self.newest_out.is_none(), "time went back over a switch");
        if is_newer {
            *newest = timestamp;
        }
        self.newest_out = self.newest_out.max(Some(out));
        self.newest_departure = Some(now);
        self.sent.insert(out as u16, (made.payload.clone(), timestamp));
    }

    fn begin_run(&mut self, tracks: &[TrackModel], track: usize, first: &Made, out: u64, now: Instant) {
        assert_eq!(self.wanted, Some(track), "a packet for someone who is not subscribed");
        let blind = !first.begins_keyframe;
        assert!(!blind || self.has_waited(now), "a stream that begins without a keyframe");
        // What was lost at the end of the run before, with padding behind it, keeps its numbers.
        let lost = self.run.as_ref().map_or(self.lost_before, |run| run.lost_at_end(&tracks[run.track]));
        let meets = |newest| (newest + 1..=newest + 1 + lost).contains(&out);
        assert!(self.newest_out.is_none_or(meets), "{out} goes on from {:?}", self.newest_out);
        self.restarted = false;
        self.run =
            Some(Run { track, begin: None, outs: BTreeMap::new(), timestamps: BTreeMap::new(), blind });
    }

    fn has_waited(&self, now: Instant) -> bool {
        self.wanted_since.is_some_and(|since| now.duration_since(since) >= PATIENCE)
    }

    /// A retransmission left: of what it was sent, as it was sent, no more often than it asked.
    pub(super) fn repaired(&mut self, original: SeqNo, payload: &[u8], timestamp: u32) {
        assert!(self.asked.contains(&original.wire()), "nobody asked for {original:?}");
        // What had been lost on the publisher's way may first come as a repair.
        if let Some((sent, at)) = self.sent.get(&original.wire()) {
            assert_eq!((sent.as_slice(), *at), (payload, timestamp), "another packet under {original:?}");
        }
        self.repairs += 1;
        assert!(self.repairs <= self.asks);
    }

    /// At the end, with all that was on its way: nothing of a run is missing.
    pub(super) fn finish(&self, tracks: &[TrackModel]) {
        let Some(run) = self.run.as_ref().filter(|run| Some(run.track) == self.wanted && !self.restarted)
        else {
            return;
        };
        run.finish(&tracks[run.track]);
    }
}

impl Run {
    fn take(&mut self, track: &TrackModel, index: u64, out: u64, patience_is_over: bool) {
        assert!(self.outs.insert(index, out).is_none(), "{index} left twice");
        self.begin.get_or_insert(index);
        if let Some((after, limit)) = self.outs.range(index + 1..).next() {
            assert!(out < *limit, "{index} has a number behind that of {after}");
        }
        let Some((before, limit)) = self.outs.range(..index).next_back() else { return };
        assert!(*limit < out, "{index} has a number before that of {before}");
        let (numbers, places) = (out - limit - 1, index - before - 1);
        let padding = track.padding_between(*before, index);
        let is_exact = (places - padding..=places).contains(&numbers);
        // Over the gap behind a picture that stands alone no numbers are left.
        let jumps = self.blind || patience_is_over || numbers == 0 && track.made[&index].begins_keyframe;
        assert!(is_exact || jumps, "{numbers} numbers for {places} places, {padding} of padding");
        self.blind |= jumps && !is_exact && !track.made[&index].begins_keyframe;
    }

    fn lost_at_end(&self, track: &TrackModel) -> u64 {
        let last = self.outs.last_key_value().map_or(0, |(last, _)| *last);
        track.made.range(last + 1..).filter(|(_, made)| !made.payload.is_empty()).count() as u64
    }

    fn note_time(&mut self, source: u32, out: u32) {
        assert_eq!(*self.timestamps.entry(source).or_insert(out), out, "a frame with two timestamps");
        let before = self.timestamps.range(..source).next_back().map(|(_, before)| *before);
        let after = self.timestamps.range(source + 1..).next().map(|(_, after)| *after);
        assert!(before.is_none_or(|before| out.wrapping_sub(before) as i32 > 0), "time stands still");
        assert!(after.is_none_or(|after| after.wrapping_sub(out) as i32 > 0), "time goes back");
    }

    fn finish(&self, track: &TrackModel) {
        let Some(first) = self.begin.as_ref() else { return };
        let is_missing = |(index, _): &(u64, &Made)| !self.outs.contains_key(index);
        let Some((missing, _)) = track.media_from(*first).find(is_missing) else { return };
        let picture = track.made[first].timestamp;
        let is_picture = |(index, _): (&u64, &u64)| track.made[index].timestamp == picture;
        assert!(self.outs.range(first..&missing).all(is_picture), "{missing} never left");
        match self.outs.range(missing..).next() {
            Some((live, _)) => {
                assert!(self.blind || track.made[live].begins_keyframe, "{live} goes on from nothing");
                let lost = track.media_from(*live).find(is_missing).map(|(index, _)| index);
                assert!(self.blind || lost.is_none(), "{lost:?} never left");
            }
            None => {
                let (last, _) = self.outs.last_key_value().expect("it has a first");
                let next = track.prompt.range(last.max(&missing) + 1..).next();
                assert_eq!(next, None, "a keyframe that was not taken");
            }
        }
    }
}
