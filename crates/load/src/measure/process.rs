//! What a process uses: CPU time and memory, from `/proc`.

use anyhow::{Context as _, anyhow};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// A process of this machine.
#[derive(Clone, Debug)]
pub struct Process(PathBuf);

/// What it used up to now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Usage {
    /// CPU time of its threads that live, user and system.
    pub cpu: Duration,
    /// Memory it has (resident set), KiB.
    pub resident_kib: u64,
}

impl Process {
    /// The process with this id.
    #[must_use]
    pub fn new(pid: u32) -> Self {
        Self(PathBuf::from(format!("/proc/{pid}")))
    }

    /// This process.
    #[must_use]
    pub fn own() -> Self {
        Self(PathBuf::from("/proc/self"))
    }

    /// What it used up to now. The CPU time is that of the scheduler (`schedstat`), exact to a nanosecond:
    /// `stat` counts in hundredths of a second, a tenth of what an ordinary load takes in a second.
    ///
    /// # Errors
    /// When there is no such process, or the system does not tell.
    pub fn usage(&self) -> anyhow::Result<Usage> {
        let Self(path) = self;
        let absent = || anyhow!("there is no process {} to look at: has the server ended?", path.display());
        let status = fs::read_to_string(path.join("status")).map_err(|_| absent())?;
        let resident_kib = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok())
            .with_context(absent)?;
        let mut cpu = Duration::ZERO;
        for thread in fs::read_dir(path.join("task")).map_err(|_| absent())? {
            // A thread may end between the listing and the reading.
            if let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) {
                cpu += running_time(&text)?;
            }
        }
        Ok(Usage { cpu, resident_kib })
    }
}

/// The CPU time of the calling thread, user and system.
///
/// # Errors
/// When the system does not tell.
pub fn thread_cpu() -> anyhow::Result<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").context("the kernel has no schedstat")?;
    running_time(&text)
}

fn running_time(schedstat: &str) -> anyhow::Result<Duration> {
    let nanoseconds = schedstat.split_whitespace().next().context("schedstat begins with the CPU time")?;
    Ok(Duration::from_nanos(nanoseconds.parse()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_used_time_and_memory_and_uses_more() {
        let before = Process::own().usage().expect("it lives");
        let own = Process::new(std::process::id());
        while own.usage().expect("it lives").cpu <= before.cpu + Duration::from_millis(1) {}
        assert!(before.resident_kib > 100, "{before:?}");
        assert!(thread_cpu().expect("it runs") > Duration::ZERO);
    }

    #[test]
    fn a_process_that_does_not_exist_is_told() {
        // Process ids end at 2^22.
        let error = Process::new(u32::MAX).usage().expect_err("there is none");
        assert!(error.to_string().contains("has the server ended?"), "{error}");
    }
}
