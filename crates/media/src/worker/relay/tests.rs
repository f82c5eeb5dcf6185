//! Several workers in one thread, each of which works only when it is its turn: a worker that gets none has
//! stalled. Peers are left out: their packets come in where decrypted ones do.

use crate::error::CreateError;
use crate::forward::DropReason;
use crate::id::{ElementId, PipelineId};
use crate::pipeline::{EndpointEvent, EndpointOptions, MediaConfig, MediaKind, MediaType, PipelineEvent};
use crate::rtp::{ExtSeq, Extension, RtpHeader};
use crate::session::Certificate;
use crate::worker::command::{Command, Repeats};
use crate::worker::wait::Ready;
use crate::worker::{Worker, WorkerHandle};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

const OFFER: &str = include_str!("../../../tests/fixtures/chromium156-kurento-utils-sendrecv.offer.sdp");
const PIPELINE: PipelineId = PipelineId::new(1);
/// The pipeline's worker.
const HOME: usize = 0;
/// The number of the packet that begins a keyframe.
const KEYFRAME: u64 = 100;

struct House {
    workers: Vec<Worker>,
    handles: Arc<[WorkerHandle]>,
    now: Instant,
    elements: u64,
    waiting: Vec<oneshot::Receiver<Result<(), CreateError>>>,
    events: mpsc::Receiver<PipelineEvent>,
}

impl House {
    fn new(workers: usize) -> Self {
        let config = MediaConfig {
            workers,
            bind: vec![Ipv4Addr::LOCALHOST.into()],
            port_base: 0,
            seed: Some(1),
            socket_buffer_bytes: 64 << 10,
            ..MediaConfig::default()
        };
        let certificate = Arc::new(Certificate::generate().expect("a certificate"));
        let made = (0..workers).map(|index| Worker::new(index, &config, certificate.clone()));
        let (mut workers, handles): (Vec<_>, Vec<_>) =
            made.map(|made| made.expect("loopback has room")).unzip();
        let handles: Arc<[WorkerHandle]> = handles.into();
        workers.iter_mut().for_each(|worker| worker.meet(&handles));
        let place = handles[HOME].reserve(&Arc::new(AtomicUsize::new(0)), 1).expect("the first pipeline");
        let (sender, events) = mpsc::channel(4_096);
        workers[HOME].state.create_pipeline(PIPELINE, place, sender);
        let now = Instant::now(); // clock: an origin, never compared with the present
        Self { workers, handles, now, elements: 0, waiting: Vec::new(), events }
    }

    fn turn(&mut self, worker: usize) {
        self.workers[worker].tick(self.now, Ready::default());
    }

    /// Gives each of these a turn until nothing is left to be said.
    fn settle(&mut self, workers: &[usize]) {
        for _ in 0..8 {
            workers.iter().for_each(|worker| self.turn(*worker));
        }
    }

    fn all(&self) -> Vec<usize> {
        (0..self.workers.len()).collect()
    }

    /// Asks for an endpoint on a worker, which comes with the next turns.
    fn create(&mut self, worker: usize) -> ElementId {
        self.elements += 1;
        let (endpoint, share) = (ElementId::new(self.elements), self.handles[worker].share());
        let (reply, answer) = oneshot::channel();
        // For somebody who waits no longer nothing is created.
        self.waiting.push(answer);
        let options = EndpointOptions::default();
        let (pipeline, repeats) = (PIPELINE, Repeats::Once);
        self.ask(Command::CreateEndpoint { pipeline, endpoint, worker, share, options, repeats, reply });
        endpoint
    }

    fn ask(&self, command: Command) {
        assert!(self.handles[HOME].leave(command), "the worker exists");
    }

    fn connect(&self, source: ElementId, sink: ElementId) {
        let reply = oneshot::channel().0;
        self.ask(Command::Connect { source, sink, media: MediaType::Video, reply });
    }

    fn disconnect(&self, source: ElementId, sink: ElementId) {
        let reply = oneshot::channel().0;
        self.ask(Command::Disconnect { source, sink, media: MediaType::Video, reply });
    }

    fn release(&self, element: ElementId) {
        self.ask(Command::ReleaseElement { element, reply: None });
    }

    /// Takes a browser's offer where the endpoint lives, and asks for the answer.
    fn negotiate(&mut self, endpoint: ElementId) {
        for worker in &mut self.workers {
            // Only one of them has it, and none once it is released.
            let _ = worker.state.set_remote_offer(self.now, endpoint, OFFER);
        }
        self.ask(Command::CreateAnswer { endpoint, reply: oneshot::channel().0 });
    }

