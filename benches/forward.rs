//! What it costs to forward one packet to 1, 10 and 100 subscribers, without any socket, beside the bare
//! limit of the same machine in the same run.
//!
//! Forwarding is the worker's own path: a packet is opened once, taken by the [`Forwarder`], and written and
//! sealed for every subscriber. The limit is what no SFU can do without: a copy of header and payload and
//! one AES-GCM seal for each subscriber. It receives nothing, so that 1 -> 1 cannot come near it: there
//! every packet is opened for one that is sealed.
//!
//! `cargo bench --bench forward`: criterion's figures, then the ratios, for which the two sides take turns,
//! so that what else the machine does hits both. The ratio is of medians.

#![expect(clippy::print_stdout, reason = "a program that prints its table")]

use criterion::{BenchmarkId, Criterion, Throughput};
use keel_media::MediaKind;
use keel_media::codec::{Codec, CodecParameters};
use keel_media::forward::{Forwarder, SinkConfig, TrackConfig};
use keel_media::id::{SessionId, SourceId};
use keel_media::rtp::{
    AbsSendTime, ClockRate, Direction, ExtSeq, Extension, ExtensionId, ExtensionMap, Format, Mid,
    PayloadType, RtpHeader, RtpParameters, Ssrc,
};
use keel_media::srtp::{DtlsRole, Profile, ReceiveContext, SendContext, SessionKeys};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

const SUBSCRIBERS: [usize; 3] = [1, 10, 100];
const PUBLISHER: Ssrc = Ssrc::new(9);
const PAYLOAD_TYPE: u8 = 96;
/// As `SendBatch` has it.
const ARENA_LENGTH: usize = 256 << 10;
const PACKET_MAX: usize = 1500;
/// What arrives: abs-send-time and the transport-wide number, in the order and form of Chromium.
const ARRIVING: [u8; 12] = [0xbe, 0xde, 0, 2, 0x22, 1, 2, 3, 0x31, 0, 0, 0];
/// What leaves: the m-line's identification, abs-send-time and the transport-wide number, in one block of 16
/// bytes.
const LEAVING_HEADER: usize = RtpHeader::FIXED_LENGTH + 16;

/// Payload bytes of the packets of consecutive frames.
struct Pattern {
    name: &'static str,
    frames: Vec<Vec<usize>>,
}

/// A publisher, a forwarder and its subscribers, with keys but without sockets.
struct Forwarding {
    publisher: SendContext,
    receiver: ReceiveContext,
    forwarder: Forwarder,
    source: SourceId,
    /// By session.
    subscribers: Vec<SendContext>,
    arena: Arena,
    next: ExtSeq,
    frame: u32,
    now: Instant,
}

/// The limit's keys, and packets ready to be copied.
struct Limit {
    subscribers: Vec<LessSafeKey>,
    arena: Arena,
    next: u64,
}

/// Where sealed packets are laid side by side, from the start again when it is full.
struct Arena {
    bytes: Vec<u8>,
    used: usize,
}

impl Pattern {
    fn all() -> [Self; 2] {
        // Recorded: a frame per line, the payload bytes of its packets.
        let chromium = include_str!("chromium_frames.txt").lines().filter(|line| !line.starts_with('#'));
        let chromium = chromium.map(|line| line.split(' ').filter_map(|size| size.parse().ok()).collect());
        [
            Self { name: "8 x 1100 bytes", frames: vec![vec![1100; 8]; 8] },
            Self { name: "as Chromium", frames: chromium.collect() },
        ]
    }

    fn packets(&self) -> usize {
        self.frames.iter().map(Vec::len).sum()
    }
}

impl Forwarding {
    fn to(subscribers: usize) -> Self {
        let (publisher, receiver) = contexts();
        let mut forwarder = Forwarder::new(1);
        let kind = MediaKind::Video;
        let session = SessionId::new(subscribers as u64);
        let track = forwarder.add_track(TrackConfig {
            session,
            kind,
            parameters: parameters(PAYLOAD_TYPE),
            encodings: 1,
        });
        let source = forwarder.source_of(track, 0).expect("its only one");
        let now = Instant::now();
        for subscriber in 0..subscribers as u64 {
            let sink = forwarder.add_sink(SinkConfig {
                session: SessionId::new(subscriber),
                kind,
                parameters: parameters(120),
                ssrc: Ssrc::new(0x2000),
                rtx_ssrc: None,
                cname: "publisher".into(),
            });
            assert!(forwarder.connect(track, sink, now));
        }
        let subscribers = (0..subscribers).map(|_| contexts().0).collect();
        let (next, arena) = (ExtSeq::new(1), Arena::new());
        Self { publisher, receiver, forwarder, source, subscribers, arena, next, frame: 0, now }
    }

