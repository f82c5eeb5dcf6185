//! Puts flags over variables over the file over the defaults.
//!
//! Each value is tried on its own before it joins the others, so every mistake in every source is
//! reported at once, under the name that its author used.

use super::field::{FIELDS, Field};
use super::{ConfigErrors, Settings};
use std::path::Path;
use toml::{Table, Value};

/// One value and the name of its setting where it was written.
struct Entry {
    key: String,
    name: String,
    value: Value,
}

/// Reads the settings from `file`, then `variables`, then `flags`; later ones win.
pub(crate) fn settings(
    file: Option<&Path>,
    variables: &[(String, String)],
    flags: &[(&'static Field, String)],
) -> Result<Settings, ConfigErrors> {
    let defaults = Table::try_from(Settings::default()).expect("the settings are plain data");
    let mut errors = ConfigErrors::default();
    let mut entries = match file {
        Some(path) => file_entries(path, &defaults, &mut errors),
        None => Vec::new(),
    };
    // Only known names are looked up: an orchestrator may set KEEL_SERVICE_HOST and the like by itself.
    for field in FIELDS {
        let variable = field.variable();
        if let Some((_, text)) = variables.iter().find(|(name, _)| *name == variable) {
            push_text(field, variable, text, &defaults, &mut entries, &mut errors);
        }
    }
    for (field, text) in flags {
        push_text(field, format!("--{}", field.flag), text, &defaults, &mut entries, &mut errors);
    }

    let mut merged = Table::new();
    for entry in entries {
        let mut alone = Table::new();
        insert(&mut alone, &entry.key, entry.value.clone());
        match alone.try_into::<Settings>() {
            Ok(_) => insert(&mut merged, &entry.key, entry.value),
            Err(error) => errors.push(entry.name, error.message()),
        }
    }
    errors.into_result()?;
    Ok(merged.try_into().expect("every value was accepted on its own"))
}

/// The value at `section.name` or `name`.
pub(super) fn lookup<'a>(table: &'a Table, key: &str) -> Option<&'a Value> {
    match key.split_once('.') {
        Some((section, name)) => table.get(section)?.get(name),
        None => table.get(key),
    }
}

fn insert(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        Some((section, name)) => {
            let section = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(section) = section {
                section.insert(name.to_owned(), value);
            }
        }
        None => {
            table.insert(key.to_owned(), value);
        }
    }
}

fn file_entries(path: &Path, defaults: &Table, errors: &mut ConfigErrors) -> Vec<Entry> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            errors.push("--config", format!("cannot read {}: {error}", path.display()));
            return Vec::new();
        }
    };
    let table: Table = match text.parse() {
        Ok(table) => table,
        Err(error) => {
            errors.push(path.display().to_string(), format!("is not TOML: {error}"));
            return Vec::new();
        }
    };
    let entry = |key: String, value: Value| Entry { name: format!("{}: {key}", path.display()), key, value };
    let mut entries = Vec::new();
    for (key, value) in table {
        match (defaults.get(&key), value) {
            (Some(Value::Table(_)), Value::Table(section)) => {
                entries
                    .extend(section.into_iter().map(|(name, value)| entry(format!("{key}.{name}"), value)));
            }
            (_, value) => entries.push(entry(key, value)),
        }
    }
    entries
}

