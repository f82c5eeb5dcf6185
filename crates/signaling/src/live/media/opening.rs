//! How a peer's offer is answered, and the stage gets its media or feeds it.

use super::{Connection, Gathering, Gone, Peer, StreamMedia, Way};
use crate::live::effect::{MediaReport, Telling};
use crate::live::id::SessionId;
use crate::live::offer::{Role, rejects_a_line};
use crate::live::refusal::Refusal;
use keel_media::id::ElementId;
use keel_media::{
    Bridge, ConnectError, CreateError, EndpointOptions, MediaKind, NegotiationError, PipelineAddress,
    WebRtcEndpoint,
};

/// What became of the viewers when a presenter was answered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Audience {
    /// They are fed by the stage as before.
    Stays,
    /// Each has to be connected again, if it can be.
    Parted,
}

impl StreamMedia {
    /// Lets a peer in. A presenter's media takes the place of that of the one before; if it is refused, that one
    /// goes on.
    pub(super) async fn open(
        &mut self,
        session: SessionId,
        role: Role,
        sdp_offer: &str,
        telling: Telling,
    ) -> Result<(), Gone> {
        let options =
            EndpointOptions { label: format!("{} {session:?}", role.label()), ..EndpointOptions::default() };
        let endpoint = match self.pipeline.create_webrtc_endpoint(options).await {
            Ok(endpoint) => endpoint,
            Err(CreateError::Full) => return self.refuse(session, Refusal::MediaFull).await,
            Err(error) => return self.refuse(session, Refusal::MediaFailed(error.to_string())).await,
        };
        let answered = match role {
            Role::Presenter => self.answer_presenter(&endpoint, sdp_offer).await,
            Role::Viewer => self.answer_viewer(&endpoint, sdp_offer).await,
        };
        let (sdp_answer, audience) = match answered {
            Ok(answered) => answered,
            Err(refusal) => {
                if role == Role::Presenter {
                    self.return_to_presenter().await;
                }
                endpoint.release().await;
                return self.refuse(session, refusal).await;
            }
        };
        if role == Role::Presenter {
            self.presenter = Some(session);
            if audience == Audience::Parted {
                self.part_with_unfit().await?;
            }
        }
        // Before the answer: where all candidates stand in it, that is told when they were found.
        if telling == Telling::Trickling {
            let sdp_answer = sdp_answer.clone();
            self.report(MediaReport::Answered { session, sdp_answer }).await?;
        }
        self.sessions.insert(endpoint.id(), session);
        let gathered = endpoint.gather_candidates().await;
        let connection = Connection { endpoint, sdp_answer, gathering: Gathering::new(telling) };
        self.peers.insert(session, Peer { role, way: Way::Connection(connection) });
        match gathered {
            Ok(()) => Ok(()),
            Err(error) => {
                self.release(session).await;
                self.refuse(session, Refusal::MediaFailed(error.to_string())).await
            }
        }
    }

    /// Opens a bridge to another pipeline, or from it.
    pub(super) async fn attach(
        &mut self,
        session: SessionId,
        role: Role,
        other: &PipelineAddress,
    ) -> Result<(), Gone> {
        let own = self.pipeline.address();
        let opened = match role {
            Role::Presenter => Bridge::open(other, &own).await,
            Role::Viewer => Bridge::open(&own, other).await,
        };
        let bridge = match opened {
            Ok(bridge) => bridge,
            Err(CreateError::Full) => return self.refuse(session, Refusal::MediaFull).await,
            Err(error) => return self.refuse(session, Refusal::MediaFailed(error.to_string())).await,
        };
        let (connected, element) = match role {
            Role::Presenter => (self.feed_stage(bridge.exit()).await, bridge.entry()),
            Role::Viewer => (self.watch_stage(bridge.entry()).await, bridge.exit()),
        };
        if let Err(error) = connected {
            bridge.release().await;
            if role == Role::Presenter {
                self.return_to_presenter().await;
            }
            return self.refuse(session, error.into()).await;
        }
        let peer = Peer { role, way: Way::Bridge(bridge) };
        self.sessions.insert(peer.element(), session);
        self.peers.insert(session, peer);
        if role == Role::Presenter {
            self.presenter = Some(session);
        }
        self.report(MediaReport::Attached { session, element }).await
    }

