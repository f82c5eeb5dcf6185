//! One incoming stream: its packets in one continuous numbering, whatever SSRC the publisher gives them.

use super::DropReason;
use super::keyframe::KeyframeRequest;
use super::keyframe_cache::{KeyframeCache, Start};
use super::loss::LossTracker;
use super::meter::LayerMeter;
use super::rate::RateMeter;
use super::reception::Reception;
use super::relay::{Origin, Outlet};
use super::repair::RepairRing;
use super::speaker::LevelMeter;
use super::timeline::Timeline;
use super::window::{Order, ReceiveWindow};
use crate::codec::{Codec, Describer, FrameInfo};
use crate::id::{SessionId, SinkId, TrackId};
use crate::pipeline::MediaKind;
use crate::rtp::{
    ClockRate, ExtSeq, Extension, Format, NtpTime, PayloadType, RtpHeader, RtpParameters, RtpTime,
};
use crate::rtp::{SeqNo, Ssrc};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The source's own number for its first packet: away from zero, so that what would lie before it exists.
pub(super) const FIRST: ExtSeq = ExtSeq::new(1 << 20);
/// Packets that may wait for the next fan-out: four full batches of the worker. Past it packets are
/// refused and count as lost, so that NACK brings them back.
const FRESH_MAX: usize = 256;
/// A stream that has been replaced may come back only when its replacement has been silent this long:
/// stragglers of the old one must not switch back and forth.
const RETURN_DELAY: Duration = Duration::from_secs(1);
/// A repair may be ahead of everything received when the last packets of a burst were lost, but no
/// further than this: beyond, its number belongs to another stream.
const REPAIR_AHEAD_MAX: i64 = 256;

/// One incoming stream.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) origin: Origin,
    pub(super) track: TrackId,
    pub(super) kind: MediaKind,
    pub(super) parameters: Arc<RtpParameters>,
    /// Those that take its packets or wait to, in the order in which they came; the order of fan-out.
    pub(super) sinks: Vec<SinkId>,
    /// The other forwarders that have its packets too.
    pub(super) relays: Vec<Outlet>,
    pub(super) ring: RepairRing,
    /// What arrived since the last fan-out; empty while nobody is connected.
    pub(super) fresh: Vec<Fresh>,
    pub(super) loss: LossTracker,
    pub(super) keyframe: KeyframeRequest,
    pub(super) keyframes: KeyframeCache,
    pub(super) fir_seq: u8,
    pub(super) stream: Option<Stream>,
    pub(super) relation: Option<Relation>,
    pub(super) report_due: Option<Instant>,
    pub(super) flow: Flow,
    pub(super) counters: SourceCounters,
    pub(super) meter: LayerMeter,
    pub(super) rate: RateMeter,
    /// Of audio whose speaker is watched.
    pub(super) levels: Option<LevelMeter>,
    describer: Describer,
    earlier: Option<Earlier>,
    timeline: Timeline,
    window: ReceiveWindow,
}

/// What a subscriber's fan-out does with one number of the source.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fresh {
    pub(super) index: ExtSeq,
    pub(super) clock: ClockRate,
    /// Of video packets.
    pub(super) frame: Option<FrameInfo>,
    /// Bytes that make it as long as its neighbour (`level.rs`).
    pub(super) padding: u8,
    pub(super) payload: FreshPayload,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum FreshPayload {
    /// The packet is in the ring.
    Media,
    /// There was nothing but padding.
    Padding { payload_type: PayloadType, timestamp: RtpTime },
}

/// The SSRC that the source has at present.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) reception: Reception,
    /// What its retransmissions come under, once one has come.
    rtx_ssrc: Option<Ssrc>,
    /// Added to its packet indexes, modulo 2^64.
    index_offset: u64,
    /// The source's number for its first packet. What came before it has no place: the stream before
    /// holds those numbers.
    begin: ExtSeq,
    newest_at: Instant,
}

/// The SSRC before it, whose stragglers still fit.
#[derive(Debug)]
struct Earlier {
    ssrc: Ssrc,
    rtx_ssrc: Option<Ssrc>,
    index_offset: u64,
    timestamp_offset: u32,
    end: ExtSeq,
}

/// The publisher's last word on which wall-clock time an RTP time is, on the source's own clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Relation {
    /// Whose clocks these are.
    pub publisher: SessionId,
    pub(super) ntp: NtpTime,
    pub(super) rtp: RtpTime,
}

/// Whether media arrives.
#[derive(Debug, Default)]
pub(super) struct Flow {
    pub(super) flowing: bool,
    pub(super) newest: Option<Instant>,
    /// When to look again whether it still does.
    pub(super) check_due: Option<Instant>,
}

