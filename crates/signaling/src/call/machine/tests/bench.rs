//! A machine with people around it: says what they do, keeps what they hear, owns the clock. After every
//! step it checks what must always hold.

use super::super::*;
use crate::call::Outcome;
use crate::call::effect::MediaReport;
use crate::call::message::{CallAnswer, CallReply, Registered};
use crate::store::AdmitError;

/// The machine and its world.
pub(super) struct Bench {
    pub(super) machine: Machine,
    pub(super) world: World,
    now: Instant,
    connections_made: u64,
}

/// What the machine's effects have done.
pub(super) struct World {
    heard: BTreeMap<ConnectionId, Vec<String>>,
    pub(super) closed: Vec<(ConnectionId, CloseReason)>,
    /// What media was asked to do, in order.
    pub(super) media: Vec<String>,
    media_running: BTreeSet<CallId>,
    /// Calls that rang and have not ended.
    begun: BTreeSet<CallId>,
    /// From, to, whether answered, outcome.
    pub(super) ended: Vec<(String, String, bool, Outcome)>,
    pub(super) set_up: Option<Duration>,
    /// What the store says of every name.
    pub(super) verdict: Result<(), AdmitError>,
    /// Whether it says so at once; otherwise [`Bench::admit`] does.
    pub(super) store_answers: bool,
}

impl World {
    pub(super) fn outcomes(&self) -> Vec<Outcome> {
        self.ended.iter().map(|(.., outcome)| *outcome).collect()
    }
}

pub(super) fn candidate(text: &str) -> Candidate {
    Candidate { candidate: text.to_owned(), sdp_mid: None, sdp_mline_index: None }
}

/// The token of a connection made by the bench.
fn token(connection: ConnectionId) -> ResumeToken {
    let text = format!("{connection:?}");
    let mut bytes = [0; 16];
    for (byte, letter) in bytes.iter_mut().zip(text.bytes()) {
        *byte = letter;
    }
    ResumeToken::from_bytes(bytes)
}

