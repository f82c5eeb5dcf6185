//! What the control plane can ask of a worker.

use super::bridge::{BridgeEnd, FarEnd};
use super::relay::Message;
use crate::capture::CaptureStart;
use crate::error::{
    CandidateError, CaptureError, ConnectError, CreateError, DataChannelError, KeyframeError, LineError,
    NegotiationError,
};
use crate::id::{ElementId, PipelineId};
use crate::pipeline::survey::{EndpointSurvey, PipelineOutline};
use crate::pipeline::{
    AnnouncedAddress, AppliedAnswer, AppliedOffer, ConnectionStats, DataChannelOptions, DataSharing,
    DeliveryChange, EndpointOptions, EndpointSettings, EndpointStats, Flow, IceCandidate, IceRestart,
    LineOptions, MediaSnapshot, MediaType, OfferOptions, PipelineEvent, RelayPath,
};
use crate::session::ice::IceCredentials;
use crate::session::sdp::LinesOffer;
use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::io;
use std::net::{IpAddr, SocketAddr};
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
        /// Where it is to live.
        worker: usize,
        share: LoadShare,
        options: EndpointOptions,
        repeats: Repeats,
        reply: Reply<Result<(), CreateError>>,
    },
    ApplyOffer {
        connection: ElementId,
        offer: String,
        /// The first of [`crate::session::sdp::LINES_MAX`] names for lines that begin with the offer.
        fresh: u64,
        reply: Reply<Result<AppliedOffer, NegotiationError>>,
    },
    AddLine {
        connection: ElementId,
        line: ElementId,
        options: LineOptions,
        reply: Reply<Result<(), LineError>>,
    },
    ShareData {
        connection: ElementId,
        pipeline: PipelineId,
        sharing: DataSharing,
        reply: Reply<Result<(), LineError>>,
    },
    RemoveLine {
        connection: ElementId,
        line: ElementId,
        reply: Reply<()>,
    },
    CreateOffer {
        connection: ElementId,
        restart: IceRestart,
        reply: Reply<Result<LinesOffer, NegotiationError>>,
    },
    ApplyAnswer {
        connection: ElementId,
        answer: String,
        reply: Reply<Result<AppliedAnswer, NegotiationError>>,
    },
    Deliver {
        line: ElementId,
        change: DeliveryChange,
        reply: Reply<()>,
    },
    ConnectionStats {
        connection: ElementId,
        reply: Reply<Option<ConnectionStats>>,
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
    CreateBridgeEnd {
        pipeline: PipelineId,
        element: ElementId,
        end: BridgeEnd,
        far: FarEnd,
        reply: Reply<Result<(), CreateError>>,
    },
    Announce {
        addresses: Arc<[IpAddr]>,
        reply: Reply<Vec<AnnouncedAddress>>,
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
    RestartIce {
        endpoint: ElementId,
        remote: IceCredentials,
        reply: Reply<Result<IceCredentials, NegotiationError>>,
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
        reply: Reply<Vec<PipelineOutline>>,
    },
    Outline {
        pipeline: PipelineId,
        reply: Reply<Option<PipelineOutline>>,
    },
    SurveyEndpoints {
        endpoints: Vec<ElementId>,
        reply: Reply<Vec<EndpointSurvey>>,
    },
    SetRelays {
        relays: Vec<RelayPath>,
        reply: Reply<()>,
    },
    SetStunServers {
        servers: Vec<SocketAddr>,
        reply: Reply<()>,
    },
    Snapshot {
        reply: Reply<MediaSnapshot>,
    },
    Stop {
        reply: Option<Reply<()>>,
    },
    /// What another worker says.
    Message(Message),
}

/// How often a new endpoint is negotiated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Repeats {
    /// Once, with at most one m-line of each kind.
    Once,
    /// Again and again, as a peer connection.
    Always,
}

