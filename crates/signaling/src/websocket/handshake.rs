//! From an HTTP request to a WebSocket (RFC 6455 §4.2).

use super::{Agreed, deflate};
use crate::error::ApiError;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request};
use axum::response::Response;
use hyper::upgrade::OnUpgrade;
use tungstenite::handshake::derive_accept_key;

/// A request for a WebSocket, found to be one.
pub(crate) struct Handshake {
    agreed: Agreed,
    accept: HeaderValue,
    upgrade: OnUpgrade,
}

impl Handshake {
    /// The handshake that a request begins; with `compression` an offer to compress is accepted.
    ///
    /// # Errors
    /// When it asks for something else than a WebSocket.
    pub(crate) fn of(parts: &mut request::Parts, compression: bool) -> Result<Self, ApiError> {
        let headers = &parts.headers;
        // RFC 6455 §4.2.1: what a client's request has.
        let is_websocket = has_word(headers, &header::CONNECTION, "upgrade")
            && has_word(headers, &header::UPGRADE, "websocket")
            && headers.get(header::SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13");
        let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|_| is_websocket);
        let accept = key.map(|key| derive_accept_key(key.as_bytes())).ok_or(ApiError::NotAWebSocket)?;
        let accept = HeaderValue::try_from(accept).map_err(|_| ApiError::NotAWebSocket)?;
        let mut offers = headers.get_all(header::SEC_WEBSOCKET_EXTENSIONS).iter();
        let is_offered = offers.any(|offer| offer.to_str().is_ok_and(deflate::accepts));
        let upgrade = parts.extensions.remove::<OnUpgrade>().ok_or(ApiError::NotAWebSocket)?;
        Ok(Self { agreed: Agreed { compression: compression && is_offered }, accept, upgrade })
    }

    /// The answer that accepts it, and the connection to come after it.
    pub(crate) fn accept(self) -> (Response, OnUpgrade, Agreed) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, self.accept);
        if self.agreed.compression {
            let accepted = HeaderValue::from_static(deflate::ACCEPTED);
            headers.insert(header::SEC_WEBSOCKET_EXTENSIONS, accepted);
        }
        (response, self.upgrade, self.agreed)
    }
}

/// Whether a header that is a list of words (RFC 9110 §5.6.1) has this one.
fn has_word(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let mut lists = headers.get_all(name).iter().filter_map(|list| list.to_str().ok());
    lists.any(|list| list.split(',').any(|found| found.trim().eq_ignore_ascii_case(word)))
}
