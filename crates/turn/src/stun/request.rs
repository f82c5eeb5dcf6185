//! Reading a message, and checking that its sender has the key.

use super::{
    ATTR_ADDITIONAL_ADDRESS_FAMILY, Crypto, Family, HEADER, Key, KeyKind, Method, TransactionId, attributes,
    body, unmask,
};
use rtc_stun::attributes::{
    ATTR_CHANNEL_NUMBER, ATTR_DONT_FRAGMENT, ATTR_EVEN_PORT, ATTR_FINGERPRINT, ATTR_LIFETIME,
    ATTR_MESSAGE_INTEGRITY, ATTR_MESSAGE_INTEGRITY_SHA256, ATTR_NONCE, ATTR_PASSWORD_ALGORITHM,
    ATTR_PASSWORD_ALGORITHMS, ATTR_REALM, ATTR_REQUESTED_ADDRESS_FAMILY, ATTR_REQUESTED_TRANSPORT,
    ATTR_RESERVATION_TOKEN, ATTR_USERNAME, ATTR_XOR_PEER_ADDRESS, AttrType,
};
use rtc_stun::fingerprint::fingerprint_value;
use rtc_stun::message::{CLASS_REQUEST, MessageType};
use std::net::SocketAddr;
use zeroize::Zeroizing;

/// Attributes in one message; a request has about ten, and one for each peer.
const ATTRIBUTES_MAX: usize = 64;
/// Bytes of a request; those of clients have some hundred.
const REQUEST_BYTES_MAX: usize = 2048;
/// RFC 8489 §14.3: bytes of a user name.
const USERNAME_BYTES_MAX: usize = 508;
/// The value of PASSWORD-ALGORITHMS that Keel offers: SHA-256, then MD5, both without parameters
/// (RFC 8489 §14.11).
pub(crate) const PASSWORD_ALGORITHMS: [u8; 8] = [0, 2, 0, 0, 0, 1, 0, 0];

/// Why a message is not read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Malformed {
    /// It is no STUN message, or a broken one.
    NotStun,
    /// It is one that no client sends to a server.
    NotForServers,
}

/// How the key is made of the password.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PasswordAlgorithm {
    Md5,
    Sha256,
}

/// A request. Nothing in it is authentic before [`Self::is_authentic`].
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) method: Method,
    pub(crate) transaction: TransactionId,
    pub(crate) username: Option<&'a str>,
    pub(crate) realm: Option<&'a str>,
    pub(crate) nonce: Option<&'a str>,
    pub(crate) password_algorithm: Option<PasswordAlgorithm>,
    /// As it came.
    pub(crate) password_algorithms: Option<&'a [u8]>,
    pub(crate) lifetime_s: Option<u32>,
    /// An IP protocol.
    pub(crate) transport: Option<u8>,
    /// `Some(None)`: a number that is no family.
    pub(crate) family: Option<Option<Family>>,
    pub(crate) additional_family: Option<Option<Family>>,
    /// Whether the port above is to be reserved, too.
    pub(crate) even_port: Option<bool>,
    pub(crate) has_reservation: bool,
    pub(crate) channel: Option<u16>,
    pub(crate) peers: Vec<SocketAddr>,
    /// Attributes that must be understood and are not.
    pub(crate) unknown: Vec<u16>,
    /// Whether an attribute that is known has a value that cannot be.
    pub(crate) is_bad: bool,
    pub(crate) has_fingerprint: bool,
    sha1: Option<Proof<'a>>,
    sha256: Option<Proof<'a>>,
    message: &'a [u8],
}

/// An integrity attribute: where it begins, and its value.
#[derive(Clone, Copy, Debug)]
struct Proof<'a> {
    offset: usize,
    tag: &'a [u8],
}

