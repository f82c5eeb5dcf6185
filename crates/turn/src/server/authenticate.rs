//! Who asks: long-term credentials with nonces (RFC 8489 §9.2.4).

use super::{Moment, Server};
use crate::client::Client;
use crate::credential::TimedUser;
use crate::refusal::ErrorCode;
use crate::stun::{Answer, Key, KeyKind, Method, PASSWORD_ALGORITHMS, Request};
use std::time::Instant;

/// Somebody who has proved to know a password.
pub(super) struct Caller {
    pub(super) username: String,
    /// Who that is, for quotas.
    pub(super) user: String,
    /// For the answer.
    pub(super) key: Key,
}

impl Server {
    /// Checks in the RFC's order, with what costs least first: whoever brings back a nonce has been reached at its
    /// address, and only then a hash is computed for it.
    pub(super) fn authenticate(
        &self,
        now: Moment,
        client: Client,
        request: &Request<'_>,
    ) -> Result<Caller, ErrorCode> {
        let kind = request.proof().ok_or(ErrorCode::Unauthorized)?;
        let (Some(username), Some(realm), Some(nonce)) = (request.username, request.realm, request.nonce)
        else {
            return Err(ErrorCode::BadRequest);
        };
        if !self.nonces.is_valid(&self.crypto, now.steady, &client, nonce) {
            return Err(ErrorCode::StaleNonce);
        }
        check_algorithms(request, kind)?;
        let timed = TimedUser::parse(username).ok_or(ErrorCode::Unauthorized)?;
        let password = self.config.credentials.password(username);
        let bytes = request.key(&self.crypto, username, &self.config.realm, &password);
        let key = Key { bytes, kind };
        if realm != self.config.realm || !request.is_authentic(&self.crypto, &key) {
            return Err(ErrorCode::Unauthorized);
        }
        // What has been granted may be kept: a call does not end because its credentials have.
        if request.method == Method::Allocate && timed.expires_unix_s <= now.unix_s {
            return Err(ErrorCode::Unauthorized);
        }
        Ok(Caller { username: username.to_owned(), user: timed.user.to_owned(), key })
    }

    /// An error for somebody who has proved nothing.
    pub(super) fn refuse_unauthenticated(
        &mut self,
        now: Instant,
        client: Client,
        request: &Request<'_>,
        code: ErrorCode,
        request_length: usize,
    ) {
        let mut answer = Answer::error(request.method, request.transaction, code);
        if matches!(code, ErrorCode::Unauthorized | ErrorCode::StaleNonce) {
            answer.challenge(&self.config.realm, &self.nonces.make(&self.crypto, now, &client));
        }
        let message = answer.finish(&self.crypto, None, request.has_fingerprint);
        self.reply_unauthenticated(now, client, (request.method, Some(code)), message, request_length);
    }
}

/// RFC 8489 §9.2.4: a client that knows password algorithms repeats the list and names one of it; one that does
/// not sends neither. Anything else is somebody on the way who wants the weaker one.
fn check_algorithms(request: &Request<'_>, kind: KeyKind) -> Result<(), ErrorCode> {
    match (request.password_algorithm, request.password_algorithms) {
        (None, None) => Ok(()),
        // A key of the stronger hash proves itself by the stronger one, or a downgrade would go unnoticed.
        (Some(_), Some(list)) if list == PASSWORD_ALGORITHMS && kind == KeyKind::Sha256 => Ok(()),
        _ => Err(ErrorCode::BadRequest),
    }
}
