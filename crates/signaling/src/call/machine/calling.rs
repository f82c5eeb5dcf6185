//! Phases 2 and 3: calls ring, are answered, get media, end.

use super::{Machine, Trickle};
use crate::call::effect::{CallId, Effect, EndedCall, MediaReport, Side};
use crate::call::message::{CallAnswer, CallReply, ServerMessage};
use crate::call::phase::{Forbidden, Move, Next, Phase};
use crate::call::refusal::{CallRefusal, OutOfPlace};
use crate::candidate::Candidate;
use crate::socket::ConnectionId;
use crate::user_name::UserName;
use std::time::Instant;

/// A call from its first ring to its end.
pub(super) struct Call {
    pub(super) caller: ConnectionId,
    pub(super) callee: ConnectionId,
    pub(super) from: UserName,
    pub(super) to: UserName,
    pub(super) started: Instant,
    deadline: Option<Instant>,
    pub(super) stage: Stage,
}

/// The phase with what only it knows.
pub(super) enum Stage {
    Ringing { caller_offer: String },
    Connecting { answered: Instant, callee_asked: CalleeAsked },
    Talking { answered: Instant, caller_link: Link, callee_link: Link },
}

/// How the callee came to the call, and so how it is answered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum CalleeAsked {
    /// It accepted: `startCommunication`.
    ByAccepting,
    /// It called the caller: `callResponse`.
    ByCalling,
}

/// How much of a callee's words to a caller is passed on.
const DECLINE_CHARS_MAX: usize = 500;

/// One peer's media connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    /// Not up yet.
    Awaited,
    Up,
    /// Was up and went away.
    Down,
}

/// Who hears what at a call's end.
struct Farewell {
    caller: Option<String>,
    callee: Option<String>,
}

impl Stage {
    pub(super) fn phase(&self) -> Phase {
        match self {
            Self::Ringing { .. } => Phase::Ringing,
            Self::Connecting { .. } => Phase::Connecting,
            Self::Talking { .. } => Phase::Talking,
        }
    }

    /// When the callee accepted.
    pub(super) fn answered(&self) -> Option<Instant> {
        match self {
            Self::Ringing { .. } => None,
            Self::Connecting { answered, .. } | Self::Talking { answered, .. } => Some(*answered),
        }
    }
}

impl Call {
    fn connection(&self, side: Side) -> ConnectionId {
        match side {
            Side::Caller => self.caller,
            Side::Callee => self.callee,
        }
    }

    fn side(&self, connection: ConnectionId) -> Side {
        if connection == self.caller { Side::Caller } else { Side::Callee }
    }

    #[cfg(test)]
    pub(super) fn has_deadline(&self) -> bool {
        self.deadline.is_some()
    }

    #[cfg(test)]
    pub(super) fn has_media(&self) -> bool {
        self.stage.phase() != Phase::Ringing
    }
}

impl Machine {
    pub(super) fn call(
        &mut self,
        now: Instant,
        caller: ConnectionId,
        from: &str,
        to: &str,
        caller_offer: String,
    ) {
        if let Err(refusal) = self.try_call(now, caller, from, to, caller_offer) {
            // The page drops its peer with the refusal, and so the peer's candidates are of no use. Those
            // of a page that is in a call already belong to that call.
            if refusal != CallRefusal::CallerBusy
                && let Some(connection) = self.connections.get_mut(&caller)
            {
                connection.trickle = Trickle::default();
            }
            self.reject_call(caller, refusal.to_string());
            self.effects.push_back(Effect::CountRefusedCall(refusal));
        }
    }

