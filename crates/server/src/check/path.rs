//! The ways that peers take: HTTP, media, TURN.

use super::Scene;
use super::finding::Findings;
use crate::app::Places;
use crate::config::{Access, Tls};
use crate::health::{self, TIMEOUT, pinned_connection};
use crate::secret::Secret;
use crate::tls::CertificateFiles;
use crate::turn::{credentials, on_this_machine};
use anyhow::Context;
use keel_media::AnnouncedAddress;
use keel_turn::{Issued, Visit, VisitError};
use rustls::StreamOwned;
use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::UNIX_EPOCH;

/// The pages, and the Kurento protocol beside them.
pub(super) fn http(scene: &Scene<'_>, places: &Places, findings: &mut Findings) {
    let scheme = if scene.config.tls == Tls::Off { "http" } else { "https" };
    for place in reached(&places.http) {
        let url = format!("{scheme}://{place}/");
        match health::check(scene.config, Some(&url)) {
            Ok(()) => findings.good("http", format!("{url} answers")),
            Err(error) if error.chain().any(is_system_without_family) => {}
            Err(error) => findings.bad("http", &error, "a firewall on this machine is between, as a rule"),
        }
    }
    for place in reached(&places.kurento) {
        match TcpStream::connect_timeout(&place, TIMEOUT) {
            Ok(_) => findings.good("kurento", format!("TCP {place} answers")),
            Err(error) if lacks_family(&error) => {}
            Err(error) => findings.bad(
                "kurento",
                format!("TCP {place} does not answer: {error}"),
                "a firewall on this machine is between, or the server runs with other settings",
            ),
        }
    }
}

/// Every media port over every address that it has here, and every address that peers are told.
pub(super) fn media(scene: &Scene<'_>, places: &Places, probe: &Issued, findings: &mut Findings) {
    let here: BTreeSet<SocketAddr> =
        places.media.iter().map(|address| on_this_machine(address.local)).collect();
    let ask = |place: SocketAddr| Visit::by_udp(place).and_then(|mut visit| visit.check(probe));
    let mut silent = BTreeSet::new();
    for place in here {
        match ask(place) {
            Ok(_) => findings.good("media", format!("UDP {place} answers")),
            // A host without IPv6 has a wildcard all the same.
            Err(VisitError::Connection(error)) if lacks_family(&error) => _ = silent.insert(place),
            Err(error) => {
                silent.insert(place);
                findings.bad(
                    "media",
                    format!("UDP {place}: {error}"),
                    "open it in this machine's firewall; a server with other settings has another port",
                );
            }
        }
    }
    for AnnouncedAddress { announced, local } in &places.media {
        let place = on_this_machine(*local);
        if *announced == place || silent.contains(&place) {
            continue;
        }
        match ask(*announced) {
            Ok(_) => findings.good("announced", format!("UDP {announced} answers")),
            Err(error) => findings.bad(
                "announced",
                format!("peers are told UDP {announced}, but there: {error}"),
                unreached(scene, *announced),
            ),
        }
    }
    let ips: BTreeSet<IpAddr> = places.media.iter().map(|address| address.announced.ip()).collect();
    if scene.config.access != Access::Local && ips.iter().all(|ip| is_private(*ip)) {
        let list: Vec<String> = ips.iter().map(IpAddr::to_string).collect();
        findings.doubtful(
            "announced",
            format!("peers are told {} only, which nobody reaches from the internet", list.join(", ")),
            "behind NAT set media.announce to the public address; on a local network all is well",
        );
    }
}

fn unreached(scene: &Scene<'_>, announced: SocketAddr) -> String {
    let port = announced.port();
    if scene.interfaces.contains(&announced.ip()) {
        return format!("open UDP {port} in this machine's firewall");
    }
    format!(
        "set media.announce to the address by which others reach this machine, and have UDP {port} forwarded to it. A \
         NAT that does not let this machine reach its own outer address cannot be tested from here: check from \
         elsewhere that a call works"
    )
}

