//! Events. Their `data` has the fields of their parents before their own.

use super::class::{MEDIA_ELEMENT, MEDIA_OBJECT};
use super::enumeration::{
    CONNECTION_STATE, DTLS_CONNECTION_STATE, ICE_COMPONENT_STATE, MEDIA_FLOW_STATE, MEDIA_STATE,
    MEDIA_TRANSCODING_STATE, MEDIA_TYPE, URI_ENDPOINT_STATE,
};
use super::record::{ICE_CANDIDATE, ICE_CANDIDATE_PAIR, TAG};
use super::{EventType, Module, Param, Type};

pub(crate) static RAISE_BASE: EventType = EventType {
    name: "RaiseBase",
    module: Module::Core,
    parent: None,
    fields: &[
        Param::required("source", Type::Object(&MEDIA_OBJECT)),
        Param::required("timestampMillis", Type::String),
        Param::required("tags", Type::List(&Type::Record(&TAG))),
    ],
    aliases: &[],
};

pub(crate) static ERROR: EventType = EventType {
    name: "Error",
    module: Module::Core,
    parent: Some(&RAISE_BASE),
    fields: &[
        Param::required("description", Type::String),
        Param::required("errorCode", Type::Int),
        Param::required("type", Type::String),
    ],
    aliases: &[],
};

pub(crate) static MEDIA_SESSION_TERMINATED: EventType = EventType {
    name: "MediaSessionTerminated",
    module: Module::Core,
    parent: Some(&MEDIA),
    fields: &[],
    aliases: &[],
};

pub(crate) static MEDIA_SESSION_STARTED: EventType = EventType {
    name: "MediaSessionStarted",
    module: Module::Core,
    parent: Some(&MEDIA),
    fields: &[],
    aliases: &[],
};

pub(crate) static MEDIA: EventType = EventType {
    name: "Media",
    module: Module::Core,
    parent: Some(&RAISE_BASE),
    fields: &[Param::required("type", Type::String)],
    aliases: &[],
};

pub(crate) static OBJECT_CREATED: EventType = EventType {
    name: "ObjectCreated",
    module: Module::Core,
    parent: Some(&RAISE_BASE),
    fields: &[Param::required("object", Type::Object(&MEDIA_OBJECT))],
    aliases: &[],
};

pub(crate) static OBJECT_DESTROYED: EventType = EventType {
    name: "ObjectDestroyed",
    module: Module::Core,
    parent: Some(&RAISE_BASE),
    fields: &[Param::required("objectId", Type::String)],
    aliases: &[],
};

pub(crate) static MEDIA_STATE_CHANGED: EventType = EventType {
    name: "MediaStateChanged",
    module: Module::Core,
    parent: Some(&MEDIA),
    fields: &[
        Param::required("oldState", Type::Enum(&MEDIA_STATE)),
        Param::required("newState", Type::Enum(&MEDIA_STATE)),
    ],
    aliases: &[],
};

pub(crate) static CONNECTION_STATE_CHANGED: EventType = EventType {
    name: "ConnectionStateChanged",
    module: Module::Core,
    parent: Some(&MEDIA),
    fields: &[
        Param::required("oldState", Type::Enum(&CONNECTION_STATE)),
        Param::required("newState", Type::Enum(&CONNECTION_STATE)),
    ],
    aliases: &[],
};

pub(crate) static MEDIA_FLOW_OUT_STATE_CHANGED: EventType = EventType {
    name: "MediaFlowOutStateChanged",
    module: Module::Core,
    parent: Some(&MEDIA),
    fields: &[
        Param::required("state", Type::Enum(&MEDIA_FLOW_STATE)),
        Param::required("padName", Type::String),
        Param::required("mediaType", Type::Enum(&MEDIA_TYPE)),
    ],
    aliases: &["MediaFlowOutStateChange"],
};

pub(crate) static MEDIA_FLOW_IN_STATE_CHANGED: EventType = EventType {
    name: "MediaFlowInStateChanged",
    module: Module::Core,
    parent: Some(&MEDIA),
    fields: &[
        Param::required("state", Type::Enum(&MEDIA_FLOW_STATE)),
        Param::required("padName", Type::String),
        Param::required("mediaType", Type::Enum(&MEDIA_TYPE)),
    ],
    aliases: &["MediaFlowInStateChange"],
};

pub(crate) static MEDIA_TRANSCODING_STATE_CHANGED: EventType = EventType {
    name: "MediaTranscodingStateChanged",
    module: Module::Core,
    parent: Some(&MEDIA),
    fields: &[
        Param::required("state", Type::Enum(&MEDIA_TRANSCODING_STATE)),
        Param::required("binName", Type::String),
        Param::required("mediaType", Type::Enum(&MEDIA_TYPE)),
    ],
    aliases: &["MediaTranscodingStateChange"],
};

pub(crate) static ELEMENT_CONNECTED: EventType = EventType {
    name: "ElementConnected",
    module: Module::Core,
    parent: Some(&MEDIA),
    fields: &[
        Param::required("sink", Type::Object(&MEDIA_ELEMENT)),
        Param::required("mediaType", Type::Enum(&MEDIA_TYPE)),
        Param::required("sourceMediaDescription", Type::String),
        Param::required("sinkMediaDescription", Type::String),
    ],
    aliases: &[],
};

pub(crate) static ELEMENT_DISCONNECTED: EventType = EventType {
    name: "ElementDisconnected",
    module: Module::Core,
    parent: Some(&MEDIA),
    fields: &[
        Param::required("sink", Type::Object(&MEDIA_ELEMENT)),
        Param::required("mediaType", Type::Enum(&MEDIA_TYPE)),
        Param::required("sourceMediaDescription", Type::String),
        Param::required("sinkMediaDescription", Type::String),
    ],
    aliases: &[],
};

