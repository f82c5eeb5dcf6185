//! Who speaks: from the audio levels of many speakers to the dominant one and the loudest few.
//!
//! The packet path only adds up levels ([`LevelMeter`], one extension read for each packet of a watched
//! source). [`SpeakerWatch`] looks at the sums five times a second. Its input is plain (who, how loud), so it
//! does not matter on which worker a speaker's packets arrive.

use crate::id::ElementId;
use std::time::{Duration, Instant};

/// Between two looks: a syllable.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// The weight of a look's loudness in the smoothed one, in percent: after a second of silence a seventh is left.
const WEIGHT_PERCENT: u32 = 32;
/// Smoothed loudness that counts as speech: above -60 dBov. Rooms hum below, voices are 20 dB and more above.
const SPEECH_MIN: u32 = score(67);
/// By how much a challenger must be louder than who holds a place.
const MARGIN: u32 = score(6);
/// For how many looks in a row, where the holder speaks too.
const CHALLENGE_LOOKS: u32 = 4;
/// How long the dominant speaker stays so at least, while it speaks.
const HOLD: Duration = Duration::from_secs(2);
/// After this long without speech nobody is dominant.
const SILENCE: Duration = Duration::from_secs(3);
/// What is taken off the loudness of a packet that its sender says is not voice.
const NO_VOICE: u8 = 20;

/// Loudness with fractions, for smoothing without rounding to a stop.
const fn score(loudness: u8) -> u32 {
    (loudness as u32) << 8
}

/// How loud something is, in dB above silence: 0 to 127.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Loudness(u8);

impl Loudness {
    /// Limited to 127.
    #[must_use]
    pub const fn new(decibels: u8) -> Self {
        Self(if decibels > 127 { 127 } else { decibels })
    }
}

/// The levels of one source's packets since they were last looked at.
#[derive(Debug, Default)]
pub(super) struct LevelMeter {
    sum: u32,
    packets: u32,
    /// The sender tells voice from other sound; one that does not never sets the flag.
    tells_voice: bool,
}

impl LevelMeter {
    /// Adds a packet's level extension. A value of another length is ignored.
    pub(super) fn note(&mut self, value: &[u8]) {
        // RFC 6464 §3: the voice flag, then the level in -dBov: 127 is silence.
        let [byte] = *value else { return };
        let voice = byte & 0x80 != 0;
        self.tells_voice |= voice;
        let loudness = 127 - (byte & 0x7f);
        let counted = if voice || !self.tells_voice { loudness } else { loudness.saturating_sub(NO_VOICE) };
        self.sum = self.sum.saturating_add(counted.into());
        self.packets = self.packets.saturating_add(1);
    }

    /// The mean since the last call; `None` when no packet came.
    pub(super) fn take(&mut self) -> Option<Loudness> {
        let mean = self.sum.checked_div(self.packets)?;
        (self.sum, self.packets) = (0, 0);
        Some(Loudness::new(mean.min(127) as u8))
    }
}

/// The speakers of one conversation. Their number is bounded by who adds them.
#[derive(Debug)]
pub struct SpeakerWatch {
    loudest_max: usize,
    /// In ascending order.
    speakers: Vec<Speaker>,
    dominant: Option<Dominant>,
    loudest: Vec<ElementId>,
    due: Instant,
}

#[derive(Debug)]
struct Speaker {
    id: ElementId,
    /// What was noted since the last look.
    noted: Option<Loudness>,
    score: u32,
    /// Looks in a row at which it was louder than the dominant speaker by the margin.
    challenges: u32,
}

#[derive(Clone, Copy, Debug)]
struct Dominant {
    id: ElementId,
    since: Instant,
    /// When it was last above [`SPEECH_MIN`].
    heard: Instant,
}

/// What a look has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SpeakerChange {
    /// This one speaks, in place of who spoke before.
    Dominant(ElementId),
    /// This one spoke last, and for three seconds nobody does.
    Silent(ElementId),
    /// This one is among the loudest now.
    Joined(ElementId),
    /// This one was among the loudest.
    Left(ElementId),
}

