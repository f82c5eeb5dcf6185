//! The media of one stream: a pipeline, an element that all viewers hang on, and the peers.
//!
//! One task does everything in the order in which it was asked. No operation is cancelled halfway, since one
//! whose answer nobody awaits could leave something behind. When [`serve`] returns, everything is released.
//!
//! The presenter feeds the *stage*, an element without a peer, and viewers are fed by it: who takes the presenter's
//! place is connected once, for all.

mod event;
mod opening;

use super::Inbound;
use super::ask::TrackReport;
use super::effect::{MediaCommand, MediaReport, Telling};
use super::id::{MediaId, SessionId, Ticket};
use super::offer::{Role, with_candidates};
use super::sdpfrag::Fragment;
use crate::candidate::Candidate;
use keel_media::id::ElementId;
use keel_media::{
    Bridge, CandidateError, IceCredentials, MediaServer, PassThrough, Pipeline, PipelineEvents,
    WebRtcEndpoint,
};
use std::collections::BTreeMap;
use tokio::sync::mpsc;

/// Where a stream's media reports to.
pub(super) struct Reporter {
    pub(super) media: MediaId,
    pub(super) inbox: mpsc::Sender<Inbound>,
}

/// The owner of all streams is gone: nobody is left to hear a report.
struct Gone;

/// A stream's pipeline and who is in it.
struct StreamMedia {
    pipeline: Pipeline,
    stage: PassThrough,
    reporter: Reporter,
    peers: BTreeMap<SessionId, Peer>,
    sessions: BTreeMap<ElementId, SessionId>,
    /// Whose media the stage gets.
    presenter: Option<SessionId>,
}

/// One peer.
struct Peer {
    role: Role,
    way: Way,
}

/// How a peer's media comes in or goes out.
enum Way {
    Connection(Connection),
    /// From another pipeline, or to one.
    Bridge(Bridge),
}

/// A WebRTC connection.
struct Connection {
    endpoint: WebRtcEndpoint,
    sdp_answer: String,
    gathering: Gathering,
}

/// What becomes of candidates that are found.
enum Gathering {
    /// Each is told.
    Told,
    /// They are collected for the answer.
    ForAnswer(Vec<String>),
    /// They are collected for the answer to a restart, under these credentials.
    ForRestart(IceCredentials, Vec<String>),
    /// They were told.
    Done,
}

/// Serves one stream until `commands` is closed, which is the sign of its end.
pub(super) async fn serve(server: MediaServer, commands: mpsc::Receiver<MediaCommand>, reporter: Reporter) {
    let (pipeline, events) = match server.create_pipeline().await {
        Ok(created) => created,
        Err(error) => return reporter.report_last(MediaReport::Failed(error.to_string())).await,
    };
    let stage = match pipeline.create_pass_through().await {
        Ok(stage) => stage,
        Err(error) => {
            reporter.report_last(MediaReport::Failed(error.to_string())).await;
            return pipeline.release().await;
        }
    };
    let (peers, sessions) = (BTreeMap::new(), BTreeMap::new());
    let mut stream = StreamMedia { pipeline, stage, reporter, peers, sessions, presenter: None };
    // The other end of the reports being gone is an end like any other.
    let _ = stream.run(commands, events).await;
    let StreamMedia { pipeline, stage, peers, .. } = stream;
    drop((stage, peers));
    pipeline.release().await;
}

