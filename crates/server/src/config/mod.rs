//! Configuration: read from flags, variables and a file, checked once, then used as it is.

mod field;
mod flags;
mod layers;
mod settings;
mod validate;

pub(crate) use flags::{Action, Flags, command};
pub(crate) use validate::{stun_server, turn_url, worker_count};

pub(crate) use settings::{
    AccessSetting, FilterSetting, IceServerSetting, KurentoSettings, LogFormat, LogSettings,
    PlacementSetting, Settings, TurnSettings,
};
#[cfg(test)]
use settings::{TokenSettings, WebhookSettings};

use std::fmt;
use std::path::PathBuf;

/// A configuration that has passed every check.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// The settings, each valid by itself.
    pub(crate) settings: Settings,
    /// Who may connect: what several settings decide together.
    pub(crate) access: Access,
    /// How HTTP is protected.
    pub(crate) tls: Tls,
}

/// Who may connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Programs on this machine; HTTP is bound to loopback.
    Local,
    /// Whoever shows one of `access_tokens`, or a JSON Web Token.
    Tokens,
    /// Everyone.
    Open,
}

/// How HTTP is protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tls {
    /// Plain HTTP.
    Off,
    /// HTTPS with a certificate of Keel's own making.
    SelfSigned,
    /// HTTPS with these PEM files.
    Files {
        /// The certificate chain, the server's own first.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
}

/// What is wrong with a configuration: every mistake, each with the name of its setting.
#[derive(Debug, Default)]
pub(crate) struct ConfigErrors(Vec<(String, String)>);

impl Config {
    /// Reads and checks the configuration. `variables` is the environment.
    ///
    /// # Errors
    /// Every mistake found. Values that cannot be read hide those that contradict each other.
    pub(crate) fn load(flags: &Flags, variables: &[(String, String)]) -> Result<Self, ConfigErrors> {
        let from_environment =
            || variables.iter().find(|(name, _)| name == "KEEL_CONFIG").map(|(_, path)| PathBuf::from(path));
        let file = flags.config.clone().or_else(from_environment);
        let settings = layers::settings(file.as_deref(), variables, &flags.values)?;
        validate::config(settings)
    }

    /// The settings in force as a file, secrets hidden.
    ///
    /// # Errors
    /// Never in practice: the settings are plain data.
    pub(crate) fn redacted_toml(&self) -> anyhow::Result<String> {
        Ok(toml::to_string(&self.settings.redacted())?)
    }
}

impl ConfigErrors {
    fn push(&mut self, name: impl Into<String>, problem: impl Into<String>) {
        self.0.push((name.into(), problem.into()));
    }

    fn into_result(self) -> Result<(), Self> {
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (name, problem)) in self.0.iter().enumerate() {
            let separator = if place == 0 { "" } else { "\n" };
            write!(f, "{separator}{name}: {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

#[cfg(test)]
mod tests {
    use super::field::FIELDS;
    use super::*;
    use std::collections::BTreeSet;
    use toml::{Table, Value};

    const EXAMPLE: &str = include_str!("../../../../keel.example.toml");

    fn keys(table: &Table) -> BTreeSet<String> {
        let mut keys = BTreeSet::new();
        for (name, value) in table {
            match value {
                Value::Table(section) => keys.extend(section.keys().map(|key| format!("{name}.{key}"))),
                _ => {
                    keys.insert(name.clone());
                }
            }
        }
        keys
    }

    #[test]
    fn the_example_file_says_the_defaults() {
        let example: Settings = toml::from_str(EXAMPLE).expect("the example file is valid");
        assert_eq!(example, Settings::default());
    }

    #[test]
    fn the_example_file_the_flags_and_the_settings_name_the_same_fields() {
        let settings = keys(&Table::try_from(Settings::default()).expect("plain data"));
        let example = keys(&EXAMPLE.parse().expect("the example file is TOML"));
        let flags: BTreeSet<String> = FIELDS.iter().map(|field| field.key.to_owned()).collect();
        assert_eq!(example, settings);
        assert_eq!(flags, settings);
        assert_eq!(flags.len(), FIELDS.len(), "no field twice");
    }

    #[test]
    fn the_example_file_explains_every_field_and_names_its_flag() {
        for field in FIELDS {
            let name = field.key.rsplit('.').next().expect("a name");
            let line = EXAMPLE
                .lines()
                .position(|line| line.starts_with(&format!("{name} =")))
                .unwrap_or_else(|| panic!("{name} has no line"));
            let above = EXAMPLE.lines().nth(line - 1).expect("a line above");
            assert!(above.starts_with("# "), "{name} has no comment above it");
        }
    }

    #[test]
    fn secrets_are_hidden_in_print() {
        let settings = Settings {
            access_tokens: vec!["visitor-secret-000".into()],
            admin_token: "admin-secret-00000".into(),
            tokens: TokenSettings { secret: "token-secret".into(), ..TokenSettings::default() },
            webhooks: WebhookSettings { secret: "hook-secret".into(), ..WebhookSettings::default() },
            turn: TurnSettings { secret: "turn-server-secret".into(), ..TurnSettings::default() },
            ice_servers: vec![IceServerSetting {
                urls: vec!["turn:t.example".into()],
                username: "name".into(),
                credential: "turn-secret".into(),
            }],
            ..Settings::default()
        };
        let text = toml::to_string(&settings.redacted()).expect("plain data");
        assert!(!text.contains("-secret"), "{text}");
        assert_eq!(text.matches("(hidden)").count(), 6, "{text}");
        assert!(text.contains("turn:t.example"), "what is no secret stays: {text}");
    }
}
