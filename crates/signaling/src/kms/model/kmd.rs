//! A module's description as JSON (KMD), made from the declarations: what KMS's code generators read.

use super::{
    Class, Creation, EventType, Literal, Module, Operation, Param, Presence, Property, Set, Type, Value,
};
use super::{class, enumeration, event, record};
use serde::Serialize;
use std::collections::BTreeMap;

/// Describes a module.
pub(crate) fn describe(module: Module, version: &str) -> String {
    let words = enumeration::ALL.iter().filter(|words| words.module == module).map(|words| ComplexType {
        name: words.name,
        extends: None,
        content: Content::Enum { values: words.words },
    });
    let records = record::ALL.iter().filter(|record| record.module == module).map(|record| ComplexType {
        name: record.name,
        extends: record.parent.map(|parent| parent.name),
        content: Content::Register { properties: record.fields.iter().map(Field::from).collect() },
    });
    let description = Description {
        name: module.name(),
        version,
        kurento_version: version,
        imports: if module == Module::Core { Vec::new() } else { vec![Import { name: "core", version }] },
        remote_classes: of_module(class::ALL, |class| class.module == module)
            .map(RemoteClass::from)
            .collect(),
        complex_types: words.chain(records).collect(),
        events: of_module(event::ALL, |event| event.module == module).map(Event::from).collect(),
    };
    serde_json::to_string(&description).expect("texts, numbers and lists of them are JSON")
}

fn of_module<T>(
    all: &'static [&'static T],
    is_of_module: impl Fn(&T) -> bool,
) -> impl Iterator<Item = &'static T> {
    all.iter().copied().filter(move |one| is_of_module(one))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Description<'a> {
    name: &'a str,
    version: &'a str,
    kurento_version: &'a str,
    imports: Vec<Import<'a>>,
    remote_classes: Vec<RemoteClass>,
    complex_types: Vec<ComplexType>,
    events: Vec<Event>,
}

#[derive(Serialize)]
struct Import<'a> {
    name: &'a str,
    version: &'a str,
}

#[derive(Serialize)]
struct RemoteClass {
    name: &'static str,
    doc: String,
    #[serde(rename = "abstract", skip_serializing_if = "is_false")]
    is_abstract: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    extends: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    constructor: Option<Constructor>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    properties: Vec<Field>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    methods: Vec<Method>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    events: Vec<&'static str>,
}

#[derive(Serialize)]
struct Constructor {
    params: Vec<Field>,
}

#[derive(Serialize)]
struct Method {
    name: &'static str,
    doc: String,
    params: Vec<Field>,
    #[serde(rename = "return", skip_serializing_if = "Option::is_none")]
    returns: Option<Return>,
}

#[derive(Serialize)]
struct Return {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Serialize)]
struct Event {
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    extends: Option<&'static str>,
    properties: Vec<Field>,
}

#[derive(Serialize)]
struct ComplexType {
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    extends: Option<&'static str>,
    #[serde(flatten)]
    content: Content,
}

#[derive(Serialize)]
#[serde(tag = "typeFormat", rename_all = "UPPERCASE")]
enum Content {
    Enum { values: &'static [&'static str] },
    Register { properties: Vec<Field> },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Field {
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    doc: Option<String>,
    #[serde(rename = "type")]
    kind: String,
    #[serde(skip_serializing_if = "is_false")]
    optional: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_value: Option<Value>,
    #[serde(rename = "final", skip_serializing_if = "is_false")]
    is_final: bool,
    #[serde(skip_serializing_if = "is_false")]
    read_only: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// What it is, and what of it Keel does.
fn doc(about: &str, state: &str) -> String {
    format!("{about} (Keel: {state})")
}

impl From<&'static Class> for RemoteClass {
    fn from(class: &'static Class) -> Self {
        let is_abstract = matches!(class.creation, Creation::Abstract);
        let params = class.constructor_params().iter().map(Field::from).collect();
        Self {
            name: class.name,
            doc: doc(class.about, &class.creation_words()),
            is_abstract,
            extends: class.parent.map(|parent| parent.name),
            constructor: (!is_abstract).then_some(Constructor { params }),
            properties: class.properties.iter().map(Field::from).collect(),
            methods: class.operations.iter().map(Method::from).collect(),
            events: class.events.iter().map(|event| event.name).collect(),
        }
    }
}

impl From<&'static Operation> for Method {
    fn from(operation: &'static Operation) -> Self {
        Self {
            name: operation.name,
            doc: doc(operation.about, &operation.state.words()),
            params: operation.params.iter().map(Field::from).collect(),
            returns: operation.returns.map(|kind| Return { kind: kind.name() }),
        }
    }
}

impl From<&'static EventType> for Event {
    fn from(event: &'static EventType) -> Self {
        Self {
            name: event.name,
            extends: event.parent.map(|parent| parent.name),
            properties: event.fields.iter().map(Field::from).collect(),
        }
    }
}

impl From<&Param> for Field {
    fn from(param: &Param) -> Self {
        let default_value = match param.presence {
            Presence::Required | Presence::Optional => None,
            // Its fields have their own defaults.
            Presence::Default(Literal::Record(_)) => Some(Value::Map(BTreeMap::new())),
            Presence::Default(literal) => Some(literal.into()),
        };
        Self {
            name: param.name,
            doc: None,
            kind: param.kind.name(),
            optional: param.presence != Presence::Required,
            default_value,
            is_final: false,
            read_only: false,
        }
    }
}

impl From<&'static Property> for Field {
    fn from(property: &'static Property) -> Self {
        Self {
            name: property.name,
            doc: Some(doc(property.about, &property.state.words())),
            kind: property.kind.name(),
            optional: false,
            default_value: None,
            is_final: matches!(property.set, Set::Final),
            read_only: matches!(property.set, Set::ReadOnly),
        }
    }
}

impl Type {
    /// As KMS writes it.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Boolean => "boolean".to_owned(),
            Self::Int => "int".to_owned(),
            Self::Int64 => "int64".to_owned(),
            Self::Float => "float".to_owned(),
            Self::Double => "double".to_owned(),
            Self::String => "String".to_owned(),
            Self::Enum(words) => words.name.to_owned(),
            Self::Record(record) => record.name.to_owned(),
            Self::Object(class) => class.name.to_owned(),
            Self::List(of) => format!("{}[]", of.name()),
            Self::Map(of) => format!("{}<>", of.name()),
        }
    }
}
