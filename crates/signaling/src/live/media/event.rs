//! What the pipeline tells, in words of the stream.

use super::{Gathering, Gone, StreamMedia};
use crate::live::effect::MediaReport;
use keel_media::{ConnectionState, DtlsState, EndpointEvent, IceState, PipelineEvent};

impl StreamMedia {
    pub(super) async fn handle_event(&mut self, event: PipelineEvent) -> Result<(), Gone> {
        // An element's last events may come after its end.
        let Some(session) = self.sessions.get(&event.endpoint).copied() else { return Ok(()) };
        let report = match event.event {
            EndpointEvent::CandidateFound(candidate) => {
                let Some(peer) = self.peers.get_mut(&session) else { return Ok(()) };
                match &mut peer.gathering {
                    Gathering::ForAnswer(found) | Gathering::ForRestart(_, found) => {
                        found.push(candidate.candidate);
                        return Ok(());
                    }
                    Gathering::Told => MediaReport::Candidate { session, candidate: candidate.into() },
                    Gathering::Done => return Ok(()),
                }
            }
            EndpointEvent::GatheringDone => return self.gathered(session).await,
            EndpointEvent::Connection(ConnectionState::Connected) => MediaReport::Up(session),
            // RFC 7675 §5.1: no valid check for 30 s. RFC 9725 §4.3.1: then the session ends.
            EndpointEvent::Ice(IceState::Disconnected)
            | EndpointEvent::PeerClosed
            | EndpointEvent::Dtls(DtlsState::Failed) => MediaReport::Gone(session),
            EndpointEvent::Failed(words) => {
                tracing::warn!(?session, words, "a connection failed");
                MediaReport::Gone(session)
            }
            EndpointEvent::NoCommonCodec(kind) => {
                tracing::info!(?session, %kind, "no common codec");
                return Ok(());
            }
            EndpointEvent::Ice(_)
            | EndpointEvent::PairSelected { .. }
            | EndpointEvent::Dtls(_)
            | EndpointEvent::Connection(_)
            | EndpointEvent::Media(_)
            | EndpointEvent::DataChannelOpened { .. }
            | EndpointEvent::DataChannelClosed { .. }
            | EndpointEvent::MediaFlowingIn { .. }
            | EndpointEvent::MediaFlowingOut { .. }
            | EndpointEvent::DominantSpeaker { .. }
            | EndpointEvent::Loudest { .. }
            | EndpointEvent::WantedEncodings { .. } => return Ok(()),
        };
        self.report(report).await
    }
}
