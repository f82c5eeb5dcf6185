//! Writing messages: answers, and what carries a peer's data.

use super::{
    ATTR_ADDRESS_ERROR_CODE, Crypto, Family, HEADER, Key, KeyKind, Method, PASSWORD_ALGORITHMS,
    TransactionId, mask,
};
use crate::refusal::ErrorCode;
use rtc_stun::attributes::{
    ATTR_DATA, ATTR_ERROR_CODE, ATTR_LIFETIME, ATTR_MESSAGE_INTEGRITY, ATTR_MESSAGE_INTEGRITY_SHA256,
    ATTR_NONCE, ATTR_PASSWORD_ALGORITHMS, ATTR_REALM, ATTR_UNKNOWN_ATTRIBUTES, ATTR_XOR_PEER_ADDRESS,
    ATTR_XOR_RELAYED_ADDRESS, ATTR_XORMAPPED_ADDRESS, AttrType,
};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::message::{
    CLASS_ERROR_RESPONSE, CLASS_INDICATION, CLASS_SUCCESS_RESPONSE, MAGIC_COOKIE, METHOD_DATA, Message,
    MessageClass, MessageType, Setter,
};
use std::net::SocketAddr;

/// Length of a Data indication before its data: header, peer (of IPv6 at most), header of the data.
pub(crate) const DATA_PREFIX_MAX: usize = HEADER + 24 + 4;

/// A message that is being written.
pub(crate) struct Answer {
    message: Message,
    transaction: TransactionId,
}

impl Answer {
    pub(crate) fn success(method: Method, transaction: TransactionId) -> Self {
        Self::new(method, CLASS_SUCCESS_RESPONSE, transaction)
    }

    /// An error. Its reason phrase stays empty: the code says all, and before authentication an answer is to be
    /// small.
    pub(crate) fn error(method: Method, transaction: TransactionId, code: ErrorCode) -> Self {
        let mut answer = Self::new(method, CLASS_ERROR_RESPONSE, transaction);
        answer.add(ATTR_ERROR_CODE, &error_value(0, code));
        answer
    }

    pub(super) fn new(method: Method, class: MessageClass, transaction: TransactionId) -> Self {
        let mut message = Message::new();
        message.typ = MessageType::new(method.wire(), class);
        message.transaction_id.0 = transaction;
        message.write_header();
        Self { message, transaction }
    }

    pub(crate) fn mapped_address(&mut self, address: SocketAddr) {
        self.address(ATTR_XORMAPPED_ADDRESS, address);
    }

    pub(crate) fn relayed_address(&mut self, address: SocketAddr) {
        self.address(ATTR_XOR_RELAYED_ADDRESS, address);
    }

    pub(crate) fn lifetime(&mut self, seconds: u32) {
        self.add(ATTR_LIFETIME, &seconds.to_be_bytes());
    }

    /// Why there is no relayed address of one of two families (RFC 8656 §18.12).
    pub(crate) fn address_error(&mut self, family: Family, code: ErrorCode) {
        self.add(ATTR_ADDRESS_ERROR_CODE, &error_value(family.wire(), code));
    }

    pub(crate) fn unknown_attributes(&mut self, kinds: &[u16]) {
        let value: Vec<u8> = kinds.iter().flat_map(|kind| kind.to_be_bytes()).collect();
        self.add(ATTR_UNKNOWN_ATTRIBUTES, &value);
    }

    /// What a client needs to authenticate itself (RFC 8489 §9.2.4).
    pub(crate) fn challenge(&mut self, realm: &str, nonce: &str) {
        self.add(ATTR_REALM, realm.as_bytes());
        self.add(ATTR_NONCE, nonce.as_bytes());
        self.add(ATTR_PASSWORD_ALGORITHMS, &PASSWORD_ALGORITHMS);
    }

    /// The bytes, with proof of the key and a fingerprint where wanted.
    pub(crate) fn finish(mut self, crypto: &Crypto, key: Option<&Key>, has_fingerprint: bool) -> Vec<u8> {
        if let Some(key) = key {
            let (kind, size) = match key.kind {
                KeyKind::Sha1 => (ATTR_MESSAGE_INTEGRITY, 20),
                KeyKind::Sha256 => (ATTR_MESSAGE_INTEGRITY_SHA256, 32),
            };
            // RFC 8489 §14.5: the header's length counts this attribute already.
            let length = self.message.length;
            self.message.length += size + 4;
            self.message.write_length();
            let covered: &[&[u8]] = &[&self.message.raw];
            let tag = match key.kind {
                KeyKind::Sha1 => crypto.hmac_sha1(&key.bytes, covered).to_vec(),
                KeyKind::Sha256 => crypto.hmac_sha256(&key.bytes, covered).to_vec(),
            };
            self.message.length = length;
            self.add(kind, &tag);
        }
        if has_fingerprint {
            FINGERPRINT.add_to(&mut self.message).expect("a checksum fits behind what was written");
        }
        self.message.raw
    }

    pub(super) fn add(&mut self, kind: AttrType, value: &[u8]) {
        self.message.add(kind, value);
    }

    pub(super) fn address(&mut self, kind: AttrType, address: SocketAddr) {
        let (value, length) = mask(address, &self.transaction);
        self.add(kind, value.get(..length).unwrap_or_default());
    }
}

/// RFC 8489 §14.8: hundreds and rest; the first byte is the family in ADDRESS-ERROR-CODE.
fn error_value(family: u8, code: ErrorCode) -> [u8; 4] {
    let number = code.number();
    [family, 0, (number / 100) as u8, (number % 100) as u8]
}

/// What precedes `length` bytes of a peer's data in a Data indication: the bytes and how many they are. The data
/// is padded to four bytes behind.
pub(crate) fn data_indication(
    peer: SocketAddr,
    transaction: TransactionId,
    length: u16,
) -> ([u8; DATA_PREFIX_MAX], usize) {
    let (address, address_length) = mask(peer, &transaction);
    let mut prefix = [0; DATA_PREFIX_MAX];
    let body = 4 + address_length + 4 + usize::from(length).next_multiple_of(4);
    let kind = MessageType::new(METHOD_DATA, CLASS_INDICATION).value().to_be_bytes();
    // The address of IPv6 and 64 KiB of data together: no datagram brings as much.
    let body = u16::try_from(body).unwrap_or(u16::MAX).to_be_bytes();
    let parts: [&[u8]; 9] = [
        &kind,
        &body,
        &MAGIC_COOKIE.to_be_bytes(),
        &transaction,
        &ATTR_XOR_PEER_ADDRESS.value().to_be_bytes(),
        &(address_length as u16).to_be_bytes(),
        address.get(..address_length).unwrap_or_default(),
        &ATTR_DATA.value().to_be_bytes(),
        &length.to_be_bytes(),
    ];
    let mut written = 0;
    for byte in parts.into_iter().flatten() {
        if let Some(place) = prefix.get_mut(written) {
            *place = *byte;
            written += 1;
        }
    }
    (prefix, written)
}
