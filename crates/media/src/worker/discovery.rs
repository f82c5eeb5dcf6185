//! Asks STUN servers for the addresses that the world sees the shared sockets at, for candidates.

use super::State;
use super::batch::Destination;
use super::endpoint::Endpoint;
use crate::forward::DropReason;
use crate::session::ice::discovery::{Finding, Learnt, Question};
use std::net::SocketAddr;
use std::time::Instant;

impl State {
    /// Learns which servers to ask from now on, beside those that endpoints name.
    pub(super) fn set_stun_servers(&mut self, now: Instant, servers: Vec<SocketAddr>) {
        self.stun_servers = servers;
        for server in self.stun_servers.clone() {
            self.ask_server(now, server);
        }
        self.settle_discovery();
        self.finish_gatherings();
    }

    /// Has each shared socket that can ask a server do so.
    pub(super) fn ask_server(&mut self, now: Instant, server: SocketAddr) {
        for (index, shared) in self.outgoing.iter().enumerate() {
            let is_wildcard = shared.local.ip().is_unspecified();
            let is_near = shared.local.ip().is_loopback() == server.ip().is_loopback();
            // Nothing leaves a loopback address for the world.
            if shared.local.is_ipv4() == server.is_ipv4() && (is_wildcard || is_near) {
                self.discovery.ask(now, index, server);
            }
        }
    }

    /// Takes what came to a shared socket and names no session: the answer of a server that was asked.
    pub(super) fn handle_server_answer(
        &mut self,
        now: Instant,
        socket: usize,
        remote: SocketAddr,
        datagram: &[u8],
    ) -> Result<(), DropReason> {
        let handled = self.discovery.handle_answer(now, socket, remote, datagram);
        self.settle_discovery();
        handled
    }

    /// Asks again where it is time.
    pub(super) fn look_at_servers(&mut self, now: Instant) {
        if self.discovery.poll_timeout().is_none_or(|due| due > now) {
            return;
        }
        let Self { discovery, stun_servers, endpoints, .. } = self;
        discovery.keep(|server| {
            let is_named = |known: &Endpoint| known.settings.stun_server == Some(server);
            stun_servers.contains(&server) || endpoints.values().any(is_named)
        });
        discovery.handle_timeout(now);
        self.settle_discovery();
    }

    /// Sends what is to be sent, and tells what has become known.
    pub(super) fn settle_discovery(&mut self) {
        while let Some(Question { socket, server, bytes }) = self.discovery.poll_question() {
            if let Some(shared) = self.outgoing.get_mut(socket) {
                shared.queue.push(Destination::from(server), &bytes);
            }
        }
        let mut is_news = false;
        while let Some(Learnt { socket, server, finding }) = self.discovery.poll_news() {
            is_news = true;
            let local = self.outgoing.get(socket).map(|shared| shared.local);
            match finding {
                Finding::Reflexive(public) => {
                    tracing::info!(?local, %public, %server, "a STUN server told the public address");
                }
                Finding::Failed => tracing::warn!(
                    ?local,
                    %server,
                    "no public address: the STUN server does not answer or refuses; media goes on without it"
                ),
                Finding::Pending => {}
            }
        }
        if is_news {
            self.finish_gatherings();
        }
    }

    /// Looks again at who waits for servers.
    fn finish_gatherings(&mut self) {
        for endpoint in std::mem::take(&mut self.gathering) {
            self.finish_gathering(endpoint);
        }
    }
}
