//! What `getStats` answers: a map of records by their ids.

use super::ObjectId;
use super::endpoint::{DataChannels, Endpoint};
use crate::kms::model::{Record, RecordType, Value, record};
use keel_media::{DataChannelInfo, DataChannelState, EndpointStats, MediaKind, MediaType, StreamStats};
use std::collections::BTreeMap;

type Fields = Vec<(&'static str, Value)>;

/// The statistics of an element without a peer.
pub(crate) fn of_element(id: &ObjectId, now_ms: i64) -> Value {
    let mut stats = Stats::new(now_ms);
    stats.insert(&record::ELEMENT_STATS, id.to_string(), "element", vec![("inputLatency", Value::List(Vec::new()))]);
    Value::Map(stats.by_id)
}

/// The statistics of an endpoint: its streams of this media type, or all of them.
pub(crate) fn of_endpoint(
    id: &ObjectId,
    endpoint: &Endpoint,
    media: &EndpointStats,
    wanted: Option<MediaType>,
    now_ms: i64,
) -> Value {
    let mut stats = Stats::new(now_ms);
    // KMS: the element's own record is there whatever type is asked for.
    stats.insert(&record::ENDPOINT_STATS, id.to_string(), "endpoint", latency());
    let is_wanted = |stream: &&StreamStats| wanted.is_none_or(|media| media.rtp() == Some(stream.kind));
    for stream in media.incoming.iter().filter(is_wanted) {
        stats.insert_incoming(stream);
    }
    for stream in media.outgoing.iter().filter(is_wanted) {
        stats.insert_outgoing(stream);
    }
    if endpoint.data_channels == DataChannels::Allowed && wanted.is_none_or(|media| media == MediaType::Data) {
        let progress = &endpoint.progress;
        stats.insert_channels(&media.data_channels, progress.channels_opened, progress.channels_closed);
    }
    Value::Map(stats.by_id)
}

/// Records of one moment.
struct Stats {
    now_ms: i64,
    by_id: BTreeMap<String, Value>,
}

impl Stats {
    fn new(now_ms: i64) -> Self {
        Self { now_ms, by_id: BTreeMap::new() }
    }

    fn insert(&mut self, record: &'static RecordType, id: String, kind: &'static str, own: Fields) {
        let mut fields = vec![
            ("id", id.as_str().into()),
            ("type", Value::Enum(kind)),
            ("timestampMillis", Value::Int(self.now_ms)),
        ];
        fields.extend(own);
        self.by_id.insert(id, Record::new(record, fields).into());
    }

    fn insert_incoming(&mut self, stream: &StreamStats) {
        let mut fields = stream_fields(stream);
        fields.extend([
            ("packetsReceived", count(stream.packets)),
            ("bytesReceived", count(stream.bytes)),
            ("jitter", Value::Float(stream.jitter.as_secs_f64())),
        ]);
        let id = format!("inbound-rtp-{}", stream.ssrc);
        self.insert(&record::RTC_INBOUND_RTP_STREAM_STATS, id, "inboundrtp", fields);
    }

    fn insert_outgoing(&mut self, stream: &StreamStats) {
        let mut fields = stream_fields(stream);
        fields.extend([
            ("packetsSent", count(stream.packets)),
            ("bytesSent", count(stream.bytes)),
            ("targetBitrate", Value::Float(0.0)),
            ("roundTripTime", Value::Float(stream.round_trip.unwrap_or_default().as_secs_f64())),
        ]);
        let id = format!("outbound-rtp-{}", stream.ssrc);
        self.insert(&record::RTC_OUTBOUND_RTP_STREAM_STATS, id, "outboundrtp", fields);
    }

    fn insert_channels(&mut self, channels: &[DataChannelInfo], opened: i64, closed: i64) {
        for channel in channels {
            let fields = vec![
                ("label", channel.label.as_str().into()),
                ("protocol", channel.protocol.as_str().into()),
                ("datachannelid", Value::Int(channel.stream.into())),
                ("state", channel_state(channel.state)),
                ("messagesSent", count(channel.messages_sent)),
                ("bytesSent", count(channel.bytes_sent)),
                ("messagesReceived", count(channel.messages_received)),
                ("bytesReceived", count(channel.bytes_received)),
            ];
            let id = format!("data-channel-{}", channel.stream);
            self.insert(&record::RTC_DATA_CHANNEL_STATS, id, "datachannel", fields);
        }
        let fields = vec![("dataChannelsOpened", Value::Int(opened)), ("dataChannelsClosed", Value::Int(closed))];
        self.insert(&record::RTC_PEER_CONNECTION_STATS, "peer-connection".to_owned(), "session", fields);
    }
}

/// What streams of both directions have. KMS: the ids of what it has no records for are empty.
fn stream_fields(stream: &StreamStats) -> Fields {
    vec![
        ("ssrc", stream.ssrc.to_string().into()),
        ("associateStatsId", "".into()),
        ("isRemote", false.into()),
        ("mediaTrackId", "".into()),
        ("transportId", "".into()),
        ("codecId", "".into()),
        ("firCount", Value::Int(0)),
        ("pliCount", count(stream.keyframe_requests)),
        ("nackCount", count(stream.nacked)),
        ("sliCount", Value::Int(0)),
        ("remb", count(stream.remb.map_or(0, |rate| rate.as_bps()))),
        ("packetsLost", Value::Int(stream.packets_lost)),
        // KMS: the number of the report, 0 to 255.
        ("fractionLost", Value::Float(stream.fraction_lost.into())),
    ]
}

/// Counters fit 63 bits for as long as anything runs.
fn count(counter: u64) -> Value {
    Value::Int(i64::try_from(counter).unwrap_or(i64::MAX))
}

fn channel_state(state: DataChannelState) -> Value {
    Value::Enum(match state {
        DataChannelState::Connecting => "connecting",
        DataChannelState::Open => "open",
        DataChannelState::Closing => "closing",
        DataChannelState::Closed => "closed",
    })
}
