//! Which addresses an endpoint tells its peer.

use super::State;
use super::place::of_family;
use crate::error::NegotiationError;
use crate::id::ElementId;
use crate::pipeline::{AnnouncedAddress, EndpointEvent, EndpointSettings, IceCandidate};
use crate::session::ice::discovery::Finding;
use crate::session::sdp::{HostCandidate, ReflexiveCandidate};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

impl State {
    /// Makes these the addresses that peers are told, in place of those that were configured, from the next
    /// gathering on; what was told before stays as true as the network has it. What is told now.
    pub(super) fn announce(&mut self, addresses: &[IpAddr]) -> Vec<AnnouncedAddress> {
        for shared in &mut self.outgoing {
            let (ip, port) = (shared.local.ip(), shared.local.port());
            let told =
                of_family(addresses, &ip).into_iter().map(|announced| SocketAddr::new(announced, port));
            shared.announced = told.collect();
        }
        let pairs = self.outgoing.iter().flat_map(|shared| {
            let local = shared.local;
            shared.announced.iter().map(move |announced| AnnouncedAddress { announced: *announced, local })
        });
        pairs.collect()
    }

    /// Reports the endpoint's candidates, once. They are its own sockets' where it is known to have some,
    /// which an answerer knows; an offerer's are those of the shared ones, and if its checks leave from
    /// others later, the peer learns of these by the checks.
    ///
    /// Where STUN servers are asked, the end of gathering waits for the first answer of each, or its silence.
    pub(super) fn gather_candidates(&mut self, now: Instant, id: ElementId) -> Result<(), NegotiationError> {
        let endpoint = self.endpoints.get_mut(&id).ok_or(NegotiationError::Released)?;
        if endpoint.negotiation.is_without_description() {
            return Err(NegotiationError::NoOffer);
        }
        if std::mem::replace(&mut endpoint.gathered, true) {
            return Ok(());
        }
        let places = self.sessions.get(endpoint.session).map_or(&[][..], |seat| &seat.own);
        let (mut udp, mut tcp): (Vec<SocketAddr>, Vec<SocketAddr>) = (Vec::new(), Vec::new());
        for own in places.iter().filter_map(|place| self.own.socket(*place)) {
            udp.extend(&own.announced);
        }
        let has_own = !places.is_empty();
        if !has_own {
            udp.extend(self.outgoing.iter().flat_map(|shared| &shared.announced));
            let open = self.outgoing.iter().filter(|shared| shared.has_tcp && !endpoint.settings.udp_only);
            tcp.extend(open.flat_map(|shared| &shared.announced));
        }
        let announced = |sockets: &[SocketAddr]| announced(sockets, &endpoint.settings, &self.interfaces);
        let hosts = HostCandidate::for_addresses(&announced(&udp)).into_iter();
        let hosts: Vec<_> = hosts.chain(HostCandidate::for_connections(&announced(&tcp))).collect();
        let servers = if has_own { Vec::new() } else { self.servers_of(id) };
        for host in hosts {
            self.emit_candidate(id, host.to_string());
        }
        for server in servers {
            self.ask_server(now, server);
        }
        self.settle_discovery();
        self.finish_gathering(id);
        Ok(())
    }

    /// Reports what STUN servers have told, and the end of gathering; waits while one has not answered yet.
    pub(super) fn finish_gathering(&mut self, id: ElementId) {
        let Some(endpoint) = self.endpoints.get(&id) else { return };
        let has_own = self.sessions.get(endpoint.session).is_some_and(|seat| !seat.own.is_empty());
        let servers = if has_own { Vec::new() } else { self.servers_of(id) };
        let findings = || servers.iter().flat_map(|server| self.discovery.findings(*server));
        if findings().any(|(_, finding)| finding == Finding::Pending) {
            self.gathering.insert(id);
            return;
        }
        let known = findings().filter_map(|(socket, finding)| {
            let base = self.outgoing.get(socket)?.local;
            match finding {
                Finding::Reflexive(address) if is_announced(base, &endpoint.settings, &self.interfaces) => {
                    Some((address, base))
                }
                _ => None,
            }
        });
        let known: Vec<_> = known.collect();
        let sockets: Vec<_> = self.outgoing.iter().flat_map(|shared| &shared.announced).copied().collect();
        let hosts = announced(&sockets, &endpoint.settings, &self.interfaces);
        for candidate in ReflexiveCandidate::of(&known, &hosts) {
            self.emit_candidate(id, candidate.to_string());
        }
        if !has_own {
            for candidate in self.relayed_candidates(id) {
                self.emit_candidate(id, candidate.to_string());
            }
            self.permit_peers(id);
        }
        self.emit(id, EndpointEvent::GatheringDone);
    }

