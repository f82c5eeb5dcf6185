//! `WebRtcEndpoint`: one browser, or whoever else speaks WebRTC.

use super::{BASE_RTP_ENDPOINT, MEDIA_PIPELINE};
use crate::kms::failure::{Code, Failure};
use crate::kms::model::{
    Alias, Call, Class, Creation, Get, Literal, Module, Operation, Param, Property, Run, Set, State, Type,
    Value, enumeration, event, record,
};
use crate::kms::object::endpoint::{DataChannels, Endpoint};
use crate::kms::object::ice_server::{apply_stun_server, apply_turn_server};
use crate::kms::object::settings::{self, Formats, apply, illegal};
use crate::kms::object::{Body, dscp};
use futures_util::future::BoxFuture;
use keel_media::{
    CandidateError, DataChannelError, DataChannelOptions, Dscp, EndpointOptions, IceCandidate,
    NegotiationError, OfferDirection,
};

const NO_LIMIT: Literal = Literal::Int(-1);

pub(crate) static WEB_RTC_ENDPOINT: Class = Class {
    name: "WebRtcEndpoint",
    module: Module::Elements,
    parent: Some(&BASE_RTP_ENDPOINT),
    about: "One WebRTC peer: it sends media into the pipeline and receives media from it.",
    creation: Creation::New {
        params: &[
            Param::required("mediaPipeline", Type::Object(&MEDIA_PIPELINE)),
            Param::or("recvonly", Type::Boolean, Literal::Bool(false)),
            Param::or("sendonly", Type::Boolean, Literal::Bool(false)),
            Param::or("useDataChannels", Type::Boolean, Literal::Bool(false)),
            Param::or(
                "certificateKeyType",
                Type::Enum(&enumeration::CERTIFICATE_KEY_TYPE),
                Literal::Enum("RSA"),
            ),
            Param::or("qosDscp", Type::Enum(&enumeration::DSCP_VALUE), Literal::Enum("NO_VALUE")),
        ],
        construct,
    },
    properties: &[
        Property {
            name: "networkInterfaces",
            kind: Type::String,
            about: "The interfaces whose addresses are announced, with commas between them; empty for all.",
            state: State::Works,
            get: Get::Stored(Literal::Text("")),
            set: Set::Applied(Run::Media(apply)),
            aliases: &[],
        },
        Property {
            name: "iceTcp",
            kind: Type::Boolean,
            about: "Whether TCP candidates are announced, where the server has some.",
            state: State::Works,
            get: Get::Stored(Literal::Bool(true)),
            set: Set::Applied(Run::Media(apply)),
            aliases: &[],
        },
        Property {
            name: "stunServerAddress",
            kind: Type::String,
            about: "A STUN server, for the public address behind a NAT; that of the configuration where it is empty.",
            state: State::Works,
            get: Get::Stored(Literal::Text("")),
            set: Set::Applied(Run::Media(apply_stun_server)),
            aliases: &[],
        },
        Property {
            name: "stunServerPort",
            kind: Type::Int,
            about: "The STUN server's port.",
            state: State::Works,
            get: Get::Stored(Literal::Int(3478)),
            set: Set::Applied(Run::Media(apply_stun_server)),
            aliases: &[],
        },
        Property {
            name: "turnUrl",
            kind: Type::String,
            about: "A TURN server, as `user:password@address:port[?transport=udp|tcp|tls]`.",
            state: State::Differs("it is spoken to by UDP; with another transport the URL is stored only"),
            get: Get::Stored(Literal::Text("")),
            set: Set::Applied(Run::Media(apply_turn_server)),
            aliases: &[],
        },
        Property {
            name: "externalIPv4",
            kind: Type::String,
            about: "The IPv4 address that is announced in place of the server's own.",
            state: State::Works,
            get: Get::Stored(Literal::Text("")),
            set: Set::Applied(Run::Media(apply)),
            aliases: &[Alias::new("externalAddress")],
        },
        Property {
            name: "externalIPv6",
            kind: Type::String,
            about: "The IPv6 address that is announced in place of the server's own.",
            state: State::Works,
            get: Get::Stored(Literal::Text("")),
            set: Set::Applied(Run::Media(apply)),
            aliases: &[],
        },
        Property {
            name: "ICECandidatePairs",
            kind: Type::List(&Type::Record(&record::ICE_CANDIDATE_PAIR)),
            about: "The pair of candidates in use.",
            state: State::Works,
            get: Get::Run(Run::Now(|call| {
                Ok(call.tree.endpoint(&call.object).progress.ice_candidate_pairs())
            })),
            set: Set::ReadOnly,
            aliases: &[],
        },
        Property {
            name: "IceConnectionState",
            kind: Type::List(&Type::Record(&record::ICE_CONNECTION)),
            about: "How far ICE has come.",
            state: State::Works,
            get: Get::Run(Run::Now(|call| Ok(call.tree.endpoint(&call.object).progress.ice_connections()))),
            set: Set::ReadOnly,
            aliases: &[],
        },
        Property {
            name: "DtlsConnectionState",
            kind: Type::List(&Type::Record(&record::DTLS_CONNECTION)),
            about: "How far DTLS has come.",
            state: State::Works,
            get: Get::Run(Run::Now(|call| Ok(call.tree.endpoint(&call.object).progress.dtls_connections()))),
            set: Set::ReadOnly,
            aliases: &[],
        },
    ],
    operations: &[
        Operation {
            name: "gatherCandidates",
            about: "Begins to tell of local candidates, once there is a description.",
            state: State::Works,
            params: &[],
            returns: None,
            run: Run::Media(gather_candidates),
        },
        Operation {
            name: "addIceCandidate",
            about: "Takes a candidate of the peer, also before its description; an empty one means the end.",
            state: State::Works,
            params: &[Param::required("candidate", Type::Record(&record::ICE_CANDIDATE))],
            returns: None,
            run: Run::Media(add_ice_candidate),
        },
        Operation {
            name: "createDataChannel",
            about: "Opens a data channel to the peer.",
            state: State::Works,
            params: &[
                Param::or("label", Type::String, Literal::Text("")),
                Param::or("ordered", Type::Boolean, Literal::Bool(true)),
                Param::or("maxPacketLifeTime", Type::Int, NO_LIMIT),
                Param::or("maxRetransmits", Type::Int, NO_LIMIT),
                Param::or("protocol", Type::String, Literal::Text("")),
            ],
            returns: None,
            run: Run::Media(create_data_channel),
        },
        Operation {
            name: "closeDataChannel",
            about: "Closes a data channel; nothing happens when it is not open.",
            state: State::Works,
            params: &[Param::required("channelId", Type::Int)],
            returns: None,
            run: Run::Media(close_data_channel),
        },
    ],
    events: &[
        &event::ICE_CANDIDATE_FOUND,
        &event::ICE_GATHERING_DONE,
        &event::ICE_COMPONENT_STATE_CHANGED,
        &event::DTLS_CONNECTION_STATE_CHANGE,
        &event::DATA_CHANNEL_OPENED,
        &event::DATA_CHANNEL_CLOSED,
        &event::NEW_CANDIDATE_PAIR_SELECTED,
    ],
};

