//! A machine with people, media and a store around it: says what they do, keeps what they hear, owns the
//! clock. After every step it checks what must always hold.

use super::super::*;
use crate::room::effect::{BridgeWay, Change, Feed, MediaReport, Role, Setting};
use crate::room::id::{BridgeId, TrackId};
use crate::room::message::Leg;
use crate::store::{ChatMessage, ChatThread};
use rand::SeedableRng;
use serde_json::{Value, json};
use std::time::Duration;

/// The machine and its world.
pub(in crate::room) struct Bench {
    pub(in crate::room) machine: Machine,
    pub(in crate::room) world: World,
    pub(in crate::room) now: Moment,
    connections_made: u64,
}

/// What the machine's effects have done.
#[derive(Default)]
pub(in crate::room) struct World {
    heard: BTreeMap<ConnectionId, Vec<Value>>,
    pub(in crate::room) closed: Vec<(ConnectionId, CloseReason)>,
    pub(in crate::room) media: BTreeMap<MediaId, FakeMedia>,
    media_ended: BTreeSet<MediaId>,
    messages: Vec<(ChatThread, ChatMessage)>,
    tails: VecDeque<(RoomId, ChatThread)>,
    pages: VecDeque<Page>,
    /// Whether store and media answer only when [`Bench::work`] lets them.
    pub(in crate::room) is_slow: bool,
}

/// A page of history that was asked for.
struct Page {
    connection: ConnectionId,
    request: Option<u64>,
    thread: ChatThread,
    before: Option<u64>,
    count: usize,
}

/// A media server that does nothing and remembers what it was told.
#[derive(Default)]
pub(in crate::room) struct FakeMedia {
    waiting: VecDeque<MediaCommand>,
    owners: BTreeMap<TrackId, ParticipantId>,
    lines: BTreeMap<ParticipantId, BTreeMap<TrackId, Setting>>,
    outstanding: BTreeMap<ParticipantId, u64>,
    pub(in crate::room) feeds: BTreeMap<(ParticipantId, ParticipantId), Feed>,
    /// What goes over each bridge to a stream; `None` where the stream comes in.
    pub(in crate::room) bridges: BTreeMap<BridgeId, Option<Feed>>,
    /// All offers that were made.
    pub(in crate::room) changes: Vec<Change>,
    gone: BTreeSet<ParticipantId>,
}

