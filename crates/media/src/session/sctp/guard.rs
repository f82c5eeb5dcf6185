//! What stands between the peer and rtc-sctp: bounds that rtc-sctp 0.21.1 does not have itself.
//!
//! The peer is authenticated, but anybody may be a peer. Without this file one packet could keep the worker
//! busy for seconds (a FORWARD-TSN two thousand million ahead), and a stream of them fill its memory (reset
//! requests that can never be fulfilled; fragments of a byte; a stream for each of 65,536 numbers). And data
//! that crosses our closing of a channel would make rtc-sctp put off the peer's own closing for ever: it
//! waits until that data is read, and does not let anyone read it.

use super::grammar;
use crate::forward::DropReason;
use crate::srtp::DtlsRole;
use bytes::{Bytes, BytesMut};
use std::collections::{BTreeSet, VecDeque};

/// Streams in each direction: as many as browsers use. RFC 8831 §6.2 deviation: it wants 65,535 announced,
/// of which each one in use costs memory.
pub(super) const STREAMS_MAX: u16 = 1024;
/// Where data goes that has no stream (any more): acknowledged, read and thrown away.
pub(super) const GRAVEYARD: u16 = u16::MAX;

/// How far a transmission sequence number may lie ahead of the highest that was seen. Chunks further ahead
/// are treated as lost, so that the peer repeats them.
const TSN_AHEAD_MAX: u32 = 8192;
/// Stream resets of the peer that wait for data; by RFC 6525 §5.1.1 it asks for one at a time.
const RESETS_MAX: usize = 16;
/// The least a fragment holds that is not its message's last. Senders cut messages at the packet's size or
/// fill a packet's rest, or what the congestion window leaves: of that libwebrtc takes whole words.
const FRAGMENT_BYTES_MIN: usize = 4;

const COMMON_HEADER: usize = 12;
const CHUNK_HEADER: usize = 4;
const DATA_HEADER: usize = 16;

const DATA: u8 = 0;
const INIT: u8 = 1;
const INIT_ACK: u8 = 2;
const RECONFIG: u8 = 130;
const FORWARD_TSN: u8 = 192;
const RESET_REQUEST: u16 = 13;
const RESET_RESPONSE: u16 = 16;
/// RFC 6525 §4.4: the request waits.
const IN_PROGRESS: u32 = 6;
/// RFC 9260 §3.3.1: the flags of a DATA chunk.
const UNORDERED: u8 = 4;
const BEGIN: u8 = 2;
const END: u8 = 1;

pub(super) struct Guard {
    role: DtlsRole,
    /// The packet that began the association, where the peer did.
    init: Option<Bytes>,
    /// Of the peer's chunks; known once it said where it begins.
    highest_tsn: Option<u32>,
    /// Streams that Keel has closed and the peer not yet.
    retired: BTreeSet<u16>,
    /// Reset requests of the peer that were answered "in progress", or not yet.
    resets: VecDeque<u32>,
}

/// What to do with a packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Admission {
    /// Hand it in, possibly with some of its data redirected.
    Packet(Bytes),
    /// It asks again for the association that is being made: the same answer again.
    RepeatedInit,
    /// It has no use, and does no harm.
    Needless,
}

impl Guard {
    pub(super) fn new(role: DtlsRole) -> Self {
        Self { role, init: None, highest_tsn: None, retired: BTreeSet::new(), resets: VecDeque::new() }
    }

    /// Keel has closed this stream: what still arrives on it is thrown away.
    pub(super) fn retire(&mut self, stream: u16) {
        self.retired.insert(stream);
    }

    /// Both sides have closed this stream: it may be used again.
    pub(super) fn revive(&mut self, stream: u16) {
        self.retired.remove(&stream);
    }

