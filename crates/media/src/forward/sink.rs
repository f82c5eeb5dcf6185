//! One outgoing stream: what one subscriber receives of one kind.

use super::arena::Arena;
use super::budget::Grant;
use super::departure::{Departure, Extensions, Fields, HeaderBuffer};
use super::freeze::FreezeMeter;
use super::layer::LayerTarget;
use super::rate::RateMeter;
use super::repair::{RepairRing, Stored};
use super::retransmit::Retransmitter;
use super::rewrite::{PictureShift, Pictures, Rewriter, Withheld};
use super::round_trip::RoundTrip;
use super::route::Route;
use super::seed::Seed;
use super::select::{Selector, Verdict};
use super::source::{Fresh, FreshPayload, Relation, Source};
use super::start::Phase;
use super::stretch::{Stretch, Stretches};
use super::switch::{Awaited, Opening};
use super::timeline::Timeline;
use super::transport::Transport;
use super::{DropReason, SinkConfig};
use crate::codec::FrameInfo;
use crate::id::{SinkId, SourceId, TrackId};
use crate::pipeline::MediaKind;
use crate::rtp::rtcp::{ReceptionReport, Report};
use crate::rtp::{
    AbsSendTime, Bitrate, BitrateLimits, ClockRate, ExtSeq, ExtensionId, PayloadType, RtpTime, SeqNo,
};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many of the last packets take turns as fillers of probes.
const FILL_FROM_MAX: u64 = 16;
/// One outgoing stream.
#[derive(Debug)]
pub(super) struct Sink {
    pub(super) id: SinkId,
    pub(super) config: SinkConfig,
    /// The peer's key among the forwarder's peers.
    pub(super) peer: u64,
    pub(super) connection: Option<Connection>,
    /// The source that it takes packets of, and the one that it goes to at its next switching point.
    pub(super) current: Option<SourceId>,
    pub(super) awaited: Option<Awaited>,
    /// Nothing of the present source has left yet.
    pub(super) opening: Option<Opening>,
    /// Packets of the present source have passed by, for it waited too long for another one: its decoder cannot go
    /// on with them.
    pub(super) is_behind: bool,
    /// The most that its owner wants; [`Grant::layer`] is what its peer's path has room for.
    pub(super) target: LayerTarget,
    pub(super) paused: bool,
    pub(super) flowing: bool,
    pub(super) newest_departure: Option<Instant>,
    pub(super) round_trip: RoundTrip,
    pub(super) counters: SinkCounters,
    pub(super) rate: RateMeter,
    pub(super) freezes: FreezeMeter,
    pub(super) limits: BitrateLimits,
    /// What the subscriber's connection carries by its own estimate, all streams together.
    pub(super) remb: Option<Bitrate>,
    pub(super) selector: Selector,
    /// Since when another spatial layer is shown than should be, as far as anybody looked.
    pub(super) off_since: Option<Instant>,
    pub(super) numbers: Numbers,
    pub(super) timeline: Timeline,
    pub(super) stretches: Stretches,
    /// The newest numbers of pictures that left.
    pub(super) pictures: Pictures,
    /// The relation of clocks that the subscriber was told last.
    pub(super) told: Option<Relation>,
    pub(super) phase: Phase,
    /// When a keyframe began to leave last.
    pub(super) newest_keyframe: Option<Instant>,
    pub(super) grant: Grant,
    /// Packets were dropped that its decoder needs: nothing is of use to it before a keyframe.
    pub(super) awaits_keyframe: bool,
    /// The packets that were dropped last after they had their numbers: from the first to the last.
    dropped: Option<(ExtSeq, ExtSeq)>,
    /// Of the frame that left last, more is to come.
    pub(super) in_frame: bool,
    /// How far back the last filler of a probe was taken from, in packets.
    filled_from: u64,
    newest_timestamp: RtpTime,
    /// Where its packets carry transport-wide numbers, the extension's id.
    transport_number_id: Option<ExtensionId>,
    clock: Option<ClockRate>,
    retransmitter: Option<Retransmitter>,
}