impl SpeakerWatch {
    /// A watch for the `loudest_max` loudest speakers, of whom it has heard none.
    #[must_use]
    pub const fn new(loudest_max: usize, now: Instant) -> Self {
        Self { loudest_max, speakers: Vec::new(), dominant: None, loudest: Vec::new(), due: now }
    }

    /// Notes how loud a speaker was since the last look. One of whom nothing is noted was silent.
    pub fn note(&mut self, id: ElementId, loudness: Loudness) {
        let place = self.speakers.binary_search_by_key(&id, |speaker| speaker.id).unwrap_or_else(|place| {
            self.speakers.insert(place, Speaker { id, noted: None, score: 0, challenges: 0 });
            place
        });
        if let Some(speaker) = self.speakers.get_mut(place) {
            speaker.noted = speaker.noted.max(Some(loudness));
        }
    }

    /// Keeps only the speakers that are still there; the next look tells what that changes.
    pub fn retain(&mut self, is_there: impl Fn(ElementId) -> bool) {
        self.speakers.retain(|speaker| is_there(speaker.id));
    }

    /// When to look next.
    #[must_use]
    pub const fn poll_timeout(&self) -> Instant {
        self.due
    }

    /// Looks at what was noted since the last look, if it is time to.
    pub fn look(&mut self, now: Instant) -> Vec<SpeakerChange> {
        if now < self.due {
            return Vec::new();
        }
        self.due = now + LOOK_INTERVAL;
        for speaker in &mut self.speakers {
            let heard = speaker.noted.take().map_or(0, |Loudness(loudness)| score(loudness));
            speaker.score = (speaker.score * (100 - WEIGHT_PERCENT) + heard * WEIGHT_PERCENT) / 100;
        }
        let mut changes = Vec::new();
        changes.extend(self.find_dominant(now));
        self.find_loudest(&mut changes);
        changes
    }

    /// The dominant speaker, if that has changed.
    fn find_dominant(&mut self, now: Instant) -> Option<SpeakerChange> {
        let before = self.dominant.map(|dominant| dominant.id);
        let held = self.dominant.and_then(|dominant| self.score_of(dominant.id)).unwrap_or(0);
        if let Some(dominant) = self.dominant.as_mut().filter(|_| held >= SPEECH_MIN) {
            dominant.heard = now;
        }
        for speaker in &mut self.speakers {
            let challenges = Some(speaker.id) != before
                && speaker.score >= SPEECH_MIN
                && (held < SPEECH_MIN || speaker.score >= held + MARGIN);
            speaker.challenges = if challenges { speaker.challenges + 1 } else { 0 };
        }
        let needed = if held >= SPEECH_MIN { CHALLENGE_LOOKS } else { 1 };
        let is_held = held >= SPEECH_MIN
            && self.dominant.is_some_and(|dominant| now.saturating_duration_since(dominant.since) < HOLD);
        let challenger = self
            .speakers
            .iter()
            .filter(|speaker| speaker.challenges >= needed && !is_held)
            .max_by_key(|speaker| (speaker.score, std::cmp::Reverse(speaker.id)));
        if let Some(challenger) = challenger {
            self.dominant = Some(Dominant { id: challenger.id, since: now, heard: now });
        } else if self.dominant.is_some_and(|dominant| {
            self.score_of(dominant.id).is_none() || now.saturating_duration_since(dominant.heard) >= SILENCE
        }) {
            self.dominant = None;
        }
        match (before, self.dominant.map(|dominant| dominant.id)) {
            (before, Some(after)) if before != Some(after) => Some(SpeakerChange::Dominant(after)),
            (Some(before), None) => Some(SpeakerChange::Silent(before)),
            _ => None,
        }
    }

