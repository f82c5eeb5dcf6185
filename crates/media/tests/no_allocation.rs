//! The packet path does not allocate once it is warm.

#![expect(unsafe_code, reason = "counting allocations takes a global allocator, whose trait is unsafe")]

use keel_media::MediaKind;
use keel_media::codec::{Codec, CodecParameters};
use keel_media::forward::{Forwarder, LayerTarget, RelayTo, SinkConfig, TrackConfig};
use keel_media::id::{RelayId, SessionId, SinkId, SourceId, TrackId};
use keel_media::rtp::rtcp::{Feedback, TransportFeedback};
use keel_media::rtp::{
    AbsSendTime, Bitrate, ClockRate, Direction, ExtSeq, Extension, ExtensionId, ExtensionMap, Format, Mid,
    PayloadType, RtpHeader, RtpParameters, Ssrc,
};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    /// Those of the forwarder, where the test's own are between them.
    static IN_FORWARDER: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is the system allocator's, with the caller's own arguments; counting in a
// constant-initialised thread local does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const SUBSCRIBERS: u64 = 20;
const DESCRIPTOR_ID: u8 = 4;
/// What follows the mandatory fields of a dependency descriptor that brings its structure: templates of a keyframe,
/// of a frame two before, and of one in the upper layer.
const TWO_TEMPORAL_LAYERS: [u8; 7] = [0x80, 0x01, 0x1e, 0xa8, 0x51, 0x40, 0x00];

fn parameters(payload_type: u8) -> Arc<RtpParameters> {
    let mut extensions = ExtensionMap::default();
    for (id, extension) in
        [(1, Extension::Mid), (2, Extension::AbsSendTime), (3, Extension::TransportSequenceNumber)]
    {
        extensions.insert(ExtensionId::new(id).expect("a valid id"), extension);
    }
    let vp8 = Format {
        payload_type: PayloadType::new(payload_type).expect("a valid payload type"),
        codec: Codec::Vp8,
        parameters: CodecParameters::None,
        clock_rate: ClockRate::VIDEO,
        rtx: None,
        nack: true,
        pli: true,
        fir: false,
        transport_cc: true,
        remb: false,
    };
    let mid = Mid::new("0").expect("a valid mid");
    Arc::new(RtpParameters { mid, direction: Direction::SendRecv, formats: vec![vp8], extensions })
}

/// A publisher's track, and its encodings.
fn publish<const ENCODINGS: usize>(
    forwarder: &mut Forwarder,
    parameters: Arc<RtpParameters>,
) -> (TrackId, [SourceId; ENCODINGS]) {
    let (session, kind) = (SessionId::new(1), MediaKind::Video);
    let track = forwarder.add_track(TrackConfig { session, kind, parameters, encodings: ENCODINGS });
    let source = |place| forwarder.source_of(track, place).expect("as many as there are encodings");
    (track, std::array::from_fn(source))
}

/// AV1 with dependency descriptors, and RTX.
fn layered(payload_type: u8) -> Arc<RtpParameters> {
    let mut parameters = (*parameters(payload_type)).clone();
    let id = ExtensionId::new(DESCRIPTOR_ID).expect("a valid id");
    parameters.extensions.insert(id, Extension::DependencyDescriptor);
    for format in &mut parameters.formats {
        (format.codec, format.rtx) = (Codec::Av1, PayloadType::new(payload_type + 1));
    }
    Arc::new(parameters)
}

/// One frame of `count` packets in, of two temporal layers, with a keyframe each second.
fn receive_layered(forwarder: &mut Forwarder, source: SourceId, frame: u64, count: u64, now: Instant) {
    let key = frame.is_multiple_of(30);
    for place in 0..count {
        let index = 30_000 + frame * count + place;
        let (first, last) = (place == 0, place + 1 == count);
        let template = if key { 0 } else { 1 + (frame % 2) as u8 };
        // AV1 RTP §A.8.2: the frame's beginning and end, its template and number; keyframes bring the structure.
        let mut descriptor = vec![u8::from(first) << 7 | u8::from(last) << 6 | template];
        descriptor.extend((frame as u16).to_be_bytes());
        if key && first {
            descriptor.extend(TWO_TEMPORAL_LAYERS);
        }
        let mut packet = vec![0x90, if last { 0x80 | 96 } else { 96 }];
        packet.extend((index as u16).to_be_bytes());
        packet.extend(((frame * 3_000) as u32).to_be_bytes());
        packet.extend(9u32.to_be_bytes());
        let words = (2 + descriptor.len()).div_ceil(4);
        packet.extend([0x10, 0, 0, words as u8, DESCRIPTOR_ID, descriptor.len() as u8]);
        packet.extend(descriptor);
        packet.resize(16 + 4 * words, 0);
        packet.resize(1_000, 7);
        let header = RtpHeader::parse(&packet).expect("a valid packet");
        let before = ALLOCATIONS.get();
        forwarder.handle_rtp(source, ExtSeq::new(index), &header, &packet, now).expect("a fresh packet");
        IN_FORWARDER.set(IN_FORWARDER.get() + ALLOCATIONS.get() - before);
    }
}

