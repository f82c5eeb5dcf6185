//! Transport-wide feedback on the wire (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1): written by
//! rtc-rtcp, read here, since what a few bytes stand for must be bounded before it is unfolded.

use crate::rtp::Ssrc;
use crate::rtp::rtcp::TransportFeedback;
use rtcp::transport_feedbacks::transport_layer_cc::{
    PacketStatusChunk, RecvDelta, RunLengthChunk, StatusChunkTypeTcc, StatusVectorChunk, SymbolSizeTypeTcc,
    SymbolTypeTcc, TransportLayerCc,
};

/// Numbers that one feedback packet may speak of: twice what the estimator remembers. A run-length chunk names
/// 8,191 in two bytes.
const STATUSES_MAX: usize = 4_096;

/// Reads one feedback packet, header included and padding removed. `None` where it is malformed: a status
/// without its delta, a reserved symbol, more than 4,096 numbers.
pub(super) fn parse(part: &[u8]) -> Option<TransportFeedback> {
    let media_ssrc = Ssrc::new(u32::from_be_bytes(*part.get(8..)?.first_chunk()?));
    let [base_high, base_low, count_high, count_low, r2, r1, r0, count] = *part.get(12..)?.first_chunk()?;
    let statuses = usize::from(u16::from_be_bytes([count_high, count_low]));
    if statuses > STATUSES_MAX {
        return None;
    }
    let mut rest = part.get(20..)?;
    let mut arrivals = Vec::with_capacity(statuses);
    while arrivals.len() < statuses {
        let (chunk, after) = rest.split_first_chunk::<2>()?;
        rest = after;
        unfold(u16::from_be_bytes(*chunk), statuses, &mut arrivals);
    }
    for arrival in &mut arrivals {
        // The symbols stand where the deltas are to come.
        *arrival = match *arrival {
            Some(1) => {
                let (delta, after) = rest.split_first()?;
                rest = after;
                Some(i16::from(*delta))
            }
            Some(2) => {
                let (delta, after) = rest.split_first_chunk::<2>()?;
                rest = after;
                Some(i16::from_be_bytes(*delta))
            }
            Some(_) => return None,
            None => None,
        };
    }
    Some(TransportFeedback {
        media_ssrc,
        base: u16::from_be_bytes([base_high, base_low]),
        reference_time: u32::from_be_bytes([0, r2, r1, r0]),
        count,
        arrivals,
    })
}

/// Appends the symbols of one chunk, up to `statuses` in all; `None` for "not received".
fn unfold(chunk: u16, statuses: usize, symbols: &mut Vec<Option<i16>>) {
    let symbol = |bits: u16| (bits != 0).then_some(bits.cast_signed());
    let room = statuses - symbols.len();
    let mut vector = |bits: u16, count: u16| {
        let mask = (1 << bits) - 1;
        let places = (0..count).rev().map(|place| symbol(chunk >> (place * bits) & mask));
        symbols.extend(places.take(room));
    };
    match chunk >> 14 {
        // draft-holmer §3.1.4: a vector of fourteen symbols of one bit, or of seven of two.
        0b10 => vector(1, 14),
        0b11 => vector(2, 7),
        // draft-holmer §3.1.3: one symbol and how often it stands.
        _ => {
            let run = usize::from(chunk & 0x1fff).min(room);
            symbols.resize(symbols.len() + run, symbol(chunk >> 13 & 3));
        }
    }
}

/// The feedback as rtc-rtcp writes it.
pub(super) fn write(sender: Ssrc, feedback: &TransportFeedback) -> TransportLayerCc {
    const DELTA_US: i64 = 250;
    let symbols: Vec<_> = feedback.arrivals.iter().copied().map(symbol).collect();
    let deltas = feedback.arrivals.iter().flatten().map(|delta| RecvDelta {
        type_tcc_packet: symbol(Some(*delta)),
        delta: i64::from(*delta) * DELTA_US,
    });
    TransportLayerCc {
        sender_ssrc: sender.wire(),
        media_ssrc: feedback.media_ssrc.wire(),
        base_sequence_number: feedback.base,
        packet_status_count: u16::try_from(feedback.arrivals.len()).unwrap_or(u16::MAX),
        reference_time: feedback.reference_time & 0x00ff_ffff,
        fb_pkt_count: feedback.count,
        packet_chunks: chunks(&symbols),
        recv_deltas: deltas.collect(),
    }
}

fn symbol(arrival: Option<i16>) -> SymbolTypeTcc {
    match arrival {
        None => SymbolTypeTcc::PacketNotReceived,
        Some(0..=255) => SymbolTypeTcc::PacketReceivedSmallDelta,
        Some(_) => SymbolTypeTcc::PacketReceivedLargeDelta,
    }
}

