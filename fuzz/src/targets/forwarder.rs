//! The forwarding core under any sequence of calls.

use keel_media::MediaKind;
use keel_media::codec::{Codec, CodecParameters};
use keel_media::forward::{Forwarder, SinkConfig, TrackConfig};
use keel_media::id::{SessionId, SinkId, SourceId, TrackId};
use keel_media::rtp::rtcp::Feedback;
use keel_media::rtp::{
    AbsSendTime, ClockRate, Direction, ExtSeq, ExtensionMap, Format, Mid, NtpTime, PayloadType, RtpHeader,
    RtpParameters, RtpTime, SeqNo, Ssrc,
};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

const PUBLISHER: SessionId = SessionId::new(1);
const PUBLISHER_SSRC: Ssrc = Ssrc::new(0xa);

/// Plays `play` as calls: three bytes each, what to do and two numbers for it. One publisher sends to two
/// subscribers, one with RTX and one without.
///
/// Every departure has its subscriber's payload type and SSRC, its header says its index, and no index
/// leaves twice on one SSRC: with AES-GCM that would give the key away.
pub fn forwarder(play: &[u8]) {
    let mut stage = Stage::new();
    for step in play.as_chunks::<3>().0 {
        stage.step(*step);
    }
    stage.fan_out();
}

struct Stage {
    forwarder: Forwarder,
    track: TrackId,
    source: SourceId,
    subscribers: [Subscriber; 2],
    now: Instant,
    start: Instant,
    newest: u64,
}

struct Subscriber {
    session: SessionId,
    sink: SinkId,
    ssrc: Ssrc,
    rtx: Option<Ssrc>,
    payload_types: [u8; 2],
    last_sent: SeqNo,
    left: BTreeSet<(u32, u64)>,
}

impl Stage {
    fn new() -> Self {
        let mut forwarder = Forwarder::new(1);
        let kind = MediaKind::Video;
        let track = forwarder.add_track(TrackConfig {
            session: PUBLISHER,
            kind,
            parameters: parameters(96, 97),
            encodings: 1,
        });
        let source = forwarder.source_of(track, 0).expect("its only one");
        let now = Instant::now();
        let mut subscribe = |number: u64, rtx: Option<Ssrc>| {
            let (session, ssrc) = (SessionId::new(number), Ssrc::new(number as u32 * 0x10));
            let payload_types = [100 + number as u8 * 2, 101 + number as u8 * 2];
            let parameters = parameters(payload_types[0], payload_types[1]);
            let config =
                SinkConfig { session, kind, parameters, ssrc, rtx_ssrc: rtx, cname: "publisher".into() };
            let sink = forwarder.add_sink(config);
            forwarder.connect(track, sink, now);
            let (last_sent, left) = (SeqNo::new(0), BTreeSet::new());
            Subscriber { session, sink, ssrc, rtx, payload_types, last_sent, left }
        };
        let subscribers = [subscribe(2, Some(Ssrc::new(0x21))), subscribe(3, None)];
        // Close to the wrap, so that short plays cross it.
        Self { forwarder, track, source, subscribers, now, start: now, newest: 0xfff0 }
    }

    fn step(&mut self, [what, a, b]: [u8; 3]) {
        let subscriber = &self.subscribers[usize::from(a & 1)];
        match what % 8 {
            0..=2 => self.packet(a, b),
            3 => self.fan_out(),
            4 => {
                let lost = (0..u16::from(b % 20)).map(|back| subscriber.last_sent.wire().wrapping_sub(back));
                let lost = lost.map(SeqNo::new).collect();
                self.feedback(subscriber.session, &Feedback::Nack { media_ssrc: subscriber.ssrc, lost });
            }
            5 => self.feedback(subscriber.session, &Feedback::Pli { media_ssrc: subscriber.ssrc }),
            6 if b & 1 == 0 => self.forwarder.disconnect(subscriber.sink),
            6 => {
                self.forwarder.connect(self.track, subscriber.sink, self.now);
            }
            _ => self.time_passes(a, b),
        }
    }