    fn try_call(
        &mut self,
        now: Instant,
        caller: ConnectionId,
        from: &str,
        to: &str,
        caller_offer: String,
    ) -> Result<(), CallRefusal> {
        if self.stopping {
            return Err(CallRefusal::ShuttingDown);
        }
        let calling = self.connections.get(&caller).ok_or(CallRefusal::NotRegistered)?;
        let from_name = calling.name.clone().ok_or(CallRefusal::NotRegistered)?;
        if UserName::parse(from).as_ref() != Ok(&from_name) {
            return Err(CallRefusal::ForeignName);
        }
        let to_name = UserName::parse(to).map_err(|_| CallRefusal::UnknownUser)?;
        if to_name == from_name {
            return Err(CallRefusal::Oneself);
        }
        if let Some(id) = calling.call {
            // Two that call each other at the same moment: the one that came first rings, the other
            // accepts it.
            return if self.rings_from(id, &to_name, caller) {
                self.accept(now, id, caller_offer, CalleeAsked::ByCalling)
                    .map_err(|_| CallRefusal::CallerBusy)
            } else {
                Err(CallRefusal::CallerBusy)
            };
        }
        let callee = self.registry.holder(&to_name).ok_or(CallRefusal::UnknownUser)?;
        if self.connections.get(&callee).is_none_or(|called| called.call.is_some()) {
            return Err(CallRefusal::CalleeBusy);
        }
        self.ring(now, caller, callee, from_name, to_name, caller_offer);
        Ok(())
    }

    fn ring(
        &mut self,
        now: Instant,
        caller: ConnectionId,
        callee: ConnectionId,
        from: UserName,
        to: UserName,
        caller_offer: String,
    ) {
        let id = CallId::new(self.calls_made);
        self.calls_made += 1;
        for connection in [caller, callee] {
            if let Some(peer) = self.connections.get_mut(&connection) {
                peer.call = Some(id);
                peer.trickle.taken = peer.trickle.waiting.len();
            }
        }
        self.send(callee, ServerMessage::IncomingCall { from: from.to_string() });
        self.effects.push_back(Effect::Rings { call: id, from: from.clone(), to: to.clone() });
        let stage = Stage::Ringing { caller_offer };
        self.calls.insert(id, Call { caller, callee, from, to, started: now, deadline: None, stage });
        self.set_deadline(id, Some(now + self.limits.ring_max));
    }

    /// The callee's word on an incoming call.
    pub(super) fn reply(
        &mut self,
        now: Instant,
        callee: ConnectionId,
        from: &str,
        reply: CallReply,
    ) -> Result<(), OutOfPlace> {
        let answering = self.connections.get(&callee).ok_or(OutOfPlace::NotRegistered)?;
        if answering.name.is_none() {
            return Err(OutOfPlace::NotRegistered);
        }
        let from = UserName::parse(from).map_err(|_| OutOfPlace::NoSuchCall)?;
        // An answer to a call that was given up meanwhile must not be taken for one to the next call.
        let id = answering
            .call
            .filter(|id| self.calls.get(id).is_some_and(|call| call.callee == callee && call.from == from))
            .ok_or(OutOfPlace::NoSuchCall)?;
        match reply {
            CallReply::Accept { sdp_offer } => self.accept(now, id, sdp_offer, CalleeAsked::ByAccepting)?,
            CallReply::Reject { message } => {
                let words = message.map(|words| words.chars().take(DECLINE_CHARS_MAX).collect());
                self.end(now, id, Move::Decline, words)?;
            }
        }
        Ok(())
    }

    fn accept(
        &mut self,
        now: Instant,
        id: CallId,
        callee_offer: String,
        callee_asked: CalleeAsked,
    ) -> Result<(), Forbidden> {
        let step = match callee_asked {
            CalleeAsked::ByAccepting => Move::Accept,
            CalleeAsked::ByCalling => Move::CallBack,
        };
        let Some(call) = self.calls.get_mut(&id) else { return Ok(()) };
        call.stage.phase().after(step)?;
        let connecting = Stage::Connecting { answered: now, callee_asked };
        let Stage::Ringing { caller_offer } = std::mem::replace(&mut call.stage, connecting) else {
            unreachable!("only a ringing call can be accepted: phase.rs")
        };
        let sides = [(Side::Caller, call.caller), (Side::Callee, call.callee)];
        self.effects.push_back(Effect::StartMedia { call: id, caller_offer, callee_offer });
        for (side, connection) in sides {
            let Some(peer) = self.connections.get_mut(&connection) else { continue };
            for candidate in peer.trickle.waiting.drain(..) {
                self.effects.push_back(Effect::AddCandidate { call: id, side, candidate });
            }
        }
        self.set_deadline(id, Some(now + self.limits.media_gap_max));
        Ok(())
    }

