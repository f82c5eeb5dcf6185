//! The machine itself: its clock, its files, what it grants.

use super::Scene;
use super::finding::Findings;
use crate::file_limit;
use socket2::{Domain, Protocol, Socket, Type};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use time::OffsetDateTime;

/// How far a file may be ahead of the clock: file servers have clocks of their own.
const AHEAD_MAX: Duration = Duration::from_mins(5);

pub(super) fn look(scene: &Scene<'_>, findings: &mut Findings) {
    data(scene, findings);
    clock(scene, findings);
    files(scene, findings);
    buffers(scene, findings);
    interfaces(scene, findings);
}

fn data(scene: &Scene<'_>, findings: &mut Findings) {
    let trial = scene.data_dir.join("check.part");
    let written = fs::write(&trial, "a check").and_then(|()| fs::remove_file(&trial));
    let shown = scene.data_dir.display();
    match written {
        Ok(()) => findings.good("data", shown),
        Err(error) => findings.bad(
            "data",
            format!("cannot write in {shown}: {error}"),
            "give it to the user that runs Keel, or set data_dir",
        ),
    }
}

/// There is no second clock to compare with. A clock that is behind shows in files that were written later than
/// now; one that is ahead cannot be seen from within, but in a certificate that is over.
fn clock(scene: &Scene<'_>, findings: &mut Findings) {
    let program = std::env::current_exe().ok();
    let data = fs::read_dir(&scene.data_dir).into_iter().flatten();
    let kept = data.filter_map(Result::ok).map(|entry| entry.path());
    match latest(program.into_iter().chain(kept)) {
        Some((path, written)) if written > scene.now + AHEAD_MAX => findings.bad(
            "clock",
            format!("it is {}, but {} was written {}", minute(scene.now), path.display(), minute(written)),
            "set the clock (`timedatectl set-ntp true`): certificates and TURN credentials depend on it",
        ),
        _ => findings.good("clock", minute(scene.now)),
    }
}

/// The file that was written last.
fn latest(files: impl Iterator<Item = PathBuf>) -> Option<(PathBuf, SystemTime)> {
    let dated = files.filter_map(|path| {
        let written = fs::metadata(&path).and_then(|file| file.modified()).ok()?;
        Some((path, written))
    });
    dated.max_by_key(|(_, written)| *written)
}

/// A time to the minute, UTC.
pub(super) fn minute(time: SystemTime) -> String {
    let time = OffsetDateTime::from(time);
    format!("{} {:02}:{:02} UTC", time.date(), time.hour(), time.minute())
}

fn files(scene: &Scene<'_>, findings: &mut Findings) {
    let wanted = u64::from(scene.config.settings.limits.connections);
    match file_limit::most() {
        Some(limit) if limit < wanted => findings.doubtful(
            "files",
            format!(
                "{limit} may be open, fewer than the {wanted} connections that limits.connections allows"
            ),
            "raise `ulimit -n` (LimitNOFILE= in systemd), or lower limits.connections",
        ),
        Some(limit) => findings.good("files", format!("{limit} may be open")),
        None => findings.good("files", "any number may be open"),
    }
}

fn buffers(scene: &Scene<'_>, findings: &mut Findings) {
    let wanted = scene.config.settings.media.socket_buffer_kib as usize * 1024;
    match granted(wanted) {
        Ok((receive, send)) if receive < wanted || send < wanted => findings.doubtful(
            "buffers",
            format!(
                "media sockets get {} KiB to receive and {} to send, of {} that media.socket_buffer_kib asks for: \
                 under heavy load packets are lost there first",
                receive / 1024,
                send / 1024,
                wanted / 1024
            ),
            format!("`sysctl -w net.core.rmem_max={wanted} net.core.wmem_max={wanted}`"),
        ),
        Ok(_) => findings.good("buffers", format!("media sockets get the {} KiB that they ask for", wanted / 1024)),
        Err(error) => findings.bad("buffers", format!("no UDP socket can be opened: {error}"), "ask your administrator"),
    }
}

/// What a socket gets that asks for this, to receive and to send.
fn granted(wanted: usize) -> io::Result<(usize, usize)> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_recv_buffer_size(wanted)?;
    socket.set_send_buffer_size(wanted)?;
    // Linux reports twice the usable size.
    Ok((socket.recv_buffer_size()? / 2, socket.send_buffer_size()? / 2))
}

fn interfaces(scene: &Scene<'_>, findings: &mut Findings) {
    for name in &scene.config.settings.media.interfaces {
        if !Path::new("/sys/class/net").join(name).exists() {
            findings.bad(
                "network",
                format!("media.interfaces names {name}, which this machine does not have"),
                "`ip link` lists those that it has",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Access, Config, Settings, Tls};

    #[test]
    fn a_clock_behind_its_own_files_is_wrong() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("keel.redb"), "data").expect("written");
        let config = Config { settings: Settings::default(), access: Access::Local, tls: Tls::Off };
        let told = |now: SystemTime| {
            let scene = Scene { config: &config, data_dir: dir.path().into(), interfaces: Vec::new(), now };
            let mut findings = Findings::default();
            clock(&scene, &mut findings);
            (findings.is_sound(), findings.to_string())
        };
        let now = SystemTime::now();
        assert!(told(now).0);
        let (is_sound, text) = told(now - Duration::from_hours(24 * 365));
        assert!(!is_sound && text.contains("was written") && text.contains("timedatectl"), "{text}");
    }
}
