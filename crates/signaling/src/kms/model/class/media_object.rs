//! `MediaObject`: what every object has.

use super::MEDIA_PIPELINE;
use crate::kms::failure::{Code, Failure};
use crate::kms::model::{
    Alias, Call, Class, Creation, Get, Literal, Module, Operation, Param, Property, Run, Set, State, Type,
    Value, event, record,
};
use crate::kms::object::stream::role_of;
use futures_util::future::BoxFuture;

/// Tags of one object at most; further ones are refused with 40009.
const TAGS_MAX: usize = 256;

pub(crate) static MEDIA_OBJECT: Class = Class {
    name: "MediaObject",
    module: Module::Core,
    parent: None,
    about: "What every object has: a name, tags, a parent and children.",
    creation: Creation::Abstract,
    properties: &[
        Property {
            name: "mediaPipeline",
            kind: Type::Object(&MEDIA_PIPELINE),
            about: "The pipeline that the object lies in; a pipeline's is itself.",
            state: State::Works,
            get: Get::Run(Run::Now(pipeline)),
            set: Set::Final,
            aliases: &[],
        },
        Property {
            name: "parent",
            kind: Type::Object(&MEDIA_OBJECT),
            about: "The object with which this one is released. A pipeline has none.",
            state: State::Works,
            get: Get::Run(Run::Now(parent)),
            set: Set::Final,
            aliases: &[],
        },
        Property {
            name: "id",
            kind: Type::String,
            about: "The object's name in the protocol.",
            state: State::Works,
            get: Get::Run(Run::Now(id)),
            set: Set::Final,
            aliases: &[],
        },
        Property {
            name: "children",
            kind: Type::List(&Type::Object(&MEDIA_OBJECT)),
            about: "The objects directly below this one.",
            state: State::Works,
            get: Get::Run(Run::Now(children)),
            set: Set::ReadOnly,
            aliases: &[Alias::new("childs")],
        },
        Property {
            name: "name",
            kind: Type::String,
            about: "A name of the application's choice; the id until it is set.",
            state: State::Works,
            get: Get::Run(Run::Now(name)),
            set: Set::Stored,
            aliases: &[],
        },
        Property {
            name: "sendTagsInEvents",
            kind: Type::Boolean,
            about: "Whether events carry the object's tags.",
            state: State::Works,
            get: Get::Stored(Literal::Bool(false)),
            set: Set::Stored,
            aliases: &[],
        },
        Property {
            name: "creationTime",
            kind: Type::Int,
            about: "When the object was created: Unix time in seconds.",
            state: State::Works,
            get: Get::Run(Run::Now(creation_time)),
            set: Set::Final,
            aliases: &[],
        },
    ],
    operations: &[
        Operation {
            name: "addTag",
            about: "Adds a tag, or gives it another value. `keel.publish` and `keel.play` put a media element into the livestream that they name.",
            state: State::Works,
            params: &[Param::required("key", Type::String), Param::required("value", Type::String)],
            returns: None,
            run: Run::Media(add_tag),
        },
        Operation {
            name: "removeTag",
            about: "Removes a tag; one that is not there is no error.",
            state: State::Works,
            params: &[Param::required("key", Type::String)],
            returns: None,
            run: Run::Media(remove_tag),
        },
        Operation {
            name: "getTag",
            about: "A tag's value.",
            state: State::Works,
            params: &[Param::required("key", Type::String)],
            returns: Some(Type::String),
            run: Run::Now(tag),
        },
        Operation {
            name: "getTags",
            about: "All tags, in the order of their keys.",
            state: State::Works,
            params: &[],
            returns: Some(Type::List(&Type::Record(&record::TAG))),
            run: Run::Now(tags),
        },
    ],
    events: &[&event::ERROR],
};

fn pipeline(call: Call<'_>) -> Result<Value, Failure> {
    let root = call.tree.root();
    // The manager lies in no pipeline.
    Ok(if root.class().is(&MEDIA_PIPELINE) { root.clone().into() } else { Value::Null })
}

fn parent(call: Call<'_>) -> Result<Value, Failure> {
    Ok(call.tree.object(&call.object).parent.clone().map_or(Value::Null, Value::Object))
}

fn id(call: Call<'_>) -> Result<Value, Failure> {
    Ok(call.object.as_str().into())
}

fn children(call: Call<'_>) -> Result<Value, Failure> {
    let children = call.tree.children(&call.object).map(|child| child.id.clone().into());
    Ok(Value::List(children.collect()))
}

fn name(call: Call<'_>) -> Result<Value, Failure> {
    let given = call.tree.object(&call.object).stored("name");
    Ok(given.cloned().unwrap_or_else(|| call.object.as_str().into()))
}

fn creation_time(call: Call<'_>) -> Result<Value, Failure> {
    Ok(call.tree.object(&call.object).created_s.into())
}

fn add_tag(call: Call<'_>) -> BoxFuture<'_, Result<Value, Failure>> {
    Box::pin(async move {
        let (key, value) = (call.arguments.text("key"), call.arguments.text("value"));
        let tags = &call.tree.object(&call.object).tags;
        if tags.len() >= TAGS_MAX && !tags.contains_key(key) {
            let words = format!("An object takes at most {TAGS_MAX} tags");
            return Err(Failure::new(Code::NotEnoughResources, words));
        }
        if let Some(role) = role_of(key) {
            call.tree.attach_stream(&call.object, role, value).await?;
        }
        call.tree.object_mut(&call.object).tags.insert(key.to_owned(), value.to_owned());
        Ok(Value::Null)
    })
}

fn remove_tag(call: Call<'_>) -> BoxFuture<'_, Result<Value, Failure>> {
    Box::pin(async move {
        let key = call.arguments.text("key");
        if let Some(role) = role_of(key) {
            call.tree.detach_stream(&call.object, role).await;
        }
        call.tree.object_mut(&call.object).tags.remove(key);
        Ok(Value::Null)
    })
}

fn tag(call: Call<'_>) -> Result<Value, Failure> {
    let key = call.arguments.text("key");
    let value = call.tree.object(&call.object).tags.get(key);
    value
        .map(|value| value.as_str().into())
        .ok_or_else(|| Failure::new(Code::TagKeyNotFound, format!("Tag '{key}' not found")))
}

fn tags(call: Call<'_>) -> Result<Value, Failure> {
    Ok(Value::List(call.tree.object(&call.object).tag_list()))
}
