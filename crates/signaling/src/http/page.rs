//! The pages of `web/`, embedded by `build.rs`.

use crate::error::ApiError;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

/// One embedded file.
struct Asset {
    /// As in the URL, with a slash in front.
    path: &'static str,
    /// The entity tag, made from the content (RFC 9110 §8.8.3).
    tag: &'static str,
    content: &'static [u8],
}

/// In the order of their paths.
static ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The header fields that every answer carries. The policy lets a page load and talk to this server only,
/// and run no script that is not a file of it; `blob:` and `data:` are for what the page itself makes.
pub(crate) const SECURITY_HEADERS: [(HeaderName, HeaderValue); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
             media-src 'self' blob:; font-src 'self'; connect-src 'self'; manifest-src 'self'; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(self), microphone=(self), geolocation=()"),
    ),
];

/// Every path that no route has: a file of the page, or nothing.
pub(crate) async fn serve(method: Method, uri: Uri, headers: HeaderMap) -> Result<Response, ApiError> {
    if method != Method::GET && method != Method::HEAD {
        return Err(ApiError::NotFound);
    }
    let path = match uri.path() {
        "/" => "/index.html",
        "/admin" => "/admin.html",
        "/api/docs" => "/api-docs.html",
        "/live" => "/live.html",
        // One page for every name of a stream, which its script reads.
        path if is_watched(path) => "/watch.html",
        path => path,
    };
    let place = ASSETS.binary_search_by_key(&path, |asset| asset.path).map_err(|_| ApiError::NotFound)?;
    let asset = ASSETS.get(place).ok_or(ApiError::NotFound)?;
    // The browser keeps the file and asks each time whether it is still the one: a new version of the
    // server shows at once, and costs nothing otherwise.
    let caching = [(header::ETAG, asset.tag), (header::CACHE_CONTROL, "no-cache")];
    if is_known(&headers, asset.tag) {
        return Ok((StatusCode::NOT_MODIFIED, caching).into_response());
    }
    let kind = [(header::CONTENT_TYPE, content_type(path))];
    Ok((caching, kind, asset.content).into_response())
}

/// Whether the path is `/watch/` and one segment.
fn is_watched(path: &str) -> bool {
    path.strip_prefix("/watch/").is_some_and(|stream| !stream.is_empty() && !stream.contains('/'))
}

/// A path that another method has.
pub(crate) async fn refuse_method() -> ApiError {
    ApiError::MethodNotAllowed
}

/// RFC 9110 §13.1.2: a list of tags, weak or not, or `*`.
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|known| known.trim().trim_start_matches("W/"))
        .any(|known| known == tag || known == "*")
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("json") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        // Type declarations (`.d.ts`) are for editors, which read them as text.
        Some("txt" | "ts") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assets_are_in_order_and_of_a_known_kind() {
        assert!(ASSETS.is_sorted_by_key(|asset| asset.path), "binary search needs it");
        for asset in ASSETS {
            assert!(asset.path.starts_with('/'), "{}", asset.path);
            let kind = content_type(asset.path);
            assert_ne!(kind, "application/octet-stream", "{} needs a content type", asset.path);
        }
    }

    #[test]
    fn every_name_of_a_stream_has_the_page_that_plays_it() {
        assert!(is_watched("/watch/tide") && is_watched("/watch/main.js"));
        assert!(["/watch", "/watch/", "/watch/tide/", "/watched/tide"].iter().all(|path| !is_watched(path)));
    }

    #[test]
    fn a_known_tag_is_recognized_in_a_list() {
        let mut headers = HeaderMap::new();
        assert!(!is_known(&headers, "\"a\""));
        headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static("\"b\", W/\"a\""));
        assert!(is_known(&headers, "\"a\"") && !is_known(&headers, "\"c\""));
    }
}
