//! `HttpPostEndpoint`: plays what is posted to it.

use super::{HTTP_ENDPOINT, MEDIA_PIPELINE};
use crate::kms::model::{Class, Creation, Literal, Module, Param, Type, event};

pub(crate) static HTTP_POST_ENDPOINT: Class = Class {
    name: "HttpPostEndpoint",
    module: Module::Elements,
    parent: Some(&HTTP_ENDPOINT),
    about: "Plays what is posted to it.",
    creation: Creation::Refused {
        params: &[
            Param::required("mediaPipeline", Type::Object(&MEDIA_PIPELINE)),
            Param::or("disconnectionTimeout", Type::Int, Literal::Int(2)),
            Param::or("useEncodedMedia", Type::Boolean, Literal::Bool(false)),
        ],
        reason: "what is posted would have to be decoded, which Keel does not do",
    },
    properties: &[],
    operations: &[],
    events: &[&event::END_OF_STREAM],
};
