//! `RtpEndpoint`: plain RTP.

use super::{BASE_RTP_ENDPOINT, MEDIA_PIPELINE};
use crate::kms::model::{Class, Creation, Literal, Module, Param, Type, event, record};

pub(crate) static RTP_ENDPOINT: Class = Class {
    name: "RtpEndpoint",
    module: Module::Elements,
    parent: Some(&BASE_RTP_ENDPOINT),
    about: "A peer that speaks plain RTP.",
    creation: Creation::Refused {
        params: &[
            Param::required("mediaPipeline", Type::Object(&MEDIA_PIPELINE)),
            Param::or("crypto", Type::Record(&record::SDES), Literal::Record(&record::SDES)),
            Param::or("useIpv6", Type::Boolean, Literal::Bool(false)),
        ],
        reason: "a later version of Keel has it",
    },
    properties: &[],
    operations: &[],
    events: &[&event::ON_KEY_SOFT_LIMIT],
};
