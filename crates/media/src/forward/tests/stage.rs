//! The forwarder under test, virtual time, and the promises that hold at every step.

use super::parameters::{format, parameters, pt};
use super::publisher::{Packet, audio, video};
use crate::codec::Codec;
use crate::forward::{DropReason, Forwarder, Output, SinkConfig, TrackConfig};
use crate::id::{SessionId, SinkId, SourceId, TrackId};
use crate::pipeline::MediaKind;
use crate::rtp::rtcp::{Feedback, Report};
use crate::rtp::{AbsSendTime, ExtSeq, Extension, ExtensionId, Format, RtpHeader, RtpParameters, Ssrc};
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(super) const ALICE: SessionId = SessionId::new(1);
pub(super) const BOB: SessionId = SessionId::new(2);
pub(super) const CAROL: SessionId = SessionId::new(3);
/// The numbers that subscribers gave to VP8 and its RTX.
pub(super) const OUT_VP8: u8 = 120;
pub(super) const OUT_RTX: u8 = 121;
const OUT_OPUS: u8 = 109;
/// The id that subscribers with transport-wide feedback gave to its numbers.
const OUT_TRANSPORT_NUMBER: u8 = 3;

pub(super) struct Stage {
    pub(super) forwarder: Forwarder,
    pub(super) now: Instant,
    pub(super) received: Vec<Received>,
    pub(super) outputs: Vec<Output>,
    start: Instant,
    sealed: BTreeSet<(SessionId, Ssrc, ExtSeq)>,
    subscribed: BTreeSet<SinkId>,
    hash: DefaultHasher,
}

/// A packet as a subscriber gets it.
#[derive(Clone, Debug)]
pub(super) struct Received {
    pub(super) session: SessionId,
    pub(super) sink: SinkId,
    pub(super) index: ExtSeq,
    pub(super) header: RtpHeader,
    pub(super) bytes: Vec<u8>,
}

/// VP8 as subscribers negotiated it: other numbers than the publisher's.
pub(super) fn subscriber_video() -> Arc<RtpParameters> {
    let vp8 = Format { rtx: Some(pt(OUT_RTX)), ..format(OUT_VP8, Codec::Vp8) };
    let extensions = [(1, Extension::Mid), (2, Extension::AbsSendTime), (9, Extension::VideoOrientation)];
    Arc::new(parameters("v", vec![vp8], &extensions))
}

/// [`subscriber_video`] with transport-wide feedback.
pub(super) fn counted_video() -> Arc<RtpParameters> {
    let mut video = (*subscriber_video()).clone();
    let id = ExtensionId::new(OUT_TRANSPORT_NUMBER).expect("a valid id");
    assert!(video.extensions.insert(id, Extension::TransportSequenceNumber), "the id is free");
    Arc::new(video)
}

/// Opus with transport-wide feedback.
fn counted_audio() -> Arc<RtpParameters> {
    let extensions = [(1, Extension::Mid), (OUT_TRANSPORT_NUMBER, Extension::TransportSequenceNumber)];
    Arc::new(parameters("a", vec![format(OUT_OPUS, Codec::Opus)], &extensions))
}

impl Stage {
    pub(super) fn new(seed: u64) -> Self {
        let start = Instant::now(); // clock: an origin, never compared with the present
        Self {
            forwarder: Forwarder::new(seed),
            now: start,
            received: Vec::new(),
            outputs: Vec::new(),
            start,
            sealed: BTreeSet::new(),
            subscribed: BTreeSet::new(),
            hash: DefaultHasher::new(),
        }
    }

    pub(super) fn publish(&mut self, session: SessionId) -> TrackId {
        self.publish_with(session, video())
    }

    pub(super) fn publish_with(&mut self, session: SessionId, parameters: Arc<RtpParameters>) -> TrackId {
        self.forwarder.add_track(TrackConfig { session, kind: MediaKind::Video, parameters, encodings: 1 })
    }