/// The track of a sink.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) track: TrackId,
    pub(super) route: Arc<Route>,
    /// Its sources are encodings, of which the sink gets one.
    pub(super) simulcast: bool,
    /// The sink has no sender report of its present source yet.
    pub(super) report_pending: bool,
    /// The subscriber had a picture of it before a pause.
    pub(super) seen: bool,
    /// The missing codec has been told of.
    pub(super) codec_told: bool,
}

/// The outgoing numbers: where they will start, or how they go on.
#[derive(Debug)]
pub(super) enum Numbers {
    Unused { first: ExtSeq },
    Used(Rewriter),
}

/// Counts for sender reports and statistics.
#[derive(Debug, Default)]
pub(super) struct SinkCounters {
    pub(super) packets: u64,
    pub(super) bytes: u64,
    /// Of video: pictures whose last packet left.
    pub(super) frames: u64,
    pub(super) nacked: u64,
    pub(super) retransmitted: u64,
    pub(super) pli: u64,
    pub(super) fir: u64,
    pub(super) reported: Option<ReceptionReport>,
}

/// A packet that one subscriber is to have, its numbers final, not written yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Planned {
    pub(super) out: ExtSeq,
    pub(super) payload_type: PayloadType,
    pub(super) timestamp: RtpTime,
    /// Its place in the source's ring; `None` for an empty packet that fills a number.
    pub(super) stored: Option<ExtSeq>,
    /// What is added to the numbers of its picture.
    pub(super) shift: PictureShift,
    /// Bytes of padding behind its payload.
    pub(super) padding: u8,
}

/// What the departures to one peer in one fan-out have in common.
pub(super) struct Release<'a> {
    pub(super) now: Instant,
    pub(super) send_time: AbsSendTime,
    pub(super) transport: &'a mut Transport,
    pub(super) buffer: &'a mut HeaderBuffer,
}

impl Sink {
    pub(super) fn new(id: SinkId, config: SinkConfig, peer: u64, seed: &mut Seed) -> Self {
        // RFC 3550 §5.1: numbers and timestamps start at random. The upper half of the numbers is left
        // out: a receiver that misses the first packets after a wrap would guess the rollover count wrong.
        let first = ExtSeq::new(1 + seed.number() % 0x7fff);
        let timeline = Timeline::new(RtpTime::new(seed.number() as u32));
        let rtx_first = ExtSeq::new(1 + seed.number() % 0x7fff);
        let retransmitter = config.rtx_ssrc.map(|ssrc| Retransmitter::new(ssrc, rtx_first));
        Self {
            id,
            transport_number_id: config.parameters.transport_number_id(),
            config,
            peer,
            connection: None,
            current: None,
            awaited: None,
            opening: None,
            is_behind: false,
            target: LayerTarget::BEST,
            paused: false,
            flowing: false,
            newest_departure: None,
            round_trip: RoundTrip::default(),
            counters: SinkCounters::default(),
            rate: RateMeter::default(),
            freezes: FreezeMeter::default(),
            limits: BitrateLimits::default(),
            remb: None,
            selector: Selector::new(LayerTarget::BEST),
            off_since: None,
            stretches: Stretches::default(),
            pictures: Pictures::default(),
            told: None,
            phase: Phase::Live,
            newest_keyframe: None,
            grant: Grant::default(),
            awaits_keyframe: false,
            dropped: None,
            in_frame: false,
            filled_from: 0,
            newest_timestamp: RtpTime::new(0),
            numbers: Numbers::Unused { first },
            timeline,
            clock: None,
            retransmitter,
        }
    }

    /// The track it has.
    pub(super) fn track(&self) -> Option<TrackId> {
        self.connection.as_ref().map(|connection| connection.track)
    }

    /// The source it takes packets of.
    pub(super) const fn source(&self) -> Option<SourceId> {
        self.current
    }

    /// Drops its source and what waits to be repaired.
    pub(super) fn stop(&mut self) {
        self.freezes.stop();
        if let Some(retransmitter) = &mut self.retransmitter {
            retransmitter.clear();
        }
        self.grant.paused = false;
    }