    /// Judges a packet of the peer.
    pub(super) fn admit(&mut self, packet: &Bytes) -> Result<Admission, DropReason> {
        let mut buried = Vec::new();
        let mut first = true;
        for chunk in chunks(packet) {
            let chunk = chunk
                .filter(|chunk| grammar::is_well_formed(chunk.kind, chunk.bytes))
                .ok_or(DropReason::SctpRefused)?;
            match chunk.kind {
                INIT => {
                    return if first {
                        self.admit_init(packet, &chunk)
                    } else {
                        Err(DropReason::SctpRefused)
                    };
                }
                INIT_ACK => {
                    let tsn = chunk.u32_at(16).ok_or(DropReason::SctpRefused)?;
                    self.highest_tsn.get_or_insert(tsn.wrapping_sub(1));
                }
                DATA if self.judge_data(&chunk)? => buried.push(chunk.offset),
                FORWARD_TSN => self.judge_tsn(chunk.u32_at(4).ok_or(DropReason::SctpRefused)?)?,
                RECONFIG => self.judge_resets(&chunk)?,
                _ => {}
            }
            first = false;
        }
        if first {
            return Err(DropReason::SctpRefused);
        }
        let packet = if buried.is_empty() { packet.clone() } else { bury(packet, &buried) };
        Ok(Admission::Packet(packet))
    }

    /// Learns from a packet of our own which of the peer's resets are done.
    pub(super) fn observe(&mut self, packet: &[u8]) {
        for chunk in chunks(packet).flatten().filter(|chunk| chunk.kind == RECONFIG) {
            for (kind, parameter) in chunk.parameters() {
                let done = kind == RESET_RESPONSE && u32_at(parameter, 8) != Some(IN_PROGRESS);
                if let Some(number) = u32_at(parameter, 4).filter(|_| done) {
                    self.resets.retain(|waiting| *waiting != number);
                }
            }
        }
    }

    /// One association per session: rtc-sctp would make a new one for each INIT.
    fn admit_init(&mut self, packet: &Bytes, chunk: &Chunk<'_>) -> Result<Admission, DropReason> {
        if self.role == DtlsRole::Client {
            // RFC 9260 §5.2.1: both sides may begin at once. Keel has begun, and the peer answers that.
            return Ok(Admission::Needless);
        }
        match &self.init {
            None => {
                let tsn = chunk.u32_at(16).ok_or(DropReason::SctpRefused)?;
                self.highest_tsn = Some(tsn.wrapping_sub(1));
                self.init = Some(packet.clone());
                Ok(Admission::Packet(packet.clone()))
            }
            Some(init) if init == packet => Ok(Admission::RepeatedInit),
            Some(_) => Err(DropReason::SctpRefused),
        }
    }

    /// Whether a chunk's data goes to the graveyard.
    fn judge_data(&mut self, chunk: &Chunk<'_>) -> Result<bool, DropReason> {
        let length = chunk.bytes.len().checked_sub(DATA_HEADER).ok_or(DropReason::SctpRefused)?;
        if length < FRAGMENT_BYTES_MIN && chunk.flags & END == 0 {
            return Err(DropReason::SctpRefused);
        }
        self.judge_tsn(chunk.u32_at(4).ok_or(DropReason::SctpRefused)?)?;
        let stream = u16_at(chunk.bytes, 8).ok_or(DropReason::SctpRefused)?;
        // RFC 9260 §6.5: data on a stream that does not exist is acknowledged all the same.
        Ok(stream >= STREAMS_MAX || self.retired.contains(&stream))
    }

    fn judge_tsn(&mut self, tsn: u32) -> Result<(), DropReason> {
        let highest = self.highest_tsn.ok_or(DropReason::SctpRefused)?;
        let ahead = tsn.wrapping_sub(highest);
        if ahead == 0 || ahead > u32::MAX / 2 {
            return Ok(());
        }
        if ahead > TSN_AHEAD_MAX {
            return Err(DropReason::SctpRefused);
        }
        self.highest_tsn = Some(tsn);
        Ok(())
    }

    fn judge_resets(&mut self, chunk: &Chunk<'_>) -> Result<(), DropReason> {
        for (_, parameter) in chunk.parameters().filter(|(kind, _)| *kind == RESET_REQUEST) {
            let number = u32_at(parameter, 4).ok_or(DropReason::SctpRefused)?;
            if self.resets.contains(&number) {
                continue;
            }
            if self.resets.len() == RESETS_MAX {
                return Err(DropReason::SctpRefused);
            }
            self.resets.push_back(number);
        }
        Ok(())
    }
}

/// One chunk, header included and padding not.
struct Chunk<'a> {
    kind: u8,
    flags: u8,
    offset: usize,
    bytes: &'a [u8],
}

impl<'a> Chunk<'a> {
    fn u32_at(&self, at: usize) -> Option<u32> {
        u32_at(self.bytes, at)
    }