/// The TURN server over each of its ways, to a media port and back.
pub(super) fn turn(
    scene: &Scene<'_>,
    places: &Places,
    probe: &Issued,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    if places.turn.is_empty() {
        findings.good("turn", "off");
        return Ok(());
    }
    let settings = &scene.config.settings.turn;
    let secret = match settings.secret.as_str() {
        "" => Secret::Turn.read(&scene.data_dir)?.context("the running server keeps its data elsewhere")?,
        known => known.to_owned(),
    };
    let unix_s = scene.now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let user = credentials(settings, &secret).issue("keel check", unix_s);
    let files = CertificateFiles::of(&scene.config.tls, &scene.data_dir);
    let mut ways: Vec<(&str, SocketAddr)> = Vec::new();
    for place in reached(&places.turn) {
        ways.extend([("UDP", place), ("TCP", place)]);
    }
    ways.extend(reached(&places.turn_tls).into_iter().map(|place| ("TLS", place)));
    if settings.https && files.is_some() {
        ways.extend(reached(&places.http).into_iter().map(|place| ("HTTPS", place)));
    }
    for (way, place) in ways {
        match relay(way, place, files.as_ref(), places, &user, probe) {
            Ok(told) => findings.good("turn", format!("{way} {place} answers{told}")),
            Err(error) if error.downcast_ref::<VisitError>().is_some_and(is_without_family) => {}
            Err(error) => findings.bad("turn", format!("{way} {place}: {error:#}"), turn_advice(&error)),
        }
    }
    Ok(())
}

/// One visit: an answer of STUN, a relayed address, and through it an answer of a media port.
fn relay(
    way: &str,
    place: SocketAddr,
    files: Option<&CertificateFiles>,
    places: &Places,
    user: &Issued,
    probe: &Issued,
) -> anyhow::Result<String> {
    let mut visit = match (way, files) {
        ("UDP", _) => Visit::by_udp(place)?,
        ("TCP", _) => Visit::by_stream(connect(place)?),
        (_, None) => return Ok(String::new()),
        (_, Some(files)) => {
            let host = place.ip().to_string();
            Visit::by_stream(StreamOwned::new(pinned_connection(files, &host)?, connect(place)?))
        }
    };
    visit.own_address()?;
    let mut relayed = visit.allocate(user)?;
    let family = relayed.address().is_ipv4();
    let peer = places.media.iter().find(|media| media.announced.is_ipv4() == family);
    let Some(peer) = peer.map(|media| media.announced) else {
        relayed.release()?;
        return Ok(format!(", and relays from {}, but no media port has that family", place.ip()));
    };
    let checked = relayed.check(peer, probe).with_context(|| format!("through it UDP {peer}"));
    relayed.release()?;
    checked?;
    Ok(format!(", and relays to UDP {peer}"))
}

fn turn_advice(error: &anyhow::Error) -> &'static str {
    match error.downcast_ref::<VisitError>() {
        Some(VisitError::Foreign) => {
            "another program has the port, or the server runs with another turn.secret or data_dir"
        }
        Some(VisitError::Refused(_)) => "the server runs with other settings, or is full (GET /api/turn)",
        _ => "open it in this machine's firewall; a server with other settings has another port",
    }
}

fn connect(place: SocketAddr) -> Result<TcpStream, VisitError> {
    let stream = TcpStream::connect_timeout(&place, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    Ok(stream)
}

/// Where listeners are reached from this machine, each once.
fn reached(listening: &[SocketAddr]) -> BTreeSet<SocketAddr> {
    listening.iter().map(|address| on_this_machine(*address)).collect()
}

fn is_system_without_family(cause: &(dyn std::error::Error + 'static)) -> bool {
    cause.downcast_ref().is_some_and(lacks_family)
}

fn is_without_family(error: &VisitError) -> bool {
    matches!(error, VisitError::Connection(error) if lacks_family(error))
}

/// Whether the machine lacks IPv6, as a rule.
fn lacks_family(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported | io::ErrorKind::NetworkUnreachable
    )
}

/// Whether only a local network, or this machine, reaches the address.
fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_loopback() || ip.is_unicast_link_local(),
    }
}
