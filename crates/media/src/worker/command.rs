//! What the control plane can ask of a worker.

use crate::error::{CandidateError, ConnectError, CreateError, NegotiationError};
use crate::id::{EndpointId, PipelineId};
use crate::pipeline::{
    EndpointOptions, EndpointStats, IceCandidate, MediaKind, MediaSnapshot, OfferOptions, PipelineEvent,
};
use rustix::fd::OwnedFd;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Commands that may wait for one worker. A tick takes them all; a caller that finds the queue full
/// waits, so the bound limits memory, not calls.
pub(crate) const COMMANDS_MAX: usize = 1024;

/// One request and where its answer goes.
#[derive(Debug)]
pub(crate) enum Command {
    CreatePipeline {
        pipeline: PipelineId,
        events: mpsc::Sender<PipelineEvent>,
        reply: Reply<()>,
    },
    ReleasePipeline {
        pipeline: PipelineId,
        reply: Option<Reply<()>>,
    },
    CreateEndpoint {
        pipeline: PipelineId,
        options: EndpointOptions,
        reply: Reply<Result<EndpointId, CreateError>>,
    },
    ReleaseEndpoint {
        endpoint: EndpointId,
        reply: Option<Reply<()>>,
    },
    Connect {
        source: EndpointId,
        sink: EndpointId,
        kind: MediaKind,
        reply: Reply<Result<(), ConnectError>>,
    },
    Disconnect {
        source: EndpointId,
        sink: EndpointId,
        kind: MediaKind,
        reply: Reply<Result<(), ConnectError>>,
    },
    SetRemoteOffer {
        endpoint: EndpointId,
        offer: String,
        reply: Reply<Result<(), NegotiationError>>,
    },
    CreateAnswer {
        endpoint: EndpointId,
        reply: Reply<Result<String, NegotiationError>>,
    },
    GenerateOffer {
        endpoint: EndpointId,
        options: OfferOptions,
        reply: Reply<Result<String, NegotiationError>>,
    },
    ProcessAnswer {
        endpoint: EndpointId,
        answer: String,
        reply: Reply<Result<(), NegotiationError>>,
    },
    GatherCandidates {
        endpoint: EndpointId,
        reply: Reply<Result<(), NegotiationError>>,
    },
    AddIceCandidate {
        endpoint: EndpointId,
        candidate: IceCandidate,
        reply: Reply<Result<(), CandidateError>>,
    },
    EndpointStats {
        endpoint: EndpointId,
        reply: Reply<Option<EndpointStats>>,
    },
    Snapshot {
        reply: Reply<MediaSnapshot>,
    },
    Stop {
        reply: Reply<()>,
    },
}

pub(crate) type Reply<T> = oneshot::Sender<T>;

/// The control plane's end of one worker's command channel.
#[derive(Clone, Debug)]
pub(crate) struct WorkerHandle {
    commands: mpsc::Sender<Command>,
    /// Releases that found the queue full, sent without waiting: a handle's drop cannot wait.
    releases: mpsc::UnboundedSender<Command>,
    wake: Arc<OwnedFd>,
}

impl WorkerHandle {
    pub(crate) fn new(
        commands: mpsc::Sender<Command>,
        releases: mpsc::UnboundedSender<Command>,
        wake: Arc<OwnedFd>,
    ) -> Self {
        Self { commands, releases, wake }
    }

    /// Sends a command and waits for its answer; `None` when the worker is gone.
    pub(crate) async fn call<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.ok()?;
        self.wake();
        answer.await.ok()
    }

    /// Sends a release from a destructor. The channel is unbounded in type but not in fact: each handle
    /// sends at most one, and handles are bounded by the limits on pipelines and sessions.
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