impl<'a> Request<'a> {
    pub(crate) fn parse(message: &'a [u8]) -> Result<Self, Malformed> {
        let body = body(message).filter(|_| message.len() <= REQUEST_BYTES_MAX).ok_or(Malformed::NotStun)?;
        let (header, _) = message.split_first_chunk::<HEADER>().ok_or(Malformed::NotStun)?;
        let [kind_high, kind_low, _, _, _, _, _, _, transaction @ ..] = *header;
        let mut kind = MessageType::default();
        kind.read_value(u16::from_be_bytes([kind_high, kind_low]));
        // RFC 8489 §6.3: what has an unknown method, or is an answer to nothing, is discarded.
        let method = Method::from_wire(kind.method).ok_or(Malformed::NotForServers)?;
        if kind.class != CLASS_REQUEST || matches!(method, Method::Send | Method::Data) {
            return Err(Malformed::NotForServers);
        }
        let mut request = Self::empty(method, transaction, message);
        for (place, attribute) in attributes(body).enumerate() {
            let (offset, kind, value) = attribute.ok_or(Malformed::NotStun)?;
            // RFC 8489 §14.7: FINGERPRINT is the last attribute.
            if place >= ATTRIBUTES_MAX || request.has_fingerprint {
                return Err(Malformed::NotStun);
            }
            if kind == ATTR_FINGERPRINT {
                let covered = message.get(..offset).ok_or(Malformed::NotStun)?;
                if value != fingerprint_value(covered).to_be_bytes() {
                    return Err(Malformed::NotStun);
                }
                request.has_fingerprint = true;
            } else {
                request.take(offset, kind, value);
            }
        }
        Ok(request)
    }

    fn empty(method: Method, transaction: TransactionId, message: &'a [u8]) -> Self {
        Self {
            method,
            transaction,
            username: None,
            realm: None,
            nonce: None,
            password_algorithm: None,
            password_algorithms: None,
            lifetime_s: None,
            transport: None,
            family: None,
            additional_family: None,
            even_port: None,
            has_reservation: false,
            channel: None,
            peers: Vec::new(),
            unknown: Vec::new(),
            is_bad: false,
            has_fingerprint: false,
            sha1: None,
            sha256: None,
            message,
        }
    }

    fn take(&mut self, offset: usize, kind: AttrType, value: &'a [u8]) {
        // RFC 8489 §14.5 and §14.6: what follows MESSAGE-INTEGRITY is ignored but MESSAGE-INTEGRITY-SHA256,
        // and after that everything.
        if self.sha256.is_some() || self.sha1.is_some() && kind != ATTR_MESSAGE_INTEGRITY_SHA256 {
            return;
        }
        if self.read(offset, kind, value).is_none() {
            self.is_bad = true;
        }
    }