impl StreamMedia {
    async fn run(
        &mut self,
        mut commands: mpsc::Receiver<MediaCommand>,
        mut events: PipelineEvents,
    ) -> Result<(), Gone> {
        loop {
            tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => self.obey(command).await?,
                    None => return Ok(()),
                },
                event = events.recv() => match event {
                    Some(event) => self.handle_event(event).await?,
                    None => {
                        let words = "the media server has stopped".to_owned();
                        return self.report(MediaReport::Failed(words)).await;
                    }
                },
            }
        }
    }

    async fn obey(&mut self, command: MediaCommand) -> Result<(), Gone> {
        match command {
            MediaCommand::Open { session, role, sdp_offer, telling } => {
                self.open(session, role, &sdp_offer, telling).await
            }
            MediaCommand::Attach { session, role, pipeline } => self.attach(session, role, &pipeline).await,
            MediaCommand::AddCandidates { session, candidates } => {
                self.add_candidates(session, candidates).await;
                Ok(())
            }
            MediaCommand::RestartIce { session, credentials, candidates } => {
                self.restart_ice(session, credentials, candidates).await
            }
            MediaCommand::SetLayer { session, target } => {
                if let Some(connection) = self.connection(session) {
                    connection.endpoint.set_target(target).await;
                }
                Ok(())
            }
            MediaCommand::Inspect { ticket } => self.inspect(ticket).await,
            MediaCommand::Release { session } => {
                self.release(session).await;
                Ok(())
            }
        }
    }

    async fn add_candidates(&self, session: SessionId, candidates: Vec<Candidate>) {
        let Some(connection) = self.connection(session) else { return };
        for candidate in candidates {
            // A peer can connect without one that was not taken: checks come from its other addresses.
            if let Err(error @ (CandidateError::Invalid | CandidateError::TooMany)) =
                connection.endpoint.add_ice_candidate(candidate.into()).await
            {
                tracing::debug!(%error, "candidate not taken");
            }
        }
    }

    async fn restart_ice(
        &mut self,
        session: SessionId,
        credentials: IceCredentials,
        candidates: Vec<Candidate>,
    ) -> Result<(), Gone> {
        let Some(connection) = self.connection_mut(session) else { return Ok(()) };
        let restarted = match connection.endpoint.restart_ice(credentials).await {
            Ok(ours) => {
                connection.gathering = Gathering::ForRestart(ours, Vec::new());
                connection.endpoint.gather_candidates().await
            }
            Err(error) => Err(error),
        };
        match restarted {
            Ok(()) => {
                self.add_candidates(session, candidates).await;
                Ok(())
            }
            Err(error) => {
                let words = error.to_string();
                self.report(MediaReport::RestartFailed { session, words }).await
            }
        }
    }

    /// All candidates were found.
    async fn gathered(&mut self, session: SessionId) -> Result<(), Gone> {
        let Some(connection) = self.connection_mut(session) else { return Ok(()) };
        let report = match std::mem::replace(&mut connection.gathering, Gathering::Done) {
            Gathering::Told | Gathering::Done => return Ok(()),
            Gathering::ForAnswer(candidates) => {
                let sdp_answer = with_candidates(&connection.sdp_answer, &candidates);
                MediaReport::Answered { session, sdp_answer }
            }
            Gathering::ForRestart(ours, candidates) => {
                let fragment = Fragment::of_restart(&connection.sdp_answer, &ours, &candidates);
                MediaReport::Restarted { session, fragment }
            }
        };
        self.report(report).await
    }

    async fn inspect(&self, ticket: Ticket) -> Result<(), Gone> {
        let stats = match self.presenter.and_then(|presenter| self.connection(presenter)) {
            Some(connection) => connection.endpoint.stats().await,
            None => None,
        };
        let tracks = stats.into_iter().flat_map(|stats| stats.incoming).map(|stream| TrackReport {
            kind: stream.kind,
            rid: stream.rid.map(|rid| rid.to_string()),
            bitrate: stream.bitrate,
            packets: stream.packets,
            packets_lost: stream.packets_lost,
            frames: stream.frames,
        });
        let tracks = tracks.collect();
        let pipeline = self.pipeline.id().number();
        self.report(MediaReport::Inspected { ticket, pipeline, tracks }).await
    }

    async fn release(&mut self, session: SessionId) {
        if let Some(peer) = self.peers.remove(&session) {
            self.sessions.remove(&peer.element());
            self.presenter.take_if(|presenter| *presenter == session);
            match peer.way {
                Way::Connection(connection) => connection.endpoint.release().await,
                Way::Bridge(bridge) => bridge.release().await,
            }
        }
    }

    fn connection(&self, session: SessionId) -> Option<&Connection> {
        match &self.peers.get(&session)?.way {
            Way::Connection(connection) => Some(connection),
            Way::Bridge(_) => None,
        }
    }

    fn connection_mut(&mut self, session: SessionId) -> Option<&mut Connection> {
        match &mut self.peers.get_mut(&session)?.way {
            Way::Connection(connection) => Some(connection),
            Way::Bridge(_) => None,
        }
    }

    async fn report(&self, report: MediaReport) -> Result<(), Gone> {
        self.reporter.report(report).await
    }
}

impl Peer {
    /// Its element in the stream's pipeline: a bridge ends there on the side of its role.
    fn element(&self) -> ElementId {
        match &self.way {
            Way::Connection(connection) => connection.endpoint.id(),
            Way::Bridge(bridge) => match self.role {
                Role::Presenter => bridge.exit(),
                Role::Viewer => bridge.entry(),
            },
        }
    }
}

impl Reporter {
    async fn report(&self, report: MediaReport) -> Result<(), Gone> {
        self.inbox.send(Inbound::Media { media: self.media, report }).await.map_err(|_| Gone)
    }

    /// For a report after which nothing else follows, so that it does not matter whether anybody hears.
    async fn report_last(&self, report: MediaReport) {
        let _ = self.report(report).await;
    }
}

impl Gathering {
    fn new(telling: Telling) -> Self {
        match telling {
            Telling::InAnswer => Self::ForAnswer(Vec::new()),
            Telling::Trickling => Self::Told,
        }
    }
}
