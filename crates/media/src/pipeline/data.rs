//! Data channels as their owner sees them (RFC 8831).

/// What a new data channel is to be (RFC 8832 §5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataChannelOptions {
    /// Its name, at most 65,535 bytes.
    pub label: String,
    /// Whether messages arrive in the order they were sent.
    pub ordered: bool,
    /// Milliseconds after which a message is given up; `None`: never. Not together with `retransmits_max`.
    pub lifetime_ms_max: Option<u16>,
    /// Repetitions after which a message is given up; `None`: never. Not together with `lifetime_ms_max`.
    pub retransmits_max: Option<u16>,
    /// The application's protocol, at most 65,535 bytes.
    pub protocol: String,
}

impl Default for DataChannelOptions {
    fn default() -> Self {
        Self {
            label: String::new(),
            ordered: true,
            lifetime_ms_max: None,
            retransmits_max: None,
            protocol: String::new(),
        }
    }
}

/// How the messages of a peer's data channels are shared with all others of its pipeline that share theirs
/// ([`super::PeerConnection::share_data`]). What is dropped is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataSharing {
    /// What stands before each message of this peer, so that the others know whose it is.
    pub tag: String,
    /// Bytes of one message, without the tag; longer ones are dropped.
    pub message_bytes_max: usize,
    /// Bytes a second, at least 1; a message counts as [`DataSharing::MESSAGE_BYTES_MIN`] at least. What is over is
    /// dropped.
    pub bytes_per_second: u32,
    /// Bytes that may come at once.
    pub bytes_at_once: u32,
}

impl DataSharing {
    /// What the shortest message counts: each has its cost for every receiver.
    pub const MESSAGE_BYTES_MIN: usize = 1024;
}

/// The state of a data channel (W3C `RTCDataChannelState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataChannelState {
    /// Asked for by us and not agreed to yet.
    Connecting,
    /// Messages can flow.
    Open,
    /// Being closed.
    Closing,
    /// Closed.
    Closed,
}

/// One data channel and its counters since it began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataChannelInfo {
    /// The SCTP stream.
    pub stream: u16,
    /// Its name.
    pub label: String,
    /// The application's protocol.
    pub protocol: String,
    /// Its state.
    pub state: DataChannelState,
    /// Messages sent to the peer.
    pub messages_sent: u64,
    /// Bytes of those.
    pub bytes_sent: u64,
    /// Messages for the peer that were dropped: its queue was full, or they were longer than it accepts.
    pub messages_dropped: u64,
    /// Messages received from the peer.
    pub messages_received: u64,
    /// Bytes of those.
    pub bytes_received: u64,
}
