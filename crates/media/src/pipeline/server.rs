//! The media server: its workers, and which of them a new pipeline goes to.

use super::placement::Placer;
use super::survey;
use super::{
    MediaConfig, MediaSnapshot, Pipeline, PipelineEvent, PipelineEvents, PipelineSurvey, Placement, RelayPath,
};
use crate::capture::{CAPTURES_MAX, Capture, CaptureLimits};
use crate::error::{CaptureError, CreateError, StartError};
use crate::id::{ElementId, PipelineId};
use crate::session::Certificate;
use crate::worker::batch::gso_supported;
use crate::worker::place::{self, Place};
use crate::worker::{self, Command, SocketBuffers, WorkerHandle};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;
use tokio::sync::{Semaphore, mpsc};

/// Events of one pipeline that may wait for its owner: a call makes some fifty in all, mostly candidates.
pub(crate) const EVENTS_MAX: usize = 4096;

/// The workers and the way to create pipelines on them. Cheap to clone; the workers stop with
/// [`Self::stop`] or when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct MediaServer {
    shared: Arc<Shared>,
}

/// An address that peers are told to send media to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct AnnouncedAddress {
    /// As in candidates.
    pub announced: SocketAddr,
    /// The socket's own, which is another one behind NAT, and may be a wildcard.
    pub local: SocketAddr,
}

#[derive(Debug)]
struct Shared {
    workers: Arc<[WorkerHandle]>,
    placement: Placement,
    threads: Mutex<Vec<JoinHandle<()>>>,
    addresses: Vec<SocketAddr>,
    announced: Mutex<Vec<AnnouncedAddress>>,
    relay_targets: Vec<SocketAddr>,
    pipelines_max: usize,
    next_pipeline: AtomicU64,
    next_element: Arc<AtomicU64>,
    /// How many pipelines exist.
    pipelines: Arc<AtomicUsize>,
    /// A place for each capture that may be under way.
    captures: Arc<Semaphore>,
}

impl MediaServer {
    /// Opens the media sockets and starts the workers.
    ///
    /// # Errors
    /// When a socket cannot be opened or there is no address to announce.
    pub fn start(config: MediaConfig) -> Result<Self, StartError> {
        if config.workers == 0 {
            return Err(StartError::NoWorkers);
        }
        let last_port = usize::from(config.port_base) + config.workers - 1;
        if config.port_base != 0 && last_port > usize::from(u16::MAX) {
            return Err(StartError::PortRange { base: config.port_base, workers: config.workers });
        }
        let certificate =
            Arc::new(Certificate::generate().map_err(|error| StartError::Certificate(error.to_string()))?);
        // Every socket is open before the first thread starts, so a port in use leaves nothing behind.
        let prepared = (0..config.workers)
            .map(|index| worker::Worker::new(index, &config, certificate.clone()))
            .collect::<Result<Vec<_>, _>>()?;
        let mut addresses: Vec<SocketAddr> =
            prepared.iter().flat_map(|(worker, _)| worker.local_addresses()).collect();
        addresses.sort();
        let announced = prepared.iter().flat_map(|(worker, _)| worker.announced_addresses()).collect();
        let relay_targets = prepared.iter().filter_map(|(worker, _)| worker.relay_target()).collect();
        let granted = prepared.iter().filter_map(|(worker, _)| worker.buffers()).reduce(SocketBuffers::least);
        report(&config, &addresses, granted);
        let workers: Arc<[WorkerHandle]> = prepared.iter().map(|(_, handle)| handle.clone()).collect();
        let mut threads = Vec::new();
        for (index, (mut worker, _)) in prepared.into_iter().enumerate() {
            worker.meet(&workers);
            let thread =
                std::thread::Builder::new().name(format!("keel-media-{index}")).spawn(move || worker.run());
            threads.push(thread.map_err(StartError::Worker)?);
        }
        Ok(Self {
            shared: Arc::new(Shared {
                workers,
                placement: config.placement,
                threads: Mutex::new(threads),
                addresses,
                announced: Mutex::new(announced),
                relay_targets,
                pipelines_max: config.pipelines_max,
                next_pipeline: AtomicU64::new(1),
                next_element: Arc::new(AtomicU64::new(1)),
                pipelines: Arc::new(AtomicUsize::new(0)),
                captures: Arc::new(Semaphore::new(CAPTURES_MAX)),
            }),
        })
    }