/// Counts for statistics.
#[derive(Debug, Default)]
pub(super) struct SourceCounters {
    pub(super) packets: u64,
    pub(super) bytes: u64,
    /// Of video: pictures whose last packet came.
    pub(super) frames: u64,
    /// Distinct packets, repairs and padding included.
    pub(super) received: u64,
    pub(super) nacked: u64,
    pub(super) retransmitted: u64,
    pub(super) pli: u64,
    pub(super) fir: u64,
}

/// Where a packet belongs on the source's own scales.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) index: ExtSeq,
    pub(super) timestamp: RtpTime,
    pub(super) clock: ClockRate,
}

/// What there is of a packet beyond its number and its padding; `head` and `payload` follow one another in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Body<'a> {
    pub(super) header: RtpHeader,
    pub(super) frame: Option<FrameInfo>,
    pub(super) head: &'a [u8],
    pub(super) payload: &'a [u8],
}

impl Source {
    /// A source whose own number for its first packet will be `first`.
    pub(super) fn new(
        origin: Origin,
        first: ExtSeq,
        track: TrackId,
        kind: MediaKind,
        parameters: Arc<RtpParameters>,
    ) -> Self {
        Self {
            origin,
            track,
            kind,
            parameters,
            sinks: Vec::new(),
            relays: Vec::new(),
            ring: RepairRing::new(kind),
            fresh: Vec::new(),
            loss: LossTracker::default(),
            keyframe: KeyframeRequest::default(),
            keyframes: KeyframeCache::default(),
            fir_seq: 0,
            stream: None,
            relation: None,
            report_due: None,
            flow: Flow::default(),
            counters: SourceCounters::default(),
            meter: LayerMeter::default(),
            rate: RateMeter::default(),
            levels: None,
            describer: Describer::default(),
            earlier: None,
            timeline: Timeline::new(RtpTime::new(0)),
            window: ReceiveWindow::new(first),
        }
    }

    /// Takes a packet that came on the stream itself.
    pub(super) fn handle_rtp(
        &mut self,
        index: ExtSeq,
        header: &RtpHeader,
        packet: &[u8],
        now: Instant,
    ) -> Result<(), DropReason> {
        let payload = header.payload(packet).ok_or(DropReason::RtpMalformed)?;
        let format = self.format(header.payload_type)?;
        self.admit()?;
        let place = self.place(index, header, &format, payload, now)?;
        if let Some(stream) = &mut self.stream
            && stream.reception.ssrc() == header.ssrc
        {
            stream.reception.note(index, header.timestamp, format.clock_rate, now);
            stream.newest_at = now;
        }
        let head = packet.get(..header.payload_start()).unwrap_or_default();
        self.accept(place, *header, head, payload, format.codec, now)
    }

    /// Takes a retransmission and treats what is inside as a repair (RFC 4588 §4).
    pub(super) fn handle_rtx(
        &mut self,
        header: &RtpHeader,
        packet: &[u8],
        now: Instant,
    ) -> Result<(), DropReason> {
        let payload = header.payload(packet).ok_or(DropReason::RtpMalformed)?;
        let Some(format) = self.parameters.format_repaired_by(header.payload_type).cloned() else {
            return Err(DropReason::RtpUnknownPayloadType);
        };
        // RFC 4588 §4: the payload begins with the original's sequence number. Probes have not even that;
        // a repaired probe of the stream itself has nothing after it.
        let Some((number, payload)) = payload.split_first_chunk::<2>() else {
            return Err(DropReason::PaddingOnly);
        };
        self.admit()?;
        if self.earlier.as_ref().is_some_and(|earlier| earlier.rtx_ssrc == Some(header.ssrc)) {
            return Err(DropReason::TooLate);
        }
        let Some(stream) = &mut self.stream else { return Err(DropReason::TooLate) };
        stream.rtx_ssrc = Some(header.ssrc);
        let newest = stream.reception.highest();
        let original = SeqNo::new(u16::from_be_bytes(*number)).extend(newest);
        let index = original.plus(stream.index_offset);
        if index < stream.begin || index.since(self.window.next()) > REPAIR_AHEAD_MAX {
            return Err(DropReason::TooLate);
        }
        let Some(timestamp) = self.timeline.mapped(header.timestamp) else {
            return Err(DropReason::TooLate);
        };
        let place = Place { index, timestamp, clock: format.clock_rate };
        let mut repaired = *header;
        repaired.payload_type = format.payload_type;
        repaired.seq = original.seq();
        repaired.ssrc = stream.reception.ssrc();
        let head = packet.get(..header.payload_start()).unwrap_or_default();
        self.accept(place, repaired, head, payload, format.codec, now)?;
        self.counters.retransmitted += 1;
        Ok(())
    }

