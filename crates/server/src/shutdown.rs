//! When the server ends: on SIGINT or SIGTERM, in order, within a deadline; at once on a second signal.

use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that end the server.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Takes the signals over from the system, which would end the process.
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) fn take() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// Runs `drain`, which ends everything in order, but no longer than `deadline` or a second signal.
    pub(crate) async fn drain(&mut self, deadline: Duration, drain: impl Future<Output = ()>) -> ExitCode {
        tracing::info!(deadline_s = deadline.as_secs(), "ending all calls; a second signal ends at once");
        tokio::select! {
            ended = tokio::time::timeout(deadline, drain) => match ended {
                Ok(()) => {
                    tracing::info!("ended");
                    ExitCode::SUCCESS
                }
                Err(_) => {
                    tracing::warn!("the deadline passed before everything had ended");
                    ExitCode::FAILURE
                }
            },
            () = self.next() => {
                tracing::warn!("second signal: ending at once");
                ExitCode::FAILURE
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;

    #[tokio::test]
    async fn a_drain_that_ends_is_a_success() {
        let mut signals = Signals::take().expect("signals");
        let code = signals.drain(Duration::from_secs(600), async {}).await;
        assert_eq!(code, ExitCode::SUCCESS);
    }

    #[tokio::test(start_paused = true)]
    async fn a_drain_that_hangs_ends_at_the_deadline() {
        let mut signals = Signals::take().expect("signals");
        let code = signals.drain(Duration::from_secs(10), pending()).await;
        assert_eq!(code, ExitCode::FAILURE);
    }
}
