//! A machine with clients and media around it: says what they do, keeps what they hear, owns the clock. After
//! every step it checks what must always hold.

use super::super::*;
use crate::candidate::Candidate;
use crate::live::ask::{Condition, StreamState};
use crate::live::effect::Telling;
use crate::live::message::{ClientMessage, ServerMessage};
use crate::live::offer::Offer;
use crate::live::sdpfrag::Fragment;
use crate::socket::CloseReason;
use keel_media::id::PipelineId;
use rand::SeedableRng;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

pub(super) const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The machine and its world.
pub(super) struct Bench {
    pub(super) machine: Machine,
    pub(super) now: Moment,
    pub(super) answers: BTreeMap<Ticket, Result<Reply, Refusal>>,
    pub(super) told: BTreeMap<ConnectionId, Vec<ServerMessage>>,
    pub(super) news: Vec<(StreamName, StreamNews)>,
    pub(super) closed: Vec<(ConnectionId, CloseReason)>,
    pub(super) media: BTreeMap<MediaId, FakeMedia>,
    ended: BTreeSet<MediaId>,
    /// Whether media answers only when [`Bench::work`] lets it.
    pub(super) is_slow: bool,
    /// Whether connections come up by themselves.
    pub(super) connects: bool,
    reports: VecDeque<(MediaId, MediaReport)>,
}

/// A media server that does nothing and remembers what it was told.
#[derive(Default)]
pub(super) struct FakeMedia {
    waiting: VecDeque<MediaCommand>,
    pub(super) peers: BTreeMap<SessionId, Role>,
    pub(super) presenter: Option<SessionId>,
    pub(super) candidates: Vec<Candidate>,
    pub(super) targets: Vec<(SessionId, keel_media::LayerTarget)>,
}

impl FakeMedia {
    /// Does what it is told; an offer with `refuse` in it is refused.
    fn obey(&mut self, command: MediaCommand, connects: bool) -> Vec<MediaReport> {
        match command {
            MediaCommand::Open { session, role, sdp_offer, telling } => {
                if sdp_offer.contains("refuse") {
                    return vec![MediaReport::Refused { session, refusal: Refusal::LineRejected }];
                }
                assert!(self.peers.insert(session, role).is_none(), "a session is opened once");
                if role == Role::Presenter {
                    self.presenter = Some(session);
                }
                let mut reports = vec![MediaReport::Answered { session, sdp_answer: "v=0".to_owned() }];
                if telling == Telling::Trickling {
                    let candidate =
                        Candidate { candidate: "ours".to_owned(), sdp_mid: None, sdp_mline_index: Some(0) };
                    reports.push(MediaReport::Candidate { session, candidate });
                }
                if connects {
                    reports.push(MediaReport::Up(session));
                }
                reports
            }
            MediaCommand::Attach { session, role, .. } => {
                assert!(self.peers.insert(session, role).is_none(), "a session is opened once");
                vec![MediaReport::Attached { session, element: keel_media::id::ElementId::new(1) }]
            }
            MediaCommand::AddCandidates { candidates, .. } => {
                self.candidates.extend(candidates);
                Vec::new()
            }
            MediaCommand::RestartIce { session, credentials, .. } => match self.peers.get(&session) {
                Some(_) if credentials.ufrag.starts_with("fail") => {
                    vec![MediaReport::RestartFailed { session, words: "no".to_owned() }]
                }
                Some(_) => vec![MediaReport::Restarted { session, fragment: "a=ours".to_owned() }],
                None => Vec::new(),
            },
            MediaCommand::SetLayer { session, target } => {
                self.targets.push((session, target));
                Vec::new()
            }
            MediaCommand::Inspect { ticket } => {
                let pipeline = PipelineId::new(1);
                vec![MediaReport::Inspected { ticket, pipeline, tracks: Vec::new() }]
            }
            MediaCommand::Release { session } => {
                self.peers.remove(&session);
                self.presenter.take_if(|presenter| *presenter == session);
                Vec::new()
            }
        }
    }
}

