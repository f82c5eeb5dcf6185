//! Statistics, as `getStats` gives them by id.

use crate::kms::model::enumeration::{
    MEDIA_TYPE, RTC_DATA_CHANNEL_STATE, RTC_STATS_ICE_CANDIDATE_PAIR_STATE, RTC_STATS_ICE_CANDIDATE_TYPE,
    STATS_TYPE,
};
use crate::kms::model::{Module, Param, RecordType, Type};

pub(crate) static MEDIA_LATENCY_STAT: RecordType = RecordType {
    name: "MediaLatencyStat",
    module: Module::Core,
    parent: None,
    fields: &[
        Param::required("name", Type::String),
        Param::required("type", Type::Enum(&MEDIA_TYPE)),
        Param::required("avg", Type::Double),
    ],
};

pub(crate) static STATS: RecordType = RecordType {
    name: "Stats",
    module: Module::Core,
    parent: None,
    fields: &[
        Param::required("id", Type::String),
        Param::required("type", Type::Enum(&STATS_TYPE)),
        Param::required("timestampMillis", Type::Int64),
    ],
};

pub(crate) static ELEMENT_STATS: RecordType = RecordType {
    name: "ElementStats",
    module: Module::Core,
    parent: Some(&STATS),
    fields: &[Param::required("inputLatency", Type::List(&Type::Record(&MEDIA_LATENCY_STAT)))],
};

pub(crate) static ENDPOINT_STATS: RecordType = RecordType {
    name: "EndpointStats",
    module: Module::Core,
    parent: Some(&ELEMENT_STATS),
    fields: &[Param::required("E2ELatency", Type::List(&Type::Record(&MEDIA_LATENCY_STAT)))],
};

pub(crate) static RTC_STATS: RecordType =
    RecordType { name: "RTCStats", module: Module::Core, parent: Some(&STATS), fields: &[] };

pub(crate) static RTC_RTP_STREAM_STATS: RecordType = RecordType {
    name: "RTCRTPStreamStats",
    module: Module::Core,
    parent: Some(&RTC_STATS),
    fields: &[
        Param::required("ssrc", Type::String),
        Param::required("associateStatsId", Type::String),
        Param::required("isRemote", Type::Boolean),
        Param::required("mediaTrackId", Type::String),
        Param::required("transportId", Type::String),
        Param::required("codecId", Type::String),
        Param::required("firCount", Type::Int64),
        Param::required("pliCount", Type::Int64),
        Param::required("nackCount", Type::Int64),
        Param::required("sliCount", Type::Int64),
        Param::required("remb", Type::Int64),
        Param::required("packetsLost", Type::Int64),
        Param::required("fractionLost", Type::Double),
    ],
};

pub(crate) static RTC_CODEC: RecordType = RecordType {
    name: "RTCCodec",
    module: Module::Core,
    parent: Some(&RTC_STATS),
    fields: &[
        Param::required("payloadType", Type::Int64),
        Param::required("codec", Type::String),
        Param::required("clockRate", Type::Int64),
        Param::required("channels", Type::Int64),
        Param::required("parameters", Type::String),
    ],
};

pub(crate) static RTC_INBOUND_RTP_STREAM_STATS: RecordType = RecordType {
    name: "RTCInboundRTPStreamStats",
    module: Module::Core,
    parent: Some(&RTC_RTP_STREAM_STATS),
    fields: &[
        Param::required("packetsReceived", Type::Int64),
        Param::required("bytesReceived", Type::Int64),
        Param::required("jitter", Type::Double),
    ],
};

pub(crate) static RTC_OUTBOUND_RTP_STREAM_STATS: RecordType = RecordType {
    name: "RTCOutboundRTPStreamStats",
    module: Module::Core,
    parent: Some(&RTC_RTP_STREAM_STATS),
    fields: &[
        Param::required("packetsSent", Type::Int64),
        Param::required("bytesSent", Type::Int64),
        Param::required("targetBitrate", Type::Double),
        Param::required("roundTripTime", Type::Double),
    ],
};

pub(crate) static RTC_PEER_CONNECTION_STATS: RecordType = RecordType {
    name: "RTCPeerConnectionStats",
    module: Module::Core,
    parent: Some(&RTC_STATS),
    fields: &[
        Param::required("dataChannelsOpened", Type::Int64),
        Param::required("dataChannelsClosed", Type::Int64),
    ],
};