    /// A negotiated endpoint.
    fn seat(&mut self, worker: usize) -> ElementId {
        let endpoint = self.create(worker);
        self.settle(&self.all());
        self.negotiate(endpoint);
        self.settle(&self.all());
        endpoint
    }

    /// A packet of the endpoint's peer.
    fn receive(&mut self, worker: usize, source: ElementId, number: u64) -> Result<(), DropReason> {
        let state = &mut self.workers[worker].state;
        let track = state.track_of(Some(source), MediaType::Video).expect("it is negotiated");
        let id = state.forwarder.source_of(track, 0).expect("its only one");
        let mut packet = vec![0x80, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0x10, 0, 0, 0];
        packet[2..4].copy_from_slice(&(number as u16).to_be_bytes());
        packet[4..8].copy_from_slice(&((number * 3_000) as u32).to_be_bytes());
        packet[13] = u8::from(number != KEYFRAME);
        let header = RtpHeader::parse(&packet).expect("a valid packet");
        state.forwarder.handle_rtp(id, ExtSeq::new(number), &header, &packet, self.now)
    }

    /// A packet of the endpoint's microphone, at `level` below the loudest.
    fn say(&mut self, worker: usize, speaker: ElementId, number: u64, level: u8) {
        let state = &mut self.workers[worker].state;
        let media = state.media_of(speaker, MediaKind::Audio).expect("it is negotiated");
        let parameters = &media.parameters;
        let id = parameters.extensions.id(Extension::AudioLevel).expect("Chromium's offer has it");
        let payload_type = parameters.formats[0].payload_type.wire();
        let track = media.track.expect("it sends");
        let source = state.forwarder.source_of(track, 0).expect("its only one");
        let mut packet = vec![0x90, payload_type, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8];
        packet[2..4].copy_from_slice(&(number as u16).to_be_bytes());
        packet[4..8].copy_from_slice(&((number * 960) as u32).to_be_bytes());
        packet.extend([0xbe, 0xde, 0, 1, id.number() << 4, 0x80 | level, 0, 0, 1, 2, 3, 4]);
        let header = RtpHeader::parse(&packet).expect("a valid packet");
        let taken = state.forwarder.handle_rtp(source, ExtSeq::new(number), &header, &packet, self.now);
        taken.expect("a fresh packet is taken");
    }

    /// Packets that left for an endpoint's peer.
    fn sent(&self, worker: usize, sink: ElementId) -> u64 {
        let state = &self.workers[worker].state;
        let sink = state.sink_of(sink, MediaKind::Video).expect("negotiated");
        state.forwarder.sink_stats(sink).expect("it lives").packets
    }

    /// Keyframe requests to the peer of an endpoint at home.
    fn requests(&self, source: ElementId) -> u64 {
        let state = &self.workers[HOME].state;
        let track = state.track_of(Some(source), MediaType::Video).expect("it is negotiated");
        state.forwarder.track_stats(track).map(|stats| stats.pli).sum()
    }

    fn drops(&self, worker: usize, reason: DropReason) -> u64 {
        self.workers[worker].state.counters.drops.get(reason)
    }
}

#[test]
fn a_stalled_worker_costs_its_own_viewers_packets_and_nobody_else() {
    let mut house = House::new(3);
    let alice = house.seat(0);
    let [stalled, here, other] = [1, 0, 2].map(|worker| {
        let viewer = house.seat(worker);
        house.connect(alice, viewer);
        viewer
    });
    house.settle(&house.all());
    let numbers = KEYFRAME..;
    for number in numbers.clone().take(10) {
        house.receive(0, alice, number).expect("a fresh packet is taken");
        house.now += Duration::from_millis(10);
        house.settle(&house.all());
    }
    assert_eq!(house.sent(1, stalled), 10);
    for number in numbers.clone().skip(10).take(5_000) {
        house.receive(0, alice, number).expect("a fresh packet is taken");
        [0, 2].into_iter().for_each(|worker| house.turn(worker));
    }
    assert_eq!((house.sent(0, here), house.sent(2, other)), (5_010, 5_010));
    let lost = house.drops(0, DropReason::RelayOverrun);
    assert_eq!(lost, 5_000 - 2_048, "what the ring does not hold");
    assert_eq!(house.sent(1, stalled), 10);

    // It comes back: what waited is sent, what comes now too, and the numbers keep their hole for repairs.
    for _ in 0..40 {
        house.turn(1);
    }
    assert_eq!(house.sent(1, stalled), 10 + 2_048);
    house.receive(0, alice, KEYFRAME + 5_010).expect("a fresh packet is taken");
    house.settle(&[0, 1]);
    assert_eq!(house.sent(1, stalled), 10 + 2_049);
    assert_eq!(house.drops(0, DropReason::RelayOverrun), lost);
}

