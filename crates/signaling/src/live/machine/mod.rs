//! Streams without sockets, HTTP, clocks or media: questions, messages and reports in, effects out.
//!
//! [`opening`] is how a presenter or viewer comes in, [`ending`] how sessions and streams end, [`changing`] what
//! a session's URL can do, [`pages`] what comes over WebSockets, [`asking`] what administrators ask; [`stream`]
//! is what is known of one stream.
//!
//! One task owns the machine (`live/mod.rs`), so it needs no lock; `now` is an argument everywhere, and chance
//! comes from the generator it was made with.

mod asking;
mod changing;
mod ending;
mod opening;
mod pages;
mod stream;
#[cfg(test)]
mod tests;

pub(crate) use pages::Visit;

use super::ask::{Ask, EntityTag, Reply};
use super::effect::{Effect, MediaCommand, MediaReport};
use super::event::{EndReason, StreamEvent, StreamNews};
use super::id::{MediaId, Numbers, SessionId, SessionKey, Ticket};
use super::name::StreamName;
use super::offer::Role;
use super::refusal::Refusal;
use crate::limits::{LiveLimits, RateLimiter};
use crate::socket::ConnectionId;
use crate::store::UnixMillis;
use ending::Why;
use pages::Page;
use rand::rngs::StdRng;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;
use stream::Stream;

/// All streams of a server and everybody in them.
pub(crate) struct Machine {
    limits: LiveLimits,
    candidates_max: usize,
    random: StdRng,
    numbers: Numbers,
    streams: BTreeMap<StreamName, Stream>,
    streams_by_media: BTreeMap<MediaId, StreamName>,
    sessions: BTreeMap<SessionId, Session>,
    pages: BTreeMap<ConnectionId, Page>,
    opens: RateLimiter,
    deadlines: BTreeSet<(Instant, Due)>,
    stopping: bool,
    effects: VecDeque<Effect>,
}

/// What has a deadline.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// The connection of a session comes up.
    Session(SessionId),
    /// The presenter comes, or comes back.
    Stream(StreamName),
}

/// One peer of a stream.
#[derive(Debug)]
struct Session {
    stream: StreamName,
    role: Role,
    owner: Owner,
    phase: Phase,
    /// Of its peer's ICE credentials in use.
    ufrag: String,
    candidates: usize,
}

/// Who may change and end a session.
#[derive(Debug)]
enum Owner {
    /// Whoever knows its URL.
    Url {
        key: SessionKey,
        tag: EntityTag,
    },
    Page(ConnectionId),
}

/// How far a session has come.
#[derive(Debug)]
enum Phase {
    /// Its offer is being answered; `ticket` waits for it, of a page its connection does.
    Negotiating {
        ticket: Option<Ticket>,
    },
    /// Its connection comes up until then.
    Connecting {
        until: Instant,
    },
    Connected,
    /// ICE restarts, for whoever has the ticket, to the credentials with this fragment.
    Restarting {
        ticket: Ticket,
        ufrag: String,
        was_up: bool,
        until: Option<Instant>,
    },
}

/// When something happens: on the steady clock, which counts, and on the wall, which people read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) steady: Instant,
    pub(crate) wall: UnixMillis,
}

impl Machine {
    /// `candidates_max`: ICE candidates of one peer.
    pub(crate) fn new(limits: LiveLimits, candidates_max: usize, random: StdRng) -> Self {
        Self {
            opens: RateLimiter::new(limits.sessions_per_address),
            limits,
            candidates_max,
            random,
            numbers: Numbers::default(),
            streams: BTreeMap::new(),
            streams_by_media: BTreeMap::new(),
            sessions: BTreeMap::new(),
            pages: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            stopping: false,
            effects: VecDeque::new(),
        }
    }

    /// Takes a question; [`Effect::Answer`] with the same ticket answers it, at once or later.
    pub(crate) fn handle_ask(&mut self, now: Moment, ask: Ask) -> Ticket {
        let ticket = self.numbers.ticket();
        let answered = match ask {
            Ask::Open { stream, offer, address } => self.open_by_url(now, ticket, stream, offer, address),
            Ask::Attach { stream, role, pipeline } => self.attach(now, ticket, stream, role, pipeline),
            Ask::Patch { stream, key, condition, fragment } => {
                self.patch(ticket, &stream, &key, &condition, fragment)
            }
            Ask::SetLayer { stream, key, target } => self.set_layer(&stream, &key, target).map(Some),
            Ask::Close { stream, key } => self.close(now, &stream, &key).map(Some),
            Ask::Look { stream, key } => self.session_of(&stream, &key).map(|_| Some(Reply::Done)),
            Ask::List { after, count } => Ok(Some(Reply::Streams(self.list(after.as_ref(), count)))),
            Ask::Inspect(stream) => self.inspect(ticket, &stream),
            Ask::Create(stream) => self.create(now, stream).map(Some),
            Ask::End(stream) => self.end_stream(now, &stream).map(Some),
        };
        match answered {
            Ok(Some(reply)) => self.answer(ticket, Ok(reply)),
            Ok(None) => {}
            Err(refusal) => self.answer(ticket, Err(refusal)),
        }
        ticket
    }

