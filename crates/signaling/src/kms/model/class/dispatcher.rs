//! `Dispatcher`: a hub that connects ports one by one.

use super::{HUB, HUB_PORT, MEDIA_PIPELINE, hub};
use crate::kms::failure::Failure;
use crate::kms::model::{Call, Class, Creation, Module, Operation, Param, Run, State, Type, Value};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use keel_media::MediaType;

pub(crate) static DISPATCHER: Class = Class {
    name: "Dispatcher",
    module: Module::Elements,
    parent: Some(&HUB),
    about: "A hub that sends what comes into one port out of another.",
    creation: Creation::New {
        params: &[Param::required("mediaPipeline", Type::Object(&MEDIA_PIPELINE))],
        construct: hub::switch,
    },
    properties: &[],
    operations: &[Operation {
        name: "connect",
        about: "Sends what comes into `source` out of `sink`, in place of what `sink` had before.",
        state: State::Works,
        params: &[
            Param::required("source", Type::Object(&HUB_PORT)),
            Param::required("sink", Type::Object(&HUB_PORT)),
        ],
        returns: None,
        run: Run::Media(connect),
    }],
    events: &[],
};

fn connect(call: Call<'_>) -> BoxFuture<'_, Result<Value, Failure>> {
    async move {
        let (source, sink) = hub::ports(&call)?;
        hub::route(call.tree, source, sink, &MediaType::ALL).await?;
        Ok(Value::Null)
    }
    .boxed()
}
