//! Peer connections: lines come and go with one description after another.
//!
//! Lines are chosen at the pipeline's home where Keel sends on them (`add_line`), and by the peer's offer, where
//! the connection lives, otherwise; the home then learns of them before the caller does. `Offerer` and
//! `Answerer` of `session/sdp` decide what a description means, here it is carried out.

use super::command::Reply;
use super::control::answer;
use super::endpoint::{Endpoint, Media, Negotiation, Renegotiation};
use super::lines::Line;
use super::negotiation::receive;
use super::relay::{Ability, Completion, Message};
use super::{Member, MemberKind, State};
use crate::error::{LineError, NegotiationError};
use crate::id::ElementId;
use crate::pipeline::{
    AppliedAnswer, AppliedLine, AppliedOffer, ElementKind, IceRestart, LineOptions, MediaKind,
};
use crate::rtp::Format;
use crate::session::ice::IceCredentials;
use crate::session::sdp::{
    AcceptedLine, AnsweredLine, Answerer, DeclaredStreams, LINES_MAX, LinesOffer, LocalDescription,
    NegotiatedData, Offerer, RemoteDescription, RemoteTransport, Simulcast, SsrcSequence,
};
use crate::srtp::DtlsRole;
use rand::Rng;
use std::collections::BTreeMap;
use std::time::Instant;

/// At the home of the connection's pipeline.
impl State {
    /// Adds a line to a connection, where that lives.
    pub(super) fn add_line(
        &mut self,
        connection: ElementId,
        line: ElementId,
        options: LineOptions,
        reply: Reply<Result<(), LineError>>,
    ) {
        let Some(worker) = self.members.get(&connection).map(|member| member.worker) else {
            return answer(reply, Err(LineError::Released));
        };
        if !self.note_line(connection, line, true) {
            return answer(reply, Err(LineError::Full));
        }
        if self.relays.is_elsewhere(worker) {
            // To a worker that has stopped: the caller hears as much when its reply is dropped.
            self.relays.tell(worker, Message::OpenLine { connection, line, options, reply });
            return;
        }
        let opened = self.open_line(connection, line, options);
        if opened.is_err() {
            self.forget_line(connection, line);
            self.graph.remove_element(line);
        }
        answer(reply, opened);
    }

    /// Removes a line of this connection, wherever it lives.
    pub(super) fn remove_line(
        &mut self,
        now: Instant,
        connection: ElementId,
        line: ElementId,
        done: &Completion,
    ) {
        let lines = self.members.get(&connection).map(|member| &member.kind);
        if matches!(lines, Some(MemberKind::Whole { lines }) if lines.contains(&line)) {
            self.release_element(now, line, Some(done));
        }
    }

    /// Has a connection make an offer, where it lives.
    pub(super) fn ask_for_lines_offer(
        &mut self,
        now: Instant,
        connection: ElementId,
        restart: IceRestart,
        reply: Reply<Result<LinesOffer, NegotiationError>>,
    ) {
        let Some(Member { worker, kind: MemberKind::Whole { lines }, .. }) = self.members.get(&connection)
        else {
            return answer(reply, Err(NegotiationError::Released));
        };
        let worker = *worker;
        let sources = lines.iter().filter_map(|line| Some((*line, self.source_formats(*line)?))).collect();
        if self.relays.is_elsewhere(worker) {
            self.relays.tell(worker, Message::CreateOffer { connection, restart, sources, reply });
        } else {
            answer(reply, self.create_lines_offer(now, connection, restart, &sources));
        }
    }

    /// What a description has made of a connection's lines.
    pub(super) fn note_lines(
        &mut self,
        now: Instant,
        connection: ElementId,
        began: &[ElementId],
        ended: &[ElementId],
    ) {
        for line in ended {
            let changes = self.graph.remove_element(*line);
            self.forget_line(connection, *line);
            self.follow(now, changes, None);
        }
        for line in began {
            // In a pipeline that is full the line stays unknown: nobody can be connected to it.
            self.note_line(connection, *line, false);
        }
    }

    /// Makes a line an element of its connection's pipeline; `false` where there is no room, or no longer
    /// such a connection.
    fn note_line(&mut self, connection: ElementId, line: ElementId, is_sink: bool) -> bool {
        let Some(pipeline) = self.graph.pipeline_of(connection) else { return false };
        let Some(Member { worker, kind: MemberKind::Whole { lines }, .. }) =
            self.members.get_mut(&connection)
        else {
            return false;
        };
        if self.graph.add_element(pipeline, line, ElementKind::Line).is_err() {
            return false;
        }
        lines.insert(line);
        let member = Member {
            worker: *worker,
            abilities: Default::default(),
            kind: MemberKind::Line { connection, is_sink },
        };
        self.members.insert(line, member);
        true
    }

