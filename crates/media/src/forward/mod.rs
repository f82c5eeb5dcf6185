//! Decides what goes where: the sans-IO core of a worker.
//!
//! [`Forwarder`] owns the incoming streams (sources), the outgoing ones (sinks) and who receives what. It
//! has no socket, no key, no clock and no randomness of its own: packets come in as plaintext, `now` and a
//! seed are passed in, packets go out as [`Departure`]s and everything else as [`Output`]s. The same calls
//! with the same seed give the same bytes.
//!
//! The life of a packet: `source.rs` gives it its place in one continuous numbering and keeps it in the
//! ring (`repair.rs`); `fan_out.rs` walks the sinks, where `route.rs` translates formats and extension ids,
//! `rewrite.rs` the sequence number and `timeline.rs` the timestamp; `departure.rs` writes the header.
//! A peer whose path is nearly full has its video wait in `pace.rs` before that, and `budget.rs` shares the path
//! over its streams. RTCP runs the other way: `feedback.rs` in, `timeout.rs` out.
//!
//! ```
//! # use keel_media::{MediaKind, forward::*, id::SessionId, rtp::*, codec::*};
//! # use std::{sync::Arc, time::{Duration, Instant}};
//! # let vp8 = Format { payload_type: PayloadType::new(96).unwrap(), codec: Codec::Vp8,
//! #     parameters: CodecParameters::None, clock_rate: ClockRate::VIDEO, rtx: None, nack: true, pli: true,
//! #     fir: false, transport_cc: false, remb: false };
//! # let parameters = Arc::new(RtpParameters { mid: Mid::new("0").unwrap(), formats: vec![vp8],
//! #     direction: Direction::SendRecv, extensions: ExtensionMap::default() });
//! # let (alice, bob, kind) = (SessionId::new(1), SessionId::new(2), MediaKind::Video);
//! # let packet = [0x80, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0x10, 0];
//! # let now = Instant::now();
//! let mut forwarder = Forwarder::new(7);
//! let config = TrackConfig { session: alice, kind, parameters: parameters.clone(), encodings: 1 };
//! let track = forwarder.add_track(config);
//! let source = forwarder.source_of(track, 0).expect("its only one");
//! let (ssrc, cname) = (Ssrc::new(0x1000), "alice".into());
//! let sink = forwarder.add_sink(SinkConfig { session: bob, kind, parameters, ssrc, rtx_ssrc: None, cname });
//! forwarder.connect(track, sink, now);
//!
//! let header = RtpHeader::parse(&packet)?;
//! forwarder.handle_rtp(source, ExtSeq::new(1), &header, &packet, now).expect("a fresh packet is taken");
//! let mut sent = Vec::new();
//! forwarder.fan_out(now, AbsSendTime::since_origin(Duration::ZERO), |departure| {
//!     let mut out = vec![0; departure.packet_len()];
//!     departure.write(&mut out);
//!     sent.push((departure.session, out));
//! });
//! assert_eq!(sent.len(), 1);
//! assert_eq!(sent[0].0, bob);
//! # Ok::<(), HeaderError>(())
//! ```

mod aim;
mod alike;
mod allocate;
mod arena;
mod arrival;
mod budget;
pub mod congestion;
mod deadline;
mod departure;
mod drop;
mod fan_out;
mod feedback;
mod freeze;
mod keyframe;
mod keyframe_cache;
mod layer;
mod level;
mod limit;
mod loss;
mod meter;
mod offer;
mod output;
mod pace;
mod peer;
mod pinned;
mod rank;
mod rate;
mod receive_cap;
mod reception;
mod relay;
mod relay_start;
mod release;
mod repair;
mod retransmit;
mod rewrite;
mod round_trip;
mod route;
mod seed;
mod select;
mod sink;
mod source;
mod speaker;
mod start;
mod stats;
mod stretch;
mod switch;
#[cfg(test)]
pub(crate) mod tests;
mod timeline;
mod timeout;
mod track;
mod transport;
mod wanted;
mod window;

pub use budget::Priority;
pub use departure::Departure;
pub use drop::{DropCounters, DropReason};
pub use layer::{LayerTarget, Layers, SPATIAL_MAX, SinkLayer, TEMPORAL_MAX};
pub use output::{FlowingStream, Output};
pub use relay::{
    Demand, RelayNews, RelayTo, RelayWay, RelayedEncoding, RelayedPacket, RelayedPayload, RelayedTrack,
};
pub use relay_start::RelayedStart;
pub use source::Relation;
pub use speaker::{Loudness, SpeakerChange, SpeakerWatch};
pub use stats::Totals;
pub use track::{ENCODINGS_MAX, TrackConfig};
pub use wanted::WantedEncodings;