    /// Forwards the frames of a pattern once: how long that took, and how many packets left.
    fn run(&mut self, pattern: &Pattern) -> (Duration, usize) {
        let mut arriving: Vec<Vec<Vec<u8>>> = Vec::with_capacity(pattern.frames.len());
        for sizes in &pattern.frames {
            self.frame += 1;
            arriving.push(
                sizes
                    .iter()
                    .enumerate()
                    .map(|(place, size)| self.seal(*size, place + 1 == sizes.len()))
                    .collect(),
            );
        }
        let mut left = 0;
        let begun = Instant::now();
        for frame in &mut arriving {
            self.now += Duration::from_millis(33);
            left += self.forward(frame);
        }
        (begun.elapsed(), left)
    }

    /// What a worker's tick does with a batch, but for the system calls.
    fn forward(&mut self, frame: &mut [Vec<u8>]) -> usize {
        let Self { receiver, forwarder, source, subscribers, arena, now, .. } = self;
        for packet in frame {
            let header = RtpHeader::parse(packet).expect("a valid packet");
            let (length, index) = receiver.unprotect_rtp(packet, &header).expect("genuine and new");
            forwarder.handle_rtp(*source, index, &header, &packet[..length], *now).expect("fresh");
        }
        let mut left = 0;
        forwarder.fan_out(*now, AbsSendTime::since_origin(Duration::ZERO), |departure| {
            let context = &mut subscribers[departure.session.number() as usize];
            let place = arena.reserve();
            let plain = departure.write(place);
            let (ssrc, index) = (departure.ssrc, departure.index);
            let sealed = context.protect_rtp(place, departure.header_len(), plain, ssrc, index);
            arena.commit(sealed);
            left += 1;
        });
        if forwarder.poll_timeout().is_some_and(|due| due <= *now) {
            forwarder.handle_timeout(*now);
        }
        while forwarder.poll_output().is_some() {}
        left
    }

    /// A packet as it arrives.
    fn seal(&mut self, payload: usize, marker: bool) -> Vec<u8> {
        let header = RtpHeader::FIXED_LENGTH + ARRIVING.len();
        let mut packet = Vec::with_capacity(PACKET_MAX);
        packet.extend([0x90, if marker { 0x80 } else { 0 } | PAYLOAD_TYPE]);
        packet.extend(self.next.seq().wire().to_be_bytes());
        packet.extend((self.frame.wrapping_mul(3_000)).to_be_bytes());
        packet.extend(PUBLISHER.wire().to_be_bytes());
        packet.extend(ARRIVING);
        let number = self.next.seq().wire().to_be_bytes();
        packet[header - 3..header - 1].copy_from_slice(&number);
        // A VP8 payload descriptor of one byte (RFC 7741 §4.2); the first packet begins a keyframe.
        let begins_keyframe = self.next.value() == 1;
        packet.push(if begins_keyframe { 0x10 } else { 0 });
        packet.resize(header + payload, if begins_keyframe { 0 } else { 0x5a });
        packet.resize(header + payload + self.publisher.tag_length(), 0);
        self.publisher.protect_rtp(&mut packet, header, header + payload, PUBLISHER, self.next);
        self.next = self.next.next();
        packet
    }
}

impl Limit {
    fn to(subscribers: usize) -> Self {
        let key = || LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &[7; 16]).expect("16 bytes"));
        Self { subscribers: (0..subscribers).map(|_| key()).collect(), arena: Arena::new(), next: 0 }
    }

    fn run(&mut self, pattern: &Pattern) -> (Duration, usize) {
        let source = [0x5a; PACKET_MAX];
        let mut left = 0;
        let begun = Instant::now();
        for frame in &pattern.frames {
            for key in &self.subscribers {
                for payload in frame {
                    let plain = LEAVING_HEADER + payload;
                    let place = self.arena.reserve();
                    place[..plain].copy_from_slice(&black_box(&source)[..plain]);
                    let (header, rest) = place.split_at_mut(LEAVING_HEADER);
                    let (payload, rest) = rest.split_at_mut(*payload);
                    let mut nonce = [0; 12];
                    nonce[4..].copy_from_slice(&self.next.to_be_bytes());
                    let nonce = Nonce::assume_unique_for_key(nonce);
                    let tag = key.seal_in_place_separate_tag(nonce, Aad::from(&*header), payload);
                    let tag = tag.expect("far below GCM's limit");
                    rest[..tag.as_ref().len()].copy_from_slice(tag.as_ref());
                    self.arena.commit(plain + tag.as_ref().len());
                    self.next += 1;
                    left += 1;
                }
            }
        }
        (begun.elapsed(), left)
    }
}

