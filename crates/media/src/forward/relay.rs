//! A track that is received by one forwarder and fanned out by others too: a pipeline on several workers.
//!
//! The forwarder that receives it hands every packet out once for each of the others ([`Forwarder::relay`]),
//! in plaintext, under the source's own number and timestamp. There it becomes a source of the same numbers
//! ([`Forwarder::handle_relayed`]), with a ring of its own that serves retransmissions. Loss, jitter and
//! reports stay with the first; what subscribers of the others need goes back to it, each merged to one.

use super::relay_start::RelayedStart;
use super::source::{Body, FreshPayload, Place, Relation, Source};
use super::timeout::Owner;
use super::track::{ENCODINGS_MAX, Track};
use super::wanted::WantedEncodings;
use super::{DropReason, Forwarder, Output};
use crate::codec::FrameInfo;
use crate::id::{RelayId, SessionId, SourceId, TrackId};
use crate::pipeline::MediaKind;
use crate::rtp::{Bitrate, ClockRate, ExtSeq, PayloadType, RtpHeader, RtpParameters, RtpTime};
use std::sync::Arc;
use std::time::Instant;

/// Where a source's packets come from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Origin {
    /// A session's peer, with its key among the forwarder's peers.
    Peer { session: SessionId, key: u64 },
    /// Another forwarder, where it is this encoding of its track.
    Relay { encoding: usize },
}

impl Origin {
    pub(super) const fn peer(self) -> Option<u64> {
        match self {
            Self::Peer { key, .. } => Some(key),
            Self::Relay { .. } => None,
        }
    }

    pub(super) const fn session(self) -> Option<SessionId> {
        match self {
            Self::Peer { session, .. } => Some(session),
            Self::Relay { .. } => None,
        }
    }
}

/// Another forwarder that has a track's packets too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RelayTo {
    /// The worker that it is part of.
    pub worker: usize,
    /// What that worker calls this relay.
    pub relay: RelayId,
}

/// The way of one source's packets to another forwarder.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RelayWay {
    /// Where to.
    pub to: RelayTo,
    /// Which of the track's encodings the source is, from the least.
    pub encoding: usize,
}

/// A track as another forwarder is to have it.
#[derive(Clone, Debug)]
pub struct RelayedTrack {
    /// Its kind.
    pub kind: MediaKind,
    /// What the publisher may send.
    pub parameters: Arc<RtpParameters>,
    /// From the least to the best, at most [`ENCODINGS_MAX`].
    pub encodings: Vec<RelayedEncoding>,
}

/// How far one encoding has come.
#[derive(Clone, Debug)]
pub struct RelayedEncoding {
    /// The first number that the other forwarder has.
    pub first: ExtSeq,
    /// What has come since, and what else its subscribers there can begin with.
    pub start: RelayedStart,
    /// The publisher's clocks, once known.
    pub relation: Option<Relation>,
    /// Whether it flows.
    pub flowing: bool,
    /// Whether it may be chosen: one that has been silent while others flow may not.
    pub active: bool,
}

/// One packet on its way between forwarders; the bytes go beside it.
#[derive(Clone, Copy, Debug)]
pub struct RelayedPacket {
    /// The source's number for it.
    pub index: ExtSeq,
    /// On the source's continuous clock.
    pub timestamp: RtpTime,
    /// The clock's rate.
    pub clock: ClockRate,
    /// What it carries.
    pub payload: RelayedPayload,
}

/// What a relayed packet carries.
#[derive(Clone, Copy, Debug)]
pub enum RelayedPayload {
    /// Media: the bytes are the packet as it arrived, in plaintext and without padding.
    Media {
        /// Where the parts lie.
        header: RtpHeader,
        /// What it says of its frame; of video only.
        frame: Option<FrameInfo>,
    },
    /// Nothing but padding: no bytes, the number is to be skipped.
    Padding {
        /// The payload type, which tells what fills the number where it must be filled.
        payload_type: PayloadType,
    },
}

/// What another forwarder is told of a source beside its packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RelayNews {
    /// The publisher's clocks.
    Relation(Relation),
    /// It flows no longer; the next packet begins the flow anew.
    FlowEnded,
}

