//! Phase 1: names are asked for, checked, given and taken over.

use super::Machine;
use crate::call::effect::{Admitted, Effect};
use crate::call::message::{Registered, ServerMessage};
use crate::call::refusal::{OutOfPlace, RegisterRefusal};
use crate::call::registry::ClaimError;
use crate::socket::{CloseReason, ConnectionId};
use crate::store::{AdmitError, SECRET_BYTES_MAX, Secret};
use crate::user_name::UserName;
use std::time::Instant;

/// What a registration request leads to, when it is not refused.
enum Request {
    /// The page's own earlier connection holds the name.
    TakeOver { name: UserName, holder: ConnectionId },
    /// The name is free as far as the machine knows; the store has the next word.
    Ask { name: UserName, secret: Option<Secret> },
}

impl Machine {
    pub(super) fn register(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        name: &str,
        secret: Option<String>,
        resume_token: Option<&str>,
    ) -> Result<(), OutOfPlace> {
        if self.connections.get(&connection).is_some_and(|asking| asking.pending.is_some()) {
            return Err(OutOfPlace::Registering);
        }
        match self.examine(now, connection, name, secret, resume_token) {
            Ok(Request::TakeOver { name, holder }) => {
                self.close(now, holder, CloseReason::Replaced);
                self.give(now, connection, name, Admitted::Resumed);
            }
            Ok(Request::Ask { name, secret }) => {
                if let Some(asking) = self.connections.get_mut(&connection) {
                    asking.pending = Some(name.clone());
                    self.effects.push_back(Effect::Admit { connection, name, secret });
                }
            }
            Err(refusal) => self.reject_registration(connection, refusal),
        }
        Ok(())
    }

    /// The store's word on the name that `connection` asked for.
    pub(crate) fn handle_admission(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        verdict: Result<(), AdmitError>,
    ) {
        // The connection may have ended meanwhile.
        let Some(asking) = self.connections.get_mut(&connection) else { return };
        let Some(name) = asking.pending.take() else { return };
        match verdict {
            // A call may have come in meanwhile, under the earlier name.
            Ok(()) if asking.call.is_some() => self.reject_registration(connection, RegisterRefusal::InCall),
            Ok(()) => self.give(now, connection, name, Admitted::Anew),
            Err(error) => self.reject_registration(connection, error.into()),
        }
    }

    fn examine(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        name: &str,
        secret: Option<String>,
        resume_token: Option<&str>,
    ) -> Result<Request, RegisterRefusal> {
        let Some(asking) = self.connections.get(&connection) else {
            return Err(RegisterRefusal::ShuttingDown);
        };
        if !self.registrations.take(now, asking.address) {
            return Err(RegisterRefusal::RateLimited);
        }
        if asking.call.is_some() {
            return Err(RegisterRefusal::InCall);
        }
        let name = UserName::parse(name)?;
        if asking.permit.name().is_some_and(|own| *own != name) {
            return Err(RegisterRefusal::OtherName);
        }
        let secret = Secret::new(secret).ok_or(RegisterRefusal::SecretTooLong(SECRET_BYTES_MAX))?;
        if let Some(holder) = self.registry.holder(&name).filter(|holder| *holder != connection) {
            let token = self.connections.get(&holder).map(|holding| &holding.token);
            let own = token.zip(resume_token).is_some_and(|(token, shown)| token.matches(shown));
            return if own { Ok(Request::TakeOver { name, holder }) } else { Err(RegisterRefusal::InUse) };
        }
        if asking.name.is_none() && self.registry.len() >= self.limits.users_online_max {
            return Err(RegisterRefusal::ServerFull);
        }
        Ok(Request::Ask { name, secret })
    }

    /// Gives the name, unless another connection was faster.
    fn give(&mut self, now: Instant, connection: ConnectionId, name: UserName, how: Admitted) {
        let Some(asking) = self.connections.get_mut(&connection) else { return };
        match self.registry.claim(&name, asking.name.as_ref(), connection) {
            Ok(()) => {
                asking.name = Some(name);
                let resume_token = asking.token.clone();
                let accepted = Registered::Accepted { resume_token, ice_servers: Vec::new() };
                self.send(connection, ServerMessage::RegisterResponse(accepted));
                self.effects.push_back(Effect::CountRegistration(Ok(how)));
                self.online_changed(now);
            }
            Err(ClaimError::InUse) => self.reject_registration(connection, RegisterRefusal::InUse),
            Err(ClaimError::Full) => self.reject_registration(connection, RegisterRefusal::ServerFull),
        }
    }

    /// Ends a connection from the server's side; for the machine it is gone at once.
    fn close(&mut self, now: Instant, connection: ConnectionId, reason: CloseReason) {
        self.handle_disconnected(now, connection);
        self.effects.push_back(Effect::Close { connection, reason });
    }

    fn reject_registration(&mut self, connection: ConnectionId, refusal: RegisterRefusal) {
        let message = refusal.to_string();
        self.send(connection, ServerMessage::RegisterResponse(Registered::Rejected { message }));
        self.effects.push_back(Effect::CountRegistration(Err(refusal)));
    }
}
