//! `keel token`: makes a JSON Web Token for the server that the same configuration describes.

use crate::app::token_config;
use crate::config::Config;
use anyhow::Context;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use keel_signaling::{Grants, Names};
use std::time::Duration;

/// What the token is to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenRequest {
    grants: Grants,
    subject: Option<String>,
    valid: Duration,
}

/// Longer than a year is a password, not a token.
const VALID_S_MAX: u64 = 366 * 24 * 3600;

/// The subcommand.
pub(crate) fn command() -> Command {
    let names = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("NAME").action(ArgAction::Append).help(help)
    };
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    Command::new("token")
        .about(
            "Print a token (JWT) signed with the configured secret. Settings come before the word `token`: \
             keel --config keel.toml token --room standup. A NAME that ends with * stands for all names that \
             begin like it; a NAME option can be given several times.",
        )
        .arg(flag("call", "One-to-one calls"))
        .arg(names("room", "A room that may be made and joined"))
        .arg(names("moderator", "A room, of those above, whose moderator the holder is"))
        .arg(names("publish", "A stream that may be sent"))
        .arg(names("subscribe", "A stream that may be watched"))
        .arg(flag("kurento", "The Kurento protocol"))
        .arg(flag("admin", "Administration: everything under /api/"))
        .arg(Arg::new("name").long("name").value_name("NAME").help("The name that the holder goes by"))
        .arg(Arg::new("subject").long("subject").value_name("TEXT").help("The claim `sub`"))
        .arg(
            Arg::new("valid-s")
                .long("valid-s")
                .value_name("SECONDS")
                .value_parser(value_parser!(u64).range(1..=VALID_S_MAX))
                .default_value("3600")
                .help("How long it is valid, up to a year"),
        )
}

impl TokenRequest {
    /// What the arguments of [`command`] ask for.
    pub(crate) fn from_matches(matches: &ArgMatches) -> Result<Self, String> {
        let names = |name: &str| match matches.get_many::<String>(name) {
            None => Ok(Names::Nothing),
            Some(names) => {
                Names::these(names.cloned().collect()).map_err(|error| format!("--{name}: {error}"))
            }
        };
        let text = |name: &str| matches.get_one::<String>(name).cloned();
        Ok(Self {
            grants: Grants {
                call: matches.get_flag("call"),
                room: names("room")?,
                publish: names("publish")?,
                subscribe: names("subscribe")?,
                kurento: matches.get_flag("kurento"),
                admin: matches.get_flag("admin"),
                moderator: names("moderator")?,
                name: text("name"),
            },
            subject: text("subject"),
            valid: Duration::from_secs(matches.get_one::<u64>("valid-s").copied().unwrap_or(3600)),
        })
    }
}

/// The token, on a line.
///
/// # Errors
/// When the configuration has no secret, or the name is none.
pub(crate) fn mint(config: &Config, request: &TokenRequest) -> anyhow::Result<String> {
    let minted = token_config(&config.settings)
        .mint(&request.grants, request.subject.as_deref(), request.valid)
        .context("no token; the settings under [tokens] decide (KEEL_TOKEN_SECRET)")?;
    Ok(format!("{}\n", minted.token))
}
