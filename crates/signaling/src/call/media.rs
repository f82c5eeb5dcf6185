//! The media of one call: a pipeline, two endpoints, and what they say.
//!
//! One task per call does everything in order: it sets up, reports, passes candidates on and releases.
//! Set-up is never cancelled halfway, since an operation whose answer nobody awaits could leave something
//! behind; a call that ends meanwhile is noticed at the next step.

use super::Inbound;
use super::effect::{CallId, MediaReport, Side};
use crate::candidate::Candidate;
use keel_media::{
    CandidateError, ConnectionState, DtlsState, EndpointEvent, EndpointOptions, MediaKind, MediaServer,
    Pipeline, PipelineEvent, PipelineEvents, WebRtcEndpoint,
};
use tokio::sync::mpsc;

/// What the two peers of a call offer.
pub(super) struct Offers {
    pub(super) caller: String,
    pub(super) callee: String,
}

/// Where a call's media reports to.
pub(super) struct Reporter {
    pub(super) call: CallId,
    pub(super) inbox: mpsc::Sender<Inbound>,
}

/// The two endpoints and their answers.
struct Peers {
    caller: WebRtcEndpoint,
    callee: WebRtcEndpoint,
    caller_answer: String,
    callee_answer: String,
}

/// The server's actor is gone: nobody is left to hear a report.
struct Gone;

/// Serves one call until `candidates` is closed, which is the sign of its end. When this returns,
/// everything is released.
pub(super) async fn serve(
    server: MediaServer,
    offers: Offers,
    candidates: mpsc::Receiver<(Side, Candidate)>,
    reporter: Reporter,
) {
    let (pipeline, events) = match server.create_pipeline().await {
        Ok(created) => created,
        Err(error) => {
            reporter.report_last(MediaReport::Refused(error.to_string())).await;
            return;
        }
    };
    match set_up(&pipeline, reporter.call, &offers).await {
        Ok(peers) => {
            // The other end of the reports being gone is an end like any other.
            let _ = run(&peers, events, candidates, &reporter).await;
            drop(peers);
        }
        Err(words) => reporter.report_last(MediaReport::Refused(words)).await,
    }
    pipeline.release().await;
}

/// Both offers are set before either answer is made: so each answer lists what both peers can do.
async fn set_up(pipeline: &Pipeline, call: CallId, offers: &Offers) -> Result<Peers, String> {
    let endpoint = async |side: Side| {
        let options = EndpointOptions { label: format!("{call:?} {side:?}"), ..EndpointOptions::default() };
        pipeline.create_webrtc_endpoint(options).await.map_err(|error| error.to_string())
    };
    let caller = endpoint(Side::Caller).await?;
    let callee = endpoint(Side::Callee).await?;
    for kind in MediaKind::ALL {
        caller.connect(&callee, kind).await.map_err(|error| error.to_string())?;
        callee.connect(&caller, kind).await.map_err(|error| error.to_string())?;
    }
    caller.set_remote_offer(&offers.caller).await.map_err(|error| format!("the caller's offer: {error}"))?;
    callee.set_remote_offer(&offers.callee).await.map_err(|error| format!("the callee's offer: {error}"))?;
    let caller_answer = caller.create_answer().await.map_err(|error| error.to_string())?;
    let callee_answer = callee.create_answer().await.map_err(|error| error.to_string())?;
    Ok(Peers { caller, callee, caller_answer, callee_answer })
}