impl FakeMedia {
    /// Does what it is told; an offer whose text is `bad` is refused, and so is the stream of this name.
    fn obey(&mut self, command: MediaCommand) -> Option<MediaReport> {
        match command {
            MediaCommand::Publish { participant, sdp_offer, tracks } => {
                assert!(!self.gone.contains(&participant), "{participant:?} has left");
                if sdp_offer == "bad" {
                    return Some(MediaReport::PublishFailed { participant, words: "no offer".to_owned() });
                }
                let live: Vec<TrackId> =
                    tracks.iter().filter(|track| track.mid != "missing").map(|track| track.track).collect();
                self.owners.retain(|track, owner| *owner != participant || live.contains(track));
                self.owners.extend(live.iter().map(|track| (*track, participant)));
                Some(MediaReport::Published {
                    participant,
                    sdp_answer: format!("answer to {sdp_offer}"),
                    live,
                })
            }
            MediaCommand::Subscribe { participant, version, change } => {
                assert!(!self.gone.contains(&participant), "{participant:?} has left");
                assert!(self.outstanding.insert(participant, version).is_none(), "one offer at a time");
                let lines = self.lines.entry(participant).or_default();
                for track in &change.removed {
                    assert!(lines.remove(track).is_some(), "only lines that exist are removed");
                }
                let mut refused = Vec::new();
                for (track, setting) in &change.added {
                    match self.owners.get(track) {
                        Some(owner) => {
                            assert_ne!(*owner, participant, "nobody receives its own");
                            assert!(lines.insert(*track, *setting).is_none(), "a track has one line");
                        }
                        None => refused.push(*track),
                    }
                }
                let lines = lines.keys().map(|track| (format!("mid of {track:?}"), *track)).collect();
                self.changes.push(change);
                let sdp_offer = format!("offer {version}");
                Some(MediaReport::Offered { participant, version, sdp_offer, lines, refused })
            }
            MediaCommand::Answer { participant, version, sdp_answer } => {
                if sdp_answer == "bad" {
                    let words = "no answer".to_owned();
                    return Some(MediaReport::AnswerFailed { participant, version, words });
                }
                assert_eq!(self.outstanding.remove(&participant), Some(version), "the offer that is open");
                Some(MediaReport::Answered { participant, version, refused: Vec::new() })
            }
            MediaCommand::Adjust { participant, settings } => {
                let lines = self.lines.entry(participant).or_default();
                for (track, setting) in settings {
                    // A line that media refused is taken back when the machine hears of it.
                    if let Some(line) = lines.get_mut(&track) {
                        assert_ne!(*line, setting, "only changes are told");
                        *line = setting;
                    }
                }
                None
            }
            MediaCommand::AddCandidate { participant, leg, candidate } => {
                // So that stories can see that it came: the echo of a candidate.
                Some(MediaReport::Candidate { participant, leg, candidate })
            }
            MediaCommand::Receive { viewer, sender, sdp_offer, role } => {
                if sdp_offer == "bad" {
                    self.feeds.remove(&(viewer, sender));
                    return Some(MediaReport::ReceiveFailed { viewer, sender, words: "no offer".to_owned() });
                }
                let live = match role {
                    Role::Send { audio, video } => vec![audio, video],
                    Role::Receive(feed) => {
                        assert!(!self.gone.contains(&sender));
                        self.feeds.insert((viewer, sender), feed);
                        Vec::new()
                    }
                };
                self.owners.extend(live.iter().map(|track| (*track, viewer)));
                let sdp_answer = format!("answer to {sdp_offer}");
                Some(MediaReport::Received { viewer, sender, sdp_answer, live })
            }
            MediaCommand::AddReceiveCandidate { viewer, sender, candidate } => {
                Some(MediaReport::ReceiveCandidate { viewer, sender, candidate })
            }
            MediaCommand::Feed { viewer, sender, feed } => {
                let before = self.feeds.insert((viewer, sender), feed);
                assert_ne!(before, Some(feed), "only changes are told");
                None
            }
            MediaCommand::OpenBridge { bridge, stream, .. } if stream.as_str() == "bad" => {
                let refusal = live::Refusal::AlreadyLive;
                Some(MediaReport::BridgeRefused { bridge, refusal })
            }
            MediaCommand::OpenBridge { bridge, way, .. } => {
                let feed = match way {
                    BridgeWay::In { entry, audio, video } => {
                        self.owners.extend([(audio, entry), (video, entry)]);
                        None
                    }
                    BridgeWay::Out(feed) => Some(feed),
                };
                assert!(self.bridges.insert(bridge, feed).is_none(), "a bridge opens once");
                Some(MediaReport::BridgeOpened { bridge })
            }
            MediaCommand::FeedBridge { bridge, feed } => {
                // One that was refused has no feed; the machine hears of that.
                if let Some(before) = self.bridges.get_mut(&bridge) {
                    assert_ne!(before.replace(feed), Some(feed), "only changes are told");
                }
                None
            }
            MediaCommand::CloseBridge { bridge } => {
                self.bridges.remove(&bridge);
                None
            }
            MediaCommand::Leave { participant } => {
                assert!(self.gone.insert(participant), "one leaves once");
                self.owners.retain(|_, owner| *owner != participant);
                self.lines.remove(&participant);
                self.outstanding.remove(&participant);
                self.feeds.retain(|(viewer, sender), _| ![viewer, sender].contains(&&participant));
                None
            }
        }
    }
}

impl Bench {
    pub(in crate::room) fn new() -> Self {
        Self::with(Limits::default())
    }

    pub(in crate::room) fn with(limits: Limits) -> Self {
        let steady = Instant::now(); // clock: any start will do, only differences count
        Self {
            machine: Machine::new(limits, Vec::new(), StdRng::seed_from_u64(1), 1),
            world: World::default(),
            now: Moment { steady, wall: UnixMillis(1_000_000) },
            connections_made: 0,
        }
    }

