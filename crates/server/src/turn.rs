//! The TURN server of this process: its sockets, its secret, and what peers are told of it.

use crate::config::{Access, Config, Tls, TurnSettings};
use crate::listen::{Place, listen};
use crate::secret::Secret;
use crate::tls::CertificateFiles;
use keel_media::{AnnouncedAddress, MediaServer};
use keel_signaling::TurnOffer;
use keel_turn::{
    Credentials, Doors, Network, OwnSocket, PeerPolicy, Rate, RelayAddresses, TurnConfig, TurnLimits,
    TurnServer,
};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::time::Duration;

/// Ports that are tried with port 0: one that is free for TCP may be taken for UDP.
const PORT_CHOICES_MAX: u32 = 16;
/// What a socket asks for: all clients' media comes in by it.
const SOCKET_BUFFER: usize = 4 << 20;

/// A running TURN server and where it listens.
#[derive(Debug)]
pub(crate) struct Turn {
    /// For signaling.
    pub(crate) offer: TurnOffer,
    /// Where it listens, UDP and TCP alike.
    pub(crate) listening: Vec<SocketAddr>,
    /// Its port for TLS.
    pub(crate) tls_port: Option<u16>,
    /// What decides to whom is relayed.
    pub(crate) relaying: Relaying,
    /// Whether TURN is served on the HTTPS port, too.
    pub(crate) shares_https: bool,
}

/// What of the machine and the rest of the configuration it needs to know.
pub(crate) struct Surroundings<'a> {
    /// Where the secret is kept.
    pub(crate) data_dir: &'a Path,
    /// This machine's addresses.
    pub(crate) interfaces: &'a [IpAddr],
    /// What `media.announce` stands for.
    pub(crate) announce: &'a [IpAddr],
    /// The certificate, if there is one.
    pub(crate) certificate: Option<&'a CertificateFiles>,
    /// Where HTTP listens.
    pub(crate) http: &'a [SocketAddr],
    /// Whose sockets are relayed to.
    pub(crate) media: &'a MediaServer,
}

/// Starts the TURN server, unless the configuration says not to.
///
/// # Errors
/// When no port can be had, or the secret can be neither read nor written.
pub(crate) fn start(config: &Config, surroundings: &Surroundings<'_>) -> anyhow::Result<Option<Turn>> {
    let settings = &config.settings.turn;
    if !settings.enabled {
        return Ok(None);
    }
    let addresses = addresses(config);
    let (udp, tcp) = doors(config, addresses)?;
    let listening = tcp.iter().map(TcpListener::local_addr).collect::<io::Result<Vec<_>>>()?;
    let tls = match surroundings.certificate {
        Some(files) => Some((listen(tls_place(settings, addresses))?, files.turn_config()?)),
        None => None,
    };
    let (tls, tls_config) = tls.unzip();
    let tls_port = match tls.as_ref().and_then(|listeners| listeners.first()) {
        Some(listener) => Some(listener.local_addr()?.port()),
        None => None,
    };
    let credentials = match settings.secret.as_str() {
        "" => credentials(settings, &Secret::Turn.keep(surroundings.data_dir)?),
        known => credentials(settings, known),
    };
    let turn_config = turn_config(settings, credentials.clone(), surroundings)?;
    let doors = Doors { udp, tcp, tls: tls.unwrap_or_default(), tls_config };
    let server = TurnServer::start(turn_config, doors)?;
    let shares_https = tls_port.is_some() && settings.https;
    // Who has the page has come by that port, and only one is told: each costs every peer an allocation.
    let told_port = match surroundings.http.first().map(SocketAddr::port) {
        Some(port) if shares_https && covers(surroundings.http, &listening) => Some(port),
        _ => tls_port,
    };
    let urls = urls(config, &listening, told_port, surroundings.interfaces);
    let interfaces = surroundings.interfaces.to_vec();
    let relaying = Relaying { server: server.clone(), settings: settings.clone(), interfaces };
    let offer = TurnOffer { urls, credentials, server };
    Ok(Some(Turn { offer, listening, tls_port, relaying, shares_https }))
}

