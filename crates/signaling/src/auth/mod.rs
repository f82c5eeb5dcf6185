//! Who may: hosts and origins of pages ([`origin`]), tokens, and what they allow ([`permit`]).
//!
//! Every surface calls [`authorize`] with what is [`Wanted`]: HTTP, WHIP and WHEP, the WebSockets, the Kurento
//! protocol, administration. What is asked for later on a connection is asked of its [`Permit`].

pub(crate) mod grants;
mod jwt;
mod key;
mod keyring;
pub(crate) mod origin;
pub(crate) mod permit;

pub use grants::{Grants, Names, NamesError};
pub(crate) use jwt::TokenError;
pub(crate) use keyring::Keyring;
pub use keyring::{KeySource, KeysError, MintError, MintedToken, TokenConfig, TokenSecret};
pub use origin::OriginPolicy;
pub(crate) use origin::{check_origin, share_across_origins};
pub(crate) use permit::{Denied, Permit, Wanted};

use crate::error::ApiError;
use crate::state::AppState;
use axum::http::{HeaderMap, header};
use std::fmt;
use subtle::ConstantTimeEq;

/// A secret word of the configuration. Never shown, compared in constant time.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// The token with this text; `None` for an empty one, which would open to everybody.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        (!text.is_empty()).then_some(Self(text))
    }

    /// Whether `candidate` is this token. Takes the same time wherever the two differ.
    pub(crate) fn matches(&self, candidate: &str) -> bool {
        self.0.as_bytes().ct_eq(candidate.as_bytes()).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(hidden)")
    }
}

/// Whether the request may do what is wanted, by the token in its `Authorization` header or, since browsers
/// cannot add headers to a WebSocket request, in its query. The permit says what else its holder may.
///
/// For [`Wanted::Admin`] the query is not looked at: addresses end in logs and histories.
pub(crate) async fn authorize(
    state: &AppState,
    headers: &HeaderMap,
    query_token: Option<&str>,
    wanted: Wanted<'_>,
) -> Result<Permit, ApiError> {
    let permit = match wanted {
        Wanted::Admin => identify_administrator(state, headers).await?,
        _ => identify_visitor(state, headers, query_token).await?,
    };
    permit.allow(wanted)?;
    Ok(permit)
}

/// Whether visitors must show a token.
pub(crate) fn asks_for_tokens(state: &AppState) -> bool {
    !state.config().access_tokens.is_empty()
}

async fn identify_visitor(
    state: &AppState,
    headers: &HeaderMap,
    query_token: Option<&str>,
) -> Result<Permit, ApiError> {
    let config = state.config();
    if !config.asks_for_tokens() {
        return Ok(Permit::visitor());
    }
    let candidate = bearer(headers).or(query_token).ok_or(ApiError::AccessTokenMissing)?;
    if matches_any(&config.access_tokens, candidate) {
        return Ok(Permit::visitor());
    }
    verify(state, candidate, ApiError::AccessTokenWrong).await
}

async fn identify_administrator(state: &AppState, headers: &HeaderMap) -> Result<Permit, ApiError> {
    let config = state.config();
    if config.admin_token.is_none() && !config.tokens.is_used() {
        return Err(ApiError::AdminClosed);
    }
    let candidate = bearer(headers).ok_or(ApiError::AdminTokenMissing)?;
    if config.admin_token.as_ref().is_some_and(|token| token.matches(candidate)) {
        return Ok(Permit::administrator());
    }
    verify(state, candidate, ApiError::AdminTokenWrong).await
}

/// What the holder of a JWT may do. Of what is none, `wrong` is said.
async fn verify(state: &AppState, candidate: &str, wrong: ApiError) -> Result<Permit, ApiError> {
    if !state.config().tokens.is_used() || !jwt::is_jwt(candidate) {
        return Err(wrong);
    }
    state.keyring().verify(candidate).await.map_err(|error| {
        state.metrics().count_token_refused(error.code());
        ApiError::Token(error)
    })
}

/// Compares with every token, so that the time does not tell which one was met.
fn matches_any(tokens: &[Token], candidate: &str) -> bool {
    tokens.iter().fold(false, |met, token| met | token.matches(candidate))
}

/// RFC 6750 §2.1: the token after `Bearer`; the scheme's case does not matter (RFC 9110 §11.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_compared_whole_and_never_shown() {
        let token = Token::new("correct horse").expect("not empty");
        assert!(token.matches("correct horse"));
        assert!(!token.matches("correct") && !token.matches("correct horsE") && !token.matches(""));
        assert!(!format!("{token:?}").contains("horse"));
        assert!(Token::new("").is_none());
    }
}