impl Arena {
    fn new() -> Self {
        Self { bytes: vec![0; ARENA_LENGTH], used: 0 }
    }

    fn reserve(&mut self) -> &mut [u8] {
        if self.used + PACKET_MAX > ARENA_LENGTH {
            black_box(&self.bytes);
            self.used = 0;
        }
        &mut self.bytes[self.used..self.used + PACKET_MAX]
    }

    fn commit(&mut self, length: usize) {
        self.used += length;
    }
}

fn main() {
    // `cargo test` runs this too, to see that it works: then once is enough.
    let rounds = if std::env::args().any(|argument| argument == "--bench") { 200 } else { 1 };
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    for pattern in &Pattern::all() {
        measure(&mut criterion, pattern);
    }
    criterion.final_summary();
    println!("{:<16} {:>11} {:>10} {:>9} {:>6}", "packets", "subscribers", "keel, ns", "limit, ns", "ratio");
    for pattern in &Pattern::all() {
        for subscribers in SUBSCRIBERS {
            let (keel, limit) = compare(pattern, subscribers, rounds);
            let name = pattern.name;
            println!("{name:<16} {subscribers:>11} {keel:>10.0} {limit:>9.0} {:>6.2}", keel / limit);
        }
    }
}

fn measure(criterion: &mut Criterion, pattern: &Pattern) {
    let mut group = criterion.benchmark_group(format!("forward, {}", pattern.name));
    for subscribers in SUBSCRIBERS {
        group.throughput(Throughput::Elements((pattern.packets() * subscribers) as u64));
        let mut keel = Forwarding::to(subscribers);
        group.bench_function(BenchmarkId::new("keel", subscribers), |bencher| {
            bencher.iter_custom(|times| (0..times).map(|_| keel.run(pattern).0).sum());
        });
        let mut limit = Limit::to(subscribers);
        group.bench_function(BenchmarkId::new("limit", subscribers), |bencher| {
            bencher.iter_custom(|times| (0..times).map(|_| limit.run(pattern).0).sum());
        });
    }
}

/// Nanoseconds for each packet that leaves: Keel's and the limit's, in turns.
fn compare(pattern: &Pattern, subscribers: usize, rounds: usize) -> (f64, f64) {
    let (mut keel, mut limit) = (Forwarding::to(subscribers), Limit::to(subscribers));
    let expected = pattern.packets() * subscribers;
    let (mut keels, mut limits) = (Vec::new(), Vec::new());
    // The first round warms up.
    for round in 0..rounds + 1 {
        let ((keel, left), (limit, limit_left)) = (keel.run(pattern), limit.run(pattern));
        assert_eq!((left, limit_left), (expected, expected), "everything leaves, on both sides");
        if round > 0 {
            keels.push(keel);
            limits.push(limit);
        }
    }
    let each = |times| median(times).as_secs_f64() * 1e9 / expected as f64;
    (each(keels), each(limits))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn contexts() -> (SendContext, ReceiveContext) {
    let profile = Profile::AeadAes128Gcm;
    let material = vec![0x2a; profile.keying_material_length()];
    let keys = |role| SessionKeys::from_keying_material(profile, role, &material).expect("the right length");
    (keys(DtlsRole::Client).send_context(), keys(DtlsRole::Server).receive_context())
}

/// VP8 with the extensions that Chromium offers for it.
fn parameters(payload_type: u8) -> Arc<RtpParameters> {
    let mut extensions = ExtensionMap::default();
    for (id, extension) in [
        (1, Extension::Mid),
        (2, Extension::AbsSendTime),
        (3, Extension::TransportSequenceNumber),
        (4, Extension::VideoOrientation),
        (5, Extension::PlayoutDelay),
        (6, Extension::VideoContentType),
    ] {
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
