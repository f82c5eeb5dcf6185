//! STUN messages as TURN uses them (RFC 8489, RFC 8656). The one folder here that names webrtc-rs: numbers,
//! fingerprint and encoding are rtc-stun's, the algorithms rtc-crypto's; bounds are checked here first.

mod answer;
mod ask;
mod channel_data;
mod crypto;
mod request;
mod send;

pub(crate) use answer::{Answer, DATA_PREFIX_MAX, data_indication};
pub(crate) use ask::{Ask, Reply, data_of};
pub(crate) use channel_data::{CHANNEL_HEADER, ChannelData, frame_length};
pub(crate) use crypto::{Crypto, Key, KeyKind};
pub(crate) use request::{Malformed, PASSWORD_ALGORITHMS, Request};
pub(crate) use send::SendIndication;

use rtc_stun::attributes::AttrType;
use rtc_stun::message::{
    MAGIC_COOKIE, METHOD_ALLOCATE, METHOD_BINDING, METHOD_CHANNEL_BIND, METHOD_CREATE_PERMISSION,
    METHOD_DATA, METHOD_REFRESH, METHOD_SEND,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Bytes of a STUN header (RFC 8489 §5).
pub(crate) const HEADER: usize = 20;

/// ADDITIONAL-ADDRESS-FAMILY (RFC 8656 §18.10); rtc-stun lacks it.
const ATTR_ADDITIONAL_ADDRESS_FAMILY: AttrType = AttrType(0x8000);
/// ADDRESS-ERROR-CODE (RFC 8656 §18.12).
const ATTR_ADDRESS_ERROR_CODE: AttrType = AttrType(0x8001);

/// The 96 bits by which an answer is known.
pub(crate) type TransactionId = [u8; 12];

/// What a message is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Method {
    /// Which address the sender has.
    Binding,
    /// A relayed address is asked for.
    Allocate,
    /// It is kept, or given up.
    Refresh,
    /// A peer may send to it.
    CreatePermission,
    /// A peer gets a number, for the short framing.
    ChannelBind,
    /// Data for a peer.
    Send,
    /// Data of a peer.
    Data,
}

impl Method {
    /// As in metrics.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Binding => "binding",
            Self::Allocate => "allocate",
            Self::Refresh => "refresh",
            Self::CreatePermission => "create_permission",
            Self::ChannelBind => "channel_bind",
            Self::Send => "send",
            Self::Data => "data",
        }
    }

    fn from_wire(method: rtc_stun::message::Method) -> Option<Self> {
        Some(match method {
            METHOD_BINDING => Self::Binding,
            METHOD_ALLOCATE => Self::Allocate,
            METHOD_REFRESH => Self::Refresh,
            METHOD_CREATE_PERMISSION => Self::CreatePermission,
            METHOD_CHANNEL_BIND => Self::ChannelBind,
            METHOD_SEND => Self::Send,
            METHOD_DATA => Self::Data,
            _ => return None,
        })
    }

    fn wire(self) -> rtc_stun::message::Method {
        match self {
            Self::Binding => METHOD_BINDING,
            Self::Allocate => METHOD_ALLOCATE,
            Self::Refresh => METHOD_REFRESH,
            Self::CreatePermission => METHOD_CREATE_PERMISSION,
            Self::ChannelBind => METHOD_CHANNEL_BIND,
            Self::Send => METHOD_SEND,
            Self::Data => METHOD_DATA,
        }
    }
}

/// An IP version, as REQUESTED-ADDRESS-FAMILY names it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of an address.
    #[must_use]
    pub fn of(ip: IpAddr) -> Self {
        if ip.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// Its number (RFC 8656 §18.6); anything else is no family that is known.
    fn from_wire(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::V4),
            2 => Some(Self::V6),
            _ => None,
        }
    }

    fn wire(self) -> u8 {
        match self {
            Self::V4 => 1,
            Self::V6 => 2,
        }
    }
}

