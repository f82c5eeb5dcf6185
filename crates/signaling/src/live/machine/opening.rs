//! How a presenter or a viewer comes in.

use super::ending::Why;
use super::stream::{Live, Stream};
use super::{Due, Machine, Moment, Owner, Phase, Session};
use crate::candidate::Candidate;
use crate::live::ask::{EntityTag, Reply};
use crate::live::effect::{Effect, MediaCommand, Telling};
use crate::live::event::StreamNews;
use crate::live::id::{SessionId, SessionKey, Ticket};
use crate::live::message::{Response, ServerMessage};
use crate::live::name::StreamName;
use crate::live::offer::{Offer, Role};
use crate::live::refusal::Refusal;
use crate::socket::ConnectionId;
use keel_media::PipelineAddress;
use keel_media::id::ElementId;
use rand::Rng;
use std::net::IpAddr;
use std::time::Duration;

/// When a viewer of a stream that has not begun should ask again.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Who wants to come in.
#[derive(Clone, Copy, Debug)]
pub(super) enum Asker {
    Url(Ticket),
    Page(ConnectionId),
}

impl Machine {
    /// A session of its own URL is asked for.
    pub(super) fn open_by_url(
        &mut self,
        now: Moment,
        ticket: Ticket,
        stream: StreamName,
        offer: Offer,
        address: IpAddr,
    ) -> Result<Option<Reply>, Refusal> {
        let role = offer.role();
        let opened = self.open(now, Asker::Url(ticket), stream, offer, address);
        self.count_refusal(role, &opened);
        opened.map(|_| None)
    }

    /// Media of another pipeline is to come in, or to be watched there.
    pub(super) fn attach(
        &mut self,
        now: Moment,
        ticket: Ticket,
        stream: StreamName,
        role: Role,
        pipeline: PipelineAddress,
    ) -> Result<Option<Reply>, Refusal> {
        let admitted = self.admit(now, Asker::Url(ticket), &stream, role, String::new());
        self.count_refusal(role, &admitted);
        let session = admitted?;
        self.command(session, MediaCommand::Attach { session, role, pipeline });
        self.set_deadline(now, &stream);
        Ok(None)
    }

    fn count_refusal(&mut self, role: Role, opened: &Result<SessionId, Refusal>) {
        if let Err(refusal) = opened {
            self.effects.push_back(Effect::CountSession { role, result: refusal.code() });
        }
    }

    /// Lets somebody in, as far as that is decided here; media has the last word.
    pub(super) fn open(
        &mut self,
        now: Moment,
        asker: Asker,
        stream: StreamName,
        offer: Offer,
        address: IpAddr,
    ) -> Result<SessionId, Refusal> {
        if !self.stopping && !self.opens.take(now.steady, address) {
            return Err(Refusal::TooFast);
        }
        let (role, ufrag) = (offer.role(), offer.ufrag().to_owned());
        let telling = match asker {
            Asker::Url(_) => Telling::InAnswer,
            Asker::Page(_) => Telling::Trickling,
        };
        let session = self.admit(now, asker, &stream, role, ufrag)?;
        self.command(session, MediaCommand::Open { session, role, sdp_offer: offer.into_sdp(), telling });
        self.set_deadline(now, &stream);
        Ok(session)
    }

    /// A session in its stream, with media for it.
    fn admit(
        &mut self,
        now: Moment,
        asker: Asker,
        stream: &StreamName,
        role: Role,
        ufrag: String,
    ) -> Result<SessionId, Refusal> {
        if self.stopping {
            return Err(Refusal::ShuttingDown);
        }
        match role {
            Role::Presenter => self.admit_presenter(asker, stream)?,
            Role::Viewer => self.admit_viewer(asker, stream)?,
        }
        let session = self.numbers.session();
        let (owner, ticket) = match asker {
            Asker::Url(ticket) => {
                let key = SessionKey::draw(session, &mut self.random);
                let tag = EntityTag(self.random.next_u64());
                (Owner::Url { key, tag }, Some(ticket))
            }
            Asker::Page(connection) => (Owner::Page(connection), None),
        };
        let phase = Phase::Negotiating { ticket };
        let fresh = Session { stream: stream.clone(), role, owner, phase, ufrag, candidates: 0 };
        self.sessions.insert(session, fresh);
        let known = self.streams.entry(stream.clone()).or_insert_with(|| Stream::new(now.steady));
        if known.is_deserted() && known.live.is_none() {
            // Whoever waits from now on waits from now on.
            known.absent_since = Some(now.steady);
        }
        match role {
            Role::Presenter => known.next_presenter = Some(session),
            Role::Viewer => {
                known.viewers.insert(session);
            }
        }
        if known.media.is_none() {
            let media = self.numbers.media();
            known.media = Some(media);
            self.streams_by_media.insert(media, stream.clone());
            self.effects.push_back(Effect::StartMedia { media });
        }
        Ok(session)
    }

    fn admit_presenter(&self, asker: Asker, stream: &StreamName) -> Result<(), Refusal> {
        let Some(known) = self.streams.get(stream) else {
            return self.room_for_a_stream();
        };
        if known.next_presenter.is_some() {
            return Err(Refusal::Busy);
        }
        // Kurento's tutorial has one presenter at a time, and its pages know no other.
        let takes_over = self.limits.presenters_take_over && matches!(asker, Asker::Url(_));
        if known.presenter.is_some() && !takes_over {
            return Err(Refusal::AlreadyLive);
        }
        Ok(())
    }

