//! `Hub`: what routes media between its ports.

use super::MEDIA_OBJECT;
use crate::kms::failure::{Code, Failure};
use crate::kms::model::{
    Call, Class, Creation, Module, Operation, Param, Run, State, Type, Value, enumeration,
};
use crate::kms::object::{Body, Hub, HubPort, ObjectId, Tree, dot};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use keel_media::MediaType;

pub(crate) static HUB: Class = Class {
    name: "Hub",
    module: Module::Core,
    parent: Some(&MEDIA_OBJECT),
    about: "What routes media between its ports.",
    creation: Creation::Abstract,
    properties: &[],
    operations: &[DOT_OPERATION, DUMP_OPERATION],
    events: &[],
};

const DETAILS: &[Param] = &[Param::optional("details", Type::Enum(&enumeration::GSTREAMER_DOT_DETAILS))];

/// `getGstreamerDot`, the same for pipelines, hubs and elements.
pub(crate) const DOT_OPERATION: Operation = Operation {
    name: "getGstreamerDot",
    about: "A drawing of the object and its connections in the DOT language.",
    state: State::Differs("it shows Keel's own routing, since there is no GStreamer; `details` says nothing"),
    params: DETAILS,
    returns: Some(Type::String),
    run: Run::Now(get_dot),
};

/// `dumpGstreamerDot`, the same for pipelines, hubs and elements.
pub(crate) const DUMP_OPERATION: Operation = Operation {
    name: "dumpGstreamerDot",
    about: "Writes down the drawing of `getGstreamerDot`.",
    state: State::Differs("it goes to the log, at level debug, instead of a file"),
    params: DETAILS,
    returns: None,
    run: Run::Now(dump_dot),
};

fn get_dot(call: Call<'_>) -> Result<Value, Failure> {
    Ok(dot::draw(call.tree, &call.object).into())
}

fn dump_dot(call: Call<'_>) -> Result<Value, Failure> {
    let drawing = dot::draw(call.tree, &call.object);
    tracing::debug!(object = %call.object, drawing, "a drawing was asked for");
    Ok(Value::Null)
}

/// A hub that connects only what it is told to.
pub(super) fn switch(_call: Call<'_>) -> BoxFuture<'_, Result<Body, Failure>> {
    async { Ok(Body::Hub(Hub::Switch)) }.boxed()
}

/// The two ports that an operation names; both must be of the hub it is called on.
pub(super) fn ports<'a>(call: &'a Call<'_>) -> Result<(&'a HubPort, &'a HubPort), Failure> {
    let port = |name| port(call.tree, &call.object, call.arguments.object(name));
    Ok((port("source")?, port("sink")?))
}

/// A port of `hub`.
pub(super) fn port<'a>(tree: &'a Tree, hub: &ObjectId, id: &ObjectId) -> Result<&'a HubPort, Failure> {
    // A port of another pipeline is not in this tree at all.
    let object = tree.find(id).filter(|object| object.parent.as_ref() == Some(hub));
    match object.map(|object| &object.body) {
        Some(Body::HubPort(port)) => Ok(port),
        _ => Err(Failure::new(Code::Connect, format!("'{id}' is not a port of this hub"))),
    }
}

/// Sends what comes into `source` out of `sink`. What `sink` had of this type before gives way.
pub(super) async fn route(
    tree: &Tree,
    source: &HubPort,
    sink: &HubPort,
    media: &[MediaType],
) -> Result<(), Failure> {
    for media in media {
        tree.media().connect(source.input.id(), sink.output.id(), *media).await?;
    }
    Ok(())
}

/// Undoes [`route`].
pub(super) async fn unroute(
    tree: &Tree,
    source: &HubPort,
    sink: &HubPort,
    media: &[MediaType],
) -> Result<(), Failure> {
    for media in media {
        tree.media().disconnect(source.input.id(), sink.output.id(), *media).await?;
    }
    Ok(())
}
