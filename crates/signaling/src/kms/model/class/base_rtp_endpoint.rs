//! `BaseRtpEndpoint`: an endpoint whose media are RTP streams.

use super::SDP_ENDPOINT;
use crate::kms::failure::{Code, Failure};
use crate::kms::model::{
    Call, Class, Creation, Get, Literal, Module, Operation, Property, Run, Set, State, Type, Value,
    enumeration, event, record,
};
use crate::kms::object::settings::{self, apply, illegal};
use crate::kms::object::{Body, Tree};
use futures_util::future::BoxFuture;
use keel_media::id::ElementId;
use keel_media::{ElementKind, KeyframeError, MediaType, WebRtcEndpoint};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

/// RFC 791: what every host takes in one piece, up to the largest datagram there is.
const MTU_BYTES: RangeInclusive<i64> = 576..=65_535;

pub(crate) static BASE_RTP_ENDPOINT: Class = Class {
    name: "BaseRtpEndpoint",
    module: Module::Core,
    parent: Some(&SDP_ENDPOINT),
    about: "An endpoint that exchanges RTP streams with its peer.",
    creation: Creation::Abstract,
    properties: &[
        Property {
            name: "minVideoRecvBandwidth",
            kind: Type::Int,
            about: "No bandwidth estimate given to the peer goes below this many kbit/s.",
            state: State::Works,
            get: Get::Stored(Literal::Int(0)),
            set: Set::Applied(Run::Media(apply)),
            aliases: &[],
        },
        Property {
            name: "minVideoSendBandwidth",
            kind: Type::Int,
            about: "Below this many kbit/s the peer's bandwidth estimates are not believed.",
            state: State::Works,
            get: Get::Stored(Literal::Int(100)),
            set: Set::Applied(Run::Media(apply)),
            aliases: &[],
        },
        Property {
            name: "maxVideoSendBandwidth",
            kind: Type::Int,
            about: "The most video that the peer is sent, in kbit/s; 0 for no limit.",
            state: State::Differs(
                "the default is no limit, where that of KMS is 500; the source is asked to send no more \
                 while this peer is the only one that receives it",
            ),
            get: Get::Stored(Literal::Int(0)),
            set: Set::Applied(Run::Media(apply)),
            aliases: &[],
        },
        Property {
            name: "mediaState",
            kind: Type::Enum(&enumeration::MEDIA_STATE),
            about: "Whether RTP or RTCP arrives from the peer.",
            state: State::Works,
            get: Get::Run(Run::Now(|call| Ok(call.tree.endpoint(&call.object).progress.media()))),
            set: Set::ReadOnly,
            aliases: &[],
        },
        Property {
            name: "connectionState",
            kind: Type::Enum(&enumeration::CONNECTION_STATE),
            about: "Whether media can flow: ICE has a pair and DTLS its keys.",
            state: State::Works,
            get: Get::Run(Run::Now(|call| Ok(call.tree.endpoint(&call.object).progress.connection()))),
            set: Set::ReadOnly,
            aliases: &[],
        },
        Property {
            name: "mtu",
            kind: Type::Int,
            about: "The largest RTP packet, in bytes.",
            state: State::Stored("packets are forwarded in the size in which they came"),
            get: Get::Stored(Literal::Int(1200)),
            set: Set::Applied(Run::Now(check_mtu)),
            aliases: &[],
        },
        Property {
            name: "rembParams",
            kind: Type::Record(&record::REMB_PARAMS),
            about: "How KMS's bandwidth estimator behaves.",
            state: State::Stored("Keel's estimates do not come from that estimator"),
            get: Get::Stored(Literal::Record(&record::REMB_PARAMS)),
            set: Set::Stored,
            aliases: &[],
        },
    ],
    operations: &[Operation {
        name: "requestKeyframe",
        about: "Asks whoever sends the video that this element's peer receives for a keyframe.",
        state: State::Works,
        params: &[],
        returns: None,
        run: Run::Media(request_keyframe),
    }],
    events: &[&event::MEDIA_STATE_CHANGED, &event::CONNECTION_STATE_CHANGED],
};

fn check_mtu(call: Call<'_>) -> Result<Value, Failure> {
    match settings::stored(call.tree, &call.object, "mtu").as_int() {
        Some(mtu) if MTU_BYTES.contains(&mtu) => Ok(Value::Null),
        _ => Err(illegal(format!("'mtu' is not within {} and {}", MTU_BYTES.start(), MTU_BYTES.end()))),
    }
}

fn request_keyframe(call: Call<'_>) -> BoxFuture<'_, Result<Value, Failure>> {
    Box::pin(async move {
        let own = &call.tree.endpoint(&call.object).media;
        // KMS: the request goes up the pipeline to the producer. An endpoint that receives from nobody can
        // only be one itself.
        let producer = producer_for(call.tree, own.id()).await;
        let asked = endpoint_with(call.tree, producer.unwrap_or(own.id())).unwrap_or(own);
        asked.request_keyframe().await.map_err(|error| {
            let code = match error {
                KeyframeError::NoVideo => Code::OperationNotSupported,
                KeyframeError::Released | KeyframeError::Stopped => Code::Unexpected,
            };
            Failure::new(code, error.to_string())
        })?;
        Ok(Value::Null)
    })
}

/// The endpoint whose video reaches `consumer`, through whatever passes media on.
async fn producer_for(tree: &Tree, consumer: ElementId) -> Option<ElementId> {
    let graph = tree.media().graph().await?;
    let video = graph.edges.iter().filter(|edge| edge.media == MediaType::Video);
    let sources_by_sink: BTreeMap<ElementId, ElementId> =
        video.map(|edge| (edge.sink, edge.source)).collect();
    let endpoints = graph.elements.iter().filter(|known| known.kind == ElementKind::Endpoint);
    let endpoints: BTreeSet<ElementId> = endpoints.map(|known| known.element).collect();
    let source_of = |sink: &ElementId| sources_by_sink.get(sink).copied();
    // The media server refuses circles of elements that pass media on, so this ends.
    std::iter::successors(source_of(&consumer), source_of).find(|element| endpoints.contains(element))
}

fn endpoint_with(tree: &Tree, element: ElementId) -> Option<&WebRtcEndpoint> {
    tree.objects().find_map(|object| match &object.body {
        Body::WebRtc(endpoint) if endpoint.media.id() == element => Some(&endpoint.media),
        _ => None,
    })
}
