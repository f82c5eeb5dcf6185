//! What rtc-sctp 0.21.1 takes for granted of a chunk: its parsers panic where a length is too small for its
//! fields, or leads out of the chunk, and lose their place where it is not the one they expect.

use super::guard::{u16_at, u32_at};

const INIT: u8 = 1;
const INIT_ACK: u8 = 2;
const HEARTBEAT: u8 = 4;
const HEARTBEAT_ACK: u8 = 5;
const ABORT: u8 = 6;
const SHUTDOWN: u8 = 7;
const ERROR: u8 = 9;
const RECONFIG: u8 = 130;
const FORWARD_TSN: u8 = 192;

const RESET_REQUEST: u16 = 13;
const RESET_RESPONSE: u16 = 16;
const REQUESTED_HMAC: u16 = 0x8004;
const FORWARD_TSN_SUPPORTED: u16 = 0xc000;

/// Whether a chunk, its header included and its padding not, holds what its kind and its lengths promise.
pub(super) fn is_well_formed(kind: u8, chunk: &[u8]) -> bool {
    match kind {
        // RFC 9260 §3.3.2, §3.3.3: five fields, then parameters.
        INIT | INIT_ACK => chunk.get(20..).is_some_and(parameters_fit),
        HEARTBEAT | HEARTBEAT_ACK | RECONFIG => chunk.get(4..).is_some_and(parameters_fit),
        ABORT | ERROR => chunk.get(4..).is_some_and(causes_fit),
        SHUTDOWN => chunk.len() == 8,
        // RFC 3758 §3.2: the new point, then pairs of a stream and a sequence number.
        FORWARD_TSN => u32_at(chunk, 4).is_some() && chunk.len().is_multiple_of(4),
        _ => true,
    }
}

/// RFC 9260 §3.2.1: a type, a length without the padding, the value.
fn parameters_fit(mut rest: &[u8]) -> bool {
    while !rest.is_empty() {
        let (Some(kind), Some(length)) = (u16_at(rest, 0), u16_at(rest, 2).map(usize::from)) else {
            return false;
        };
        if length < 4 || length > rest.len() || !has_its_size(kind, length) {
            return false;
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    true
}

fn has_its_size(kind: u16, length: usize) -> bool {
    match kind {
        // RFC 6525 §4.1: three numbers, then streams.
        RESET_REQUEST => length >= 16 && length.is_multiple_of(2),
        // RFC 6525 §4.4, without the fields that only answers to other requests have.
        RESET_RESPONSE => length == 12,
        REQUESTED_HMAC => length.is_multiple_of(2),
        FORWARD_TSN_SUPPORTED => length == 4,
        _ => true,
    }
}

/// RFC 9260 §3.3.10: as parameters, but rtc-sctp steps over no padding between them.
fn causes_fit(mut rest: &[u8]) -> bool {
    while rest.len() >= 4 {
        let Some(length) = u16_at(rest, 2).map(usize::from).filter(|length| *length >= 4) else {
            return false;
        };
        let Some(after) = rest.get(length..) else { return false };
        rest = after;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_peers_say_is_well_formed() {
        let init = [&[INIT, 0, 0, 32][..], &[0; 16], &[0xc0, 0, 0, 4, 0x80, 8, 0, 6, 192, 130]].concat();
        assert!(is_well_formed(INIT, &init));
        let reset = [&[RECONFIG, 0, 0, 22, 0, 13, 0, 18][..], &[0; 14]].concat();
        assert!(is_well_formed(RECONFIG, &reset));
        let response = [&[RECONFIG, 0, 0, 16, 0, 16, 0, 12][..], &[0; 8]].concat();
        assert!(is_well_formed(RECONFIG, &response));
        assert!(is_well_formed(ABORT, &[ABORT, 0, 0, 4]));
        assert!(is_well_formed(ABORT, &[ABORT, 0, 0, 10, 0, 12, 0, 6, 1, 2]));
        assert!(is_well_formed(FORWARD_TSN, &[FORWARD_TSN, 0, 0, 12, 0, 0, 0, 1, 0, 1, 0, 1]));
    }

    #[test]
    fn lengths_that_lead_nowhere_are_not() {
        for chunk in [
            &[INIT, 0, 0, 8, 0, 0, 0, 0][..],
            &[ABORT, 0, 0, 8, 0, 12, 0, 50],
            &[ERROR, 0, 0, 8, 0, 12, 0, 3],
            &[RECONFIG, 0, 0, 12, 0, 13, 0, 8, 0, 0, 0, 0],
            &[RECONFIG, 0, 0, 8, 0, 16, 0, 4],
            &[HEARTBEAT, 0, 0, 8, 0, 1, 0, 9],
            &[HEARTBEAT, 0, 0, 6, 0, 1],
            &[FORWARD_TSN, 0, 0, 7, 0, 0, 0],
            &[FORWARD_TSN, 0, 0, 10, 0, 0, 0, 1, 0, 1],
            &[SHUTDOWN, 0, 0, 4],
        ] {
            assert!(!is_well_formed(chunk[0], chunk), "{chunk:?}");
        }
    }
}