fn construct(call: Call<'_>) -> BoxFuture<'_, Result<Body, Failure>> {
    Box::pin(async move {
        let flag = |name| call.arguments.flag(name);
        let data_channels =
            if flag("useDataChannels") { DataChannels::Allowed } else { DataChannels::Refused };
        let options = EndpointOptions {
            label: call.object.to_string(),
            data_channels: data_channels == DataChannels::Allowed,
            dscp: dscp::code_point(call.arguments.word("qosDscp")).and_then(Dscp::new),
            // KMS: with both flags the second one counts.
            offer_direction: if flag("sendonly") {
                OfferDirection::SendOnly
            } else if flag("recvonly") {
                OfferDirection::RecvOnly
            } else {
                OfferDirection::SendRecv
            },
        };
        let media = call.tree.media().create_webrtc_endpoint(options).await?;
        let initial = |name| settings::initial(&WEB_RTC_ENDPOINT, name);
        let latency = settings::measures_latency(call.tree);
        media.configure(settings::settings(initial, latency, Formats::default())?).await;
        Ok(Body::WebRtc(Box::new(Endpoint::new(media, data_channels))))
    })
}

fn gather_candidates(call: Call<'_>) -> BoxFuture<'_, Result<Value, Failure>> {
    Box::pin(async move {
        let endpoint = call.tree.endpoint_mut(&call.object);
        endpoint.media.gather_candidates().await.map_err(|error| {
            let words = match error {
                NegotiationError::NoOffer => "There is no description yet".to_owned(),
                _ => error.to_string(),
            };
            Failure::new(Code::GatherCandidates, words)
        })?;
        // The candidates wait among the media server's events until this call is done.
        let reports = endpoint.progress.handle_gathering();
        call.tree.report(&call.object, reports);
        Ok(Value::Null)
    })
}

fn add_ice_candidate(call: Call<'_>) -> BoxFuture<'_, Result<Value, Failure>> {
    Box::pin(async move {
        let fields = &call.arguments.record("candidate").fields;
        let text = fields.text("candidate");
        let candidate = IceCandidate {
            candidate: text.to_owned(),
            sdp_mid: Some(fields.text("sdpMid").to_owned()),
            sdp_mline_index: u16::try_from(fields.int("sdpMLineIndex")).ok(),
        };
        let endpoint = call.tree.endpoint_mut(&call.object);
        match endpoint.media.add_ice_candidate(candidate).await {
            Ok(()) => endpoint.progress.handle_remote_candidate(text),
            Err(error @ (CandidateError::Invalid | CandidateError::TooMany)) => {
                return Err(Failure::new(Code::AddCandidate, error.to_string()));
            }
            Err(error @ (CandidateError::Released | CandidateError::Stopped)) => {
                return Err(Failure::new(Code::Unexpected, error.to_string()));
            }
        }
        Ok(Value::Null)
    })
}

fn create_data_channel(call: Call<'_>) -> BoxFuture<'_, Result<Value, Failure>> {
    Box::pin(async move {
        let options = DataChannelOptions {
            label: call.arguments.text("label").to_owned(),
            ordered: call.arguments.flag("ordered"),
            lifetime_ms_max: limit(&call, "maxPacketLifeTime")?,
            retransmits_max: limit(&call, "maxRetransmits")?,
            protocol: call.arguments.text("protocol").to_owned(),
        };
        // KMS: this is refused whether or not there could be a channel.
        if options.lifetime_ms_max.is_some() && options.retransmits_max.is_some() {
            return Err(channel_refused(DataChannelError::TwoLimits));
        }
        let media = &call.tree.endpoint(&call.object).media;
        media.create_data_channel(options).await.map_err(channel_refused)?;
        Ok(Value::Null)
    })
}

/// A limit of a data channel; KMS: -1 is none.
fn limit(call: &Call<'_>, name: &str) -> Result<Option<u16>, Failure> {
    match call.arguments.int(name) {
        -1 => Ok(None),
        limit => match u16::try_from(limit) {
            Ok(limit) => Ok(Some(limit)),
            Err(_) => Err(illegal(format!("'{name}' is not within 0 and 65535, nor -1"))),
        },
    }
}

fn close_data_channel(call: Call<'_>) -> BoxFuture<'_, Result<Value, Failure>> {
    Box::pin(async move {
        let stream = u16::try_from(call.arguments.int("channelId"));
        let stream = stream.map_err(|_| illegal("'channelId' is not within 0 and 65535"))?;
        let media = &call.tree.endpoint(&call.object).media;
        media.close_data_channel(stream).await.map_err(channel_refused)?;
        Ok(Value::Null)
    })
}

fn channel_refused(error: DataChannelError) -> Failure {
    let code = match error {
        DataChannelError::NotNegotiated => Code::OperationNotSupported,
        DataChannelError::TwoLimits | DataChannelError::Limit => Code::IllegalParam,
        DataChannelError::Released | DataChannelError::Stopped => Code::Unexpected,
    };
    Failure::new(code, error.to_string())
}
