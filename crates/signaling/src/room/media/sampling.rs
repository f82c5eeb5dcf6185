//! How participants' connections do, looked at every few seconds.

use super::{Gone, RoomMedia};
use crate::room::effect::{MediaReport, Sample};
use crate::room::id::{ParticipantId, TrackId};
use keel_media::{ConnectionStats, IceState, StreamStats};
use std::time::Duration;

/// Reports of receivers come about once a second, so a shorter time would see some connections without news.
pub(super) const SAMPLE_EVERY: Duration = Duration::from_secs(2);

/// After so many samples without loss in a row nobody needs to hear of another one.
const FINE_TOLD: u8 = 3;

/// What was seen of one participant.
#[derive(Default)]
pub(super) struct Sampler {
    sent: Count,
    received: Count,
    fine_in_a_row: u8,
    left_out: Vec<TrackId>,
}

/// Packets and losses of one direction.
#[derive(Clone, Copy, Default)]
struct Count {
    packets: u64,
    lost: u64,
}

impl Count {
    fn of<'a>(streams: impl Iterator<Item = &'a StreamStats>) -> Self {
        streams.fold(Self::default(), |count, stream| Self {
            packets: count.packets + stream.packets,
            lost: count.lost + u64::try_from(stream.packets_lost).unwrap_or(0),
        })
    }

    /// The part that was lost since `before`. Streams that have ended take their counts with them.
    fn loss_since(self, before: Self) -> f64 {
        let lost = self.lost.saturating_sub(before.lost);
        let packets = self.packets.saturating_sub(before.packets).saturating_add(lost);
        if packets == 0 { 0.0 } else { lost as f64 / packets as f64 }
    }
}

impl RoomMedia {
    pub(super) async fn sample(&mut self) -> Result<(), Gone> {
        let everybody: Vec<ParticipantId> = self.sides.keys().copied().collect();
        for who in everybody {
            let Some(side) = self.sides.get_mut(&who) else { continue };
            let publishes = match &side.publishing {
                Some(publishing) => publishing.connection().stats().await,
                None => None,
            };
            let receives = match &side.subscribing {
                Some(subscribing) => subscribing.connection().stats().await,
                None => None,
            };
            let squeezed = receives.as_ref().map_or_else(Vec::new, |stats| {
                let starved = stats.lines.iter().filter(|line| line.starved);
                starved.filter_map(|line| side.subscribing.as_ref()?.track(line.line)).collect()
            });
            if squeezed != side.sampler.left_out {
                side.sampler.left_out.clone_from(&squeezed);
                self.reporter.report(MediaReport::LeftOut { participant: who, tracks: squeezed }).await?;
            }
            if let Some(sample) = side.sampler.take(publishes.as_ref(), receives.as_ref()) {
                self.reporter.report(MediaReport::Sample { participant: who, sample }).await?;
            }
        }
        Ok(())
    }
}

impl Sampler {
    /// The sample, if it says anything new.
    fn take(
        &mut self,
        publishes: Option<&ConnectionStats>,
        receives: Option<&ConnectionStats>,
    ) -> Option<Sample> {
        let received = Count::of(publishes.iter().flat_map(|stats| &stats.connection.incoming));
        let sent = Count::of(receives.iter().flat_map(|stats| &stats.connection.outgoing));
        let loss = received.loss_since(self.received).max(sent.loss_since(self.sent));
        (self.received, self.sent) = (received, sent);
        let rtt = receives
            .iter()
            .flat_map(|stats| &stats.connection.outgoing)
            .filter_map(|stream| stream.round_trip)
            .max();
        let is_down =
            publishes.iter().chain(&receives).any(|stats| stats.connection.ice == IceState::Disconnected);
        let sample = Sample { loss, rtt, is_down };
        if sample.is_fine() {
            self.fine_in_a_row = self.fine_in_a_row.saturating_add(1);
        } else {
            self.fine_in_a_row = 0;
        }
        (self.fine_in_a_row <= FINE_TOLD).then_some(sample)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_is_of_the_time_since_the_last_sample() {
        let count = |packets, lost| Count { packets, lost };
        assert_eq!(count(0, 0).loss_since(Count::default()), 0.0);
        assert_eq!(count(190, 10).loss_since(Count::default()), 0.05);
        assert_eq!(count(290, 10).loss_since(count(190, 10)), 0.0);
        assert_eq!(count(90, 1).loss_since(count(190, 10)), 0.0, "a stream ended");
    }
}