    pub(super) fn publish_audio(&mut self, session: SessionId) -> TrackId {
        let (kind, parameters) = (MediaKind::Audio, audio());
        self.forwarder.add_track(TrackConfig { session, kind, parameters, encodings: 1 })
    }

    /// The only source of a track.
    pub(super) fn source(&self, track: TrackId) -> SourceId {
        self.forwarder.source_of(track, 0).expect("a track that has not been removed")
    }

    /// Adds a sink with the SSRC `ssrc` (RTX one above) and connects it.
    pub(super) fn subscribe(&mut self, track: TrackId, session: SessionId, ssrc: u32) -> SinkId {
        let sink = self.add_sink(session, ssrc, subscriber_video());
        self.connect(track, sink);
        sink
    }

    pub(super) fn add_sink(
        &mut self,
        session: SessionId,
        ssrc: u32,
        parameters: Arc<RtpParameters>,
    ) -> SinkId {
        self.forwarder.add_sink(SinkConfig {
            session,
            kind: MediaKind::Video,
            parameters,
            ssrc: Ssrc::new(ssrc),
            rtx_ssrc: Some(Ssrc::new(ssrc + 1)),
            cname: "alice".into(),
        })
    }

    /// Adds an audio sink with the SSRC `ssrc` and connects it.
    pub(super) fn subscribe_audio(&mut self, track: TrackId, session: SessionId, ssrc: u32) -> SinkId {
        let sink = self.forwarder.add_sink(SinkConfig {
            session,
            kind: MediaKind::Audio,
            parameters: counted_audio(),
            ssrc: Ssrc::new(ssrc),
            rtx_ssrc: None,
            cname: "alice".into(),
        });
        self.connect(track, sink);
        sink
    }

    pub(super) fn connect(&mut self, track: TrackId, sink: SinkId) {
        assert!(self.forwarder.connect(track, sink, self.now), "both exist");
        self.subscribed.insert(sink);
        self.settle();
    }

    pub(super) fn disconnect(&mut self, sink: SinkId) {
        self.forwarder.disconnect(sink);
        self.subscribed.remove(&sink);
        self.settle();
    }

    /// Hands one packet in and lets the batch end.
    pub(super) fn send(&mut self, track: TrackId, packet: &Packet) -> Result<(), DropReason> {
        let taken = self.send_in_batch(track, packet);
        self.settle();
        taken
    }

    pub(super) fn send_all(&mut self, track: TrackId, packets: &[Packet]) {
        for packet in packets {
            self.send_in_batch(track, packet).expect("a fresh packet is taken");
        }
        self.settle();
    }

    pub(super) fn send_in_batch(&mut self, track: TrackId, packet: &Packet) -> Result<(), DropReason> {
        let header = packet.header();
        let source = self.source(track);
        if packet.is_rtx() {
            self.forwarder.handle_rtx(source, &header, &packet.bytes, self.now)
        } else {
            self.forwarder.handle_rtp(source, packet.index, &header, &packet.bytes, self.now)
        }
    }

    pub(super) fn feedback(&mut self, session: SessionId, feedback: &Feedback) {
        self.forwarder.handle_feedback(session, feedback, self.now);
        self.settle();
    }

