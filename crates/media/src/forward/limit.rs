//! What publishers may send: the limits of their owners, and those of the one subscriber that a source has.

use super::Forwarder;
use super::receive_cap::Allowance;
use super::sink::Sink;
use super::source::Source;
use super::timeout::Owner;
use super::track::Track;
use crate::id::{SessionId, SinkId, TrackId};
use crate::pipeline::MediaKind;
use crate::rtp::{Bitrate, BitrateLimits};
use std::time::Instant;

/// A subscriber's estimate is not believed below this where its owner names no limit: at zero its source
/// would stop, and with nothing to receive the estimate would never rise again. KMS's own default.
const ESTIMATE_FLOOR: Bitrate = Bitrate::bps(100_000);

impl Forwarder {
    /// Limits what a video sink is sent. Nothing is left out of a stream for it: while the sink is the only
    /// one of its source, the publisher is asked to send no more than the maximum, nor than the subscriber's
    /// own estimate, which is believed down to the minimum. Unknown ones are ignored.
    pub fn limit_sink(&mut self, sink: SinkId, limits: BitrateLimits) {
        let Some(outgoing) = self.sinks.get_mut(sink.number()) else { return };
        if outgoing.limits != limits {
            outgoing.limits = limits;
            outgoing.grant.forget_failures();
        }
        if let Some(track) = outgoing.track() {
            self.renew_allowance(track);
        }
    }

    /// Notes what a subscriber's connection carries by its own estimate.
    pub(super) fn handle_remb(&mut self, session: SessionId, estimate: Bitrate, now: Instant) {
        let Some(key) = self.peers_by_session.get(&session).copied() else { return };
        let Some(peer) = self.peers.get_mut(key) else { return };
        peer.transport.handle_remb(estimate, now);
        // A session has few sinks, and no allowance depends on another's.
        for sink in peer.sinks.clone() {
            let Some(sink) = self.sinks.get_mut(sink.number()) else { continue };
            if sink.config.kind == MediaKind::Video {
                sink.remb = Some(estimate);
                if let Some(track) = sink.track() {
                    self.renew_allowance(track);
                }
            }
        }
        self.follow_path(key, now);
    }

    /// Finds anew what the publisher of a source may send: after a change of limits, estimates or
    /// connections.
    pub(super) fn renew_allowance(&mut self, track: TrackId) {
        match self.tracks.get(track.number()).map(|known| known.peer) {
            Some(Some(peer)) => {
                self.renew_allowance_of(peer);
                self.renew_wanted(track);
            }
            Some(None) => self.renew_demand(track),
            None => {}
        }
    }

    /// [`Self::renew_allowance`] of a publisher, by its key.
    pub(super) fn renew_allowance_of(&mut self, key: u64) {
        let Some(peer) = self.peers.get(key) else { return };
        // The message is of all streams together. Audio's share is small and has no limit of its own.
        let allowance = peer
            .tracks
            .iter()
            .filter_map(|track| self.tracks.get(track.number()))
            .filter(|track| track.kind == MediaKind::Video)
            .map(|track| track.allowance(self.only_ceiling(track)))
            .reduce(|one, other| Allowance {
                floor: one.floor.plus(other.floor),
                // One stream without a limit makes a sum without one.
                ceiling: one.ceiling.zip(other.ceiling).map(|(one, other)| one.plus(other)),
            });
        if let Some(peer) = self.peers.get_mut(key) {
            peer.cap.allow(allowance.unwrap_or_default());
            self.deadlines.set(Owner::Peer(key).number(), peer.poll_timeout());
        }
    }

    /// The most that a track's only subscriber is to be sent, be it on this forwarder or another.
    pub(super) fn only_ceiling(&self, track: &Track) -> Option<Bitrate> {
        // Of several encodings or spatial layers it is given what fits. The publisher goes on with all of them: an
        // encoder that is held down takes away the upper ones, and makes them again only slowly.
        let is_scalable = |source: &Source| source.meter.top().spatial > 0;
        let only = track.sources.first().and_then(|source| self.sources.get(source.number()));
        if track.sources.len() > 1 || only.is_some_and(is_scalable) {
            return None;
        }
        let elsewhere = || track.relays.iter().filter(|relay| relay.demand.sinks > 0);
        match (track.sinks.as_slice(), elsewhere().next(), elsewhere().nth(1)) {
            ([only], None, None) => self.sinks.get(only.number()).and_then(Sink::ceiling),
            ([], Some(only), None) if only.demand.sinks == 1 => only.demand.ceiling,
            // With several, the weakest must not decide for all.
            _ => None,
        }
    }
}

impl Track {
    fn allowance(&self, only_ceiling: Option<Bitrate>) -> Allowance {
        let BitrateLimits { min, max } = self.limits;
        let floor = min.unwrap_or_default();
        let wanted = only_ceiling.map(|wanted| wanted.max(floor));
        Allowance { floor, ceiling: [wanted, max].into_iter().flatten().min() }
    }
}

impl Sink {
    /// The most that this subscriber is to be sent.
    fn ceiling(&self) -> Option<Bitrate> {
        let BitrateLimits { min, max } = self.limits;
        let estimate = self.grant.share.or(self.remb);
        let estimate = estimate.map(|estimate| estimate.max(min.unwrap_or(ESTIMATE_FLOOR)));
        [estimate, max].into_iter().flatten().min()
    }
}
