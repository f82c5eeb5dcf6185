//! `keel check`: tests the installation that a configuration describes, and says in plain words what to fix. A
//! running server is asked; where none runs, one is started for the length of the check, so that what is tested is
//! the real thing either way.
//!
//! `machine.rs` looks at the machine, `certificate.rs` at TLS, `port.rs` at the ports, `path.rs` at the ways that
//! peers take; `finding.rs` is what they say.

mod certificate;
mod finding;
mod machine;
mod path;
mod port;

use crate::app::{App, Places, make_data_dir};
use crate::config::Config;
use crate::health;
use crate::listen::interface_addresses;
use crate::secret::{Secret, probe};
use anyhow::Context;
use finding::Findings;
use keel_turn::Issued;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;
use tokio::runtime::Runtime;

/// What all parts of a check look at.
struct Scene<'a> {
    config: &'a Config,
    data_dir: PathBuf,
    interfaces: Vec<IpAddr>,
    /// The calendar time at which it began.
    now: SystemTime,
}

/// Runs the check and prints what it finds. The exit code is 0 when nothing is wrong.
///
/// # Errors
/// When the check itself cannot be made.
pub(crate) fn run(config: Config) -> anyhow::Result<ExitCode> {
    let runtime = Runtime::new()?;
    let findings = look(&config, &runtime)?;
    runtime.shutdown_background();
    crate::say(&findings.to_string());
    Ok(if findings.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn look(config: &Config, runtime: &Runtime) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    findings.good("settings", "valid");
    let data_dir = match make_data_dir(&config.settings.data_dir) {
        Ok(data_dir) => data_dir,
        Err(error) => {
            findings.bad("data", &error, "give the user that runs Keel a directory to write in");
            return Ok(findings);
        }
    };
    // clock: the certificate and the files are dated
    let scene = Scene { config, data_dir, interfaces: interface_addresses()?, now: SystemTime::now() };
    machine::look(&scene, &mut findings);
    certificate::look(&scene, &mut findings);

    if config.settings.http.port != 0 && health::check(config, None).is_ok() {
        findings.good("server", "runs, and is asked");
        if let Some(places) = port::expected(&scene, runtime, &mut findings) {
            ask(&scene, &places, &mut findings)?;
        }
        return Ok(findings);
    }
    if !port::can_be_had(&scene, runtime, &mut findings) {
        findings.doubtful(
            "server",
            "cannot start, so the ways to it were not tested",
            "check again after that",
        );
        return Ok(findings);
    }
    match runtime.block_on(App::start(config.clone())) {
        Ok(app) => {
            findings.good("server", "none runs: one was started for this check");
            let asked = ask(&scene, &app.places(), &mut findings);
            runtime.block_on(app.end());
            asked?;
        }
        Err(error) => findings.bad("server", &error, "a start would end the same way"),
    }
    Ok(findings)
}

/// Tests the ways to a server that listens at these places.
fn ask(scene: &Scene<'_>, places: &Places, findings: &mut Findings) -> anyhow::Result<()> {
    path::http(scene, places, findings);
    let secret = Secret::Check.read(&scene.data_dir)?;
    let Some(secret) = secret else {
        findings.bad(
            "media",
            "the running server keeps its data elsewhere, so its ports cannot be asked",
            "check with the settings, the directory and the user of the server",
        );
        return Ok(());
    };
    let credentials = probe(&secret);
    let probe = Issued { username: credentials.ufrag, password: credentials.password };
    path::media(scene, places, &probe, findings);
    path::turn(scene, places, &probe, findings).context("turn.secret")
}