    pub(in crate::room) fn connect(&mut self) -> ConnectionId {
        self.connect_with(Permit::visitor())
    }

    pub(in crate::room) fn connect_with(&mut self, permit: Permit) -> ConnectionId {
        let connection = ConnectionId::new(self.connections_made);
        self.connections_made += 1;
        self.machine.handle_connected(connection, IpAddr::from([192, 0, 2, 1]), permit);
        self.settle();
        connection
    }

    /// A text of a client; it must be a message.
    pub(in crate::room) fn say(&mut self, from: ConnectionId, message: Value) {
        let request = Request::parse(&message.to_string()).expect("a message of the protocol");
        self.machine.handle_request(self.now, from, request);
        self.settle();
    }

    /// What is said, and what is heard in answer.
    pub(in crate::room) fn ask(&mut self, from: ConnectionId, message: Value) -> Value {
        self.heard(from);
        self.say(from, message);
        self.heard(from).into_iter().next().unwrap_or(Value::Null)
    }

    /// Somebody new in a room; the answer is what it heard first.
    pub(in crate::room) fn join(&mut self, room: &str, name: &str) -> (ConnectionId, Value) {
        let connection = self.connect();
        let joined = self.ask(connection, json!({"id": "join", "room": room, "name": name}));
        assert_eq!(joined["id"], "joined", "{joined}");
        (connection, joined)
    }

    /// Offers one track for each of these sources, and returns their identifiers.
    pub(in crate::room) fn publish(&mut self, who: ConnectionId, sources: &[&str]) -> Vec<String> {
        let tracks: Vec<Value> =
            sources.iter().map(|source| json!({"mid": format!("{source}"), "source": source})).collect();
        let answer = self.ask(who, json!({"id": "publish", "sdpOffer": "offer", "tracks": tracks}));
        assert_eq!(answer["id"], "published", "{answer}");
        let lines = answer["tracks"].as_array().expect("a list").iter();
        lines.map(|line| line["track"].as_str().expect("a track").to_owned()).collect()
    }

    /// Answers the offers among what was heard, until there are no more; returns the rest.
    pub(in crate::room) fn answer_offers(&mut self, who: ConnectionId) -> Vec<Value> {
        let mut rest = Vec::new();
        loop {
            let (offers, others): (Vec<_>, Vec<_>) =
                self.heard(who).into_iter().partition(|message| message["id"] == "offer");
            rest.extend(others);
            let Some(offer) = offers.into_iter().next_back() else { return rest };
            self.say(who, json!({"id": "answer", "version": offer["version"], "sdpAnswer": "answer"}));
        }
    }

    pub(in crate::room) fn disconnect(&mut self, connection: ConnectionId, how: Departure) {
        self.machine.handle_disconnected(self.now, connection, how);
        self.settle();
    }

    pub(in crate::room) fn media(&mut self, report: MediaReport) {
        let newest = self.world.media.keys().next_back().copied().expect("media");
        self.machine.handle_media(self.now, newest, report);
        self.settle();
    }

    /// What whoever runs the server does, or sees.
    pub(in crate::room) fn administer<T>(&mut self, does: impl FnOnce(&mut Machine, Moment) -> T) -> T {
        let answer = does(&mut self.machine, self.now);
        self.settle();
        answer
    }

    pub(in crate::room) fn shutdown(&mut self) {
        self.machine.handle_shutdown(self.now);
        self.settle();
    }

    /// Lets time pass; the machine is woken when it wants to be.
    pub(in crate::room) fn pass(&mut self, time: Duration) {
        let end = self.now.steady + time;
        while let Some(due) = self.machine.poll_timeout().filter(|due| *due <= end) {
            self.advance_to(self.now.steady.max(due));
            self.machine.handle_timeout(self.now);
            self.settle();
            let next = self.machine.poll_timeout();
            assert!(next.is_none_or(|next| next > due), "a timer that is due stays due");
        }
        self.advance_to(end);
    }