    pub(super) fn forget_line(&mut self, connection: ElementId, line: ElementId) {
        self.members.remove(&line);
        if let Some(Member { kind: MemberKind::Whole { lines }, .. }) = self.members.get_mut(&connection) {
            lines.remove(&line);
        }
    }

    /// What the element sends that feeds this line, as far as that is known.
    fn source_formats(&self, line: ElementId) -> Option<Vec<Format>> {
        MediaKind::ALL.into_iter().find_map(|kind| {
            let source = self.graph.feeder(line, kind.into())?;
            self.ability(source, kind).map(Ability::formats).cloned()
        })
    }
}

/// Where the connection lives.
impl State {
    /// Adds a line to send on.
    pub(super) fn open_line(
        &mut self,
        connection: ElementId,
        line: ElementId,
        LineOptions { kind, group }: LineOptions,
    ) -> Result<(), LineError> {
        let endpoint = self.endpoints.get_mut(&connection).ok_or(LineError::Released)?;
        let mut offerer = endpoint.offerer(&mut self.rng).map_err(|_| LineError::PeerOffers)?;
        offerer.add(line, kind, group)?;
        endpoint.negotiation = Negotiation::Repeated(Box::new(Renegotiation::KeelOffers(offerer)));
        self.lines.insert(line, Line::new(connection));
        Ok(())
    }

    /// Gives a connection's next offer an m-line for data channels.
    pub(super) fn offer_data(&mut self, connection: ElementId) -> Result<(), LineError> {
        let endpoint = self.endpoints.get_mut(&connection).ok_or(LineError::Released)?;
        let mut offerer = endpoint.offerer(&mut self.rng).map_err(|_| LineError::PeerOffers)?;
        offerer.add_data()?;
        endpoint.negotiation = Negotiation::Repeated(Box::new(Renegotiation::KeelOffers(offerer)));
        Ok(())
    }

    /// Ends a line that lives here. Nothing happens the second time.
    pub(super) fn close_line(&mut self, line: ElementId) {
        let Some(Line { connection, .. }) = self.lines.get(&line).copied() else { return };
        self.close_media(connection, line);
        self.lines.remove(&line);
        self.relays.forget_source(line);
        let negotiation = self.endpoints.get_mut(&connection).map(|endpoint| &mut endpoint.negotiation);
        if let Some(Negotiation::Repeated(repeated)) = negotiation
            && let Renegotiation::KeelOffers(offerer) = &mut **repeated
        {
            offerer.remove(line);
        }
    }

    /// Takes a further offer of a connection's peer.
    pub(super) fn apply_offer(
        &mut self,
        now: Instant,
        id: ElementId,
        text: &str,
        fresh: u64,
    ) -> Result<AppliedOffer, NegotiationError> {
        self.choose_agent(now, id, false);
        let endpoint = self.endpoints.get(&id).ok_or(NegotiationError::Released)?;
        let first = Answerer::default();
        let answerer = match endpoint.renegotiation() {
            Some(Renegotiation::Undecided) => &first,
            Some(Renegotiation::PeerOffers(answerer)) => answerer,
            Some(Renegotiation::KeelOffers(_)) | None => return Err(NegotiationError::OtherSideOffers),
        };
        let offer = RemoteDescription::parse(text)?;
        let credentials = answerer.restarts_ice(&offer).then(|| IceCredentials::random(&mut self.rng));
        let local = endpoint.described_under(credentials.as_ref());
        let mut names = (fresh..fresh.saturating_add(LINES_MAX as u64)).map(ElementId::new);
        let answered = answerer.answer(&offer, &local, &mut names)?;
        let is_first = answerer.is_first() && !answered.next.is_first();
        if is_first {
            self.prepare_checks(id, &offer.transport)?;
        }
        let restarted_ice = credentials.is_some();
        self.commit(id, local, credentials, Renegotiation::PeerOffers(answered.next));
        if let Some(endpoint) = self.endpoints.get_mut(&id) {
            endpoint.local_sdp = Some(answered.sdp.clone());
            endpoint.remote_sdp = Some(text.to_owned());
        }
        answered.ended.iter().for_each(|line| self.close_line(*line));
        let mut lines = Vec::new();
        let mut changed = Vec::new();
        for line in answered.lines {
            let element = line.element;
            lines.push(AppliedLine {
                element,
                mid: line.media.parameters.mid,
                kind: line.media.kind,
                is_receiving: line.media.parameters.direction.receives(),
                is_new: line.is_new,
            });
            if self.receive_on(now, id, line) {
                changed.push(element);
            }
        }
        let began: Vec<_> = lines.iter().filter(|line| line.is_new).map(|line| line.element).collect();
        self.tell_lines(now, id, began, answered.ended.clone());
        self.renew_session(now, id, &offer.transport, answered.data, answered.dtls_role, is_first);
        self.join_lines(now, id, &changed);
        Ok(AppliedOffer { answer: answered.sdp, lines, ended: answered.ended, restarted_ice })
    }

