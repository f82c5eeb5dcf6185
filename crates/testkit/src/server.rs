//! The real `keel` binary as a child process, with a data directory and ports of its own.

use crate::signaling::Trust;
use anyhow::{Context, Result, bail};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use tempfile::TempDir;

/// How long a start or an HTTP request may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whether the server speaks HTTPS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tls {
    /// HTTP.
    #[default]
    Off,
    /// HTTPS with the certificate that the server makes itself.
    SelfSigned,
}

/// Settings of a [`KeelServer`].
#[derive(Clone, Debug, Default)]
pub struct ServerOptions {
    /// HTTP or HTTPS.
    pub tls: Tls,
    /// Media threads; 0 for one per core.
    pub workers: usize,
    /// Further flags.
    pub flags: Vec<String>,
}

/// A running server. It is killed when dropped.
#[derive(Debug)]
pub struct KeelServer {
    child: Child,
    url: String,
    kurento_url: String,
    data: TempDir,
}

/// What the system says about a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessUsage {
    /// Memory in use (resident set), KiB.
    pub resident_kib: u64,
    /// Threads.
    pub threads: u64,
    /// Open file descriptors, sockets included.
    pub descriptors: u64,
}

impl KeelServer {
    /// Starts a server on loopback and waits until it says where it listens.
    ///
    /// # Errors
    /// When the binary is missing, ends at once, or says nothing in time; the message holds its log.
    pub fn start(options: &ServerOptions) -> Result<Self> {
        let binary = binary()?;
        let data = tempfile::tempdir()?;
        let log = File::create(log_path(&data))?;
        let mut command = Command::new(&binary);
        command
            .arg(format!("--data-dir={}", data.path().display()))
            .args(["--http-port=0", "--http-addresses=127.0.0.1"])
            .args(["--kurento-port=0", "--kurento-addresses=127.0.0.1"])
            .args(["--media-port=0", "--media-addresses=127.0.0.1", "--turn-port=0"])
            .arg(format!("--workers={}", options.workers))
            .args(&options.flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log);
        if options.tls == Tls::SelfSigned {
            command.arg("--tls-self-signed");
        }
        let mut child = command.spawn().with_context(|| format!("cannot start {}", binary.display()))?;
        let output = child.stdout.take().context("the standard output is piped")?;
        let report = report(output).unwrap_or_default();
        match (first_url(&report, "http"), first_url(&report, "ws")) {
            (Some(url), kurento) => Ok(Self {
                child,
                url: url.to_owned(),
                kurento_url: kurento.unwrap_or_default().replace("localhost", "127.0.0.1"),
                data,
            }),
            (None, _) => {
                // Both may fail only if it has ended by itself.
                let _ = child.kill();
                let _ = child.wait();
                bail!("keel did not start: {}", fs::read_to_string(log_path(&data)).unwrap_or_default());
            }
        }
    }

    /// Where to open the page: `http://localhost:PORT/`, or `https:`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where the call protocol is spoken: `ws://127.0.0.1:PORT/call`, or `wss:`.
    #[must_use]
    pub fn call_url(&self) -> String {
        call_url(&self.url)
    }

    /// Where the Kurento protocol is spoken: `ws://127.0.0.1:PORT/kurento`; empty when it is off.
    #[must_use]
    pub fn kurento_url(&self) -> &str {
        &self.kurento_url
    }

    /// What a client must trust to connect.
    ///
    /// # Errors
    /// When the server's certificate cannot be read.
    pub fn trust(&self) -> Result<Trust> {
        if self.url.starts_with("https:") {
            Ok(Trust::Certificate(fs::read(self.data.path().join("self-signed.cert.pem"))?))
        } else {
            Ok(Trust::Nobody)
        }
    }

    /// The answer to `GET path`: status and body. For servers without TLS.
    ///
    /// # Errors
    /// When the server does not answer in time.
    pub fn get(&self, path: &str) -> Result<(u16, String)> {
        let authority = authority(&self.url);
        let mut stream = TcpStream::connect(&authority)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        // HTTP/1.0 asks for a body that ends with the connection.
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {authority}\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").context("the answer has no body")?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Ok((status.context("the answer has no status")?, body.to_owned()))
    }

    /// The value of a metric, summed over its labels.
    ///
    /// # Errors
    /// When `/metrics` does not answer or has no such metric.
    pub fn metric(&self, name: &str) -> Result<f64> {
        let (_, text) = self.get("/metrics")?;
        sum_metric(&text, name).with_context(|| format!("there is no metric {name}"))
    }

    /// Waits until nothing of any call is left: sessions, endpoints, pipelines and calls are zero. Gauges
    /// have no events, so they are read again and again. For servers without TLS.
    ///
    /// # Errors
    /// When something is left for 30 s, or `/metrics` does not answer.
    pub async fn emptied(&self) -> Result<()> {
        let mut looks = tokio::time::interval(Duration::from_millis(20));
        let empty = async {
            loop {
                looks.tick().await;
                let mut left = 0.0;
                for gauge in
                    ["keel_sessions", "keel_endpoints", "keel_pipelines", "keel_relays", "keel_calls_active"]
                {
                    left += self.metric(gauge)?;
                }
                if left == 0.0 {
                    return Ok(());
                }
            }
        };
        tokio::time::timeout(PATIENCE, empty).await.context("something is left of a call")?
    }

