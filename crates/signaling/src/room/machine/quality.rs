//! How good participants' connections are, in three levels that change seldom.

use super::Output;
use super::room::Room;
use crate::room::answer::{Level, ParticipantQuality, ServerMessage};
use crate::room::effect::Sample;
use crate::room::id::ParticipantId;
use std::time::{Duration, Instant};

/// The level of one participant.
pub(super) struct Quality {
    level: Level,
    told: Level,
    /// Samples in a row that were better than the level.
    better: u8,
}

/// A level gets worse at once and better only after so many samples: one that flickers tells nothing.
const BETTER_SAMPLES: u8 = 2;

/// Above these a conversation suffers: pictures that stutter, answers that come late (ITU-T G.114: 400 ms one
/// way is the end of what is acceptable).
const POOR_LOSS: f64 = 0.08;
const POOR_RTT: Duration = Duration::from_millis(800);

/// Above these an attentive listener notices.
const FAIR_LOSS: f64 = 0.02;
const FAIR_RTT: Duration = Duration::from_millis(300);

impl Default for Quality {
    fn default() -> Self {
        Self { level: Level::Good, told: Level::Good, better: 0 }
    }
}

impl Sample {
    /// Whether it is as good as there is a word for.
    pub(in crate::room) fn is_fine(self) -> bool {
        self.level() == Level::Good
    }

    fn level(self) -> Level {
        let slower_than = |limit: Duration| self.rtt.is_some_and(|rtt| rtt > limit);
        if self.is_down || self.loss > POOR_LOSS || slower_than(POOR_RTT) {
            Level::Poor
        } else if self.loss > FAIR_LOSS || slower_than(FAIR_RTT) {
            Level::Fair
        } else {
            Level::Good
        }
    }
}

impl Quality {
    pub(super) fn level(&self) -> Level {
        self.level
    }

    fn take(&mut self, sample: Sample) {
        let level = sample.level();
        if level >= self.level {
            self.better = 0;
            self.level = level;
        } else {
            self.better += 1;
            if self.better >= BETTER_SAMPLES {
                self.better = 0;
                self.level = level;
            }
        }
    }
}

impl Room {
    pub(super) fn sample(&mut self, now: Instant, who: ParticipantId, sample: Sample, out: &mut Output) {
        let Some(participant) = self.participants.get_mut(&who) else { return };
        participant.quality.take(sample);
        if participant.quality.level != participant.quality.told && self.quality_due.is_none() {
            let next = self.quality_told.map_or(now, |told| told + self.limits.rooms.quality_every);
            self.quality_due = Some(next.max(now));
        }
        self.tell_quality(now, out);
    }

    /// Tells what has changed, if it is time.
    pub(super) fn tell_quality(&mut self, now: Instant, out: &mut Output) {
        if self.quality_due.is_none_or(|due| due > now) {
            return;
        }
        self.quality_due = None;
        let mut participants = Vec::new();
        for (who, participant) in &mut self.participants {
            let quality = &mut participant.quality;
            if quality.level != quality.told {
                quality.told = quality.level;
                participants.push(ParticipantQuality { participant: *who, level: quality.level });
            }
        }
        if !participants.is_empty() {
            self.quality_told = Some(now);
            out.tell(self.listeners(None), ServerMessage::Quality { participants });
        }
    }

    /// What who comes in must know: all that are not good.
    pub(super) fn quality_now(&self) -> Option<ServerMessage> {
        let told =
            self.participants.iter().filter(|(_, participant)| participant.quality.told != Level::Good);
        let participants: Vec<_> = told
            .map(|(who, known)| ParticipantQuality { participant: *who, level: known.quality.told })
            .collect();
        (!participants.is_empty()).then_some(ServerMessage::Quality { participants })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_falls_at_once_and_rises_when_it_stays_better() {
        let mut quality = Quality::default();
        let lossy = |loss| Sample { loss, ..Sample::default() };
        let mut levels = Vec::new();
        for loss in [0.0, 0.1, 0.0, 0.1, 0.0, 0.0, 0.03, 0.0, 0.0] {
            quality.take(lossy(loss));
            levels.push(quality.level);
        }
        use Level::{Fair, Good, Poor};
        assert_eq!(levels, [Good, Poor, Poor, Poor, Poor, Good, Fair, Fair, Good]);
    }

    #[test]
    fn delay_and_a_lost_connection_count_too() {
        let level =
            |rtt_ms, is_down| Sample { loss: 0.0, rtt: Some(Duration::from_millis(rtt_ms)), is_down }.level();
        assert_eq!(level(50, false), Level::Good);
        assert_eq!(level(301, false), Level::Fair);
        assert_eq!(level(801, false), Level::Poor);
        assert_eq!(level(50, true), Level::Poor);
    }
}