pub(super) fn token_text(connection: ConnectionId) -> String {
    let json = serde_json::to_string(&token(connection)).expect("a text");
    json.trim_matches('"').to_owned()
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(Limits::default())
    }

    pub(super) fn with(limits: Limits) -> Self {
        let world = World {
            heard: BTreeMap::new(),
            closed: Vec::new(),
            media: Vec::new(),
            media_running: BTreeSet::new(),
            begun: BTreeSet::new(),
            ended: Vec::new(),
            set_up: None,
            verdict: Ok(()),
            store_answers: true,
        };
        let now = Instant::now(); // clock: any start will do, only differences count
        Self { machine: Machine::new(limits), world, now, connections_made: 0 }
    }

    pub(super) fn connect(&mut self) -> ConnectionId {
        self.connect_with(Permit::visitor())
    }

    pub(super) fn connect_with(&mut self, permit: Permit) -> ConnectionId {
        let connection = ConnectionId::new(self.connections_made);
        self.connections_made += 1;
        let address = IpAddr::from([192, 0, 2, 1]);
        self.machine.handle_connected(connection, address, permit, token(connection));
        self.settle();
        connection
    }

    /// A registered user who has heard the good news.
    pub(super) fn user(&mut self, name: &str) -> ConnectionId {
        let connection = self.connect();
        self.register(connection, name, None);
        assert_eq!(self.heard(connection), ["registerResponse accepted"]);
        connection
    }

    /// A call whose media is up on both sides; both have heard so.
    pub(super) fn talk(&mut self, caller: ConnectionId, from: &str, callee: ConnectionId, to: &str) {
        let number = self.machine.calls_made;
        self.call(caller, from, to);
        self.accept(callee, from);
        self.answered(number);
        self.media(number, MediaReport::Up(crate::call::effect::Side::Caller));
        self.media(number, MediaReport::Up(crate::call::effect::Side::Callee));
        self.heard(caller);
        self.heard(callee);
    }

    pub(super) fn message(&mut self, from: ConnectionId, message: ClientMessage) {
        self.machine.handle_message(self.now, from, message);
        self.settle();
    }

    pub(super) fn register(&mut self, from: ConnectionId, name: &str, resume: Option<&str>) {
        let resume_token = resume.map(str::to_owned);
        self.message(from, ClientMessage::Register { name: name.to_owned(), secret: None, resume_token });
    }

    pub(super) fn admit(&mut self, connection: ConnectionId, verdict: Result<(), AdmitError>) {
        self.machine.handle_admission(self.now, connection, verdict);
        self.settle();
    }

    pub(super) fn call(&mut self, caller: ConnectionId, from: &str, to: &str) {
        let sdp_offer = format!("offer of {from}");
        self.message(caller, ClientMessage::Call { from: from.to_owned(), to: to.to_owned(), sdp_offer });
    }

    pub(super) fn accept(&mut self, callee: ConnectionId, from: &str) {
        let name = self.machine.connections.get(&callee).and_then(|peer| peer.name.clone());
        let sdp_offer = format!("offer of {}", name.map_or(String::new(), |name| name.to_string()));
        let reply = CallReply::Accept { sdp_offer };
        self.message(callee, ClientMessage::IncomingCallResponse { from: from.to_owned(), reply });
    }

    pub(super) fn reject(&mut self, callee: ConnectionId, from: &str, words: Option<&str>) {
        let reply = CallReply::Reject { message: words.map(str::to_owned) };
        self.message(callee, ClientMessage::IncomingCallResponse { from: from.to_owned(), reply });
    }

    pub(super) fn candidate(&mut self, from: ConnectionId, text: &str) {
        self.message(from, ClientMessage::OnIceCandidate { candidate: candidate(text) });
    }

    pub(super) fn answered(&mut self, call: u64) {
        let (caller, callee) = ("answer to caller".to_owned(), "answer to callee".to_owned());
        self.media(call, MediaReport::Answered { caller, callee });
    }

    pub(super) fn media(&mut self, call: u64, report: MediaReport) {
        self.machine.handle_media(self.now, CallId::new(call), report);
        self.settle();
    }

    pub(super) fn disconnect(&mut self, connection: ConnectionId) {
        self.machine.handle_disconnected(self.now, connection);
        self.settle();
    }

    pub(super) fn shutdown(&mut self) {
        self.machine.handle_shutdown(self.now);
        self.settle();
    }

    /// Lets time pass; the machine is woken when it wants to be.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.machine.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.machine.handle_timeout(self.now);
            self.settle();
            let next = self.machine.poll_timeout();
            assert!(next.is_none_or(|next| next > due), "a timer that is due stays due");
        }
        self.now = end;
    }

    /// What a connection heard since it was last asked.
    pub(super) fn heard(&mut self, connection: ConnectionId) -> Vec<String> {
        self.world.heard.remove(&connection).unwrap_or_default()
    }

    /// Calls, timers of calls and media are gone.
    pub(super) fn assert_nothing_left(&self) {
        assert_eq!(self.machine.calls(), 0, "calls");
        assert!(self.machine.deadlines.is_empty(), "deadlines");
        assert!(self.world.media_running.is_empty(), "media");
    }

    fn settle(&mut self) {
        while let Some(effect) = self.machine.poll_effect() {
            self.perform(effect);
        }
        self.check();
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Send { to, message } => self.hear(to, in_words(message)),
            Effect::Refuse { to, reason } => self.hear(to, format!("error {reason}")),
            Effect::Close { connection, reason } => {
                assert!(!self.machine.connections.contains_key(&connection), "forgotten before it is closed");
                self.world.closed.push((connection, reason));
            }
            Effect::Admit { connection, .. } if self.world.store_answers => {
                let verdict = self.world.verdict;
                self.machine.handle_admission(self.now, connection, verdict);
            }
            Effect::Admit { .. } | Effect::CountRegistration(_) | Effect::CountRefusedCall(_) => {}
            Effect::StartMedia { call, caller_offer, callee_offer } => {
                assert!(self.world.media_running.insert(call), "media starts once");
                self.world.media.push(format!("start {}: {caller_offer}, {callee_offer}", number(call)));
            }
            Effect::AddCandidate { call, side, candidate } => {
                assert!(self.world.media_running.contains(&call), "candidates follow the start of media");
                self.world.media.push(format!("{} of {side:?}", candidate.candidate));
            }
            Effect::EndMedia { call } => {
                assert!(self.world.media_running.remove(&call), "media ends once, after its start");
                self.world.media.push(format!("end {}", number(call)));
            }
            Effect::Chat { from, to, name, text, .. } => {
                assert_ne!(from, to);
                self.hear(to, format!("{name} writes {}", text.into_string()));
            }
            Effect::ReadHistory { connection, count, .. } => {
                let page = ServerMessage::ChatHistory { messages: Vec::new(), more: count > 50 };
                self.machine.handle_history(connection, Some(page));
            }
            Effect::SetUp(took) => self.world.set_up = Some(took),
            Effect::Rings { call, .. } => assert!(self.world.begun.insert(call), "a call rings once"),
            Effect::Ended(call) => {
                assert!(self.world.begun.remove(&call.call), "a call ends once, after it rang");
                assert!(call.started <= call.ended && call.answered.is_none_or(|at| at <= call.ended));
                let (from, to) = (call.from.to_string(), call.to.to_string());
                self.world.ended.push((from, to, call.answered.is_some(), call.outcome));
            }
        }
    }

    fn hear(&mut self, to: ConnectionId, words: String) {
        assert!(self.machine.connections.contains_key(&to) || self.machine.stopping, "{to:?} is gone");
        self.world.heard.entry(to).or_default().push(words);
    }

    /// What holds after every step, whatever happened.
    fn check(&self) {
        let machine = &self.machine;
        for (id, connection) in &machine.connections {
            if let Some(name) = &connection.name {
                assert_eq!(machine.registry.holder(name), Some(*id), "a name and its holder agree");
            }
            if let Some(call) = connection.call {
                assert!(machine.calls.contains_key(&call), "{id:?} is in a call that exists");
                assert!(connection.name.is_some(), "only registered users are in calls");
            }
            assert!(connection.trickle.waiting.len() <= machine.limits.candidates_per_peer_max);
        }
        let named = machine.connections.values().filter(|connection| connection.name.is_some()).count();
        assert_eq!(named, machine.registry.len(), "no name without a connection");
        let in_calls = machine.connections.values().filter(|connection| connection.call.is_some()).count();
        assert_eq!(in_calls, 2 * machine.calls.len(), "a call has two peers, a user one call");
        assert_eq!(
            machine.deadlines.len(),
            machine.calls.values().filter(|call| call.has_deadline()).count()
        );
        let with_media = machine.calls.iter().filter(|(_, call)| call.has_media()).map(|(id, _)| *id);
        assert!(
            with_media.eq(self.world.media_running.iter().copied()),
            "media runs for accepted calls only"
        );
    }
}

