//! Drawing a tree in the DOT language of Graphviz.

use super::{Body, Object, ObjectId, Tree};
use crate::kms::model::Value;
use std::collections::BTreeSet;
use std::fmt::Write;

/// An object with what lies below it, and the connections at them. A pipeline shows everything.
pub(crate) fn draw(tree: &Tree, id: &ObjectId) -> String {
    let mut shown: BTreeSet<ObjectId> =
        tree.objects().filter(|object| id.contains(&object.id)).map(|object| object.id.clone()).collect();
    let connections: Vec<_> = tree
        .objects()
        .flat_map(|object| tree.connections.out_of(&object.id).collect::<Vec<_>>())
        .filter(|connection| id.contains(&connection.source) || id.contains(&connection.sink))
        .collect();
    for connection in &connections {
        shown.extend([connection.source.clone(), connection.sink.clone()]);
    }
    let mut drawing = format!("digraph {} {{\n  rankdir=LR;\n  node [shape=box];\n", quoted(id.as_str()));
    for object in tree.objects().filter(|object| shown.contains(&object.id)) {
        line(&mut drawing, &format!("{} [label={}]", quoted(object.id.as_str()), quoted(&label(object))));
    }
    for object in tree.objects().filter(|object| shown.contains(&object.id)) {
        if let (Body::HubPort(_), Some(hub)) = (&object.body, &object.parent)
            && shown.contains(hub)
        {
            // A port belongs to its hub, which routes in its own way.
            let edge = format!("{} -> {}", quoted(hub.as_str()), quoted(object.id.as_str()));
            line(&mut drawing, &format!("{edge} [style=dotted, dir=none]"));
        }
    }
    for connection in connections {
        let edge = format!("{} -> {}", quoted(connection.source.as_str()), quoted(connection.sink.as_str()));
        line(&mut drawing, &format!("{edge} [label={}]", quoted(&connection.media.to_string())));
    }
    drawing.push_str("}\n");
    drawing
}

fn line(drawing: &mut String, statement: &str) {
    writeln!(drawing, "  {statement};").expect("a string grows");
}

/// The class, and the name if the application has given one.
fn label(object: &Object) -> String {
    match object.stored("name").and_then(Value::as_text) {
        Some(name) => format!("{}\n{name}", object.class().name),
        None => object.class().name.to_owned(),
    }
}

/// A text as a DOT identifier: quotes and backslashes would end or change it, and a line break is drawn.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            letter if letter.is_control() => quoted.push(' '),
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}
