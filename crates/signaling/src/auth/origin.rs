//! Hosts and origins: which names this server answers to, and whose pages may use it.

use super::asks_for_tokens;
use crate::error::ApiError;
use crate::state::AppState;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use axum::middleware::Next;
use axum::response::Response;
use std::net::IpAddr;

/// Which pages may use this server. Requests without an `Origin` header (no page sent them) and those of
/// this server's own pages always may: browsers do not guard WebSockets by origin, so servers must.
#[derive(Clone, Debug, Default)]
pub struct OriginPolicy {
    /// Further origins, as browsers write them: `https://example.org`, no path, no slash at the end.
    pub allowed: Vec<String>,
    /// For a server that listens on loopback only and has no tokens. Pages from any port of this machine may
    /// too (a page under development on another port), and requests must name this machine: a foreign name
    /// that was made to resolve to 127.0.0.1 (DNS rebinding) would otherwise count as this server's own.
    pub loopback_only: bool,
}

/// What an origin is to this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Own,
    Allowed,
    Foreign,
}

impl OriginPolicy {
    /// `host` is the request's own authority. The scheme is not compared: behind a proxy that ends TLS
    /// the server cannot know it.
    fn standing(&self, origin: &str, host: Option<&str>) -> Standing {
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        if authority.is_some_and(|authority| host.is_some_and(|host| host.eq_ignore_ascii_case(authority))) {
            return Standing::Own;
        }
        let loopback = self.loopback_only && authority.is_some_and(is_loopback);
        if loopback || self.allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin)) {
            return Standing::Allowed;
        }
        Standing::Foreign
    }

    /// Whether a request for `host` is meant for this server. Who proxies to a loopback-only server under
    /// another name configures that name's origin.
    fn serves(&self, host: Option<&str>) -> bool {
        if !self.loopback_only {
            return true;
        }
        let Some(host) = host else { return false };
        let mut configured = self.allowed.iter().filter_map(|origin| host_of(origin.split_once("://")?.1));
        is_loopback(host) || host_of(host).is_some_and(|host| configured.any(|name| name == host))
    }
}

/// The host of an authority, lower case, without port and brackets.
fn host_of(authority: &str) -> Option<String> {
    let authority = authority.parse::<Authority>().ok()?;
    Some(authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase())
}

fn is_loopback(authority: &str) -> bool {
    let Some(host) = host_of(authority) else { return false };
    // RFC 6761 §6.3: `localhost` and all names below it are this machine.
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

/// Refuses requests under foreign names and of foreign pages, on every route; tells allowed pages' browsers
/// that they may read.
pub(crate) async fn check_origin(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    // Also without an origin: a page's own `GET` carries none.
    if !state.config().origins.serves(authority(request.headers(), request.uri())) {
        return Err(ApiError::HostRefused);
    }
    let Some(origin) = request.headers().get(header::ORIGIN).cloned() else {
        return Ok(next.run(request).await);
    };
    let standing = origin.to_str().map_or(Standing::Foreign, |text| {
        state.config().origins.standing(text, authority(request.headers(), request.uri()))
    });
    match standing {
        Standing::Own => Ok(next.run(request).await),
        Standing::Allowed => {
            let mut response = next.run(request).await;
            let headers = response.headers_mut();
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.append(header::VARY, HeaderValue::from_static("Origin"));
            Ok(response)
        }
        Standing::Foreign => Err(ApiError::OriginRefused),
    }
}

/// For WHIP and WHEP, whose clients are pages and programs of anybody. As [`check_origin`], but where tokens
/// are asked for pages of any origin may: what they can do they do with a token that somebody gave them, since
/// browsers add none by themselves and no cookie is looked at. Without tokens a foreign page would borrow its
/// visitor's place in the network, so the rule stays.
pub(crate) async fn share_across_origins(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let policy = &state.config().origins;
    let host = authority(request.headers(), request.uri());
    if !policy.serves(host) {
        return Err(ApiError::HostRefused);
    }
    let Some(origin) = request.headers().get(header::ORIGIN) else { return Ok(next.run(request).await) };
    let standing = origin.to_str().map_or(Standing::Foreign, |text| policy.standing(text, host));
    let allowed = match standing {
        Standing::Own | Standing::Allowed => origin.clone(),
        Standing::Foreign if asks_for_tokens(&state) => HeaderValue::from_static("*"),
        Standing::Foreign => return Err(ApiError::OriginRefused),
    };
    let is_preflight = request.method() == Method::OPTIONS;
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    if is_preflight {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    }
    Ok(response)
}

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PATCH, DELETE, OPTIONS");
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static("Authorization, Content-Type, If-Match");
const EXPOSED: HeaderValue =
    HeaderValue::from_static("Location, ETag, Link, Retry-After, Accept-Post, Accept-Patch, Allow");

/// The authority that the client asked: HTTP/1.1 has it in `Host`, HTTP/2 in the target.
fn authority<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    host.or_else(|| uri.authority().map(Authority::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_pages_pass_and_foreign_ones_do_not() {
        let policy = OriginPolicy::default();
        let host = Some("keel.example:8443");
        assert_eq!(policy.standing("https://keel.example:8443", host), Standing::Own);
        assert_eq!(policy.standing("https://KEEL.example:8443", host), Standing::Own);
        for foreign in
            ["https://keel.example", "https://evil.example:8443", "null", "", "http://localhost:8443"]
        {
            assert_eq!(policy.standing(foreign, host), Standing::Foreign, "{foreign}");
        }
        assert_eq!(policy.standing("https://keel.example", None), Standing::Foreign);
    }

    #[test]
    fn loopback_pages_pass_only_in_open_loopback_mode() {
        let policy = OriginPolicy { loopback_only: true, ..OriginPolicy::default() };
        let host = Some("localhost:8080");
        for origin in ["http://localhost:3000", "http://127.8.0.1", "http://[::1]:5173", "http://a.localhost"]
        {
            assert_eq!(policy.standing(origin, host), Standing::Allowed, "{origin}");
        }
        for origin in ["http://localhost.evil.example", "http://127.0.0.1.evil.example", "http://10.0.0.1"] {
            assert_eq!(policy.standing(origin, host), Standing::Foreign, "{origin}");
        }
    }

    #[test]
    fn a_loopback_only_server_answers_to_this_machines_names_only() {
        let allowed = vec!["https://app.example:8443".to_owned()];
        let policy = OriginPolicy { allowed, loopback_only: true };
        for own in [
            "localhost",
            "LOCALHOST:8080",
            "keel.localhost:8080",
            "127.0.0.1:8080",
            "127.8.0.1",
            "[::1]:8080",
            "app.example",
            "App.example:443",
        ] {
            assert!(policy.serves(Some(own)), "{own}");
        }
        for foreign in [
            "rebound.example:8080",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "evil-localhost",
            "0.0.0.0:8080",
            "10.0.0.1",
            "[::2]",
            "app.example.evil",
            "",
        ] {
            assert!(!policy.serves(Some(foreign)), "{foreign}");
        }
        assert!(!policy.serves(None));
        assert!(OriginPolicy::default().serves(Some("rebound.example")), "other servers have any name");
    }

    #[test]
    fn configured_origins_pass_exactly() {
        let policy =
            OriginPolicy { allowed: vec!["https://app.example".to_owned()], ..OriginPolicy::default() };
        assert_eq!(policy.standing("https://app.example", Some("keel.example")), Standing::Allowed);
        assert_eq!(policy.standing("http://app.example", Some("keel.example")), Standing::Foreign);
        assert_eq!(policy.standing("https://app.example.evil", Some("keel.example")), Standing::Foreign);
    }
}