use crate::id::{SessionId, SinkId, SourceId};
use crate::pipeline::MediaKind;
use crate::rtp::{ExtSeq, RtpHeader, RtpParameters, Ssrc};
use alike::Alike;
use arena::Arena;
use deadline::Deadlines;
use departure::HeaderBuffer;
use output::Outputs;
use peer::Peer;
use route::Route;
use seed::Seed;
use sink::Sink;
use source::Source;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;
use timeout::Owner;
use track::Track;

/// The forwarding core of one worker: all streams of its sessions.
///
/// After each batch of packets a caller runs [`Self::fan_out`], then [`Self::handle_timeout`] if
/// [`Self::poll_timeout`] has passed (which new losses make it do at once), then [`Self::poll_output`]
/// until it is empty.
///
/// How many streams there are is bounded by who adds them; everything that a stream keeps has a bound of
/// its own, named where it is kept. Identifiers are unique within one forwarder and never used again.
#[derive(Debug)]
pub struct Forwarder {
    seed: Seed,
    tracks: Arena<Track>,
    sources: Arena<Source>,
    sinks: Arena<Sink>,
    peers: Arena<Peer>,
    peers_by_session: BTreeMap<SessionId, u64>,
    parameters: Alike<RtpParameters>,
    routes: Alike<Route>,
    /// Sources with fresh packets, in the order of their first.
    fresh: Vec<SourceId>,
    /// Sinks that were asked for retransmissions, in the order of their first request.
    repairing: Vec<SinkId>,
    /// Sinks that changed their source during a fan-out, and the one that each left.
    left: Vec<(SourceId, SinkId)>,
    /// Sinks that catch up with their sources, in the order in which they began.
    starting: Vec<SinkId>,
    starting_due: Option<Instant>,
    /// Peers for whom something waits, by their keys.
    pacing: Vec<u64>,
    /// Peers that were sent something while their estimators had no timer.
    unwatched: Vec<u64>,
    deadlines: Deadlines,
    outputs: Outputs,
    drops: DropCounters,
    /// What streams that are gone have counted.
    retired: Totals,
    buffer: HeaderBuffer,
}

/// An outgoing stream.
#[derive(Clone, Debug)]
pub struct SinkConfig {
    /// Whose it is.
    pub session: SessionId,
    /// Its kind.
    pub kind: MediaKind,
    /// What the subscriber accepts.
    pub parameters: Arc<RtpParameters>,
    /// The stream's SSRC, which no other stream of the session has or had.
    pub ssrc: Ssrc,
    /// The SSRC of its retransmissions, where RTX was negotiated. As unique as `ssrc`.
    pub rtx_ssrc: Option<Ssrc>,
    /// The name that all streams of one publisher share towards this subscriber (RFC 3550 §6.5.1).
    pub cname: Arc<str>,
}

