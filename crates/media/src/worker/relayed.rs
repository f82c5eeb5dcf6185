//! Relayed addresses on TURN servers elsewhere, in front of the shared sockets.
//!
//! What comes through one arrives from a socket on this host that stands for the peer, so that to a worker the relay is
//! where the peer is. All that is done here is to announce the address, and to name the peers that are to be let through.

use super::State;
use crate::id::ElementId;
use crate::pipeline::RelayPath;
use crate::session::sdp::RelayedCandidate;
use std::collections::BTreeSet;
use std::net::IpAddr;

impl State {
    /// Learns the relayed addresses of the configuration, of all workers.
    pub(super) fn set_relays(&mut self, relays: Vec<RelayPath>) {
        self.relay_paths = relays.into_iter().filter(|relay| self.is_ours(relay)).collect();
        for endpoint in self.endpoints.keys().copied().collect::<Vec<_>>() {
            self.permit_peers(endpoint);
        }
    }

    /// Whether an endpoint's own relays, or those of the configuration, lead to this worker's sockets.
    pub(super) fn has_relays(&self, id: ElementId) -> bool {
        self.relays_of(id).next().is_some()
    }

    /// An endpoint's relayed candidates, as far as they are allocated at present.
    pub(super) fn relayed_candidates(&self, id: ElementId) -> Vec<RelayedCandidate> {
        let known = self.relays_of(id).filter_map(|relay| *relay.relayed.borrow());
        (0..)
            .zip(known)
            .map(|(number, (address, mapped))| RelayedCandidate::new(number, address, mapped))
            .collect()
    }

    /// Has an endpoint's relays let its peer through, by all addresses that it has named.
    pub(super) fn permit_peers(&self, id: ElementId) {
        let Some(endpoint) = self.endpoints.get(&id) else { return };
        let Some(seat) = self.sessions.get(endpoint.session) else { return };
        let named: BTreeSet<IpAddr> =
            seat.session.ice.remote_candidates().map(|remote| remote.ip()).collect();
        for relay in self.relays_of(id) {
            for peer in &named {
                // A full queue leaves the peer out until it names another candidate; others reach it.
                let _ = relay.permits.try_send(*peer);
            }
        }
    }

    fn relays_of(&self, id: ElementId) -> impl Iterator<Item = &RelayPath> {
        let own = self.endpoints.get(&id).map_or(&[][..], |endpoint| &endpoint.settings.relays);
        let relays = if own.is_empty() { &self.relay_paths[..] } else { own };
        relays.iter().filter(|relay| self.is_ours(relay))
    }

    fn is_ours(&self, relay: &RelayPath) -> bool {
        self.outgoing.iter().any(|shared| shared.local == relay.target)
    }
}
