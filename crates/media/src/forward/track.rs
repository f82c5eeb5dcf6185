//! What a publisher sends on one m-line: one source, or one for each of its simulcast encodings.

use super::Forwarder;
use super::meter::LOOK_INTERVAL;
use super::relay::{Demand, Origin, Relay};
use super::source::{FIRST, Source};
use super::speaker::Loudness;
use super::timeout::Owner;
use super::wanted::WantedEncodings;
use crate::id::{SessionId, SinkId, SourceId, TrackId};
use crate::pipeline::{MediaKind, StreamStats};
use crate::rtp::{BitrateLimits, RtpParameters};
use std::sync::Arc;
use std::time::Instant;

/// Encodings of one track; browsers send three at most.
pub const ENCODINGS_MAX: usize = 4;

/// A track to receive.
#[derive(Clone, Debug)]
pub struct TrackConfig {
    /// Whose it is.
    pub session: SessionId,
    /// Its kind.
    pub kind: MediaKind,
    /// What the publisher may send.
    pub parameters: Arc<RtpParameters>,
    /// How many encodings it may have, from the least to the best as far as that is known: 1 to
    /// [`ENCODINGS_MAX`]. What they cost puts them in order later.
    pub encodings: usize,
}

/// The sources of one m-line, and who receives one of them.
#[derive(Debug)]
pub(super) struct Track {
    pub(super) kind: MediaKind,
    /// The peer's key among the forwarder's peers; none where another forwarder relays the track.
    pub(super) peer: Option<u64>,
    pub(super) parameters: Arc<RtpParameters>,
    /// From the least to the best encoding; never empty.
    pub(super) sources: Vec<SourceId>,
    /// The same in the order in which they were added, which other forwarders know.
    pub(super) listed: Vec<SourceId>,
    /// In the order of connection.
    pub(super) sinks: Vec<SinkId>,
    /// The other forwarders that have its packets too, in the order of their subscription.
    pub(super) relays: Vec<Relay>,
    /// What the forwarder that it comes from was told last.
    pub(super) told: Demand,
    /// The encodings that the owner was told to be wanted.
    pub(super) told_wanted: WantedEncodings,
    pub(super) limits: BitrateLimits,
    /// The owner was told that media arrives.
    pub(super) told_flowing: bool,
}

impl Track {
    pub(super) fn new(
        kind: MediaKind,
        peer: Option<u64>,
        parameters: Arc<RtpParameters>,
        sources: Vec<SourceId>,
    ) -> Self {
        Self {
            kind,
            peer,
            parameters,
            listed: sources.clone(),
            sources,
            sinks: Vec::new(),
            relays: Vec::new(),
            told: Demand::default(),
            told_wanted: WantedEncodings::default(),
            limits: BitrateLimits::default(),
            told_flowing: false,
        }
    }
}

impl Forwarder {
    /// Adds what a session sends on one m-line. The SSRCs of its sources are those of their packets, and may
    /// change.
    pub fn add_track(&mut self, config: TrackConfig) -> TrackId {
        let TrackConfig { session, kind, parameters, encodings } = config;
        let peer = self.peer_of(session);
        let (tracks, sources) = (&mut self.tracks, &mut self.sources);
        let key = tracks.insert(|key| {
            let id = TrackId::new(key);
            let origin = Origin::Peer { session, key: peer };
            let sources = (0..encodings.clamp(1, ENCODINGS_MAX)).map(|_| {
                SourceId::new(sources.insert(|_| Source::new(origin, FIRST, id, kind, parameters.clone())))
            });
            Track::new(kind, Some(peer), parameters.clone(), sources.collect())
        });
        if let Some((peer, track)) = self.peers.get_mut(peer).zip(self.tracks.get(key)) {
            peer.sources.extend(&track.sources);
            peer.tracks.push(TrackId::new(key));
        }
        TrackId::new(key)
    }

    /// Removes a track with its sources; its sinks stay, without a track. Unknown ones are ignored.
    pub fn remove_track(&mut self, track: TrackId) {
        let Some(known) = self.tracks.get(track.number()) else { return };
        for sink in known.sinks.clone() {
            self.disconnect(sink);
        }
        let Some(Track { peer, sources, .. }) = self.tracks.remove(track.number()) else { return };
        self.deadlines.set(Owner::Track(track.number()).number(), None);
        for source in &sources {
            self.abandon(*source);
            self.deadlines.set(Owner::Source(source.number()).number(), None);
            if let Some(removed) = self.sources.remove(source.number()) {
                self.retired.incoming.add(&removed.totals());
            }
        }
        self.fresh.retain(|fresh| !sources.contains(fresh));
        if let Some((key, peer)) = peer.and_then(|key| Some((key, self.peers.get_mut(key)?))) {
            peer.sources.retain(|kept| !sources.contains(kept));
            peer.tracks.retain(|kept| *kept != track);
            self.renew_allowance_of(key);
            self.release_peer(key);
        }
    }

    /// Chooses a source again that was silent so far, when a packet with media comes on it: before the packet
    /// is taken, so that those who wait for it do not miss the keyframe that it mostly begins.
    pub(super) fn wake(&mut self, id: SourceId, now: Instant) {
        let Some(source) = self.sources.get_mut(id.number()) else { return };
        if !source.meter.set_active(true) {
            return;
        }
        let track = source.track;
        self.aim_all(track, now);
    }

