//! What the two of a call write to each other.

use super::Machine;
use crate::call::effect::Effect;
use crate::call::message::ServerMessage;
use crate::call::phase::Phase;
use crate::call::refusal::OutOfPlace;
use crate::chat_text::{ChatText, TextError};
use crate::socket::ConnectionId;
use crate::store::{ChatThread, HISTORY_PAGE_MAX};
use crate::user_name::UserName;
use std::time::Instant;

/// The other one of a call.
struct Partner {
    connection: ConnectionId,
    thread: ChatThread,
    own_name: UserName,
}

impl Machine {
    pub(super) fn chat(&mut self, now: Instant, from: ConnectionId, text: &str) -> Result<(), OutOfPlace> {
        let Partner { connection, thread, own_name } = self.partner(from)?;
        self.take_chat_token(now, from)?;
        let text = ChatText::parse(text, self.limits.rooms.chat_chars_max)?;
        self.effects.push_back(Effect::Chat { from, to: connection, thread, name: own_name, text });
        Ok(())
    }

    pub(super) fn typing(
        &mut self,
        now: Instant,
        from: ConnectionId,
        typing: bool,
    ) -> Result<(), OutOfPlace> {
        let Partner { connection, own_name, .. } = self.partner(from)?;
        self.take_chat_token(now, from)?;
        self.send(connection, ServerMessage::Typing { from: own_name.to_string(), typing });
        Ok(())
    }

    pub(super) fn history(
        &mut self,
        from: ConnectionId,
        before: Option<u64>,
        count: Option<u32>,
    ) -> Result<(), OutOfPlace> {
        let thread = self.partner(from)?.thread;
        let asking = self.connections.get_mut(&from).ok_or(OutOfPlace::NoCall)?;
        if std::mem::replace(&mut asking.reads_history, true) {
            return Err(OutOfPlace::ReadingHistory);
        }
        let count = count.map_or(HISTORY_PAGE_MAX, |count| usize::try_from(count).unwrap_or(usize::MAX));
        let count = count.clamp(1, HISTORY_PAGE_MAX);
        self.effects.push_back(Effect::ReadHistory { connection: from, thread, before, count });
        Ok(())
    }

    /// A page of history was read for this connection; `None` when it could not be.
    pub(crate) fn handle_history(&mut self, connection: ConnectionId, page: Option<ServerMessage>) {
        let Some(asking) = self.connections.get_mut(&connection) else { return };
        asking.reads_history = false;
        match page {
            Some(page) => self.send(connection, page),
            None => self.refuse(connection, OutOfPlace::NoHistory),
        }
    }

    fn partner(&self, connection: ConnectionId) -> Result<Partner, OutOfPlace> {
        let call = self.connections.get(&connection).and_then(|own| self.calls.get(&own.call?));
        let call = call.filter(|call| call.stage.phase() == Phase::Talking).ok_or(OutOfPlace::NoCall)?;
        let (other, own_name) =
            if call.caller == connection { (call.callee, &call.from) } else { (call.caller, &call.to) };
        let thread = ChatThread::of_call(&call.from, &call.to);
        Ok(Partner { connection: other, thread, own_name: own_name.clone() })
    }

    fn take_chat_token(&mut self, now: Instant, connection: ConnectionId) -> Result<(), OutOfPlace> {
        let writing = self.connections.get_mut(&connection).ok_or(OutOfPlace::NoCall)?;
        if writing.chat.take(now) { Ok(()) } else { Err(OutOfPlace::TooFast) }
    }
}

impl From<TextError> for OutOfPlace {
    fn from(error: TextError) -> Self {
        match error {
            TextError::Empty | TextError::ControlCharacter => Self::BadText,
            TextError::TooLong(max) => Self::TextTooLong(max),
        }
    }
}
