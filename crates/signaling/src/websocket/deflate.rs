//! Compressed messages: the extension `permessage-deflate` (RFC 7692).
//!
//! Every message is compressed on its own, in both directions (no context takeover): between messages a
//! connection keeps no window, of which there would be 40 KiB to receive and 300 KiB to send.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

const NAME: &str = "permessage-deflate";

/// What an accepted offer is answered with.
/// RFC 7692 §7.1.1: the server may ask for both, also when the client did not.
pub(super) const ACCEPTED: &str =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// RFC 7692 §7.2.1 and §7.2.2: the four bytes that end every message and are not sent.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// Shorter messages stay as they are: they fit into one TCP segment anyway.
const COMPRESSED_BYTES_MIN: usize = 1024;

/// How far output grows at a time.
const STEP_BYTES: usize = 16 << 10;

/// Why a compressed message cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InflateError {
    /// It is longer than the limit once decompressed.
    TooLong,
    /// It is no DEFLATE data.
    Invalid,
}

/// Whether one of the offers in a `Sec-WebSocket-Extensions` header can be accepted.
pub(super) fn accepts(header: &str) -> bool {
    header.split(',').any(accepts_offer)
}

/// RFC 7692 §7: unknown, repeated or wrong parameters decline an offer, and a further one may follow.
fn accepts_offer(offer: &str) -> bool {
    let mut parts = offer.split(';').map(str::trim);
    if !parts.next().is_some_and(|name| name.eq_ignore_ascii_case(NAME)) {
        return false;
    }
    let mut seen = Vec::new();
    for part in parts {
        let (name, value) = match part.split_once('=') {
            Some((name, value)) => (name.trim_end(), Some(value.trim_start().trim_matches('"'))),
            None => (part, None),
        };
        let bits = value.and_then(|value| value.parse().ok()).filter(|bits: &u8| (8..=15).contains(bits));
        let known = match name {
            "server_no_context_takeover" | "client_no_context_takeover" => value.is_none(),
            // Any window of the client's fits into ours, which is the largest.
            "client_max_window_bits" => value.is_none() || bits.is_some(),
            // Ours cannot be made smaller than the largest.
            "server_max_window_bits" => bits == Some(15),
            _ => false,
        };
        if !known || seen.contains(&name) {
            return false;
        }
        seen.push(name);
    }
    true
}

/// Decompresses one message of at most `bytes_max`; more is not even produced, however well it was packed.
pub(super) fn inflate(payload: &[u8], bytes_max: usize) -> Result<Vec<u8>, InflateError> {
    let mut inflater = Decompress::new(false);
    let mut message = Vec::new();
    for mut input in [payload, &TAIL] {
        loop {
            if message.len() > bytes_max {
                return Err(InflateError::TooLong);
            }
            message.reserve(STEP_BYTES.min(bytes_max + 1));
            let (taken, given) = (inflater.total_in(), message.len());
            let status = inflater
                .decompress_vec(input, &mut message, FlushDecompress::Sync)
                .map_err(|_| InflateError::Invalid)?;
            let taken = usize::try_from(inflater.total_in() - taken).unwrap_or(input.len());
            input = input.get(taken..).unwrap_or_default();
            let rests = taken == 0 && message.len() == given;
            if status == Status::StreamEnd || rests {
                break;
            }
        }
    }
    if message.len() > bytes_max { Err(InflateError::TooLong) } else { Ok(message) }
}

/// Compresses one message; `None` where it is short or would not get shorter.
pub(super) fn deflate(message: &[u8]) -> Option<Vec<u8>> {
    if message.len() < COMPRESSED_BYTES_MIN {
        return None;
    }
    let mut deflater = Compress::new(Compression::fast(), false);
    // Room for the worst case, so that one call does it: stored blocks add five bytes per 32 KiB or less.
    let mut payload = Vec::with_capacity(message.len() + message.len() / 1024 + 64);
    deflater.compress_vec(message, &mut payload, FlushCompress::Sync).ok()?;
    let is_whole = deflater.total_in() == message.len() as u64;
    let length = payload.len().checked_sub(TAIL.len())?;
    if !is_whole || !payload.ends_with(&TAIL) || length >= message.len() {
        return None;
    }
    payload.truncate(length);
    Some(payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    // covers: RFC 7692 §7
    #[test]
    fn offers_are_accepted_by_their_parameters() {
        for offer in [
            "permessage-deflate",
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate;client_max_window_bits=10 ; server_no_context_takeover",
            "Permessage-Deflate; server_max_window_bits=\"15\"",
            "x-webkit-deflate-frame, permessage-deflate; client_no_context_takeover",
            "permessage-deflate; server_max_window_bits=10, permessage-deflate",
        ] {
            assert!(accepts(offer), "{offer}");
        }
        for offer in [
            "",
            "permessage-bzip2",
            "permessage-deflate; server_max_window_bits",
            "permessage-deflate; server_max_window_bits=10",
            "permessage-deflate; client_max_window_bits=16",
            "permessage-deflate; client_max_window_bits=7",
            "permessage-deflate; server_no_context_takeover=1",
            "permessage-deflate; level=9",
            "permessage-deflate; client_max_window_bits; client_max_window_bits",
        ] {
            assert!(!accepts(offer), "{offer}");
        }
    }

    // covers: RFC 7692 §7.2.1 and §7.2.2
    #[test]
    fn what_is_compressed_comes_back() {
        for length in [1024, 5_000, STEP_BYTES, 100_000, 1_000_000] {
            let message: Vec<u8> = (0..length).map(|index| b"v=0 o=- candidate"[index % 17]).collect();
            let payload = deflate(&message).expect("it gets shorter");
            assert!(payload.len() < message.len() / 2);
            assert_eq!(inflate(&payload, length), Ok(message));
        }
        assert_eq!(deflate(b"short"), None);
        // RFC 7692 §7.2.3.2 has these bytes for "Hello"; §7.2.3.5 the ones of a final block.
        assert_eq!(inflate(&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00], 5).as_deref(), Ok(&b"Hello"[..]));
        assert_eq!(
            inflate(&[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00], 5).as_deref(),
            Ok(&b"Hello"[..])
        );
        assert_eq!(inflate(&[0x00], 5).as_deref(), Ok(&b""[..]), "an empty message (§7.2.3.6)");
    }

    #[test]
    fn random_bytes_stay_uncompressed() {
        let mut state = 1_u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .take(4096)
        .collect();
        assert_eq!(deflate(&noise), None);
    }

    #[test]
    fn a_bomb_is_stopped_at_the_limit() {
        let bomb = deflate(&vec![0; 16 << 20]).expect("zeros");
        assert!(bomb.len() < 100_000);
        assert_eq!(inflate(&bomb, 4 << 20), Err(InflateError::TooLong));
        assert_eq!(inflate(&bomb, (16 << 20) - 1), Err(InflateError::TooLong));
        assert_eq!(inflate(&bomb, 16 << 20).map(|message| message.len()), Ok(16 << 20));
    }

    #[test]
    fn garbage_is_refused() {
        assert_eq!(inflate(&[0xff; 40], 1000), Err(InflateError::Invalid));
    }
}
