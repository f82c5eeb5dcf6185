//! The command line: one flag per [`FIELDS`] row, and a few that ask for something else than serving.

use super::Settings;
use super::field::{FIELDS, Field};
use crate::build_info;
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::path::PathBuf;

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Run the server.
    Serve,
    /// Print the settings in force and end.
    PrintConfig,
    /// Test the installation and say what to fix, and end.
    Check,
    /// Ask a running server whether it is well, and end.
    HealthCheck {
        /// The URL to ask; without it the one that this configuration serves.
        url: Option<String>,
    },
}

/// The parsed command line.
#[derive(Debug)]
pub(crate) struct Flags {
    /// What to do.
    pub(crate) action: Action,
    /// The file to read.
    pub(crate) config: Option<PathBuf>,
    /// Flags that were given, with their text.
    pub(crate) values: Vec<(&'static Field, String)>,
}

impl Flags {
    /// The flags in parsed arguments of [`command`].
    pub(crate) fn from_matches(matches: &ArgMatches) -> Self {
        let text = |name: &str| matches.get_one::<String>(name).cloned();
        let action = if matches.get_flag("print-config") {
            Action::PrintConfig
        } else if matches.contains_id("command") {
            Action::Check
        } else if matches.contains_id("health-check") {
            Action::HealthCheck { url: text("health-check").filter(|url| !url.is_empty()) }
        } else {
            Action::Serve
        };
        let values = FIELDS.iter().filter_map(|field| text(field.flag).map(|value| (field, value))).collect();
        Self { action, config: text("config").map(PathBuf::from), values }
    }
}

/// The command line that `keel` understands.
pub(crate) fn command() -> Command {
    let defaults = toml::Table::try_from(Settings::default()).expect("the settings are plain data");
    Command::new("keel")
        .version(build_info::version())
        .about(
            "Keel, a WebRTC media server. Without arguments it serves http://localhost:8080/ to this \
             machine.\n\nA setting is taken from its flag, else from its variable, else from the file, else \
             it has the default shown. A LIST is separated by commas. keel.example.toml explains each setting.",
        )
        .arg(
            Arg::new("command")
                .value_name("COMMAND")
                .value_parser(["check"])
                .conflicts_with_all(["print-config", "health-check"])
                .help(
                    "check: test the installation that these settings describe, a running server too, say in plain \
                     words what to fix, and end with 0 if nothing is wrong. Where no server runs, one is started for \
                     the length of the check",
                ),
        )
        .arg(
            Arg::new("config").long("config").value_name("FILE").help("TOML file with settings [env: KEEL_CONFIG]"),
        )
        .arg(
            Arg::new("print-config")
                .long("print-config")
                .action(ArgAction::SetTrue)
                .help("Print the settings in force, secrets hidden, and end"),
        )
        .arg(
            Arg::new("health-check")
                .long("health-check")
                .value_name("URL")
                .num_args(0..=1)
                .default_missing_value("")
                .conflicts_with("print-config")
                .help("Ask a running server (by default the one configured here) and end with 0 if it is well"),
        )
        .args(FIELDS.iter().map(|field| argument(field, default_text(&defaults, field.key))))
}

fn argument(field: &'static Field, default: String) -> Arg {
    let help = format!("{} [env: {}] [default: {default}]", field.help, field.variable());
    let argument = Arg::new(field.flag)
        .long(field.flag)
        .value_name(field.value)
        .help_heading(field.heading())
        .help(help);
    if field.value == "BOOL" { argument.num_args(0..=1).default_missing_value("true") } else { argument }
}

fn default_text(defaults: &toml::Table, key: &str) -> String {
    match super::layers::lookup(defaults, key) {
        Some(toml::Value::String(text)) if text.is_empty() => "none".into(),
        Some(toml::Value::String(text)) => text.clone(),
        Some(toml::Value::Array(items)) if items.is_empty() => "none".into(),
        Some(toml::Value::Array(items)) => {
            items.iter().filter_map(toml::Value::as_str).collect::<Vec<_>>().join(",")
        }
        Some(other) => other.to_string(),
        None => "none".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Flags {
        let words = std::iter::once("keel").chain(arguments.iter().copied());
        Flags::from_matches(&command().try_get_matches_from(words).expect("valid arguments"))
    }

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn flags_carry_their_text() {
        let flags = parse(&["--http-port", "9000", "--tls-self-signed", "--kurento", "false", "--workers=2"]);
        assert_eq!(flags.action, Action::Serve);
        let values: Vec<_> = flags.values.iter().map(|(field, text)| (field.key, text.as_str())).collect();
        let expected = [
            ("http.port", "9000"),
            ("tls.self_signed", "true"),
            ("kurento.enabled", "false"),
            ("media.workers", "2"),
        ];
        assert_eq!(values, expected);
    }

    #[test]
    fn actions_are_told_apart() {
        assert_eq!(parse(&["--print-config"]).action, Action::PrintConfig);
        assert_eq!(parse(&["check"]).action, Action::Check);
        assert_eq!(parse(&["--http-port=1", "check", "--turn=false"]).action, Action::Check);
        assert!(command().try_get_matches_from(["keel", "chekc"]).is_err(), "a mistyped word is no start");
        assert_eq!(parse(&["--health-check"]).action, Action::HealthCheck { url: None });
        assert_eq!(
            parse(&["--health-check", "http://[::1]:1/"]).action,
            Action::HealthCheck { url: Some("http://[::1]:1/".into()) }
        );
    }

    #[test]
    fn help_names_every_flag_variable_and_default() {
        let help = command().render_long_help().to_string();
        for field in FIELDS {
            assert!(help.contains(&format!("--{}", field.flag)), "--{} is missing", field.flag);
            assert!(help.contains(&field.variable()), "{} is missing", field.variable());
        }
        for text in [
            "--config <FILE>",
            "--print-config",
            "--health-check [<URL>]",
            "--http-addresses <LIST>",
            "[env: KEEL_HTTP_ADDRESSES] [default: 127.0.0.1,::1]",
            "--http-port <PORT>",
            "[env: KEEL_HTTP_PORT] [default: 8080]",
            "--tls-self-signed [<BOOL>]",
            "[env: KEEL_MEDIA_PORT] [default: 10000]",
            "[env: KEEL_WORKERS] [default: 0]",
            "[env: KEEL_ACCESS] [default: local]",
            "[env: KEEL_DATA_DIR] [default: ./keel-data]",
        ] {
            assert!(help.contains(text), "the help lacks {text:?}:\n{help}");
        }
    }
}