pub(crate) static RTC_MEDIA_STREAM_STATS: RecordType = RecordType {
    name: "RTCMediaStreamStats",
    module: Module::Core,
    parent: Some(&RTC_STATS),
    fields: &[
        Param::required("streamIdentifier", Type::String),
        Param::required("trackIds", Type::List(&Type::String)),
    ],
};

pub(crate) static RTC_MEDIA_STREAM_TRACK_STATS: RecordType = RecordType {
    name: "RTCMediaStreamTrackStats",
    module: Module::Core,
    parent: Some(&RTC_STATS),
    fields: &[
        Param::required("trackIdentifier", Type::String),
        Param::required("remoteSource", Type::Boolean),
        Param::required("ssrcIds", Type::List(&Type::String)),
        Param::required("frameWidth", Type::Int64),
        Param::required("frameHeight", Type::Int64),
        Param::required("framesPerSecond", Type::Double),
        Param::required("framesSent", Type::Int64),
        Param::required("framesReceived", Type::Int64),
        Param::required("framesDecoded", Type::Int64),
        Param::required("framesDropped", Type::Int64),
        Param::required("framesCorrupted", Type::Int64),
        Param::required("audioLevel", Type::Double),
        Param::required("echoReturnLoss", Type::Double),
        Param::required("echoReturnLossEnhancement", Type::Double),
    ],
};

pub(crate) static RTC_DATA_CHANNEL_STATS: RecordType = RecordType {
    name: "RTCDataChannelStats",
    module: Module::Core,
    parent: Some(&RTC_STATS),
    fields: &[
        Param::required("label", Type::String),
        Param::required("protocol", Type::String),
        Param::required("datachannelid", Type::Int64),
        Param::required("state", Type::Enum(&RTC_DATA_CHANNEL_STATE)),
        Param::required("messagesSent", Type::Int64),
        Param::required("bytesSent", Type::Int64),
        Param::required("messagesReceived", Type::Int64),
        Param::required("bytesReceived", Type::Int64),
    ],
};

pub(crate) static RTC_TRANSPORT_STATS: RecordType = RecordType {
    name: "RTCTransportStats",
    module: Module::Core,
    parent: Some(&RTC_STATS),
    fields: &[
        Param::required("bytesSent", Type::Int64),
        Param::required("bytesReceived", Type::Int64),
        Param::required("rtcpTransportStatsId", Type::String),
        Param::required("activeConnection", Type::Boolean),
        Param::required("selectedCandidatePairId", Type::String),
        Param::required("localCertificateId", Type::String),
        Param::required("remoteCertificateId", Type::String),
    ],
};

pub(crate) static RTC_ICE_CANDIDATE_ATTRIBUTES: RecordType = RecordType {
    name: "RTCIceCandidateAttributes",
    module: Module::Core,
    parent: Some(&RTC_STATS),
    fields: &[
        Param::required("ipAddress", Type::String),
        Param::required("portNumber", Type::Int64),
        Param::required("transport", Type::String),
        Param::required("candidateType", Type::Enum(&RTC_STATS_ICE_CANDIDATE_TYPE)),
        Param::required("priority", Type::Int64),
        Param::required("addressSourceUrl", Type::String),
    ],
};

pub(crate) static RTC_ICE_CANDIDATE_PAIR_STATS: RecordType = RecordType {
    name: "RTCIceCandidatePairStats",
    module: Module::Core,
    parent: Some(&RTC_STATS),
    fields: &[
        Param::required("transportId", Type::String),
        Param::required("localCandidateId", Type::String),
        Param::required("remoteCandidateId", Type::String),
        Param::required("state", Type::Enum(&RTC_STATS_ICE_CANDIDATE_PAIR_STATE)),
        Param::required("priority", Type::Int64),
        Param::required("nominated", Type::Boolean),
        Param::required("writable", Type::Boolean),
        Param::required("readable", Type::Boolean),
        Param::required("bytesSent", Type::Int64),
        Param::required("bytesReceived", Type::Int64),
        Param::required("roundTripTime", Type::Double),
        Param::required("availableOutgoingBitrate", Type::Double),
        Param::required("availableIncomingBitrate", Type::Double),
    ],
};

pub(crate) static RTC_CERTIFICATE_STATS: RecordType = RecordType {
    name: "RTCCertificateStats",
    module: Module::Core,
    parent: Some(&RTC_STATS),
    fields: &[
        Param::required("fingerprint", Type::String),
        Param::required("fingerprintAlgorithm", Type::String),
        Param::required("base64Certificate", Type::String),
        Param::required("issuerCertificateId", Type::String),
    ],
};
