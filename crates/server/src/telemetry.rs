//! Where log events go: to standard error, so that standard output holds only the start-up report.

use crate::config::{LogFormat, LogSettings};
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Installs the process's log output. Call once.
///
/// # Errors
/// When the filter does not parse (the configuration's check is the same) or output is installed already.
pub(crate) fn start(settings: &LogSettings) -> anyhow::Result<()> {
    let filter = EnvFilter::builder().parse(&settings.filter)?;
    let output = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let installed = match settings.format {
        LogFormat::Text => output.try_init(),
        LogFormat::Json => output.json().flatten_event(true).try_init(),
    };
    installed.map_err(|error| anyhow::anyhow!("cannot start logging: {error}"))
}
