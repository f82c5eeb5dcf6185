//! What the system knows of this process.

use std::fs;
use std::io;
use std::time::Duration;

/// The share of all processors that this process uses in the next `interval`, in percent.
///
/// # Errors
/// Where there is no `/proc`, or it reads otherwise.
pub(crate) async fn used_cpu_percent(interval: Duration) -> io::Result<f64> {
    let before = Ticks::read()?;
    tokio::time::sleep(interval).await;
    Ok(Ticks::read()?.percent_since(&before))
}

/// Memory of this process that is in use (resident), in KiB.
///
/// # Errors
/// Where there is no `/proc`, or it reads otherwise.
pub(crate) fn used_memory_kib() -> io::Result<i64> {
    resident_kib(&fs::read_to_string("/proc/self/status")?).ok_or_else(unreadable)
}

/// proc(5): the line `VmRSS:   1234 kB` of `/proc/PID/status`; a kB is 1024 bytes there.
fn resident_kib(status: &str) -> Option<i64> {
    let rest = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// Processor time in the system's ticks, since the start of each.
struct Ticks {
    process: u64,
    system: u64,
}

impl Ticks {
    fn read() -> io::Result<Self> {
        let process = process_ticks(&fs::read_to_string("/proc/self/stat")?).ok_or_else(unreadable)?;
        let system = system_ticks(&fs::read_to_string("/proc/stat")?).ok_or_else(unreadable)?;
        Ok(Self { process, system })
    }

    fn percent_since(&self, before: &Self) -> f64 {
        let system = self.system.saturating_sub(before.system);
        // An interval shorter than a tick shows nothing.
        if system == 0 {
            return 0.0;
        }
        let process = self.process.saturating_sub(before.process);
        (process as f64 * 100.0 / system as f64).min(100.0)
    }
}

/// proc(5): `utime` and `stime` are the fields 14 and 15 of `/proc/PID/stat`. The second, the program's name
/// in brackets, may contain anything, so counting begins behind it.
fn process_ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    user.checked_add(system)
}

/// proc(5): the first line of `/proc/stat` has the ticks of all processors, idle ones too. The ninth and
/// tenth field, guests, are counted in the first and second already.
fn system_ticks(stat: &str) -> Option<u64> {
    let fields = stat.lines().next()?.strip_prefix("cpu ")?.split_whitespace().take(8);
    fields.map(|field| field.parse::<u64>().ok()).sum()
}

fn unreadable() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "/proc reads otherwise")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_s_name_does_not_move_the_fields() {
        let stat = "42 (a) b (c) R 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20";
        assert_eq!(process_ticks(stat), Some(300));
        assert_eq!(process_ticks("42 (keel) R 1"), None);
    }

    #[test]
    fn guests_are_not_counted_twice() {
        assert_eq!(system_ticks("cpu  10 1 20 300 4 5 6 7 8 9\ncpu0 1"), Some(353));
        assert_eq!(system_ticks("intr 1"), None);
    }

    #[test]
    fn half_of_all_processors_is_50_percent() {
        let before = Ticks { process: 100, system: 1000 };
        assert_eq!(Ticks { process: 150, system: 1100 }.percent_since(&before), 50.0);
        assert_eq!(before.percent_since(&before), 0.0);
    }

    #[test]
    fn this_process_has_figures() {
        assert_eq!(resident_kib("Name:\tkeel\nVmRSS:\t  2048 kB\n"), Some(2048));
        assert!(used_memory_kib().expect("there is /proc") > 1000);
        assert!(Ticks::read().expect("there is /proc").system > 0);
    }
}
