//! The DTLS 1.2 record layer as far as it is visible without keys (RFC 6347 §4.1, §4.2.2).

use crate::forward::DropReason;

/// Record content types (RFC 5246 §6.2.1).
pub(super) const CHANGE_CIPHER_SPEC: u8 = 20;
pub(super) const ALERT: u8 = 21;
pub(super) const HANDSHAKE: u8 = 22;
pub(super) const APPLICATION_DATA: u8 = 23;

/// Handshake message types (RFC 5246 §7.4, RFC 6347 §4.3.2).
pub(super) const CLIENT_HELLO: u8 = 1;
pub(super) const SERVER_HELLO: u8 = 2;
pub(super) const HELLO_VERIFY_REQUEST: u8 = 3;
pub(super) const CERTIFICATE: u8 = 11;
pub(super) const SERVER_KEY_EXCHANGE: u8 = 12;
pub(super) const CERTIFICATE_REQUEST: u8 = 13;
pub(super) const SERVER_HELLO_DONE: u8 = 14;
pub(super) const CERTIFICATE_VERIFY: u8 = 15;
pub(super) const CLIENT_KEY_EXCHANGE: u8 = 16;

const RECORD_HEADER: usize = 13;
const HANDSHAKE_HEADER: usize = 12;
const DTLS_1_0: [u8; 2] = [0xfe, 0xff];
const DTLS_1_2: [u8; 2] = [0xfe, 0xfd];

/// One record of a datagram.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    pub(super) content: u8,
    pub(super) epoch: u16,
    pub(super) body: &'a [u8],
    /// The record as it came, header included.
    pub(super) bytes: &'a [u8],
}

/// The records of a datagram. Ends after the first that is malformed.
pub(super) fn records(datagram: &[u8]) -> impl Iterator<Item = Result<Record<'_>, DropReason>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Some((record, after)) = split_record(rest) else {
            rest = &[];
            return Some(Err(DropReason::DtlsMalformed));
        };
        rest = after;
        Some(Ok(record))
    })
}

fn split_record(bytes: &[u8]) -> Option<(Record<'_>, &[u8])> {
    let (header, _) = bytes.split_first_chunk::<RECORD_HEADER>()?;
    let [content, major, minor, epoch_high, epoch_low, .., length_high, length_low] = *header;
    // RFC 6347 §4.1: a first ClientHello may be labelled DTLS 1.0; everything later is 1.2.
    if [major, minor] != DTLS_1_0 && [major, minor] != DTLS_1_2 {
        return None;
    }
    let length = usize::from(u16::from_be_bytes([length_high, length_low]));
    let (record, after) = bytes.split_at_checked(RECORD_HEADER + length)?;
    let epoch = u16::from_be_bytes([epoch_high, epoch_low]);
    Some((Record { content, epoch, body: record.get(RECORD_HEADER..)?, bytes: record }, after))
}

/// One fragment of a handshake message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fragment<'a> {
    pub(super) kind: u8,
    /// Length of the whole message body, 0 to 2^24 - 1.
    pub(super) length: usize,
    /// The message's number within the handshake.
    pub(super) message: u16,
    /// Where `data` stands within the body; `offset + data.len() <= length`.
    pub(super) offset: usize,
    pub(super) data: &'a [u8],
}

/// The fragments of a plaintext handshake record. Ends after the first that is malformed.
pub(super) fn fragments(body: &[u8]) -> impl Iterator<Item = Result<Fragment<'_>, DropReason>> {
    let mut rest = body;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Some((fragment, after)) = split_fragment(rest) else {
            rest = &[];
            return Some(Err(DropReason::DtlsMalformed));
        };
        rest = after;
        Some(Ok(fragment))
    })
}

