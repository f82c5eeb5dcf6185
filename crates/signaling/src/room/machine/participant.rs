//! Somebody in a room.

use super::kurento::KurentoSide;
use super::publishing::Publishing;
use super::quality::Quality;
use super::streaming::Broadcast;
use super::subscribing::Subscribing;
use super::viewing::View;
use crate::room::secret::RoomToken;
use crate::socket::ConnectionId;
use crate::user_name::UserName;
use std::time::Instant;

/// A participant. It outlives its socket for a while.
pub(super) struct Participant {
    pub(super) name: UserName,
    pub(super) is_moderator: bool,
    pub(super) presence: Presence,
    pub(super) resume_token: RoomToken,
    pub(super) quality: Quality,
    pub(super) form: Form,
}

/// Whether somebody is reached.
#[derive(Clone, Copy)]
pub(super) enum Presence {
    Here(ConnectionId),
    /// Its socket is lost; it may come back until then.
    Away {
        until: Instant,
    },
}

/// Which form of the protocol it speaks, with what only that form has.
pub(super) enum Form {
    Keel(Box<KeelSide>),
    Kurento(KurentoSide),
}

/// One publishing and one receiving connection.
#[derive(Default)]
pub(super) struct KeelSide {
    pub(super) publishing: Publishing,
    pub(super) subscribing: Subscribing,
    pub(super) view: View,
    pub(super) broadcast: Option<Broadcast>,
}

impl Presence {
    pub(super) fn connection(self) -> Option<ConnectionId> {
        match self {
            Self::Here(connection) => Some(connection),
            Self::Away { .. } => None,
        }
    }

    pub(super) fn until(self) -> Option<Instant> {
        match self {
            Self::Here(_) => None,
            Self::Away { until } => Some(until),
        }
    }
}

impl Participant {
    pub(super) fn speaks_keel(&self) -> bool {
        matches!(self.form, Form::Keel(_))
    }

    pub(super) fn keel(&mut self) -> Option<&mut KeelSide> {
        match &mut self.form {
            Form::Keel(side) => Some(side),
            Form::Kurento(_) => None,
        }
    }

    pub(super) fn keel_side(&self) -> Option<&KeelSide> {
        match &self.form {
            Form::Keel(side) => Some(side),
            Form::Kurento(_) => None,
        }
    }

    pub(super) fn kurento(&mut self) -> Option<&mut KurentoSide> {
        match &mut self.form {
            Form::Keel(_) => None,
            Form::Kurento(side) => Some(side),
        }
    }
}
