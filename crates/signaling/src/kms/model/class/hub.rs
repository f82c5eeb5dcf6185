//! `Hub`: what routes media between its ports.

use super::MEDIA_OBJECT;
use super::drawing::{DOT_OPERATION, DUMP_OPERATION};
use crate::kms::failure::{Code, Failure};
use crate::kms::model::{Call, Class, Creation, Module};
use crate::kms::object::{Body, Hub, HubPort, ObjectId, Tree};
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