    /// The parameters behind the chunk's header, each with its own header. Ends before what is malformed,
    /// which rtc-sctp refuses.
    fn parameters(&self) -> impl Iterator<Item = (u16, &'a [u8])> + use<'a> {
        let mut rest = self.bytes.get(CHUNK_HEADER..).unwrap_or_default();
        std::iter::from_fn(move || {
            let (kind, length) = (u16_at(rest, 0)?, usize::from(u16_at(rest, 2)?));
            let parameter = rest.get(..length).filter(|_| length >= 4)?;
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
            Some((kind, parameter))
        })
    }
}

/// The chunks of a packet; ends with `None` for the first that leaves the packet.
fn chunks(packet: &[u8]) -> impl Iterator<Item = Option<Chunk<'_>>> {
    let mut offset = COMMON_HEADER;
    std::iter::from_fn(move || {
        let rest = packet.get(offset..).filter(|rest| !rest.is_empty())?;
        let chunk = (|| {
            let (&kind, &flags) = (rest.first()?, rest.get(1)?);
            let length = usize::from(u16_at(rest, 2)?);
            let bytes = rest.get(..length).filter(|_| length >= CHUNK_HEADER)?;
            Some(Chunk { kind, flags, offset, bytes })
        })();
        offset = match &chunk {
            Some(chunk) => offset + chunk.bytes.len().next_multiple_of(4),
            None => packet.len(),
        };
        Some(chunk)
    })
}

/// The packet with the DATA chunks at these places turned into whole messages to the graveyard.
fn bury(packet: &Bytes, offsets: &[usize]) -> Bytes {
    let mut packet = BytesMut::from(&packet[..]);
    for &offset in offsets {
        if let Some(flags) = packet.get_mut(offset + 1) {
            *flags |= UNORDERED | BEGIN | END;
        }
        if let Some(stream) = packet.get_mut(offset + 8..offset + 10) {
            stream.copy_from_slice(&GRAVEYARD.to_be_bytes());
        }
    }
    seal(&mut packet);
    packet.freeze()
}

/// Writes a packet's checksum (RFC 9260 §6.8, in the byte order of its appendix A). Too short a packet
/// stays as it is.
pub(super) fn seal(packet: &mut [u8]) {
    if let Some(place) = packet.get_mut(8..COMMON_HEADER) {
        place.fill(0);
    }
    let checksum = crc32c(packet);
    if let Some(place) = packet.get_mut(8..COMMON_HEADER) {
        place.copy_from_slice(&checksum.to_le_bytes());
    }
}