fn number(call: CallId) -> String {
    format!("{call:?}").trim_start_matches("call:").to_owned()
}

fn in_words(message: ServerMessage) -> String {
    match message {
        ServerMessage::RegisterResponse(Registered::Accepted { .. }) => {
            "registerResponse accepted".to_owned()
        }
        ServerMessage::RegisterResponse(Registered::Rejected { message }) => {
            format!("registerResponse rejected {message}")
        }
        ServerMessage::IncomingCall { from } => format!("incomingCall from {from}"),
        ServerMessage::CallResponse(CallAnswer::Accepted { sdp_answer }) => {
            format!("callResponse accepted {sdp_answer}")
        }
        ServerMessage::CallResponse(CallAnswer::Rejected { message }) => {
            format!("callResponse rejected {message}")
        }
        ServerMessage::StartCommunication { sdp_answer } => format!("startCommunication {sdp_answer}"),
        ServerMessage::IceCandidate { candidate } => format!("iceCandidate {}", candidate.candidate),
        ServerMessage::StopCommunication { message } => {
            format!("stopCommunication {}", message.unwrap_or_default())
        }
        ServerMessage::ChatSent { .. } | ServerMessage::ChatMessage { .. } => {
            unreachable!("messages get their numbers outside")
        }
        ServerMessage::ChatHistory { messages, more } => format!("history {} {more}", messages.len()),
        ServerMessage::Typing { from, typing } => format!("{from} types: {typing}"),
        ServerMessage::Online { users } => format!("online {}", users.join(",")),
        ServerMessage::Error { message } => format!("error {message}"),
    }
}
