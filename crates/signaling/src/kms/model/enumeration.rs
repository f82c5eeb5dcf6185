//! Enumerations, with the words that travel.

use super::{EnumType, Module};

pub(crate) static URI_ENDPOINT_STATE: EnumType =
    EnumType { name: "UriEndpointState", module: Module::Core, words: &["STOP", "START", "PAUSE"] };

pub(crate) static SERVER_TYPE: EnumType =
    EnumType { name: "ServerType", module: Module::Core, words: &["KMS", "KCS"] };

pub(crate) static GSTREAMER_DOT_DETAILS: EnumType = EnumType {
    name: "GstreamerDotDetails",
    module: Module::Core,
    words: &[
        "SHOW_MEDIA_TYPE",
        "SHOW_CAPS_DETAILS",
        "SHOW_NON_DEFAULT_PARAMS",
        "SHOW_STATES",
        "SHOW_FULL_PARAMS",
        "SHOW_ALL",
        "SHOW_VERBOSE",
    ],
};

pub(crate) static MEDIA_STATE: EnumType =
    EnumType { name: "MediaState", module: Module::Core, words: &["DISCONNECTED", "CONNECTED"] };

pub(crate) static MEDIA_FLOW_STATE: EnumType =
    EnumType { name: "MediaFlowState", module: Module::Core, words: &["FLOWING", "NOT_FLOWING"] };

pub(crate) static MEDIA_TRANSCODING_STATE: EnumType = EnumType {
    name: "MediaTranscodingState",
    module: Module::Core,
    words: &["TRANSCODING", "NOT_TRANSCODING"],
};

pub(crate) static CONNECTION_STATE: EnumType =
    EnumType { name: "ConnectionState", module: Module::Core, words: &["DISCONNECTED", "CONNECTED"] };

pub(crate) static MEDIA_TYPE: EnumType =
    EnumType { name: "MediaType", module: Module::Core, words: &["AUDIO", "DATA", "VIDEO"] };

pub(crate) static FILTER_TYPE: EnumType =
    EnumType { name: "FilterType", module: Module::Core, words: &["AUDIO", "AUTODETECT", "VIDEO"] };

pub(crate) static VIDEO_CODEC: EnumType = EnumType {
    name: "VideoCodec",
    module: Module::Core,
    words: &["H265", "AV1", "VP9", "VP8", "H264", "RAW"],
};

pub(crate) static AUDIO_CODEC: EnumType =
    EnumType { name: "AudioCodec", module: Module::Core, words: &["OPUS", "PCMU", "PCMA", "RAW"] };

pub(crate) static STATS_TYPE: EnumType = EnumType {
    name: "StatsType",
    module: Module::Core,
    words: &[
        "inboundrtp",
        "outboundrtp",
        "session",
        "datachannel",
        "track",
        "transport",
        "candidatepair",
        "localcandidate",
        "remotecandidate",
        "element",
        "endpoint",
    ],
};

pub(crate) static RTC_DATA_CHANNEL_STATE: EnumType = EnumType {
    name: "RTCDataChannelState",
    module: Module::Core,
    words: &["connecting", "open", "closing", "closed"],
};

pub(crate) static RTC_STATS_ICE_CANDIDATE_TYPE: EnumType = EnumType {
    name: "RTCStatsIceCandidateType",
    module: Module::Core,
    words: &["host", "serverreflexive", "peerreflexive", "relayed"],
};

pub(crate) static RTC_STATS_ICE_CANDIDATE_PAIR_STATE: EnumType = EnumType {
    name: "RTCStatsIceCandidatePairState",
    module: Module::Core,
    words: &["frozen", "waiting", "inprogress", "failed", "succeeded", "cancelled"],
};

pub(crate) static CRYPTO_SUITE: EnumType = EnumType {
    name: "CryptoSuite",
    module: Module::Elements,
    words: &[
        "AES_128_CM_HMAC_SHA1_32",
        "AES_128_CM_HMAC_SHA1_80",
        "AES_256_CM_HMAC_SHA1_32",
        "AES_256_CM_HMAC_SHA1_80",
    ],
};