    /// Makes the next offer to a connection's peer. `sources`: what feeds its lines.
    pub(super) fn create_lines_offer(
        &mut self,
        now: Instant,
        id: ElementId,
        restart: IceRestart,
        sources: &BTreeMap<ElementId, Vec<Format>>,
    ) -> Result<LinesOffer, NegotiationError> {
        self.choose_agent(now, id, true);
        let endpoint = self.endpoints.get_mut(&id).ok_or(NegotiationError::Released)?;
        let mut offerer = endpoint.offerer(&mut self.rng)?;
        // What was never answered needs no restart: its credentials are as good as new ones.
        let restarts = restart == IceRestart::Yes && !offerer.is_first();
        let credentials = restarts.then(|| IceCredentials::random(&mut self.rng));
        let local = endpoint.described_under(credentials.as_ref());
        let offer = offerer.offer(&local, |line| sources.get(&line).map(Vec::as_slice))?;
        endpoint.local_sdp = Some(offer.sdp.clone());
        self.commit(id, local, credentials, Renegotiation::KeelOffers(offerer));
        Ok(offer)
    }

    /// Takes the answer of a connection's peer.
    pub(super) fn apply_answer(
        &mut self,
        now: Instant,
        id: ElementId,
        text: &str,
    ) -> Result<AppliedAnswer, NegotiationError> {
        let endpoint = self.endpoints.get(&id).ok_or(NegotiationError::Released)?;
        let Some(Renegotiation::KeelOffers(offerer)) = endpoint.renegotiation() else {
            return Err(NegotiationError::NoOffer);
        };
        let answer = RemoteDescription::parse(text)?;
        let accepted = offerer.accept(&answer, &endpoint.local)?;
        let is_first = offerer.is_first() && !accepted.next.is_first();
        if is_first {
            self.prepare_checks(id, &answer.transport)?;
        }
        if let Some(endpoint) = self.endpoints.get_mut(&id) {
            endpoint.negotiation = Negotiation::Repeated(Box::new(Renegotiation::KeelOffers(accepted.next)));
            endpoint.remote_sdp = Some(text.to_owned());
        }
        let changed: Vec<_> =
            accepted.lines.into_iter().filter_map(|line| self.send_on(now, id, line)).collect();
        let ended: Vec<_> = accepted.refused.iter().map(|(line, _)| *line).collect();
        ended.iter().for_each(|line| self.close_line(*line));
        self.tell_lines(now, id, Vec::new(), ended);
        self.renew_session(now, id, &answer.transport, accepted.data, accepted.dtls_role, is_first);
        self.join_lines(now, id, &changed);
        let reason = |(line, kind)| (line, NegotiationError::NoCommonCodec(kind));
        Ok(AppliedAnswer { refused: accepted.refused.into_iter().map(reason).collect() })
    }

    /// Makes a description that was accepted the present one; with new credentials ICE is restarted.
    fn commit(
        &mut self,
        id: ElementId,
        local: LocalDescription,
        credentials: Option<IceCredentials>,
        next: Renegotiation,
    ) {
        let Some(endpoint) = self.endpoints.get_mut(&id) else { return };
        endpoint.local = local;
        endpoint.negotiation = Negotiation::Repeated(Box::new(next));
        let session = endpoint.session;
        if let Some(credentials) = credentials
            && let Some(seat) = self.sessions.get_mut(session)
        {
            endpoint.gathered = false;
            self.routes.add(&credentials.ufrag, session);
            seat.session.ice.restart(credentials);
        }
    }

    /// Opens, changes or closes what a line receives. Says whether its streams are others now.
    fn receive_on(&mut self, now: Instant, connection: ElementId, line: AnsweredLine) -> bool {
        let AnsweredLine { element, media, .. } = line;
        self.lines.entry(element).or_insert_with(|| Line::new(connection));
        let is_same =
            |known: &Media| *known.parameters == media.parameters && known.received.0 == media.simulcast;
        if self.media_of(element, media.kind).is_some_and(is_same) {
            self.rebind(connection, element, media.receive);
            return false;
        }
        self.close_media(connection, element);
        self.open_media(now, connection, element, media, "");
        self.watch_encodings(now, connection, element);
        true
    }

    /// Lets a line that goes on as it is take the SSRCs that are declared for it now.
    fn rebind(&mut self, connection: ElementId, element: ElementId, declared: DeclaredStreams) {
        let Some(known) = self.endpoints.get_mut(&connection) else { return };
        let media = known.media.iter_mut().find(|media| media.element == element);
        let Some((media, seat)) = media.zip(self.sessions.get_mut(known.session)) else { return };
        let (simulcast, before) = &mut media.received;
        // Encodings with names are told apart by these, whatever else is declared.
        if *before == declared || matches!(simulcast, Simulcast::Named(_)) || media.track.is_none() {
            return;
        }
        let sources = media.encodings.iter().map(|(source, _)| *source);
        receive(&mut seat.session.streams, simulcast, sources, &media.parameters, &declared);
        *before = declared;
    }

