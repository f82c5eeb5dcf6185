//! One message of a data channel, and how SCTP names its kind.

use bytes::Bytes;
use rtc_sctp::PayloadProtocolIdentifier as Kind;

/// One message. Text stays text and binary stays binary on its way through Keel; the bytes of a text are
/// passed on as they came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DataMessage {
    /// What the receiver is told it is.
    pub kind: DataKind,
    /// Its bytes, possibly none.
    pub payload: Bytes,
}

/// What a message is, as the sender said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DataKind {
    /// A string.
    Text,
    /// Bytes.
    Binary,
}

impl DataMessage {
    /// What came with this identifier; `None` for one that has no meaning for user data.
    pub(super) fn from_wire(kind: Kind, payload: Bytes) -> Option<Self> {
        // RFC 8831 §6.6: the content of a message that is labelled as empty is ignored.
        match kind {
            Kind::String => Some(Self { kind: DataKind::Text, payload }),
            Kind::Binary => Some(Self { kind: DataKind::Binary, payload }),
            Kind::StringEmpty => Some(Self { kind: DataKind::Text, payload: Bytes::new() }),
            Kind::BinaryEmpty => Some(Self { kind: DataKind::Binary, payload: Bytes::new() }),
            _ => None,
        }
    }

    /// What to send for it.
    pub(super) fn to_wire(&self) -> (Kind, Bytes) {
        // RFC 8831 §6.6: SCTP carries no empty messages, so one zero byte goes under a label that says so.
        match (self.kind, self.payload.is_empty()) {
            (DataKind::Text, false) => (Kind::String, self.payload.clone()),
            (DataKind::Binary, false) => (Kind::Binary, self.payload.clone()),
            (DataKind::Text, true) => (Kind::StringEmpty, Bytes::from_static(&[0])),
            (DataKind::Binary, true) => (Kind::BinaryEmpty, Bytes::from_static(&[0])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_is_read_back_as_it_was_and_none_is_empty_on_the_wire() {
        // covers: RFC 8831 §6.6
        for kind in [DataKind::Text, DataKind::Binary] {
            for payload in [Bytes::new(), Bytes::from_static(b"x")] {
                let message = DataMessage { kind, payload };
                let (label, bytes) = message.to_wire();
                assert!(!bytes.is_empty());
                assert_eq!(DataMessage::from_wire(label, bytes), Some(message));
            }
        }
        assert_eq!(DataMessage::from_wire(Kind::Unknown, Bytes::from_static(b"x")), None);
    }
}
