//! The header fields of WHIP and WHEP.

use super::error::LiveError;
use crate::config::IceServer;
use crate::live::ask::Condition;
use axum::http::{HeaderMap, HeaderValue, header};

/// Entity tags of one `If-Match`; a session has had few.
const TAGS_MAX: usize = 16;

/// Whether the body is of this media type (RFC 9110 §8.3.1), whatever its parameters.
pub(super) fn has_type(headers: &HeaderMap, wanted: &str) -> bool {
    let text = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    text.is_some_and(|text| essence(text).eq_ignore_ascii_case(wanted))
}

/// Whether the client takes this media type as an answer (RFC 9110 §12.5.1); without the field anything.
pub(super) fn accepts(headers: &HeaderMap, given: &str) -> bool {
    let mut ranges = headers
        .get_all(header::ACCEPT)
        .iter()
        .flat_map(|value| value.to_str().unwrap_or_default().split(','))
        .map(str::trim)
        .filter(|range| !range.is_empty())
        .peekable();
    if ranges.peek().is_none() {
        return true;
    }
    let kind = given.split_once('/').map_or(given, |(kind, _)| kind);
    ranges.any(|range| {
        let name = essence(range);
        let covers = name == "*/*"
            || name.eq_ignore_ascii_case(given)
            || name.strip_suffix("/*").is_some_and(|name| name.eq_ignore_ascii_case(kind));
        covers && !is_worthless(range)
    })
}

/// `If-Match` (RFC 9110 §13.1.1).
pub(super) fn condition(headers: &HeaderMap) -> Result<Condition, LiveError> {
    let mut tags = Vec::new();
    for value in headers.get_all(header::IF_MATCH) {
        let text = value.to_str().map_err(|_| LiveError::IfMatchInvalid)?;
        for tag in text.split(',').map(str::trim) {
            if tag == "*" {
                return Ok(Condition::Any);
            }
            let opaque = tag.strip_prefix("W/").unwrap_or(tag);
            if opaque.len() < 2
                || !opaque.starts_with('"')
                || !opaque.ends_with('"')
                || tags.len() >= TAGS_MAX
            {
                return Err(LiveError::IfMatchInvalid);
            }
            tags.push(tag.to_owned());
        }
    }
    Ok(if tags.is_empty() { Condition::Missing } else { Condition::OneOf(tags) })
}

/// The ICE servers that the client may use, each URL one `Link` (RFC 9725 §4.6).
pub(super) fn links(servers: &[IceServer]) -> impl Iterator<Item = HeaderValue> {
    servers.iter().flat_map(|server| server.urls.iter().map(move |url| (server, url))).filter_map(
        |(server, url)| {
            let mut link = format!("<{url}>; rel=\"ice-server\"");
            if let (Some(username), Some(credential)) = (&server.username, &server.credential) {
                let (username, credential) = (quoted(username), quoted(credential));
                link +=
                    &format!("; username={username}; credential={credential}; credential-type=\"password\"");
            }
            // What a header cannot carry is left out: the page's configuration has it, too.
            HeaderValue::try_from(link).ok()
        },
    )
}

/// RFC 9110 §5.6.4: a quoted string.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn essence(text: &str) -> &str {
    text.split(';').next().unwrap_or_default().trim()
}

/// RFC 9110 §12.4.2: a weight of zero means "not acceptable".
fn is_worthless(range: &str) -> bool {
    let mut parameters = range.split(';').skip(1).filter_map(|parameter| parameter.trim().split_once('='));
    parameters.any(|(name, value)| {
        name.trim().eq_ignore_ascii_case("q") && value.trim().parse::<f32>().is_ok_and(|weight| weight <= 0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(field: header::HeaderName, values: &[&'static str]) -> HeaderMap {
        values.iter().map(|value| (field.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_media_type_is_met_whatever_its_parameters() {
        let of = |value| has_type(&headers(header::CONTENT_TYPE, &[value]), "application/sdp");
        assert!(of("application/sdp") && of("Application/SDP; charset=utf-8"));
        assert!(!of("application/json") && !of("application/sdpx") && !of(""));
        assert!(!has_type(&HeaderMap::new(), "application/sdp"));
    }

    #[test]
    fn an_answer_is_given_to_those_who_take_it() {
        let of = |values: &[&'static str]| accepts(&headers(header::ACCEPT, values), "application/sdp");
        assert!(of(&[]) && of(&[""]) && of(&["*/*"]) && of(&["text/html", "application/*;q=0.1"]));
        assert!(of(&["text/html, application/SDP"]));
        assert!(!of(&["text/html"]) && !of(&["application/sdp;q=0"]) && !of(&["application/json"]));
    }

    #[test]
    fn conditions_are_read() {
        let of = |values: &[&'static str]| condition(&headers(header::IF_MATCH, values));
        assert_eq!(of(&[]).expect("none"), Condition::Missing);
        assert_eq!(of(&["*"]).expect("any"), Condition::Any);
        let two = Condition::OneOf(vec!["\"a\"".to_owned(), "W/\"b\"".to_owned()]);
        assert_eq!(of(&["\"a\", W/\"b\""]).expect("two"), two);
        for bad in ["a", "\"", "", "\"a\",", "W/"] {
            assert!(of(&[bad]).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn ice_servers_become_links() {
        let servers = [
            IceServer { urls: vec!["stun:s.example".to_owned()], username: None, credential: None },
            IceServer {
                urls: vec!["turn:t.example?transport=udp".to_owned(), "turns:t.example".to_owned()],
                username: Some("a\"b".to_owned()),
                credential: Some("pass".to_owned()),
            },
        ];
        let links: Vec<HeaderValue> = links(&servers).collect();
        assert_eq!(links.len(), 3);
        assert_eq!(links[0], "<stun:s.example>; rel=\"ice-server\"");
        assert_eq!(
            links[1],
            "<turn:t.example?transport=udp>; rel=\"ice-server\"; username=\"a\\\"b\"; credential=\"pass\"; \
             credential-type=\"password\""
        );
    }
}
