//! A server behind a NAT that nobody has opened a port of, and a peer in the world: namespaces made by the story. They
//! need root, `ip`, `nft` and Debian's `coturn`, which is the STUN server; without them the story says so and ends.

use crate::stage::{Guest, Stage, config, seeded};
use anyhow::{Context, Result, ensure};
use keel_media::{EndpointEvent, MediaConfig, MediaKind, MediaServer, PipelineEvent};
use keel_testkit::peer::PeerOptions;
use rustix::fd::AsFd;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Our address in the world, and the NAT's.
const WORLD: Ipv4Addr = Ipv4Addr::new(10, 84, 1, 1);
const NAT: Ipv4Addr = Ipv4Addr::new(10, 84, 1, 2);
/// The server's, behind it.
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 84, 2, 2);
const STUN_PORT: u16 = 34_781;

/// The network, and a STUN server in the world. Everything ends with it.
struct Network {
    nat: String,
    inside: String,
    stun: Option<Child>,
}

impl Network {
    fn build() -> Result<Self> {
        let name = |what: &str| format!("kb{}{what}", std::process::id() % 10_000);
        let (nat, inside, outer) = (name("n"), name("s"), name("o"));
        let mut network = Self { nat, inside, stun: None };
        let (nat, inside) = (&network.nat, &network.inside);
        let nft = format!("ip netns exec {nat} nft add");
        for line in [
            format!("ip netns add {nat}"),
            format!("ip netns add {inside}"),
            format!("ip link add {outer} type veth peer name up netns {nat}"),
            format!("ip addr add {WORLD}/24 dev {outer}"),
            format!("ip link set {outer} up"),
            format!("ip -n {nat} addr add {NAT}/24 dev up"),
            format!("ip -n {nat} link set up up"),
            format!("ip -n {nat} link add down type veth peer name eth netns {inside}"),
            format!("ip -n {nat} addr add 10.84.2.1/24 dev down"),
            format!("ip -n {nat} link set down up"),
            format!("ip -n {inside} addr add {SERVER}/24 dev eth"),
            format!("ip -n {inside} link set eth up"),
            format!("ip -n {inside} link set lo up"),
            format!("ip -n {inside} route add default via 10.84.2.1"),
            format!("ip netns exec {nat} sysctl -qw net.ipv4.ip_forward=1"),
            format!("{nft} table ip keel"),
            format!("{nft} chain ip keel out {{ type nat hook postrouting priority 100 ; }}"),
            format!("{nft} rule ip keel out oifname up masquerade"),
            // As routers at home have it: what nobody inside has asked for is dropped.
            format!("{nft} chain ip keel local {{ type filter hook input priority 0 ; }}"),
            format!("{nft} rule ip keel local iifname up drop"),
            format!("{nft} chain ip keel pass {{ type filter hook forward priority 0 ; }}"),
            format!("{nft} rule ip keel pass iifname up ct state new drop"),
        ] {
            sh(&line)?;
        }
        let stun = Command::new("turnserver")
            .args(["--stun-only", "-n", "--no-cli", "--no-tls", "--no-dtls", "--log-file", "/dev/null"])
            .args(["--pidfile", "/dev/null", "-L", &WORLD.to_string(), "-p", &STUN_PORT.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("apt-get install coturn")?;
        network.stun = Some(stun);
        Ok(network)
    }

    /// A server whose sockets and threads are behind the NAT.
    fn start_server(&self) -> Result<MediaServer> {
        let namespace = File::open(format!("/var/run/netns/{}", self.inside))?;
        let config = MediaConfig { bind: vec![SERVER.into()], announce: Vec::new(), ..config(1) };
        // A thread of its own moves there: sockets are opened, and workers begin, where their thread is.
        let start = move || -> Result<MediaServer> {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
            Ok(MediaServer::start(config)?)
        };
        std::thread::spawn(start).join().ok().context("the thread did not panic")?
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if let Some(stun) = &mut self.stun {
            let _ = stun.kill();
            let _ = stun.wait();
        }
        // The links end with them.
        for namespace in [&self.inside, &self.nat] {
            let _ = Command::new("ip").args(["netns", "del", namespace]).output();
        }
    }
}

fn sh(line: &str) -> Result<()> {
    let mut words = line.split(' ');
    let output = Command::new(words.next().context("a program")?).args(words).output()?;
    ensure!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

#[expect(clippy::print_stderr, reason = "who runs the tests is to know what was left out")]
fn leave_out(error: &anyhow::Error) {
    eprintln!("left out, the story needs root, ip, nft and coturn: {error:#}");
}

fn in_the_world(seed: u64) -> PeerOptions {
    PeerOptions { bind: IpAddr::V4(WORLD), ..seeded(seed) }
}

async fn frames_arrive(guest: &Guest) -> Result<()> {
    let enough = "forty frames and sounds";
    let report =
        guest.peer.until(enough, |r| r.video.complete() >= 40 && r.audio.packets() >= 40).await?;
    ensure!((report.video.missing(), report.video.corrupted) == (0, 0), "{report}");
    Ok(())
}

#[tokio::test]
async fn the_public_address_is_found_and_checks_of_our_own_open_the_way() -> Result<()> {
    let network = match Network::build() {
        Ok(network) => network,
        Err(error) => {
            leave_out(&error);
            return Ok(());
        }
    };
    let stage = Stage::on(network.start_server()?).await?;
    stage.server.set_stun_servers(vec![SocketAddr::new(WORLD.into(), STUN_PORT)]).await;
    // coturn may still be starting: a server that is silent at first is asked again.
    stage.until_snapshot("word of the STUN server", |s| s.stun_known == 1).await?;

    let [alice, bob] = stage.call([in_the_world(1), in_the_world(2)], [None, None]).await?;
    assert!(!alice.answer.contains("a=ice-lite"), "who checks is no lite agent: {}", alice.answer);
    for guest in [&alice, &bob] {
        frames_arrive(guest).await?;
    }
    let events = stage.until("events", |_| true).await?;
    let of_alice = |e: &&PipelineEvent| e.endpoint == alice.endpoint.id();
    let found: Vec<String> = events
        .iter()
        .filter(of_alice)
        .filter_map(|e| match &e.event {
            EndpointEvent::CandidateFound(candidate) => Some(candidate.candidate.clone()),
            _ => None,
        })
        .collect();
    let is_public =
        |line: &String| line.contains(&format!(" {NAT} ")) && line.contains(&format!("typ srflx raddr {SERVER}"));
    assert_eq!(found.iter().filter(|line| is_public(line)).count(), 1, "{found:?}");
    stage.server.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_silent_stun_server_delays_gathering_and_nothing_else() -> Result<()> {
    let stage = Stage::new().await?;
    // Nobody answers there: the socket is bound and never read.
    let silent = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    stage.server.set_stun_servers(vec![silent.local_addr()?]).await;
    let mut alice = stage.arrive(seeded(1)).await?;
    for kind in MediaKind::ALL {
        alice.endpoint.connect(&alice.endpoint, kind).await?;
    }
    let before = std::time::Instant::now(); // clock: what a caller would notice
    stage.seat(&mut alice, None).await?;
    let waited = before.elapsed(); // clock: likewise
    assert!(waited < Duration::from_secs(15), "{waited:?}");
    alice.peer.connected().await?;
    alice.peer.publish().await?;
    frames_arrive(&alice).await?;
    let snapshot = stage.until_snapshot("word of the failure", |s| s.stun_failing == 1).await?;
    assert!(snapshot.stun_failures >= 1 && snapshot.stun_known == 0, "{snapshot:?}");
    Ok(())
}