    /// Decides what becomes of one number of the present source: a packet with its final numbers, or nothing.
    pub(super) fn plan(
        &mut self,
        fresh: &Fresh,
        ring: &RepairRing,
        now: Instant,
    ) -> Result<Option<Planned>, DropReason> {
        if self.awaited.as_ref().is_some_and(|awaited| awaited.is_due(now)) {
            self.is_behind = true;
            return Ok(None);
        }
        let target = self.source_target();
        let (Some(stretch), Numbers::Used(rewriter)) = (self.stretches.newest(), &mut self.numbers) else {
            return Ok(None);
        };
        let newest_before = rewriter.next_out();
        let (payload_type, timestamp, out, shift, stored) = match fresh.payload {
            FreshPayload::Media => {
                // Gone only when one batch overfilled the ring. Its number stays free for a repair.
                let stored = ring.find(fresh.index).ok_or(DropReason::Overrun)?;
                let Some(format) = stretch.route.format(stored.header.payload_type) else {
                    rewriter.withhold(fresh.index, 0);
                    return Err(DropReason::NoCommonCodec);
                };
                let verdict = fresh.frame.map(|frame| self.selector.decide(&frame, stored.timestamp, target));
                if let Some((Verdict::Withhold { first }, frame)) = verdict.zip(fresh.frame) {
                    let closes = first && frame.numbers.is_some_and(|numbers| numbers.contiguous);
                    let withheld = rewriter.withhold(fresh.index, closes.into());
                    if let Some(origin) = self.timeline.origin() {
                        let from = if let Withheld::Late(out) = withheld { out } else { newest_before };
                        self.stretches.take_layer(self.selector.layer(), origin, from);
                    }
                    let out = match withheld {
                        Withheld::Late(out) => out,
                        Withheld::Skipped => {
                            // What was lost before it has kept its numbers.
                            let shift = rewriter.newest_shift();
                            self.pictures.advance(shift.apply(Pictures::of(&frame)));
                            return Ok(None);
                        }
                        Withheld::Forgotten => return Ok(None),
                    };
                    (format.payload_type, stored.timestamp, out, PictureShift::default(), None)
                } else {
                    // From before the switch: neither missed nor wanted.
                    let Some((out, shift)) = rewriter.map(fresh.index) else { return Ok(None) };
                    self.clock = Some(fresh.clock);
                    (format.payload_type, stored.timestamp, out, shift, Some(fresh.index))
                }
            }
            FreshPayload::Padding { payload_type, timestamp } => {
                let Withheld::Late(out) = rewriter.withhold(fresh.index, 0) else { return Ok(None) };
                let Some(format) = stretch.route.format(payload_type) else { return Ok(None) };
                (format.payload_type, timestamp, out, PictureShift::default(), None)
            }
        };
        let is_newest = rewriter.next_out() == out.next();
        if let Some(frame) = fresh.frame.filter(|_| stored.is_some() && is_newest) {
            // What is missing right before it is mostly of the same frame.
            self.note_picture(&frame, shift, newest_before.min(out));
        }
        let timestamp = self.timeline.map(timestamp, fresh.clock, now);
        Ok(Some(Planned { out, payload_type, timestamp, stored, shift, padding: fresh.padding }))
    }

    /// Takes one number of the source out of the stream: the subscriber's numbers close over it.
    pub(super) fn leave_out(&mut self, fresh: &Fresh) {
        if let Numbers::Used(rewriter) = &mut self.numbers {
            rewriter.withhold(fresh.index, 0);
        }
    }

    /// Notes that a packet was dropped which had its number: to repair it would take the path that is full.
    pub(super) fn note_dropped(&mut self, out: ExtSeq) {
        self.dropped = Some(match self.dropped {
            Some((first, last)) if out <= last.next() => (first.min(out), last.max(out)),
            _ => (out, out),
        });
    }

