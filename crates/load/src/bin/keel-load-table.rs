//! The standard table of `scripts/bench`: see `keel-load-table --help`.

use anyhow::Context as _;
use clap::Parser;
use keel_load::table::{Settings, measure};
use std::path::PathBuf;
use std::process::ExitCode;

/// Measures what one worker of Keel carries on one core, beside what the system itself can do, and writes
/// performance.md and performance.svg. Takes about ten minutes and two cores.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The `keel` binary; default: beside this program
    #[arg(long, value_name = "FILE")]
    keel: Option<PathBuf>,
    /// The folder to write to
    #[arg(long, value_name = "DIR", default_value = "docs")]
    folder: PathBuf,
    /// The core of the server
    #[arg(long, value_name = "CORE", default_value_t = 0)]
    server_core: usize,
    /// The core of the load
    #[arg(long, value_name = "CORE", default_value_t = 1)]
    load_core: usize,
    /// Two rows in half a minute: shows that it works
    #[arg(long)]
    quick: bool,
}

fn main() -> ExitCode {
    match carry_out(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&format!("keel-load-table: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn carry_out(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { keel, folder, server_core, load_core, quick } = arguments;
    let keel = match keel {
        Some(keel) => keel,
        None => std::env::current_exe()?.parent().context("a program is in a folder")?.join("keel"),
    };
    let settings = Settings { keel, server_core, load_core, folder, quick };
    let mut told = String::new();
    let page = measure(&settings, &mut |text| {
        // While peers join, the same is told again and again.
        if told != text {
            tell(text);
            text.clone_into(&mut told);
        }
    })?;
    say(&page);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "what the user asked for")]
fn say(text: &str) {
    print!("{text}");
}

#[expect(clippy::print_stderr, reason = "why the program ends, and how far it is")]
fn tell(text: &str) {
    eprintln!("{text}");
}