    fn advance_to(&mut self, steady: Instant) {
        let passed = u64::try_from((steady - self.now.steady).as_millis()).expect("a short time");
        self.now = Moment { steady, wall: UnixMillis(self.now.wall.0 + passed) };
    }

    /// What a connection heard since it was last asked.
    pub(in crate::room) fn heard(&mut self, connection: ConnectionId) -> Vec<Value> {
        self.world.heard.remove(&connection).unwrap_or_default()
    }

    /// The identifiers of the messages that a connection heard.
    pub(in crate::room) fn heard_ids(&mut self, connection: ConnectionId) -> Vec<String> {
        self.heard(connection).iter().map(|heard| heard["id"].as_str().expect("a text").to_owned()).collect()
    }

    /// One step of whoever is slow: the store, or the media number `which`; whether there was one.
    pub(in crate::room) fn work(&mut self, which: usize) -> bool {
        if let Some((room, thread)) = self.world.tails.pop_front() {
            let page = self.world.page(&thread, None, 50);
            self.machine.handle_tail(self.now, room, page);
        } else if let Some(Page { connection, request, thread, before, count }) = self.world.pages.pop_front()
        {
            let page = self.world.page(&thread, before, count);
            self.machine.handle_history(connection, request, Some(page));
        } else {
            let busy: Vec<MediaId> = self
                .world
                .media
                .iter()
                .filter(|(_, media)| !media.waiting.is_empty())
                .map(|(id, _)| *id)
                .collect();
            let Some(id) = busy.get(which % busy.len().max(1)).copied() else { return false };
            let media = self.world.media.get_mut(&id).expect("listed");
            let command = media.waiting.pop_front().expect("busy");
            if let Some(report) = media.obey(command) {
                self.machine.handle_media(self.now, id, report);
            }
        }
        self.settle_once();
        true
    }

    /// Rooms, participants, timers and media are gone.
    pub(in crate::room) fn assert_nothing_left(&self) {
        assert_eq!((self.machine.rooms(), self.machine.participants()), (0, 0));
        assert!(self.machine.ids_by_name.is_empty() && self.machine.rooms_by_media.is_empty());
        assert!(self.machine.deadlines.is_empty(), "timers");
        assert!(self.world.media.is_empty(), "media");
    }

    /// Everybody receives what it should: nothing is on its way.
    pub(in crate::room) fn assert_settled(&self) {
        for room in self.machine.rooms.values() {
            for who in room.participants.keys() {
                assert!(room.is_settled(*who), "{who:?} does not receive what it should");
                let media = room.media.and_then(|media| self.world.media.get(&media)).expect("media");
                let told = media.lines.get(who).cloned().unwrap_or_default();
                assert_eq!(room.lines_of(*who).unwrap_or_default(), told, "media and machine agree");
            }
            let media = room.media.and_then(|media| self.world.media.get(&media));
            let open = media.map(|media| media.bridges.clone()).unwrap_or_default();
            assert_eq!(room.bridges(), open, "media and machine agree on streams");
        }
    }

    fn settle(&mut self) {
        self.settle_once();
        while !self.world.is_slow && self.work(0) {}
    }

