//! A server behind a NAT that nobody has opened a port of, and a peer in the world: namespaces made by the story. They
//! need root, `ip`, `nft` and Debian's `coturn`, the STUN and TURN server in the world; without them the story says so and ends.

use crate::stage::{Guest, Stage, config, seeded};
use anyhow::{Context, Result, ensure};
use keel_media::{EndpointEvent, MediaConfig, MediaKind, MediaServer, PipelineEvent, RelayPath};
use keel_testkit::peer::{PATIENCE, PeerOptions};
use keel_turn::{ForeignRelay, ForeignRelays, ForeignServer, Login};
use rustix::fd::AsFd;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::time::timeout;

const TURN_PORT: u16 = 34_781;
const PASSWORD: &str = "of-the-story";

/// The network, and coturn in the world. Everything ends with it.
struct Network {
    nat: String,
    inside: String,
    /// Our address in the world, and the NAT's.
    world: Ipv4Addr,
    outer: Ipv4Addr,
    /// The server's, behind it.
    server: Ipv4Addr,
    turn: Option<Child>,
}

impl Network {
    /// `number` tells those of one process apart.
    fn build(number: u8) -> Result<Self> {
        let name = |what: &str| format!("kb{}{what}{number}", std::process::id() % 10_000);
        let [world, outer, inner, server] = [(84, 1), (84, 2), (85, 1), (85, 2)]
            .map(|(network, host)| Ipv4Addr::new(10, network, number, host));
        let mut network = Self { nat: name("n"), inside: name("s"), world, outer, server, turn: None };
        let (nat, inside, link) = (&network.nat, &network.inside, name("o"));
        let nft = format!("ip netns exec {nat} nft add");
        for line in [
            format!("ip netns add {nat}"),
            format!("ip netns add {inside}"),
            format!("ip link add {link} type veth peer name wan netns {nat}"),
            format!("ip addr add {world}/24 dev {link}"),
            format!("ip link set {link} up"),
            format!("ip -n {nat} addr add {outer}/24 dev wan"),
            format!("ip -n {nat} link set wan up"),
            format!("ip -n {nat} link add lan type veth peer name eth netns {inside}"),
            format!("ip -n {nat} addr add {inner}/24 dev lan"),
            format!("ip -n {nat} link set lan up"),
            format!("ip -n {inside} addr add {server}/24 dev eth"),
            format!("ip -n {inside} link set eth up"),
            format!("ip -n {inside} link set lo up"),
            format!("ip -n {inside} route add default via {inner}"),
            format!("ip netns exec {nat} sysctl -qw net.ipv4.ip_forward=1"),
            format!("{nft} table ip keel"),
            format!("{nft} chain ip keel out {{ type nat hook postrouting priority 100 ; }}"),
            format!("{nft} rule ip keel out oifname wan masquerade"),
            // As routers at home have it: what nobody inside has asked for is dropped.
            format!("{nft} chain ip keel local {{ type filter hook input priority 0 ; }}"),
            format!("{nft} rule ip keel local iifname wan drop"),
            format!("{nft} chain ip keel pass {{ type filter hook forward priority 0 ; }}"),
            format!("{nft} rule ip keel pass iifname wan ct state new drop"),
        ] {
            sh(&line)?;
        }
        let world = world.to_string();
        let turn = Command::new("turnserver")
            .args([
                "-n",
                "--no-cli",
                "--no-tls",
                "--no-dtls",
                "--log-file",
                "/dev/null",
                "--pidfile",
                "/dev/null",
            ])
            .args(["--lt-cred-mech", "--realm", "story", "--user", &format!("keel:{PASSWORD}")])
            .args(["-L", &world, "--relay-ip", &world, "-p", &TURN_PORT.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("apt-get install coturn")?;
        network.turn = Some(turn);
        Ok(network)
    }

    /// A server whose sockets and threads are behind the NAT.
    fn start_server(&self) -> Result<MediaServer> {
        let config = MediaConfig { bind: vec![self.server.into()], announce: Vec::new(), ..config(1) };
        let started = self.go_inside(move || Ok(MediaServer::start(config)?))?;
        started.join().ok().context("the thread did not panic")?
    }

    /// Does something on a thread of its own behind the NAT: sockets are opened where their thread is.
    fn go_inside<T: Send + 'static>(
        &self,
        act: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<JoinHandle<Result<T>>> {
        let namespace = File::open(format!("/var/run/netns/{}", self.inside))?;
        Ok(std::thread::spawn(move || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
            act()
        }))
    }

    /// Gives the server a relayed address at coturn, for as long as what is returned lives. Behind the NAT, too.
    async fn relay(&self, server: &MediaServer) -> Result<oneshot::Sender<()>> {
        let (done, is_done) = oneshot::channel::<()>();
        let (ready, is_ready) = oneshot::channel();
        let (media, address) = (server.clone(), self.turn_address());
        self.go_inside(move || {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let (relays, keeper) = ForeignRelays::new();
                let kept = tokio::spawn(keeper.run());
                let login = Login { username: "keel".into(), password: PASSWORD.into() };
                let target = *media.relay_targets().first().context("one worker")?;
                let mut relay = relays.open(ForeignServer { address, login }, target).await?;
                relay.relayed.wait_for(Option::is_some).await?;
                let ForeignRelay { target, relayed, permits } = relay;
                media.set_relays(vec![RelayPath { target, relayed, permits }]).await;
                // Either side may have failed already; then nobody waits.
                let _ = ready.send(());
                let _ = is_done.await;
                media.set_relays(Vec::new()).await;
                drop((relays, media));
                Ok(kept.await?)
            })
        })?;
        timeout(PATIENCE, is_ready).await.context("no allocation in time")?.context("no relay")?;
        Ok(done)
    }

    /// Lets nothing out but to coturn.
    fn forbid_peers(&self) -> Result<()> {
        let what = format!("udp dport != {TURN_PORT} drop");
        sh(&format!("ip netns exec {} nft add rule ip keel pass iifname lan {what}", self.nat))
    }

    fn turn_address(&self) -> SocketAddr {
        SocketAddr::new(self.world.into(), TURN_PORT)
    }

    fn peer(&self, seed: u64) -> PeerOptions {
        PeerOptions { bind: IpAddr::V4(self.world), ..seeded(seed) }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if let Some(turn) = &mut self.turn {
            let _ = turn.kill();
            let _ = turn.wait();
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

/// The network; `None`, said aloud, where the machine has no namespaces for us.
#[expect(clippy::print_stderr, reason = "who runs the tests is to know what was left out")]
fn network(number: u8) -> Result<Option<Network>> {
    if let Err(error) = may_build(number) {
        eprintln!("left out, the story needs root, ip, nft and coturn: {error:#}");
        return Ok(None);
    }
    Network::build(number).map(Some)
}

/// Whether the machine lets us make namespaces and has coturn: what goes wrong after that is a failure.
fn may_build(number: u8) -> Result<()> {
    let trial = format!("kb{}t{number}", std::process::id() % 10_000);
    sh(&format!("ip netns add {trial}"))?;
    sh(&format!("ip netns del {trial}"))?;
    sh("nft --version")?;
    sh("turnserver --version")
}

/// What a guest's endpoint has announced.
async fn announced(stage: &Stage, guest: &Guest) -> Result<Vec<String>> {
    let events = stage.until("events", |_| true).await?;
    let of_guest = |e: &PipelineEvent| e.endpoint == guest.endpoint.id();
    let found = events.into_iter().filter(of_guest).filter_map(|e| match e.event {
        EndpointEvent::CandidateFound(candidate) => Some(candidate.candidate),
        _ => None,
    });
    Ok(found.collect())
}

async fn frames_arrive(guest: &Guest) -> Result<()> {
    let enough = "forty frames and sounds";
    let report = guest.peer.until(enough, |r| r.video.complete() >= 40 && r.audio.packets() >= 40).await?;
    ensure!((report.video.missing(), report.video.corrupted) == (0, 0), "{report}");
    Ok(())
}

#[tokio::test]
async fn the_public_address_is_found_and_checks_of_our_own_open_the_way() -> Result<()> {
    let Some(network) = network(1)? else { return Ok(()) };
    let stage = Stage::on(network.start_server()?).await?;
    stage.server.set_stun_servers(vec![network.turn_address()]).await;
    // coturn may still be starting: a server that is silent at first is asked again.
    stage.until_snapshot("word of the STUN server", |s| s.stun_known == 1).await?;

    let [alice, bob] = stage.call([network.peer(1), network.peer(2)], [None, None]).await?;
    assert!(!alice.answer.contains("a=ice-lite"), "who checks is no lite agent: {}", alice.answer);
    for guest in [&alice, &bob] {
        frames_arrive(guest).await?;
    }
    let found = announced(&stage, &alice).await?;
    let (ours, base) = (format!(" {} ", network.outer), format!("typ srflx raddr {}", network.server));
    let is_public = |line: &&String| line.contains(&ours) && line.contains(&base);
    assert_eq!(found.iter().filter(is_public).count(), 1, "{found:?}");
    stage.server.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_relay_elsewhere_carries_a_call_that_nothing_else_can() -> Result<()> {
    let Some(network) = network(2)? else { return Ok(()) };
    // Without our checks the NAT lets nobody in; the relay alone is left.
    network.forbid_peers()?;
    let stage = Stage::on(network.start_server()?).await?;
    let relay = network.relay(&stage.server).await?;

    let [alice, bob] = stage.call([network.peer(1), network.peer(2)], [None, None]).await?;
    for guest in [&alice, &bob] {
        frames_arrive(guest).await?;
    }
    let found = announced(&stage, &alice).await?;
    let (ours, mapped) = (format!(" {} ", network.world), format!("typ relay raddr {}", network.outer));
    assert!(found.iter().any(|line| line.contains(&ours) && line.contains(&mapped)), "{found:?}");
    for guest in [&alice, &bob] {
        let stats = guest.endpoint.stats().await.context("the endpoint lives")?;
        let (_, remote) = stats.pair.context("a pair in use")?;
        assert_eq!(remote.ip(), network.server, "a socket on the server's host stands for the peer");
    }
    drop(relay);
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
