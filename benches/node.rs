//! What a forwarded packet costs a real worker, in CPU time, beside the bare limit measured in the same run.
//!
//! One publisher sends to 100 subscribers through a media server with one worker, all real ICE, DTLS and
//! SRTP peers on loopback (`keel_load::peer`). The limit is a loop that does only what no SFU can do
//! without: seal each subscriber's copy and hand it to the kernel with the same batched, segmented send.
//! Server and limit take turns on one core, everything else runs on the other.
//!
//! `scripts/bench` runs it; arguments: `--seconds N` per turn (default 4), `--turns N` (default 3). Without
//! `--bench`, which `cargo bench` gives, it is a short run that only shows that packets arrive.

#![expect(clippy::print_stdout, reason = "a program that prints its table")]
#![expect(clippy::disallowed_methods, reason = "frames come by the clock, and silence is waited for")]

use anyhow::{Context as _, ensure};
use keel_load::peer::{
    BarePeer, Direction, Identity, Keys, Media, OfferingPeer, VIDEO_PAYLOAD_TYPE, video_ssrc,
};
use keel_media::rtp::{ExtSeq, Ssrc};
use keel_media::srtp::{DtlsRole, Profile, SendContext, SessionKeys};
use keel_media::worker::batch::{ReceiveBatch, Segmentation, SendBatch, gso_supported};
use keel_media::{EndpointOptions, MediaConfig, MediaKind, MediaServer, Pipeline, WebRtcEndpoint};
use rustix::thread::{CpuSet, sched_setaffinity};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

const FRAMES_PER_SECOND: u32 = 100;
const SERVER_CORE: usize = 0;
const LOAD_CORE: usize = 1;
const PUBLISHER_SSRC: u32 = video_ssrc(0);

/// Payload bytes of the packets of consecutive frames.
struct Pattern {
    name: &'static str,
    frames: Vec<Vec<usize>>,
}

#[derive(Clone, Copy, Default)]
struct Cost {
    cpu: Duration,
    packets: u64,
}

impl Cost {
    fn microseconds(self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.packets.max(1) as f64
    }
}

/// How much to do.
#[derive(Clone, Copy)]
struct Plan {
    subscribers: usize,
    turns: u64,
    length: Duration,
    /// Two cores, one each for server and load, and no packet lost; otherwise it is enough that some arrive.
    measures: bool,
}

impl Plan {
    fn from_arguments() -> anyhow::Result<Self> {
        if !std::env::args().any(|argument| argument == "--bench") {
            let length = Duration::from_millis(100);
            return Ok(Self { subscribers: 5, turns: 1, length, measures: false });
        }
        let argument = |name: &str, default: u64| -> anyhow::Result<u64> {
            let mut arguments = std::env::args().skip_while(|argument| argument != name);
            arguments
                .nth(1)
                .map_or(Ok(default), |value| value.parse().with_context(|| format!("{name} {value}")))
        };
        let length = Duration::from_secs(argument("--seconds", 4)?);
        Ok(Self { subscribers: 100, turns: argument("--turns", 3)?, length, measures: true })
    }

    fn pin(self, core: usize) -> anyhow::Result<()> {
        if !self.measures {
            return Ok(());
        }
        let mut set = CpuSet::new();
        set.set(core);
        sched_setaffinity(None, &set).with_context(|| format!("core {core} is needed: this takes two"))
    }
}

fn main() -> anyhow::Result<()> {
    let plan = Plan::from_arguments()?;
    plan.pin(SERVER_CORE)?;
    // The worker inherits the core; the load moves away afterwards.
    let server = MediaServer::start(MediaConfig {
        workers: 1,
        bind: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
        port_base: 0,
        ..MediaConfig::default()
    })?;
    plan.pin(LOAD_CORE)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    println!("joining {} subscribers ...", plan.subscribers);
    let mut stage = runtime.block_on(Stage::build(&server, plan))?;
    println!("segmentation by the kernel: {}", if gso_supported() { "yes" } else { "no" });
    let title = format!("1 -> {}, CPU us per packet", plan.subscribers);
    println!("{title:<34} {:>9} {:>9} {:>7} {:>8} {:>8}", "keel", "limit", "ratio", "loss", "limit's");
    let mut worst: f64 = 0.0;
    for pattern in patterns() {
        let (mut keel, mut limit) = (Vec::new(), Vec::new());
        let (mut keel_loss, mut limit_loss) = (Loss::default(), Loss::default());
        for _ in 0..plan.turns {
            let (cost, received) = stage.run_server(&pattern)?;
            keel_loss.add(cost.packets, received);
            keel.push(cost.microseconds());
            let (cost, received) = stage.run_limit(&pattern)?;
            limit_loss.add(cost.packets, received);
            limit.push(cost.microseconds());
        }
        let (keel, limit) = (median(keel), median(limit));
        let ratio = keel / limit;
        println!(
            "{:<34} {keel:>9.3} {limit:>9.3} {ratio:>7.2} {:>7.3}% {:>7.3}%",
            pattern.name,
            keel_loss.percent(),
            limit_loss.percent()
        );
        for loss in [keel_loss, limit_loss] {
            ensure!(loss.received > 0, "nothing arrived");
            worst = worst.max(loss.percent());
        }
    }
    runtime.block_on(server.stop());
    let tolerable = !plan.measures || worst < 1.0;
    ensure!(tolerable, "{worst:.2} % of the packets were lost: the machine is too busy to measure on");
    Ok(())
}

