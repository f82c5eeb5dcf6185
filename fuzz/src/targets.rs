//! The targets: each calls one parser and checks what its callers rely on.

use crate::{Target, seeds};
use keel_media::rtp::RtpHeader;

/// Every target.
pub const TARGETS: &[Target] = &[Target { name: "rtp", seeds: seeds::rtp, run: rtp }];

/// The RTP header and its extensions lie within the packet.
pub fn rtp(packet: &[u8]) {
    let Ok(header) = RtpHeader::parse(packet) else { return };
    assert!((RtpHeader::FIXED_LENGTH..=packet.len()).contains(&header.payload_start()));
    let payload = header.payload(packet).unwrap_or_default();
    assert!(payload.len() <= packet.len() - header.payload_start());
    let mut bytes = 0;
    for (id, value) in header.extensions(packet) {
        bytes += 1 + value.len();
        assert_ne!(id.number(), 0);
        assert!(header.extension(packet, id).is_some());
    }
    assert!(bytes <= header.payload_start());
}