pub(crate) static URI_ENDPOINT_STATE_CHANGED: EventType = EventType {
    name: "UriEndpointStateChanged",
    module: Module::Core,
    parent: Some(&MEDIA),
    fields: &[Param::required("state", Type::Enum(&URI_ENDPOINT_STATE))],
    aliases: &[],
};

pub(crate) static ON_KEY_SOFT_LIMIT: EventType = EventType {
    name: "OnKeySoftLimit",
    module: Module::Elements,
    parent: Some(&MEDIA),
    fields: &[Param::required("mediaType", Type::Enum(&MEDIA_TYPE))],
    aliases: &[],
};

pub(crate) static RECORDING: EventType = EventType {
    name: "Recording",
    module: Module::Elements,
    parent: Some(&MEDIA),
    fields: &[],
    aliases: &[],
};

pub(crate) static PAUSED: EventType =
    EventType { name: "Paused", module: Module::Elements, parent: Some(&MEDIA), fields: &[], aliases: &[] };

pub(crate) static STOPPED: EventType =
    EventType { name: "Stopped", module: Module::Elements, parent: Some(&MEDIA), fields: &[], aliases: &[] };

pub(crate) static END_OF_STREAM: EventType = EventType {
    name: "EndOfStream",
    module: Module::Elements,
    parent: Some(&MEDIA),
    fields: &[],
    aliases: &[],
};

pub(crate) static ICE_CANDIDATE_FOUND: EventType = EventType {
    name: "IceCandidateFound",
    module: Module::Elements,
    parent: Some(&MEDIA),
    fields: &[Param::required("candidate", Type::Record(&ICE_CANDIDATE))],
    aliases: &["OnIceCandidate"],
};

pub(crate) static ICE_GATHERING_DONE: EventType = EventType {
    name: "IceGatheringDone",
    module: Module::Elements,
    parent: Some(&MEDIA),
    fields: &[],
    aliases: &["OnIceGatheringDone"],
};

pub(crate) static ICE_COMPONENT_STATE_CHANGED: EventType = EventType {
    name: "IceComponentStateChanged",
    module: Module::Elements,
    parent: Some(&MEDIA),
    fields: &[
        Param::required("streamId", Type::Int),
        Param::required("componentId", Type::Int),
        Param::required("state", Type::Enum(&ICE_COMPONENT_STATE)),
    ],
    aliases: &["OnIceComponentStateChanged", "IceComponentStateChange"],
};

pub(crate) static DTLS_CONNECTION_STATE_CHANGE: EventType = EventType {
    name: "DtlsConnectionStateChange",
    module: Module::Elements,
    parent: Some(&MEDIA),
    fields: &[
        Param::required("streamId", Type::String),
        Param::required("componentId", Type::String),
        Param::required("connectionId", Type::String),
        Param::required("state", Type::Enum(&DTLS_CONNECTION_STATE)),
    ],
    aliases: &[],
};

pub(crate) static DATA_CHANNEL_OPENED: EventType = EventType {
    name: "DataChannelOpened",
    module: Module::Elements,
    parent: Some(&MEDIA),
    fields: &[Param::required("channelId", Type::Int)],
    aliases: &["OnDataChannelOpened", "DataChannelOpen"],
};

pub(crate) static DATA_CHANNEL_CLOSED: EventType = EventType {
    name: "DataChannelClosed",
    module: Module::Elements,
    parent: Some(&MEDIA),
    fields: &[Param::required("channelId", Type::Int)],
    aliases: &["OnDataChannelClosed", "DataChannelClose"],
};

pub(crate) static NEW_CANDIDATE_PAIR_SELECTED: EventType = EventType {
    name: "NewCandidatePairSelected",
    module: Module::Elements,
    parent: Some(&MEDIA),
    fields: &[Param::required("candidatePair", Type::Record(&ICE_CANDIDATE_PAIR))],
    aliases: &[],
};

pub(crate) static CODE_FOUND: EventType = EventType {
    name: "CodeFound",
    module: Module::Filters,
    parent: Some(&MEDIA),
    fields: &[Param::required("codeType", Type::String), Param::required("value", Type::String)],
    aliases: &[],
};

/// Every one.
pub(crate) static ALL: &[&EventType] = &[
    &RAISE_BASE,
    &ERROR,
    &MEDIA_SESSION_TERMINATED,
    &MEDIA_SESSION_STARTED,
    &MEDIA,
    &OBJECT_CREATED,
    &OBJECT_DESTROYED,
    &MEDIA_STATE_CHANGED,
    &CONNECTION_STATE_CHANGED,
    &MEDIA_FLOW_OUT_STATE_CHANGED,
    &MEDIA_FLOW_IN_STATE_CHANGED,
    &MEDIA_TRANSCODING_STATE_CHANGED,
    &ELEMENT_CONNECTED,
    &ELEMENT_DISCONNECTED,
    &URI_ENDPOINT_STATE_CHANGED,
    &ON_KEY_SOFT_LIMIT,
    &RECORDING,
    &PAUSED,
    &STOPPED,
    &END_OF_STREAM,
    &ICE_CANDIDATE_FOUND,
    &ICE_GATHERING_DONE,
    &ICE_COMPONENT_STATE_CHANGED,
    &DTLS_CONNECTION_STATE_CHANGE,
    &DATA_CHANNEL_OPENED,
    &DATA_CHANNEL_CLOSED,
    &NEW_CANDIDATE_PAIR_SELECTED,
    &CODE_FOUND,
];