/// One frame of eight packets in.
fn receive(forwarder: &mut Forwarder, source: SourceId, frame: u64, now: Instant) {
    let mut packet = [7; 1_100];
    for place in 0..8 {
        let index = 30_000 + frame * 8 + place;
        packet[..2].copy_from_slice(&[0x90, 96]);
        packet[2..4].copy_from_slice(&(index as u16).to_be_bytes());
        packet[4..8].copy_from_slice(&((frame * 3_000) as u32).to_be_bytes());
        packet[8..12].copy_from_slice(&9u32.to_be_bytes());
        // RFC 7741 §4: a keyframe begins every second, whose packets are kept for new subscribers.
        let begins_keyframe = frame.is_multiple_of(30) && place == 0;
        packet[20..22].copy_from_slice(if begins_keyframe { &[0x10, 0] } else { &[0, 1] });
        packet[1] = if place == 7 { 0x80 | 96 } else { 96 };
        packet[12..20].copy_from_slice(&[0xbe, 0xde, 0, 1, 0x31, (index >> 8) as u8, index as u8, 0]);
        let header = RtpHeader::parse(&packet).expect("a valid packet");
        forwarder.handle_rtp(source, ExtSeq::new(index), &header, &packet, now).expect("a fresh packet");
    }
}

/// What arrived goes out; returns how many departed.
fn send(forwarder: &mut Forwarder, now: Instant, arena: &mut [u8]) -> u64 {
    let mut departed = 0;
    forwarder.fan_out(now, AbsSendTime::since_origin(Duration::ZERO), |departure| {
        departure.write(arena);
        departed += 1;
    });
    departed
}

fn subscribe(forwarder: &mut Forwarder, track: TrackId, now: Instant) -> Vec<SinkId> {
    let subscribe = |subscriber| {
        let sink = forwarder.add_sink(SinkConfig {
            session: SessionId::new(2 + subscriber),
            kind: MediaKind::Video,
            parameters: parameters(120),
            ssrc: Ssrc::new(0x2000),
            rtx_ssrc: None,
            cname: "publisher".into(),
        });
        assert!(forwarder.connect(track, sink, now));
        sink
    };
    (0..SUBSCRIBERS).map(subscribe).collect()
}

#[test]
fn a_warm_packet_path_does_not_allocate() {
    let mut forwarder = Forwarder::new(1);
    let (track, [source]) = publish(&mut forwarder, parameters(96));
    let mut now = Instant::now(); // clock: an origin, never compared with the present
    subscribe(&mut forwarder, track, now);
    // Another worker's, which has the track too.
    let mut far = Forwarder::new(2);
    let to = RelayTo { worker: 1, relay: RelayId::new(1) };
    let relayed = forwarder.begin_relay(track, to, now).expect("the track exists");
    let far_track = far.add_relayed_track(relayed, now);
    let far_source = far.source_of(far_track, 0).expect("its only one");
    subscribe(&mut far, far_track, now);
    let mut arena = vec![0; 1_500];
    let mut allocated = 0;
    for frame in 0..600 {
        now += Duration::from_millis(33);
        let before = ALLOCATIONS.get();
        receive(&mut forwarder, source, frame, now);
        forwarder.relay(|_, packet, bytes| {
            far.handle_relayed(far_source, &packet, bytes, now).expect("a fresh packet");
        });
        assert_eq!(send(&mut forwarder, now, &mut arena), 8 * SUBSCRIBERS);
        assert_eq!(send(&mut far, now, &mut arena), 8 * SUBSCRIBERS);
        // The ring grows for the first seconds.
        if frame >= 300 {
            allocated += ALLOCATIONS.get() - before;
        }
        for forwarder in [&mut forwarder, &mut far] {
            forwarder.handle_timeout(now);
            while forwarder.poll_output().is_some() {}
        }
    }
    assert!(ALLOCATIONS.get() > 0, "the counter counts");
    assert_eq!(allocated, 0);
}

