//! STUN messages as ICE uses them (RFC 8489, RFC 8445 §7). Bounds are checked here first; integrity,
//! fingerprint and encoding are rtc-stun's.

use crate::forward::DropReason;
use crate::session::error::SessionError;
use rtc_crypto::{RTCCrypto, RTCCryptoProvider};
use rtc_stun::attributes::{
    ATTR_ERROR_CODE, ATTR_FINGERPRINT, ATTR_ICE_CONTROLLED, ATTR_ICE_CONTROLLING, ATTR_MESSAGE_INTEGRITY,
    ATTR_PRIORITY, ATTR_UNKNOWN_ATTRIBUTES, ATTR_USE_CANDIDATE, ATTR_USERNAME, ATTR_XORMAPPED_ADDRESS,
    AttrType, RawAttribute,
};
use rtc_stun::error_code::ErrorCode;
use rtc_stun::fingerprint::{FINGERPRINT, fingerprint_value};
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{
    BINDING_ERROR, BINDING_REQUEST, BINDING_SUCCESS, MAGIC_COOKIE, Message, MessageType, Setter,
    TransactionId,
};
use rtc_stun::textattrs::TextAttribute;
use rtc_stun::xoraddr::XorMappedAddress;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

const HEADER: usize = 20;
const FINGERPRINT_ATTRIBUTE: usize = 8;
/// Checks have about 100 bytes; nothing that ICE sends comes near this.
const MESSAGE_BYTES_MAX: usize = 1280;
/// Attributes in one message; ICE uses up to ten.
const ATTRIBUTES_MAX: usize = 32;

/// The local fragment of a binding request's USERNAME: which session the datagram is for, before any
/// cryptography. `None` where it is no well-formed STUN message with such a name.
#[must_use]
pub fn username_local_ufrag(datagram: &[u8]) -> Option<&str> {
    let mut attributes = attributes(body(datagram)?);
    let (_, username) =
        attributes.find_map(|attribute| attribute.filter(|(kind, _)| *kind == ATTR_USERNAME))?;
    // RFC 8445 §7.2.2: the receiver's fragment, a colon, the sender's.
    std::str::from_utf8(username).ok()?.split_once(':').map(|(local, _)| local)
}

/// The tag of the check that a datagram answers (see [`super::IceAgent::act_full`]): the first 32 bits of its
/// transaction. `None` for what is no answer.
#[must_use]
pub fn answered_tag(datagram: &[u8]) -> Option<u32> {
    body(datagram)?;
    let (header, _) = datagram.split_first_chunk::<HEADER>()?;
    let [kind_high, kind_low, _, _, _, _, _, _, t0, t1, t2, t3, ..] = *header;
    let mut kind = MessageType::default();
    kind.read_value(u16::from_be_bytes([kind_high, kind_low]));
    matches!(kind, BINDING_SUCCESS | BINDING_ERROR).then_some(u32::from_be_bytes([t0, t1, t2, t3]))
}

/// A binding request that asks a STUN server for our address, and nothing else.
pub(super) fn binding_request(transaction: [u8; 12]) -> Vec<u8> {
    let mut message = Vec::with_capacity(HEADER);
    message.extend_from_slice(&BINDING_REQUEST.value().to_be_bytes());
    message.extend_from_slice(&[0, 0]);
    message.extend_from_slice(&MAGIC_COOKIE.to_be_bytes());
    message.extend_from_slice(&transaction);
    message
}

/// What a STUN server says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mapped {
    /// Our address, as it sees it.
    Address(SocketAddr),
    /// An error, with its code.
    Refused(u16),
}