/// The attributes' bytes, where the header is STUN's and its length is the message's.
fn body(message: &[u8]) -> Option<&[u8]> {
    let (header, body) = message.split_first_chunk::<HEADER>()?;
    let [kind, _, length_high, length_low, c0, c1, c2, c3, ..] = *header;
    let length = usize::from(u16::from_be_bytes([length_high, length_low]));
    let is_stun = kind < 0x40
        && [c0, c1, c2, c3] == MAGIC_COOKIE.to_be_bytes()
        && length == body.len()
        && length.is_multiple_of(4);
    is_stun.then_some(body)
}

/// Offset in the message, type and value of each attribute; `None` once where the rest is malformed.
fn attributes(body: &[u8]) -> impl Iterator<Item = Option<(usize, AttrType, &[u8])>> {
    let (whole, mut rest) = (body.len(), body);
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let offset = HEADER + whole - rest.len();
        let split = rest.split_first_chunk::<4>().and_then(|(header, after)| {
            let [kind_high, kind_low, length_high, length_low] = *header;
            let length = usize::from(u16::from_be_bytes([length_high, length_low]));
            let (padded, after) = after.split_at_checked(length.next_multiple_of(4))?;
            let kind = AttrType(u16::from_be_bytes([kind_high, kind_low]));
            Some(((offset, kind, padded.get(..length)?), after))
        });
        rest = split.map_or(&[][..], |(_, after)| after);
        Some(split.map(|(attribute, _)| attribute))
    })
}

/// The address in the value of an XOR-PEER-ADDRESS and the like (RFC 8489 §14.2).
fn unmask(value: &[u8], transaction: &TransactionId) -> Option<SocketAddr> {
    let ([_, family, port_high, port_low], masked) = value.split_first_chunk::<4>()?;
    let [cookie_high, cookie_low, ..] = MAGIC_COOKIE.to_be_bytes();
    let port = u16::from_be_bytes([port_high ^ cookie_high, port_low ^ cookie_low]);
    let mask = MAGIC_COOKIE.to_be_bytes().into_iter().chain(transaction.iter().copied());
    let ip = match Family::from_wire(*family)? {
        Family::V4 => {
            let mut ip: [u8; 4] = masked.try_into().ok()?;
            ip.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
            IpAddr::V4(Ipv4Addr::from(ip))
        }
        Family::V6 => {
            let mut ip: [u8; 16] = masked.try_into().ok()?;
            ip.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
            IpAddr::V6(Ipv6Addr::from(ip))
        }
    };
    Some(SocketAddr::new(ip, port))
}

/// The other way round: the value and its length.
fn mask(address: SocketAddr, transaction: &TransactionId) -> ([u8; 20], usize) {
    let mut value = [0; 20];
    let [_, family, port_high, port_low, ip @ ..] = &mut value;
    *family = Family::of(address.ip()).wire();
    let [high, low] = address.port().to_be_bytes();
    let [cookie_high, cookie_low, ..] = MAGIC_COOKIE.to_be_bytes();
    (*port_high, *port_low) = (high ^ cookie_high, low ^ cookie_low);
    let mask = MAGIC_COOKIE.to_be_bytes().into_iter().chain(transaction.iter().copied());
    let mut write = |bytes: &[u8]| {
        ip.iter_mut().zip(bytes).zip(mask.clone()).for_each(|((to, byte), mask)| *to = byte ^ mask);
        4 + bytes.len()
    };
    let length = match address.ip() {
        IpAddr::V4(ip) => write(&ip.octets()),
        IpAddr::V6(ip) => write(&ip.octets()),
    };
    (value, length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_survive_their_mask() {
        let transaction = *b"abcdefghijkl";
        for address in ["192.0.2.1:32853", "[2001:db8:1234:5678:11:2233:4455:6677]:32853"] {
            let address: SocketAddr = address.parse().expect("an address");
            let (value, length) = mask(address, &transaction);
            assert_eq!(unmask(&value[..length], &transaction), Some(address));
            assert_eq!(unmask(&value[..length - 1], &transaction), None, "truncated");
        }
    }

    #[test]
    fn the_mask_is_that_of_the_test_vectors() {
        // covers: RFC 5769 §2.2: 192.0.2.1:32853 in XOR-MAPPED-ADDRESS.
        let (value, length) = mask("192.0.2.1:32853".parse().expect("an address"), &[0; 12]);
        assert_eq!(&value[..length], [0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43]);
    }
}
