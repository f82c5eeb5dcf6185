//! Why something from the network was dropped.

/// Why a datagram or packet was dropped; the label of a counter. Each variant says what an operator
/// should conclude.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum DropReason {
    /// First byte of no protocol that shares the port (RFC 7983 §7): scanners, misdirected traffic.
    UnknownProtocol,
    /// Longer than any packet that a path for WebRTC carries.
    TooLong,
    /// DTLS or SRTP from an address that has passed no integrity-checked binding request: late packets of
    /// a released session, or somebody guessing.
    UnknownAddress,
    /// Not a STUN message, or one with a broken FINGERPRINT.
    StunMalformed,
    /// A binding request for a ufrag that no session has.
    StunUnknownUfrag,
    /// A binding request whose MESSAGE-INTEGRITY does not match the session's password.
    StunIntegrity,
    /// A STUN message of another method or class than a media server answers, or an unsolicited response.
    StunUnexpected,
    /// A DTLS record that the association refused.
    DtlsMalformed,
    /// DTLS before its session knows the peer's fingerprint, or beyond the handshake's buffer.
    DtlsUnexpected,
    /// SRTP or SRTCP before the handshake is complete.
    SrtpTooEarly,
    /// Shorter than its own header or authentication tag.
    RtpMalformed,
    /// An SRTP or SRTCP packet that fails authentication.
    SrtpAuthentication,
    /// A packet index that was already received (RFC 3711 §3.3.2).
    SrtpReplay,
    /// A packet index older than the replay window.
    SrtpTooOld,
    /// RTP that belongs to no negotiated m-line.
    RtpUnknownStream,
    /// RTP of a simulcast m-line that names none of its encodings (RFC 8852).
    RtpUnknownEncoding,
    /// RTP with a payload type that was not negotiated for its m-line.
    RtpUnknownPayloadType,
    /// More SSRCs in one session than the bound.
    RtpTooManyStreams,
    /// An RTCP packet that does not parse.
    RtcpMalformed,
    /// A packet that came again (an original after its repair, say).
    Duplicate,
    /// Padding-only: bandwidth probes of the publisher, swallowed.
    PaddingOnly,
    /// A subscriber that lacks the packet's codec.
    NoCommonCodec,
    /// The system refused to send: no route, or another address family.
    SendRefused,
    /// The system had no buffer left to send from: the machine or its network is at its limit.
    SendNoBuffer,
    /// A retransmission was asked for that is no longer, or was never, in the ring.
    RepairMissing,
    /// A packet or repair from before anything that its stream's subscribers could still use.
    TooLate,
    /// More packets of one stream than one batch holds: they are asked for again by NACK. The worker does
    /// not keep up.
    Overrun,
    /// Video for a subscriber whose path carries less than it is sent: dropped until a keyframe, since it had
    /// waited too long. Slow networks of viewers.
    PathFull,
    /// An SCTP packet behind DTLS that is malformed, has no place in the association, or would make it
    /// hold more than its bounds; also SCTP where no data channels are negotiated.
    SctpRefused,
    /// A data channel beyond the bound of its session: it is closed at once.
    DataTooManyChannels,
    /// A data channel message longer than its sender may share.
    DataTooLong,
    /// A data channel message of a sender that shares more than it may: an application that floods a room.
    DataTooFast,
    /// A data channel message for a peer that does not take them fast enough, or takes none so long.
    DataQueueFull,
    /// A data channel message for a peer without data channels, or on a channel that is not open.
    DataUndeliverable,
    /// A packet for a worker that does not take what others hand it fast enough: that one is overloaded.
    RelayOverrun,
    /// A datagram for a TCP connection that does not take them fast enough: a slow network of a peer without
    /// UDP.
    StreamFull,
}