    /// Lets time pass, with every timer at its own time.
    pub(super) fn advance(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(due) = self.forwarder.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.settle();
        }
        self.now = end;
        self.settle();
    }

    /// Takes what leaves now, and checks each packet.
    fn hand_out(&mut self) {
        let send_time = AbsSendTime::since_origin(self.now - self.start);
        let (sealed, subscribed, received) = (&mut self.sealed, &self.subscribed, &mut self.received);
        let hash = &mut self.hash;
        let mut sinks_seen: Vec<(SinkId, Ssrc)> = Vec::new();
        self.forwarder.fan_out(self.now, send_time, |departure| {
            let mut bytes = vec![0; departure.packet_len()];
            assert_eq!(departure.write(&mut bytes), bytes.len());
            bytes.hash(hash);
            departure.index.hash(hash);
            let header = RtpHeader::parse(&bytes).expect("what departs parses");
            assert_eq!(header.payload_start(), departure.header_len());
            assert_eq!((header.ssrc, header.seq), (departure.ssrc, departure.index.seq()));
            let (session, sink, index) = (departure.session, departure.sink, departure.index);
            // covers: DESIGN.md "Every (key, SSRC, 48-bit packet index) is sealed exactly once"
            assert!(sealed.insert((session, departure.ssrc, index)), "{index:?} sealed twice");
            assert!(subscribed.contains(&sink), "{sink:?} is not subscribed");
            if sinks_seen.last() != Some(&(sink, departure.ssrc)) {
                assert!(!sinks_seen.contains(&(sink, departure.ssrc)), "one run for each stream");
                sinks_seen.push((sink, departure.ssrc));
            }
            received.push(Received { session, sink, index, header, bytes });
        });
    }

    /// What a worker does at the end of a batch, and what must hold after each.
    pub(super) fn settle(&mut self) {
        self.hand_out();
        self.forwarder.handle_timeout(self.now);
        // A stream that is resumed by timer begins with the next fan-out, which a worker runs at once.
        if self.forwarder.poll_timeout().is_some_and(|due| due <= self.now) {
            self.hand_out();
            self.forwarder.handle_timeout(self.now);
        }
        assert!(
            self.forwarder.poll_timeout().is_none_or(|due| due > self.now),
            "everything due has been done"
        );
        while let Some(output) = self.forwarder.poll_output() {
            format!("{output:?}").hash(&mut self.hash);
            self.outputs.push(output);
        }
    }

    /// Ends a batch that another forwarder has part in: what arrived here is a track there.
    pub(super) fn settle_with(&mut self, far: &mut Self, track: TrackId) {
        self.forwarder.relay(|way, packet, bytes| {
            let source = far.forwarder.source_of(track, way.encoding).expect("as many encodings");
            let taken = far.forwarder.handle_relayed(source, &packet, bytes, far.now);
            assert!(matches!(taken, Ok(()) | Err(DropReason::PaddingOnly)), "{taken:?}");
        });
        let before = self.outputs.len();
        self.settle();
        for output in self.outputs.get(before..).unwrap_or_default() {
            if let Output::Relay { way, news } = output {
                let source = far.forwarder.source_of(track, way.encoding).expect("as many encodings");
                far.forwarder.handle_relay_news(source, *news, far.now);
            }
        }
        far.settle();
    }

    /// Reports to one session since the last call, all else forgotten.
    pub(super) fn take_reports(&mut self, session: SessionId) -> Vec<Report> {
        let taken = std::mem::take(&mut self.outputs).into_iter();
        taken
            .filter_map(|output| match output {
                Output::Rtcp { session: to, report } if to == session => Some(report),
                _ => None,
            })
            .collect()
    }

    /// Everything that left and was said so far, as one number.
    pub(super) fn fingerprint(&self) -> u64 {
        self.hash.finish()
    }
}

impl Received {
    pub(super) fn payload(&self) -> &[u8] {
        self.header.payload(&self.bytes).expect("Keel pads correctly")
    }

    /// The transport-wide number, where it has one.
    pub(super) fn transport_number(&self) -> Option<u16> {
        let id = ExtensionId::new(OUT_TRANSPORT_NUMBER).expect("a valid id");
        let value = self.header.extension(&self.bytes, id)?;
        Some(u16::from_be_bytes(value.try_into().expect("two bytes")))
    }

    /// The publisher's number in the payload, behind `skip` bytes; `None` for an empty packet.
    pub(super) fn number(&self, skip: usize) -> Option<u32> {
        let number = self.payload().get(skip + 2..skip + 6)?;
        Some(u32::from_be_bytes(number.try_into().expect("four bytes")))
    }
}
