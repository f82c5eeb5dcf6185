//! `Mixer`: a hub that connects ports media by media.

use super::{HUB, HUB_PORT, MEDIA_PIPELINE, hub};
use crate::kms::failure::Failure;
use crate::kms::model::{
    Call, Class, Creation, Module, Operation, Param, Run, State, Type, Value, enumeration,
};
use crate::kms::object::media_type;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

pub(crate) static MIXER: Class = Class {
    name: "Mixer",
    module: Module::Elements,
    parent: Some(&HUB),
    about: "A hub that sends one media type of one port out of another.",
    creation: Creation::New {
        params: &[Param::required("mediaPipeline", Type::Object(&MEDIA_PIPELINE))],
        construct: hub::switch,
    },
    properties: &[],
    operations: &[
        Operation {
            name: "connect",
            about: "Sends what comes into `source` of this type out of `sink`.",
            state: State::Differs("a second audio source of one sink replaces the first; KMS mixes them"),
            params: PARAMS,
            returns: None,
            run: Run::Media(connect),
        },
        Operation {
            name: "disconnect",
            about: "Undoes `connect`; nothing happens when the two are not connected.",
            state: State::Works,
            params: PARAMS,
            returns: None,
            run: Run::Media(disconnect),
        },
    ],
    events: &[],
};

const PARAMS: &[Param] = &[
    Param::required("media", Type::Enum(&enumeration::MEDIA_TYPE)),
    Param::required("source", Type::Object(&HUB_PORT)),
    Param::required("sink", Type::Object(&HUB_PORT)),
];

fn connect(call: Call<'_>) -> BoxFuture<'_, Result<Value, Failure>> {
    async move {
        let (source, sink) = hub::ports(&call)?;
        let media = media_type::from_word(call.arguments.word("media"));
        hub::route(call.tree, source, sink, &[media]).await?;
        Ok(Value::Null)
    }
    .boxed()
}

fn disconnect(call: Call<'_>) -> BoxFuture<'_, Result<Value, Failure>> {
    async move {
        let (source, sink) = hub::ports(&call)?;
        let media = media_type::from_word(call.arguments.word("media"));
        hub::unroute(call.tree, source, sink, &[media]).await?;
        Ok(Value::Null)
    }
    .boxed()
}
