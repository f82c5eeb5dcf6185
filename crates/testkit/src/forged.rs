//! Datagrams that somebody sends who has no part in a session: well-formed, and nothing behind them.

/// A ClientHello (RFC 6347 §4.2) as a real client sends first, with AES-128-GCM for SRTP.
#[must_use]
pub fn client_hello() -> Vec<u8> {
    let mut body = vec![0xfe, 0xfd];
    body.extend_from_slice(&[0x5a; 32]);
    body.extend_from_slice(&[0, 0]); // neither session nor cookie
    body.extend_from_slice(&[0, 2, 0xc0, 0x2b, 1, 0]); // ECDHE-ECDSA-AES128-GCM, no compression
    let extensions = [
        &[0, 10, 0, 4, 0, 2, 0, 29][..], // supported groups: X25519
        &[0, 13, 0, 4, 0, 2, 4, 3],      // signatures: ECDSA with P-256
        &[0, 14, 0, 5, 0, 2, 0, 7, 0],   // use_srtp (RFC 5764 §4.1.1)
        &[0, 23, 0, 0],                  // extended master secret
    ]
    .concat();
    body.extend_from_slice(&(extensions.len() as u16).to_be_bytes());
    body.extend_from_slice(&extensions);
    let length = (body.len() as u32).to_be_bytes();
    let handshake = [&[1][..], &length[1..], &[0, 0, 0, 0, 0], &length[1..], &body].concat();
    let record_length = (handshake.len() as u16).to_be_bytes();
    [&[22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0][..], &record_length, &handshake].concat()
}

/// RTP of version 2 with the payload type and the SSRC given, and nothing true after it.
#[must_use]
pub fn rtp(ssrc: u32, seq: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 96];
    packet.extend_from_slice(&seq.to_be_bytes());
    packet.extend_from_slice(&[0, 0, 0, 1]);
    packet.extend_from_slice(&ssrc.to_be_bytes());
    packet.extend_from_slice(&[0xee; 100]);
    packet
}

/// A binding request (RFC 8489 §5) for `username`, without integrity and so from nobody.
#[must_use]
pub fn binding_request(username: &str) -> Vec<u8> {
    let padded = username.len().next_multiple_of(4);
    let mut message = vec![0, 1];
    message.extend_from_slice(&(4 + padded as u16).to_be_bytes());
    message.extend_from_slice(&[0x21, 0x12, 0xa4, 0x42]);
    message.extend_from_slice(&[7; 12]);
    message.extend_from_slice(&[0, 6]); // USERNAME
    message.extend_from_slice(&(username.len() as u16).to_be_bytes());
    message.extend_from_slice(username.as_bytes());
    message.resize(24 + padded, 0);
    message
}
