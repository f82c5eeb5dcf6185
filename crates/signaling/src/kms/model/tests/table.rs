//! The table in `docs/kurento.md` says what the declarations say.

use crate::kms::model::{Class, Creation, Param, Presence, Property, Set, class};
use std::fmt::Write;
use std::path::Path;

const BEGIN: &str = "<!-- The rest is made from the declarations: KEEL_WRITE_DOCS=1 cargo test -p keel-signaling docs_table -->\n";

#[test]
fn the_docs_table_is_that_of_the_model() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/kurento.md");
    let text = std::fs::read_to_string(&file).expect("docs/kurento.md is there");
    let (prose, table) = text.split_once(BEGIN).expect("docs/kurento.md has the mark where its table begins");
    let wanted = tables();
    if std::env::var_os("KEEL_WRITE_DOCS").is_some() {
        std::fs::write(&file, format!("{prose}{BEGIN}{wanted}")).expect("docs/kurento.md can be written");
        return;
    }
    assert!(
        table == wanted,
        "docs/kurento.md differs from the declarations; write it anew with\n  \
         KEEL_WRITE_DOCS=1 cargo test -p keel-signaling docs_table"
    );
}

fn tables() -> String {
    let mut text = String::new();
    for class in class::ALL {
        let parent = class.parent.map(|parent| format!(", a {}", parent.name)).unwrap_or_default();
        write!(text, "\n### {}\n\nModule `{}`{parent}. ", class.name, class.module.name()).expect("it grows");
        write!(text, "{} **{}.**\n\n", class.about, capital(&class.creation_words())).expect("it grows");
        let rows = rows(class);
        if !rows.is_empty() {
            text.push_str("| member | what | state |\n| --- | --- | --- |\n");
            text.push_str(&rows);
        }
        if !class.events.is_empty() {
            let events: Vec<_> = class.events.iter().map(|event| format!("`{}`", event.name)).collect();
            let gap = if rows.is_empty() { "" } else { "\n" };
            writeln!(text, "{gap}Events: {}.", events.join(", ")).expect("it grows");
        }
    }
    text
}

fn rows(class: &Class) -> String {
    let mut rows = String::new();
    if !matches!(class.creation, Creation::Abstract | Creation::Root) {
        let params: Vec<_> = class.constructor_params().iter().map(param).collect();
        row(&mut rows, &format!("create({})", params.join(", ")), "", &class.creation_words());
    }
    for property in class.properties {
        row(&mut rows, &property_signature(property), property.about, &property.state.words());
    }
    for operation in class.operations {
        let params: Vec<_> = operation.params.iter().map(param).collect();
        let returns = operation.returns.map(|kind| format!(": {}", kind.name())).unwrap_or_default();
        let signature = format!("{}({}){returns}", operation.name, params.join(", "));
        row(&mut rows, &signature, operation.about, &operation.state.words());
    }
    rows
}

fn row(rows: &mut String, signature: &str, about: &str, state: &str) {
    writeln!(rows, "| `{signature}` | {} | {} |", cell(about), cell(state)).expect("it grows");
}

fn property_signature(property: &Property) -> String {
    let access = match property.set {
        Set::Final => "final",
        Set::ReadOnly => "read only",
        Set::Stored | Set::Applied(_) => "get, set",
    };
    format!("{}: {} ({access})", property.name, property.kind.name())
}

fn param(param: &Param) -> String {
    let mark = if param.presence == Presence::Required { "" } else { "?" };
    format!("{}{mark}: {}", param.name, param.kind.name())
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