    /// Opens or closes what a line sends, by what the peer agreed to. What it agreed to first holds for as long
    /// as the stream does. Returns the line where it has another stream now.
    fn send_on(&mut self, now: Instant, connection: ElementId, line: AcceptedLine) -> Option<ElementId> {
        let AcceptedLine { element, media, cname } = line;
        let known = self.media_of(element, media.kind);
        if known.is_some_and(|known| known.send == media.send) {
            return None;
        }
        self.close_media(connection, element);
        self.open_media(now, connection, element, media, &cname);
        Some(element)
    }

    /// Begins to watch who wants which encoding of a line's video.
    fn watch_encodings(&mut self, now: Instant, connection: ElementId, element: ElementId) {
        let media = self.endpoints.get_mut(&connection).and_then(|known| {
            known.media.iter_mut().find(|media| media.element == element && media.kind == MediaKind::Video)
        });
        let Some((track, media)) = media.and_then(|media| Some((media.track?, media))) else { return };
        media.watch = Some(super::dynacast::EncodingWatch::new(media.encodings.len()));
        let wanted = self.forwarder.wanted(track);
        self.change_watch(element, |watch| watch.note(wanted, now));
    }

    /// Tells a connection's home of its lines that began and ended.
    fn tell_lines(
        &mut self,
        now: Instant,
        connection: ElementId,
        began: Vec<ElementId>,
        ended: Vec<ElementId>,
    ) {
        let Some(home) = self.endpoints.get(&connection).map(|endpoint| endpoint.home) else { return };
        if began.is_empty() && ended.is_empty() {
            return;
        }
        if self.relays.is_elsewhere(home) {
            self.relays.tell(home, Message::Lines { connection, began, ended });
        } else {
            self.note_lines(now, connection, &began, &ended);
        }
    }

    /// Tells the session what a description says of the peer: who it is at first, how to reach it later.
    fn renew_session(
        &mut self,
        now: Instant,
        id: ElementId,
        remote: &RemoteTransport,
        data: Option<NegotiatedData>,
        role: DtlsRole,
        is_first: bool,
    ) {
        let Some(endpoint) = self.endpoints.get_mut(&id) else { return };
        let session = endpoint.session;
        let had_data = endpoint.data.is_some();
        endpoint.data = data.or(endpoint.data);
        let Some(seat) = self.sessions.get_mut(session) else { return };
        if let Some(data) = data.filter(|_| !had_data) {
            seat.session.allow_data(now, data.message_bytes_max);
        }
        if is_first {
            seat.session.set_remote(now, remote, role, &mut self.rng);
        } else {
            // Also a description that rejects everything, and so has no transport.
            seat.session.renew_remote(now, remote);
        }
        self.permit_peers(id);
        self.settle(now, session);
    }

    /// Lets media flow to and from lines that have other streams than before.
    fn join_lines(&mut self, now: Instant, id: ElementId, changed: &[ElementId]) {
        self.apply_limits(id);
        for line in changed {
            self.report_abilities(now, *line);
            for kind in MediaKind::ALL {
                self.join(now, *line, kind);
            }
        }
    }
}

impl Endpoint {
    fn renegotiation(&self) -> Option<&Renegotiation> {
        match &self.negotiation {
            Negotiation::Repeated(repeated) => Some(repeated),
            _ => None,
        }
    }

    /// The m-lines of a connection that Keel makes the offers of, or may begin to.
    fn offerer(&self, rng: &mut impl Rng) -> Result<Offerer, NegotiationError> {
        match self.renegotiation() {
            Some(Renegotiation::Undecided) => {
                let ssrcs = SsrcSequence::new(rng.next_u32(), self.local.audio.ssrc);
                Ok(Offerer::new(ssrcs, self.local.data_channels))
            }
            Some(Renegotiation::KeelOffers(offerer)) => Ok(offerer.clone()),
            Some(Renegotiation::PeerOffers(_)) => Err(NegotiationError::OtherSideOffers),
            None => Err(NegotiationError::AlreadyNegotiated),
        }
    }

    /// What Keel says of itself, under these credentials where there are new ones.
    fn described_under(&self, credentials: Option<&IceCredentials>) -> LocalDescription {
        let mut local = self.local.clone();
        if let Some(IceCredentials { ufrag, password }) = credentials {
            (local.ice_ufrag, local.ice_pwd) = (ufrag.clone(), password.clone());
        }
        local
    }
}