    /// A browser found a candidate. Before a call begins there may be some already (the peer exists
    /// before the call is sent); then the newest are kept, since leftovers of an earlier call come first.
    pub(super) fn candidate(&mut self, from: ConnectionId, candidate: Candidate) -> Result<(), OutOfPlace> {
        let max = self.limits.candidates_per_peer_max;
        let Some(peer) = self.connections.get_mut(&from) else { return Ok(()) };
        if peer.name.is_none() {
            return Err(OutOfPlace::NotRegistered);
        }
        let Some(id) = peer.call else {
            if peer.trickle.waiting.len() >= max {
                peer.trickle.waiting.pop_front();
            }
            peer.trickle.waiting.push_back(candidate);
            return Ok(());
        };
        if peer.trickle.taken >= max {
            return Err(OutOfPlace::TooManyCandidates);
        }
        peer.trickle.taken += 1;
        let Some(call) = self.calls.get(&id) else { return Ok(()) };
        if call.stage.phase() == Phase::Ringing {
            peer.trickle.waiting.push_back(candidate);
        } else {
            let side = call.side(from);
            self.effects.push_back(Effect::AddCandidate { call: id, side, candidate });
        }
        Ok(())
    }

    /// A browser hangs up. Without a call it is late, not wrong: the other side may have hung up in the
    /// same moment.
    pub(super) fn stop(&mut self, now: Instant, from: ConnectionId) -> Result<(), OutOfPlace> {
        let Some(stopping) = self.connections.get_mut(&from) else { return Ok(()) };
        if stopping.name.is_none() {
            return Err(OutOfPlace::NotRegistered);
        }
        let Some(id) = stopping.call else {
            stopping.trickle = Trickle::default();
            return Ok(());
        };
        let Some(call) = self.calls.get(&id) else { return Ok(()) };
        self.end(now, id, stop_of(call.side(from)), None)?;
        Ok(())
    }

    /// What happened to the media of a call. A call that has ended meanwhile has nothing left to hear it.
    pub(crate) fn handle_media(&mut self, now: Instant, id: CallId, report: MediaReport) {
        let moved = match report {
            MediaReport::Answered { caller, callee } => self.answered(now, id, caller, callee),
            MediaReport::Refused(words) => self.end(now, id, Move::MediaRefused, Some(words)),
            MediaReport::Failed(words) => self.end(now, id, Move::MediaLost, Some(words)),
            MediaReport::Closed(side) => self.end(now, id, stop_of(side), None),
            MediaReport::Candidate { side, candidate } => {
                if let Some(to) = self.calls.get(&id).map(|call| call.connection(side)) {
                    self.send(to, ServerMessage::IceCandidate { candidate });
                }
                Ok(())
            }
            MediaReport::Up(side) => {
                self.link_changed(now, id, side, Link::Up);
                Ok(())
            }
            MediaReport::Down(side) => {
                self.link_changed(now, id, side, Link::Down);
                Ok(())
            }
        };
        if let Err(forbidden) = moved {
            // Reports come from our own media server in the order of the phases.
            tracing::warn!(call = ?id, %forbidden, step = ?forbidden.step, "media report out of place");
        }
    }