    /// The addresses of the media sockets.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.shared.addresses
    }

    /// The addresses that peers are told, with the sockets behind them.
    #[must_use]
    pub fn announced_addresses(&self) -> Vec<AnnouncedAddress> {
        self.shared.announced.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What [`Self::announced_addresses`] would be for this configuration, without opening anything; where the
    /// system is to choose a port, the port is 0.
    #[must_use]
    pub fn planned_addresses(config: &MediaConfig) -> Vec<AnnouncedAddress> {
        let places = (0..config.workers).flat_map(|index| place::plan(index, config));
        let told = places.flat_map(|Place { address: local, announced }| {
            let port = local.port();
            announced
                .into_iter()
                .map(move |ip| AnnouncedAddress { announced: SocketAddr::new(ip, port), local })
        });
        told.collect()
    }

    /// Makes these the addresses that peers are told, in place of [`MediaConfig::announce`]: each socket is
    /// announced at those of its family. It counts for peers whose candidates are gathered from now on; calls in
    /// progress go on where they are.
    pub async fn announce(&self, addresses: &[IpAddr]) {
        let addresses: Arc<[IpAddr]> = addresses.into();
        let mut told = Vec::new();
        for worker in self.shared.workers.iter() {
            let addresses = Arc::clone(&addresses);
            told.extend(
                worker.call(|reply| Command::Announce { addresses, reply }).await.unwrap_or_default(),
            );
        }
        *self.shared.announced.lock().unwrap_or_else(PoisonError::into_inner) = told;
    }

    /// Creates a pipeline on the least loaded worker.
    ///
    /// # Errors
    /// [`CreateError::Full`] at the limit of pipelines.
    pub async fn create_pipeline(&self) -> Result<(Pipeline, PipelineEvents), CreateError> {
        let shared = &self.shared;
        let loads = shared.workers.iter().enumerate();
        let (home, worker) = loads.min_by_key(|(_, worker)| worker.load()).ok_or(CreateError::Stopped)?;
        let place = worker.reserve(&shared.pipelines, shared.pipelines_max).ok_or(CreateError::Full)?;
        let pipeline = PipelineId::new(shared.next_pipeline.fetch_add(1, Ordering::Relaxed));
        let (events, receiver) = mpsc::channel::<PipelineEvent>(EVENTS_MAX);
        let placer = Placer::new(shared.placement, shared.workers.clone(), home);
        let handle = Pipeline::new(pipeline, worker.clone(), placer, shared.next_element.clone());
        worker
            .call(|reply| Command::CreatePipeline { pipeline, place, events, reply })
            .await
            .ok_or(CreateError::Stopped)?;
        Ok((handle, PipelineEvents(receiver)))
    }

    /// Has the media sockets ask these STUN servers (RFC 8489), instead of those named before, which public address
    /// they have, at once and every 15 seconds. What they tell stands in candidates of later gatherings, as
    /// server-reflexive ones; until a server has answered, or been silent for 3.5 s, a gathering does not end.
    /// Each worker asks 16 servers at most, those of endpoints included.
    pub async fn set_stun_servers(&self, servers: Vec<SocketAddr>) {
        for worker in self.shared.workers.iter() {
            let servers = servers.clone();
            worker.call(|reply| Command::SetStunServers { servers, reply }).await;
        }
    }

    /// Has peers told these relayed addresses, in place of those said before, and their peers let through.
    pub async fn set_relays(&self, relays: Vec<RelayPath>) {
        for worker in self.shared.workers.iter() {
            let relays = relays.clone();
            worker.call(|reply| Command::SetRelays { relays, reply }).await;
        }
    }

    /// One socket of each worker that a relay can stand in front of: of IPv4, and no loopback one, where there is such.
    #[must_use]
    pub fn relay_targets(&self) -> &[SocketAddr] {
        &self.shared.relay_targets
    }

    /// Gauges and counters of all workers.
    pub async fn snapshot(&self) -> MediaSnapshot {
        let mut sum = MediaSnapshot::default();
        let mut drops = BTreeMap::new();
        for (_, part) in self.worker_snapshots().await {
            sum.pipelines += part.pipelines;
            sum.endpoints += part.endpoints;
            sum.sessions += part.sessions;
            sum.own_sockets += part.own_sockets;
            sum.own_sockets_refused += part.own_sockets_refused;
            sum.tcp_connections += part.tcp_connections;
            sum.tcp_accepted += part.tcp_accepted;
            sum.tcp_refused += part.tcp_refused;
            sum.tcp_expelled += part.tcp_expelled;
            sum.stun_known += part.stun_known;
            sum.stun_failing += part.stun_failing;
            sum.stun_failures += part.stun_failures;
            sum.packets_in += part.packets_in;
            sum.packets_out += part.packets_out;
            sum.bytes_in += part.bytes_in;
            sum.bytes_out += part.bytes_out;
            sum.forwarded += part.forwarded;
            sum.relays += part.relays;
            sum.relayed += part.relayed;
            sum.incoming.add(&part.incoming);
            sum.outgoing.add(&part.outgoing);
            sum.events_dropped += part.events_dropped;
            for (reason, count) in part.drops {
                *drops.entry(reason).or_insert(0) += count;
            }
        }
        sum.drops = drops.into_iter().collect();
        sum
    }

    /// Gauges and counters of each worker, by its index. One that has stopped is left out.
    pub async fn worker_snapshots(&self) -> Vec<(usize, MediaSnapshot)> {
        let mut snapshots = Vec::with_capacity(self.shared.workers.len());
        for (index, worker) in self.shared.workers.iter().enumerate() {
            let snapshot = worker.call(|reply| Command::Snapshot { reply }).await;
            snapshots.extend(snapshot.map(|snapshot| (index, snapshot)));
        }
        snapshots
    }

    /// The first `limit` pipelines behind `after`, in the order of their creation, with what flows through
    /// them. The workers copy it between packets: ask for some hundred at a time.
    pub async fn survey(&self, after: Option<PipelineId>, limit: usize) -> Vec<PipelineSurvey> {
        let mut outlines = Vec::new();
        for worker in self.shared.workers.iter() {
            let part = worker.call(|reply| Command::Survey { after, limit, reply }).await;
            outlines.extend(part.unwrap_or_default());
        }
        outlines.sort_by_key(|outline| outline.pipeline);
        outlines.truncate(limit);
        survey::complete(&self.shared.workers, outlines).await
    }

    /// Begins to copy what an endpoint's peer sends and is sent, without its media (`capture/mod.rs`).
    ///
    /// # Errors
    /// [`CaptureError::Busy`] while that endpoint is captured or [`CAPTURES_MAX`] others are.
    pub async fn capture(&self, endpoint: ElementId, limits: CaptureLimits) -> Result<Capture, CaptureError> {
        for worker in self.shared.workers.iter() {
            let place = self.shared.captures.clone().try_acquire_owned().map_err(|_| CaptureError::Busy)?;
            let now = Instant::now(); // clock: when to stop waiting for packets that do not come
            let (capture, start) = Capture::begin(limits, place, now);
            let begun = worker.call(|reply| Command::Capture { endpoint, start, reply }).await;
            match begun.ok_or(CaptureError::Stopped)? {
                Ok(()) => return Ok(capture),
                // Another worker may have it.
                Err(CaptureError::UnknownEndpoint) => {}
                Err(error) => return Err(error),
            }
        }
        Err(CaptureError::UnknownEndpoint)
    }

    /// Releases everything and ends the workers; returns when their threads have ended. Connected peers
    /// are told by DTLS.
    pub async fn stop(&self) {
        for worker in self.shared.workers.iter() {
            worker.call(|reply| Command::Stop { reply: Some(reply) }).await;
        }
        let threads =
            std::mem::take(&mut *self.shared.threads.lock().expect("no panic while this lock is held"));
        for thread in threads {
            // The worker answered as its last act, so this does not wait. A panic was already reported.
            let _ = thread.join();
        }
    }
}