/// The answer to a [`binding_request`] with its transaction; `None` for anything else.
pub(super) fn mapped_address(datagram: &[u8]) -> Option<([u8; 12], Mapped)> {
    let body = body(datagram)?;
    let (header, _) = datagram.split_first_chunk::<HEADER>()?;
    let [kind_high, kind_low, _, _, _, _, _, _, transaction @ ..] = *header;
    let mut kind = MessageType::default();
    kind.read_value(u16::from_be_bytes([kind_high, kind_low]));
    let mut mapped = None;
    for attribute in attributes(body).take(ATTRIBUTES_MAX) {
        let (attribute, value) = attribute?;
        match (kind, attribute, value) {
            (BINDING_SUCCESS, ATTR_XORMAPPED_ADDRESS, _) => {
                mapped = Some(Mapped::Address(unmask(value, &transaction)?));
            }
            (BINDING_ERROR, ATTR_ERROR_CODE, [_, _, class, number, ..]) => {
                mapped = Some(Mapped::Refused(u16::from(class & 7) * 100 + u16::from(*number)));
            }
            _ => {}
        }
    }
    Some((transaction, mapped?))
}

/// The address in an XOR-MAPPED-ADDRESS (RFC 8489 §14.2); an unspecified one is none.
fn unmask(value: &[u8], transaction: &[u8; 12]) -> Option<SocketAddr> {
    let ([_, family, port_high, port_low], masked) = value.split_first_chunk::<4>()?;
    let [cookie_high, cookie_low, ..] = MAGIC_COOKIE.to_be_bytes();
    let port = u16::from_be_bytes([port_high ^ cookie_high, port_low ^ cookie_low]);
    let mask = MAGIC_COOKIE.to_be_bytes().into_iter().chain(transaction.iter().copied());
    let unmasked: Vec<u8> = masked.iter().zip(mask).map(|(byte, mask)| byte ^ mask).collect();
    let ip = match (*family, masked.len()) {
        (1, 4) => IpAddr::from(<[u8; 4]>::try_from(unmasked).ok()?),
        (2, 16) => IpAddr::from(<[u8; 16]>::try_from(unmasked).ok()?),
        _ => return None,
    };
    let is_somewhere = port != 0 && !ip.is_unspecified() && !ip.is_multicast();
    is_somewhere.then_some(SocketAddr::new(ip, port))
}

/// A STUN server's answer.
#[cfg(test)]
pub(super) fn mapped(transaction: [u8; 12], address: SocketAddr) -> Vec<u8> {
    let setters: [Box<dyn Setter>; 3] = [
        Box::new(BINDING_SUCCESS),
        Box::new(TransactionId(transaction)),
        Box::new(XorMappedAddress { ip: address.ip(), port: address.port() }),
    ];
    let mut message = Message::new();
    message.build(&setters).expect("a valid message");
    message.raw
}

/// The algorithms of STUN.
pub(super) fn crypto() -> Result<Arc<dyn RTCCryptoProvider>, SessionError> {
    rtc_crypto::default_provider()
        .map_err(|error| SessionError::Crypto(rtc_shared::error::Error::Crypto(error.to_string())))
}

/// The side that an agent claims in a check, with its tie-breaker (RFC 8445 §7.1.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    Controlling(u64),
    Controlled(u64),
}

/// A message with an intact FINGERPRINT. Nothing else about it is authentic yet.
#[derive(Debug)]
pub(super) struct Incoming<'a> {
    pub(super) kind: Kind,
    pub(super) transaction: TransactionId,
    pub(super) username: Option<&'a str>,
    pub(super) priority: Option<u32>,
    pub(super) uses_candidate: bool,
    pub(super) role: Option<Role>,
    /// Attributes that must be understood and are not.
    pub(super) unknown: Vec<u16>,
    has_integrity: bool,
    datagram: &'a [u8],
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Request,
    Success,
    /// With its code, 0 where it has none.
    Error(u16),
}

