//! `Filter`: what would change pictures. Keel does not decode, so filters are refused, unless the operator
//! prefers that they pass media on unchanged.

use super::{MEDIA_ELEMENT, MEDIA_PIPELINE};
use crate::kms::failure::{Code, Failure};
use crate::kms::model::{Call, Class, Creation, Fields, Module, Param, State, Type, Value, event};
use crate::kms::object::{Body, Filter};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

pub(crate) static FILTER: Class = Class {
    name: "Filter",
    module: Module::Core,
    parent: Some(&MEDIA_ELEMENT),
    about: "What changes pictures or sound.",
    creation: Creation::Abstract,
    properties: &[],
    operations: &[],
    events: &[],
};

/// Why filters are refused.
pub(super) const NEEDS_DECODING: &str = "it needs decoded pictures, and Keel does not decode";

/// What a filter's operations do where filters pass media on.
pub(super) const NOTHING_DRAWN: State = State::Differs("it is checked and has no effect: nothing is drawn");

/// The parameter that most filters have alone.
pub(super) const PIPELINE: Param = Param::required("mediaPipeline", Type::Object(&MEDIA_PIPELINE));

pub(super) fn construct(call: Call<'_>) -> BoxFuture<'_, Result<Body, Failure>> {
    async move {
        let element = call.tree.media().create_pass_through().await?;
        let command = call.arguments.text_if("command").map(str::to_owned);
        tracing::warn!(object = %call.object, "this filter draws nothing: it passes on what it is sent");
        Ok(Body::Filter(Filter { element, command, has_told: false }))
    }
    .boxed()
}

/// Any operation of a filter: the first one has an `Error` event say that nothing is drawn. At creation
/// nobody could have subscribed to it.
pub(super) fn draw_nothing(call: Call<'_>) -> Result<Value, Failure> {
    let Call { tree, object: id, .. } = call;
    let Body::Filter(filter) = &mut tree.object_mut(&id).body else {
        unreachable!("the class says that it is a filter");
    };
    if !std::mem::replace(&mut filter.has_told, true) {
        let description = "Keel does not decode: the filter passes on what it is sent and draws nothing";
        let fields = vec![
            ("description", description.into()),
            ("errorCode", Value::Int(Code::NotImplemented.number().into())),
            ("type", Code::NotImplemented.name().into()),
        ];
        tree.emit(&id, &event::ERROR, Fields::new(fields));
    }
    Ok(Value::Null)
}
