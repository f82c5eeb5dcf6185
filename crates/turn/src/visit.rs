//! A visit as a client, to see whether a server does what it should. It blocks, asks one thing at a time, and waits
//! three seconds at most for each answer.

use crate::credential::Issued;
use crate::stun::{Ask, Crypto, Key, KeyKind, Method, Reply, TransactionId, frame_length};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;
use thiserror::Error;
use zeroize::Zeroizing;

/// How long the answer to each try may take (RFC 8489 §6.2.1 doubles the first of them).
const TRIES: [Duration; 3] =
    [Duration::from_millis(500), Duration::from_secs(1), Duration::from_millis(1500)];
/// Messages that are read over while one is waited for.
const STRAYS_MAX: usize = 16;
const DATAGRAM_BYTES_MAX: usize = 2048;
/// Bytes of a stream that are read at once.
const READ_BYTES: usize = 2048;

/// A client of a STUN or TURN server.
pub struct Visit {
    way: Way,
    crypto: Crypto,
}

enum Way {
    Datagrams(UdpSocket),
    Stream { stream: Box<dyn Duplex>, unread: Vec<u8> },
}

trait Duplex: Read + Write {}

impl<S: Read + Write> Duplex for S {}

/// Why a visit was in vain.
#[derive(Debug, Error)]
pub enum VisitError {
    /// Nobody answered in time: nobody is there, or a firewall is between.
    #[error("nothing answers")]
    Silent,
    /// The machine is there, and says that nobody listens.
    #[error("nothing listens there")]
    Closed,
    /// The system or the other side broke it off.
    #[error("the connection failed: {0}")]
    Connection(#[source] io::Error),
    /// The server refused, with this code of RFC 8489 or RFC 8656.
    #[error("it refuses with error {0}")]
    Refused(u16),
    /// An answer that is not made with the secret: of another server, as a rule.
    #[error("it answers without knowing this server's secret")]
    Foreign,
}

impl From<io::Error> for VisitError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => Self::Silent,
            ErrorKind::ConnectionRefused => Self::Closed,
            _ => Self::Connection(error),
        }
    }
}

impl Visit {
    /// By datagrams.
    ///
    /// # Errors
    /// When the system has no way to that address.
    pub fn by_udp(server: SocketAddr) -> Result<Self, VisitError> {
        let any: IpAddr =
            if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect(server)?;
        Ok(Self { way: Way::Datagrams(socket), crypto: Crypto::default() })
    }

    /// By a stream that is open, perhaps under TLS. The caller has limited how long it may be read for.
    pub fn by_stream(stream: impl Read + Write + 'static) -> Self {
        let way = Way::Stream { stream: Box::new(stream), unread: Vec::new() };
        Self { way, crypto: Crypto::default() }
    }

    /// The address that the server sees.
    ///
    /// # Errors
    /// When it tells none.
    pub fn own_address(&mut self) -> Result<SocketAddr, VisitError> {
        let transaction = rand::random();
        let message = Ask::new(Method::Binding, transaction).unsigned();
        self.exchange(&message, |answer| {
            let reply = Reply::parse(answer).filter(|reply| reply.transaction == transaction)?;
            Some(reply.mapped.ok_or(VisitError::Refused(reply.code)))
        })?
    }

    /// The address that a media socket sees, asked by a check with these credentials.
    ///
    /// # Errors
    /// When it does not answer, which it does to no other credentials.
    pub fn check(&mut self, credentials: &Issued) -> Result<SocketAddr, VisitError> {
        let check = Check::new(&self.crypto, credentials);
        let crypto = self.crypto.clone();
        self.exchange(&check.message, |answer| check.answered(&crypto, answer))?
    }

    /// Asks for a relayed address as this user.
    ///
    /// # Errors
    /// When there is none for them.
    pub fn allocate(mut self, user: &Issued) -> Result<Relayed, VisitError> {
        let transaction = rand::random();
        let message = Ask::allocate(transaction).unsigned();
        let challenge = self.reply(transaction, &message)?;
        if challenge.code != 401 {
            return Err(VisitError::Refused(challenge.code));
        }
        let bytes = self.crypto.md5_key(&user.username, &challenge.realm, &user.password);
        let mut relayed = Relayed {
            visit: self,
            user: user.clone(),
            realm: challenge.realm,
            nonce: challenge.nonce,
            key: Key { bytes, kind: KeyKind::Sha1 },
            address: SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0),
        };
        let transaction = rand::random();
        let reply = relayed.ask(transaction, Ask::allocate(transaction))?;
        relayed.address = *reply.relayed.first().ok_or(VisitError::Refused(reply.code))?;
        Ok(relayed)
    }

    fn reply(&mut self, transaction: TransactionId, message: &[u8]) -> Result<Reply, VisitError> {
        self.exchange(message, |answer| Reply::parse(answer).filter(|reply| reply.transaction == transaction))
    }

    /// Sends until something comes that is wanted.
    fn exchange<T>(
        &mut self,
        message: &[u8],
        mut wanted: impl FnMut(&[u8]) -> Option<T>,
    ) -> Result<T, VisitError> {
        match &mut self.way {
            Way::Datagrams(socket) => {
                let mut buffer = [0; DATAGRAM_BYTES_MAX];
                for patience in TRIES {
                    socket.set_read_timeout(Some(patience))?;
                    socket.send(message)?;
                    for _ in 0..STRAYS_MAX {
                        match socket.recv(&mut buffer).map_err(VisitError::from) {
                            Ok(length) => {
                                if let Some(found) = wanted(buffer.get(..length).unwrap_or_default()) {
                                    return Ok(found);
                                }
                            }
                            Err(VisitError::Silent) => break,
                            Err(error) => return Err(error),
                        }
                    }
                }
                Err(VisitError::Silent)
            }
            Way::Stream { stream, unread } => {
                stream.write_all(message)?;
                stream.flush()?;
                for _ in 0..STRAYS_MAX {
                    let answer = next_message(stream, unread)?;
                    if let Some(found) = wanted(&answer) {
                        return Ok(found);
                    }
                }
                Err(VisitError::Silent)
            }
        }
    }
}