/// A session as its client knows it.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) key: SessionKey,
    pub(super) tag: EntityTag,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(LiveLimits::default())
    }

    pub(super) fn with(limits: LiveLimits) -> Self {
        Self {
            machine: Machine::new(limits, 4, StdRng::seed_from_u64(7)),
            now: Moment {
                steady: Instant::now(), // clock: an origin, never compared with the present
                wall: UnixMillis(1_000_000),
            },
            answers: BTreeMap::new(),
            told: BTreeMap::new(),
            news: Vec::new(),
            closed: Vec::new(),
            media: BTreeMap::new(),
            ended: BTreeSet::new(),
            is_slow: false,
            connects: true,
            reports: VecDeque::new(),
        }
    }

    pub(super) fn ask(&mut self, ask: Ask) -> Ticket {
        let ticket = self.machine.handle_ask(self.now, ask);
        self.settle();
        ticket
    }

    /// The answer to a question that has one by now.
    pub(super) fn answer(&mut self, ask: Ask) -> Result<Reply, Refusal> {
        let ticket = self.ask(ask);
        self.answers.remove(&ticket).expect("an answer")
    }

    pub(super) fn open(&mut self, role: Role, stream: &str) -> Result<Known, Refusal> {
        match self.answer(open(role, stream, "")) {
            Ok(Reply::Opened { key, tag, .. }) => Ok(Known { key, tag }),
            Ok(other) => panic!("another answer: {other:?}"),
            Err(refusal) => Err(refusal),
        }
    }

    pub(super) fn close(&mut self, stream: &str, known: &Known) -> Result<Reply, Refusal> {
        self.answer(Ask::Close { stream: name(stream), key: known.key.clone() })
    }

    pub(super) fn patch(
        &mut self,
        known: &Known,
        condition: Condition,
        text: &str,
    ) -> Result<Reply, Refusal> {
        let fragment = Fragment::parse(text).expect("a fragment");
        self.answer(Ask::Patch { stream: name("tide"), key: known.key.clone(), condition, fragment })
    }

    pub(super) fn arrive(&mut self, page: u64, may_present: bool) -> ConnectionId {
        let connection = ConnectionId::new(page);
        let visit = Visit { stream: name("tide"), may_present, may_watch: true, address: ADDRESS };
        self.machine.handle_connected(connection, visit);
        self.settle();
        connection
    }

    pub(super) fn say(&mut self, page: ConnectionId, text: &str) {
        let message = ClientMessage::parse(text).expect("a message");
        self.machine.handle_message(self.now, page, message);
        self.settle();
    }

    pub(super) fn leave(&mut self, page: ConnectionId) {
        self.machine.handle_disconnected(self.now, page);
        self.settle();
    }

    /// What a page was told since the last time.
    pub(super) fn heard(&mut self, page: ConnectionId) -> Vec<ServerMessage> {
        self.told.remove(&page).unwrap_or_default()
    }

    /// What media says, by itself.
    pub(super) fn report(&mut self, report: MediaReport) {
        let media = *self.media.keys().next().expect("there is media");
        self.machine.handle_media(self.now, media, report);
        self.settle();
    }

    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now.steady + time;
        while let Some(due) = self.machine.poll_timeout()
            && due <= end
        {
            self.advance(due);
            self.machine.handle_timeout(self.now);
            self.settle();
            assert!(self.machine.poll_timeout().is_none_or(|next| next > due), "a timer that is not spent");
        }
        self.advance(end);
    }

    /// Lets media do one thing, or one report arrive, of those that wait at place `choice`.
    pub(super) fn work(&mut self, choice: usize) -> bool {
        let busy: Vec<MediaId> =
            self.media.iter().filter(|(_, media)| !media.waiting.is_empty()).map(|(id, _)| *id).collect();
        if let Some((media, report)) =
            self.reports.pop_front_if(|_| choice.is_multiple_of(2) || busy.is_empty())
        {
            self.machine.handle_media(self.now, media, report);
        } else if let Some(id) = busy.get(choice % busy.len().max(1)) {
            let Some(media) = self.media.get_mut(id) else { return false };
            let Some(command) = media.waiting.pop_front() else { return false };
            let reports = media.obey(command, self.connects);
            self.reports.extend(reports.into_iter().map(|report| (*id, report)));
        } else {
            return false;
        }
        self.settle();
        true
    }

    pub(super) fn state(&mut self, stream: &str) -> Option<(StreamState, usize)> {
        let Ok(Reply::Streams(streams)) = self.answer(Ask::List { after: None, count: usize::MAX }) else {
            panic!("a list")
        };
        let found = streams.into_iter().find(|summary| summary.stream == name(stream));
        found.map(|summary| (summary.state, summary.viewers))
    }

    pub(super) fn assert_nothing_left(&self) {
        assert_eq!(self.machine.census(), Census::default());
        assert!(self.machine.sessions.is_empty() && self.machine.streams_by_media.is_empty());
        assert!(self.machine.deadlines.is_empty(), "{:?}", self.machine.deadlines);
        assert!(self.media.is_empty(), "media is left");
    }

    fn advance(&mut self, to: Instant) {
        let passed = to.saturating_duration_since(self.now.steady);
        self.now.steady = to;
        self.now.wall.0 += u64::try_from(passed.as_millis()).expect("a short story");
    }

    fn settle(&mut self) {
        while let Some(effect) = self.machine.poll_effect() {
            match effect {
                Effect::Answer { ticket, answer } => {
                    assert!(self.answers.insert(ticket, answer).is_none(), "one answer");
                }
                Effect::Tell { to, message } => self.told.entry(to).or_default().push(message),
                Effect::Close { connection, reason } => self.closed.push((connection, reason)),
                Effect::StartMedia { media } => {
                    assert!(!self.ended.contains(&media));
                    assert!(self.media.insert(media, FakeMedia::default()).is_none(), "media starts once");
                }
                Effect::Media { media: id, command } => {
                    let media = self.media.get_mut(&id).expect("media for the command");
                    media.waiting.push_back(command);
                    if !self.is_slow {
                        while let Some(command) = self.media.get_mut(&id).and_then(|m| m.waiting.pop_front())
                        {
                            let media = self.media.get_mut(&id).expect("media for the command");
                            for report in media.obey(command, self.connects) {
                                self.machine.handle_media(self.now, id, report);
                            }
                        }
                    }
                }
                Effect::EndMedia { media } => {
                    assert!(self.media.remove(&media).is_some(), "media ends that was started");
                    assert!(self.ended.insert(media), "media ends once");
                }
                Effect::Announce(StreamEvent { stream, news, .. }) => self.news.push((stream, news)),
                Effect::CountSession { .. } => {}
            }
        }
        self.check();
    }

    /// What must hold whatever has happened.
    fn check(&self) {
        for (id, session) in &self.machine.sessions {
            let stream = &self.machine.streams[&session.stream];
            let is_in = match session.role {
                Role::Presenter => [stream.presenter, stream.next_presenter].contains(&Some(*id)),
                Role::Viewer => stream.viewers.contains(id),
            };
            assert!(is_in && stream.media.is_some(), "{id:?} is in its stream, which has media");
        }
        for (name, stream) in &self.machine.streams {
            let count = stream.sessions().len();
            let known = self.machine.sessions.values().filter(|session| session.stream == *name).count();
            assert_eq!(count, known, "{name} holds sessions that exist");
            assert_eq!(stream.media.is_some(), count > 0, "{name} has media while somebody is in it");
            assert!(count > 0 || stream.is_kept || stream.live.is_some(), "{name} is wanted by nobody");
            assert!(stream.presenter.is_none() || stream.absent_since.is_none());
            assert!(stream.watching <= stream.viewers.len());
            let waits = stream.presenter.is_none() && stream.next_presenter.is_none();
            let is_timed = waits && (stream.live.is_some() || !stream.viewers.is_empty());
            assert_eq!(stream.due.is_some(), is_timed, "{name}: {stream:?}");
        }
    }
}

pub(super) fn name(text: &str) -> StreamName {
    StreamName::parse(text).expect("a name")
}

/// A request with an offer that has `note` in it.
pub(super) fn open(role: Role, stream: &str, note: &str) -> Ask {
    let direction = match role {
        Role::Presenter => "sendonly",
        Role::Viewer => "recvonly",
    };
    let text = format!("v=0\r\ns={note}\r\na=ice-ufrag:abcd\r\nm=video 9 X 96\r\na={direction}\r\n");
    Ask::Open { stream: name(stream), offer: Offer::parse(role, &text).expect("an offer"), address: ADDRESS }
}