/// Runs of one symbol as run-length chunks, the rest as vectors of seven (§3.1.3, §3.1.4).
fn chunks(symbols: &[SymbolTypeTcc]) -> Vec<PacketStatusChunk> {
    const VECTOR: usize = 7;
    const RUN_MAX: usize = 8191;
    let mut chunks = Vec::new();
    let mut rest = symbols;
    while let Some(first) = rest.first() {
        let run = rest.iter().take(RUN_MAX).take_while(|symbol| *symbol == first).count();
        if run >= VECTOR || run == rest.len() {
            chunks.push(PacketStatusChunk::RunLengthChunk(RunLengthChunk {
                type_tcc: StatusChunkTypeTcc::RunLengthChunk,
                packet_status_symbol: *first,
                run_length: u16::try_from(run).unwrap_or(u16::MAX),
            }));
            rest = rest.get(run..).unwrap_or_default();
        } else {
            let (head, tail) = rest.split_at(VECTOR.min(rest.len()));
            let mut symbol_list = head.to_vec();
            symbol_list.resize(VECTOR, SymbolTypeTcc::PacketNotReceived);
            chunks.push(PacketStatusChunk::StatusVectorChunk(StatusVectorChunk {
                type_tcc: StatusChunkTypeTcc::StatusVectorChunk,
                symbol_size: SymbolSizeTypeTcc::TwoBit,
                symbol_list,
            }));
            rest = tail;
        }
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::rtcp::{Feedback, Report};
    use crate::session::rtcp::{build, parse as parse_datagram};
    use proptest::prelude::*;
    use rtc_shared::marshal::Unmarshal;

    fn feedback(arrivals: Vec<Option<i16>>) -> TransportFeedback {
        let media_ssrc = Ssrc::new(0x1234_5678);
        TransportFeedback { media_ssrc, base: 65530, reference_time: 5, count: 9, arrivals }
    }

    fn written(feedback: &TransportFeedback) -> Vec<u8> {
        let datagrams = build(Ssrc::new(1), "keel", &[Report::TransportFeedback(feedback.clone())]);
        let [datagram] = &datagrams[..] else { panic!("one datagram") };
        datagram.clone()
    }

    fn read(datagram: &[u8]) -> Option<Feedback> {
        let mut messages = Vec::new();
        parse_datagram(datagram, &mut messages).ok()?;
        messages.pop()
    }

    #[test]
    fn transport_feedback_is_read_back_by_an_independent_parser() {
        let mut arrivals = vec![Some(4), None, Some(-2), Some(300), Some(0)];
        arrivals.extend([None; 40]);
        arrivals.extend([Some(8); 30]);
        let feedback = feedback(arrivals);
        let datagram = written(&feedback);
        let read = TransportLayerCc::unmarshal(&mut datagram.as_slice()).expect("well formed");
        assert_eq!((read.base_sequence_number, read.packet_status_count), (65530, 75));
        assert_eq!((read.reference_time, read.fb_pkt_count), (5, 9));
        let deltas: Vec<_> = read.recv_deltas.iter().map(|delta| delta.delta / 250).collect();
        let expected: Vec<_> = feedback.arrivals.iter().flatten().map(|delta| i64::from(*delta)).collect();
        assert_eq!(deltas, expected);
    }

    /// libwebrtc, too, pads to a whole word by one to three bytes.
    #[test]
    fn padding_of_less_than_a_word_is_taken_off() {
        let feedback = feedback(vec![Some(1), Some(0), Some(2)]);
        let datagram = written(&feedback);
        assert_eq!((datagram[0] & 0x20, datagram.last()), (0x20, Some(&3)), "five bytes fill two words");
        assert_eq!(read(&datagram), Some(Feedback::TransportFeedback(feedback)));
    }

    // covers: draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1.4
    #[test]
    fn vectors_of_one_bit_are_read_and_end_with_the_count() {
        let head = [0x8f, 205, 0, 6, 0, 0, 0, 1, 0, 0, 0, 2, 0, 1, 0, 3, 0xff, 0xff, 0xff, 4];
        let datagram = [&head[..], &[0xa8, 0, 7, 8, 0, 0, 0, 0]].concat();
        let Some(Feedback::TransportFeedback(feedback)) = read(&datagram) else { panic!("well formed") };
        assert_eq!(feedback.arrivals, [Some(7), None, Some(8)]);
        assert_eq!((feedback.base, feedback.reference_time, feedback.count), (1, 0x00ff_ffff, 4));
    }

    #[test]
    fn missing_deltas_reserved_symbols_and_boundless_runs_are_malformed() {
        let with = |count: [u8; 2], chunk: [u8; 2], deltas: [u8; 2]| {
            let [c1, c0] = count;
            let head = [0x8f, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2, 0, 1, c1, c0, 0, 0, 1, 0];
            read(&[&head[..], &chunk, &deltas].concat())
        };
        assert!(with([0, 2], [0x20, 2], [4, 8]).is_some());
        assert_eq!(with([0, 3], [0x20, 3], [4, 8]), None, "three packets, two deltas");
        assert_eq!(with([0, 1], [0x60, 1], [4, 8]), None, "symbol 3 is reserved");
        assert_eq!(with([0x10, 1], [0x1f, 0xff], [0x1f, 0xff]), None, "4,097 packets in four bytes");
        assert_eq!(with([0, 9], [0x20, 2], [0, 0]), None, "chunks for fewer than the count");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            middle in prop::collection::vec(prop::option::weighted(0.8, -300i16..600), 0..300),
        ) {
            let feedback = feedback([vec![Some(1)], middle, vec![Some(2)]].concat());
            prop_assert_eq!(read(&written(&feedback)), Some(Feedback::TransportFeedback(feedback)));
        }
    }
}
