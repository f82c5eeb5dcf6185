//! What relaying costs: CPU for each packet through Keel's TURN server and through coturn's turnserver, in the same
//! run, loaded by coturn's `turnutils_uclient` (Debian's package `coturn`). `scripts/bench --bench turn_relay`; the
//! standard `scripts/bench` puts its table at the end of `docs/performance.md`.
//!
//! Each client sends a datagram of 1000 bytes every two milliseconds through a channel to a peer that sends it back, so that a
//! message is two relayed packets. What the client loses on a busy machine was relayed once.

use anyhow::{Context, Result, ensure};
use keel_turn::{
    Credentials, Doors, OwnSocket, PeerPolicy, Rate, RelayAddresses, TurnConfig, TurnLimits, TurnServer,
};
use std::fs;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const SECRET: &str = "a-secret-of-this-benchmark";
const HOST: Ipv4Addr = Ipv4Addr::LOCALHOST;
const CLIENTS: usize = 8;
/// Clock ticks of /proc in a second, on every Linux that Keel runs on.
const TICKS_PER_SECOND: f64 = 100.0;

fn main() -> Result<()> {
    // `cargo test` runs benchmarks without this flag: once, to see that they work.
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    let (rounds, messages) = if is_measured { (3, 5_000) } else { (1, 50) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let echo = UdpSocket::bind((HOST, 0))?;
    let peer = echo.local_addr()?;
    std::thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = echo.recv_from(&mut buffer) {
            // A lost echo shows in the client's count.
            let _ = echo.send_to(&buffer[..length], from);
        }
    });
    let mut out = std::io::stdout();
    writeln!(out, "| round | clients by | Keel, us | coturn, us |\n| --- | --- | --- | --- |")?;
    for round in 1..=rounds {
        for transport in [&[][..], &["-t"]] {
            let (server, port) = keel()?;
            // Once it answers, its thread has its name.
            runtime.block_on(server.snapshot()).context("the server runs")?;
            let keel = cost(&thread_stat("keel-turn")?, peer, port, messages, transport)?;
            runtime.block_on(server.stop());
            let coturn = Coturn::start()?;
            let stat = format!("/proc/{}/stat", coturn.child.id());
            let theirs = cost(&stat, peer, coturn.port, messages, transport)?;
            let name = if transport.is_empty() { "UDP" } else { "TCP" };
            writeln!(out, "| {round} | {name} | {keel:.2} | {theirs:.2} |")?;
        }
    }
    Ok(())
}

/// CPU for each relayed packet, in microseconds, of the process or thread with this stat.
fn cost(stat: &str, peer: SocketAddr, port: u16, messages: usize, transport: &[&str]) -> Result<f64> {
    let before = ticks(stat)?;
    let (ip, peer_port) = (peer.ip().to_string(), peer.port().to_string());
    let (clients, messages_each, port) = (CLIENTS.to_string(), messages.to_string(), port.to_string());
    let output = Command::new("turnutils_uclient")
        .args(transport)
        .args(["-W", SECRET, "-u", "bench", "-e", &ip, "-r", &peer_port, "-c", "-z", "2", "-l", "1000"])
        .args(["-m", &clients, "-n", &messages_each, "-p", &port, &ip])
        .output()
        .context("turnutils_uclient is missing: apt-get install coturn")?;
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let lost = text
        .lines()
        .find_map(|line| line.split_once("Total lost packets ")?.1.split(' ').next()?.parse().ok());
    let sent = CLIENTS * messages;
    let lost: usize = lost.with_context(|| format!("the client relayed nothing:\n{text}"))?;
    ensure!(lost * 10 <= sent, "{lost} of {sent} messages were lost:\n{text}");
    let spent = (ticks(stat)? - before) as f64 / TICKS_PER_SECOND * 1e6;
    Ok(spent / (2 * sent - lost) as f64)
}

/// User and system time so far (proc_pid_stat(5), fields 14 and 15).
fn ticks(stat: &str) -> Result<u64> {
    let text = fs::read_to_string(stat)?;
    let fields: Vec<&str> =
        text.rsplit(')').next().context("a name in brackets")?.split_whitespace().collect();
    let field = |place: usize| -> Result<u64> { Ok(fields.get(place).context("a shorter line")?.parse()?) };
    Ok(field(11)? + field(12)?)
}

fn thread_stat(name: &str) -> Result<String> {
    for task in fs::read_dir("/proc/self/task")? {
        let task = task?.path();
        if fs::read_to_string(task.join("comm"))?.trim() == name {
            return Ok(task.join("stat").display().to_string());
        }
    }
    anyhow::bail!("there is no thread {name}")
}

fn keel() -> Result<(TurnServer, u16)> {
    let tcp = TcpListener::bind((HOST, 0))?;
    let port = tcp.local_addr()?.port();
    let doors = Doors { udp: vec![UdpSocket::bind((HOST, port))?], tcp: vec![tcp], ..Doors::default() };
    // The client also binds channels to ports that it draws by lot.
    let peers = (1..=u16::MAX).map(|port| {
        let socket = SocketAddr::new(IpAddr::V4(HOST), port);
        OwnSocket { announced: socket, local: socket }
    });
    let config = TurnConfig {
        realm: "keel".into(),
        credentials: Credentials::new(SECRET.as_bytes(), Duration::from_hours(1)),
        relay: RelayAddresses { external: Vec::new(), host: vec![HOST.into()], ports: 49_152..=65_535 },
        peers: PeerPolicy::media_only(peers),
        limits: TurnLimits {
            bandwidth: Rate { per_second: 1 << 30, at_once: 1 << 30 },
            ..TurnLimits::default()
        },
    };
    Ok((TurnServer::start(config, doors)?, port))
}

/// Debian's turnserver. It is killed when dropped.
struct Coturn {
    child: Child,
    port: u16,
}

impl Coturn {
    fn start() -> Result<Self> {
        let port = TcpListener::bind((HOST, 0))?.local_addr()?.port();
        let child = Command::new("turnserver")
            .args([
                "-n",
                "--no-cli",
                "--no-tls",
                "--no-dtls",
                "--allow-loopback-peers",
                "--log-file",
                "stdout",
            ])
            .args([
                "--use-auth-secret",
                "--static-auth-secret",
                SECRET,
                "--realm",
                "keel",
                "--pidfile",
                "/dev/null",
            ])
            .args(["--listening-ip", "127.0.0.1", "--relay-ip", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("turnserver is missing: apt-get install coturn")?;
        let coturn = Self { child, port };
        // It says nothing that could be waited for, but listens when it is ready.
        for _ in 0..10_000 {
            if TcpStream::connect_timeout(&(HOST, port).into(), Duration::from_secs(1)).is_ok() {
                return Ok(coturn);
            }
            std::thread::yield_now();
        }
        anyhow::bail!("turnserver does not listen")
    }
}

impl Drop for Coturn {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