/// What was sent and what arrived.
#[derive(Clone, Copy, Default)]
struct Loss {
    offered: u64,
    received: u64,
}

impl Loss {
    fn add(&mut self, offered: u64, received: u64) {
        self.offered += offered;
        self.received += received;
    }

    fn percent(self) -> f64 {
        100.0 * (1.0 - self.received as f64 / self.offered.max(1) as f64)
    }
}

/// A server with its peers, and the sockets on which both sides' packets arrive.
struct Stage {
    publisher: BarePeer,
    publisher_keys: Keys,
    next: ExtSeq,
    timestamp: u32,
    receivers: Arc<Receivers>,
    destinations: Vec<SocketAddr>,
    plan: Plan,
    _endpoints: (Pipeline, Vec<WebRtcEndpoint>),
}

/// The subscribers' sockets, emptied by a thread of its own.
struct Receivers {
    peers: Vec<BarePeer>,
    packets: AtomicU64,
    running: AtomicBool,
}

impl Stage {
    async fn build(server: &MediaServer, plan: Plan) -> anyhow::Result<Self> {
        let address = *server.addresses().first().context("a media address")?;
        let identity = Arc::new(Identity::generate()?);
        let (pipeline, mut events) = server.create_pipeline().await?;
        let source = pipeline.create_webrtc_endpoint(EndpointOptions::default()).await?;
        let (publisher, publisher_keys) = connect(&identity, &source, address, Direction::Send, 0).await?;
        let mut peers = Vec::new();
        let mut destinations = Vec::new();
        let mut endpoints = vec![];
        for number in 0..plan.subscribers {
            let sink = pipeline.create_webrtc_endpoint(EndpointOptions::default()).await?;
            let (peer, _) = connect(&identity, &sink, address, Direction::Receive, number as u32 + 1).await?;
            source.connect(&sink, MediaKind::Video).await?;
            destinations.push(peer.socket.local_addr()?);
            peers.push(peer);
            endpoints.push(sink);
        }
        endpoints.push(source);
        // Nobody waits for these; the queue is bounded and the worker never waits for it.
        tokio::spawn(async move { while events.recv().await.is_some() {} });
        let receivers = Receivers { peers, packets: AtomicU64::new(0), running: AtomicBool::new(true) };
        let receivers = Arc::new(receivers);
        let draining = receivers.clone();
        std::thread::spawn(move || draining.drain());
        Ok(Self {
            publisher,
            publisher_keys,
            next: ExtSeq::new(1),
            timestamp: 0,
            receivers,
            destinations,
            plan,
            _endpoints: (pipeline, endpoints),
        })
    }

    /// Sends frames through the server: its CPU time, the packets it should have forwarded, and those that
    /// arrived.
    fn run_server(&mut self, pattern: &Pattern) -> anyhow::Result<(Cost, u64)> {
        self.keep_consent()?;
        let received_before = self.receivers.packets.load(Ordering::Relaxed);
        let cpu_before = thread_cpu("keel-media-0")?;
        let mut packets = 0;
        let mut buffer = [0; 2048];
        for_each_frame(pattern, self.plan.length, |frame| {
            for (place, payload) in frame.iter().enumerate() {
                let marker = place + 1 == frame.len();
                let plain =
                    write_packet(&mut buffer, self.next, self.timestamp, PUBLISHER_SSRC, marker, *payload);
                let send = &mut self.publisher_keys.send;
                let sealed = send.protect_rtp(&mut buffer, 12, plain, Ssrc::new(PUBLISHER_SSRC), self.next);
                self.publisher.socket.send_to(&buffer[..sealed], self.publisher.server)?;
                self.next = self.next.next();
                packets += self.destinations.len() as u64;
            }
            self.timestamp = self.timestamp.wrapping_add(90_000 / FRAMES_PER_SECOND);
            Ok(())
        })?;
        settle(&self.receivers.packets, received_before + packets);
        let cpu = thread_cpu("keel-media-0")?.saturating_sub(cpu_before);
        let received = self.receivers.packets.load(Ordering::Relaxed) - received_before;
        Ok((Cost { cpu, packets }, received))
    }