/// A pipeline's place in the limits and on its worker, given back when it is dropped: with the released
/// pipeline, or with a command that never arrived.
#[derive(Debug)]
pub(crate) struct Reservation {
    _share: LoadShare,
    pipelines: Arc<AtomicUsize>,
}

/// One pipeline's or session's share of a worker's load, taken off it when it is dropped.
#[derive(Debug)]
pub(crate) struct LoadShare(Arc<AtomicUsize>);

impl Drop for Reservation {
    fn drop(&mut self) {
        self.pipelines.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for LoadShare {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
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
    /// Releases of dropped handles and messages of other workers, which cannot wait for room in a queue.
    urgent: mpsc::UnboundedSender<Command>,
    wake: Arc<OwnedFd>,
    load: Arc<AtomicUsize>,
}

/// The worker's end.
#[derive(Debug)]
pub(crate) struct CommandInbox {
    commands: mpsc::Receiver<Command>,
    urgent: mpsc::UnboundedReceiver<Command>,
    /// Waits for what is urgent and was sent before it.
    held: Option<Command>,
    wake: Arc<OwnedFd>,
}

/// Makes the two ends of a worker's command channel.
pub(crate) fn channel() -> io::Result<(WorkerHandle, CommandInbox)> {
    let wake = Arc::new(eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?);
    let load = Arc::new(AtomicUsize::new(0));
    let (commands, commands_end) = mpsc::channel(COMMANDS_MAX);
    #[expect(clippy::disallowed_methods, reason = "bounded by its senders: see `cast` and `Relays::tell`")]
    let (urgent, urgent_end) = mpsc::unbounded_channel();
    let inbox = CommandInbox { commands: commands_end, urgent: urgent_end, held: None, wake: wake.clone() };
    Ok((WorkerHandle { commands, urgent, wake, load }, inbox))
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

    /// The next release or message of another worker.
    pub(crate) fn take_urgent(&mut self) -> Option<Command> {
        self.urgent.try_recv().ok()
    }

    /// The next command. What is urgent comes first: releases only ever make room, and what a worker told
    /// this one before it answered a caller is known here when that caller's next command is carried out.
    pub(crate) fn take(&mut self) -> Option<Command> {
        if let Some(urgent) = self.take_urgent() {
            return Some(urgent);
        }
        let command = self.held.take().or_else(|| self.commands.try_recv().ok())?;
        // What was sent before this command is there now, though it may not have been a moment ago.
        match self.take_urgent() {
            Some(urgent) => {
                self.held = Some(command);
                Some(urgent)
            }
            None => Some(command),
        }
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
        let before = pipelines.fetch_add(1, Ordering::Relaxed);
        let place = Reservation { _share: self.share(), pipelines: pipelines.clone() };
        (before < max).then_some(place)
    }

    /// A pipeline or a session more counts as this worker's load.
    pub(crate) fn share(&self) -> LoadShare {
        self.load.fetch_add(1, Ordering::Relaxed);
        LoadShare(self.load.clone())
    }

    /// Sends a command and waits for its answer; `None` when the worker is gone.
    pub(crate) async fn call<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.ok()?;
        self.wake();
        answer.await.ok()
    }

    /// Sends a release from a destructor. The channel is unbounded in type but not in fact: each handle
    /// sends at most one, and handles are bounded by the limits on pipelines and elements. Says whether the
    /// worker still takes any.
    pub(crate) fn cast(&self, command: Command) -> bool {
        let taken = self.leave(command);
        if taken {
            self.wake();
        }
        taken
    }

    /// As [`Self::cast`], without waking the worker.
    pub(crate) fn leave(&self, command: Command) -> bool {
        self.urgent.send(command).is_ok()
    }

    pub(crate) fn wake(&self) {
        // A full eventfd counter is already a pending wake-up; the worker's end keeps it open.
        let _ = rustix::io::write(&*self.wake, &1u64.to_ne_bytes());
    }
}