#[test]
fn a_warm_pacer_does_not_allocate() {
    let mut forwarder = Forwarder::new(1);
    let (track, [source]) = publish(&mut forwarder, parameters(96));
    let mut now = Instant::now(); // clock: an origin, never compared with the present
    subscribe(&mut forwarder, track, now);
    let mut arena = vec![0; 1_500];
    let (mut allocated, mut departed, mut at_once) = (0, 0, 0);
    for frame in 0..600 {
        if frame % 30 == 0 {
            // A little more than the 2.1 Mbit/s that are sent: packets wait for their turn, and none too long.
            for subscriber in 0..SUBSCRIBERS {
                let remb = Feedback::Remb { bitrate: Bitrate::bps(2_400_000) };
                forwarder.handle_feedback(SessionId::new(2 + subscriber), &remb, now);
            }
        }
        receive(&mut forwarder, source, frame, now);
        for turn in 0..33 {
            let before = ALLOCATIONS.get();
            let sent = send(&mut forwarder, now, &mut arena);
            if frame >= 300 {
                allocated += ALLOCATIONS.get() - before;
                at_once += if turn == 0 { sent } else { 0 };
                departed += sent;
            }
            now += Duration::from_millis(1);
            forwarder.handle_timeout(now);
            while forwarder.poll_output().is_some() {}
        }
    }
    assert!(at_once < departed / 2, "{at_once} of {departed} left in the tick of their arrival");
    assert!(departed.abs_diff(300 * 8 * SUBSCRIBERS) <= 8 * SUBSCRIBERS, "{departed}");
    assert_eq!(allocated, 0);
}

#[test]
fn switches_between_encodings_do_not_allocate() {
    let mut forwarder = Forwarder::new(1);
    let (track, sources) = publish::<3>(&mut forwarder, parameters(96));
    let mut now = Instant::now(); // clock: an origin, never compared with the present
    let sinks = subscribe(&mut forwarder, track, now);
    let mut arena = vec![0; 1_500];
    let (mut allocated, mut departed, mut current) = (0, 0, Vec::new());
    for frame in 0..900 {
        now += Duration::from_millis(33);
        if frame % 30 == 15 {
            for (place, sink) in sinks.iter().enumerate() {
                let spatial = ((frame / 30 + place as u64) % 3) as u8;
                forwarder.set_target(*sink, LayerTarget { spatial, temporal: 0 }, now);
            }
        }
        let before = ALLOCATIONS.get();
        for source in sources {
            receive(&mut forwarder, source, frame, now);
        }
        departed += send(&mut forwarder, now, &mut arena);
        if frame >= 450 {
            allocated += ALLOCATIONS.get() - before;
        }
        forwarder.handle_timeout(now);
        while forwarder.poll_output().is_some() {}
        if frame % 30 == 10 {
            let layer = forwarder.layer_of(sinks[0]).expect("the sink exists").current;
            current.push(layer.expect("it has one").spatial);
        }
    }
    // Who might give feedback and gives none is held at the least for three seconds.
    assert!(current.windows(2).skip(5).all(|pair| pair[0] != pair[1]), "it switched: {current:?}");
    assert!(departed >= 899 * 8 * SUBSCRIBERS, "{departed}");
    assert_eq!(allocated, 0);
}

/// A path of a certain width, whose end says when packets arrived.
#[derive(Default)]
struct Path {
    under_way: Vec<(u16, Instant)>,
    free: Option<Instant>,
}

impl Path {
    fn departed(&mut self, number: u16, bytes: u64, now: Instant) {
        let arrival = self.free.map_or(now, |free| free.max(now)) + Bitrate::bps(WIDTH).time_for(bytes);
        self.free = Some(arrival);
        self.under_way.push((number, arrival));
    }