impl<'a> Incoming<'a> {
    pub(super) fn parse(datagram: &'a [u8]) -> Result<Self, DropReason> {
        let body = body(datagram).ok_or(DropReason::StunMalformed)?;
        let (header, _) = datagram.split_first_chunk::<HEADER>().ok_or(DropReason::StunMalformed)?;
        let [kind_high, kind_low, _, _, _, _, _, _, transaction @ ..] = *header;
        let mut kind = MessageType::default();
        kind.read_value(u16::from_be_bytes([kind_high, kind_low]));
        let kind = match kind {
            BINDING_REQUEST => Kind::Request,
            BINDING_SUCCESS => Kind::Success,
            BINDING_ERROR => Kind::Error(0),
            _ => return Err(DropReason::StunUnexpected),
        };
        let mut incoming = Self {
            kind,
            transaction: TransactionId(transaction),
            username: None,
            priority: None,
            uses_candidate: false,
            role: None,
            unknown: Vec::new(),
            has_integrity: false,
            datagram,
        };
        let mut has_fingerprint = false;
        for (place, attribute) in attributes(body).enumerate() {
            let (kind, value) = attribute.ok_or(DropReason::StunMalformed)?;
            // RFC 8489 §14.7: FINGERPRINT is the last attribute.
            if place >= ATTRIBUTES_MAX || has_fingerprint {
                return Err(DropReason::StunMalformed);
            }
            if kind == ATTR_FINGERPRINT {
                let expected = datagram.len().checked_sub(FINGERPRINT_ATTRIBUTE);
                let covered =
                    expected.and_then(|end| datagram.get(..end)).ok_or(DropReason::StunMalformed)?;
                if value != fingerprint_value(covered).to_be_bytes() {
                    return Err(DropReason::StunMalformed);
                }
                has_fingerprint = true;
            } else if !incoming.has_integrity {
                // RFC 8489 §14.5: what follows MESSAGE-INTEGRITY is not covered by it, and ignored.
                incoming.take(kind, value).ok_or(DropReason::StunMalformed)?;
            }
        }
        // RFC 8445 §7.1: every check and response of ICE has a FINGERPRINT.
        if has_fingerprint { Ok(incoming) } else { Err(DropReason::StunMalformed) }
    }

    /// Whether MESSAGE-INTEGRITY was made with this password; compared in constant time.
    pub(super) fn is_authentic(&self, password: &str, crypto: &dyn RTCCrypto) -> bool {
        let mut message = Message::new();
        self.has_integrity
            && message.unmarshal_binary(self.datagram).is_ok()
            && MessageIntegrity::check(&mut message, password.as_bytes(), crypto).is_ok()
    }

    fn take(&mut self, kind: AttrType, value: &'a [u8]) -> Option<()> {
        match kind {
            ATTR_USERNAME => self.username = Some(std::str::from_utf8(value).ok()?),
            ATTR_PRIORITY => self.priority = Some(u32::from_be_bytes(value.try_into().ok()?)),
            ATTR_USE_CANDIDATE => self.uses_candidate = true,
            ATTR_ICE_CONTROLLING => {
                self.role = Some(Role::Controlling(u64::from_be_bytes(value.try_into().ok()?)));
            }
            ATTR_ICE_CONTROLLED => {
                self.role = Some(Role::Controlled(u64::from_be_bytes(value.try_into().ok()?)));
            }
            ATTR_MESSAGE_INTEGRITY => self.has_integrity = (value.len() == 20).then_some(true)?,
            ATTR_ERROR_CODE => {
                let [_, _, class, number, ..] = *value else { return None };
                if let Kind::Error(code) = &mut self.kind {
                    *code = u16::from(class & 7) * 100 + u16::from(number);
                }
            }
            ATTR_XORMAPPED_ADDRESS | ATTR_UNKNOWN_ATTRIBUTES => {}
            // RFC 8489 §14: below 0x8000 an attribute must be understood.
            _ if kind.required() => self.unknown.push(kind.value()),
            _ => {}
        }
        Some(())
    }
}

/// The attributes' bytes, where the header is STUN's and its length is the datagram's.
fn body(datagram: &[u8]) -> Option<&[u8]> {
    let (header, body) = datagram.split_first_chunk::<HEADER>()?;
    let [kind, _, length_high, length_low, c0, c1, c2, c3, ..] = *header;
    let length = usize::from(u16::from_be_bytes([length_high, length_low]));
    let is_stun = kind < 0x40
        && [c0, c1, c2, c3] == MAGIC_COOKIE.to_be_bytes()
        && length == body.len()
        && length % 4 == 0
        && datagram.len() <= MESSAGE_BYTES_MAX;
    is_stun.then_some(body)
}

