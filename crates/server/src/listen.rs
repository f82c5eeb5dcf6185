//! The listening sockets, and the addresses under which they are reached.

use anyhow::{Context, bail};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener};

/// Connections that may wait to be accepted; the system refuses further ones.
const BACKLOG: i32 = 1024;

/// With port 0 the system picks a port for the first address, which may be taken on the second.
const PORT_CHOICES_MAX: u32 = 16;

/// Where to listen, and the names of the settings that say so.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// The addresses.
    pub(crate) addresses: &'a [IpAddr],
    /// The port; 0: any free one.
    pub(crate) port: u16,
    /// The section of both.
    pub(crate) section: &'static str,
    /// The setting of the port and its flag.
    pub(crate) port_setting: &'static str,
    pub(crate) port_flag: &'static str,
}

/// Opens a listener per address, all on one port.
///
/// # Errors
/// Which address failed, and what to do about it. A machine without IPv6 has no `::1`: that one is left out
/// when another address remains.
pub(crate) fn listen(place: Place<'_>) -> anyhow::Result<Vec<TcpListener>> {
    let mut choices = if place.port == 0 { PORT_CHOICES_MAX } else { 1 };
    loop {
        choices -= 1;
        match listen_once(place) {
            Err(Refusal { error, .. }) if error.kind() == io::ErrorKind::AddrInUse && choices > 0 => {}
            Err(Refusal { address, error }) => return Err(explain(place, address, error)),
            Ok(listeners) if listeners.is_empty() => {
                bail!("{}.addresses: none of them exists on this machine", place.section)
            }
            Ok(listeners) => return Ok(listeners),
        }
    }
}

struct Refusal {
    address: SocketAddr,
    error: io::Error,
}

fn listen_once(place: Place<'_>) -> Result<Vec<TcpListener>, Refusal> {
    let mut port = place.port;
    let mut listeners: Vec<TcpListener> = Vec::new();
    for &ip in place.addresses {
        let address = SocketAddr::new(ip, port);
        let opened = open(address).and_then(|listener| Ok((listener.local_addr()?.port(), listener)));
        match opened {
            Ok((chosen, listener)) => {
                port = chosen;
                listeners.push(listener);
            }
            Err(error)
                if (ip == Ipv6Addr::LOCALHOST || ip == Ipv6Addr::UNSPECIFIED) && lacks_ipv6(&error) =>
            {
                tracing::debug!(%error, "no IPv6 on this machine: not listening on {ip}");
            }
            Err(error) => return Err(Refusal { address, error }),
        }
    }
    Ok(listeners)
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Without it a restart would wait for connections of the earlier run to time out.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // `::` would take the IPv4 port as well, and `0.0.0.0` beside it would fail.
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn lacks_ipv6(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
        || error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
}

fn explain(place: Place<'_>, address: SocketAddr, error: io::Error) -> anyhow::Error {
    let Place { section, port_setting, port_flag, .. } = place;
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse if section == "kurento" => format!(
            "{port_setting}: another program listens there, perhaps a Kurento Media Server; stop it, choose \
             another port with {port_flag}, or do without the protocol with --kurento=false"
        ),
        io::ErrorKind::AddrInUse => format!(
            "{port_setting}: another program listens there; stop it, or choose another port with {port_flag}"
        ),
        io::ErrorKind::PermissionDenied => {
            format!("{port_setting}: the system reserves low ports; choose one from 1024 with {port_flag}")
        }
        io::ErrorKind::AddrNotAvailable => {
            format!("{section}.addresses: this machine does not have that address")
        }
        _ => format!("{section}.addresses: the system refused"),
    };
    anyhow::Error::new(error).context(format!("cannot listen on {address}: {advice}"))
}

/// The unicast addresses of this machine's interfaces, loopback and link-local ones left out.
///
/// # Errors
/// When the system does not list them.
pub(crate) fn interface_addresses() -> anyhow::Result<Vec<IpAddr>> {
    let interfaces = if_addrs::get_if_addrs().context("cannot list the network interfaces")?;
    let mut addresses: Vec<IpAddr> = interfaces
        .iter()
        .filter(|interface| !interface.is_loopback() && !interface.is_link_local())
        .map(if_addrs::Interface::ip)
        .collect();
    addresses.sort();
    addresses.dedup();
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn place(addresses: &[IpAddr], port: u16) -> Place<'_> {
        Place { addresses, port, section: "http", port_setting: "http.port", port_flag: "--http-port" }
    }

    #[test]
    fn all_addresses_share_one_port() {
        let listeners =
            listen(place(&[Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()], 0)).expect("free ports");
        let ports: Vec<u16> =
            listeners.iter().map(|listener| listener.local_addr().expect("an address").port()).collect();
        assert!(ports.iter().all(|port| *port == ports[0] && *port != 0), "{ports:?}");
    }

    #[test]
    fn both_wildcards_fit_on_one_port() {
        let wildcards = [Ipv6Addr::UNSPECIFIED.into(), Ipv4Addr::UNSPECIFIED.into()];
        let Ok(_ipv6) = Socket::new(Domain::IPV6, Type::STREAM, Some(Protocol::TCP)) else {
            let only = listen(place(&wildcards[1..], 0)).expect("a free port");
            assert_eq!(only.len(), 1, "a machine without IPv6");
            return;
        };
        assert_eq!(listen(place(&wildcards, 0)).expect("free ports").len(), 2);
    }

    #[test]
    fn a_port_in_use_is_named_with_what_to_do() {
        let holder = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = holder.local_addr().expect("an address").port();
        let error = listen(place(&[Ipv4Addr::LOCALHOST.into()], port)).expect_err("in use");
        let text = format!("{error:#}");
        assert!(text.contains(&format!("127.0.0.1:{port}")) && text.contains("--http-port"), "{text}");
        let kurento = Place { section: "kurento", ..place(&[IpAddr::V4(Ipv4Addr::LOCALHOST)], port) };
        let text = format!("{:#}", listen(kurento).expect_err("in use"));
        assert!(text.contains("--kurento=false"), "{text}");
    }

    #[test]
    fn an_address_of_another_machine_is_named() {
        // RFC 5737 §3: an address of documentation belongs to no machine.
        let foreign = Ipv4Addr::new(192, 0, 2, 1);
        let error = listen(place(&[foreign.into()], 0)).expect_err("not ours");
        assert!(format!("{error:#}").contains("does not have that address"), "{error:#}");
    }
}