fn split_fragment(bytes: &[u8]) -> Option<(Fragment<'_>, &[u8])> {
    let (header, rest) = bytes.split_first_chunk::<HANDSHAKE_HEADER>()?;
    let [kind, l0, l1, l2, m0, m1, o0, o1, o2, f0, f1, f2] = *header;
    let length = u24(l0, l1, l2);
    let offset = u24(o0, o1, o2);
    let (data, after) = rest.split_at_checked(u24(f0, f1, f2))?;
    // RFC 6347 §4.2.3: a fragment lies within its message.
    if offset + data.len() > length {
        return None;
    }
    Some((Fragment { kind, length, message: u16::from_be_bytes([m0, m1]), offset, data }, after))
}

fn u24(high: u8, middle: u8, low: u8) -> usize {
    (usize::from(high) << 16) | (usize::from(middle) << 8) | usize::from(low)
}

/// Writes a plaintext record of epoch 0. The body is shorter than 2^14 bytes: it is a bounded message.
pub(super) fn write_record(content: u8, sequence: u64, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).expect("callers bound the body far below 2^14 bytes");
    let mut record = Vec::with_capacity(RECORD_HEADER + body.len());
    record.push(content);
    record.extend_from_slice(&DTLS_1_2);
    record.extend_from_slice(&[0, 0]);
    record.extend_from_slice(sequence.to_be_bytes().get(2..).unwrap_or_default());
    record.extend_from_slice(&length.to_be_bytes());
    record.extend_from_slice(body);
    record
}

/// Writes a handshake message in one piece, as a record of epoch 0.
pub(super) fn write_message(sequence: u64, kind: u8, message: u16, body: &[u8]) -> Vec<u8> {
    let length =
        u32::try_from(body.len()).expect("callers bound the body far below 2^14 bytes").to_be_bytes();
    let [_, length @ ..] = length;
    let mut whole = Vec::with_capacity(HANDSHAKE_HEADER + body.len());
    whole.push(kind);
    whole.extend_from_slice(&length);
    whole.extend_from_slice(&message.to_be_bytes());
    whole.extend_from_slice(&[0, 0, 0]);
    whole.extend_from_slice(&length);
    whole.extend_from_slice(body);
    write_record(HANDSHAKE, sequence, &whole)
}

/// A fatal alert that the peer can read before any key exists.
pub(super) fn write_fatal_alert(description: u8) -> Vec<u8> {
    const FATAL: u8 = 2;
    write_record(ALERT, 0, &[FATAL, description])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_message_that_was_written_is_read_back_whole() {
        let written = write_message(7, CERTIFICATE, 3, b"certificate");
        let record = records(&written).next().expect("one record").expect("well formed");
        assert_eq!((record.content, record.epoch), (HANDSHAKE, 0));
        let fragment = fragments(record.body).next().expect("one fragment").expect("well formed");
        assert_eq!((fragment.kind, fragment.message, fragment.offset), (CERTIFICATE, 3, 0));
        assert_eq!(fragment.data, b"certificate");
    }

    #[test]
    fn a_fragment_that_leaves_its_message_is_malformed() {
        let mut written = write_message(0, CERTIFICATE, 0, &[0; 8]);
        let offset_low = 13 + 8;
        written[offset_low] = 1;
        let record = records(&written).next().expect("one record").expect("well formed");
        assert!(matches!(fragments(record.body).next(), Some(Err(DropReason::DtlsMalformed))));
    }

    #[test]
    fn the_records_before_a_truncated_one_are_read() {
        let mut datagram = write_record(ALERT, 0, &[1, 0]);
        datagram.extend_from_slice(&write_record(HANDSHAKE, 1, &[0; 40])[..20]);
        let read: Vec<_> = records(&datagram).collect();
        assert!(matches!(read[..], [Ok(Record { content: ALERT, .. }), Err(DropReason::DtlsMalformed)]));
    }

    proptest! {
        #[test]
        fn no_bytes_are_read_twice_or_beyond_the_end(datagram in proptest::collection::vec(any::<u8>(), 0..200)) {
            let read: usize = records(&datagram).flatten().map(|record| record.bytes.len()).sum();
            prop_assert!(read <= datagram.len());
            let read: usize = fragments(&datagram).flatten().map(|f| HANDSHAKE_HEADER + f.data.len()).sum();
            prop_assert!(read <= datagram.len());
        }
    }
}