/// The addresses that it is to listen on.
pub(crate) fn addresses(config: &Config) -> &[IpAddr] {
    let own = &config.settings.turn.addresses;
    if own.is_empty() { &config.settings.media.addresses } else { own }
}

/// What makes credentials with this secret.
pub(crate) fn credentials(settings: &TurnSettings, secret: &str) -> Credentials {
    Credentials::new(secret.as_bytes(), Duration::from_secs(settings.credential_lifetime_s))
}

/// Whether whoever reaches the TURN server reaches HTTP.
fn covers(http: &[SocketAddr], turn: &[SocketAddr]) -> bool {
    turn.iter().all(|turn| {
        let same = |http: &&SocketAddr| http.is_ipv4() == turn.is_ipv4();
        http.iter().filter(same).any(|http| http.ip().is_unspecified() || http.ip() == turn.ip())
    })
}

/// UDP and TCP sockets on one port. Where another program has it, a machine that serves itself takes any free one;
/// elsewhere a firewall names the port, and silence about it would be found out by those who cannot call.
pub(crate) fn doors(
    config: &Config,
    addresses: &[IpAddr],
) -> anyhow::Result<(Vec<UdpSocket>, Vec<TcpListener>)> {
    let port = config.settings.turn.port;
    match doors_on(addresses, port) {
        Err(error) if port != 0 && is_for_this_machine(config, addresses) && is_in_use(&error) => {
            tracing::info!(port, "the port of the TURN server is taken: another one is used");
            doors_on(addresses, 0)
        }
        opened => opened,
    }
}

fn is_for_this_machine(config: &Config, addresses: &[IpAddr]) -> bool {
    config.access == Access::Local || addresses.iter().all(IpAddr::is_loopback)
}

fn is_in_use(error: &anyhow::Error) -> bool {
    let io = error.chain().find_map(|cause| cause.downcast_ref::<io::Error>());
    io.is_some_and(|error| error.kind() == io::ErrorKind::AddrInUse)
}

fn doors_on(addresses: &[IpAddr], port: u16) -> anyhow::Result<(Vec<UdpSocket>, Vec<TcpListener>)> {
    let mut choices = if port == 0 { PORT_CHOICES_MAX } else { 1 };
    loop {
        choices -= 1;
        let tcp = listen(place(addresses, port))?;
        let mut opened = Vec::new();
        for listener in &tcp {
            opened.push((listener.local_addr()?, udp(listener.local_addr()?)));
        }
        let refused =
            opened.iter().find_map(|(address, socket)| socket.as_ref().err().map(|error| (*address, error)));
        match refused {
            None => return Ok((opened.into_iter().filter_map(|(_, socket)| socket.ok()).collect(), tcp)),
            Some((_, error)) if error.kind() == io::ErrorKind::AddrInUse && choices > 0 => {}
            Some((address, error)) => {
                let error = io::Error::from(error.kind());
                return Err(anyhow::Error::new(error).context(format!(
                    "turn.port: cannot receive UDP on {address}; choose another port with --turn-port, or do without \
                     the TURN server with --turn=false"
                )));
            }
        }
    }
}

fn udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_recv_buffer_size(SOCKET_BUFFER)?;
    socket.set_send_buffer_size(SOCKET_BUFFER)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

fn place(addresses: &[IpAddr], port: u16) -> Place<'_> {
    Place { addresses, port, section: "turn", port_setting: "turn.port", port_flag: "--turn-port" }
}

pub(crate) fn tls_place<'a>(settings: &TurnSettings, addresses: &'a [IpAddr]) -> Place<'a> {
    let port = if settings.port == 0 { 0 } else { settings.tls_port };
    Place { port_setting: "turn.tls_port", port_flag: "--turn-tls-port", ..place(addresses, port) }
}

/// What decides to whom is relayed, and under which addresses; media's part of it may change.
#[derive(Clone, Debug)]
pub(crate) struct Relaying {
    server: TurnServer,
    settings: TurnSettings,
    interfaces: Vec<IpAddr>,
}