    /// The answer lists what those accept who watch already, as far as it can.
    async fn answer_presenter(
        &mut self,
        endpoint: &WebRtcEndpoint,
        sdp_offer: &str,
    ) -> Result<(String, Audience), Refusal> {
        endpoint.set_remote_offer(sdp_offer).await?;
        if self.feed_stage(endpoint.id()).await.is_ok() {
            match endpoint.create_answer().await {
                Ok(answer) => return Ok((whole(answer)?, Audience::Stays)),
                Err(NegotiationError::NoCommonCodec(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        // Some viewer has a codec of its own. That must not keep the presenter out: it is the viewer that goes.
        for kind in MediaKind::ALL {
            self.pipeline.disconnect(endpoint.id(), self.stage.id(), kind.into()).await?;
        }
        let answer = whole(endpoint.create_answer().await?)?;
        let viewers = self.peers.values().filter(|peer| peer.role == Role::Viewer);
        for viewer in viewers.map(Peer::element) {
            for kind in MediaKind::ALL {
                self.pipeline.disconnect(self.stage.id(), viewer, kind.into()).await?;
            }
        }
        self.feed_stage(endpoint.id()).await?;
        Ok((answer, Audience::Parted))
    }

    async fn answer_viewer(
        &self,
        endpoint: &WebRtcEndpoint,
        sdp_offer: &str,
    ) -> Result<(String, Audience), Refusal> {
        endpoint.set_remote_offer(sdp_offer).await?;
        self.watch_stage(endpoint.id()).await?;
        Ok((whole(endpoint.create_answer().await?)?, Audience::Stays))
    }

    async fn feed_stage(&self, presenter: ElementId) -> Result<(), ConnectError> {
        for kind in MediaKind::ALL {
            self.pipeline.connect(presenter, self.stage.id(), kind.into()).await?;
        }
        Ok(())
    }

    async fn watch_stage(&self, viewer: ElementId) -> Result<(), ConnectError> {
        for kind in MediaKind::ALL {
            self.pipeline.connect(self.stage.id(), viewer, kind.into()).await?;
        }
        Ok(())
    }

    /// The stage gets its media from where it came before somebody was refused who would have taken over, and
    /// all viewers theirs from the stage.
    async fn return_to_presenter(&mut self) {
        let presenter = self.presenter.and_then(|presenter| self.peers.get(&presenter));
        let mut returned = match presenter {
            Some(peer) => self.feed_stage(peer.element()).await,
            None => Ok(()),
        };
        for viewer in self.peers.values().filter(|peer| peer.role == Role::Viewer) {
            returned = returned.and(self.watch_stage(viewer.element()).await);
        }
        if let Err(error) = returned {
            tracing::warn!(%error, "the presenter before cannot go on");
        }
    }

    /// Ends the sessions of viewers that cannot get what the presenter sends.
    async fn part_with_unfit(&mut self) -> Result<(), Gone> {
        let viewers = self.peers.iter().filter(|(_, peer)| peer.role == Role::Viewer);
        for (session, viewer) in viewers {
            if let Err(ConnectError::NoCommonCodec(_)) = self.watch_stage(viewer.element()).await {
                self.report(MediaReport::Unfit(*session)).await?;
            }
        }
        Ok(())
    }

    async fn refuse(&self, session: SessionId, refusal: Refusal) -> Result<(), Gone> {
        self.report(MediaReport::Refused { session, refusal }).await
    }
}

/// RFC 9725 §4.4.3: no answer that accepts but a part of the offer.
fn whole(answer: String) -> Result<String, Refusal> {
    if rejects_a_line(&answer) { Err(Refusal::LineRejected) } else { Ok(answer) }
}

impl From<NegotiationError> for Refusal {
    fn from(error: NegotiationError) -> Self {
        match error {
            NegotiationError::Invalid(_)
            | NegotiationError::TooLong { .. }
            | NegotiationError::TooManyLines => Self::BadSdp(error.to_string()),
            NegotiationError::NoCommonCodec(kind) => Self::NoCommonCodec(kind),
            NegotiationError::NoSockets => Self::MediaFull,
            NegotiationError::AlreadyNegotiated
            | NegotiationError::AnswerAlreadyProcessed
            | NegotiationError::NoOffer
            | NegotiationError::OfferOutstanding
            | NegotiationError::OtherSideOffers
            | NegotiationError::Released
            | NegotiationError::Stopped => Self::MediaFailed(error.to_string()),
        }
    }
}

impl From<ConnectError> for Refusal {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::NoCommonCodec(kind) => Self::NoCommonCodec(kind),
            ConnectError::Released
            | ConnectError::ForeignPipeline
            | ConnectError::Cycle
            | ConnectError::Stopped => Self::MediaFailed(error.to_string()),
        }
    }
}