    /// The client that asked for this session never heard of it.
    pub(crate) fn handle_unheard(&mut self, now: Moment, key: &SessionKey) {
        self.end_session(now, key.session(), Why::Lost);
    }

    /// What the media of a stream says.
    pub(crate) fn handle_media(&mut self, now: Moment, media: MediaId, report: MediaReport) {
        let Some(stream) = self.streams_by_media.get(&media).cloned() else { return };
        match report {
            MediaReport::Answered { session, sdp_answer } => self.answered(now, session, sdp_answer),
            MediaReport::Attached { session, element } => self.attached(now, session, element),
            MediaReport::Refused { session, refusal } => {
                self.end_session(now, session, Why::Refused(refusal))
            }
            MediaReport::Candidate { session, candidate } => self.tell_candidate(session, candidate),
            MediaReport::Restarted { session, fragment } => self.restarted(session, fragment),
            MediaReport::RestartFailed { session, words } => self.restart_failed(session, words),
            MediaReport::Up(session) => self.up(now, session),
            MediaReport::Gone(session) => self.end_session(now, session, Why::Lost),
            MediaReport::Unfit(session) => self.end_session(now, session, Why::Unfit),
            MediaReport::Inspected { ticket, pipeline, tracks } => {
                self.inspected(&stream, ticket, Some(pipeline), tracks);
            }
            MediaReport::Failed(words) => {
                tracing::warn!(?stream, words, "the media of a stream failed");
                self.end_everything(now, &stream, EndReason::Failed, &Refusal::MediaFailed(words));
            }
        }
    }

    /// What is due by now.
    pub(crate) fn handle_timeout(&mut self, now: Moment) {
        while let Some((due, what)) = self.deadlines.first().cloned()
            && due <= now.steady
        {
            self.deadlines.remove(&(due, what.clone()));
            match what {
                Due::Session(session) => self.end_session(now, session, Why::Lost),
                Due::Stream(stream) => self.give_up(now, &stream),
            }
        }
    }

    /// The server ends: so do all streams and connections.
    pub(crate) fn handle_shutdown(&mut self, now: Moment) {
        self.stopping = true;
        let streams: Vec<StreamName> = self.streams.keys().cloned().collect();
        for stream in streams {
            self.end_everything(now, &stream, EndReason::ShuttingDown, &Refusal::ShuttingDown);
        }
        self.close_pages();
    }

    /// The next thing to do.
    pub(crate) fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// When to call [`Self::handle_timeout`].
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.first().map(|(due, _)| *due)
    }

    /// Streams that exist, those that are on, and viewers whose connection is up.
    pub(crate) fn census(&self) -> Census {
        Census {
            streams: self.streams.len(),
            live: self.streams.values().filter(|stream| stream.live.is_some()).count(),
            viewers: self.streams.values().map(|stream| stream.watching).sum(),
        }
    }

    fn answer(&mut self, ticket: Ticket, answer: Result<Reply, Refusal>) {
        self.effects.push_back(Effect::Answer { ticket, answer });
    }

    fn announce(&mut self, now: Moment, stream: &StreamName, news: StreamNews) {
        self.effects.push_back(Effect::Announce(StreamEvent { stream: stream.clone(), at: now.wall, news }));
    }

    /// Gives a command to the media of the stream of a session, if that is still there.
    fn command(&mut self, session: SessionId, command: MediaCommand) {
        let stream = self.sessions.get(&session).and_then(|session| self.streams.get(&session.stream));
        if let Some(media) = stream.and_then(|stream| stream.media) {
            self.effects.push_back(Effect::Media { media, command });
        }
    }

    /// The session that a URL names.
    fn session_of(&self, stream: &StreamName, key: &SessionKey) -> Result<SessionId, Refusal> {
        let session = self.sessions.get(&key.session()).ok_or(Refusal::UnknownSession)?;
        match &session.owner {
            Owner::Url { key: own, .. }
                if own.matches(key)
                    && session.stream == *stream
                    && !matches!(session.phase, Phase::Negotiating { .. }) =>
            {
                Ok(key.session())
            }
            _ => Err(Refusal::UnknownSession),
        }
    }
}

/// How much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Census {
    pub(crate) streams: usize,
    pub(crate) live: usize,
    pub(crate) viewers: usize,
}
