//! From JSON to values, as loosely as KMS reads it.

use super::{EnumType, Fields, Param, Presence, Record, RecordType, Type, Value};
use crate::kms::failure::{Code, Failure};
use crate::kms::object::ObjectId;
use serde_json::{Map, Value as Json};

/// The arguments of a request before they are read.
#[derive(Clone, Debug, Default)]
pub(crate) struct RawArguments {
    map: Map<String, Json>,
    is_given: bool,
}

impl RawArguments {
    /// `None` for what is not an object; absent and `null` are empty ones.
    pub(crate) fn new(json: Option<Json>) -> Option<Self> {
        match json {
            None | Some(Json::Null) => Some(Self::default()),
            Some(Json::Object(map)) => Some(Self { map, is_given: true }),
            Some(_) => None,
        }
    }

    /// Whether there was an object at all, if only an empty one.
    pub(crate) fn is_given(&self) -> bool {
        self.is_given
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }
}

/// Reads arguments as their declarations say. What is not declared is ignored.
///
/// # Errors
/// 40001 for an argument that is missing or of the wrong type, 40101 for what cannot name an object.
pub(crate) fn coerce(params: &[Param], arguments: &RawArguments) -> Result<Fields, Failure> {
    read_fields(params, &arguments.map)
}

fn read_fields<'a>(
    params: impl IntoIterator<Item = &'a Param>,
    json: &Map<String, Json>,
) -> Result<Fields, Failure> {
    let mut fields = Vec::new();
    for param in params {
        match (json.get(param.name), param.presence) {
            // KMS: `null` is as good as nothing.
            (None | Some(Json::Null), Presence::Required) => {
                return Err(wrong_type(param.name, &param.kind));
            }
            (None | Some(Json::Null), Presence::Optional) => {}
            (None | Some(Json::Null), Presence::Default(literal)) => {
                fields.push((param.name, literal.into()))
            }
            (Some(json), _) => fields.push((param.name, read(param.name, &param.kind, json)?)),
        }
    }
    Ok(Fields::new(fields))
}

/// A value of a type. `name` is the argument's, for the words of an error.
fn read(name: &str, kind: &Type, json: &Json) -> Result<Value, Failure> {
    let value = match kind {
        Type::Boolean => as_bool(json).map(Value::Bool),
        Type::Int => as_int(json).filter(|number| i32::try_from(*number).is_ok()).map(Value::Int),
        Type::Int64 => as_int(json).map(Value::Int),
        Type::Float => as_float(json).filter(|number| number.abs() <= f64::from(f32::MAX)).map(Value::Float),
        Type::Double => as_float(json).map(Value::Float),
        Type::String => as_text(json).map(Value::Text),
        Type::Enum(words) => Some(read_word(words, json)?),
        Type::Record(record) => match json {
            Json::Object(fields) => Some(read_record(record, fields)?),
            _ => None,
        },
        Type::Object(class) => match reference(json) {
            Some(text) => {
                let id = ObjectId::parse(text).ok_or_else(|| Failure::object_not_found(text))?;
                id.class().is(class).then_some(Value::Object(id))
            }
            None => None,
        },
        Type::List(of) => match json {
            Json::Array(items) => {
                Some(Value::List(items.iter().map(|item| read(name, of, item)).collect::<Result<_, _>>()?))
            }
            _ => None,
        },
        Type::Map(of) => match json {
            Json::Object(entries) => {
                let entry = |(key, item): (&String, &Json)| Ok((key.clone(), read(name, of, item)?));
                Some(Value::Map(entries.iter().map(entry).collect::<Result<_, Failure>>()?))
            }
            _ => None,
        },
    };
    value.ok_or_else(|| wrong_type(name, kind))
}

fn read_word(words: &EnumType, json: &Json) -> Result<Value, Failure> {
    let word = words.words.iter().find(|word| json.as_str() == Some(word));
    word.map(|word| Value::Enum(word))
        .ok_or_else(|| Failure::new(Code::Marshall, format!("Invalid value for '{}'", words.name)))
}

/// KMS: `__module__` and `__type__` may be there and say nothing that is not known.
fn read_record(record: &'static RecordType, fields: &Map<String, Json>) -> Result<Value, Failure> {
    let fields = read_fields(record.all_fields(), fields)?;
    Ok(Value::Record(Record { record, fields }))
}

/// An object's id. The JavaScript client sends the whole object when it was awaited.
fn reference(json: &Json) -> Option<&str> {
    match json {
        Json::String(id) => Some(id),
        Json::Object(object) => object.get("id")?.as_str(),
        _ => None,
    }
}

// KMS: types are checked by whether the value can be converted; the Java client sends texts for numbers.

fn as_bool(json: &Json) -> Option<bool> {
    match json {
        Json::Bool(value) => Some(*value),
        Json::Number(number) => number.as_f64().map(|number| number != 0.0),
        Json::String(text) if text == "true" => Some(true),
        Json::String(text) if text == "false" => Some(false),
        _ => None,
    }
}

fn as_int(json: &Json) -> Option<i64> {
    match json {
        Json::Bool(value) => Some((*value).into()),
        Json::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
        Json::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// The integer that a float is; `None` where it has a fraction or is past 2^53, where floats skip integers.
fn whole(number: f64) -> Option<i64> {
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    let is_whole = number.fract() == 0.0 && number.abs() <= EXACT_MAX;
    // In range by the line above.
    is_whole.then_some(number as i64)
}

fn as_float(json: &Json) -> Option<f64> {
    match json {
        Json::Bool(value) => Some(f64::from(u8::from(*value))),
        Json::Number(number) => number.as_f64(),
        Json::String(text) => text.parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}

fn as_text(json: &Json) -> Option<String> {
    match json {
        Json::String(text) => Some(text.clone()),
        Json::Bool(value) => Some(value.to_string()),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// KMS: the same words for an argument that is missing.
fn wrong_type(name: &str, kind: &Type) -> Failure {
    let wanted = match kind {
        Type::Boolean => "a boolean".to_owned(),
        Type::Int | Type::Int64 => "an integer".to_owned(),
        Type::Float | Type::Double => "a number".to_owned(),
        Type::String => "a string".to_owned(),
        Type::Enum(words) => format!("a word of {}", words.name),
        Type::Record(record) => format!("an object: {}", record.name),
        Type::Object(class) => format!("the id of a {}", class.name),
        Type::List(_) => "an array".to_owned(),
        Type::Map(_) => "an object".to_owned(),
    };
    Failure::new(Code::Marshall, format!("'{name}' parameter should be {wanted}"))
}
