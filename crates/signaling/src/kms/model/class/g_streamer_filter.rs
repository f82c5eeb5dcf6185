//! `GStreamerFilter`: any GStreamer element.

use super::{FILTER, filter};
use crate::kms::failure::Failure;
use crate::kms::model::{
    Call, Class, Creation, Get, Literal, Module, Operation, Param, Property, Run, Set, State, Type, Value,
    enumeration,
};
use crate::kms::object::Body;

pub(crate) static G_STREAMER_FILTER: Class = Class {
    name: "GStreamerFilter",
    module: Module::Filters,
    parent: Some(&FILTER),
    about: "Applies any GStreamer element.",
    creation: Creation::OptIn {
        params: &[
            filter::PIPELINE,
            Param::required("command", Type::String),
            Param::or("filterType", Type::Enum(&enumeration::FILTER_TYPE), Literal::Enum("AUTODETECT")),
        ],
        construct: filter::construct,
        reason: filter::NEEDS_DECODING,
    },
    properties: &[Property {
        name: "command",
        kind: Type::String,
        about: "The element as it was given.",
        state: State::Works,
        get: Get::Run(Run::Now(command)),
        set: Set::ReadOnly,
        aliases: &[],
    }],
    operations: &[Operation {
        name: "setElementProperty",
        about: "Sets a property of the element.",
        state: filter::NOTHING_DRAWN,
        params: &[
            Param::required("propertyName", Type::String),
            Param::required("propertyValue", Type::String),
        ],
        returns: None,
        run: Run::Now(filter::draw_nothing),
    }],
    events: &[],
};

fn command(call: Call<'_>) -> Result<Value, Failure> {
    match &call.tree.object(&call.object).body {
        Body::Filter(filter) => Ok(filter.command.as_deref().unwrap_or_default().into()),
        _ => unreachable!("the class says that it is a filter"),
    }
}
