//! How peers get into the server: each protocol's requests, in order, then the handshakes.

mod call;
mod group;
mod kurento;

use crate::peer::{BarePeer, Identity, Keys, Media, OfferingPeer, TRANSPORT_NUMBER_ID};
use crate::plan::{Plan, Protocol, Seat};
use anyhow::Context as _;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::sync::mpsc::SyncSender;
use std::time::{Duration, SystemTime};
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Message, Utf8Bytes, WebSocket};

/// How long a server may take to answer a request, or to say what is awaited.
const ANSWER_MAX: Duration = Duration::from_secs(20);
/// How long one look at a connection that should be quiet may take.
const LOOK: Duration = Duration::from_millis(1);

/// A peer that has joined.
#[derive(Debug)]
pub(crate) struct Joined {
    pub(crate) peer: BarePeer,
    pub(crate) keys: Keys,
    /// Which peer of all: groups one after another, seats in order.
    pub(crate) number: usize,
    pub(crate) media: Media,
    /// The numbers of the peers whose media it receives.
    pub(crate) hears: Vec<usize>,
    /// The extension with the transport-wide number, of one that answers with feedback.
    pub(crate) transport_number_id: Option<u8>,
    /// When its offer was sent.
    pub(crate) offered: SystemTime,
}

/// The connections to the server that keep the peers in it: closing them ends everything.
#[derive(Debug)]
pub(crate) struct Connections(Vec<Connection>);

/// One WebSocket.
#[derive(Debug)]
pub(crate) struct Connection(WebSocket<TcpStream>);

/// Brings all peers of the plan in, group by group, publishers first, and hands each on when it is connected.
/// Stops early when nobody takes them any more.
pub(crate) fn join(plan: &Plan, joined: &SyncSender<Joined>) -> anyhow::Result<Connections> {
    let identity = Identity::generate()?;
    let mut connections = Connections(Vec::new());
    let seats = plan.seats();
    let door = Door { plan, identity: &identity, joined, seats: &seats };
    match plan.server.protocol {
        Protocol::Kurento => connections.0.push(kurento::join(&door)?),
        Protocol::Call => {
            for group in 0..plan.groups {
                connections.0.extend(call::join(&door, group)?);
            }
        }
        Protocol::Group => {
            for group in 0..plan.groups {
                connections.0.extend(group::join(&door, group)?);
            }
        }
    }
    Ok(connections)
}

/// What every protocol needs to let peers in.
struct Door<'a> {
    plan: &'a Plan,
    identity: &'a Identity,
    joined: &'a SyncSender<Joined>,
    seats: &'a [Seat],
}

impl Door<'_> {
    /// The peer of a seat, with its offer.
    fn offer(&self, group: usize, place: usize) -> anyhow::Result<OfferingPeer> {
        let media = self.seats[place].media;
        let number = self.number(group, place);
        let server = self.plan.server.address()?;
        let local = if server.ip().is_loopback() { server.ip() } else { unspecified(server) };
        OfferingPeer::new(self.identity, local, u32::try_from(number)?, media)
    }

    /// Connects the peer by the server's answer and hands it on.
    fn connect(
        &self,
        group: usize,
        place: usize,
        peer: OfferingPeer,
        answer: &str,
        server: SocketAddr,
        offered: SystemTime,
    ) -> anyhow::Result<()> {
        let id = self.seats[place].media.feedback.then_some(TRANSPORT_NUMBER_ID);
        self.connect_numbered(group, place, peer, answer, server, offered, id)
    }

    /// [`Self::connect`] of a peer whose extension for the transport-wide number the server chose.
    #[expect(clippy::too_many_arguments, reason = "who, and all that the server said")]
    fn connect_numbered(
        &self,
        group: usize,
        place: usize,
        peer: OfferingPeer,
        answer: &str,
        server: SocketAddr,
        offered: SystemTime,
        transport_number_id: Option<u8>,
    ) -> anyhow::Result<()> {
        let number = self.number(group, place);
        let (peer, keys) =
            peer.connect(self.identity, answer, server).with_context(|| format!("peer {number}"))?;
        let Seat { media, hears } = &self.seats[place];
        let hears = hears.iter().map(|heard| self.number(group, *heard)).collect();
        let joined = Joined { peer, keys, number, media: *media, hears, transport_number_id, offered };
        self.joined.send(joined).context("the run has ended")
    }

    fn number(&self, group: usize, place: usize) -> usize {
        group * self.seats.len() + place
    }
}

fn unspecified(server: SocketAddr) -> IpAddr {
    if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() }
}

impl Connections {
    /// Answers pings and passes over events.
    ///
    /// # Errors
    /// When the server has closed a connection, which ends the peers that joined over it.
    pub(crate) fn keep_alive(&mut self) -> anyhow::Result<()> {
        self.0.iter_mut().try_for_each(Connection::keep_alive)
    }
}

impl Connection {
    fn open(plan: &Plan) -> anyhow::Result<Self> {
        let url = &plan.server.url;
        let address = plan.server.address()?;
        let stream = TcpStream::connect_timeout(&address, ANSWER_MAX)
            .with_context(|| format!("nothing listens at {address}: is the server running?"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        // The error would carry the unfinished handshake.
        let (socket, _) = tungstenite::client(url.as_str(), stream)
            .map_err(|error| anyhow::anyhow!("{url} is no WebSocket: {error}"))?;
        Ok(Self(socket))
    }

    fn send(&mut self, text: String) -> anyhow::Result<()> {
        self.0.send(Message::text(text)).context("the server closed the connection")
    }

    /// The next text, which must come in time.
    fn receive(&mut self) -> anyhow::Result<serde_json::Value> {
        loop {
            match self.0.read() {
                Ok(Message::Text(text)) => {
                    return serde_json::from_str(&text).context("the server said something that is no JSON");
                }
                Ok(_) => {}
                Err(tungstenite::Error::Io(error)) if is_timeout(&error) => {
                    anyhow::bail!("the server said nothing for {} s", ANSWER_MAX.as_secs());
                }
                Err(error) => return Err(error).context("the server closed the connection"),
            }
        }
    }

    fn keep_alive(&mut self) -> anyhow::Result<()> {
        self.0.get_ref().set_read_timeout(Some(LOOK))?;
        // Pings are answered by reading.
        let result = loop {
            match self.0.read() {
                Ok(_) => {}
                Err(tungstenite::Error::Io(error)) if is_timeout(&error) => break Ok(()),
                Err(error) => break Err(error).context("the server closed the connection during the run"),
            }
        };
        self.0.get_ref().set_read_timeout(Some(ANSWER_MAX))?;
        result
    }
}

impl Drop for Connection {
    /// Says goodbye as a browser's tab does: who is merely lost keeps its place in a room for a while.
    fn drop(&mut self) {
        // A server that is gone needs no word.
        let _ = self.0.close(Some(CloseFrame { code: CloseCode::Away, reason: Utf8Bytes::default() }));
    }
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
