//! `DispatcherOneToMany`: a hub that sends one port's media to all.

use super::{HUB, HUB_PORT, MEDIA_PIPELINE, hub};
use crate::kms::failure::Failure;
use crate::kms::model::{Call, Class, Creation, Module, Operation, Param, Run, State, Type, Value};
use crate::kms::object::{Body, Hub, ObjectId, Tree};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use keel_media::MediaType;

pub(crate) static DISPATCHER_ONE_TO_MANY: Class = Class {
    name: "DispatcherOneToMany",
    module: Module::Elements,
    parent: Some(&HUB),
    about: "A hub that sends what comes into one port out of all of them.",
    creation: Creation::New {
        params: &[Param::required("mediaPipeline", Type::Object(&MEDIA_PIPELINE))],
        construct,
    },
    properties: &[],
    operations: &[
        Operation {
            name: "setSource",
            about: "From now on every port, this one too, sends what comes into this port.",
            state: State::Works,
            params: &[Param::required("source", Type::Object(&HUB_PORT))],
            returns: None,
            run: Run::Media(set_source),
        },
        Operation {
            name: "removeSource",
            about: "From now on no port sends anything.",
            state: State::Works,
            params: &[],
            returns: None,
            run: Run::Media(remove_source),
        },
    ],
    events: &[],
};

fn construct(_call: Call<'_>) -> BoxFuture<'_, Result<Body, Failure>> {
    async { Ok(Body::Hub(Hub::OneToMany { source: None })) }.boxed()
}

fn set_source(call: Call<'_>) -> BoxFuture<'_, Result<Value, Failure>> {
    async move {
        let Call { tree, object: hub, arguments } = call;
        let source = arguments.object("source");
        hub::port(tree, &hub, source)?;
        let routed = send_to_all(tree, &hub, source).await;
        remember(tree, &hub, Some(source.clone()));
        if routed.is_err() {
            // Half of the ports with a new source and half with the old one is nothing to build upon.
            stop(tree, &hub).await?;
        }
        routed.map(|()| Value::Null)
    }
    .boxed()
}

fn remove_source(call: Call<'_>) -> BoxFuture<'_, Result<Value, Failure>> {
    async move { stop(call.tree, &call.object).await.map(|()| Value::Null) }.boxed()
}

/// KMS: a source that is a port like any other gets its own media back.
async fn send_to_all(tree: &Tree, hub: &ObjectId, source: &ObjectId) -> Result<(), Failure> {
    let from = hub::port(tree, hub, source)?;
    for port in tree.children(hub) {
        hub::route(tree, from, hub::port(tree, hub, &port.id)?, &MediaType::ALL).await?;
    }
    Ok(())
}

/// Takes the source's media from every port. A source that was released took it along.
async fn stop(tree: &mut Tree, hub: &ObjectId) -> Result<(), Failure> {
    let Some(source) = remember(tree, hub, None) else { return Ok(()) };
    let Ok(from) = hub::port(tree, hub, &source) else { return Ok(()) };
    for port in tree.children(hub) {
        hub::unroute(tree, from, hub::port(tree, hub, &port.id)?, &MediaType::ALL).await?;
    }
    Ok(())
}

/// Keeps the source for ports to come; returns the one before.
fn remember(tree: &mut Tree, hub: &ObjectId, new: Option<ObjectId>) -> Option<ObjectId> {
    match &mut tree.object_mut(hub).body {
        Body::Hub(Hub::OneToMany { source }) => std::mem::replace(source, new),
        _ => unreachable!("the class says that it is such a hub"),
    }
}