/// Bit by bit: it is needed for the few packets that cross a closing.
fn crc32c(bytes: &[u8]) -> u32 {
    const CASTAGNOLI_REFLECTED: u32 = 0x82f6_3b78;
    !bytes.iter().fold(u32::MAX, |remainder, byte| {
        (0..8).fold(remainder ^ u32::from(*byte), |remainder, _| {
            (remainder >> 1) ^ if remainder & 1 == 1 { CASTAGNOLI_REFLECTED } else { 0 }
        })
    })
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(chunks: &[&[u8]]) -> Bytes {
        let mut packet = vec![0x13, 0x88, 0x13, 0x88, 0, 0, 0, 1, 0, 0, 0, 0];
        chunks.iter().for_each(|chunk| packet.extend_from_slice(chunk));
        seal(&mut packet);
        packet.into()
    }

    fn init(tsn: u32) -> Bytes {
        let mut chunk = vec![INIT, 0, 0, 20, 0, 0, 0, 9, 0, 1, 0, 0, 4, 0, 4, 0];
        chunk.extend_from_slice(&tsn.to_be_bytes());
        packet(&[&chunk])
    }

    fn data(tsn: u32, stream: u16, flags: u8, length: u8) -> Vec<u8> {
        let mut chunk = vec![DATA, flags, 0, DATA_HEADER as u8 + length];
        chunk.extend_from_slice(&tsn.to_be_bytes());
        chunk.extend_from_slice(&stream.to_be_bytes());
        chunk.extend_from_slice(&[0, 0, 0, 0, 0, 51]);
        chunk.extend(std::iter::repeat_n(7, usize::from(length).next_multiple_of(4)));
        chunk
    }

    /// A server's guard whose peer begins with this number.
    fn begun(tsn: u32) -> Guard {
        let mut guard = Guard::new(DtlsRole::Server);
        assert!(matches!(guard.admit(&init(tsn)), Ok(Admission::Packet(_))));
        guard
    }

    #[test]
    fn the_checksum_is_that_of_the_specification() {
        // RFC 3720 B.4: 32 bytes of zeros.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn one_init_makes_the_one_association() {
        let mut guard = begun(5);
        assert_eq!(guard.admit(&init(5)), Ok(Admission::RepeatedInit));
        assert_eq!(guard.admit(&init(6)), Err(DropReason::SctpRefused));
        let mut client = Guard::new(DtlsRole::Client);
        assert_eq!(client.admit(&init(5)), Ok(Admission::Needless));
    }

    #[test]
    fn numbers_far_ahead_are_refused_also_across_the_wrap() {
        let mut guard = begun(u32::MAX);
        let whole = BEGIN | END;
        for (tsn, is_admitted) in [
            (u32::MAX, true),
            (0, true),
            (9000, false),
            (8000, true),
            (9000, true),
            (1 << 30, false),
            (3, true),
        ] {
            let admission = guard.admit(&packet(&[&data(tsn, 0, whole, 4)]));
            assert_eq!(admission.is_ok(), is_admitted, "{tsn}");
        }
        let mut forward = vec![FORWARD_TSN, 0, 0, 8];
        forward.extend_from_slice(&(1_u32 << 30).to_be_bytes());
        assert_eq!(guard.admit(&packet(&[&forward])), Err(DropReason::SctpRefused));
    }

    #[test]
    fn data_without_a_stream_goes_to_the_graveyard_and_the_rest_stays() {
        let mut guard = begun(1);
        guard.retire(3);
        let mixed = packet(&[&data(1, 2, BEGIN | END, 4), &data(2, 3, BEGIN, 12), &data(3, 2000, END, 5)]);
        let Ok(Admission::Packet(admitted)) = guard.admit(&mixed) else { panic!("a good packet") };
        let streams: Vec<_> = chunks(&admitted)
            .map(|chunk| chunk.expect("well formed"))
            .map(|chunk| (u16_at(chunk.bytes, 8), chunk.flags))
            .collect();
        let buried = (Some(GRAVEYARD), UNORDERED | BEGIN | END);
        assert_eq!(streams, [(Some(2), BEGIN | END), buried, buried]);
        let mut resealed = admitted.to_vec();
        seal(&mut resealed);
        assert_eq!(resealed, admitted, "the checksum fits");
        guard.revive(3);
        let again = packet(&[&data(4, 3, BEGIN | END, 4)]);
        assert_eq!(guard.admit(&again), Ok(Admission::Packet(again)));
    }

    #[test]
    fn tiny_fragments_and_endless_resets_are_refused() {
        let mut guard = begun(1);
        assert_eq!(guard.admit(&packet(&[&data(1, 0, BEGIN, 1)])), Err(DropReason::SctpRefused));
        let reset = |number: u8| {
            let parameter = [0, 13, 0, 16, 0, 0, 0, number, 0, 0, 0, 0, 0, 0, 0, 99];
            packet(&[&[&[RECONFIG, 0, 0, 20][..], &parameter].concat()])
        };
        for number in 0..RESETS_MAX as u8 {
            assert!(guard.admit(&reset(number)).is_ok());
        }
        assert!(guard.admit(&reset(3)).is_ok(), "a repetition is no further one");
        assert_eq!(guard.admit(&reset(99)), Err(DropReason::SctpRefused));
        let response =
            |result: u8| packet(&[&[RECONFIG, 0, 0, 16, 0, 16, 0, 12, 0, 0, 0, 3, 0, 0, 0, result]]);
        guard.observe(&response(6));
        assert_eq!(guard.admit(&reset(99)), Err(DropReason::SctpRefused), "it is still in progress");
        guard.observe(&response(1));
        assert!(guard.admit(&reset(99)).is_ok());
    }

    #[test]
    fn truncated_packets_are_refused() {
        let mut guard = begun(1);
        let whole = packet(&[&data(1, 0, BEGIN | END, 8)]);
        for length in 0..whole.len() {
            assert_eq!(guard.admit(&whole.slice(..length)), Err(DropReason::SctpRefused), "{length}");
        }
        assert!(guard.admit(&whole).is_ok());
    }
}
