//! Sessions that send checks of their own from the shared sockets, since the server is behind a NAT.
//!
//! A lite agent waits for the peer's checks, which a NAT lets in only from where something was sent to. A full one
//! sends first. Answers to checks name no session, so transactions begin with the session's slot.

use super::State;
use super::table::slot_of;
use crate::id::ElementId;
use crate::session::sdp::HostCandidate;
use std::net::SocketAddr;
use std::time::Instant;

impl State {
    /// Settles, before an endpoint's first description, which kind of agent it is: a full one where a STUN server is
    /// asked for it or a relay stands before it, which nobody has who is not behind a NAT. The offerer is controlling (RFC 8445 §6.1.1).
    pub(super) fn choose_agent(&mut self, now: Instant, id: ElementId, is_controlling: bool) {
        let has_relays = self.has_relays(id);
        let Self { endpoints, sessions, outgoing, stun_servers, .. } = self;
        let Some(endpoint) = endpoints.get_mut(&id).filter(|known| known.local_sdp.is_none()) else { return };
        if endpoint.settings.stun_server.is_none() && stun_servers.is_empty() && !has_relays {
            return;
        }
        let Some(seat) = sessions.get_mut(endpoint.session) else { return };
        let Ok(slot) = u32::try_from(slot_of(endpoint.session)) else { return };
        endpoint.local.is_full_agent = true;
        let addresses: Vec<SocketAddr> = outgoing.iter().map(|shared| shared.local).collect();
        let hosts = HostCandidate::for_addresses(&addresses);
        let checked_from = hosts.iter().map(|host| (host.address(), host.priority())).collect();
        seat.session.ice.check_from(checked_from);
        seat.session.ice.act_full(now, is_controlling, slot);
    }
}