impl Forwarder {
    /// An empty forwarder. The seed decides first sequence numbers, first timestamps and report times.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed: Seed::new(seed),
            tracks: Arena::new(),
            sources: Arena::new(),
            sinks: Arena::new(),
            peers: Arena::new(),
            peers_by_session: BTreeMap::new(),
            parameters: Alike::default(),
            routes: Alike::default(),
            fresh: Vec::new(),
            repairing: Vec::new(),
            left: Vec::new(),
            starting: Vec::new(),
            starting_due: None,
            pacing: Vec::new(),
            unwatched: Vec::new(),
            deadlines: Deadlines::default(),
            outputs: Outputs::default(),
            drops: DropCounters::default(),
            retired: Totals::default(),
            buffer: HeaderBuffer::new(),
        }
    }

    /// Adds an outgoing stream, without a source.
    pub fn add_sink(&mut self, config: SinkConfig) -> SinkId {
        let peer = self.peer_of(config.session);
        let config = SinkConfig { parameters: self.parameters.share(config.parameters), ..config };
        let seed = &mut self.seed;
        let key = self.sinks.insert(|key| Sink::new(SinkId::new(key), config, peer, seed));
        if let Some(peer) = self.peers.get_mut(peer) {
            peer.sinks.push(SinkId::new(key));
        }
        SinkId::new(key)
    }

    /// Removes an outgoing stream. Unknown ones are ignored.
    pub fn remove_sink(&mut self, sink: SinkId) {
        self.disconnect(sink);
        let Some(removed) = self.sinks.remove(sink.number()) else { return };
        self.retired.outgoing.add(&removed.totals());
        if let Some(peer) = self.peers.get_mut(removed.peer) {
            peer.sinks.retain(|kept| *kept != sink);
            self.release_peer(removed.peer);
        }
    }

    /// Takes a packet in plaintext that came on the stream itself. `index` is its SRTP packet index,
    /// `packet` the whole packet with its header.
    ///
    /// # Errors
    /// The reason when it goes no further, for the caller to count: an unknown source
    /// ([`DropReason::RtpUnknownStream`]) or payload type, broken padding, a duplicate, one too late, a
    /// probe ([`DropReason::PaddingOnly`]: its number is skipped), more than one batch holds
    /// ([`DropReason::Overrun`]).
    pub fn handle_rtp(
        &mut self,
        id: SourceId,
        index: ExtSeq,
        header: &RtpHeader,
        packet: &[u8],
        now: Instant,
    ) -> Result<(), DropReason> {
        if header.payload(packet).is_some_and(|payload| !payload.is_empty()) {
            self.wake(id, now);
        }
        self.receive(id, header, packet, now, |source| source.handle_rtp(index, header, packet, now))
    }

    /// Takes a retransmission of a source in plaintext (RFC 4588): a packet whose payload type is the
    /// `rtx` of one of its formats, on whatever SSRC.
    ///
    /// # Errors
    /// As [`Self::handle_rtp`].
    pub fn handle_rtx(
        &mut self,
        id: SourceId,
        header: &RtpHeader,
        packet: &[u8],
        now: Instant,
    ) -> Result<(), DropReason> {
        self.receive(id, header, packet, now, |source| source.handle_rtx(header, packet, now))
    }

    /// The next effect to carry out.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop()
    }

    /// What was dropped for single subscribers: formats without a counterpart, repairs that were not to
    /// be had. What the `handle_*` functions refuse is for their caller to count.
    #[must_use]
    pub const fn drops(&self) -> &DropCounters {
        &self.drops
    }

    fn receive(
        &mut self,
        id: SourceId,
        header: &RtpHeader,
        packet: &[u8],
        now: Instant,
        take: impl FnOnce(&mut Source) -> Result<(), DropReason>,
    ) -> Result<(), DropReason> {
        let Some(source) = self.sources.get_mut(id.number()) else {
            return Err(DropReason::RtpUnknownStream);
        };
        // Every authenticated packet counts for the bandwidth estimate, also those that go no further.
        if let Some((key, peer)) = source.origin.peer().and_then(|key| Some((key, self.peers.get_mut(key)?)))
        {
            peer.note_arrival(&source.parameters, header, packet, now);
            self.deadlines.set(Owner::Peer(key).number(), peer.poll_timeout());
        }
        self.take(id, now, take)
    }

    /// Lets a source take a packet and notes what comes of it.
    fn take(
        &mut self,
        id: SourceId,
        now: Instant,
        take: impl FnOnce(&mut Source) -> Result<(), DropReason>,
    ) -> Result<(), DropReason> {
        let Some(source) = self.sources.get_mut(id.number()) else {
            return Err(DropReason::RtpUnknownStream);
        };
        let had_fresh = !source.fresh.is_empty();
        let taken = take(source);
        if !had_fresh && !source.fresh.is_empty() {
            self.fresh.push(id);
        }
        let (track, began) = (source.track, taken.is_ok() && source.note_flow(now, &mut self.seed));
        self.deadlines.set(Owner::Source(id.number()).number(), source.poll_timeout());
        if began {
            self.tell_flow(track);
            self.begin_looking(track, now);
        }
        taken
    }

    /// Whether nothing is left of any stream.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        [self.tracks.len(), self.sources.len(), self.sinks.len(), self.peers.len()] == [0; 4]
    }

    fn peer_of(&mut self, session: SessionId) -> u64 {
        let peers = &mut self.peers;
        *self.peers_by_session.entry(session).or_insert_with(|| peers.insert(|_| Peer::new(session)))
    }

    /// Forgets a session that has no streams left.
    fn release_peer(&mut self, key: u64) {
        if let Some(peer) = self.peers.get(key)
            && peer.is_empty()
        {
            self.peers_by_session.remove(&peer.session);
            self.peers.remove(key);
            self.deadlines.set(Owner::Peer(key).number(), None);
        }
    }
}
