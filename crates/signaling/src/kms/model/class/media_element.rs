//! `MediaElement`: what can be connected.

use super::MEDIA_OBJECT;
use super::drawing::{DOT_OPERATION, DUMP_OPERATION};
use crate::kms::failure::{Code, Failure};
use crate::kms::model::{
    Alias, Call, Class, Creation, Fields, Get, Literal, Module, Operation, Param, Property, Record, Run, Set,
    State, Type, Value, enumeration, event, record,
};
use crate::kms::object::connection::{Connection, DEFAULT_DESCRIPTION};
use crate::kms::object::endpoint::Endpoint;
use crate::kms::object::settings::{Formats, apply, illegal};
use crate::kms::object::{Body, Tree, media_type, now_ms, stats};
use futures_util::future::BoxFuture;
use keel_media::codec::Codec;
use keel_media::id::ElementId;
use keel_media::{Flow, MediaKind, MediaType};

/// Bytes of a media description at most.
const DESCRIPTION_BYTES_MAX: usize = 128;

const MEDIA_TYPE: Type = Type::Enum(&enumeration::MEDIA_TYPE);
const NO_ENCODER: &str = "nothing is encoded here";

/// Where a connection begins and where it ends.
static CONNECTION_PARAMS: [Param; 4] = [
    Param::required("sink", Type::Object(&MEDIA_ELEMENT)),
    Param::optional("mediaType", MEDIA_TYPE),
    Param::optional("sourceMediaDescription", Type::String),
    Param::optional("sinkMediaDescription", Type::String),
];
/// Which connections are asked for.
static FILTER_PARAMS: [Param; 2] =
    [Param::optional("mediaType", MEDIA_TYPE), Param::optional("description", Type::String)];

pub(crate) static MEDIA_ELEMENT: Class = Class {
    name: "MediaElement",
    module: Module::Core,
    parent: Some(&MEDIA_OBJECT),
    about: "What media flows through: elements of a pipeline that can be connected with one another.",
    creation: Creation::Abstract,
    properties: &[
        Property {
            name: "encoderBitrate",
            kind: Type::Int,
            about: "The bitrate at which video is encoded, in bit/s.",
            state: State::Stored(NO_ENCODER),
            get: Get::Stored(Literal::Int(300_000)),
            set: Set::Applied(Run::Now(check_bitrate)),
            // KMS 6 has this one as an operation of its own.
            aliases: &[Alias { name: "outputBitrate", parameter: "bitrate" }],
        },
        Property {
            name: "minEncoderBitrate",
            kind: Type::Int,
            about: "The lowest bitrate at which video is encoded, in bit/s.",
            state: State::Stored(NO_ENCODER),
            get: Get::Stored(Literal::Int(0)),
            set: Set::Applied(Run::Now(check_bitrate)),
            aliases: &[Alias::new("minOutputBitrate"), Alias::new("minOuputBitrate")],
        },
        Property {
            name: "maxEncoderBitrate",
            kind: Type::Int,
            about: "The highest bitrate of the video that comes out of the element, in bit/s; 0 for no limit.",
            state: State::Differs(
                "the peer of a WebRtcEndpoint is asked to send no more, since it is the one that encodes; \
                 other elements keep the value",
            ),
            get: Get::Stored(Literal::Int(0)),
            set: Set::Applied(Run::Media(apply_max_bitrate)),
            aliases: &[Alias::new("maxOutputBitrate"), Alias::new("maxOuputBitrate")],
        },
    ],
    operations: &[
        Operation {
            name: "getSourceConnections",
            about: "The connections that feed this element.",
            state: State::Works,
            params: &FILTER_PARAMS,
            returns: Some(Type::List(&Type::Record(&record::ELEMENT_CONNECTION_DATA))),
            run: Run::Now(source_connections),
        },
        Operation {
            name: "getSinkConnections",
            about: "The connections that this element feeds.",
            state: State::Works,
            params: &FILTER_PARAMS,
            returns: Some(Type::List(&Type::Record(&record::ELEMENT_CONNECTION_DATA))),
            run: Run::Now(sink_connections),
        },
        Operation {
            name: "connect",
            about: "Sends what comes out of this element to another one, of one media type or of all.",
            state: State::Differs(
                "nothing is transcoded: without a codec in common it fails with 40005; media flows between \
                 the default descriptions",
            ),
            params: &CONNECTION_PARAMS,
            returns: None,
            run: Run::Media(connect),
        },
        Operation {
            name: "disconnect",
            about: "Undoes `connect`; nothing happens when they are not connected.",
            state: State::Works,
            params: &CONNECTION_PARAMS,
            returns: None,
            run: Run::Media(disconnect),
        },
        Operation {
            name: "setAudioFormat",
            about: "The only audio codec to negotiate from then on.",
            state: State::Differs("without an encoder the codec chooses among what the peer can send"),
            params: &[Param::required("caps", Type::Record(&record::AUDIO_CAPS))],
            returns: None,
            run: Run::Media(set_audio_format),
        },
        Operation {
            name: "setVideoFormat",
            about: "The only video codec to negotiate from then on.",
            state: State::Differs("without an encoder the codec chooses among what the peer can send"),
            params: &[Param::required("caps", Type::Record(&record::VIDEO_CAPS))],
            returns: None,
            run: Run::Media(set_video_format),
        },
        DOT_OPERATION,
        DUMP_OPERATION,
        Operation {
            name: "getStats",
            about: "Counters of this element, by the ids of their records.",
            state: State::Works,
            params: &[Param::optional("mediaType", MEDIA_TYPE)],
            returns: Some(Type::Map(&Type::Record(&record::STATS))),
            run: Run::Media(stats_of),
        },
        Operation {
            name: "isMediaFlowingIn",
            about: "Whether audio or video reaches this element from its source.",
            state: State::Works,
            params: &[
                Param::required("mediaType", MEDIA_TYPE),
                Param::or("sinkMediaDescription", Type::String, Literal::Text(DEFAULT_DESCRIPTION)),
            ],
            returns: Some(Type::Boolean),
            run: Run::Media(flows_in),
        },
        Operation {
            name: "isMediaFlowingOut",
            about: "Whether audio or video comes out of this element.",
            state: State::Works,
            params: &[
                Param::required("mediaType", MEDIA_TYPE),
                Param::or("sourceMediaDescription", Type::String, Literal::Text(DEFAULT_DESCRIPTION)),
            ],
            returns: Some(Type::Boolean),
            run: Run::Media(flows_out),
        },
        Operation {
            name: "isMediaTranscoding",
            about: "Whether media is transcoded.",
            state: State::Differs("never"),
            params: &[
                Param::required("mediaType", MEDIA_TYPE),
                Param::or("binName", Type::String, Literal::Text(DEFAULT_DESCRIPTION)),
            ],
            returns: Some(Type::Boolean),
            run: Run::Now(|_| Ok(false.into())),
        },
    ],
    events: &[
        &event::ELEMENT_CONNECTED,
        &event::ELEMENT_DISCONNECTED,
        &event::MEDIA_FLOW_OUT_STATE_CHANGED,
        &event::MEDIA_FLOW_IN_STATE_CHANGED,
        &event::MEDIA_TRANSCODING_STATE_CHANGED,
    ],
};