/// What the subscribers at another forwarder ask of a track's publisher.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Demand {
    /// How many there are.
    pub sinks: usize,
    /// The most that the only one is to be sent, where there is one and it has a limit.
    pub ceiling: Option<Bitrate>,
    /// The encodings that any of them wants.
    pub wanted: WantedEncodings,
}

/// A source's way to another forwarder, from a number on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outlet {
    pub(super) way: RelayWay,
    begin: ExtSeq,
}

/// One of the forwarders that a track is relayed to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Relay {
    pub(super) to: RelayTo,
    pub(super) demand: Demand,
}

/// At the forwarder that receives the track.
impl Forwarder {
    /// Hands a track's packets to another forwarder as well: those that subscribers begin with here go with
    /// the answer, those that arrive next by [`Self::relay`]. `None` for an unknown track. How many relays there
    /// are is bounded by who asks: one for each worker.
    pub fn begin_relay(&mut self, track: TrackId, to: RelayTo, now: Instant) -> Option<RelayedTrack> {
        self.end_relay(track, to);
        let known = self.tracks.get_mut(track.number())?;
        known.relays.push(Relay { to, demand: Demand::default() });
        let mut encodings = Vec::new();
        for (encoding, id) in known.listed.iter().enumerate() {
            let Some(source) = self.sources.get_mut(id.number()) else { continue };
            let (first, start) = source.relayed_start(now);
            source.relays.push(Outlet { way: RelayWay { to, encoding }, begin: first });
            let (relation, flowing, active) =
                (source.relation, source.flow.flowing, source.meter.is_active());
            encodings.push(RelayedEncoding { first, start, relation, flowing, active });
        }
        Some(RelayedTrack { kind: known.kind, parameters: known.parameters.clone(), encodings })
    }

    /// Undoes [`Self::begin_relay`]. Unknown ones are ignored.
    pub fn end_relay(&mut self, track: TrackId, to: RelayTo) {
        let Some(known) = self.tracks.get_mut(track.number()) else { return };
        known.relays.retain(|relay| relay.to != to);
        for id in &known.sources {
            let Some(source) = self.sources.get_mut(id.number()) else { continue };
            source.relays.retain(|outlet| outlet.way.to != to);
            if !source.is_wanted() {
                source.fresh.clear();
                self.fresh.retain(|fresh| fresh != id);
            }
        }
        self.renew_allowance(track);
    }

    /// Hands out all that arrived since the last fan-out, once for each other forwarder. Called before
    /// [`Self::fan_out`], which forgets what was fresh.
    pub fn relay(&self, mut emit: impl FnMut(RelayWay, RelayedPacket, &[u8])) {
        for source in self.fresh.iter().filter_map(|id| self.sources.get(id.number())) {
            for Outlet { way, begin } in &source.relays {
                for fresh in source.fresh.iter().filter(|fresh| fresh.index >= *begin) {
                    let (index, clock) = (fresh.index, fresh.clock);
                    match fresh.payload {
                        FreshPayload::Media => {
                            // Gone only when one batch overfilled the ring, which its own sinks tell.
                            let Some(stored) = source.ring.find(index) else { continue };
                            let (timestamp, frame) = (stored.timestamp, stored.frame);
                            let payload = RelayedPayload::Media { header: stored.header, frame };
                            let packet = RelayedPacket { index, timestamp, clock, payload };
                            emit(*way, packet, stored.packet);
                        }
                        FreshPayload::Padding { payload_type, timestamp } => {
                            let payload = RelayedPayload::Padding { payload_type };
                            emit(*way, RelayedPacket { index, timestamp, clock, payload }, &[]);
                        }
                    }
                }
            }
        }
    }

    /// Subscribers at another forwarder need a keyframe: their wishes join those of the sinks here. Unknown
    /// ones are ignored.
    pub fn handle_keyframe_wish(&mut self, track: TrackId, encoding: usize, now: Instant) {
        let Some(id) = self.source_of(track, encoding) else { return };
        if self.sources.get(id.number()).is_some_and(|source| source.kind == MediaKind::Video) {
            self.wish_keyframe(id, now);
        }
    }

    /// Notes what the subscribers at another forwarder ask for. Unknown ones are ignored.
    pub fn handle_demand(&mut self, track: TrackId, to: RelayTo, demand: Demand) {
        let Some(known) = self.tracks.get_mut(track.number()) else { return };
        if let Some(relay) = known.relays.iter_mut().find(|relay| relay.to == to) {
            relay.demand = demand;
            self.renew_allowance(track);
        }
    }
}