    fn admit_viewer(&self, asker: Asker, stream: &StreamName) -> Result<(), Refusal> {
        // A page of Kurento's tutorial is told that there is nobody to see.
        let may_wait = self.limits.viewers_wait_max > Duration::ZERO && matches!(asker, Asker::Url(_));
        match self.streams.get(stream) {
            None if may_wait => self.room_for_a_stream(),
            None => Err(Refusal::UnknownStream { retry_after: RETRY_AFTER }),
            Some(known) if known.presenter.is_none() && known.live.is_none() && !may_wait => {
                Err(Refusal::NotLive { retry_after: RETRY_AFTER })
            }
            Some(known) if known.viewers.len() >= self.limits.viewers_max => Err(Refusal::TooManyViewers),
            Some(_) => Ok(()),
        }
    }

    pub(super) fn room_for_a_stream(&self) -> Result<(), Refusal> {
        if self.streams.len() < self.limits.streams_max { Ok(()) } else { Err(Refusal::TooManyStreams) }
    }

    /// The bridge of a session is open: what comes over it flows.
    pub(super) fn attached(&mut self, now: Moment, session: SessionId, element: ElementId) {
        let Some(known) = self.sessions.get_mut(&session) else { return };
        let (Phase::Negotiating { ticket: Some(ticket) }, Owner::Url { key, .. }) =
            (&known.phase, &known.owner)
        else {
            return;
        };
        let answer = Ok(Reply::Attached { key: key.clone(), element });
        self.effects.push_back(Effect::Answer { ticket: *ticket, answer });
        known.phase = Phase::Connecting { until: now.steady + self.limits.connect_max };
        self.take_place(now, session);
        self.up(now, session);
    }

    /// Media has answered the offer of a session.
    pub(super) fn answered(&mut self, now: Moment, session: SessionId, sdp_answer: String) {
        let Some(known) = self.sessions.get_mut(&session) else { return };
        let Phase::Negotiating { ticket } = known.phase else { return };
        let until = now.steady + self.limits.connect_max;
        known.phase = Phase::Connecting { until };
        self.deadlines.insert((until, Due::Session(session)));
        let role = known.role;
        match (&known.owner, ticket) {
            (Owner::Url { key, tag }, Some(ticket)) => {
                let opened = Reply::Opened { role, key: key.clone(), tag: *tag, sdp_answer };
                self.effects.push_back(Effect::Answer { ticket, answer: Ok(opened) });
            }
            (Owner::Page(connection), _) => {
                let accepted = Response::Accepted { sdp_answer };
                let message = match role {
                    Role::Presenter => ServerMessage::PresenterResponse(accepted),
                    Role::Viewer => ServerMessage::ViewerResponse(accepted),
                };
                self.effects.push_back(Effect::Tell { to: *connection, message });
            }
            (Owner::Url { .. }, None) => {}
        }
        self.take_place(now, session);
    }

    /// A presenter that is answered takes the place of the one before.
    fn take_place(&mut self, now: Moment, session: SessionId) {
        let Some(Session { role, stream, .. }) = self.sessions.get(&session) else { return };
        let (role, stream) = (*role, stream.clone());
        self.effects.push_back(Effect::CountSession { role, result: "opened" });
        if role == Role::Presenter {
            let before = self.streams.get_mut(&stream).and_then(|known| {
                known.next_presenter = None;
                known.absent_since = None;
                known.lost = None;
                known.presenter.replace(session)
            });
            if let Some(before) = before {
                self.end_session(now, before, Why::Replaced);
            }
            self.set_deadline(now, &stream);
        }
    }

    /// The connection of a session is up, for the first time or again.
    pub(super) fn up(&mut self, now: Moment, session: SessionId) {
        let Some(known) = self.sessions.get_mut(&session) else { return };
        match &mut known.phase {
            Phase::Connecting { until } => {
                self.deadlines.remove(&(*until, Due::Session(session)));
                known.phase = Phase::Connected;
            }
            Phase::Restarting { was_up: was_up @ false, until, .. } => {
                *was_up = true;
                if let Some(until) = until.take() {
                    self.deadlines.remove(&(until, Due::Session(session)));
                }
            }
            Phase::Negotiating { .. } | Phase::Connected | Phase::Restarting { .. } => return,
        }
        let (role, stream) = (known.role, known.stream.clone());
        let Some(known) = self.streams.get_mut(&stream) else { return };
        match role {
            Role::Presenter if known.live.is_none() => {
                known.live = Some(Live { since: now.wall, steady: now.steady });
                self.announce(now, &stream, StreamNews::Started);
            }
            Role::Presenter => {}
            Role::Viewer => {
                known.watching += 1;
                let watching = known.watching;
                self.announce(now, &stream, StreamNews::Viewers(watching));
            }
        }
    }

    /// Hands a candidate of Keel to a page; who has a URL got all with the answer.
    pub(super) fn tell_candidate(&mut self, session: SessionId, candidate: Candidate) {
        if let Some(Session { owner: Owner::Page(connection), .. }) = self.sessions.get(&session) {
            let message = ServerMessage::IceCandidate { candidate };
            self.effects.push_back(Effect::Tell { to: *connection, message });
        }
    }
}