    /// The number of the next packet in order.
    pub(super) const fn next_index(&self) -> ExtSeq {
        self.window.next()
    }

    /// Where a sink that has nothing of this source begins.
    pub(super) fn start(&self, now: Instant) -> Start {
        self.keyframes.start(&self.ring, &self.window, now)
    }

    /// The number of the newest packet of all, if it is fresh: where to begin without a keyframe.
    pub(super) fn newest_fresh(&self) -> Option<ExtSeq> {
        let mut numbers = self.fresh.iter().map(|fresh| fresh.index);
        numbers.find(|index| index.next() == self.next_index())
    }

    /// What the fan-out had of a number that has arrived; `None` for one that has not, whose repair still fits,
    /// or that has left the ring.
    pub(super) fn again(&self, index: ExtSeq) -> Option<Fresh> {
        if let Some(stored) = self.ring.find(index) {
            let clock = self.format(stored.header.payload_type).map_or(ClockRate::VIDEO, |f| f.clock_rate);
            return Some(Fresh {
                index,
                clock,
                frame: stored.frame,
                padding: 0,
                payload: FreshPayload::Media,
            });
        }
        // Padding has left no trace but its number.
        let format = self.parameters.formats.first()?;
        let (payload_type, clock) = (format.payload_type, format.clock_rate);
        let timestamp = self.newest_timestamp()?;
        let payload = FreshPayload::Padding { payload_type, timestamp };
        self.window.has_all(index, index.next()).then_some(Fresh {
            index,
            clock,
            frame: None,
            padding: 0,
            payload,
        })
    }

    /// The newest timestamp on the source's own clock.
    pub(super) fn newest_timestamp(&self) -> Option<RtpTime> {
        self.timeline.newest()
    }

    /// The publisher's number of one of its own packets.
    pub(super) fn wire_number(&self, index: ExtSeq) -> Option<SeqNo> {
        let stream = self.stream.as_ref()?;
        Some(ExtSeq::new(index.value().wrapping_sub(stream.index_offset)).seq())
    }

    /// Notes a sender report of the present SSRC; says whether it was one.
    pub(super) fn handle_sender_report(
        &mut self,
        ssrc: Ssrc,
        ntp: NtpTime,
        rtp: RtpTime,
        now: Instant,
    ) -> bool {
        let Some(stream) = self.stream.as_mut().filter(|stream| stream.reception.ssrc() == ssrc) else {
            return false;
        };
        stream.reception.note_sender_report(ntp, now);
        let Some(publisher) = self.origin.session() else { return false };
        self.relation = self.timeline.mapped(rtp).map(|rtp| Relation { publisher, ntp, rtp });
        self.relation.is_some()
    }

    /// Distinct packets that should have come and did not.
    pub(super) fn missing(&self) -> i64 {
        self.window.next().since(FIRST) - self.counters.received as i64
    }

    /// Whether losses are to be asked for again; those of a relayed source are its first forwarder's to repair.
    pub(super) fn repairs_losses(&self) -> bool {
        matches!(self.origin, Origin::Peer { .. }) && self.parameters.formats.iter().any(|format| format.nack)
    }

    /// Whether anybody takes its packets.
    pub(super) fn is_wanted(&self) -> bool {
        !(self.sinks.is_empty() && self.relays.is_empty())
    }

