//! `HubPort`: a hub's way in and out.

use super::{HUB, MEDIA_ELEMENT, hub};
use crate::kms::failure::Failure;
use crate::kms::model::{Call, Class, Creation, Module, Param, Type};
use crate::kms::object::{Body, Hub, HubPort};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use keel_media::MediaType;

pub(crate) static HUB_PORT: Class = Class {
    name: "HubPort",
    module: Module::Core,
    parent: Some(&MEDIA_ELEMENT),
    about: "A hub's way in and out: an element that is connected to others, and routed by its hub.",
    creation: Creation::New { params: &[Param::required("hub", Type::Object(&HUB))], construct },
    properties: &[],
    operations: &[],
    events: &[],
};

fn construct(call: Call<'_>) -> BoxFuture<'_, Result<Body, Failure>> {
    async move {
        let media = call.tree.media();
        let input = media.create_pass_through().await?;
        let output = media.create_pass_through().await?;
        let port = HubPort { input, output };
        let hub_id = call.arguments.object("hub");
        if let Body::Hub(Hub::OneToMany { source: Some(source) }) = &call.tree.object(hub_id).body
            && let Ok(source) = hub::port(call.tree, hub_id, source)
        {
            hub::route(call.tree, source, &port, &MediaType::ALL).await?;
        }
        Ok(Body::HubPort(port))
    }
    .boxed()
}