    /// Everybody's consent lasts 30 s: longer than a turn of each side.
    fn keep_consent(&self) -> anyhow::Result<()> {
        for peer in self.receivers.peers.iter().chain([&self.publisher]) {
            peer.send_check()?;
        }
        // The server answers before its turn begins.
        std::thread::sleep(Duration::from_millis(50));
        Ok(())
    }

    /// Seals and sends the same packets to the same sockets with nothing around it.
    fn run_limit(&mut self, pattern: &Pattern) -> anyhow::Result<(Cost, u64)> {
        let plan = self.plan;
        let received_before = self.receivers.packets.load(Ordering::Relaxed);
        let (frames, work) = mpsc::sync_channel::<Vec<usize>>(4);
        let destinations = self.destinations.clone();
        let worker = std::thread::Builder::new().name("bare-limit".into()).spawn(
            move || -> anyhow::Result<Cost> {
                plan.pin(SERVER_CORE)?;
                let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
                socket_buffer(&socket)?;
                let mut senders: Vec<(SocketAddr, SendContext)> =
                    destinations.into_iter().map(|destination| (destination, send_context())).collect();
                let mut batch = SendBatch::new();
                let mut next = ExtSeq::new(1);
                let mut packets = 0;
                let before = thread_cpu("bare-limit")?;
                while let Ok(frame) = work.recv() {
                    for (destination, context) in &mut senders {
                        for (place, payload) in frame.iter().enumerate() {
                            if batch.is_full() {
                                batch.flush(socket.as_fd());
                            }
                            let room = 12 + payload + Profile::TAG_LENGTH_MAX;
                            let packet = batch
                                .reserve((*destination).into(), Segmentation::Offloaded, room)
                                .context("a flushed batch has room")?;
                            let index = next.plus(place as u64);
                            let plain = write_packet(packet, index, 0, 7, place + 1 == frame.len(), *payload);
                            let sealed = context.protect_rtp(packet, 12, plain, Ssrc::new(7), index);
                            batch.commit(sealed);
                            packets += 1;
                        }
                    }
                    batch.flush(socket.as_fd());
                    next = next.plus(frame.len() as u64);
                }
                Ok(Cost { cpu: thread_cpu("bare-limit")?.saturating_sub(before), packets })
            },
        )?;
        for_each_frame(pattern, plan.length, |frame| Ok(frames.send(frame.to_vec())?))?;
        drop(frames);
        let cost = worker.join().map_err(|_| anyhow::anyhow!("the limit's thread panicked"))??;
        settle(&self.receivers.packets, received_before + cost.packets);
        Ok((cost, self.receivers.packets.load(Ordering::Relaxed) - received_before))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.receivers.running.store(false, Ordering::Relaxed);
    }
}

impl Receivers {
    /// Empties the sockets at a fixed small interval: a receiver that sleeps in epoll would make the sender
    /// pay for waking it.
    fn drain(&self) {
        let mut batch = ReceiveBatch::new();
        while self.running.load(Ordering::Relaxed) {
            let mut media = 0;
            for peer in &self.peers {
                while batch.receive(peer.socket.as_fd()).is_ok_and(|received| received.datagrams > 0) {
                    media += batch.datagrams().filter(|datagram| is_media(datagram.bytes)).count();
                }
            }
            self.packets.fetch_add(media as u64, Ordering::Relaxed);
            std::thread::sleep(Duration::from_micros(500));
        }
    }
}

/// A bare peer of `endpoint`, whose server listens at `server`.
async fn connect(
    identity: &Arc<Identity>,
    endpoint: &WebRtcEndpoint,
    server: SocketAddr,
    video: Direction,
    number: u32,
) -> anyhow::Result<(BarePeer, Keys)> {
    let offering = OfferingPeer::new(identity, server.ip(), number, Media::video(video))?;
    let answer = endpoint.process_offer(offering.offer()).await?;
    // Handshakes block; the server's events go on meanwhile.
    let identity = identity.clone();
    tokio::task::spawn_blocking(move || offering.connect(&identity, &answer, server)).await?
}

