//! What endpoints negotiate, and how far they are.

use crate::kms::model::enumeration::{CRYPTO_SUITE, DTLS_CONNECTION_STATE, ICE_COMPONENT_STATE};
use crate::kms::model::{Literal, Module, Param, RecordType, Type};

pub(crate) static REMB_PARAMS: RecordType = RecordType {
    name: "RembParams",
    module: Module::Core,
    parent: None,
    fields: &[
        Param::or("packetsRecvIntervalTop", Type::Int, Literal::Int(100)),
        Param::or("exponentialFactor", Type::Float, Literal::Float(0.04)),
        Param::optional("linealFactorMin", Type::Int),
        Param::or("linealFactorGrade", Type::Float, Literal::Float(30.0)),
        Param::or("decrementFactor", Type::Float, Literal::Float(0.5)),
        Param::or("thresholdFactor", Type::Float, Literal::Float(0.8)),
        Param::or("upLosses", Type::Int, Literal::Int(12)),
        Param::or("rembOnConnect", Type::Int, Literal::Int(300000)),
    ],
};

pub(crate) static OFFER_OPTIONS: RecordType = RecordType {
    name: "OfferOptions",
    module: Module::Core,
    parent: None,
    fields: &[
        Param::or("offerToReceiveAudio", Type::Boolean, Literal::Bool(true)),
        Param::or("offerToReceiveVideo", Type::Boolean, Literal::Bool(true)),
    ],
};

pub(crate) static SDES: RecordType = RecordType {
    name: "SDES",
    module: Module::Elements,
    parent: None,
    fields: &[
        Param::optional("key", Type::String),
        Param::optional("keyBase64", Type::String),
        Param::optional("crypto", Type::Enum(&CRYPTO_SUITE)),
    ],
};

pub(crate) static ICE_CANDIDATE: RecordType = RecordType {
    name: "IceCandidate",
    module: Module::Elements,
    parent: None,
    fields: &[
        Param::required("candidate", Type::String),
        Param::required("sdpMid", Type::String),
        Param::required("sdpMLineIndex", Type::Int),
    ],
};

pub(crate) static ICE_CANDIDATE_PAIR: RecordType = RecordType {
    name: "IceCandidatePair",
    module: Module::Elements,
    parent: None,
    fields: &[
        Param::required("streamId", Type::String),
        Param::required("componentId", Type::Int),
        Param::required("localCandidate", Type::String),
        Param::required("remoteCandidate", Type::String),
    ],
};

pub(crate) static ICE_CONNECTION: RecordType = RecordType {
    name: "IceConnection",
    module: Module::Elements,
    parent: None,
    fields: &[
        Param::required("streamId", Type::String),
        Param::required("componentId", Type::Int),
        Param::required("state", Type::Enum(&ICE_COMPONENT_STATE)),
    ],
};

pub(crate) static DTLS_CONNECTION: RecordType = RecordType {
    name: "DtlsConnection",
    module: Module::Elements,
    parent: None,
    fields: &[
        Param::required("streamId", Type::String),
        Param::required("componentId", Type::String),
        Param::required("connectionId", Type::String),
        Param::required("state", Type::Enum(&DTLS_CONNECTION_STATE)),
    ],
};
