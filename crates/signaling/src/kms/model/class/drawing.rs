//! `getGstreamerDot` and `dumpGstreamerDot`, the same for pipelines, hubs and elements.

use crate::kms::failure::Failure;
use crate::kms::model::{Call, Operation, Param, Run, State, Type, Value, enumeration};
use crate::kms::object::dot;

const DETAILS: &[Param] = &[Param::optional("details", Type::Enum(&enumeration::GSTREAMER_DOT_DETAILS))];

/// `getGstreamerDot`.
pub(super) const DOT_OPERATION: Operation = Operation {
    name: "getGstreamerDot",
    about: "A drawing of the object and its connections in the DOT language.",
    state: State::Differs("it shows Keel's own routing, since there is no GStreamer; `details` says nothing"),
    params: DETAILS,
    returns: Some(Type::String),
    run: Run::Now(get_dot),
};

/// `dumpGstreamerDot`.
pub(super) const DUMP_OPERATION: Operation = Operation {
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