/// RTCP's packet types have the second byte between, and nothing else begins like either.
const fn is_media(datagram: &[u8]) -> bool {
    matches!(datagram, [128..=191, 0..=191 | 224..=255, ..])
}

/// Runs at the frame rate without drifting.
fn for_each_frame(
    pattern: &Pattern,
    length: Duration,
    mut each: impl FnMut(&[usize]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let start = Instant::now();
    let frames = (length.as_secs_f64() * f64::from(FRAMES_PER_SECOND)) as u32;
    for (number, frame) in (0..frames).zip(pattern.frames.iter().cycle()) {
        let due = start + Duration::from_secs(1) * number / FRAMES_PER_SECOND;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        each(frame)?;
    }
    Ok(())
}

/// Waits until `expected` packets have arrived in all, or nothing more has for a second: on a busy machine
/// a thread may sleep long with packets in its socket, and they must not count for the other side.
fn settle(packets: &AtomicU64, expected: u64) {
    let (mut before, mut changed) = (packets.load(Ordering::Relaxed), Instant::now());
    while before < expected && changed.elapsed() < Duration::from_secs(1) {
        std::thread::sleep(Duration::from_millis(10));
        let now = packets.load(Ordering::Relaxed);
        if now != before {
            (before, changed) = (now, Instant::now());
        }
    }
}

fn patterns() -> Vec<Pattern> {
    vec![
        Pattern { name: "frames of 8, 1100 bytes each", frames: vec![vec![1100; 8]] },
        Pattern { name: "frames as Chromium cuts them", frames: chromium_frames() },
        Pattern { name: "single packets, 1100 bytes", frames: vec![vec![1100]] },
    ]
}

/// Recorded from Chromium: a frame per line, the payload bytes of its packets.
fn chromium_frames() -> Vec<Vec<usize>> {
    include_str!("chromium_frames.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_whitespace().filter_map(|size| size.parse().ok()).collect())
        .collect()
}

/// Writes an RTP header and a VP8 payload descriptor with some payload; the plain length.
fn write_packet(
    out: &mut [u8],
    index: ExtSeq,
    timestamp: u32,
    ssrc: u32,
    marker: bool,
    payload: usize,
) -> usize {
    let marker = if marker { 0x80 } else { 0 };
    out[..2].copy_from_slice(&[0x80, VIDEO_PAYLOAD_TYPE | marker]);
    out[2..4].copy_from_slice(&index.seq().wire().to_be_bytes());
    out[4..8].copy_from_slice(&timestamp.to_be_bytes());
    out[8..12].copy_from_slice(&ssrc.to_be_bytes());
    // A VP8 payload descriptor of one byte (RFC 7741 §4.2). Some begin a keyframe, as a stream for anybody who
    // joins has to: S and the start of partition 0, with P clear in what follows.
    let begins_keyframe = index.value() % 512 == 1;
    out[12] = if begins_keyframe { 0x10 } else { 0 };
    out[13..12 + payload].fill(if begins_keyframe { 0 } else { 0x5a });
    12 + payload
}

fn send_context() -> SendContext {
    let profile = Profile::AeadAes128Gcm;
    let material = vec![7; profile.keying_material_length()];
    SessionKeys::from_keying_material(profile, DtlsRole::Client, &material)
        .expect("as long as the profile takes")
        .send_context()
}

fn socket_buffer(socket: &UdpSocket) -> anyhow::Result<()> {
    let socket = socket2::SockRef::from(socket);
    socket.set_recv_buffer_size(4 << 20)?;
    socket.set_send_buffer_size(4 << 20)?;
    Ok(())
}

/// The CPU time, user and system, of this process's thread of that name.
fn thread_cpu(name: &str) -> anyhow::Result<Duration> {
    for task in std::fs::read_dir("/proc/self/task")? {
        let path = task?.path();
        if std::fs::read_to_string(path.join("comm"))?.trim() == name {
            let times = std::fs::read_to_string(path.join("schedstat"))?;
            let nanoseconds =
                times.split_whitespace().next().context("schedstat begins with the CPU time")?;
            return Ok(Duration::from_nanos(nanoseconds.parse()?));
        }
    }
    anyhow::bail!("no thread named {name}")
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