/// Turns the text of a flag or variable into a value of the default's type.
fn push_text(
    field: &Field,
    name: String,
    text: &str,
    defaults: &Table,
    entries: &mut Vec<Entry>,
    errors: &mut ConfigErrors,
) {
    let value = match lookup(defaults, field.key) {
        Some(Value::Integer(_)) => text
            .trim()
            .parse()
            .map(Value::Integer)
            .map_err(|_| format!("expected a whole number, found {text:?}")),
        Some(Value::Boolean(_)) => text
            .trim()
            .parse()
            .map(Value::Boolean)
            .map_err(|_| format!("expected true or false, found {text:?}")),
        Some(Value::Array(_)) if field.value == "TOML" => format!("value = {text}")
            .parse::<Table>()
            .ok()
            .and_then(|mut table| table.remove("value"))
            .ok_or_else(|| {
                "expected a TOML array such as [{ urls = [\"stun:stun.example.org\"] }]".to_owned()
            }),
        Some(Value::Array(_)) => Ok(Value::Array(
            text.split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(|item| Value::String(item.to_owned()))
                .collect(),
        )),
        _ => Ok(Value::String(text.to_owned())),
    };
    match value {
        Ok(value) => entries.push(Entry { key: field.key.to_owned(), name, value }),
        Err(problem) => errors.push(name, problem),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn flags(pairs: &[(&str, &str)]) -> Vec<(&'static Field, String)> {
        pairs
            .iter()
            .map(|(flag, value)| {
                let field = FIELDS.iter().find(|field| field.flag == *flag).expect("a known flag");
                (field, (*value).to_owned())
            })
            .collect()
    }

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("keel.toml");
        std::fs::write(&path, text).expect("a written file");
        (dir, path)
    }

    fn problems(file_text: &str, vars: &[(&str, &str)], given: &[(&str, &str)]) -> String {
        let (_dir, path) = file(file_text);
        settings(Some(&path), &variables(vars), &flags(given)).expect_err("a refusal").to_string()
    }

    #[test]
    fn nothing_said_means_the_defaults() {
        assert_eq!(settings(None, &[], &[]).expect("valid"), Settings::default());
    }

    #[test]
    fn a_flag_wins_over_a_variable_over_the_file_over_the_default() {
        let (_dir, path) = file("[http]\nport = 1\n[media]\nport = 2\nworkers = 3\n");
        let settings = settings(
            Some(&path),
            &variables(&[("KEEL_MEDIA_PORT", "20"), ("KEEL_WORKERS", "30")]),
            &flags(&[("workers", "300")]),
        )
        .expect("valid");
        assert_eq!(settings.http.port, 1, "only in the file");
        assert_eq!(settings.media.port, 20, "the variable over the file");
        assert_eq!(settings.media.workers, 300, "the flag over all");
        assert_eq!(settings.ring_timeout_s, 45, "the default where nobody spoke");
    }

    #[test]
    fn a_list_replaces_a_list() {
        let (_dir, path) = file("[http]\naddresses = [\"10.0.0.1\", \"10.0.0.2\"]\n");
        let vars = variables(&[("KEEL_HTTP_ADDRESSES", " 127.0.0.1, ::1 ")]);
        let settings = settings(Some(&path), &vars, &[]).expect("valid");
        assert_eq!(settings.http, Settings::default().http);
    }

    #[test]
    fn ice_servers_fit_into_a_variable() {
        let text = r#"[{ urls = ["turn:t.example"], username = "u", credential = "c" }]"#;
        let settings = settings(None, &variables(&[("KEEL_ICE_SERVERS", text)]), &[]).expect("valid");
        assert_eq!(settings.ice_servers[0].urls, ["turn:t.example"]);
        assert_eq!(settings.ice_servers[0].credential, "c");
    }

    #[test]
    fn every_mistake_in_every_source_is_named_at_once() {
        let text = problems(
            "colour = 1\naccess = \"maybe\"\n[http]\nprot = 1\nport = 70000\naddresses = [\"here\"]\n[https]\nport = 1\n",
            &[("KEEL_MEDIA_PORT", "many"), ("KEEL_TLS_SELF_SIGNED", "perhaps")],
            &[("workers", "-1"), ("ice-servers", "stun:x")],
        );
        for part in [
            "keel.toml: colour: unknown field `colour`",
            "keel.toml: access: unknown variant `maybe`, expected `local` or `open`",
            "keel.toml: http.prot: unknown field `prot`, expected `addresses` or `port`",
            "keel.toml: http.port: invalid value: integer `70000`, expected u16",
            "keel.toml: http.addresses: invalid IP address syntax",
            "keel.toml: https: unknown field `https`",
            "KEEL_MEDIA_PORT: expected a whole number, found \"many\"",
            "KEEL_TLS_SELF_SIGNED: expected true or false, found \"perhaps\"",
            "--workers: invalid value: integer `-1`, expected u16",
            "--ice-servers: expected a TOML array",
        ] {
            assert!(text.contains(part), "{part:?} is missing in:\n{text}");
        }
        assert_eq!(text.lines().count(), 10, "one line per mistake:\n{text}");
    }

    #[test]
    fn a_file_that_is_missing_or_no_toml_is_an_error() {
        let missing = Path::new("/nonexistent/keel.toml");
        let text = settings(Some(missing), &[], &[]).expect_err("no such file").to_string();
        assert!(text.contains("--config: cannot read /nonexistent/keel.toml"), "{text}");
        assert!(problems("http = {", &[], &[]).contains("is not TOML"));
    }

    #[test]
    fn variables_of_others_are_left_alone() {
        let vars = variables(&[("KEEL_SERVICE_HOST", "10.0.0.1"), ("KEEL_PORT", "tcp://10.0.0.1:1")]);
        assert_eq!(settings(None, &vars, &[]).expect("valid"), Settings::default());
    }
}