impl Relaying {
    /// Media is announced at these addresses from now on: relays to all of these sockets, those first that count
    /// first.
    pub(crate) async fn follow(&self, announce: &[IpAddr], sockets: impl Iterator<Item = AnnouncedAddress>) {
        match scope(&self.settings, &self.interfaces, announce, sockets) {
            Ok(Scope { peers, external, .. }) => self.server.announce(peers, external).await,
            Err(error) => tracing::error!(%error, "turn.allow_peers was valid at start"),
        }
    }
}

/// To whom is relayed, and under which addresses.
struct Scope {
    peers: PeerPolicy,
    external: Vec<IpAddr>,
    host: Vec<IpAddr>,
}

fn scope(
    settings: &TurnSettings,
    interfaces: &[IpAddr],
    announce: &[IpAddr],
    sockets: impl Iterator<Item = AnnouncedAddress>,
) -> anyhow::Result<Scope> {
    let mut peers =
        PeerPolicy::media_only(sockets.map(|address| OwnSocket {
            announced: address.announced,
            local: on_this_machine(address.local),
        }));
    let loopback = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    let host: Vec<IpAddr> = interfaces.iter().copied().chain(loopback).collect();
    let external = if settings.external.is_empty() { announce.to_vec() } else { settings.external.clone() };
    if !settings.allow_peers.is_empty() {
        let networks =
            settings.allow_peers.iter().map(|text| text.parse::<Network>()).collect::<Result<_, _>>()?;
        let own = host.iter().chain(&external).chain(announce).copied();
        peers = peers.open_to(networks, own, settings.relay_port_first..=settings.relay_port_last);
    }
    Ok(Scope { peers, external, host })
}

fn turn_config(
    settings: &TurnSettings,
    credentials: Credentials,
    surroundings: &Surroundings<'_>,
) -> anyhow::Result<TurnConfig> {
    let sockets = surroundings.media.announced_addresses().into_iter();
    let Scope { peers, external, host } =
        scope(settings, surroundings.interfaces, surroundings.announce, sockets)?;
    let bytes_per_second = u64::from(settings.bandwidth_kbps) * 1_000 / 8;
    let limits = TurnLimits {
        allocations_max: settings.allocations as usize,
        allocations_per_user_max: settings.allocations_per_user as usize,
        allocations_per_address_max: settings.allocations_per_address as usize,
        // Half a second's worth at once, and whatever a single burst of media needs.
        bandwidth: Rate { per_second: bytes_per_second, at_once: (bytes_per_second / 2).max(65_536) },
        ..TurnLimits::default()
    };
    let ports = settings.relay_port_first..=settings.relay_port_last;
    let relay = RelayAddresses { external, host, ports };
    Ok(TurnConfig { realm: settings.realm.clone(), credentials, relay, peers, limits })
}

/// Where a socket of this machine is reached from this machine.
pub(crate) fn on_this_machine(local: SocketAddr) -> SocketAddr {
    match local.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), local.port()),
        IpAddr::V6(ip) if ip.is_unspecified() => SocketAddr::new(Ipv6Addr::LOCALHOST.into(), local.port()),
        _ => local,
    }
}

/// What peers are told: UDP, TCP for networks that let no UDP through, TLS for those that look into TCP.
fn urls(
    config: &Config,
    listening: &[SocketAddr],
    tls_port: Option<u16>,
    interfaces: &[IpAddr],
) -> Vec<String> {
    let Some(port) = listening.first().map(SocketAddr::port) else { return Vec::new() };
    let Some(host) = host(config, listening, interfaces) else { return Vec::new() };
    let mut urls =
        vec![format!("turn:{host}:{port}?transport=udp"), format!("turn:{host}:{port}?transport=tcp")];
    // Browsers offer no way to trust a self-signed certificate here.
    if let (Some(port), Tls::Files { .. }) = (tls_port, &config.tls) {
        urls.push(format!("turns:{host}:{port}?transport=tcp"));
    }
    urls
}