    fn feedback(&mut self, origin: Instant) -> Option<Feedback> {
        let (base, first) = *self.under_way.first()?;
        let reference = (first - origin).as_millis() as u64 / 64;
        let mut before = reference * 256;
        let arrivals = self.under_way.drain(..).map(|(_, arrival)| {
            let ticks = (arrival - origin).as_micros() as u64 / 250;
            let delta = ticks.saturating_sub(before);
            before += delta;
            Some(delta as i16)
        });
        let arrivals = arrivals.collect();
        let reference_time = reference as u32;
        let feedback =
            TransportFeedback { media_ssrc: Ssrc::new(1), base, reference_time, count: 0, arrivals };
        Some(Feedback::TransportFeedback(feedback))
    }
}

/// What the paths carry: less than the best encoding, more than the one below.
const WIDTH: u64 = 1_600_000;

#[test]
fn layers_switches_pacing_and_feedback_together_do_not_allocate() {
    let mut forwarder = Forwarder::new(1);
    let (track, sources) = publish::<3>(&mut forwarder, layered(96));
    let start = Instant::now(); // clock: an origin, never compared with the present
    let mut now = start;
    let sink = |forwarder: &mut Forwarder, subscriber: u64| {
        let sink = forwarder.add_sink(SinkConfig {
            session: SessionId::new(2 + subscriber),
            kind: MediaKind::Video,
            parameters: layered(120),
            ssrc: Ssrc::new(0x2000),
            rtx_ssrc: Some(Ssrc::new(0x2001)),
            cname: "publisher".into(),
        });
        assert!(forwarder.connect(track, sink, start));
        sink
    };
    let sinks: Vec<_> = (0..SUBSCRIBERS).map(|subscriber| sink(&mut forwarder, subscriber)).collect();
    let mut paths: Vec<Path> =
        sinks.iter().map(|_| Path { under_way: Vec::with_capacity(4_096), free: None }).collect();
    let mut arena = vec![0; 1_500];
    let number_id = ExtensionId::new(3).expect("a valid id");
    let (mut allocated, mut departed, mut repeated, mut layers) = (0, 0, 0, Vec::new());
    for frame in 0..1_800 {
        // One packet, three and nine: 240, 720 and 2,160 kbit/s.
        for (source, count) in sources.into_iter().zip([1, 3, 9]) {
            receive_layered(&mut forwarder, source, frame, count, now);
        }
        for (place, sink) in sinks.iter().enumerate().filter(|_| frame % 30 == 15) {
            let temporal = ((frame / 30 + place as u64) % 2) as u8;
            forwarder.set_target(*sink, LayerTarget { spatial: u8::MAX, temporal }, now);
        }
        for turn in 0..33 {
            let before = ALLOCATIONS.get();
            forwarder.fan_out(now, AbsSendTime::since_origin(Duration::ZERO), |departure| {
                let bytes = departure.write(&mut arena);
                let header = RtpHeader::parse(&arena[..bytes]).expect("a valid packet");
                let number = header.extension(&arena[..bytes], number_id).expect("it was agreed");
                let number = u16::from_be_bytes([number[0], number[1]]);
                let place = departure.session.number() as usize - 2;
                paths[place].departed(number, bytes as u64, now);
                repeated += u64::from(departure.ssrc == Ssrc::new(0x2001));
                departed += 1;
            });
            IN_FORWARDER.set(IN_FORWARDER.get() + ALLOCATIONS.get() - before);
            now += Duration::from_millis(1);
            forwarder.handle_timeout(now);
            while forwarder.poll_output().is_some() {}
            for (place, path) in paths.iter_mut().enumerate().filter(|_| turn % 16 == 0) {
                if let Some(feedback) = path.feedback(start) {
                    forwarder.handle_feedback(SessionId::new(2 + place as u64), &feedback, now);
                }
            }
        }
        if frame == 900 {
            allocated = IN_FORWARDER.get();
            (departed, repeated) = (0, 0);
        }
        let current = forwarder.layer_of(sinks[0]).expect("the sink exists").current;
        layers.extend(current.filter(|_| frame >= 900).map(|layer| (layer.spatial, layer.temporal)));
    }
    for layer in [(1, 0), (1, 1)] {
        assert!(layers.contains(&layer), "{layer:?} was shown");
    }
    assert!(departed > 900 * 2 * SUBSCRIBERS, "{departed}");
    assert!(repeated > SUBSCRIBERS, "probes were filled: {repeated}");
    assert_eq!(IN_FORWARDER.get() - allocated, 0);
}