impl DropReason {
    /// Every reason, in the order of its counters.
    pub const ALL: [Self; 36] = [
        Self::UnknownProtocol,
        Self::TooLong,
        Self::UnknownAddress,
        Self::StunMalformed,
        Self::StunUnknownUfrag,
        Self::StunIntegrity,
        Self::StunUnexpected,
        Self::DtlsMalformed,
        Self::DtlsUnexpected,
        Self::SrtpTooEarly,
        Self::RtpMalformed,
        Self::SrtpAuthentication,
        Self::SrtpReplay,
        Self::SrtpTooOld,
        Self::RtpUnknownStream,
        Self::RtpUnknownEncoding,
        Self::RtpUnknownPayloadType,
        Self::RtpTooManyStreams,
        Self::RtcpMalformed,
        Self::Duplicate,
        Self::PaddingOnly,
        Self::NoCommonCodec,
        Self::SendRefused,
        Self::SendNoBuffer,
        Self::RepairMissing,
        Self::TooLate,
        Self::Overrun,
        Self::PathFull,
        Self::SctpRefused,
        Self::DataTooManyChannels,
        Self::DataTooLong,
        Self::DataTooFast,
        Self::DataQueueFull,
        Self::DataUndeliverable,
        Self::RelayOverrun,
        Self::StreamFull,
    ];

    /// The label in metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::UnknownProtocol => "unknown_protocol",
            Self::TooLong => "too_long",
            Self::UnknownAddress => "unknown_address",
            Self::StunMalformed => "stun_malformed",
            Self::StunUnknownUfrag => "stun_unknown_ufrag",
            Self::StunIntegrity => "stun_integrity",
            Self::StunUnexpected => "stun_unexpected",
            Self::DtlsMalformed => "dtls_malformed",
            Self::DtlsUnexpected => "dtls_unexpected",
            Self::SrtpTooEarly => "srtp_too_early",
            Self::RtpMalformed => "rtp_malformed",
            Self::SrtpAuthentication => "srtp_authentication",
            Self::SrtpReplay => "srtp_replay",
            Self::SrtpTooOld => "srtp_too_old",
            Self::RtpUnknownStream => "rtp_unknown_stream",
            Self::RtpUnknownEncoding => "rtp_unknown_encoding",
            Self::RtpUnknownPayloadType => "rtp_unknown_payload_type",
            Self::RtpTooManyStreams => "rtp_too_many_streams",
            Self::RtcpMalformed => "rtcp_malformed",
            Self::Duplicate => "duplicate",
            Self::PaddingOnly => "padding_only",
            Self::NoCommonCodec => "no_common_codec",
            Self::SendRefused => "send_refused",
            Self::SendNoBuffer => "send_no_buffer",
            Self::RepairMissing => "repair_missing",
            Self::TooLate => "too_late",
            Self::Overrun => "overrun",
            Self::PathFull => "path_full",
            Self::SctpRefused => "sctp_refused",
            Self::DataTooManyChannels => "data_too_many_channels",
            Self::DataTooLong => "data_too_long",
            Self::DataTooFast => "data_too_fast",
            Self::DataQueueFull => "data_queue_full",
            Self::DataUndeliverable => "data_undeliverable",
            Self::RelayOverrun => "relay_overrun",
            Self::StreamFull => "stream_full",
        }
    }
}

/// How often each [`DropReason`] occurred.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropCounters([u64; DropReason::ALL.len()]);

impl Default for DropCounters {
    fn default() -> Self {
        Self([0; DropReason::ALL.len()])
    }
}

impl DropCounters {
    /// Counts one drop.
    pub fn count(&mut self, reason: DropReason) {
        self.add(reason, 1);
    }

    /// Counts several drops.
    pub fn add(&mut self, reason: DropReason, count: u64) {
        if let Some(counter) = self.0.get_mut(reason as usize) {
            *counter += count;
        }
    }

    /// How often `reason` occurred.
    #[must_use]
    pub fn get(&self, reason: DropReason) -> u64 {
        self.0.get(reason as usize).copied().unwrap_or_default()
    }

    /// Every reason with its count, zero included.
    pub fn iter(&self) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        DropReason::ALL.into_iter().map(|reason| (reason, self.get(reason)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_counter() {
        let mut counters = DropCounters::default();
        for (place, reason) in DropReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place, "ALL is in declaration order");
            counters.count(reason);
        }
        assert!(counters.iter().all(|(_, count)| count == 1));
    }
}
