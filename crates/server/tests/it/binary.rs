//! The `keel` binary as a child process, in its own directory and with no settings from this process's
//! environment.

use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Output, Stdio};
use tempfile::TempDir;

/// `keel` with these arguments, not started yet.
pub(crate) fn keel(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keel"));
    command.current_dir(dir).args(arguments);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("KEEL_") {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a `keel` that ends by itself.
pub(crate) fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let dir = tempfile::tempdir().expect("a directory");
    keel(dir.path(), arguments).envs(variables.iter().copied()).output().expect("keel starts")
}

/// A serving `keel`; killed when dropped.
pub(crate) struct Server {
    child: Child,
    stdout: BufReader<ChildStdout>,
    log: BufReader<ChildStderr>,
    /// What it printed until it was ready.
    pub(crate) report: String,
    /// The first URL of the report.
    pub(crate) url: String,
    dir: PathBuf,
    /// Removed with the server, when it was made for it.
    own_dir: Option<TempDir>,
}

impl Server {
    /// Starts `keel` in a directory of its own and waits for its report.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        match Self::start_in(dir.path(), arguments) {
            Ok(mut server) => {
                server.own_dir = Some(dir);
                server
            }
            Err(reason) => panic!("keel ended before it was ready: {reason}"),
        }
    }

    /// Starts `keel` on free ports in `dir`; its last words when it ends instead of serving.
    pub(crate) fn start_in(dir: &Path, arguments: &[&str]) -> Result<Self, String> {
        let places = ["--http-addresses=127.0.0.1", "--kurento-addresses=127.0.0.1", "--workers=1"];
        let ports = ["--http-port=0", "--kurento-port=0", "--media-port=0", "--turn-port=0"];
        Self::start_as(dir, &[&places[..], &ports, arguments].concat())
    }

    /// Starts `keel` with nothing but these arguments; its last words when it ends instead of serving.
    pub(crate) fn start_as(dir: &Path, arguments: &[&str]) -> Result<Self, String> {
        let mut child = keel(dir, arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("keel starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("a piped output"));
        let mut log = BufReader::new(child.stderr.take().expect("piped errors"));
        let mut report = String::new();
        // The report's last line; the end of output means that keel gave up.
        while !report.contains("\n  stop ") {
            if stdout.read_line(&mut report).expect("readable output") == 0 {
                let mut reason = String::new();
                log.read_to_string(&mut reason).expect("text");
                child.wait().expect("keel ends");
                return Err(reason);
            }
        }
        let url = report
            .split_whitespace()
            .find(|word| word.starts_with("http"))
            .expect("a URL in the report")
            .to_owned();
        Ok(Self { child, stdout, log, report, url, dir: dir.to_owned(), own_dir: None })
    }

    /// The directory it runs in.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("keel runs");
    }

    /// Waits until the log says `words`.
    pub(crate) fn wait_for_log(&mut self, words: &str) {
        let mut line = String::new();
        while !line.contains(words) {
            line.clear();
            assert_ne!(
                self.log.read_line(&mut line).expect("text"),
                0,
                "keel ended without saying {words:?}"
            );
        }
    }

    /// Sends a signal and waits for the end.
    pub(crate) fn end(mut self, signal: Signal) -> ExitStatus {
        self.signal(signal);
        // Its end closes the output, whatever is still in it.
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).expect("text");
        self.child.wait().expect("keel ends")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails when it has ended, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
