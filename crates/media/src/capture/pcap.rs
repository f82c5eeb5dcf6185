//! The file format: pcap with microseconds and LINKTYPE_RAW (draft-ietf-opsawg-pcap §4), each packet an IP
//! datagram with UDP inside. Both headers are made up from the addresses in use; what follows may be cut.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// The most that is kept of one packet: an RTCP packet fits whole.
pub(super) const SNAP_LENGTH: usize = 2_048;

/// An IPv4 or IPv6 datagram without a link layer.
const LINKTYPE_RAW: u32 = 101;
const UDP_HEADER: usize = 8;
const IPV4_HEADER: usize = 20;
const IPV6_HEADER: usize = 40;

/// What a file begins with.
pub(super) fn file_header() -> Vec<u8> {
    let mut header = Vec::with_capacity(24);
    // draft-ietf-opsawg-pcap §4: the magic number for microseconds, and version 2.4.
    header.extend(0xa1b2_c3d4_u32.to_le_bytes());
    header.extend([2, 0, 4, 0]);
    header.extend([0; 8]);
    header.extend((SNAP_LENGTH as u32).to_le_bytes());
    header.extend(LINKTYPE_RAW.to_le_bytes());
    header
}

/// One packet from `source` to `destination`: `kept` of it, of `length` bytes in all.
pub(super) fn record(
    since_epoch: Duration,
    source: SocketAddr,
    destination: SocketAddr,
    kept: &[u8],
    length: usize,
) -> Vec<u8> {
    let (source_ip, destination_ip) = (source.ip().to_canonical(), destination.ip().to_canonical());
    let mut packet = Vec::with_capacity(16 + IPV6_HEADER + UDP_HEADER + kept.len());
    packet.resize(16, 0);
    let udp_length = u16::try_from(UDP_HEADER + length).unwrap_or(u16::MAX);
    match (source_ip, destination_ip) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let total = udp_length.saturating_add(IPV4_HEADER as u16).to_be_bytes();
            let mut header =
                [0x45, 0, total[0], total[1], 0, 0, 0x40, 0, 64, 17, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            header[12..16].copy_from_slice(&from.octets());
            header[16..20].copy_from_slice(&to.octets());
            let checksum = checksum(&header).to_be_bytes();
            header[10..12].copy_from_slice(&checksum);
            packet.extend(header);
        }
        (from, to) => {
            packet.extend([0x60, 0, 0, 0]);
            packet.extend(udp_length.to_be_bytes());
            packet.extend([17, 64]);
            packet.extend(as_ipv6(from).octets());
            packet.extend(as_ipv6(to).octets());
        }
    }
    packet.extend(source.port().to_be_bytes());
    packet.extend(destination.port().to_be_bytes());
    packet.extend(udp_length.to_be_bytes());
    // RFC 768: a checksum of zero is none.
    packet.extend([0, 0]);
    let headers = packet.len() - 16;
    let kept = kept.get(..SNAP_LENGTH - headers).unwrap_or(kept);
    packet.extend(kept);
    let (included, original) = ((headers + kept.len()) as u32, (headers + length) as u32);
    let seconds = since_epoch.as_secs() as u32;
    for (place, value) in [seconds, since_epoch.subsec_micros(), included, original].into_iter().enumerate() {
        packet[place * 4..][..4].copy_from_slice(&value.to_le_bytes());
    }
    packet
}

fn as_ipv6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

/// RFC 791 §3.1: the ones' complement of the ones' complement sum.
fn checksum(header: &[u8; IPV4_HEADER]) -> u16 {
    let words = header.chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])));
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded & 0xffff) + (folded >> 16)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_an_ip_datagram_with_its_checksum() {
        let (from, to) = ("192.0.2.1:5000".parse().expect("valid"), "192.0.2.2:6000".parse().expect("valid"));
        let packet = record(Duration::from_micros(3_000_007), from, to, &[7; 5], 100);
        assert_eq!(packet[..16], [3, 0, 0, 0, 7, 0, 0, 0, 33, 0, 0, 0, 128, 0, 0, 0]);
        let header: [u8; IPV4_HEADER] = packet[16..36].try_into().expect("twenty bytes");
        assert_eq!(checksum(&header), 0, "a receiver's check of the sum");
        assert_eq!(header[2..4], 128u16.to_be_bytes());
        assert_eq!(packet[36..44], [0x13, 0x88, 0x17, 0x70, 0, 108, 0, 0]);
        assert_eq!(packet[44..], [7; 5]);
    }

    #[test]
    fn families_that_differ_are_written_as_the_wider_one_and_length_is_bounded() {
        let (from, to) = ("[2001:db8::1]:1".parse().expect("valid"), "192.0.2.2:2".parse().expect("valid"));
        let packet = record(Duration::ZERO, from, to, &[1; 5_000], 5_000);
        assert_eq!((packet[16], packet.len()), (0x60, 16 + SNAP_LENGTH));
        let mapped: SocketAddr = "[::ffff:192.0.2.1]:1".parse().expect("valid");
        assert_eq!(record(Duration::ZERO, mapped, to, &[], 0)[16], 0x45);
    }
}