    /// A packet near the newest one: mostly the next, sometimes a copy, a late one or one after a gap.
    fn packet(&mut self, a: u8, b: u8) {
        let step = [1, 1, 1, 1, 0, -3, 2, 40][usize::from(a & 7)];
        let index = self.newest.saturating_add_signed(step);
        self.newest = self.newest.max(index);
        let mut packet = vec![0x80, if b & 1 == 0 { 96 } else { 0x80 | 96 }];
        packet.extend_from_slice(&(index as u16).to_be_bytes());
        packet.extend_from_slice(&(index as u32 * 3_000).to_be_bytes());
        packet.extend_from_slice(&PUBLISHER_SSRC.wire().to_be_bytes());
        // RFC 7741 §4: a payload descriptor and the first byte of a keyframe, or of another frame.
        packet.extend_from_slice(&[0x10, b & 2, 0, 0, 0x9d, 1, 0x2a]);
        packet.resize(packet.len() + usize::from(b), a);
        let header = RtpHeader::parse(&packet).expect("the packet is well-formed");
        // A refusal is counted by the caller; it must only leave the forwarder whole.
        let _ = self.forwarder.handle_rtp(self.source, ExtSeq::new(index), &header, &packet, self.now);
    }

    fn feedback(&mut self, session: SessionId, feedback: &Feedback) {
        self.forwarder.handle_feedback(session, feedback, self.now);
    }

    fn time_passes(&mut self, a: u8, b: u8) {
        self.now += Duration::from_millis(u64::from(a) * u64::from(b % 8));
        if a & 1 == 1 {
            let (ntp, rtp) = (NtpTime::new(u64::from(a) << 32), RtpTime::new(u32::from(b) << 24));
            let report = Feedback::SenderReport { ssrc: PUBLISHER_SSRC, ntp, rtp, packets: 1, octets: 1 };
            self.feedback(PUBLISHER, &report);
        }
        self.forwarder.handle_timeout(self.now);
        while self.forwarder.poll_output().is_some() {}
    }

    fn fan_out(&mut self) {
        let Self { forwarder, subscribers, .. } = self;
        let send_time = AbsSendTime::since_origin(self.now - self.start);
        forwarder.fan_out(self.now, send_time, |departure| {
            let subscriber = subscribers.iter_mut().find(|subscriber| subscriber.sink == departure.sink);
            let subscriber = subscriber.expect("departures are for sinks that exist");
            let mut packet = vec![0; departure.packet_len()];
            assert_eq!(departure.write(&mut packet), packet.len());
            let header = RtpHeader::parse(&packet).expect("what leaves is RTP");
            assert_eq!((header.ssrc, header.seq), (departure.ssrc, departure.index.seq()));
            let repeats = Some(departure.ssrc) == subscriber.rtx;
            assert!(repeats || departure.ssrc == subscriber.ssrc);
            let expected = subscriber.payload_types[usize::from(repeats)];
            assert_eq!(Some(header.payload_type), PayloadType::new(expected));
            let fresh = subscriber.left.insert((departure.ssrc.wire(), departure.index.value()));
            assert!(fresh, "{:?} {:?} left twice", departure.ssrc, departure.index);
            if !repeats {
                subscriber.last_sent = header.seq;
            }
        });
    }
}

fn parameters(payload_type: u8, rtx: u8) -> Arc<RtpParameters> {
    let format = Format {
        payload_type: PayloadType::new(payload_type).expect("a dynamic payload type"),
        codec: Codec::Vp8,
        parameters: CodecParameters::None,
        clock_rate: ClockRate::VIDEO,
        rtx: PayloadType::new(rtx),
        nack: true,
        pli: true,
        fir: false,
        transport_cc: false,
        remb: true,
    };
    Arc::new(RtpParameters {
        mid: Mid::new("0").expect("a short name"),
        direction: Direction::SendRecv,
        formats: vec![format],
        extensions: ExtensionMap::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_play_forwards_frames_and_repairs_them() {
        let mut stage = Stage::new();
        for play in crate::seeds::forwarding() {
            play.as_chunks::<3>().0.iter().for_each(|step| stage.step(*step));
        }
        let [with_rtx, without] = &stage.subscribers;
        let repeated =
            with_rtx.left.iter().filter(|(ssrc, _)| Some(Ssrc::new(*ssrc)) == with_rtx.rtx).count();
        assert!(repeated > 3 && with_rtx.left.len() > 15 + repeated, "{:?}", with_rtx.left);
        assert!(without.left.len() > 10, "{:?}", without.left);
    }
}