    fn answered(
        &mut self,
        now: Instant,
        id: CallId,
        caller_answer: String,
        callee_answer: String,
    ) -> Result<(), Forbidden> {
        let Some(call) = self.calls.get_mut(&id) else { return Ok(()) };
        call.stage.phase().after(Move::Answered)?;
        let Stage::Connecting { answered, callee_asked } = call.stage else {
            unreachable!("only a call that is being set up gets its answers: phase.rs")
        };
        call.stage = Stage::Talking { answered, caller_link: Link::Awaited, callee_link: Link::Awaited };
        let (caller, callee) = (call.caller, call.callee);
        self.send(caller, ServerMessage::CallResponse(CallAnswer::Accepted { sdp_answer: caller_answer }));
        let to_callee = match callee_asked {
            CalleeAsked::ByAccepting => ServerMessage::StartCommunication { sdp_answer: callee_answer },
            CalleeAsked::ByCalling => {
                ServerMessage::CallResponse(CallAnswer::Accepted { sdp_answer: callee_answer })
            }
        };
        self.send(callee, to_callee);
        self.set_deadline(id, Some(now + self.limits.media_gap_max));
        Ok(())
    }

    /// Both must be up, at first and again after a loss, within the gap that a call may have.
    fn link_changed(&mut self, now: Instant, id: CallId, side: Side, to: Link) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let Stage::Talking { answered, caller_link, callee_link } = &mut call.stage else { return };
        let link = match side {
            Side::Caller => &mut *caller_link,
            Side::Callee => &mut *callee_link,
        };
        if to == Link::Down && *link == Link::Awaited {
            return;
        }
        let first_time = *link == Link::Awaited;
        *link = to;
        let links = [*caller_link, *callee_link];
        if first_time && !links.contains(&Link::Awaited) {
            self.effects.push_back(Effect::SetUp(now - *answered));
        }
        let deadline = if links == [Link::Up, Link::Up] {
            None
        } else {
            Some(call.deadline.unwrap_or(now + self.limits.media_gap_max))
        };
        self.set_deadline(id, deadline);
    }

    /// The call's deadline has passed.
    pub(super) fn call_overdue(&mut self, now: Instant, id: CallId) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.deadline = None;
        let (step, words) = match call.stage {
            Stage::Ringing { .. } => (Move::RingOut, None),
            Stage::Connecting { .. } => (Move::MediaLost, Some("the media server did not answer")),
            Stage::Talking { caller_link, callee_link, .. }
                if [caller_link, callee_link].contains(&Link::Awaited) =>
            {
                (
                    Move::MediaLost,
                    Some("no media connection came about: a firewall may block UDP to this server"),
                )
            }
            Stage::Talking { .. } => (Move::MediaLost, Some("the media connection was lost")),
        };
        self.end_for_sure(now, id, step, words.map(str::to_owned));
    }

    /// The connection leaves whatever call it is in.
    pub(super) fn leave_call(&mut self, now: Instant, connection: ConnectionId) {
        let Some(id) = self.connections.get(&connection).and_then(|leaving| leaving.call) else { return };
        let Some(call) = self.calls.get(&id) else { return };
        let step = match call.side(connection) {
            Side::Caller => Move::CallerLeaves,
            Side::Callee => Move::CalleeLeaves,
        };
        self.end_for_sure(now, id, step, None);
    }

    pub(super) fn end_all_calls(&mut self, now: Instant) {
        while let Some((id, _)) = self.calls.first_key_value() {
            self.end_for_sure(now, *id, Move::Shutdown, None);
        }
    }

    /// For moves that every phase in which they can occur allows.
    pub(super) fn end_for_sure(&mut self, now: Instant, id: CallId, step: Move, words: Option<String>) {
        self.end(now, id, step, words).expect("phase.rs allows it in every phase in which it can occur");
    }

    /// Makes a move that ends the call: both hear of it as far as they do not know, media is released,
    /// the history is written.
    fn end(&mut self, now: Instant, id: CallId, step: Move, words: Option<String>) -> Result<(), Forbidden> {
        let Some(call) = self.calls.get(&id) else { return Ok(()) };
        let phase = call.stage.phase();
        let Next::End(outcome) = phase.after(step)? else {
            unreachable!("called with moves that end a call only: phase.rs")
        };
        self.set_deadline(id, None);
        let Some(call) = self.calls.remove(&id) else { return Ok(()) };
        for connection in [call.caller, call.callee] {
            if let Some(peer) = self.connections.get_mut(&connection) {
                peer.call = None;
                peer.trickle = Trickle::default();
            }
        }
        let farewell = Farewell::of(phase, step, words);
        if let Some(message) = farewell.caller {
            match phase {
                Phase::Ringing | Phase::Connecting => self.reject_call(call.caller, message),
                Phase::Talking => self.stop_communication(call.caller, message),
            }
        }
        if let Some(message) = farewell.callee {
            match call.stage {
                Stage::Connecting { callee_asked: CalleeAsked::ByCalling, .. } => {
                    self.reject_call(call.callee, message);
                }
                _ => self.stop_communication(call.callee, message),
            }
        }
        let answered = call.stage.answered();
        if answered.is_some() {
            self.effects.push_back(Effect::EndMedia { call: id });
        }
        let Call { from, to, started, .. } = call;
        let ended = EndedCall { call: id, from, to, started, answered, ended: now, outcome };
        self.effects.push_back(Effect::Ended(ended));
        Ok(())
    }

    /// Whether the call rings at `callee` and comes from `caller`.
    fn rings_from(&self, id: CallId, caller: &UserName, callee: ConnectionId) -> bool {
        self.calls.get(&id).is_some_and(|call| {
            call.callee == callee && call.from == *caller && call.stage.phase() == Phase::Ringing
        })
    }

    fn set_deadline(&mut self, id: CallId, deadline: Option<Instant>) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        if let Some(earlier) = std::mem::replace(&mut call.deadline, deadline) {
            self.deadlines.remove(&(earlier, id));
        }
        if let Some(deadline) = deadline {
            self.deadlines.insert((deadline, id));
        }
    }

    fn reject_call(&mut self, to: ConnectionId, message: String) {
        self.send(to, ServerMessage::CallResponse(CallAnswer::Rejected { message }));
    }

    fn stop_communication(&mut self, to: ConnectionId, message: String) {
        self.send(to, ServerMessage::StopCommunication { message: Some(message) });
    }
}