/// What an operator should know of the sockets, once for all workers.
fn report(config: &MediaConfig, addresses: &[SocketAddr], granted: Option<SocketBuffers>) {
    let sending = if gso_supported() {
        "runs of packets that the kernel segments (GSO)"
    } else {
        "single packets: the kernel does not segment UDP (no GSO)"
    };
    let hosts: BTreeSet<IpAddr> = addresses.iter().map(SocketAddr::ip).collect();
    let ports: BTreeSet<u16> = addresses.iter().map(SocketAddr::port).collect();
    tracing::info!(workers = config.workers, ?hosts, ?ports, sending, "media sockets are open");
    let interfaces = place::interfaces();
    for name in config.interfaces.iter().filter(|name| !interfaces.iter().any(|(known, _)| known == *name)) {
        tracing::warn!(name, "this machine has no interface of that name");
    }
    let wanted_bytes = config.socket_buffer_bytes;
    let SocketBuffers { receive, send } = granted.unwrap_or(SocketBuffers { receive: 0, send: 0 });
    for (buffer, granted_bytes, limit) in
        [("receive", receive, "net.core.rmem_max"), ("send", send, "net.core.wmem_max")]
    {
        if granted_bytes < wanted_bytes {
            tracing::warn!(
                granted_bytes,
                wanted_bytes,
                "the system granted a smaller {buffer} buffer; raise {limit} for heavy load"
            );
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        for worker in self.workers.iter() {
            worker.cast(Command::Stop { reply: None });
        }
    }
}