    /// The STUN servers that an endpoint's candidates come from: its own, or those of the configuration.
    fn servers_of(&self, id: ElementId) -> Vec<SocketAddr> {
        match self.endpoints.get(&id).and_then(|endpoint| endpoint.settings.stun_server) {
            Some(server) => vec![server],
            None => self.stun_servers.clone(),
        }
    }

    fn emit_candidate(&mut self, id: ElementId, candidate: String) {
        let Some(endpoint) = self.endpoints.get(&id) else { return };
        let (index, sdp_mid) = endpoint.first_line();
        let candidate = IceCandidate { candidate, sdp_mid, sdp_mline_index: Some(index) };
        self.emit(id, EndpointEvent::CandidateFound(candidate));
    }
}

/// What to announce for these sockets: those on the interfaces that were named, at the addresses that were
/// set for their family.
fn announced(
    sockets: &[SocketAddr],
    settings: &EndpointSettings,
    interfaces: &[(String, IpAddr)],
) -> Vec<SocketAddr> {
    let mut announced = Vec::new();
    for socket in sockets {
        if !is_announced(*socket, settings, interfaces) {
            continue;
        }
        let external = settings.external.iter().filter(|ip| ip.is_ipv4() == socket.is_ipv4());
        let before = announced.len();
        announced.extend(external.map(|ip| SocketAddr::new(*ip, socket.port())));
        if announced.len() == before {
            announced.push(*socket);
        }
    }
    announced
}

/// Whether a socket is on one of the interfaces that were named, or on none.
fn is_announced(socket: SocketAddr, settings: &EndpointSettings, interfaces: &[(String, IpAddr)]) -> bool {
    let mut names = interfaces.iter().filter(|(_, ip)| *ip == socket.ip()).map(|(name, _)| name);
    settings.interfaces.is_empty()
        || names.clone().next().is_none()
        || names.any(|name| settings.interfaces.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(sockets: &[&str], settings: &EndpointSettings) -> Vec<String> {
        let interfaces = [("lo", "127.0.0.1"), ("eth0", "10.0.0.1"), ("eth0", "2001:db8::1")]
            .map(|(name, ip)| (name.to_owned(), ip.parse().expect("an address")));
        let sockets: Vec<SocketAddr> =
            sockets.iter().map(|socket| socket.parse().expect("a socket address")).collect();
        announced(&sockets, settings, &interfaces).iter().map(SocketAddr::to_string).collect()
    }

    const HOST: [&str; 3] = ["127.0.0.1:9", "10.0.0.1:9", "[2001:db8::1]:9"];

    #[test]
    fn without_settings_all_is_announced() {
        assert_eq!(of(&HOST, &EndpointSettings::default()), HOST);
    }

    // covers: KMS externalIPv4, externalIPv6
    #[test]
    fn an_external_address_stands_in_for_its_family() {
        let external = vec!["203.0.113.7".parse().expect("an address")];
        let settings = EndpointSettings { external, ..EndpointSettings::default() };
        assert_eq!(of(&HOST[1..], &settings), ["203.0.113.7:9", "[2001:db8::1]:9"]);
        assert_eq!(of(&HOST[2..], &settings), ["[2001:db8::1]:9"]);
    }

    // covers: KMS networkInterfaces
    #[test]
    fn only_the_named_interfaces_are_announced() {
        let on = |names: &[&str]| EndpointSettings {
            interfaces: names.iter().map(|name| (*name).to_owned()).collect(),
            ..EndpointSettings::default()
        };
        assert_eq!(of(&HOST, &on(&["eth0"])), &HOST[1..]);
        assert_eq!(of(&HOST, &on(&["wlan0", "lo"])), &HOST[..1]);
        assert!(of(&HOST, &on(&["wlan0"])).is_empty());
        let configured = ["198.51.100.1:9"];
        assert_eq!(of(&configured, &on(&["wlan0"])), configured, "it is of no interface");
    }
}