fn stop_of(side: Side) -> Move {
    match side {
        Side::Caller => Move::CallerStops,
        Side::Callee => Move::CalleeStops,
    }
}

impl Farewell {
    /// The side that made the move knows; the other hears why. What neither did, both hear.
    fn of(phase: Phase, step: Move, words: Option<String>) -> Self {
        let told = |text: &str| Some(text.to_owned());
        let only_caller = |text: &str| Self { caller: told(text), callee: None };
        let only_callee = |text: &str| Self { caller: None, callee: told(text) };
        match (step, phase) {
            (Move::Decline, _) => {
                Self { caller: words.or_else(|| told("the call was declined")), callee: None }
            }
            (Move::CalleeStops, Phase::Ringing) => only_caller("the call was declined"),
            (Move::CalleeStops, _) => only_caller("the other side hung up"),
            (Move::CalleeLeaves, _) => only_caller("the other side has left"),
            (Move::CallerStops, _) => only_callee("the other side hung up"),
            (Move::CallerLeaves, _) => only_callee("the other side has left"),
            (Move::RingOut, _) => Self { caller: told("no answer"), callee: told("missed call") },
            (Move::AdministratorEnds, _) => Self {
                caller: told("an administrator ended the call"),
                callee: told("an administrator ended the call"),
            },
            (Move::Shutdown, _) => Self {
                caller: told("the server is shutting down"),
                callee: told("the server is shutting down"),
            },
            (Move::MediaRefused | Move::MediaLost, _) => Self { caller: words.clone(), callee: words },
            (Move::Accept | Move::CallBack | Move::Answered, _) => Self { caller: None, callee: None },
        }
    }
}
