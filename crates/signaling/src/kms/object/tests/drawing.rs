//! Drawings in the DOT language.

use super::server::{LIMITS, Server};
use crate::kms::model::{Filters, Value};
use serde_json::json;

/// The statements of a `digraph` as far as Keel writes them: `ID [attributes]`, `ID -> ID [attributes]` and
/// `name=value`. Panics for what is not DOT.
fn statements(drawing: &str) -> Vec<String> {
    let body = drawing.trim().strip_prefix("digraph ").expect("a digraph");
    let (name, body) = identifier(body);
    assert!(!name.is_empty());
    let body = body.trim().strip_prefix('{').and_then(|body| body.strip_suffix('}')).expect("braces");
    let mut found = Vec::new();
    let mut rest = body.trim();
    while !rest.is_empty() {
        let (statement, after) = statement(rest);
        found.push(statement);
        rest = after.trim_start();
    }
    found
}

fn statement(text: &str) -> (String, &str) {
    let (left, mut rest) = identifier(text);
    let mut shown = left;
    if let Some(after) = rest.strip_prefix(" -> ") {
        let (right, after) = identifier(after);
        shown = format!("{shown} -> {right}");
        rest = after;
    }
    if let Some(mut inside) = rest.strip_prefix(" [") {
        loop {
            let (key, after) = identifier(inside);
            let (value, after) = identifier(after.strip_prefix('=').expect("an attribute has a value"));
            shown = format!("{shown} {key}={value}");
            match after.strip_prefix(", ") {
                Some(next) => inside = next,
                None => break rest = after.strip_prefix(']').expect("attributes end"),
            }
        }
    } else if let Some(value) = rest.strip_prefix('=') {
        rest = identifier(value).1;
    }
    (shown, rest.strip_prefix(';').expect("a statement ends"))
}

/// Bare or in quotes, without these, and what follows.
fn identifier(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(|letter: char| !letter.is_ascii_alphanumeric()).expect("something follows");
        assert!(end > 0, "an identifier at {text:.20}");
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut content = String::new();
    let mut letters = quoted.char_indices();
    while let Some((place, letter)) = letters.next() {
        match letter {
            '"' => return (content, &quoted[place + 1..]),
            '\\' => content.extend(letters.next().map(|(_, escaped)| escaped)),
            letter => content.push(letter),
        }
    }
    panic!("the quotes of {text:.20} do not end");
}

#[tokio::test]
async fn a_drawing_shows_who_feeds_whom_under_any_name() {
    let mut server = Server::start(Filters::Refuse, LIMITS).await;
    let pipeline = server.pipeline("anna").await.expect("there is room");
    let first = server.create("anna", "PassThrough", &pipeline, json!({})).await.expect("it is created");
    let hub = server.create("anna", "Mixer", &pipeline, json!({})).await.expect("it is created");
    let port = server.create("anna", "HubPort", &hub, json!({})).await.expect("it is created");
    server.get(&first, "setName", json!({"name": "a \"b\" \\ ]; }\n -> c"})).await;
    server.get(&first, "connect", json!({"sink": port.as_str(), "mediaType": "VIDEO"})).await;

    let Value::Text(drawing) = server.get(&pipeline, "getGstreamerDot", json!({})).await else {
        panic!("text")
    };
    let drawn = statements(&drawing);
    let edges: Vec<_> = drawn.iter().filter(|statement| statement.contains(" -> ")).collect();
    assert!(drawn.iter().any(|statement| statement.starts_with(&format!("{first} label=PassThrough"))));
    assert!(drawn.contains(&format!("{first} -> {port} label=video")), "{edges:?}");
    assert!(drawn.contains(&format!("{hub} -> {port} style=dotted dir=none")), "{edges:?}");
    assert!(drawn.contains(&format!("{pipeline} label=MediaPipeline")));

    // A hub alone shows its ports and what they are connected with.
    let details = json!({"details": "SHOW_ALL"});
    let Value::Text(drawing) = server.get(&hub, "getGstreamerDot", details).await else { panic!("text") };
    let drawn = statements(&drawing);
    assert!(drawn.contains(&format!("{first} -> {port} label=video")));
    assert!(!drawn.contains(&format!("{pipeline} label=MediaPipeline")));
    server.stop().await;
}