/// Cuts one message off a stream.
fn next_message(stream: &mut impl Read, unread: &mut Vec<u8>) -> Result<Vec<u8>, VisitError> {
    loop {
        match frame_length(unread) {
            Ok(Some(length)) if unread.len() >= length => return Ok(unread.drain(..length).collect()),
            Ok(_) => {}
            // What no STUN server says.
            Err(()) => return Err(VisitError::Foreign),
        }
        let mut buffer = [0; READ_BYTES];
        match stream.read(&mut buffer)? {
            0 => return Err(VisitError::Connection(ErrorKind::UnexpectedEof.into())),
            length => unread.extend_from_slice(buffer.get(..length).unwrap_or_default()),
        }
    }
}

/// A relayed address that a visit was given. It is given up with [`Self::release`], else it runs out.
pub struct Relayed {
    visit: Visit,
    user: Issued,
    realm: String,
    nonce: String,
    key: Key,
    address: SocketAddr,
}

impl Relayed {
    /// The relayed address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What a media socket at `peer` sees, asked through the relay.
    ///
    /// # Errors
    /// When the server does not admit the peer, or the peer does not answer.
    pub fn check(&mut self, peer: SocketAddr, credentials: &Issued) -> Result<SocketAddr, VisitError> {
        let transaction = rand::random();
        let permission = Ask::new(Method::CreatePermission, transaction).peer(peer);
        self.ask(transaction, permission)?;
        let crypto = self.visit.crypto.clone();
        let check = Check::new(&crypto, credentials);
        let message = Ask::send(rand::random(), peer, &check.message);
        self.visit.exchange(&message, |indication| {
            let data = Reply::parse(indication).filter(|read| read.peer == Some(peer))?.data?;
            check.answered(&crypto, &data)
        })?
    }

    /// Gives the relayed address up.
    ///
    /// # Errors
    /// When the server does not confirm it.
    pub fn release(mut self) -> Result<(), VisitError> {
        let transaction = rand::random();
        self.ask(transaction, Ask::new(Method::Refresh, transaction).lifetime(0)).map(|_| ())
    }

    /// A request as the user, and its success.
    fn ask(&mut self, transaction: TransactionId, ask: Ask) -> Result<Reply, VisitError> {
        let named = ask.credentials(&self.user.username, &self.realm, &self.nonce);
        let message = named.signed(&self.visit.crypto, &self.key);
        let reply = self.visit.reply(transaction, &message)?;
        match reply.code {
            0 => Ok(reply),
            // Challenged again: the credentials are no good here.
            401 => Err(VisitError::Foreign),
            code => Err(VisitError::Refused(code)),
        }
    }
}

/// A check of a media socket, to be recognised when it is answered.
struct Check {
    transaction: TransactionId,
    key: Key,
    message: Vec<u8>,
}

impl Check {
    fn new(crypto: &Crypto, credentials: &Issued) -> Self {
        let transaction = rand::random();
        // RFC 8489 §9.1.1: the key of short-term credentials is the password.
        let bytes = Zeroizing::new(credentials.password.as_bytes().to_vec());
        let key = Key { bytes, kind: KeyKind::Sha1 };
        let message = Ask::check(transaction, &credentials.username).signed(crypto, &key);
        Self { transaction, key, message }
    }

    /// What an answer to it says; `None`: it is none.
    fn answered(&self, crypto: &Crypto, message: &[u8]) -> Option<Result<SocketAddr, VisitError>> {
        let reply = Reply::parse(message).filter(|reply| reply.transaction == self.transaction)?;
        if !Reply::is_signed(message, crypto, &self.key) {
            return Some(Err(VisitError::Foreign));
        }
        Some(reply.mapped.ok_or(VisitError::Refused(reply.code)))
    }
}
