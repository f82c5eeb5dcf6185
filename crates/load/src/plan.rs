//! Who sends to whom.

use crate::peer::{Direction, Media};
use crate::traffic::Traffic;
use anyhow::{Context as _, bail, ensure};
use std::net::SocketAddr;
use std::time::Duration;

/// A whole run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where and how the peers meet.
    pub server: Server,
    /// Who is there.
    pub scenario: Scenario,
    /// How often.
    pub groups: usize,
    /// What every publisher sends.
    pub traffic: Traffic,
    /// Whether subscribers answer with transport-wide feedback, as browsers do: congestion control then works
    /// for each of them.
    pub feedback: bool,
    /// Sent but not counted, after everybody has joined.
    pub warm_up: Duration,
    /// What is counted.
    pub measured: Duration,
    /// How often the sockets are read. Receive times are the kernel's, so this shows in no latency.
    pub poll_every: Duration,
    /// The server's process on this machine, if its CPU time and memory are to be told.
    pub server_pid: Option<u32>,
}

/// A protocol with its address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Server {
    /// Which protocol.
    pub protocol: Protocol,
    /// `ws://HOST:PORT/call`, `ws://HOST:PORT/groupcall` or `ws://HOST:PORT/kurento`.
    pub url: String,
}

/// How peers find one another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// Keel's one-to-one calls.
    Call,
    /// Keel's rooms.
    Group,
    /// Kurento's pipelines and endpoints.
    Kurento,
}

/// A group of peers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scenario {
    /// One publisher and so many subscribers.
    Broadcast(usize),
    /// Two who send to one another.
    Call,
    /// So many participants, each of whom sends to all others. By Kurento's protocol a participant has a
    /// connection to send on and one for each other to receive on, since an endpoint has at most one stream of
    /// each kind; in Keel's rooms it has one connection for each direction.
    Room(usize),
}

/// One connection of a group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seat {
    /// What it sends and receives.
    pub media: Media,
    /// Whose media it receives: the places of seats in the group.
    pub hears: Vec<usize>,
}

impl Server {
    /// Reads an address: its path says which protocol.
    ///
    /// # Errors
    /// When it is none of the three.
    pub fn parse(url: &str) -> anyhow::Result<Self> {
        let rest = url.strip_prefix("ws://").with_context(|| {
            format!("{url:?} does not begin with ws://; TLS is not spoken here, use the server's plain port")
        })?;
        let protocol = match rest.split_once('/') {
            Some((_, path)) if path.starts_with("kurento") => Protocol::Kurento,
            Some((_, path)) if path.starts_with("call") => Protocol::Call,
            Some((_, path)) if path.starts_with("groupcall") => Protocol::Group,
            _ => bail!(
                "{url:?}: the path is /call for Keel's calls, /groupcall for its rooms or /kurento for Kurento's protocol"
            ),
        };
        Ok(Self { protocol, url: url.to_owned() })
    }

    /// The host and port of its address.
    pub(crate) fn authority(&self) -> &str {
        let rest = self.url.strip_prefix("ws://").unwrap_or(&self.url);
        rest.split('/').next().unwrap_or(rest)
    }

    /// The address by which it is reached.
    pub(crate) fn address(&self) -> anyhow::Result<SocketAddr> {
        use std::net::ToSocketAddrs;
        let authority = self.authority();
        let found = authority.to_socket_addrs().with_context(|| format!("{authority:?} is no HOST:PORT"))?;
        let found: Vec<SocketAddr> = found.collect();
        // Servers that listen on both families are asked by IPv4, which every one has.
        let chosen = found.iter().find(|address| address.is_ipv4()).or(found.first());
        chosen.copied().with_context(|| format!("{authority:?} has no address"))
    }
}

impl Plan {
    /// Checks what the parts do not know of each other.
    ///
    /// # Errors
    /// When the protocol cannot carry the scenario, or there would be too many peers.
    pub fn check(&self) -> anyhow::Result<()> {
        match self.server.protocol {
            Protocol::Call => ensure!(
                self.scenario == Scenario::Call,
                "Keel's call protocol has calls of two only: use --calls, or the /kurento address"
            ),
            Protocol::Group => ensure!(
                matches!(self.scenario, Scenario::Room(2..)),
                "Keel's group calls have rooms only, of two and more: use --room, or the /kurento address"
            ),
            Protocol::Kurento => {}
        }
        ensure!(self.groups > 0, "there is nobody in no groups");
        ensure!(
            self.traffic.has_video() || self.traffic.has_audio(),
            "neither video nor audio would be negotiated: add --audio"
        );
        let peers = self.peers();
        ensure!(peers <= PEERS_MAX, "{peers} peers are more than the {PEERS_MAX} that one thread can serve");
        Ok(())
    }