    /// Begins to look at the layers of a track that begins to flow.
    pub(super) fn begin_looking(&mut self, id: TrackId, now: Instant) {
        let owner = Owner::Track(id.number()).number();
        if !self.deadlines.is_set(owner) {
            self.deadlines.set(owner, Some(now + LOOK_INTERVAL));
        }
    }

    /// Looks at a track's layers: which encodings fell silent while others went on, and who waits in vain for
    /// a spatial layer.
    pub(super) fn look_at_track(&mut self, id: TrackId, now: Instant) {
        let flows = self.track_flows(id);
        let due = flows.then(|| now + LOOK_INTERVAL);
        self.deadlines.set(Owner::Track(id.number()).number(), due);
        let Some(track) = self.tracks.get(id.number()) else { return };
        let (mut steady, mut changed) = (false, false);
        for source in &track.sources {
            if let Some(source) = self.sources.get_mut(source.number()) {
                source.meter.look();
                steady |= source.meter.is_steady();
            }
        }
        // All silent together, a still picture, is no reason to leave any. And who leaves the least one goes up, to
        // what its path may not carry: an encoder that only makes up for a large keyframe is waited for.
        let mut is_least = true;
        for source in track.sources.iter().filter(|_| steady) {
            let Some(source) = self.sources.get_mut(source.number()) else { continue };
            if if is_least { source.meter.is_gone() } else { source.meter.is_silent() } {
                changed |= source.meter.set_active(false);
            }
            is_least &= !source.meter.is_active();
        }
        let exchanged = self.rank_encodings(id);
        if exchanged {
            self.renew_wishes(id);
        }
        if exchanged || changed {
            self.aim_all(id, now);
        }
        self.ask_for_spatial(id, now);
    }

    /// Asks for a keyframe for sinks whose spatial layer has not been what it should be for a while.
    fn ask_for_spatial(&mut self, id: TrackId, now: Instant) {
        let Some(track) = self.tracks.get(id.number()) else { return };
        let [only] = *track.sources.as_slice() else { return };
        let Some(source) = self.sources.get_mut(only.number()) else { return };
        let top = source.meter.top().spatial;
        if source.meter.is_silent() {
            return;
        }
        let mut waits = false;
        for sink in &track.sinks {
            if let Some(sink) = self.sinks.get_mut(sink.number()).filter(|sink| sink.takes(only)) {
                waits |= sink.waits_for_spatial(top, now);
            }
        }
        if waits {
            source.keyframe.wish(now);
            self.serve_source(only, now);
        }
    }

    /// The source of a track's encoding, counted as it was added.
    #[must_use]
    pub fn source_of(&self, track: TrackId, encoding: usize) -> Option<SourceId> {
        self.tracks.get(track.number())?.listed.get(encoding).copied()
    }

    /// Asks the publisher of a video track for a keyframe; `false` where there is no such track, or nobody
    /// who would receive it.
    pub fn request_keyframe_of(&mut self, track: TrackId, now: Instant) -> bool {
        let Some(known) = self.tracks.get(track.number()) else { return false };
        if known.kind != MediaKind::Video || (known.sinks.is_empty() && known.relays.is_empty()) {
            return false;
        }
        for id in known.sources.clone() {
            if let Some(source) = self.sources.get_mut(id.number()).filter(|source| source.is_wanted()) {
                source.keyframe.wish(now);
                self.serve_source(id, now);
            }
        }
        true
    }

    /// How loud an audio track was since the last call, by its packets' level extensions (RFC 6464); `None`
    /// when it had none. Measuring begins with the first call.
    pub fn take_level(&mut self, track: TrackId) -> Option<Loudness> {
        let known = self.tracks.get(track.number()).filter(|known| known.kind == MediaKind::Audio)?;
        let source = self.sources.get_mut(known.sources.first()?.number())?;
        source.levels.get_or_insert_default().take()
    }

    /// Ends what [`Self::take_level`] began.
    pub fn stop_levels(&mut self, track: TrackId) {
        let known = self.tracks.get(track.number());
        for id in known.into_iter().flat_map(|known| &known.sources) {
            if let Some(source) = self.sources.get_mut(id.number()) {
                source.levels = None;
            }
        }
    }

    /// Limits what the publisher of a video track is told to send. The maximum holds always; the minimum
    /// is the least that any estimate, Keel's or a subscriber's, asks it to go down to. Unknown and audio
    /// tracks are ignored.
    pub fn limit_track(&mut self, track: TrackId, limits: BitrateLimits) {
        if let Some(known) = self.tracks.get_mut(track.number()) {
            known.limits = limits;
            self.renew_allowance(track);
        }
    }

    /// Whether media arrives on a track: its latest packet is less than two seconds old.
    #[must_use]
    pub fn track_flows(&self, track: TrackId) -> bool {
        let known = self.tracks.get(track.number());
        known.is_some_and(|known| known.sources.iter().any(|source| self.source_flows(*source)))
    }

    /// The counters of those of a track's sources that have had a packet.
    pub fn track_stats(&self, track: TrackId) -> impl Iterator<Item = StreamStats> {
        let known = self.tracks.get(track.number()).into_iter();
        known.flat_map(|known| &known.sources).filter_map(|source| self.source_stats(*source))
    }
}