    /// What the server uses of the system's resources.
    ///
    /// # Errors
    /// When the process has ended.
    pub fn usage(&self) -> Result<ProcessUsage> {
        let process = PathBuf::from(format!("/proc/{}", self.child.id()));
        let status = fs::read_to_string(process.join("status")).context("the server has ended")?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().nth(0)?.parse().ok()
        };
        Ok(ProcessUsage {
            resident_kib: field("VmRSS:").context("the system tells no memory")?,
            threads: field("Threads:").context("the system tells no threads")?,
            descriptors: fs::read_dir(process.join("fd"))?.count() as u64,
        })
    }

    /// Waits until the server has no more than so many files and sockets open: the connection over which its
    /// metrics were read closes when both sides have noticed, of which nothing tells.
    ///
    /// # Errors
    /// When it has more for 30 s, or the process has ended.
    pub async fn closed_down_to(&self, descriptors: u64) -> Result<ProcessUsage> {
        let mut looks = tokio::time::interval(Duration::from_millis(20));
        let closed = async {
            loop {
                looks.tick().await;
                let usage = self.usage()?;
                if usage.descriptors <= descriptors {
                    return anyhow::Ok(usage);
                }
            }
        };
        let words = || format!("more than {descriptors} descriptors stay open: {:?}", self.usage());
        tokio::time::timeout(PATIENCE, closed).await.with_context(words)?
    }

    /// What the server has logged.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn log(&self) -> Result<String> {
        Ok(fs::read_to_string(log_path(&self.data))?)
    }

    /// Asks the server to end (SIGTERM) and waits until it has; says whether it ended well.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn terminate(mut self) -> Result<bool> {
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        Ok(self.child.wait()?.success())
    }
}

impl Drop for KeelServer {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where a server at `url` speaks the call protocol. `localhost` becomes 127.0.0.1, which needs no lookup.
#[must_use]
pub fn call_url(url: &str) -> String {
    let scheme = if url.starts_with("https:") { "wss" } else { "ws" };
    format!("{scheme}://{}/call", authority(url))
}

/// Where a server at `url` speaks the group call's protocol.
#[must_use]
pub fn group_call_url(url: &str) -> String {
    call_url(url).replace("/call", "/groupcall")
}

fn authority(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.trim_end_matches('/').replace("localhost", "127.0.0.1")
}

fn log_path(data: &TempDir) -> PathBuf {
    data.path().join("keel.log")
}

/// `$KEEL_BINARY`, or `keel` in the target directory that this program was built into.
fn binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("KEEL_BINARY") {
        return Ok(path.into());
    }
    let program = std::env::current_exe()?;
    let found =
        program.ancestors().skip(1).take(3).map(|folder| folder.join("keel")).find(|path| path.is_file());
    found.context("there is no `keel` binary beside this program: run `cargo build -p keel` first")
}

/// A server's start-up report; `None` when it ends before or says none in time.
fn report(output: impl Read + Send + 'static) -> Option<String> {
    let (sender, reports) = mpsc::sync_channel(1);
    // Ends with the server, whose output it reads to the end so that the server never waits for a reader.
    std::thread::spawn(move || {
        let mut report = String::new();
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            report.push_str(&line);
            report.push('\n');
            if line.starts_with(LAST_LINE) {
                // Only one is waited for.
                let _ = sender.try_send(std::mem::take(&mut report));
            }
        }
    });
    reports.recv_timeout(PATIENCE).ok()
}

/// How the last line of a report begins that every report has.
const LAST_LINE: &str = "  stop ";

/// The first word of a report that begins with this scheme.
fn first_url<'a>(report: &'a str, scheme: &str) -> Option<&'a str> {
    report.split_whitespace().find(|word| word.starts_with(scheme) && word.contains("://"))
}

fn sum_metric(text: &str, name: &str) -> Option<f64> {
    let values = text.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let (labels, value) = rest.rsplit_once(' ')?;
        (labels.is_empty() || labels.starts_with('{')).then(|| value.parse::<f64>().ok())?
    });
    values.fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_summed_over_its_labels_and_not_confused_with_longer_names() {
        let text = "# TYPE keel_calls counter\nkeel_calls_total{outcome=\"ended\"} 3\n\
                    keel_calls_total{outcome=\"busy\"} 2\nkeel_calls_active 7\n";
        assert_eq!(sum_metric(text, "keel_calls_total"), Some(5.0));
        assert_eq!(sum_metric(text, "keel_calls_active"), Some(7.0));
        assert_eq!(sum_metric(text, "keel_calls"), None);
    }

    #[test]
    fn the_first_urls_of_the_report_are_taken() {
        let text = "Keel 0.1.0 is ready.\n\n  open     http://localhost:8080/\n           http://10.0.0.1:8080/\n  \
                    kurento  ws://localhost:8888/kurento\n  stop     Ctrl-C\n";
        let said = report(text.as_bytes()).expect("a whole report");
        assert_eq!(first_url(&said, "http"), Some("http://localhost:8080/"));
        assert_eq!(first_url(&said, "ws"), Some("ws://localhost:8888/kurento"));
        assert_eq!(report(&b"error: port in use\n"[..]), None);
        assert_eq!(call_url("https://localhost:8443/"), "wss://127.0.0.1:8443/call");
    }
}
