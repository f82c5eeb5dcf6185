//! Inputs to begin from: what peers and browsers really send.

use keel_testkit::source::{AudioSource, VideoConfig, VideoSource};

/// Offers of Chromium 156 and Firefox 153, audio and video.
#[must_use]
pub fn offers() -> Vec<Vec<u8>> {
    [
        include_str!("../seeds/sdp/chromium156-kurento-utils-sendrecv.offer.sdp"),
        include_str!("../seeds/sdp/firefox153-sendrecv.offer.sdp"),
    ]
    .map(|offer| offer.as_bytes().to_vec())
    .into()
}

/// RTP packets: video and audio, with and without extensions and padding.
#[must_use]
pub fn rtp() -> Vec<Vec<u8>> {
    let video =
        VideoSource::new(VideoConfig { payload_bytes: 60, ..VideoConfig::default() }).next_frame(true);
    let audio = AudioSource::new(0).next_packet();
    // RFC 3550 §5.1: version 2, marker and payload type, sequence number, timestamp, SSRC.
    let plain = [0x80, 0xe0, 0x12, 0x34, 0, 0, 0, 9, 0xca, 0xfe, 0, 1];
    let with_source = [0x81, 0x6f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 7, 0, 0, 0, 8];
    // RFC 8285 §4.2 and §4.3: a block of one-byte and one of two-byte elements.
    let one_byte = [0xbe, 0xde, 0, 2, 0x10, 0xaa, 0, 0x31, 1, 2, 0, 0];
    let two_byte = [0x10, 0, 0, 2, 1, 0, 2, 3, 9, 9, 9, 0];
    let extended = |mut header: Vec<u8>, block: &[u8]| {
        header[0] |= 0x10;
        header.extend_from_slice(block);
        header
    };
    let mut padded = extended(plain.to_vec(), &one_byte);
    padded[0] |= 0x20;
    padded.extend_from_slice(&[1, 2, 3, 0, 0, 3]);
    vec![
        [&plain, &video.payloads[0][..]].concat(),
        [&with_source, &audio.payload[..]].concat(),
        [&extended(with_source.to_vec(), &two_byte), &video.payloads[1][..]].concat(),
        padded,
    ]
}
