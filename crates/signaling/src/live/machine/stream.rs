//! What is known of one stream.

use crate::live::ask::{StreamState, StreamSummary};
use crate::live::id::{MediaId, SessionId, SessionKey, Ticket};
use crate::live::name::StreamName;
use crate::store::UnixMillis;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// One stream: it exists while somebody is in it, its presenter may come back, or it was made in advance.
#[derive(Debug)]
pub(super) struct Stream {
    /// Of those that are in it.
    pub(super) media: Option<MediaId>,
    pub(super) presenter: Option<SessionId>,
    /// A presenter whose offer is being answered: it takes over when it is.
    pub(super) next_presenter: Option<SessionId>,
    pub(super) viewers: BTreeSet<SessionId>,
    /// Of the viewers, those whose connection is up.
    pub(super) watching: usize,
    pub(super) live: Option<Live>,
    /// Since when there is no presenter.
    pub(super) absent_since: Option<Instant>,
    /// Of the presenter that vanished last, until another one comes.
    pub(super) lost: Option<SessionKey>,
    /// Its entry among the deadlines.
    pub(super) due: Option<Instant>,
    /// It was made in advance and stays until it is ended.
    pub(super) is_kept: bool,
    /// Who waits to see it closely; bounded by the inbox, as each asker waits.
    pub(super) inspections: BTreeSet<Ticket>,
}

/// Since when a stream is on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Live {
    pub(super) since: UnixMillis,
    pub(super) steady: Instant,
}

impl Stream {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            media: None,
            presenter: None,
            next_presenter: None,
            viewers: BTreeSet::new(),
            watching: 0,
            live: None,
            absent_since: Some(now),
            lost: None,
            due: None,
            is_kept: false,
            inspections: BTreeSet::new(),
        }
    }

    /// All that are in it.
    pub(super) fn sessions(&self) -> Vec<SessionId> {
        self.presenter.into_iter().chain(self.next_presenter).chain(self.viewers.iter().copied()).collect()
    }

    pub(super) fn is_deserted(&self) -> bool {
        self.presenter.is_none() && self.next_presenter.is_none() && self.viewers.is_empty()
    }

    /// Until when its presenter may come, if it is away: back to a stream that is on, or to those who wait.
    pub(super) fn deadline(&self, resume_max: Duration, wait_max: Duration) -> Option<Instant> {
        let since = self.absent_since.filter(|_| self.next_presenter.is_none())?;
        match self.live {
            Some(_) => Some(since + resume_max),
            None if self.viewers.is_empty() => None,
            None => Some(since + wait_max),
        }
    }

    pub(super) fn summary(&self, stream: &StreamName) -> StreamSummary {
        let state = match self.live {
            None => StreamState::Waiting,
            Some(Live { since, .. }) if self.presenter.is_none() => StreamState::Interrupted { since },
            Some(Live { since, .. }) => StreamState::Live { since },
        };
        StreamSummary { stream: stream.clone(), state, viewers: self.watching }
    }
}