pub(crate) static MEDIA_PROFILE_SPEC_TYPE: EnumType = EnumType {
    name: "MediaProfileSpecType",
    module: Module::Elements,
    words: &[
        "WEBM",
        "MKV",
        "MP4",
        "WEBM_VIDEO_ONLY",
        "WEBM_AUDIO_ONLY",
        "MKV_VIDEO_ONLY",
        "MKV_AUDIO_ONLY",
        "MP4_VIDEO_ONLY",
        "MP4_AUDIO_ONLY",
        "JPEG_VIDEO_ONLY",
        "KURENTO_SPLIT_RECORDER",
        "FLV",
    ],
};

pub(crate) static GAPS_FIX_METHOD: EnumType = EnumType {
    name: "GapsFixMethod",
    module: Module::Elements,
    words: &["NONE", "GENPTS", "FILL_IF_TRANSCODING"],
};

pub(crate) static ICE_COMPONENT_STATE: EnumType = EnumType {
    name: "IceComponentState",
    module: Module::Elements,
    words: &["DISCONNECTED", "GATHERING", "CONNECTING", "CONNECTED", "READY", "FAILED"],
};

pub(crate) static DTLS_CONNECTION_STATE: EnumType = EnumType {
    name: "DtlsConnectionState",
    module: Module::Elements,
    words: &["NEW", "CLOSED", "FAILED", "CONNECTING", "CONNECTED"],
};

pub(crate) static CERTIFICATE_KEY_TYPE: EnumType =
    EnumType { name: "CertificateKeyType", module: Module::Elements, words: &["RSA", "ECDSA"] };

pub(crate) static DSCP_VALUE: EnumType = EnumType {
    name: "DSCPValue",
    module: Module::Elements,
    words: &[
        "NO_DSCP",
        "NO_VALUE",
        "AUDIO_VERYLOW",
        "AUDIO_LOW",
        "AUDIO_MEDIUM",
        "AUDIO_HIGH",
        "VIDEO_VERYLOW",
        "VIDEO_LOW",
        "VIDEO_MEDIUM",
        "VIDEO_MEDIUM_THROUGHPUT",
        "VIDEO_HIGH",
        "VIDEO_HIGH_THROUGHPUT",
        "DATA_VERYLOW",
        "DATA_LOW",
        "DATA_MEDIUM",
        "DATA_HIGH",
        "CHROME_HIGH",
        "CHROME_MEDIUM",
        "CHROME_LOW",
        "CHROME_VERYLOW",
        "CS0",
        "CS1",
        "CS2",
        "CS3",
        "CS4",
        "CS5",
        "CS6",
        "CS7",
        "AF11",
        "AF12",
        "AF13",
        "AF21",
        "AF22",
        "AF23",
        "AF31",
        "AF32",
        "AF33",
        "AF41",
        "AF42",
        "AF43",
        "EF",
        "VOICEADMIT",
        "LE",
    ],
};

/// Every one, by name of their module and then as they are declared.
pub(crate) static ALL: &[&EnumType] = &[
    &URI_ENDPOINT_STATE,
    &SERVER_TYPE,
    &GSTREAMER_DOT_DETAILS,
    &MEDIA_STATE,
    &MEDIA_FLOW_STATE,
    &MEDIA_TRANSCODING_STATE,
    &CONNECTION_STATE,
    &MEDIA_TYPE,
    &FILTER_TYPE,
    &VIDEO_CODEC,
    &AUDIO_CODEC,
    &STATS_TYPE,
    &RTC_DATA_CHANNEL_STATE,
    &RTC_STATS_ICE_CANDIDATE_TYPE,
    &RTC_STATS_ICE_CANDIDATE_PAIR_STATE,
    &CRYPTO_SUITE,
    &MEDIA_PROFILE_SPEC_TYPE,
    &GAPS_FIX_METHOD,
    &ICE_COMPONENT_STATE,
    &DTLS_CONNECTION_STATE,
    &CERTIFICATE_KEY_TYPE,
    &DSCP_VALUE,
];
