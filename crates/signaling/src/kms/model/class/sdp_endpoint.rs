//! `SdpEndpoint`: an endpoint that negotiates by session descriptions, once.

use super::SESSION_ENDPOINT;
use crate::kms::failure::{Code, Failure};
use crate::kms::model::{
    Call, Class, Creation, Get, Literal, Module, Operation, Param, Property, Run, Set, State, Type, Value,
    event, record,
};
use crate::kms::object::endpoint::Report;
use crate::kms::object::settings::apply;
use crate::kms::object::{ObjectId, Tree};
use futures_util::future::BoxFuture;
use keel_media::{NegotiationError, OfferOptions};

pub(crate) static SDP_ENDPOINT: Class = Class {
    name: "SdpEndpoint",
    module: Module::Core,
    parent: Some(&SESSION_ENDPOINT),
    about: "An endpoint that agrees with its peer by session descriptions.",
    creation: Creation::Abstract,
    properties: &[
        Property {
            name: "maxAudioRecvBandwidth",
            kind: Type::Int,
            about: "The most audio that the peer may send, in kbit/s, as `b=AS` of later descriptions; 0 for no limit.",
            state: State::Works,
            get: Get::Stored(Literal::Int(0)),
            set: Set::Applied(Run::Media(apply)),
            aliases: &[],
        },
        Property {
            name: "maxVideoRecvBandwidth",
            kind: Type::Int,
            about: "The most video that the peer may send, in kbit/s, as `b=AS` and at run time; 0 for no limit.",
            state: State::Works,
            get: Get::Stored(Literal::Int(0)),
            set: Set::Applied(Run::Media(apply)),
            aliases: &[],
        },
    ],
    operations: &[
        Operation {
            name: "generateOffer",
            about: "Makes an offer, in the direction that the constructor's flags say.",
            state: State::Works,
            params: &[Param::optional("options", Type::Record(&record::OFFER_OPTIONS))],
            returns: Some(Type::String),
            run: Run::Media(generate_offer),
        },
        Operation {
            name: "processOffer",
            about: "Takes the peer's offer and gives the answer to it.",
            state: State::Works,
            params: &[Param::required("offer", Type::String)],
            returns: Some(Type::String),
            run: Run::Media(process_offer),
        },
        Operation {
            name: "processAnswer",
            about: "Takes the peer's answer and gives the local description.",
            state: State::Works,
            params: &[Param::required("answer", Type::String)],
            returns: Some(Type::String),
            run: Run::Media(process_answer),
        },
        Operation {
            name: "getLocalSessionDescriptor",
            about: "The offer or answer that was made here.",
            state: State::Works,
            params: &[],
            returns: Some(Type::String),
            run: Run::Media(local_description),
        },
        Operation {
            name: "getRemoteSessionDescriptor",
            about: "The offer or answer that came from the peer.",
            state: State::Works,
            params: &[],
            returns: Some(Type::String),
            run: Run::Media(remote_description),
        },
    ],
    events: &[],
};

fn generate_offer(call: Call<'_>) -> BoxFuture<'_, Result<Value, Failure>> {
    Box::pin(async move {
        let wanted = call.arguments.record_if("options").map(|options| OfferOptions {
            audio: options.fields.flag("offerToReceiveAudio"),
            video: options.fields.flag("offerToReceiveVideo"),
            ..OfferOptions::default()
        });
        let media = &call.tree.endpoint(&call.object).media;
        let offer = media.generate_offer(wanted.unwrap_or_default()).await;
        Ok(offer.map_err(|error| refused(error, Code::GenerateOffer))?.into())
    })
}

fn process_offer(call: Call<'_>) -> BoxFuture<'_, Result<Value, Failure>> {
    Box::pin(async move {
        let offer = call.arguments.text("offer");
        if offer.is_empty() {
            return Err(Failure::new(Code::SdpParse, "Empty offer not valid"));
        }
        let answer = call.tree.endpoint(&call.object).media.process_offer(offer).await;
        let answer = answer.map_err(|error| refused(error, Code::ProcessOffer))?;
        start_session(&mut *call.tree, &call.object, offer);
        Ok(answer.into())
    })
}

fn process_answer(call: Call<'_>) -> BoxFuture<'_, Result<Value, Failure>> {
    Box::pin(async move {
        let answer = call.arguments.text("answer");
        if answer.is_empty() {
            return Err(Failure::new(Code::SdpParse, "Empty answer not valid"));
        }
        let media = &call.tree.endpoint(&call.object).media;
        media.process_answer(answer).await.map_err(|error| refused(error, Code::ProcessAnswer))?;
        let local = media.local_description().await;
        start_session(&mut *call.tree, &call.object, answer);
        // KMS: the local description once more.
        Ok(local.ok_or_else(no_local)?.into())
    })
}

/// Both descriptions are known.
fn start_session(tree: &mut Tree, object: &ObjectId, remote: &str) {
    tree.endpoint_mut(object).progress.handle_remote_description(remote);
    tree.report(object, vec![Report::new(&event::MEDIA_SESSION_STARTED, [])]);
}

fn local_description(call: Call<'_>) -> BoxFuture<'_, Result<Value, Failure>> {
    Box::pin(async move {
        let description = call.tree.endpoint(&call.object).media.local_description().await;
        Ok(description.ok_or_else(no_local)?.into())
    })
}

fn remote_description(call: Call<'_>) -> BoxFuture<'_, Result<Value, Failure>> {
    Box::pin(async move {
        let description = call.tree.endpoint(&call.object).media.remote_description().await;
        let none = || Failure::new(Code::NoRemoteSdp, "No remote SDP");
        Ok(description.ok_or_else(none)?.into())
    })
}

fn no_local() -> Failure {
    Failure::new(Code::NoLocalSdp, "No local SDP")
}

/// Why a negotiation was refused; `operation` is the code for what is nobody's fault but the operation's.
fn refused(error: NegotiationError, operation: Code) -> Failure {
    let code = match &error {
        NegotiationError::Invalid(_) | NegotiationError::TooLong { .. } => {
            return Failure::new(Code::SdpParse, format!("Error parsing SDP: {error}"));
        }
        NegotiationError::NoCommonCodec(_) => Code::SdpConfiguration,
        NegotiationError::AlreadyNegotiated => Code::AlreadyNegotiated,
        NegotiationError::NoOffer => Code::NotOfferGenerated,
        NegotiationError::AnswerAlreadyProcessed => Code::AnswerAlreadyProcessed,
        NegotiationError::NoSockets => Code::CannotCreateSession,
        // An endpoint is negotiated once, so the last three do not come.
        NegotiationError::Released
        | NegotiationError::Stopped
        | NegotiationError::OfferOutstanding
        | NegotiationError::OtherSideOffers
        | NegotiationError::TooManyLines => operation,
    };
    Failure::new(code, error.to_string())
}