    /// The connections of one group.
    #[must_use]
    pub fn seats(&self) -> Vec<Seat> {
        let (video, audio) = (self.traffic.has_video(), self.traffic.has_audio());
        self.scenario.seats(self.server.protocol, video, audio, self.feedback)
    }

    /// The people of one group, who may have several connections each.
    pub(crate) fn participants(&self) -> usize {
        match self.scenario {
            Scenario::Broadcast(subscribers) => subscribers + 1,
            Scenario::Call => 2,
            Scenario::Room(size) => size,
        }
    }

    /// Kinds of media that each publisher sends.
    pub(crate) fn kinds(&self) -> usize {
        usize::from(self.traffic.has_video()) + usize::from(self.traffic.has_audio())
    }

    /// Sockets for all of it: each peer's, and those of the signaling, of which each person in calls and rooms has
    /// one.
    pub(crate) fn sockets(&self) -> usize {
        let signaling = match self.server.protocol {
            Protocol::Kurento => 1,
            Protocol::Call | Protocol::Group => self.groups.saturating_mul(self.participants()),
        };
        self.peers() + signaling
    }

    /// Connections in all.
    #[must_use]
    pub fn peers(&self) -> usize {
        self.groups.saturating_mul(self.seats().len())
    }
}

/// Sockets that one thread empties in a few milliseconds.
const PEERS_MAX: usize = 5_000;

impl Scenario {
    fn seats(self, protocol: Protocol, video: bool, audio: bool, feedback: bool) -> Vec<Seat> {
        let kind = |wanted: bool, direction| if wanted { direction } else { Direction::Absent };
        let media =
            |direction| Media { video: kind(video, direction), audio: kind(audio, direction), feedback };
        let sender = Seat { media: media(Direction::Send), hears: Vec::new() };
        let receiver = |hears| Seat { media: media(Direction::Receive), hears };
        match self {
            Self::Broadcast(subscribers) => {
                std::iter::once(sender).chain((0..subscribers).map(|_| receiver(vec![0]))).collect()
            }
            Self::Call => {
                [1, 0].map(|other| Seat { media: media(Direction::Both), hears: vec![other] }).to_vec()
            }
            Self::Room(size) => {
                let others = |own: usize| (0..size).filter(move |other| *other != own);
                let mut seats = vec![sender; size];
                for own in 0..size {
                    match protocol {
                        Protocol::Group => seats.push(receiver(others(own).collect())),
                        _ => seats.extend(others(own).map(|other| receiver(vec![other]))),
                    }
                }
                seats
            }
        }
    }
}

impl std::fmt::Display for Scenario {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Broadcast(subscribers) => write!(f, "1 -> {subscribers}"),
            Self::Call => f.write_str("1:1 call"),
            Self::Room(size) => write!(f, "room of {size}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_hears_whom_the_scenario_says() {
        let heard = |seats: &[Seat]| seats.iter().map(|seat| seat.hears.clone()).collect::<Vec<_>>();
        let seats = Scenario::Broadcast(3).seats(Protocol::Kurento, true, false, false);
        assert_eq!(heard(&seats), [vec![], vec![0], vec![0], vec![0]]);
        assert_eq!(seats[0].media, Media::video(Direction::Send));

        let call = Scenario::Call.seats(Protocol::Call, true, true, false);
        assert_eq!(heard(&call), [[1], [0]]);
        assert!(call.iter().all(|seat| seat.media.audio == Direction::Both));

        for (protocol, connections) in [(Protocol::Kurento, 4 + 4 * 3), (Protocol::Group, 4 + 4)] {
            let room = Scenario::Room(4).seats(protocol, false, true, true);
            assert_eq!(room.len(), connections);
            for sender in 0..4 {
                assert_eq!(room.iter().filter(|seat| seat.hears.contains(&sender)).count(), 3);
            }
        }
    }

    #[test]
    fn an_address_tells_its_protocol_or_what_is_wrong_with_it() {
        let server = Server::parse("ws://localhost:8888/kurento").expect("an address");
        assert_eq!((server.protocol, server.authority()), (Protocol::Kurento, "localhost:8888"));
        assert_eq!(Server::parse("ws://[::1]:8080/call").expect("an address").protocol, Protocol::Call);
        let error = |url| Server::parse(url).expect_err("no address").to_string();
        assert_eq!(Server::parse("ws://h:1/groupcall").expect("an address").protocol, Protocol::Group);
        assert!(error("wss://localhost/call").contains("plain port"));
        assert!(error("ws://localhost:8080/").contains("/kurento"));
    }
}