/// At a forwarder that the track is relayed to.
impl Forwarder {
    /// Adds a track that another forwarder receives. It is removed as any other.
    pub fn add_relayed_track(&mut self, relayed: RelayedTrack, now: Instant) -> TrackId {
        let RelayedTrack { kind, parameters, encodings } = relayed;
        let flows = encodings.iter().any(|begun| begun.flowing);
        let Self { tracks, sources, deadlines, seed, .. } = self;
        let key = tracks.insert(|key| {
            let id = TrackId::new(key);
            let ids = encodings.into_iter().take(ENCODINGS_MAX).enumerate().map(|(encoding, begun)| {
                let origin = Origin::Relay { encoding };
                let mut source = Source::new(origin, begun.first, id, kind, parameters.clone());
                source.relation = begun.relation;
                source.meter.set_active(begun.active);
                source.take_start(begun.start);
                if begun.flowing {
                    source.note_flow(now, seed);
                }
                let due = source.poll_timeout();
                let key = sources.insert(|_| source);
                deadlines.set(Owner::Source(key).number(), due);
                SourceId::new(key)
            });
            Track::new(kind, None, parameters.clone(), ids.collect())
        });
        let track = TrackId::new(key);
        if flows {
            self.begin_looking(track, now);
        }
        track
    }

    /// Takes a packet that another forwarder has handed out.
    ///
    /// # Errors
    /// As [`Self::handle_rtp`]; [`DropReason::TooLate`] also for what is from before the relay began.
    pub fn handle_relayed(
        &mut self,
        id: SourceId,
        packet: &RelayedPacket,
        bytes: &[u8],
        now: Instant,
    ) -> Result<(), DropReason> {
        if matches!(packet.payload, RelayedPayload::Media { .. }) {
            self.wake(id, now);
        }
        let had_begun = self.sources.get(id.number()).is_some_and(|source| source.flow.newest.is_some());
        self.take(id, now, |source| source.handle_relayed(packet, bytes, now))?;
        let begins = |frame: Option<FrameInfo>| frame.is_none_or(|frame| frame.begins_keyframe);
        // A relay begins in the middle of a stream, mostly.
        if !had_begun && matches!(packet.payload, RelayedPayload::Media { frame, .. } if !begins(frame)) {
            self.wish_keyframe(id, now);
        }
        Ok(())
    }

    /// Takes what another forwarder tells of a source beside its packets. Unknown ones are ignored.
    pub fn handle_relay_news(&mut self, id: SourceId, news: RelayNews, now: Instant) {
        match news {
            RelayNews::FlowEnded => self.end_flow(id),
            RelayNews::Relation(relation) => {
                if let Some(source) = self.sources.get_mut(id.number()) {
                    source.relation = Some(relation);
                    source.tell_relation(id, &mut self.sinks, now, &mut self.outputs);
                }
            }
        }
    }

    /// Tells the forwarder that a relayed track comes from when what its subscribers ask for has changed.
    pub(super) fn renew_demand(&mut self, track: TrackId) {
        let Some(known) = self.tracks.get(track.number()) else { return };
        let demand = Demand {
            sinks: known.sinks.len(),
            ceiling: self.only_ceiling(known),
            wanted: self.wanted_of(known),
        };
        if let Some(known) = self.tracks.get_mut(track.number()).filter(|known| known.told != demand) {
            known.told = demand;
            self.outputs.push(Output::RelayedDemand { track, demand });
        }
    }
}

impl Source {
    pub(super) fn handle_relayed(
        &mut self,
        packet: &RelayedPacket,
        bytes: &[u8],
        now: Instant,
    ) -> Result<(), DropReason> {
        self.admit()?;
        let RelayedPacket { index, timestamp, clock, payload } = *packet;
        let place = Place { index, timestamp, clock };
        match payload {
            RelayedPayload::Media { header, frame } => {
                let (head, payload) =
                    bytes.split_at_checked(header.payload_start()).ok_or(DropReason::RtpMalformed)?;
                let body = Body { header, frame, head, payload };
                self.enter(place, header.payload_type, Some(body), now)
            }
            RelayedPayload::Padding { payload_type } => self.enter(place, payload_type, None, now),
        }
    }
}
