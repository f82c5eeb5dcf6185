//! The data channel establishment protocol (RFC 8832): the one message that opens a channel, and its answer.

use crate::pipeline::DataChannelOptions;
use bytes::Bytes;
use rtc_datachannel::message::Message;
use rtc_datachannel::message::message_channel_ack::DataChannelAck;
use rtc_datachannel::message::message_channel_open::{CHANNEL_PRIORITY_NORMAL, ChannelType, DataChannelOpen};
use rtc_sctp::ReliabilityType;
use rtc_shared::marshal::{Marshal, Unmarshal};

/// A message of the protocol.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Establishment {
    Open(DataChannelOptions),
    Ack,
}

impl Establishment {
    /// Reads one; `None` for what is none, or whose names are no UTF-8.
    pub(super) fn read(mut bytes: &[u8]) -> Option<Self> {
        match Message::unmarshal(&mut bytes).ok()? {
            Message::DataChannelOpen(open) => Some(Self::Open(read_open(open)?)),
            Message::DataChannelAck(_) => Some(Self::Ack),
            _ => None,
        }
    }

    /// Its bytes; `None` where a name is longer than the format can say.
    pub(super) fn write(&self) -> Option<Bytes> {
        let message = match self {
            Self::Open(options) => Message::DataChannelOpen(write_open(options)?),
            Self::Ack => Message::DataChannelAck(DataChannelAck {}),
        };
        Some(message.marshal().ok()?.freeze())
    }
}

/// How SCTP is to send the messages of a channel: unordered or not, and when it may give one up.
pub(super) fn reliability(options: &DataChannelOptions) -> (bool, ReliabilityType, u32) {
    let (kind, limit) = match (options.retransmits_max, options.lifetime_ms_max) {
        (Some(retransmits), _) => (ReliabilityType::Rexmit, retransmits),
        (None, Some(lifetime_ms)) => (ReliabilityType::Timed, lifetime_ms),
        (None, None) => (ReliabilityType::Reliable, 0),
    };
    (!options.ordered, kind, u32::from(limit))
}

fn read_open(open: DataChannelOpen) -> Option<DataChannelOptions> {
    // RFC 8832 §5.1: the limit has 32 bits; more than 16 of them say "as good as never".
    let limit = u16::try_from(open.reliability_parameter).unwrap_or(u16::MAX);
    let (ordered, retransmits_max, lifetime_ms_max) = match open.channel_type {
        ChannelType::Reliable => (true, None, None),
        ChannelType::ReliableUnordered => (false, None, None),
        ChannelType::PartialReliableRexmit => (true, Some(limit), None),
        ChannelType::PartialReliableRexmitUnordered => (false, Some(limit), None),
        ChannelType::PartialReliableTimed => (true, None, Some(limit)),
        ChannelType::PartialReliableTimedUnordered => (false, None, Some(limit)),
        _ => return None,
    };
    Some(DataChannelOptions {
        label: String::from_utf8(open.label).ok()?,
        ordered,
        lifetime_ms_max,
        retransmits_max,
        protocol: String::from_utf8(open.protocol).ok()?,
    })
}

fn write_open(options: &DataChannelOptions) -> Option<DataChannelOpen> {
    let fits = |name: &str| u16::try_from(name.len()).is_ok();
    if !fits(&options.label) || !fits(&options.protocol) {
        return None;
    }
    let channel_type = match (options.ordered, options.retransmits_max, options.lifetime_ms_max) {
        (true, None, None) => ChannelType::Reliable,
        (false, None, None) => ChannelType::ReliableUnordered,
        (true, Some(_), _) => ChannelType::PartialReliableRexmit,
        (false, Some(_), _) => ChannelType::PartialReliableRexmitUnordered,
        (true, None, Some(_)) => ChannelType::PartialReliableTimed,
        (false, None, Some(_)) => ChannelType::PartialReliableTimedUnordered,
    };
    Some(DataChannelOpen {
        channel_type,
        priority: CHANNEL_PRIORITY_NORMAL,
        reliability_parameter: reliability(options).2,
        label: options.label.clone().into_bytes(),
        protocol: options.protocol.clone().into_bytes(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_channel_is_read_back_as_it_was_written() {
        // covers: RFC 8832 §5.1
        for ordered in [true, false] {
            for (lifetime_ms_max, retransmits_max) in [(None, None), (Some(500), None), (None, Some(0))] {
                let options = DataChannelOptions {
                    label: "größe".to_owned(),
                    protocol: "p".to_owned(),
                    ordered,
                    lifetime_ms_max,
                    retransmits_max,
                };
                let open = Establishment::Open(options);
                let written = open.write().expect("short names");
                assert_eq!(Establishment::read(&written), Some(open));
            }
        }
    }

    #[test]
    fn what_is_no_establishment_is_refused() {
        let named = DataChannelOptions { label: "ab".to_owned(), ..DataChannelOptions::default() };
        let written = Establishment::Open(named).write().expect("a short name");
        for length in 0..written.len() {
            assert_eq!(Establishment::read(&written[..length]), None, "the first {length} bytes");
        }
        let mut no_text = written.to_vec();
        *no_text.last_mut().expect("it has a label") = 0xff;
        assert_eq!(Establishment::read(&no_text), None);
        let long = DataChannelOptions { label: "x".repeat(65_536), ..DataChannelOptions::default() };
        assert_eq!(Establishment::Open(long).write(), None);
    }
}