    /// When something of this source is due next.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let due =
            [self.report_due, self.flow.check_due, self.loss.poll_timeout(), self.keyframe.poll_timeout()];
        due.into_iter().flatten().min()
    }

    fn format(&self, payload_type: PayloadType) -> Result<Format, DropReason> {
        self.parameters.format(payload_type).cloned().ok_or(DropReason::RtpUnknownPayloadType)
    }

    pub(super) fn admit(&self) -> Result<(), DropReason> {
        if self.fresh.len() < FRESH_MAX { Ok(()) } else { Err(DropReason::Overrun) }
    }

    /// Finds a packet's place and follows the publisher to a new SSRC.
    fn place(
        &mut self,
        index: ExtSeq,
        header: &RtpHeader,
        format: &Format,
        payload: &[u8],
        now: Instant,
    ) -> Result<Place, DropReason> {
        let clock = format.clock_rate;
        if let Some(stream) = &self.stream
            && stream.reception.ssrc() != header.ssrc
        {
            if let Some(earlier) = self.earlier.as_ref().filter(|earlier| earlier.ssrc == header.ssrc) {
                let index = index.plus(earlier.index_offset);
                if index < earlier.end {
                    let timestamp = header.timestamp.plus(earlier.timestamp_offset);
                    return Ok(Place { index, timestamp, clock });
                }
                if now.saturating_duration_since(stream.newest_at) < RETURN_DELAY {
                    return Err(DropReason::TooLate);
                }
            }
            self.leave_stream();
        }
        // The beginning of a stream may be lost on the way, or come before its keys.
        let begins_blind = self.kind == MediaKind::Video && !format.codec.begins_keyframe(payload);
        if self.stream.is_none() && begins_blind && !payload.is_empty() {
            self.keyframe.wish(now);
        }
        let next = self.window.next();
        let stream = self.stream.get_or_insert_with(|| Stream {
            reception: Reception::new(header.ssrc, index, clock, now),
            rtx_ssrc: None,
            index_offset: next.value().wrapping_sub(index.value()),
            begin: next,
            newest_at: now,
        });
        let index = index.plus(stream.index_offset);
        if index < stream.begin {
            return Err(DropReason::TooLate);
        }
        Ok(Place { index, timestamp: self.timeline.map(header.timestamp, clock, now), clock })
    }

    /// Makes room for a new SSRC, which continues where this one ends.
    fn leave_stream(&mut self) {
        self.earlier = self.stream.take().map(|stream| Earlier {
            ssrc: stream.reception.ssrc(),
            rtx_ssrc: stream.rtx_ssrc,
            index_offset: stream.index_offset,
            timestamp_offset: self.timeline.offset().unwrap_or_default(),
            end: self.window.next(),
        });
        self.timeline.switch();
        self.loss.clear();
        self.keyframes.clear();
        self.ring.pinned.clear();
        self.relation = None;
    }

    fn accept(
        &mut self,
        place: Place,
        header: RtpHeader,
        head: &[u8],
        payload: &[u8],
        codec: Codec,
        now: Instant,
    ) -> Result<(), DropReason> {
        if payload.is_empty() {
            return self.enter(place, header.payload_type, None, now);
        }
        let frame = codec.is_video().then(|| {
            let id = self.parameters.extensions.id(Extension::DependencyDescriptor);
            let dependency = id.and_then(|id| header.extension(head, id));
            self.describer.describe(codec, &header, payload, dependency)
        });
        self.enter(place, header.payload_type, Some(Body { header, frame, head, payload }), now)
    }

    /// Keeps a packet under its number for the next fan-out; one of padding alone fills its number.
    pub(super) fn enter(
        &mut self,
        Place { index, timestamp, clock }: Place,
        payload_type: PayloadType,
        body: Option<Body<'_>>,
        now: Instant,
    ) -> Result<(), DropReason> {
        let order = self.window.order(index);
        match order {
            Order::Duplicate => return Err(DropReason::Duplicate),
            Order::TooOld => return Err(DropReason::TooLate),
            Order::Newest { .. } | Order::Late => {}
        }
        if let Some(body) = body
            && !self.ring.store(index, timestamp, body, now)
        {
            return Err(DropReason::TooLate);
        }
        self.window.note(index);
        self.counters.received += 1;
        if self.repairs_losses() {
            match order {
                Order::Newest { missing: 0 } => self.loss.note_newest(index, now),
                Order::Newest { missing } => self.loss.note_gap(index, missing, now),
                _ => self.loss.note_late(index),
            }
        }
        let frame = body.as_ref().and_then(|body| body.frame);
        if self.is_wanted() {
            let payload = match body {
                Some(_) => FreshPayload::Media,
                None => FreshPayload::Padding { payload_type, timestamp },
            };
            self.fresh.push(Fresh { index, clock, frame, padding: 0, payload });
        }
        let Some(Body { header, head, payload, .. }) = body else { return Err(DropReason::PaddingOnly) };
        self.counters.packets += 1;
        self.counters.bytes += payload.len() as u64;
        self.meter.note(frame.map(|frame| frame.layer).unwrap_or_default(), payload.len());
        self.counters.frames += u64::from(frame.is_some_and(|frame| frame.ends_frame));
        self.flow.newest = Some(now);
        if let Some(levels) = &mut self.levels
            && let Some(id) = self.parameters.extensions.id(Extension::AudioLevel)
            && let Some(value) = header.extension(head, id)
        {
            levels.note(value);
        }
        if let Some(frame) = frame {
            let Self { keyframes, window, ring, .. } = self;
            if frame.begins_keyframe {
                self.keyframe.note_keyframe();
            }
            let whole = keyframes.note(index, timestamp, frame.begins_keyframe, header.marker, window, now);
            if let Some((first, end, at)) = whole {
                ring.pin(first, end, at);
            }
        }
        Ok(())
    }
}