    fn settle_once(&mut self) {
        while let Some(effect) = self.machine.poll_effect() {
            self.perform(effect);
        }
        self.check();
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Reply { to, request, message } => self.hear(to, &message.to_json(request)),
            Effect::Tell { to, message } => {
                let unique: BTreeSet<ConnectionId> = to.iter().copied().collect();
                assert_eq!(unique.len(), to.len(), "nobody hears twice");
                to.into_iter().for_each(|to| self.hear(to, &message.to_json(None)));
            }
            Effect::Refuse { to, request, refusal } => {
                let message = ServerMessage::Error { code: refusal.code(), message: refusal.to_string() };
                self.hear(to, &message.to_json(request));
            }
            Effect::Close { connection, reason } => {
                assert!(!self.machine.connections.contains_key(&connection), "forgotten before it is closed");
                self.world.closed.push((connection, reason));
            }
            Effect::LoadTail { room, thread } => self.world.tails.push_back((room, thread)),
            Effect::ReadHistory { connection, request, thread, before, count } => {
                self.world.pages.push_back(Page { connection, request, thread, before, count });
            }
            Effect::Record { thread, message } => {
                let last = self.world.messages.iter().rfind(|(known, _)| *known == thread);
                assert!(last.is_none_or(|(_, last)| last.message < message.message), "numbers ascend");
                self.world.messages.push((thread, message));
            }
            Effect::Forget { thread } => self.world.messages.retain(|(known, _)| *known != thread),
            Effect::StartMedia { media } => {
                assert!(!self.world.media_ended.contains(&media), "media is never used again");
                assert!(self.world.media.insert(media, FakeMedia::default()).is_none(), "media starts once");
            }
            Effect::Media { media, command } => {
                self.world
                    .media
                    .get_mut(&media)
                    .expect("commands follow the start")
                    .waiting
                    .push_back(command);
            }
            Effect::EndMedia { media } => {
                assert!(self.world.media.remove(&media).is_some(), "media ends once, after its start");
                self.world.media_ended.insert(media);
            }
            Effect::CountJoin(_) | Effect::CountChat | Effect::Announce(_) => {}
        }
    }

    fn hear(&mut self, to: ConnectionId, text: &str) {
        let is_closing = self.machine.stopping || !self.machine.connections.contains_key(&to);
        let message: Value = serde_json::from_str(text).expect("JSON");
        let id = message["id"].as_str().expect("a name");
        assert!(
            !is_closing || ["removed", "roomEnded", "left", "error"].contains(&id),
            "{to:?} is gone: {text}"
        );
        self.world.heard.entry(to).or_default().push(message);
    }

    /// What holds after every step, whatever happened.
    fn check(&self) {
        let machine = &self.machine;
        let mut seated = 0;
        for (id, room) in &machine.rooms {
            assert_eq!(machine.ids_by_name.get(&room.name), Some(id), "a room and its name agree");
            assert!(room.len() <= room.size_max, "no room is over-full");
            assert_eq!(room.media.is_some(), !room.participants.is_empty(), "media is for participants");
            assert_eq!(room.empty_until.is_some(), room.participants.is_empty(), "an empty room has an end");
            let people = room.participants.values().map(|known| known.name.as_str());
            let names: BTreeSet<&str> =
                people.chain(room.shown.values().map(|shown| shown.name.as_str())).collect();
            assert_eq!(names.len(), room.len() + room.shown.len(), "names are unique");
            assert!(room.shown.is_empty() || !room.participants.is_empty(), "streams are shown to somebody");
            for (track, known) in &room.tracks {
                assert!(room.name_of(known.owner).is_some(), "{track:?} has an owner in the room");
            }
            for (who, participant) in &room.participants {
                if let Some(connection) = participant.presence.connection() {
                    seated += 1;
                    let place = machine.connections.get(&connection).map(|connection| connection.place);
                    assert!(place == Some(Place::Seat(*id, *who)), "a seat and its connection agree");
                }
            }
        }
        let sitting = machine
            .connections
            .values()
            .filter(|connection| matches!(connection.place, Place::Seat(..)))
            .count();
        assert_eq!(seated, sitting, "no connection sits where nobody is");
        assert_eq!(machine.ids_by_name.len(), machine.rooms.len());
        assert_eq!(machine.rooms_by_media.len(), self.world.media.len(), "media belongs to rooms");
    }
}

impl World {
    fn page(&self, thread: &ChatThread, before: Option<u64>, count: usize) -> ChatPage {
        let own = self.messages.iter().filter(|(known, _)| known == thread).map(|(_, message)| message);
        let older: Vec<&ChatMessage> =
            own.filter(|message| before.is_none_or(|before| message.message < before)).collect();
        let skipped = older.len().saturating_sub(count);
        ChatPage { messages: older.into_iter().skip(skipped).cloned().collect(), more: skipped > 0 }
    }
}

/// A candidate as clients send it.
pub(in crate::room) fn candidate(leg: Leg) -> Value {
    json!({"id": "onIceCandidate", "connection": leg, "candidate": {"candidate": "candidate:1"}})
}