    /// `None` where the value cannot be one of this attribute. Of an attribute that comes again the first counts
    /// (RFC 8489 §14), except peers.
    fn read(&mut self, offset: usize, kind: AttrType, value: &'a [u8]) -> Option<()> {
        match kind {
            ATTR_USERNAME => {
                let bytes = Some(value).filter(|value| value.len() <= USERNAME_BYTES_MAX)?;
                self.username.get_or_insert(std::str::from_utf8(bytes).ok()?);
            }
            ATTR_REALM => _ = self.realm.get_or_insert(std::str::from_utf8(value).ok()?),
            ATTR_NONCE => _ = self.nonce.get_or_insert(std::str::from_utf8(value).ok()?),
            ATTR_PASSWORD_ALGORITHM => {
                // RFC 8489 §14.12: the number, then the length of parameters, which neither algorithm has.
                let algorithm = match value {
                    [0, 1, 0, 0] => PasswordAlgorithm::Md5,
                    [0, 2, 0, 0] => PasswordAlgorithm::Sha256,
                    _ => return None,
                };
                self.password_algorithm.get_or_insert(algorithm);
            }
            ATTR_PASSWORD_ALGORITHMS => _ = self.password_algorithms.get_or_insert(value),
            ATTR_LIFETIME => _ = self.lifetime_s.get_or_insert(u32::from_be_bytes(value.try_into().ok()?)),
            ATTR_REQUESTED_TRANSPORT => {
                let [protocol, _, _, _] = *value else { return None };
                self.transport.get_or_insert(protocol);
            }
            ATTR_REQUESTED_ADDRESS_FAMILY => {
                let [number, _, _, _] = *value else { return None };
                self.family.get_or_insert(Family::from_wire(number));
            }
            ATTR_ADDITIONAL_ADDRESS_FAMILY => {
                let [number, _, _, _] = *value else { return None };
                self.additional_family.get_or_insert(Family::from_wire(number));
            }
            ATTR_EVEN_PORT => {
                let [flags] = *value else { return None };
                self.even_port.get_or_insert(flags & 0x80 != 0);
            }
            ATTR_RESERVATION_TOKEN => self.has_reservation = (value.len() == 8).then_some(true)?,
            // Keel's relay sockets always send with the don't-fragment bit (`io/socket.rs`).
            ATTR_DONT_FRAGMENT => return value.is_empty().then_some(()),
            ATTR_CHANNEL_NUMBER => {
                let [number_high, number_low, _, _] = *value else { return None };
                self.channel.get_or_insert(u16::from_be_bytes([number_high, number_low]));
            }
            ATTR_XOR_PEER_ADDRESS => self.peers.push(unmask(value, &self.transaction)?),
            ATTR_MESSAGE_INTEGRITY => {
                self.sha1 = Some(Proof { offset, tag: Some(value).filter(|tag| tag.len() == 20)? });
            }
            ATTR_MESSAGE_INTEGRITY_SHA256 => {
                // RFC 8489 §14.6: 16 to 32 bytes, a multiple of four.
                let fits = (16..=32).contains(&value.len()) && value.len().is_multiple_of(4);
                self.sha256 = Some(Proof { offset, tag: Some(value).filter(|_| fits)? });
            }
            // RFC 8489 §14: below 0x8000 an attribute must be understood.
            _ if kind.required() => self.unknown.push(kind.value()),
            _ => {}
        }
        Some(())
    }

    /// How the sender proves its key: the stronger way where both are there (RFC 8489 §9.2.4). `None` where it
    /// does not.
    pub(crate) fn proof(&self) -> Option<KeyKind> {
        match (self.sha256, self.sha1) {
            (Some(_), _) => Some(KeyKind::Sha256),
            (None, Some(_)) => Some(KeyKind::Sha1),
            (None, None) => None,
        }
    }

    /// The key that the sender must have made of its password.
    pub(crate) fn key(
        &self,
        crypto: &Crypto,
        username: &str,
        realm: &str,
        password: &str,
    ) -> Zeroizing<Vec<u8>> {
        match self.password_algorithm {
            Some(PasswordAlgorithm::Sha256) => crypto.sha256_key(username, realm, password),
            // RFC 8489 §9.2.4: without the attribute it is MD5.
            Some(PasswordAlgorithm::Md5) | None => crypto.md5_key(username, realm, password),
        }
    }

    /// Whether the message was made with this key; compared in constant time.
    pub(crate) fn is_authentic(&self, crypto: &Crypto, key: &Key) -> bool {
        let proof = match key.kind {
            KeyKind::Sha1 => self.sha1,
            KeyKind::Sha256 => self.sha256,
        };
        proof.is_some_and(|Proof { offset, tag }| is_proof(crypto, key, self.message, offset, tag))
    }
}

/// Whether the integrity attribute at `offset` proves this key.
pub(super) fn is_proof(crypto: &Crypto, key: &Key, message: &[u8], offset: usize, tag: &[u8]) -> bool {
    let (Some(kind), Some(covered)) = (message.get(..2), message.get(4..offset)) else {
        return false;
    };
    // RFC 8489 §14.5: the length in the header is taken to end with this attribute.
    let Some(length) = (offset + 4 + tag.len()).checked_sub(HEADER).and_then(|length| length.try_into().ok())
    else {
        return false;
    };
    crypto.verify(&key.bytes, key.kind, &[kind, &u16::to_be_bytes(length), covered], tag)
}
