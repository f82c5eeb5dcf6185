//! SCTP behind DTLS, from a peer that is authenticated and hostile.

use keel_media::DataChannelOptions;
use keel_media::session::sctp::{CHANNELS_MAX, DataEvent, DataKind, DataMessage, DataTransport};
use keel_media::srtp::DtlsRole;
use std::time::{Duration, Instant};

/// The header before a packet's chunks.
const COMMON_HEADER: usize = 12;
/// Packets in one input at most.
const PACKETS_MAX: usize = 64;

/// Whatever chunks come with the right tag, checksum and about the right numbers: what Keel holds and says
/// stays bounded. The input is packets, each behind its length in two bytes, without the common header;
/// transmission numbers count from the peer's first. rtc-sctp draws its tags and numbers itself, so they
/// differ from run to run, the rest does not.
pub fn sctp(input: &[u8]) {
    let mut now = Instant::now();
    let mut server = DataTransport::new(now, DtlsRole::Server, 65_536);
    let Some((header, first_tsn)) = associate(&mut server, now) else { return };
    let mut rest = input;
    for _ in 0..PACKETS_MAX {
        let Some((length, after)) = rest.split_first_chunk::<2>() else { break };
        let (chunks, after) = after.split_at(usize::from(u16::from_be_bytes(*length)).min(after.len()));
        rest = after;
        let packet = seal([&header[..], &renumbered(chunks, first_tsn)].concat());
        now += Duration::from_millis(5);
        // A refusal is as good as an answer here.
        let _ = server.handle_packet(now, &packet.into());
        server.handle_timeout(now);
        let said: usize = std::iter::from_fn(|| server.poll_transmit(now)).map(|packet| packet.len()).sum();
        assert!(said <= 256 * 1024, "{said} bytes in answer to one packet");
        echo(&mut server, now);
    }
    assert!(server.channels().len() <= 2 * CHANNELS_MAX);
    server.close(now);
    assert!(server.poll_timeout().is_none(), "nothing is due any more");
}

/// Keel's own client begins the association; its header and its first number serve the hostile packets.
fn associate(server: &mut DataTransport, now: Instant) -> Option<([u8; COMMON_HEADER], u32)> {
    let mut client = DataTransport::new(now, DtlsRole::Client, 65_536);
    let mut first_tsn = None;
    let mut header = None;
    for _ in 0..4 {
        while let Some(packet) = client.poll_transmit(now) {
            // RFC 9260 §3.3.2: the INIT chunk comes first and alone, its initial number at its end.
            first_tsn = first_tsn.or(packet.get(28..)?.first_chunk().copied().map(u32::from_be_bytes));
            header = packet.first_chunk().copied();
            server.handle_packet(now, &packet).ok()?;
        }
        while let Some(packet) = server.poll_transmit(now) {
            client.handle_packet(now, &packet).ok()?;
        }
    }
    header.zip(first_tsn)
}

/// What arrives goes back, as on a loop.
fn echo(server: &mut DataTransport, now: Instant) {
    while let Some(event) = server.poll_event() {
        if let DataEvent::Received { channel, message } = event {
            // At a bound it is dropped.
            let _ = server.deliver(now, &channel, &message);
        }
    }
    let message = DataMessage { kind: DataKind::Text, payload: "tick".into() };
    let _ = server.deliver(now, &DataChannelOptions::default(), &message);
}

fn renumbered(chunks: &[u8], first_tsn: u32) -> Vec<u8> {
    const DATA: u8 = 0;
    const FORWARD_TSN: u8 = 192;
    let mut chunks = chunks.to_vec();
    let mut at = 0;
    while let Some(&[kind, _, high, low]) = chunks.get(at..).and_then(|rest| rest.first_chunk()) {
        if let (DATA | FORWARD_TSN, Some(place)) = (kind, chunks.get_mut(at + 4..at + 8)) {
            let number = place.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
            place.copy_from_slice(&first_tsn.wrapping_add(number).to_be_bytes());
        }
        at += usize::from(u16::from_be_bytes([high, low])).next_multiple_of(4).max(4);
    }
    chunks
}

/// Writes the checksum (RFC 9260 §6.8): CRC-32C, least significant byte first.
fn seal(mut packet: Vec<u8>) -> Vec<u8> {
    packet[8..COMMON_HEADER].fill(0);
    let checksum = !packet.iter().fold(u32::MAX, |remainder, byte| {
        (0..8).fold(remainder ^ u32::from(*byte), |remainder, _| {
            (remainder >> 1) ^ if remainder & 1 == 1 { 0x82f6_3b78 } else { 0 }
        })
    });
    packet[8..COMMON_HEADER].copy_from_slice(&checksum.to_le_bytes());
    packet
}
