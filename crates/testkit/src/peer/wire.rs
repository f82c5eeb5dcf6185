//! The peer's interceptor nearest to the wire: it notes RTCP and retransmissions both ways.

use super::report::{PeerReport, SENDER_REPORTS_MAX, SenderReport, Shared};
use rtc::interceptor::{Attribute, Interceptor, Packet, StreamInfo, TaggedPacket};
use rtc::rtcp;
use rtc::rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::payload_feedbacks::receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate;
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::transport_feedbacks::transport_layer_cc::TransportLayerCc;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;
use rtc::rtp;
use rtc::sansio::Protocol;
use rtc::shared::error::Error;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Weak;
use std::time::Instant;

/// Packets asked for that are remembered, far more than a test loses in a round trip.
const ASKED_FOR_MAX: usize = 4_096;

/// Notes what passes and takes RTX packets apart before anything else sees them: the `webrtc` crate's own
/// NACK generator does not look into RTX and would ask for a repaired packet again and again.
pub(super) struct Wire {
    shared: Weak<Shared>,
    originals_by_rtx_ssrc: HashMap<u32, (u32, u8)>,
    /// SSRC and number of the packets that were asked for.
    asked_for: BTreeSet<(u32, u16)>,
    incoming: VecDeque<TaggedPacket>,
    outgoing: VecDeque<TaggedPacket>,
}

impl Wire {
    pub(super) fn new(shared: Weak<Shared>) -> Self {
        Self {
            shared,
            originals_by_rtx_ssrc: HashMap::new(),
            asked_for: BTreeSet::new(),
            incoming: VecDeque::new(),
            outgoing: VecDeque::new(),
        }
    }

    fn note(&self, note: impl FnOnce(&mut PeerReport)) {
        if let Some(shared) = self.shared.upgrade() {
            shared.report.send_modify(note);
        }
    }

    fn note_incoming_rtcp(&self, packets: &[Box<dyn rtcp::Packet>]) {
        let Some(shared) = self.shared.upgrade() else { return };
        for packet in packets {
            let ssrcs = packet.destination_ssrc();
            let packet = packet.as_any();
            if packet.is::<PictureLossIndication>() || packet.is::<FullIntraRequest>() {
                ssrcs.into_iter().for_each(|ssrc| shared.want_keyframe(ssrc));
                self.note(|report| report.keyframe_requests_received += 1);
            } else if let Some(sent) = packet.downcast_ref() {
                self.note(|report| note_sender_report(&mut report.reports_received, sent));
            } else if let Some(reception) = packet.downcast_ref::<ReceiverReport>() {
                self.note(|report| report.receptions_received += reception.reports.len() as u64);
            } else if let Some(nack) = packet.downcast_ref() {
                self.note(|report| report.nacks_received += packets_asked_for(nack));
            } else if packet.is::<TransportLayerCc>() {
                self.note(|report| report.transport_feedback_received += 1);
            } else if let Some(estimate) = packet.downcast_ref::<ReceiverEstimatedMaximumBitrate>() {
                self.note(|report| {
                    report.bitrate_estimates_received += 1;
                    report.bitrate_estimate = Some(estimate.bitrate as u64);
                });
            }
        }
    }

    fn note_outgoing_rtcp(&mut self, packets: &[Box<dyn rtcp::Packet>]) {
        for packet in packets {
            let packet = packet.as_any();
            if let Some(sent) = packet.downcast_ref() {
                self.note(|report| note_sender_report(&mut report.reports_sent, sent));
            } else if let Some(nack) = packet.downcast_ref() {
                self.note(|report| report.nacks_sent += packets_asked_for(nack));
                self.remember(nack);
            }
        }
    }

    fn remember(&mut self, nack: &TransportLayerNack) {
        for entry in &nack.nacks {
            while self.asked_for.len() >= ASKED_FOR_MAX {
                self.asked_for.pop_first();
            }
            self.asked_for.extend(entry.packet_list().into_iter().map(|number| (nack.media_ssrc, number)));
        }
    }

    /// Turns an RTX packet into the one it repeats; `false` for a bandwidth probe: one without content, or one
    /// that nobody asked for, whose original has come this far already.
    fn take_rtx_apart(&mut self, packet: &mut rtp::Packet) -> bool {
        let Some((ssrc, payload_type)) = self.originals_by_rtx_ssrc.get(&packet.header.ssrc).copied() else {
            return true;
        };
        // RFC 4588 §4: the payload begins with the original sequence number.
        let Some(number) = packet.payload.first_chunk::<2>().copied().map(u16::from_be_bytes) else {
            return false;
        };
        if !self.asked_for.remove(&(ssrc, number)) {
            return false;
        }
        packet.header.ssrc = ssrc;
        packet.header.payload_type = payload_type;
        packet.header.sequence_number = number;
        packet.payload = packet.payload.slice(2..);
        self.note(|report| report.rtx_received += 1);
        true
    }
}

fn note_sender_report(reports: &mut Vec<SenderReport>, sent: &rtcp::sender_report::SenderReport) {
    if reports.len() < SENDER_REPORTS_MAX {
        reports.push(SenderReport {
            ssrc: sent.ssrc,
            ntp_time: sent.ntp_time,
            rtp_time: sent.rtp_time,
            packets: sent.packet_count,
        });
    }
}

fn packets_asked_for(nack: &TransportLayerNack) -> u64 {
    // RFC 4585 §6.2.1: each entry names one packet and, by a mask, some of the 16 after it.
    nack.nacks.iter().map(|entry| 1 + u64::from(entry.lost_packets.count_ones())).sum()
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Wire {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, mut message: TaggedPacket) -> Result<(), Error> {
        let keep = match &mut message.message.packet {
            Packet::Rtcp(packets) => {
                self.note_incoming_rtcp(packets);
                true
            }
            Packet::Rtp(packet) => self.take_rtx_apart(packet),
            _ => true,
        };
        if keep {
            self.incoming.push_back(message);
        }
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.incoming.pop_front()
    }

    fn handle_write(&mut self, message: TaggedPacket) -> Result<(), Error> {
        match &message.message.packet {
            Packet::Rtcp(packets) => self.note_outgoing_rtcp(packets),
            Packet::Rtp(_) if message.message.has(&Attribute::Retransmission) => {
                self.note(|report| report.retransmissions_sent += 1);
            }
            _ => {}
        }
        self.outgoing.push_back(message);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.outgoing.pop_front()
    }
}

impl Interceptor for Wire {
    fn bind_local_stream(&mut self, _: &StreamInfo) {}

    fn unbind_local_stream(&mut self, _: &StreamInfo) {}

    fn bind_remote_stream(&mut self, info: &StreamInfo) {
        if let Some(rtx) = info.ssrc_rtx {
            self.originals_by_rtx_ssrc.insert(rtx, (info.ssrc, info.payload_type));
        }
    }

    fn unbind_remote_stream(&mut self, info: &StreamInfo) {
        if let Some(rtx) = info.ssrc_rtx {
            self.originals_by_rtx_ssrc.remove(&rtx);
        }
    }
}
