//! A fresh `keel` for each row, pinned to a core.

use crate::plan::{Protocol, Server};
use anyhow::{Context as _, bail};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

/// A running server with one worker. It is killed when dropped, and its directory removed.
#[derive(Debug)]
pub(super) struct Keel {
    child: Child,
    /// Held open: a server that finds nobody there when it prints would end.
    _output: BufReader<ChildStdout>,
    /// Where it speaks Kurento's protocol.
    kurento: Server,
    /// Where its livestreams are.
    livestreams: Server,
    /// Where its rooms are.
    rooms: Server,
    data: PathBuf,
}

impl Keel {
    /// Starts `binary` on `core`.
    pub(super) fn start(binary: &Path, core: usize, workers: usize) -> anyhow::Result<Self> {
        let data = std::env::temp_dir().join(format!("keel-load-{}", std::process::id()));
        let mut child = Command::new("taskset")
            .args(["-c", &core.to_string()])
            .arg(binary)
            .arg(format!("--data-dir={}", data.display()))
            .args(["--http-port=0", "--http-addresses=127.0.0.1"])
            .args(["--kurento-port=0", "--kurento-addresses=127.0.0.1"])
            .args(["--media-port=0", "--media-addresses=127.0.0.1", "--turn=false"])
            .arg(format!("--workers={workers}"))
            // With several workers each gets its part of any pipeline, however small.
            .arg(if workers > 1 { "--placement=spread" } else { "--placement=together" })
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start `taskset` (of util-linux), which pins the server to its core")?;
        let output = child.stdout.take().context("the standard output is piped")?;
        let mut output = BufReader::new(output);
        let mut words = output.by_ref().lines().map_while(Result::ok).flat_map(|line| {
            line.split_whitespace().map(|word| word.replace("localhost", "127.0.0.1")).collect::<Vec<_>>()
        });
        // The page's address comes first.
        let page = words.by_ref().find(|word| word.starts_with("http://"));
        let kurento = words.find(|word| word.starts_with("ws://"));
        let (Some(page), Some(kurento)) = (page, kurento) else {
            bail!("{} did not start: see what it said above", binary.display());
        };
        let livestreams = Server::parse(&page)?;
        let rooms = Server::parse(&format!("{}groupcall", page.replacen("http", "ws", 1)))?;
        let kurento = Server::parse(&kurento)?;
        Ok(Self { child, _output: output, livestreams, kurento, rooms, data })
    }

    /// Where it speaks a protocol; calls are measured by Kurento's.
    pub(super) fn server(&self, protocol: Protocol) -> Server {
        match protocol {
            Protocol::Group => self.rooms.clone(),
            Protocol::Live => self.livestreams.clone(),
            Protocol::Kurento | Protocol::Call => self.kurento.clone(),
        }
    }

    /// Its process.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Keel {
    fn drop(&mut self) {
        // All fail only where there is nothing left to end or remove.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.data);
    }
}