    /// Takes a subscriber's request for a packet. `Ok(true)` when it will be served at the next fan-out,
    /// `Ok(false)` when it has been served within this round trip.
    pub(super) fn handle_nack(
        &mut self,
        lost: SeqNo,
        sources: &Arena<Source>,
        now: Instant,
    ) -> Result<bool, DropReason> {
        self.counters.nacked += 1;
        let Numbers::Used(rewriter) = &self.numbers else { return Err(DropReason::RepairMissing) };
        let out = lost.extend(rewriter.next_out());
        if self.dropped.is_some_and(|(first, last)| first <= out && out <= last) {
            return Err(DropReason::RepairMissing);
        }
        let found = self.origin(out).and_then(|(stretch, index, _)| {
            let stored = sources.get(stretch.source.number())?.ring.find_young(index, now)?;
            let stored = Some(stored).filter(|stored| stretch.takes(stored.frame))?;
            stretch.route.format(stored.header.payload_type)?.rtx
        });
        let (Some(_), Some(retransmitter)) = (found, &mut self.retransmitter) else {
            return Err(DropReason::RepairMissing);
        };
        retransmitter.want(out, self.round_trip.estimate(), now)
    }

    /// Where a packet that left came from: its part of the stream, the source's number, and what was added to
    /// the numbers of its picture. `None` when it is too old to tell, or never left.
    fn origin(&self, out: ExtSeq) -> Option<(&Stretch, ExtSeq, PictureShift)> {
        let Numbers::Used(rewriter) = &self.numbers else { return None };
        let (index, shift) = rewriter.source_index(out)?;
        self.connection.as_ref()?;
        Some((self.stretches.of(out)?, index, shift))
    }