#[test]
fn the_wishes_of_all_viewers_of_a_worker_are_one_request_to_the_publisher() {
    let mut house = House::new(3);
    let alice = house.seat(0);
    for number in 1..=10 {
        house.receive(0, alice, number).expect("a fresh packet is taken");
        house.turn(0);
    }
    for worker in [1, 1, 1, 2, 2] {
        let viewer = house.seat(worker);
        house.connect(alice, viewer);
    }
    house.settle(&house.all());
    assert_eq!(house.requests(alice), 1, "five viewers on two workers");
    house.now += Duration::from_millis(600);
    house.settle(&house.all());
    assert_eq!(house.requests(alice), 2, "it may have been lost");

    house.receive(0, alice, KEYFRAME).expect("a fresh packet is taken");
    house.settle(&house.all());
    house.now += Duration::from_secs(1);
    house.settle(&house.all());
    assert_eq!(house.requests(alice), 2, "all have their keyframe");
}

#[test]
fn who_speaks_is_found_out_across_workers() {
    let mut house = House::new(2);
    let [quiet, loud] = [0, 1].map(|worker| house.seat(worker));
    house.ask(Command::WatchSpeakers { pipeline: PIPELINE, loudest: 1, reply: oneshot::channel().0 });
    for number in 1..=150 {
        house.say(0, quiet, number, 100);
        house.say(1, loud, number, 20);
        house.now += Duration::from_millis(20);
        [0, 1].into_iter().for_each(|worker| house.turn(worker));
    }
    let mut told = Vec::new();
    while let Ok(PipelineEvent { endpoint, event }) = house.events.try_recv() {
        if matches!(event, EndpointEvent::DominantSpeaker { .. } | EndpointEvent::Loudest { .. }) {
            told.push((endpoint, event));
        }
    }
    let speaks = EndpointEvent::DominantSpeaker { speaking: true };
    assert_eq!(told, [(loud, speaks), (loud, EndpointEvent::Loudest { joined: true })]);
}

/// What is left anywhere of a pipeline that is gone.
fn assert_empty(house: &House) {
    for worker in &house.workers {
        let state = &worker.state;
        assert!(state.relays.subscriptions.is_empty(), "{:?}", state.relays);
        assert!(state.relays.relays_by_source.is_empty() && state.relays.relays_by_track.is_empty());
        assert!(state.relays.subscribers.is_empty(), "{:?}", state.relays);
        assert!(state.members.is_empty() && state.endpoints.is_empty() && state.sessions.len() == 0);
        assert!(state.feeds.is_empty(), "{:?}", state.feeds);
        assert!(state.forwarder.is_empty());
    }
}

#[test]
fn in_whatever_order_workers_get_their_turns_nothing_is_left_after_a_release() {
    for seed in 0..200 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut house = House::new(3);
        let mut endpoints = Vec::new();
        let mut number = 0;
        for _ in 0..120 {
            let pick = |rng: &mut StdRng, endpoints: &[(usize, ElementId)]| {
                endpoints.get(rng.next_u32() as usize % endpoints.len().max(1)).copied()
            };
            match rng.next_u32() % 12 {
                0 | 1 if endpoints.len() < 6 => {
                    let worker = rng.next_u32() as usize % 3;
                    endpoints.push((worker, house.create(worker)));
                }
                2..=4 => {
                    let pair = pick(&mut rng, &endpoints).zip(pick(&mut rng, &endpoints));
                    if let Some(((_, source), (_, sink))) = pair {
                        house.connect(source, sink);
                    }
                }
                5 => {
                    let pair = pick(&mut rng, &endpoints).zip(pick(&mut rng, &endpoints));
                    if let Some(((_, source), (_, sink))) = pair {
                        house.disconnect(source, sink);
                    }
                }
                6 => {
                    if let Some((_, endpoint)) = pick(&mut rng, &endpoints) {
                        house.negotiate(endpoint);
                    }
                }
                7 => {
                    if let Some((worker, endpoint)) = pick(&mut rng, &endpoints) {
                        endpoints.retain(|known| *known != (worker, endpoint));
                        house.release(endpoint);
                    }
                }
                8 => {
                    let known = pick(&mut rng, &endpoints).filter(|(worker, endpoint)| {
                        let state = &house.workers[*worker].state;
                        state.track_of(Some(*endpoint), MediaType::Video).is_some()
                    });
                    number += 1;
                    if let Some((worker, endpoint)) = known {
                        // Refused where nobody takes it.
                        let _ = house.receive(worker, endpoint, number);
                    }
                }
                worker => house.turn(worker as usize % 3),
            }
        }
        house.ask(Command::ReleasePipeline { pipeline: PIPELINE, reply: None });
        house.settle(&house.all());
        assert_empty(&house);
    }
}
