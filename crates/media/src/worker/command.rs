//! What the control plane can ask of a worker.

use crate::capture::CaptureStart;
use crate::error::{
    CandidateError, CaptureError, ConnectError, CreateError, DataChannelError, KeyframeError,
    NegotiationError,
};
use crate::id::{ElementId, PipelineId};
use crate::pipeline::{
    DataChannelOptions, EndpointOptions, EndpointSettings, EndpointStats, Flow, IceCandidate, MediaSnapshot,
    MediaType, OfferOptions, PipelineEvent, PipelineGraph, PipelineSurvey,
};
use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{mpsc, oneshot};

/// Commands that may wait for one worker. A tick takes them all; a caller that finds the queue full
/// waits, so the bound limits memory, not calls.
pub(crate) const COMMANDS_MAX: usize = 1024;

/// One request and where its answer goes.
#[derive(Debug)]
pub(crate) enum Command {
    CreatePipeline {
        pipeline: PipelineId,
        place: Reservation,
        events: mpsc::Sender<PipelineEvent>,
        reply: Reply<()>,
    },
    ReleasePipeline {
        pipeline: PipelineId,
        reply: Option<Reply<()>>,
    },
    CreateEndpoint {
        pipeline: PipelineId,
        endpoint: ElementId,
        options: EndpointOptions,
        reply: Reply<Result<(), CreateError>>,
    },
    ReleaseElement {
        element: ElementId,
        reply: Option<Reply<()>>,
    },
    CreatePassThrough {
        pipeline: PipelineId,
        element: ElementId,
        reply: Reply<Result<(), CreateError>>,
    },
    Connect {
        source: ElementId,
        sink: ElementId,
        media: MediaType,
        reply: Reply<Result<(), ConnectError>>,
    },
    Disconnect {
        source: ElementId,
        sink: ElementId,
        media: MediaType,
        reply: Reply<Result<(), ConnectError>>,
    },
    Configure {
        endpoint: ElementId,
        settings: EndpointSettings,
        reply: Reply<()>,
    },
    RequestKeyframe {
        endpoint: ElementId,
        reply: Reply<Result<(), KeyframeError>>,
    },
    CreateDataChannel {
        endpoint: ElementId,
        options: DataChannelOptions,
        reply: Reply<Result<u16, DataChannelError>>,
    },
    CloseDataChannel {
        endpoint: ElementId,
        stream: u16,
        reply: Reply<Result<(), DataChannelError>>,
    },
    SetRemoteOffer {
        endpoint: ElementId,
        offer: String,
        reply: Reply<Result<(), NegotiationError>>,
    },
    CreateAnswer {
        endpoint: ElementId,
        reply: Reply<Result<String, NegotiationError>>,
    },
    GenerateOffer {
        endpoint: ElementId,
        options: OfferOptions,
        reply: Reply<Result<String, NegotiationError>>,
    },
    ProcessAnswer {
        endpoint: ElementId,
        answer: String,
        reply: Reply<Result<(), NegotiationError>>,
    },
    LocalDescription {
        endpoint: ElementId,
        reply: Reply<Option<String>>,
    },
    RemoteDescription {
        endpoint: ElementId,
        reply: Reply<Option<String>>,
    },
    GatherCandidates {
        endpoint: ElementId,
        reply: Reply<Result<(), NegotiationError>>,
    },
    AddIceCandidate {
        endpoint: ElementId,
        candidate: IceCandidate,
        reply: Reply<Result<(), CandidateError>>,
    },
    EndpointStats {
        endpoint: ElementId,
        reply: Reply<Option<EndpointStats>>,
    },
    Capture {
        endpoint: ElementId,
        start: CaptureStart,
        reply: Reply<Result<(), CaptureError>>,
    },
    Flow {
        element: ElementId,
        media: MediaType,
        reply: Reply<Option<Flow>>,
    },
    WatchSpeakers {
        pipeline: PipelineId,
        loudest: usize,
        reply: Reply<()>,
    },
    Survey {
        after: Option<PipelineId>,
        limit: usize,
        reply: Reply<Vec<PipelineSurvey>>,
    },
    PipelineGraph {
        pipeline: PipelineId,
        reply: Reply<Option<PipelineGraph>>,
    },
    Snapshot {
        reply: Reply<MediaSnapshot>,
    },
    Stop {
        reply: Option<Reply<()>>,
    },
}

