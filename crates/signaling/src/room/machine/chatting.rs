//! What participants write to one another.

use super::room::{Door, Room};
use super::{Asker, Output};
use crate::chat_text::{ChatText, TextError, is_reaction};
use crate::room::answer::ServerMessage;
use crate::room::effect::Effect;
use crate::room::id::ParticipantId;
use crate::room::refusal::Refusal;
use crate::store::{ChatMessage, ChatPage, HISTORY_PAGE_MAX, UnixMillis};
use std::collections::VecDeque;

/// The newest messages, for whoever comes in: one page, and not more than so many bytes of it.
#[derive(Default)]
pub(super) struct Tail {
    pub(super) messages: VecDeque<ChatMessage>,
    bytes: usize,
    /// Whether the store has older ones.
    pub(super) more: bool,
}

/// Bytes of text that a room keeps in memory; older messages are in the store.
const TAIL_BYTES_MAX: usize = 64 << 10;

impl Tail {
    pub(super) fn of(page: ChatPage) -> Self {
        let mut tail = Self { more: page.more, ..Self::default() };
        page.messages.into_iter().for_each(|message| tail.push(message));
        tail
    }

    fn push(&mut self, message: ChatMessage) {
        self.bytes += message.text.len();
        self.messages.push_back(message);
        while self.messages.len() > HISTORY_PAGE_MAX || self.bytes > TAIL_BYTES_MAX {
            let Some(oldest) = self.messages.pop_front() else { break };
            self.bytes -= oldest.text.len();
            self.more = true;
        }
    }
}

impl Room {
    pub(super) fn chat(
        &mut self,
        asker: Asker,
        who: ParticipantId,
        text: String,
        number: u64,
        time: UnixMillis,
        out: &mut Output,
    ) -> Result<(), Refusal> {
        let text = ChatText::parse(&text, self.limits.rooms.chat_chars_max)?;
        let name = self.participant(who)?.name.to_string();
        let message = ChatMessage {
            message: number,
            participant: Some(format!("{who:?}")),
            name,
            text: text.into_string(),
            time,
        };
        if let Door::Open(tail) = &mut self.door {
            tail.push(message.clone());
        }
        out.push(Effect::CountChat);
        out.push(Effect::Record { thread: self.thread(), message: message.clone() });
        out.reply(asker, ServerMessage::ChatSent { message: number, time: time.0 });
        out.tell(self.listeners(Some(who)), ServerMessage::ChatMessage(message));
        Ok(())
    }

    pub(super) fn history(&self, asker: Asker, before: Option<u64>, count: Option<u32>, out: &mut Output) {
        let count = count.map_or(HISTORY_PAGE_MAX, |count| usize::try_from(count).unwrap_or(usize::MAX));
        out.push(Effect::ReadHistory {
            connection: asker.connection,
            request: asker.request,
            thread: self.thread(),
            before,
            count: count.clamp(1, HISTORY_PAGE_MAX),
        });
    }

    pub(super) fn typing(&self, asker: Asker, who: ParticipantId, typing: bool, out: &mut Output) {
        out.tell(self.listeners(Some(who)), ServerMessage::Typing { participant: who, typing });
        out.done(asker);
    }

    pub(super) fn react(
        &self,
        asker: Asker,
        who: ParticipantId,
        reaction: String,
        out: &mut Output,
    ) -> Result<(), Refusal> {
        if !is_reaction(&reaction) {
            return Err(Refusal::BadText);
        }
        out.tell(self.listeners(Some(who)), ServerMessage::Reaction { participant: who, reaction });
        out.done(asker);
        Ok(())
    }
}

impl From<TextError> for Refusal {
    fn from(error: TextError) -> Self {
        match error {
            TextError::Empty | TextError::ControlCharacter => Self::BadText,
            TextError::TooLong(max) => Self::TooLong(max),
        }
    }
}