/// One host: each would cost every peer an allocation for each way.
pub(crate) fn host(config: &Config, listening: &[SocketAddr], interfaces: &[IpAddr]) -> Option<String> {
    let settings = &config.settings;
    let named = Some(&settings.turn.host).filter(|host| !host.is_empty()).or(settings.media.announce.first());
    if let Some(name) = named {
        return Some(name.parse::<Ipv6Addr>().map_or_else(|_| name.clone(), |ip| format!("[{ip}]")));
    }
    let reached = listening.iter().flat_map(|address| match address.ip() {
        ip if ip.is_unspecified() => {
            let loopback = [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()];
            let all = interfaces.iter().copied().chain(loopback);
            all.filter(|interface| interface.is_ipv4() == ip.is_ipv4()).collect()
        }
        ip => vec![ip],
    });
    let best = reached.min_by_key(|ip| (ip.is_loopback(), ip.is_ipv6()))?;
    Some(match best {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    fn config(change: impl FnOnce(&mut Settings)) -> Config {
        let mut settings = Settings::default();
        change(&mut settings);
        Config { settings, access: Access::Local, tls: Tls::Off }
    }

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().expect("an address with port")).collect()
    }

    #[test]
    fn peers_are_told_the_address_that_most_of_them_reach() {
        let interfaces = ["2001:db8::20", "192.168.1.20"].map(|ip| ip.parse().expect("an address"));
        let all = addresses(&["0.0.0.0:3478", "[::]:3478"]);
        let told = |config: &Config, listening| urls(config, listening, Some(5349), &interfaces);
        assert_eq!(
            told(&config(|_| {}), &all),
            ["turn:192.168.1.20:3478?transport=udp", "turn:192.168.1.20:3478?transport=tcp"]
        );
        let loopback = addresses(&["127.0.0.1:3478"]);
        assert_eq!(told(&config(|_| {}), &loopback)[0], "turn:127.0.0.1:3478?transport=udp");
        let announced = config(|settings| settings.media.announce = vec!["2001:db8::9".into()]);
        assert_eq!(told(&announced, &all)[0], "turn:[2001:db8::9]:3478?transport=udp");
        let mut named = config(|settings| settings.turn.host = "turn.example.org".into());
        named.tls = Tls::Files { certificate: "c".into(), key: "k".into() };
        assert_eq!(told(&named, &all)[2], "turns:turn.example.org:5349?transport=tcp");
    }

    #[test]
    fn the_https_port_is_told_where_it_has_all_addresses_of_the_turn_server() {
        let both = addresses(&["0.0.0.0:443", "[::]:443"]);
        let turn = addresses(&["192.168.1.20:3478", "[2001:db8::20]:3478"]);
        assert!(covers(&both, &turn) && covers(&addresses(&["192.168.1.20:443"]), &turn[..1]));
        assert!(!covers(&both[..1], &turn), "nobody of IPv6 would reach it");
        assert!(!covers(&addresses(&["127.0.0.1:443", "[::1]:443"]), &turn));
    }

    #[test]
    fn a_taken_port_stops_a_public_server_and_no_laptop() {
        let holder = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = holder.local_addr().expect("bound").port();
        let loopback = [IpAddr::from(Ipv4Addr::LOCALHOST)];
        let mut laptop = config(|settings| settings.turn.port = port);
        let (udp, tcp) = doors(&laptop, &loopback).expect("another port");
        let (udp, tcp) = (udp[0].local_addr().expect("bound"), tcp[0].local_addr().expect("bound"));
        assert!(udp == tcp && udp.port() != port, "{udp} {tcp}");
        laptop.access = Access::Tokens;
        let everywhere = [IpAddr::from(Ipv4Addr::UNSPECIFIED)];
        let error = doors(&laptop, &everywhere).expect_err("a firewall names the port");
        assert!(format!("{error:#}").contains("--turn-port"), "{error:#}");
    }
}