/// A pipeline's place in the limits and on its worker, given back when it is dropped: with the released
/// pipeline, or with a command that never arrived.
#[derive(Debug)]
pub(crate) struct Reservation {
    load: Arc<AtomicUsize>,
    pipelines: Arc<AtomicUsize>,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.load.fetch_sub(1, Ordering::Relaxed);
        self.pipelines.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(crate) type Reply<T> = oneshot::Sender<T>;

/// The control plane's end of one worker's command channel.
///
/// Identifiers are chosen and handles made before a creation is asked for, so that a caller that stops
/// waiting releases what it may have created; the worker skips a creation nobody waits for any more,
/// because its release may have overtaken it.
#[derive(Clone, Debug)]
pub(crate) struct WorkerHandle {
    commands: mpsc::Sender<Command>,
    /// Releases of dropped handles, which cannot wait for room in a queue.
    releases: mpsc::UnboundedSender<Command>,
    wake: Arc<OwnedFd>,
    load: Arc<AtomicUsize>,
}

/// The worker's end.
#[derive(Debug)]
pub(crate) struct CommandInbox {
    commands: mpsc::Receiver<Command>,
    releases: mpsc::UnboundedReceiver<Command>,
    wake: Arc<OwnedFd>,
    load: Arc<AtomicUsize>,
}

/// Makes the two ends of a worker's command channel.
pub(crate) fn channel() -> io::Result<(WorkerHandle, CommandInbox)> {
    let wake = Arc::new(eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?);
    let load = Arc::new(AtomicUsize::new(0));
    let (commands, commands_end) = mpsc::channel(COMMANDS_MAX);
    #[expect(clippy::disallowed_methods, reason = "bounded by the handles that exist: see `cast`")]
    let (releases, releases_end) = mpsc::unbounded_channel();
    let inbox = CommandInbox {
        commands: commands_end,
        releases: releases_end,
        wake: wake.clone(),
        load: load.clone(),
    };
    Ok((WorkerHandle { commands, releases, wake, load }, inbox))
}

impl CommandInbox {
    /// Becomes readable when a command waits.
    pub(crate) fn wake_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    /// Takes back the wake-ups so far. Called before the commands are taken, so that none is missed.
    pub(crate) fn clear_wake(&self) {
        // Nothing to take back is fine: the descriptor does not block.
        let _ = rustix::io::read(&*self.wake, &mut [0; 8]);
    }

    /// The next command. Releases come first: they only ever make room.
    pub(crate) fn take(&mut self) -> Option<Command> {
        self.releases.try_recv().or_else(|_| self.commands.try_recv()).ok()
    }

    /// Tells the control plane how much this worker carries.
    pub(crate) fn load_meter(&self) -> LoadMeter {
        LoadMeter(self.load.clone())
    }
}

/// Counts a worker's sessions for the placement of pipelines.
#[derive(Debug)]
pub(crate) struct LoadMeter(Arc<AtomicUsize>);

impl LoadMeter {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn remove(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl WorkerHandle {
    /// Pipelines and sessions on this worker.
    pub(crate) fn load(&self) -> usize {
        self.load.load(Ordering::Relaxed)
    }

    /// Takes a place for one pipeline, unless `max` exist. It counts as load from here on, so that two
    /// pipelines created at once go to two workers.
    pub(crate) fn reserve(&self, pipelines: &Arc<AtomicUsize>, max: usize) -> Option<Reservation> {
        self.load.fetch_add(1, Ordering::Relaxed);
        let before = pipelines.fetch_add(1, Ordering::Relaxed);
        let place = Reservation { load: self.load.clone(), pipelines: pipelines.clone() };
        (before < max).then_some(place)
    }

    /// Sends a command and waits for its answer; `None` when the worker is gone.
    pub(crate) async fn call<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.ok()?;
        self.wake();
        answer.await.ok()
    }

    /// Sends a release from a destructor. The channel is unbounded in type but not in fact: each handle
    /// sends at most one, and handles are bounded by the limits on pipelines and elements.
    pub(crate) fn cast(&self, command: Command) {
        if self.releases.send(command).is_ok() {
            self.wake();
        }
    }

    fn wake(&self) {
        // A full eventfd counter is already a pending wake-up; the worker's end keeps it open.
        let _ = rustix::io::write(&*self.wake, &1u64.to_ne_bytes());
    }
}
