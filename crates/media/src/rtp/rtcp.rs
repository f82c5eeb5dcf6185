//! The few RTCP messages that the forwarding core acts on and sends. They are read from and written to
//! the wire at the edge (`session/rtcp.rs`); here they are plain values.

use super::{Bitrate, NtpTime, RtpTime, SeqNo, Ssrc};
use std::sync::Arc;

/// One thing that a peer reported or asked for. A compound packet becomes several of these.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Feedback {
    /// What a publisher says of its own stream (RFC 3550 §6.4.1).
    SenderReport {
        /// The publisher's stream.
        ssrc: Ssrc,
        /// The publisher's wall clock at this report.
        ntp: NtpTime,
        /// The same moment on the stream's RTP clock.
        rtp: RtpTime,
        /// Packets sent so far, modulo 2^32.
        packets: u32,
        /// Payload bytes sent so far, modulo 2^32.
        octets: u32,
    },
    /// What a subscriber says of a stream that Keel sends: one block of an SR or RR.
    Reception(ReceptionReport),
    /// Packets that a subscriber misses (RFC 4585 §6.2.1).
    Nack {
        /// The stream that Keel sends.
        media_ssrc: Ssrc,
        /// The missing numbers as they stand on the subscriber's wire.
        lost: Vec<SeqNo>,
    },
    /// A subscriber cannot decode and needs a keyframe (RFC 4585 §6.3.1).
    Pli {
        /// The stream that Keel sends.
        media_ssrc: Ssrc,
    },
    /// A subscriber wants a keyframe (RFC 5104 §4.3.1); one value for each entry of the message.
    Fir {
        /// The stream that Keel sends, from the entry (the packet's own media SSRC is unused).
        media_ssrc: Ssrc,
        /// The command's number: a repetition has the same one.
        seq: u8,
    },
    /// What a subscriber believes its connection can carry (draft-alvestrand-rmcat-remb-03).
    Remb {
        /// Of all streams together.
        bitrate: Bitrate,
    },
    /// When the packets that Keel sent arrived at a subscriber.
    TransportFeedback(TransportFeedback),
    /// Streams of a publisher that have ended (RFC 3550 §6.6).
    Bye {
        /// The streams.
        ssrcs: Vec<Ssrc>,
    },
}

/// One thing to tell a peer. Who tells it (the sender SSRC of RR and feedback packets) is the session's
/// own number, added at the edge.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Report {
    /// What Keel says of a stream that it sends (RFC 3550 §6.4.1), with the stream's CNAME (§6.5.1).
    SenderReport {
        /// The stream that Keel sends.
        ssrc: Ssrc,
        /// The publisher's wall clock, handed on.
        ntp: NtpTime,
        /// The same moment on the RTP clock of the stream that Keel sends.
        rtp: RtpTime,
        /// Packets sent to this subscriber so far, modulo 2^32.
        packets: u32,
        /// Payload bytes of those, modulo 2^32.
        octets: u32,
        /// The publisher's name, equal for all its streams.
        cname: Arc<str>,
    },
    /// What Keel says of a publisher's stream: one block of an RR.
    Reception(ReceptionReport),
    /// Packets that Keel misses (RFC 4585 §6.2.1).
    Nack {
        /// The publisher's stream.
        media_ssrc: Ssrc,
        /// The missing numbers in ascending order, as they stand on the publisher's wire.
        lost: Vec<SeqNo>,
    },
    /// Keel needs a keyframe (RFC 4585 §6.3.1).
    Pli {
        /// The publisher's stream.
        media_ssrc: Ssrc,
    },
    /// Keel wants a keyframe (RFC 5104 §4.3.1), of a publisher that does not know PLI.
    Fir {
        /// The publisher's stream.
        media_ssrc: Ssrc,
        /// The command's number.
        seq: u8,
    },
    /// When the packets of the whole transport arrived.
    TransportFeedback(TransportFeedback),
    /// What the publisher may send at most (draft-alvestrand-rmcat-remb-03).
    Remb {
        /// Of all streams together.
        bitrate: Bitrate,
        /// The publisher's streams.
        ssrcs: Vec<Ssrc>,
    },
}

/// A reception report block (RFC 3550 §6.4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReceptionReport {
    /// The stream that is reported on.
    pub ssrc: Ssrc,
    /// The share lost since the report before, in 256ths.
    pub fraction_lost: u8,
    /// Packets lost since the stream began: a signed 24-bit number, negative after duplicates.
    pub lost: i32,
    /// The highest sequence number received; the count of wraps in the upper 16 bits.
    pub highest: u32,
    /// Interarrival jitter in the stream's clock units.
    pub jitter: u32,
    /// [`NtpTime::middle`] of the last sender report received; 0 for none yet.
    pub last_sr: u32,
    /// The time since that sender report arrived, in 65536ths of a second.
    pub delay_since_sr: u32,
}

/// Arrival times of a run of transport-wide numbers
/// (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TransportFeedback {
    /// Any of the sender's streams.
    pub media_ssrc: Ssrc,
    /// The transport-wide number of the first entry of `arrivals`.
    pub base: u16,
    /// The time from which the first delta counts, in units of 64 ms: a signed 24-bit number on the
    /// wire, here its lower 24 bits. What Keel writes is always positive.
    pub reference_time: u32,
    /// Counts the feedback packets of this transport, modulo 256.
    pub count: u8,
    /// For each number from `base` on: `None` when it has not arrived, otherwise the time since the
    /// arrival before it in this list (of the first: since `reference_time`) in units of 250 us.
    /// 0..=255 fits a small delta; anything else is a large one. In what Keel writes the first and last
    /// entries arrived.
    pub arrivals: Vec<Option<i16>>,
}