async fn run(
    peers: &Peers,
    mut events: PipelineEvents,
    mut candidates: mpsc::Receiver<(Side, Candidate)>,
    reporter: &Reporter,
) -> Result<(), Gone> {
    let Peers { caller, callee, caller_answer, callee_answer } = peers;
    reporter
        .report(MediaReport::Answered { caller: caller_answer.clone(), callee: callee_answer.clone() })
        .await?;
    for endpoint in [caller, callee] {
        if let Err(error) = endpoint.gather_candidates().await {
            return reporter.report(MediaReport::Failed(error.to_string())).await;
        }
    }
    loop {
        tokio::select! {
            candidate = candidates.recv() => {
                let Some((side, candidate)) = candidate else { return Ok(()) };
                let endpoint = match side {
                    Side::Caller => caller,
                    Side::Callee => callee,
                };
                match endpoint.add_ice_candidate(candidate.into()).await {
                    Ok(()) => {}
                    // The peer can still connect without this one: checks come from its other addresses.
                    Err(error @ (CandidateError::Invalid | CandidateError::TooMany)) => {
                        tracing::debug!(?side, %error, "candidate not taken");
                    }
                    Err(error @ (CandidateError::Released | CandidateError::Stopped)) => {
                        return reporter.report(MediaReport::Failed(error.to_string())).await;
                    }
                }
            }
            event = events.recv() => {
                let Some(event) = event else {
                    let words = "the media server has stopped".to_owned();
                    return reporter.report(MediaReport::Failed(words)).await;
                };
                let side = if event.endpoint == caller.id() { Side::Caller } else { Side::Callee };
                tracing::debug!(?side, event = kind_of(&event.event), "media event");
                if let Some(report) = report_on(side, event) {
                    reporter.report(report).await?;
                }
            }
        }
    }
}

/// What the call machine needs to know of an event.
fn report_on(side: Side, event: PipelineEvent) -> Option<MediaReport> {
    match event.event {
        EndpointEvent::CandidateFound(candidate) => {
            Some(MediaReport::Candidate { side, candidate: candidate.into() })
        }
        EndpointEvent::Connection(ConnectionState::Connected) => Some(MediaReport::Up(side)),
        EndpointEvent::Connection(ConnectionState::Disconnected) => Some(MediaReport::Down(side)),
        EndpointEvent::PeerClosed => Some(MediaReport::Closed(side)),
        EndpointEvent::Dtls(DtlsState::Failed) => {
            Some(MediaReport::Failed("the media connection could not be secured".to_owned()))
        }
        EndpointEvent::NoCommonCodec(kind) => {
            Some(MediaReport::Failed(format!("the two sides have no {kind} codec in common")))
        }
        EndpointEvent::Failed(words) => Some(MediaReport::Failed(words.to_owned())),
        EndpointEvent::GatheringDone
        | EndpointEvent::Ice(_)
        | EndpointEvent::PairSelected { .. }
        | EndpointEvent::Dtls(_)
        | EndpointEvent::Media(_)
        | EndpointEvent::DataChannelOpened { .. }
        | EndpointEvent::DataChannelClosed { .. }
        | EndpointEvent::MediaFlowingIn { .. }
        | EndpointEvent::MediaFlowingOut { .. }
        | EndpointEvent::DominantSpeaker { .. }
        | EndpointEvent::Loudest { .. }
        | EndpointEvent::BridgeEnded
        | EndpointEvent::WantedEncodings { .. } => None,
    }
}

/// The kind of an event for the log; its content may have addresses.
fn kind_of(event: &EndpointEvent) -> &'static str {
    match event {
        EndpointEvent::CandidateFound(_) => "candidate found",
        EndpointEvent::GatheringDone => "gathering done",
        EndpointEvent::Ice(_) => "ice",
        EndpointEvent::PairSelected { .. } => "pair selected",
        EndpointEvent::Dtls(_) => "dtls",
        EndpointEvent::Connection(_) => "connection",
        EndpointEvent::Media(_) => "media",
        EndpointEvent::DominantSpeaker { .. } | EndpointEvent::Loudest { .. } => "speaker",
        EndpointEvent::WantedEncodings { .. } => "wanted encodings",
        EndpointEvent::DataChannelOpened { .. } => "data channel opened",
        EndpointEvent::DataChannelClosed { .. } => "data channel closed",
        EndpointEvent::MediaFlowingIn { .. } => "media flowing in",
        EndpointEvent::MediaFlowingOut { .. } => "media flowing out",
        EndpointEvent::BridgeEnded => "bridge ended",
        EndpointEvent::PeerClosed => "peer closed",
        EndpointEvent::NoCommonCodec(_) => "no common codec",
        EndpointEvent::Failed(_) => "failed",
    }
}

impl Reporter {
    async fn report(&self, report: MediaReport) -> Result<(), Gone> {
        self.inbox.send(Inbound::Media { call: self.call, report }).await.map_err(|_| Gone)
    }

    /// For a report after which nothing else follows, so that it does not matter whether anybody hears.
    async fn report_last(&self, report: MediaReport) {
        let _ = self.report(report).await;
    }
}
