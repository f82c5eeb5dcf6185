//! `PassThrough`: an element that passes on what it is sent.

use super::{MEDIA_ELEMENT, MEDIA_PIPELINE};
use crate::kms::failure::Failure;
use crate::kms::model::{Call, Class, Creation, Module, Param, Type};
use crate::kms::object::Body;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

pub(crate) static PASS_THROUGH: Class = Class {
    name: "PassThrough",
    module: Module::Core,
    parent: Some(&MEDIA_ELEMENT),
    about: "Passes on what it is sent.",
    creation: Creation::New {
        params: &[Param::required("mediaPipeline", Type::Object(&MEDIA_PIPELINE))],
        construct,
    },
    properties: &[],
    operations: &[],
    events: &[],
};

fn construct(call: Call<'_>) -> BoxFuture<'_, Result<Body, Failure>> {
    async move { Ok(Body::PassThrough(call.tree.media().create_pass_through().await?)) }.boxed()
}
