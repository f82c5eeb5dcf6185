//! Clients in networks that let little through: namespaces with a NAT and a firewall between, made by the test. They
//! need root, `ip` and `nft`; without them the stories say so and end.

use super::{SECRET, Scene, run};
use anyhow::{Context, Result, ensure};
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;

/// A client's network, behind a NAT whose outer side is ours.
struct Network {
    nat: String,
    client: String,
    /// Our address towards the NAT.
    server: Ipv4Addr,
}

impl Network {
    /// Two namespaces in a row. `number` tells those of one process apart.
    fn build(number: u8) -> Result<Self> {
        let name = |what: &str| format!("kt{}{what}{number}", std::process::id() % 10_000);
        let (nat, client, outer) = (name("n"), name("c"), name("o"));
        let network = Self { nat, client, server: Ipv4Addr::new(10, 78, number, 1) };
        let (nat, client) = (&network.nat, &network.client);
        for line in [
            format!("ip netns add {nat}"),
            format!("ip netns add {client}"),
            format!("ip link add {outer} type veth peer name wan netns {nat}"),
            format!("ip addr add 10.78.{number}.1/30 dev {outer}"),
            format!("ip link set {outer} up"),
            format!("ip -n {nat} addr add 10.78.{number}.2/30 dev wan"),
            format!("ip -n {nat} link set wan up"),
            format!("ip -n {nat} link add lan type veth peer name eth netns {client}"),
            format!("ip -n {nat} addr add 10.79.{number}.1/24 dev lan"),
            format!("ip -n {nat} link set lan up"),
            format!("ip -n {client} addr add 10.79.{number}.2/24 dev eth"),
            format!("ip -n {client} link set eth up"),
            format!("ip -n {client} link set lo up"),
            format!("ip -n {client} route add default via 10.79.{number}.1"),
            format!("ip netns exec {nat} sysctl -qw net.ipv4.ip_forward=1"),
            format!("ip netns exec {nat} nft add table ip keel"),
            format!(
                "ip netns exec {nat} nft add chain ip keel out {{ type nat hook postrouting priority 100 ; }}"
            ),
            // Another port for each destination: what is called a symmetric NAT.
            format!("ip netns exec {nat} nft add rule ip keel out oifname wan masquerade random"),
            format!(
                "ip netns exec {nat} nft add chain ip keel pass {{ type filter hook forward priority 0 ; }}"
            ),
        ] {
            sh(&line)?;
        }
        Ok(network)
    }

    /// A rule of the firewall.
    fn forbid(&self, what: &str) -> Result<()> {
        sh(&format!("ip netns exec {} nft add rule ip keel pass iifname lan {what} drop", self.nat))
    }

    /// The flags by which a program runs in the client's place.
    fn inside(&self, program: &str) -> Vec<String> {
        ["netns", "exec", &self.client, "timeout", "60", program].map(str::to_owned).into()
    }

    async fn relays(&self, scene: &Scene, flags: &[&str], port: u16) -> Result<()> {
        let output =
            run("ip", &[self.inside("turnutils_uclient"), scene.flags(flags, port)].concat()).await?;
        ensure!(output.contains("Total lost packets 0 "), "packets were lost, or none was sent:\n{output}");
        let counts = scene.server.snapshot().await.context("the server runs")?.counts;
        ensure!(counts.to_clients.packets >= 2 * super::MESSAGES as u64, "{counts:?}");
        Ok(())
    }

    /// Whether a STUN server is reached by UDP.
    async fn has_udp(&self, scene: &Scene) -> Result<bool> {
        let (port, server) = (scene.port.to_string(), self.server.to_string());
        let flags =
            ["netns", "exec", &self.client, "timeout", "3", "turnutils_stunclient", "-p", &port, &server];
        Ok(run("ip", &flags).await?.contains("UDP reflexive addr"))
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // The links end with them.
        for namespace in [&self.client, &self.nat] {
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

/// The network, and a server next to it; `None`, said aloud, where the machine has no namespaces for us.
#[expect(clippy::print_stderr, reason = "who runs the tests is to know what was left out")]
fn stage(number: u8) -> Result<Option<(Network, Scene)>> {
    if let Err(error) = may_build(number) {
        eprintln!("left out, network namespaces need root, ip and nft: {error:#}");
        return Ok(None);
    }
    let network = Network::build(number)?;
    let scene = Scene::start_at(IpAddr::V4(network.server))?;
    Ok(Some((network, scene)))
}

/// Whether the machine lets us make namespaces: what goes wrong after that is a failure.
fn may_build(number: u8) -> Result<()> {
    let trial = format!("kt{}t{number}", std::process::id() % 10_000);
    sh(&format!("ip netns add {trial}"))?;
    sh(&format!("ip netns del {trial}"))?;
    sh("nft --version")
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_symmetric_nat_udp_is_relayed() -> Result<()> {
    let Some((network, scene)) = stage(1)? else { return Ok(()) };
    ensure!(network.has_udp(&scene).await?, "the network lets UDP through");
    network.relays(&scene, &[], scene.port).await
}

#[tokio::test(flavor = "multi_thread")]
async fn where_udp_is_blocked_tcp_is_relayed() -> Result<()> {
    let Some((network, scene)) = stage(2)? else { return Ok(()) };
    network.forbid("meta l4proto udp")?;
    ensure!(!network.has_udp(&scene).await?, "the firewall stops UDP");
    network.relays(&scene, &["-t"], scene.port).await
}

#[tokio::test(flavor = "multi_thread")]
async fn where_only_one_tcp_port_is_open_tls_is_relayed() -> Result<()> {
    let Some((network, scene)) = stage(3)? else { return Ok(()) };
    network.forbid("meta l4proto udp")?;
    network.forbid(&format!("tcp dport != {}", scene.tls_port))?;
    ensure!(!network.has_udp(&scene).await?, "the firewall stops UDP");
    network.relays(&scene, &["-t", "-S"], scene.tls_port).await
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_outside_is_relayed_without_the_secret() -> Result<()> {
    let Some((network, scene)) = stage(4)? else { return Ok(()) };
    let flags = scene.flags(&[], scene.port).into_iter();
    let guessed: Vec<String> =
        flags.map(|flag| if flag == SECRET { "guessed".into() } else { flag }).collect();
    let output = run("ip", &[network.inside("turnutils_uclient"), guessed].concat()).await?;
    ensure!(output.contains("Cannot complete Allocation"), "{output}");
    Ok(())
}