    /// Who has joined and left the loudest.
    fn find_loudest(&mut self, changes: &mut Vec<SpeakerChange>) {
        let mut speaking: Vec<_> = self
            .speakers
            .iter()
            .map(|speaker| {
                // Who is among them stays until another is louder by the margin, or it is silent.
                let bonus = if self.loudest.contains(&speaker.id) { MARGIN } else { 0 };
                (speaker.score, bonus, speaker.id)
            })
            .filter(|(score, bonus, _)| score + bonus >= SPEECH_MIN)
            .collect();
        speaking.sort_by_key(|(score, bonus, id)| (std::cmp::Reverse(score + bonus), *id));
        speaking.truncate(self.loudest_max);
        let loudest: Vec<_> = speaking.into_iter().map(|(_, _, id)| id).collect();
        let before = std::mem::replace(&mut self.loudest, loudest);
        let left = before.iter().filter(|id| !self.loudest.contains(id));
        changes.extend(left.map(|id| SpeakerChange::Left(*id)));
        let joined = self.loudest.iter().filter(|id| !before.contains(id));
        changes.extend(joined.map(|id| SpeakerChange::Joined(*id)));
    }

    fn score_of(&self, id: ElementId) -> Option<u32> {
        let place = self.speakers.binary_search_by_key(&id, |speaker| speaker.id).ok()?;
        self.speakers.get(place).map(|speaker| speaker.score)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const ANN: ElementId = ElementId::new(1);
    const BEN: ElementId = ElementId::new(2);
    const CLEO: ElementId = ElementId::new(3);

    /// A conversation in looks of 200 ms; remembers every change with its time in milliseconds.
    struct Talk {
        watch: SpeakerWatch,
        start: Instant,
        now: Instant,
        changes: Vec<(u128, SpeakerChange)>,
    }

    impl Talk {
        fn new(loudest_max: usize) -> Self {
            let start = Instant::now(); // clock: an origin, never compared with the present
            let watch = SpeakerWatch::new(loudest_max, start);
            Self { watch, start, now: start, changes: Vec::new() }
        }

        /// For so long everybody is as loud as told, the others silent.
        fn goes_on(&mut self, millis: u64, levels: &[(ElementId, u8)]) {
            for _ in 0..millis / 200 {
                for (speaker, decibels) in levels {
                    self.watch.note(*speaker, Loudness::new(*decibels));
                }
                let at = (self.now - self.start).as_millis();
                self.changes.extend(self.watch.look(self.now).into_iter().map(|change| (at, change)));
                self.now += LOOK_INTERVAL;
            }
        }

        fn dominant(&self) -> Vec<(u128, Option<ElementId>)> {
            let dominant = |(at, change): &(u128, SpeakerChange)| match change {
                SpeakerChange::Dominant(who) => Some((*at, Some(*who))),
                SpeakerChange::Silent(_) => Some((*at, None)),
                SpeakerChange::Joined(_) | SpeakerChange::Left(_) => None,
            };
            self.changes.iter().filter_map(dominant).collect()
        }

        /// Who is among the loudest by what was told, in ascending order.
        fn loudest(&self) -> Vec<ElementId> {
            let mut loudest = BTreeSet::new();
            for (_, change) in &self.changes {
                match change {
                    SpeakerChange::Joined(who) => assert!(loudest.insert(*who), "joined twice"),
                    SpeakerChange::Left(who) => assert!(loudest.remove(who), "left twice"),
                    SpeakerChange::Dominant(_) | SpeakerChange::Silent(_) => {}
                }
            }
            loudest.into_iter().collect()
        }
    }

    #[test]
    fn who_speaks_becomes_dominant_and_stays_so_through_coughs_and_pauses() {
        let mut talk = Talk::new(3);
        talk.goes_on(3_000, &[(ANN, 95), (BEN, 30), (CLEO, 40)]);
        let [(at, Some(ANN))] = talk.dominant()[..] else { panic!("{:?}", talk.changes) };
        assert!(at <= 1_000, "within a second");
        talk.goes_on(400, &[(ANN, 90), (BEN, 110)]);
        talk.goes_on(1_000, &[(ANN, 95)]);
        talk.goes_on(600, &[]);
        talk.goes_on(1_000, &[(ANN, 95), (CLEO, 93)]);
        assert_eq!(talk.dominant().len(), 1, "neither a cough nor an equal takes over: {:?}", talk.changes);
    }

    #[test]
    fn another_takes_over_quickly_in_silence_and_with_patience_in_a_quarrel() {
        let mut talk = Talk::new(1);
        talk.goes_on(3_000, &[(ANN, 90)]);
        talk.goes_on(1_400, &[]);
        talk.goes_on(2_000, &[(BEN, 90)]);
        let [_, (at, Some(BEN))] = talk.dominant()[..] else { panic!("{:?}", talk.changes) };
        assert!((4_400..=5_400).contains(&at), "{at}");
        talk.goes_on(4_000, &[(BEN, 85), (CLEO, 105)]);
        let [_, _, (at, Some(CLEO))] = talk.dominant()[..] else { panic!("{:?}", talk.changes) };
        assert!((7_000..=8_600).contains(&at), "{at}");
    }

    #[test]
    fn nobody_is_dominant_after_silence_or_when_packets_stop() {
        let mut talk = Talk::new(2);
        talk.goes_on(2_000, &[(ANN, 90), (BEN, 88)]);
        talk.goes_on(8_000, &[]);
        let [(_, Some(ANN)), (at, None)] = talk.dominant()[..] else { panic!("{:?}", talk.changes) };
        assert!((4_600..=5_200).contains(&at), "{at}");
        assert_eq!(talk.loudest(), []);
        talk.goes_on(2_000, &[(BEN, 0), (ANN, 20)]);
        assert_eq!(talk.dominant().len(), 2, "levels of silence are silence");
    }

    #[test]
    fn the_loudest_are_as_many_as_asked_for_and_do_not_flutter() {
        let mut talk = Talk::new(2);
        talk.goes_on(2_000, &[(ANN, 90), (BEN, 95), (CLEO, 70)]);
        assert_eq!(talk.loudest(), [ANN, BEN]);
        let before = talk.changes.len();
        for _ in 0..10 {
            talk.goes_on(400, &[(ANN, 88), (BEN, 92), (CLEO, 91)]);
            talk.goes_on(400, &[(ANN, 91), (BEN, 88), (CLEO, 89)]);
        }
        assert_eq!(talk.changes.len(), before, "{:?}", talk.changes);
        talk.goes_on(3_000, &[(ANN, 80), (BEN, 92), (CLEO, 100)]);
        assert_eq!(talk.loudest(), [BEN, CLEO], "{:?}", talk.changes);
    }

    #[test]
    fn one_who_leaves_is_no_speaker_any_more() {
        let mut talk = Talk::new(2);
        talk.goes_on(2_000, &[(ANN, 90)]);
        talk.watch.retain(|speaker| speaker != ANN);
        talk.goes_on(200, &[]);
        assert_eq!(talk.dominant().last().map(|(_, who)| *who), Some(None));
        assert_eq!(talk.loudest(), []);
        assert!(talk.watch.look(talk.now - Duration::from_millis(1)).is_empty(), "it is not time yet");
    }

    // covers: RFC 6464 §3
    #[test]
    fn levels_are_averaged_and_sound_that_is_no_voice_counts_less() {
        let mut meter = LevelMeter::default();
        assert_eq!(meter.take(), None);
        [27, 47].iter().for_each(|level| meter.note(&[*level]));
        assert_eq!(meter.take(), Some(Loudness(90)), "a sender without voice detection");
        [0x80 | 27, 27, 127].iter().for_each(|level| meter.note(&[*level]));
        assert_eq!(meter.take(), Some(Loudness(60)), "100, 80 and 0");
        meter.note(&[1, 2]);
        meter.note(&[]);
        assert_eq!(meter.take(), None, "no such extension");
    }
}
