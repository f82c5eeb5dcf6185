//! coturn's clients, independent ones, against a running server: over UDP, TCP and TLS, by channels and by Send
//! indications, with both families. They need Debian's package `coturn`.

mod networks;

use anyhow::{Context, Result, ensure};
use keel_turn::{
    Counts, Credentials, Doors, OwnSocket, PeerPolicy, RelayAddresses, TurnConfig, TurnLimits, TurnServer,
};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

const SECRET: &str = "a-secret-of-these-tests";
/// Messages that each of two clients sends through its relay.
const MESSAGES: usize = 40;

/// A server on loopback, and a peer behind it that sends back what it gets.
struct Scene {
    server: TurnServer,
    port: u16,
    tls_port: u16,
    peer: SocketAddr,
}

impl Scene {
    fn start() -> Result<Self> {
        Self::start_at(Ipv4Addr::LOCALHOST.into())
    }

    fn start_at(address: IpAddr) -> Result<Self> {
        let echo = UdpSocket::bind((address, 0))?;
        let peer = echo.local_addr()?;
        // It ends with the process: a datagram for it comes from nobody else.
        std::thread::spawn(move || {
            let mut buffer = [0; 2048];
            while let Ok((length, from)) = echo.recv_from(&mut buffer) {
                let _ = echo.send_to(&buffer[..length], from);
            }
        });
        let tcp = TcpListener::bind((address, 0))?;
        let port = tcp.local_addr()?.port();
        let tls = TcpListener::bind((address, 0))?;
        let tls_port = tls.local_addr()?.port();
        let doors = Doors {
            udp: vec![UdpSocket::bind((address, port))?],
            tcp: vec![tcp],
            tls: vec![tls],
            tls_config: Some(certificate()?),
        };
        let host: Vec<IpAddr> = vec![address, Ipv6Addr::LOCALHOST.into()];
        let config = TurnConfig {
            realm: "keel".into(),
            credentials: Credentials::new(SECRET.as_bytes(), Duration::from_hours(1)),
            relay: RelayAddresses { external: Vec::new(), host, ports: 49_152..=65_535 },
            peers: PeerPolicy::media_only(every_port(address)),
            limits: TurnLimits::default(),
        };
        Ok(Self { server: TurnServer::start(config, doors)?, port, tls_port, peer })
    }

    /// What tells coturn's client to send through the server to the peer and back.
    fn flags(&self, flags: &[&str], port: u16) -> Vec<String> {
        let (peer, peer_port) = (self.peer.ip().to_string(), self.peer.port().to_string());
        let (messages, port) = (MESSAGES.to_string(), port.to_string());
        let fixed =
            ["-W", SECRET, "-u", "tester", "-e", &peer, "-r", &peer_port, "-c", "-m", "2", "-l", "170"];
        let rest = ["-n", &messages, "-z", "5", "-p", &port, &peer];
        [flags, &fixed, &rest].concat().into_iter().map(str::to_owned).collect()
    }

    /// Runs coturn's client; what the server counted meanwhile.
    async fn relay_through(&self, flags: &[&str], port: u16) -> Result<Counts> {
        let output = run("turnutils_uclient", &self.flags(flags, port)).await?;
        ensure!(output.contains("Total lost packets 0 "), "packets were lost, or none was sent:\n{output}");
        let counts = self.server.snapshot().await.context("the server runs")?.counts;
        let expected = 2 * MESSAGES as u64;
        ensure!(counts.to_peers.packets >= expected, "{counts:?}\n{output}");
        ensure!(counts.to_clients.packets >= expected, "{counts:?}\n{output}");
        Ok(counts)
    }
}

/// What a program printed, both ways.
async fn run(program: &'static str, flags: &[impl AsRef<str>]) -> Result<String> {
    let flags: Vec<String> = flags.iter().map(|flag| flag.as_ref().to_owned()).collect();
    let run = move || Command::new(program).args(flags).output();
    let output = tokio::task::spawn_blocking(run).await?;
    let output = output.with_context(|| format!("{program} is missing: apt-get install coturn"))?;
    Ok([output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat())
}

/// coturn's client also binds channels to ports of the peer that it draws by lot, to try the server.
fn every_port(address: IpAddr) -> impl Iterator<Item = OwnSocket> {
    (1..=u16::MAX).map(move |port| {
        let socket = SocketAddr::new(address, port);
        OwnSocket { announced: socket, local: socket }
    })
}

fn certificate() -> Result<Arc<ServerConfig>> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()])?;
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).map_err(anyhow::Error::msg)?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)?;
    Ok(Arc::new(config))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_learns_its_address() -> Result<()> {
    let scene = Scene::start()?;
    let port = scene.port.to_string();
    let output = run("turnutils_stunclient", &["-p", &port, "127.0.0.1"]).await?;
    ensure!(output.contains("UDP reflexive addr: 127.0.0.1:"), "{output}");
    scene.server.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn datagrams_are_relayed_by_channels_and_by_indications() -> Result<()> {
    let scene = Scene::start()?;
    scene.relay_through(&[], scene.port).await?;
    let scene = Scene::start()?;
    scene.relay_through(&["-s"], scene.port).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_udp_is_relayed_over_tcp() -> Result<()> {
    let scene = Scene::start()?;
    scene.relay_through(&["-t"], scene.port).await?;
    let scene = Scene::start()?;
    scene.relay_through(&["-t", "-s"], scene.port).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_behind_a_curious_firewall_is_relayed_over_tls() -> Result<()> {
    let scene = Scene::start()?;
    scene.relay_through(&["-t", "-S"], scene.tls_port).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_relays_nothing() -> Result<()> {
    let scene = Scene::start()?;
    let port = scene.port.to_string();
    let peer = scene.peer.port().to_string();
    let flags =
        ["-W", "another-secret-altogether", "-u", "tester", "-e", "127.0.0.1", "-r", &peer, "-c", "-n", "2"];
    let output = run("turnutils_uclient", &[&flags[..], &["-p", &port, "127.0.0.1"]].concat()).await?;
    ensure!(output.contains("Cannot complete Allocation"), "{output}");
    let snapshot = scene.server.snapshot().await.context("the server runs")?;
    ensure!(snapshot.allocations == 0 && snapshot.counts.to_peers.packets == 0, "{snapshot:?}");
    Ok(())
}
