//! `keel`: the media server, its signaling and its pages in one program. `keel --help` lists what it can
//! be told; `config/` reads that, `app.rs` wires the parts, `shutdown.rs` ends them.

mod announce;
mod app;
mod build_info;
mod check;
mod config;
mod file_limit;
mod health;
mod listen;
mod relay;
mod report;
mod secret;
mod shared_port;
mod shutdown;
mod stun;
mod telemetry;
mod tls;
mod token;
mod turn;

use config::{Action, Config, Flags};
use std::process::ExitCode;

fn main() -> ExitCode {
    let flags = match Flags::from_matches(&config::command().get_matches()) {
        Ok(flags) => flags,
        Err(problem) => return fail(&format!("keel: {problem}")),
    };
    let variables: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let config = match Config::load(&flags, &variables) {
        Ok(config) => config,
        Err(errors) => return fail(&format!("keel cannot use its configuration:\n{errors}")),
    };
    let result = match &flags.action {
        Action::Serve => serve(config),
        Action::Token(request) => token::mint(&config, request).map(|text| say(&text)),
        Action::PrintConfig => config.redacted_toml().map(|text| say(&text)),
        Action::Check => check::run(config),
        Action::HealthCheck { url } => health::check(&config, url.as_deref()).map(|()| say("ok\n")),
    };
    result.unwrap_or_else(|error| fail(&format!("keel: {error:#}")))
}

fn serve(config: Config) -> anyhow::Result<ExitCode> {
    telemetry::start(&config.settings.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        let mut signals = shutdown::Signals::take()?;
        let app = app::App::start(config).await?;
        say(&app.report());
        app.run(&mut signals).await
    });
    // What is still blocked has had its deadline.
    runtime.shutdown_background();
    result
}

#[expect(clippy::print_stdout, reason = "what the user asked for, and the start-up report")]
fn say(text: &str) -> ExitCode {
    print!("{text}");
    ExitCode::SUCCESS
}

#[expect(clippy::print_stderr, reason = "the reason why the program ends, also before logging starts")]
fn fail(text: &str) -> ExitCode {
    eprintln!("{text}");
    ExitCode::FAILURE
}