fn check_bitrate(call: Call<'_>) -> Result<Value, Failure> {
    let values = MEDIA_ELEMENT.properties.iter().map(|property| call.tree.stored(&call.object, property));
    if values.filter_map(|value| value.as_int()).any(|bitrate| bitrate < 0) {
        return Err(illegal("A bitrate cannot be negative"));
    }
    Ok(Value::Null)
}

fn apply_max_bitrate(call: Call<'_>) -> BoxFuture<'_, Result<Value, Failure>> {
    Box::pin(async move {
        match call.tree.object(&call.object).body {
            Body::WebRtc(_) => apply(call).await,
            _ => check_bitrate(call),
        }
    })
}

fn connect(call: Call<'_>) -> BoxFuture<'_, Result<Value, Failure>> {
    Box::pin(async move {
        let mut outcome = Ok(Value::Null);
        for connection in connections(&call)? {
            // Each type is a connection of its own: those that can be are made, and the first that cannot is
            // what the application is told of.
            if let Err(failure) = call.tree.connect(connection).await
                && outcome.is_ok()
            {
                outcome = Err(failure);
            }
        }
        outcome
    })
}

fn disconnect(call: Call<'_>) -> BoxFuture<'_, Result<Value, Failure>> {
    Box::pin(async move {
        for connection in connections(&call)? {
            call.tree.disconnect(connection).await?;
        }
        Ok(Value::Null)
    })
}

/// The connections that `connect` and `disconnect` name.
fn connections(call: &Call<'_>) -> Result<Vec<Connection>, Failure> {
    let sink = call.arguments.object("sink");
    if sink.root() != call.object.root() {
        return Err(Failure::new(Code::Connect, "Media elements do not share pipeline"));
    }
    let description = |name| {
        let description = call.arguments.text_if(name).unwrap_or(DEFAULT_DESCRIPTION);
        if description.len() > DESCRIPTION_BYTES_MAX {
            return Err(illegal(format!("'{name}' is longer than {DESCRIPTION_BYTES_MAX} bytes")));
        }
        Ok(description.to_owned())
    };
    let source_description = description("sourceMediaDescription")?;
    let sink_description = description("sinkMediaDescription")?;
    let connection = |media| Connection {
        source: call.object.clone(),
        sink: sink.clone(),
        media,
        source_description: source_description.clone(),
        sink_description: sink_description.clone(),
    };
    Ok(match call.arguments.word_if("mediaType") {
        Some(word) => vec![connection(media_type::from_word(word))],
        // KMS: without a type it is all three.
        None => MediaType::ALL.map(connection).to_vec(),
    })
}

fn source_connections(call: Call<'_>) -> Result<Value, Failure> {
    let own = |connection: &Connection| connection.sink_description.clone();
    Ok(described(&call.arguments, call.tree.connections.feeding(&call.object), own))
}

fn sink_connections(call: Call<'_>) -> Result<Value, Failure> {
    let own = |connection: &Connection| connection.source_description.clone();
    Ok(described(&call.arguments, call.tree.connections.out_of(&call.object), own))
}

/// The `ElementConnectionData` of those that were asked for. `own` is the description at the element's end.
fn described(
    arguments: &Fields,
    connections: impl Iterator<Item = Connection>,
    own: impl Fn(&Connection) -> String,
) -> Value {
    let media = arguments.word_if("mediaType").map(media_type::from_word);
    let description = arguments.text_if("description");
    let is_wanted = |connection: &Connection| {
        media.is_none_or(|media| media == connection.media)
            && description.is_none_or(|description| description == own(connection))
    };
    let data = connections.filter(is_wanted).map(|connection| {
        let fields = vec![
            ("source", connection.source.into()),
            ("sink", connection.sink.into()),
            ("type", media_type::word(connection.media)),
            ("sourceDescription", connection.source_description.into()),
            ("sinkDescription", connection.sink_description.into()),
        ];
        Record::new(&record::ELEMENT_CONNECTION_DATA, fields).into()
    });
    Value::List(data.collect())
}

fn set_audio_format(call: Call<'_>) -> BoxFuture<'_, Result<Value, Failure>> {
    Box::pin(async move {
        let codec = match call.arguments.record("caps").fields.word("codec") {
            "OPUS" => Codec::Opus,
            "PCMU" => Codec::Pcmu,
            "PCMA" => Codec::Pcma,
            other => return Err(not_decoded(other)),
        };
        set_format(call, |formats| formats.audio = Some(codec)).await
    })
}

fn set_video_format(call: Call<'_>) -> BoxFuture<'_, Result<Value, Failure>> {
    Box::pin(async move {
        let codec = match call.arguments.record("caps").fields.word("codec") {
            "VP8" => Codec::Vp8,
            "VP9" => Codec::Vp9,
            "H264" => Codec::H264,
            "H265" => Codec::H265,
            "AV1" => Codec::Av1,
            other => return Err(not_decoded(other)),
        };
        set_format(call, |formats| formats.video = Some(codec)).await
    })
}

/// KMS: what an element cannot be is an illegal parameter.
fn not_decoded(codec: &str) -> Failure {
    illegal(format!("Nothing is decoded here, so '{codec}' cannot be had"))
}

/// Only endpoints negotiate; to other elements a format means nothing.
async fn set_format(call: Call<'_>, change: impl FnOnce(&mut Formats)) -> Result<Value, Failure> {
    match &mut call.tree.object_mut(&call.object).body {
        Body::WebRtc(endpoint) => {
            change(&mut endpoint.formats);
            apply(call).await
        }
        _ => Ok(Value::Null),
    }
}

fn flows_in(call: Call<'_>) -> BoxFuture<'_, Result<Value, Failure>> {
    Box::pin(async move {
        let Some(kind) = flow_asked_for(&call.arguments, "sinkMediaDescription")? else {
            return Ok(false.into());
        };
        Ok(match &call.tree.object(&call.object).body {
            Body::WebRtc(endpoint) => endpoint.progress.flows_in(kind),
            body => flow(call.tree, body.as_sink(), kind).await.is_some_and(|flow| flow.incoming),
        }
        .into())
    })
}

fn flows_out(call: Call<'_>) -> BoxFuture<'_, Result<Value, Failure>> {
    Box::pin(async move {
        let Some(kind) = flow_asked_for(&call.arguments, "sourceMediaDescription")? else {
            return Ok(false.into());
        };
        Ok(match &call.tree.object(&call.object).body {
            Body::WebRtc(endpoint) => endpoint.progress.flows_out(kind),
            body => flow(call.tree, body.as_source(), kind).await.is_some_and(|flow| flow.outgoing),
        }
        .into())
    })
}

/// The kind of media whose flow is asked for; `None` for a description that no pad has.
fn flow_asked_for(arguments: &Fields, description: &str) -> Result<Option<MediaKind>, Failure> {
    // KMS: only the flow of audio and video is known.
    let kind = media_type::from_word(arguments.word("mediaType")).rtp();
    let kind = kind.ok_or_else(|| illegal("The flow of DATA is not known"))?;
    Ok((arguments.text(description) == DEFAULT_DESCRIPTION).then_some(kind))
}

async fn flow(tree: &Tree, element: Option<ElementId>, kind: MediaKind) -> Option<Flow> {
    tree.media().flow(element?, kind.into()).await
}

fn stats_of(call: Call<'_>) -> BoxFuture<'_, Result<Value, Failure>> {
    Box::pin(async move {
        let wanted = call.arguments.word_if("mediaType").map(media_type::from_word);
        match &call.tree.object(&call.object).body {
            Body::WebRtc(endpoint) => {
                let ended = || Failure::new(Code::Unexpected, "The endpoint's session has ended");
                let media = endpoint.media.stats().await.ok_or_else(ended)?;
                let Endpoint { data_channels, progress, .. } = &**endpoint;
                Ok(stats::of_endpoint(&call.object, *data_channels, progress, &media, wanted, now_ms()))
            }
            _ => Ok(stats::of_element(&call.object, now_ms())),
        }
    })
}
