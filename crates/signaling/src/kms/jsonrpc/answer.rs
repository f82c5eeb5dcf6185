//! Answers and notifications to texts.

use super::{Answer, Outcome, RequestId, Success};
use crate::kms::failure::Failure;
use crate::kms::model::{Class, Fields, Value};
use crate::kms::object::Notification;
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

/// The text of an answer.
pub(crate) fn answer_text(answer: &Answer) -> String {
    serde_json::to_string(answer).expect("answers have nothing that JSON lacks")
}

/// The text of an event (PROTOCOL.md §4, "subscribe").
pub(crate) fn notification_text(notification: &Notification) -> String {
    #[derive(Serialize)]
    struct OnEvent<'a> {
        jsonrpc: &'static str,
        method: &'static str,
        params: Params<'a>,
    }
    #[derive(Serialize)]
    struct Params<'a> {
        value: Event<'a>,
    }
    #[derive(Serialize)]
    struct Event<'a> {
        object: &'a str,
        #[serde(rename = "type")]
        name: &'static str,
        data: &'a Fields,
    }
    let value =
        Event { object: notification.object.as_str(), name: notification.name, data: &notification.data };
    let message = OnEvent { jsonrpc: "2.0", method: "onEvent", params: Params { value } };
    serde_json::to_string(&message).expect("events have nothing that JSON lacks")
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("jsonrpc", "2.0")?;
        match &self.result {
            Ok(success) => map.serialize_entry("result", success)?,
            Err(failure) => map.serialize_entry("error", &Error(failure))?,
        }
        map.end()
    }
}

impl Serialize for RequestId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Number(number) => number.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl Serialize for Success {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // KMS deviation: always an object, also for `closeSession`: the JavaScript client dies of null.
        let mut map = serializer.serialize_map(None)?;
        if let Some(session) = &self.session {
            map.serialize_entry("sessionId", session.as_str())?;
        }
        match &self.outcome {
            Outcome::Done => {}
            Outcome::Pong => map.serialize_entry("value", "pong")?,
            Outcome::Connected { server } => map.serialize_entry("serverId", &server.to_string())?,
            Outcome::Described(class) => describe(class, &mut map)?,
            // Null, too: without `value` the JavaScript client takes the object itself for the result.
            Outcome::Value(value) => map.serialize_entry::<_, Value>("value", value)?,
            Outcome::Operations(answers) => map.serialize_entry("value", answers)?,
        }
        map.end()
    }
}

/// What `describe` tells of a class, at the top of `result`.
fn describe<M: SerializeMap>(class: &'static Class, map: &mut M) -> Result<(), M::Error> {
    map.serialize_entry("type", class.name)?;
    map.serialize_entry("qualifiedType", &qualified(class))?;
    map.serialize_entry("hierarchy", &Hierarchy(class))
}

/// KMS: all three modules call themselves `kurento`.
fn qualified(class: &Class) -> String {
    format!("kurento.{}", class.name)
}

/// The classes that one derives from, the nearest first.
struct Hierarchy(&'static Class);

impl Serialize for Hierarchy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        for class in self.0.lineage() {
            list.serialize_element(&qualified(class))?;
        }
        list.end()
    }
}

struct Error<'a>(&'a Failure);

impl Serialize for Error<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("code", &self.0.code.number())?;
        map.serialize_entry("message", &self.0.message)?;
        let name = self.0.code.name();
        if !name.is_empty() {
            map.serialize_entry("data", &Data { kind: name })?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct Data {
    #[serde(rename = "type")]
    kind: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kms::failure::Code;
    use crate::kms::session_id::SessionName;
    use serde_json::json;

    fn shown(id: RequestId, result: Result<Outcome, Failure>) -> serde_json::Value {
        let session = SessionName::parse("s");
        let result = result.map(|outcome| Success { session, outcome });
        serde_json::from_str(&answer_text(&Answer { id, result })).expect("JSON")
    }

    #[test]
    fn answers_have_the_shape_that_kms_gives_them() {
        let id = || RequestId::Number(0.into());
        let class = Class::named("WebRtcEndpoint").expect("a class");
        let server = uuid::Uuid::nil();
        for (outcome, result) in [
            (Outcome::Done, json!({"sessionId": "s"})),
            (Outcome::Pong, json!({"sessionId": "s", "value": "pong"})),
            (Outcome::Value(Value::Null), json!({"sessionId": "s", "value": null})),
            (Outcome::Connected { server }, json!({"sessionId": "s", "serverId": server.to_string()})),
            (
                Outcome::Described(class),
                json!({
                    "sessionId": "s", "type": "WebRtcEndpoint", "qualifiedType": "kurento.WebRtcEndpoint",
                    "hierarchy": ["kurento.BaseRtpEndpoint", "kurento.SdpEndpoint", "kurento.SessionEndpoint",
                        "kurento.Endpoint", "kurento.MediaElement", "kurento.MediaObject"],
                }),
            ),
        ] {
            assert_eq!(shown(id(), Ok(outcome)), json!({"id": 0, "jsonrpc": "2.0", "result": result}));
        }
        let inner = Answer { id: id(), result: Err(Failure::new(Code::Connect, "no")) };
        let shown = shown(RequestId::Text("t".into()), Ok(Outcome::Operations(vec![inner])));
        assert_eq!(shown["id"], "t");
        assert_eq!(shown["result"]["value"][0]["error"]["data"]["type"], "CONNECT_ERROR");
    }

    #[test]
    fn an_error_has_its_type_where_the_protocol_names_one() {
        let not_found = Failure::object_not_found("x");
        assert_eq!(
            shown(RequestId::Null, Err(not_found)),
            json!({"id": null, "jsonrpc": "2.0", "error": {
                "code": 40101, "message": "Object 'x' not found", "data": {"type": "MEDIA_OBJECT_NOT_FOUND"},
            }})
        );
        let unknown = Failure::new(Code::MethodNotFound, "Method not found.");
        assert_eq!(
            shown(RequestId::Null, Err(unknown))["error"],
            json!({"code": -32601, "message": "Method not found."})
        );
    }
}