    /// Takes the next retransmission that was asked for and sends it, if it is still to be had. Says whether
    /// one was asked for.
    pub(super) fn retransmit(
        &mut self,
        sources: &Arena<Source>,
        release: &mut Release<'_>,
        emit: &mut impl FnMut(&Departure<'_>),
    ) -> bool {
        let Some(wanted) = self.retransmitter.as_mut().and_then(Retransmitter::take) else { return false };
        self.send_again(wanted, sources, release, emit);
        true
    }

    /// Whether retransmissions were asked for.
    pub(super) fn has_repairs(&self) -> bool {
        self.retransmitter.as_ref().is_some_and(Retransmitter::has_waiting)
    }

    /// Sends something for a probe to be long enough: one of the last packets again, which repairs what the
    /// path may have lost, or padding where there is none. Never on the media's own SSRC, whose numbers would
    /// get holes. Says whether it could.
    pub(super) fn fill(
        &mut self,
        sources: &Arena<Source>,
        release: &mut Release<'_>,
        emit: &mut impl FnMut(&Departure<'_>),
    ) -> bool {
        self.filled_from = self.filled_from % FILL_FROM_MAX + 1;
        let recent = match &self.numbers {
            Numbers::Used(rewriter) => Some(rewriter.next_out().value().saturating_sub(self.filled_from)),
            Numbers::Unused { .. } => None,
        };
        if let Some(out) = recent.map(ExtSeq::new)
            && self.send_again(out, sources, release, emit)
        {
            return true;
        }
        self.pad(release, emit)
    }

    /// Sends a packet again on the retransmission stream, with all that it had; says whether it could.
    fn send_again(
        &mut self,
        out: ExtSeq,
        sources: &Arena<Source>,
        release: &mut Release<'_>,
        emit: &mut impl FnMut(&Departure<'_>),
    ) -> bool {
        let Some((stretch, index, shift)) = self.origin(out) else { return false };
        // It may have left the ring.
        let source = sources.get(stretch.source.number());
        let stored = source.and_then(|source| source.ring.find_young(index, release.now));
        let Some(stored) = stored.filter(|stored| stretch.takes(stored.frame)) else { return false };
        let Some(format) = stretch.route.format(stored.header.payload_type) else { return false };
        let Some(payload_type) = format.rtx else { return false };
        let is_present = self.stretches.newest().is_some_and(|newest| newest.from == stretch.from);
        // The timeline forgets a replay in time; a part of the stream that is over has no more packets.
        let timestamp = match self.timeline.mapped_again(stored.timestamp).filter(|_| is_present) {
            Some(timestamp) => timestamp,
            None => stretch.origin.map(stored.timestamp),
        };
        let marker = ends_picture(&stored, stretch);
        let pictures = shifted(&stored, shift);
        let route = stretch.route.clone();
        let Some(retransmitter) = &mut self.retransmitter else { return false };
        let (ssrc, rtx_index) = retransmitter.number();
        // RFC 4588 §4: own SSRC and sequence numbers; timestamp and marker are the original's.
        let fields = Fields { marker, padded: false, payload_type, seq: rtx_index.seq(), timestamp, ssrc };
        let id = self.transport_number_id;
        let extensions = Extensions {
            sink: &self.config.parameters,
            send_time: release.send_time,
            transport_number: id.map(|id| (id, release.transport.next_number())),
            forwarded: Some((&route, stored)),
            frame_number: pictures.and_then(|pictures| pictures.frame_number),
        };
        let departure = Departure {
            session: self.config.session,
            sink: self.id,
            ssrc,
            index: rtx_index,
            original: Some(out.seq()),
            header: release.buffer.write(fields, &extensions),
            payload: stored.payload(),
            numbers: pictures.and_then(|pictures| Some((format.codec, pictures.numbers?))),
            padding: 0,
        };
        self.counters.retransmitted += 1;
        release.transport.note_sent(departure.packet_len(), id.is_some(), release.now);
        emit(&departure);
        true
    }

    /// Sends padding on the retransmission stream (RFC 4588 §4); says whether there is one.
    fn pad(&mut self, release: &mut Release<'_>, emit: &mut impl FnMut(&Departure<'_>)) -> bool {
        let payload_type = self.config.parameters.formats.iter().find_map(|format| format.rtx);
        let (Some(payload_type), Some(retransmitter)) = (payload_type, &mut self.retransmitter) else {
            return false;
        };
        let (ssrc, index) = retransmitter.number();
        let (seq, timestamp) = (index.seq(), self.newest_timestamp);
        let fields = Fields { marker: false, padded: true, payload_type, seq, timestamp, ssrc };
        let id = self.transport_number_id;
        let extensions = Extensions {
            sink: &self.config.parameters,
            send_time: release.send_time,
            transport_number: id.map(|id| (id, release.transport.next_number())),
            forwarded: None,
            frame_number: None,
        };
        let departure = Departure {
            session: self.config.session,
            sink: self.id,
            ssrc,
            index,
            original: None,
            header: release.buffer.write(fields, &extensions),
            payload: &[],
            numbers: None,
            padding: u8::MAX,
        };
        release.transport.note_sent(departure.packet_len(), id.is_some(), release.now);
        emit(&departure);
        true
    }

    /// The sender report that carries the publisher's relation over to this sink; `None` before its
    /// first packet of the present source.
    pub(super) fn sender_report(&mut self, relation: Relation, now: Instant) -> Option<Report> {
        let rtp = self.timeline.mapped(relation.rtp)?;
        if let Some(connection) = &mut self.connection {
            connection.report_pending = false;
        }
        self.told = self.timeline.unskewed(relation.rtp).map(|rtp| Relation { rtp, ..relation });
        self.round_trip.note_sent(relation.ntp, now);
        Some(Report::SenderReport {
            ssrc: self.config.ssrc,
            ntp: relation.ntp,
            rtp,
            // RFC 3550 §6.4.1: counts of this sender, which are not the publisher's.
            packets: self.counters.packets as u32,
            octets: self.counters.bytes as u32,
            cname: self.config.cname.clone(),
        })
    }

    /// Jitter as the subscriber reports it.
    pub(super) fn reported_jitter(&self) -> Duration {
        let jitter = self.counters.reported.map(|report| report.jitter);
        jitter.zip(self.clock).map_or(Duration::ZERO, |(ticks, clock)| clock.duration(ticks))
    }

    /// Writes a planned packet and hands it out; says whether it carried media. One that has left the ring
    /// meanwhile leaves as an empty packet: its number is the subscriber's already.
    pub(super) fn depart(
        &mut self,
        planned: Planned,
        ring: &RepairRing,
        release: &mut Release<'_>,
        emit: &mut impl FnMut(&Departure<'_>),
    ) -> bool {
        let Planned { out, payload_type, timestamp, stored, shift, padding } = planned;
        if let Some(index) = stored.filter(|_| self.freezes.is_overdue(release.now)) {
            self.freezes.excuse(ring.silence_before(index), release.now);
        }
        let stored = stored.and_then(|index| ring.find(index));
        let padding = if stored.is_some() { padding } else { 0 };
        let padded = padding > 0;
        let forwarded = self.stretches.of(out).zip(stored);
        let marker = forwarded.is_some_and(|(stretch, stored)| ends_picture(&stored, stretch));
        let pictures = stored.and_then(|stored| shifted(&stored, shift));
        if stored.and_then(|stored| stored.frame).is_some_and(|frame| frame.begins_keyframe) {
            self.newest_keyframe = Some(release.now);
        }
        let ssrc = self.config.ssrc;
        let fields = Fields { marker, padded, payload_type, seq: out.seq(), timestamp, ssrc };
        let id = self.transport_number_id;
        let extensions = Extensions {
            sink: &self.config.parameters,
            send_time: release.send_time,
            transport_number: id.map(|id| (id, release.transport.next_number())),
            forwarded: forwarded.map(|(stretch, stored)| (&*stretch.route, stored)),
            frame_number: pictures.and_then(|pictures| pictures.frame_number),
        };
        let numbers = pictures.zip(forwarded).and_then(|(pictures, (stretch, stored))| {
            Some((stretch.route.format(stored.header.payload_type)?.codec, pictures.numbers?))
        });
        let payload = stored.map(|stored| stored.payload()).unwrap_or_default();
        let departure = Departure {
            session: self.config.session,
            sink: self.id,
            ssrc,
            index: out,
            original: None,
            header: release.buffer.write(fields, &extensions),
            payload,
            numbers,
            padding,
        };
        release.transport.note_sent(departure.packet_len(), id.is_some(), release.now);
        emit(&departure);
        self.newest_timestamp = timestamp;
        self.counters.packets += 1;
        self.counters.bytes += payload.len() as u64;
        self.newest_departure = Some(release.now);
        if marker && self.config.kind == MediaKind::Video {
            self.counters.frames += 1;
            self.freezes.note_picture(release.now);
        }
        stored.is_some()
    }

    /// What the sink may have of its present source.
    pub(super) fn source_target(&self) -> LayerTarget {
        let target = self.effective_target();
        match &self.connection {
            Some(connection) if connection.simulcast => {
                LayerTarget { temporal: target.temporal, ..LayerTarget::BEST }
            }
            _ => target,
        }
    }

    /// What the sink may have of its track, by its owner and by its peer's path.
    pub(super) fn effective_target(&self) -> LayerTarget {
        self.target.within(self.grant.layer)
    }

    /// Whether its packets have transport-wide numbers, for its subscriber to say when they arrived.
    pub(super) const fn is_numbered(&self) -> bool {
        self.transport_number_id.is_some()
    }

    /// Notes what the next source's pictures are to follow, and which layer ends a picture.
    fn note_picture(&mut self, frame: &FrameInfo, shift: PictureShift, from: ExtSeq) {
        self.pictures.advance(shift.apply(Pictures::of(frame)));
        if let Some(origin) = self.timeline.origin() {
            self.stretches.take_layer(self.selector.layer(), origin, from);
        }
    }
}

/// Whether a packet is the last of what the subscriber gets of its picture.
fn ends_picture(stored: &Stored<'_>, stretch: &Stretch) -> bool {
    // RFC 9628 §4.1: the marker stands on the last packet of a picture, that of the highest layer that is sent.
    let ends_shown = |frame: FrameInfo| frame.ends_frame && frame.layer.spatial == stretch.layer.spatial;
    stored.header.marker || stored.frame.is_some_and(ends_shown)
}

/// The numbers that the subscriber sees, where they differ from the source's.
fn shifted(stored: &Stored<'_>, shift: PictureShift) -> Option<Pictures> {
    if shift.is_none() { None } else { stored.frame.map(|frame| shift.apply(Pictures::of(&frame))) }
}