/// Type and value of each attribute; `None` once where the rest is malformed.
fn attributes(body: &[u8]) -> impl Iterator<Item = Option<(AttrType, &[u8])>> {
    let mut rest = body;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let split = rest.split_first_chunk::<4>().and_then(|(header, after)| {
            let [kind_high, kind_low, length_high, length_low] = *header;
            let length = usize::from(u16::from_be_bytes([length_high, length_low]));
            let (padded, after) = after.split_at_checked(length.next_multiple_of(4))?;
            let kind = AttrType(u16::from_be_bytes([kind_high, kind_low]));
            Some(((kind, padded.get(..length)?), after))
        });
        rest = split.map_or(&[][..], |(_, after)| after);
        Some(split.map(|(attribute, _)| attribute))
    })
}

/// A binding success that tells `remote` its own address.
pub(super) fn success(
    transaction: TransactionId,
    remote: SocketAddr,
    password: &str,
    crypto: &dyn RTCCrypto,
) -> Result<Vec<u8>, SessionError> {
    let address = XorMappedAddress { ip: remote.ip(), port: remote.port() };
    seal(BINDING_SUCCESS, transaction, vec![Box::new(address)], password, crypto)
}

/// A binding error with this code; `unknown` names the attributes of a 420.
pub(super) fn error(
    transaction: TransactionId,
    code: ErrorCode,
    unknown: &[u16],
    password: &str,
    crypto: &dyn RTCCrypto,
) -> Result<Vec<u8>, SessionError> {
    let mut setters: Vec<Box<dyn Setter>> = vec![Box::new(code)];
    if !unknown.is_empty() {
        let value: Vec<u8> = unknown.iter().flat_map(|kind| kind.to_be_bytes()).collect();
        setters.push(raw(ATTR_UNKNOWN_ATTRIBUTES, &value));
    }
    seal(BINDING_ERROR, transaction, setters, password, crypto)
}

/// What a connectivity check says (RFC 8445 §7.1).
pub(super) struct Check<'a> {
    pub(super) transaction: TransactionId,
    /// Remote fragment, colon, local fragment.
    pub(super) username: String,
    /// The priority that a peer-reflexive candidate discovered by this check would have.
    pub(super) priority: u32,
    pub(super) role: Role,
    pub(super) nominates: bool,
    pub(super) remote_password: &'a str,
}

impl Check<'_> {
    pub(super) fn encode(self, crypto: &dyn RTCCrypto) -> Result<Vec<u8>, SessionError> {
        let (role, tie_breaker) = match self.role {
            Role::Controlling(tie_breaker) => (ATTR_ICE_CONTROLLING, tie_breaker),
            Role::Controlled(tie_breaker) => (ATTR_ICE_CONTROLLED, tie_breaker),
        };
        let mut setters: Vec<Box<dyn Setter>> = vec![
            Box::new(TextAttribute::new(ATTR_USERNAME, self.username)),
            raw(ATTR_PRIORITY, &self.priority.to_be_bytes()),
            raw(role, &tie_breaker.to_be_bytes()),
        ];
        if self.nominates {
            setters.push(raw(ATTR_USE_CANDIDATE, &[]));
        }
        seal(BINDING_REQUEST, self.transaction, setters, self.remote_password, crypto)
    }
}

fn raw(typ: AttrType, value: &[u8]) -> Box<dyn Setter> {
    Box::new(RawAttribute { typ, length: 0, value: value.to_vec() })
}

/// Adds MESSAGE-INTEGRITY and FINGERPRINT, in this order (RFC 8489 §14.5, §14.7).
fn seal(
    kind: MessageType,
    transaction: TransactionId,
    attributes: Vec<Box<dyn Setter>>,
    password: &str,
    crypto: &dyn RTCCrypto,
) -> Result<Vec<u8>, SessionError> {
    let mut setters: Vec<Box<dyn Setter + '_>> = vec![Box::new(kind), Box::new(transaction)];
    setters.extend(attributes);
    setters.push(Box::new(MessageIntegrity::new_raw_integrity_with_provider(password.as_bytes(), crypto)));
    setters.push(Box::new(FINGERPRINT));
    let mut message = Message::new();
    message.build(&setters)?;
    Ok(message.raw)
}
