//! What `getStats` answers: a map of records by their ids.

use super::connection::DEFAULT_DESCRIPTION;
use super::endpoint::{DataChannels, Progress};
use super::{ObjectId, media_type};
use crate::kms::model::{Record, RecordType, Value, record};
use keel_media::rtp::Bitrate;
use keel_media::{DataChannelInfo, DataChannelState, EndpointStats, MediaKind, MediaType, StreamStats};
use std::collections::BTreeMap;
use std::time::Duration;

type Fields = Vec<(&'static str, Value)>;

/// The statistics of an element without a peer.
pub(crate) fn of_element(id: &ObjectId, now_ms: i64) -> Value {
    let mut stats = Stats::new(now_ms);
    stats.insert(&record::ELEMENT_STATS, id.to_string(), "element", input_latency(&[]));
    Value::Map(stats.by_id)
}

/// The statistics of an endpoint: its streams of this media type, or all of them.
pub(crate) fn of_endpoint(
    id: &ObjectId,
    data_channels: DataChannels,
    progress: &Progress,
    media: &EndpointStats,
    wanted: Option<MediaType>,
    now_ms: i64,
) -> Value {
    let mut stats = Stats::new(now_ms);
    // KMS: the element's own record is there whatever type is asked for.
    stats.insert(&record::ENDPOINT_STATS, id.to_string(), "endpoint", latency(&media.latency));
    let is_wanted = |stream: &&StreamStats| wanted.is_none_or(|media| media.rtp() == Some(stream.kind));
    for stream in media.incoming.iter().filter(is_wanted) {
        stats.insert_incoming(stream);
    }
    for stream in media.outgoing.iter().filter(is_wanted) {
        stats.insert_outgoing(stream);
    }
    if data_channels == DataChannels::Allowed && wanted.is_none_or(|media| media == MediaType::Data) {
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
            // KMS 6: the time in seconds, which its clients read. Those of 7 pass over it.
            ("timestamp", Value::Int(self.now_ms / 1000)),
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
            ("targetBitrate", rate(stream.bitrate)),
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
        let fields =
            vec![("dataChannelsOpened", Value::Int(opened)), ("dataChannelsClosed", Value::Int(closed))];
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
        ("firCount", count(stream.fir)),
        ("pliCount", count(stream.pli)),
        ("nackCount", count(stream.nacked)),
        ("sliCount", Value::Int(0)),
        ("remb", count(stream.remb.map_or(0, Bitrate::as_bps))),
        ("packetsLost", Value::Int(stream.packets_lost)),
        // KMS: the number of the report, 0 to 255.
        ("fractionLost", Value::Float(stream.fraction_lost.into())),
    ]
}

/// Bits per second; KMS has 0 where there is none.
fn rate(rate: Option<Bitrate>) -> Value {
    Value::Float(rate.map_or(0, Bitrate::as_bps) as f64)
}

/// The average times that media spends in Keel on its way to this peer. KMS measures from element to element
/// and from source to sink; here both are the way through the server. Empty while `latencyStats` is off.
fn latency(averages: &[(MediaKind, Duration)]) -> Fields {
    let mut fields = input_latency(averages);
    fields.extend([
        ("audioE2ELatency", average_ns(averages, MediaKind::Audio)),
        ("videoE2ELatency", average_ns(averages, MediaKind::Video)),
        ("E2ELatency", latency_list(averages)),
    ]);
    fields
}

/// The fields of `ElementStats`. KMS 6: its clients read the two kinds one by one.
fn input_latency(averages: &[(MediaKind, Duration)]) -> Fields {
    vec![
        ("inputAudioLatency", average_ns(averages, MediaKind::Audio)),
        ("inputVideoLatency", average_ns(averages, MediaKind::Video)),
        ("inputLatency", latency_list(averages)),
    ]
}

fn latency_list(averages: &[(MediaKind, Duration)]) -> Value {
    let stat = |(kind, _): &(MediaKind, Duration)| {
        let fields = vec![
            ("name", format!("sink_{kind}_{DEFAULT_DESCRIPTION}").into()),
            ("type", media_type::word(*kind)),
            ("avg", average_ns(averages, *kind)),
        ];
        Record::new(&record::MEDIA_LATENCY_STAT, fields).into()
    };
    Value::List(averages.iter().map(stat).collect())
}

/// KMS: nanoseconds, and 0 where nothing is measured.
fn average_ns(averages: &[(MediaKind, Duration)], kind: MediaKind) -> Value {
    let average = averages.iter().find(|(measured, _)| *measured == kind);
    Value::Float(average.map_or(0, |(_, average)| average.as_nanos()) as f64)
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

#[cfg(test)]
mod tests {
    use super::*;
    use keel_media::id::ElementId;
    use keel_media::{DtlsState, IceState};

    /// Fields for clients of 6.x, which no declaration of 7 has.
    const OF_6: [&str; 5] =
        ["timestamp", "inputAudioLatency", "inputVideoLatency", "audioE2ELatency", "videoE2ELatency"];

    fn id() -> ObjectId {
        ObjectId::parse("p_kurento.MediaPipeline/e_kurento.WebRtcEndpoint").expect("the class exists")
    }

    fn stream(kind: MediaKind, ssrc: u32) -> StreamStats {
        StreamStats {
            kind,
            ssrc,
            packets: 10,
            bytes: 1_000,
            packets_lost: -1,
            jitter: Duration::from_millis(20),
            round_trip: Some(Duration::from_millis(50)),
            nacked: 3,
            retransmitted: 2,
            pli: 4,
            fir: 5,
            fraction_lost: 128,
            remb: Some(Bitrate::bps(500_000)),
            bitrate: Some(Bitrate::bps(400_000)),
            frames: 30,
            rid: None,
            layer: None,
            freezes: 1,
            frozen: Duration::from_millis(400),
        }
    }

    fn media() -> EndpointStats {
        EndpointStats {
            endpoint: ElementId::new(1),
            ice: IceState::Connected,
            dtls: DtlsState::Connected,
            pair: None,
            srtp_profile: None,
            incoming: vec![stream(MediaKind::Audio, 1), stream(MediaKind::Video, 0xffff_fff0)],
            outgoing: vec![stream(MediaKind::Video, 3)],
            estimate: None,
            latency: Vec::new(),
            data_channels: vec![DataChannelInfo {
                stream: 1,
                label: "chat".to_owned(),
                protocol: String::new(),
                state: DataChannelState::Open,
                messages_sent: 7,
                bytes_sent: 70,
                messages_received: 8,
                bytes_received: 80,
                messages_dropped: 0,
            }],
        }
    }

    fn stats(media: &EndpointStats, wanted: Option<MediaType>) -> BTreeMap<String, Record> {
        let value =
            of_endpoint(&id(), DataChannels::Allowed, &Progress::new(), media, wanted, 1_795_330_532_396);
        let Value::Map(stats) = value else { panic!("a map") };
        stats
            .into_iter()
            .map(|(id, value)| match value {
                Value::Record(record) => (id, record),
                other => panic!("a record, not {other:?}"),
            })
            .collect()
    }

    /// A record's fields and those of its parents, as declared.
    fn declared(record: &'static RecordType) -> Vec<&'static str> {
        let mut lineage: Vec<_> = std::iter::successors(Some(record), |record| record.parent).collect();
        lineage.reverse();
        lineage.into_iter().flat_map(|record| record.fields).map(|field| field.name).collect()
    }

    fn float(fields: &crate::kms::model::Fields, name: &str) -> f64 {
        match fields.given(name) {
            Some(Value::Float(value)) => *value,
            other => panic!("a float, not {other:?}"),
        }
    }

    #[test]
    fn records_have_all_their_declared_fields_in_order_and_are_found_by_their_ids() {
        for (id, record) in stats(&media(), None) {
            let fields: Vec<_> = record.fields.iter().map(|(name, _)| name).collect();
            let of_7: Vec<_> = fields.into_iter().filter(|name| !OF_6.contains(name)).collect();
            assert_eq!(of_7, declared(record.record), "{id}");
            assert_eq!(record.fields.int("timestamp"), 1_795_330_532);
            assert_eq!(record.fields.text("id"), id);
            assert_eq!(record.fields.int("timestampMillis"), 1_795_330_532_396);
        }
    }

    #[test]
    fn a_stream_has_the_ssrc_that_the_browser_shows_and_the_units_of_kms() {
        let stats = stats(&media(), None);
        let video = &stats["inbound-rtp-4294967280"].fields;
        assert_eq!((video.word("type"), video.text("ssrc")), ("inboundrtp", "4294967280"));
        assert_eq!((video.int("packetsReceived"), video.int("packetsLost")), (10, -1));
        assert_eq!((float(video, "jitter"), float(video, "fractionLost")), (0.02, 128.0));
        assert_eq!((video.int("nackCount"), video.int("pliCount"), video.int("firCount")), (3, 4, 5));
        let sent = &stats["outbound-rtp-3"].fields;
        assert_eq!((float(sent, "roundTripTime"), float(sent, "targetBitrate")), (0.05, 400_000.0));
        assert_eq!(sent.int("remb"), 500_000);
    }

    #[test]
    fn a_media_type_filters_streams_and_channels_but_not_the_element() {
        let ids = |wanted| stats(&media(), wanted).into_keys().collect::<Vec<_>>();
        let element = id().to_string();
        assert_eq!(ids(Some(MediaType::Audio)), ["inbound-rtp-1".to_owned(), element.clone()]);
        let video = ["inbound-rtp-4294967280".to_owned(), "outbound-rtp-3".to_owned(), element.clone()];
        assert_eq!(ids(Some(MediaType::Video)), video);
        let data = ["data-channel-1".to_owned(), element, "peer-connection".to_owned()];
        assert_eq!(ids(Some(MediaType::Data)), data);
        assert_eq!(ids(None).len(), 6);
    }

    #[test]
    fn latencies_are_there_while_they_are_measured() {
        let mut media = media();
        let element = |media: &EndpointStats| stats(media, Some(MediaType::Video))[id().as_str()].clone();
        assert_eq!(element(&media).fields.given("E2ELatency"), Some(&Value::List(Vec::new())));
        media.latency = vec![(MediaKind::Video, Duration::from_micros(250))];
        let Some(Value::List(latencies)) = element(&media).fields.given("E2ELatency").cloned() else {
            panic!("a list")
        };
        let [Value::Record(latency)] = latencies.as_slice() else { panic!("one record") };
        assert_eq!(latency.fields.text("name"), "sink_video_default");
        assert_eq!((latency.fields.word("type"), float(&latency.fields, "avg")), ("VIDEO", 250_000.0));
    }

    #[test]
    fn an_element_without_a_peer_has_its_own_record_only() {
        let Value::Map(stats) = of_element(&id(), 1) else { panic!("a map") };
        let [(_, Value::Record(record))] = stats.iter().collect::<Vec<_>>()[..] else { panic!("one record") };
        assert_eq!((record.record.name, record.fields.word("type")), ("ElementStats", "element"));
    }
}
