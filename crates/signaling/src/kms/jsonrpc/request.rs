//! Texts to requests.

use super::{Answer, Method, ObjectRef, Request, RequestId, Transaction};
use crate::kms::failure::{Code, Failure};
use crate::kms::model::RawArguments;
use crate::kms::session_id::SessionName;
use serde::Deserialize;
use serde_json::{Map, Value};

/// Reads a request. Its depth is bounded by the JSON parser, its length by whoever read it.
///
/// # Errors
/// The answer to what is no request at all: it has no id to answer to.
pub(crate) fn parse(text: &str) -> Result<Request, Answer> {
    match serde_json::from_str(text) {
        Ok(json) => request(json).map_err(nobodys),
        Err(_) => Err(nobodys(Failure::new(Code::Parse, "Parse error."))),
    }
}

/// The id of a request that is not to be read any further.
pub(crate) fn id_of(text: &str) -> RequestId {
    #[derive(Deserialize)]
    struct Envelope {
        id: Id,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Id {
        Number(serde_json::Number),
        Text(String),
    }
    match serde_json::from_str(text) {
        Ok(Envelope { id: Id::Number(number) }) => RequestId::Number(number),
        Ok(Envelope { id: Id::Text(text) }) => RequestId::Text(text),
        Err(_) => RequestId::Null,
    }
}

/// Reads a request that is JSON already.
///
/// # Errors
/// -32600 for what is no JSON-RPC 2.0 request.
pub(super) fn request(json: Value) -> Result<Request, Failure> {
    let invalid = || Failure::new(Code::InvalidRequest, "Invalid JSON-RPC request.");
    // KMS: arrays of requests, JSON-RPC's batches, are no requests.
    let Value::Object(mut envelope) = json else { return Err(invalid()) };
    if envelope.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return Err(invalid());
    }
    let Some(Value::String(name)) = envelope.remove("method") else { return Err(invalid()) };
    let id = match envelope.remove("id") {
        None => None,
        Some(Value::Null) => Some(RequestId::Null),
        Some(Value::Number(number)) => Some(RequestId::Number(number)),
        Some(Value::String(text)) => Some(RequestId::Text(text)),
        Some(_) => return Err(invalid()),
    };
    let params = match envelope.remove("params") {
        Some(Value::Object(params)) => Some(params),
        // Lists are JSON-RPC (2.0 §4.2), but no parameter of this protocol has a place in one.
        _ => None,
    };
    let (label, method) = method(&name, params.as_ref());
    let (session, method) = match session(params.as_ref()) {
        Ok(session) => (session, method),
        Err(failure) => (None, method.and(Err(failure))),
    };
    Ok(Request { id, session, label, method })
}

fn nobodys(failure: Failure) -> Answer {
    Answer { id: RequestId::Null, result: Err(failure) }
}

fn method(name: &str, params: Option<&Map<String, Value>>) -> (&'static str, Result<Method, Failure>) {
    let needed = || params.ok_or_else(|| Failure::new(Code::InvalidParams, "'params' is required"));
    match name {
        // Most of what a server hears comes first.
        "invoke" => ("invoke", needed().and_then(invoke)),
        "create" => ("create", needed().and_then(create)),
        "subscribe" => ("subscribe", needed().and_then(subscribe)),
        "unsubscribe" => ("unsubscribe", needed().and_then(unsubscribe)),
        "release" => ("release", with_object(needed(), |object| Method::Release { object })),
        "describe" => ("describe", with_object(needed(), |object| Method::Describe { object })),
        "ping" => ("ping", Ok(Method::Ping)),
        "connect" => ("connect", Ok(Method::Connect)),
        "transaction" => ("transaction", needed().and_then(transaction)),
        "closeSession" => ("closeSession", needed().and_then(close_session)),
        "keepAlive" => ("keepAlive", Ok(Method::KeepAlive)),
        "ref" => ("ref", with_object(needed(), |object| Method::Ref { object })),
        "unref" => ("unref", with_object(needed(), |object| Method::Unref { object })),
        _ => ("unknown", Err(Failure::new(Code::MethodNotFound, "Method not found."))),
    }
}

fn with_object(
    params: Result<&Map<String, Value>, Failure>,
    method: impl FnOnce(ObjectRef) -> Method,
) -> Result<Method, Failure> {
    Ok(method(object(params?)?))
}

fn create(params: &Map<String, Value>) -> Result<Method, Failure> {
    // KMS: `properties` is not read. Clients send all sorts of things there.
    Ok(Method::Create { class: text(params, "type")?, arguments: arguments(params, "constructorParams")? })
}

fn invoke(params: &Map<String, Value>) -> Result<Method, Failure> {
    Ok(Method::Invoke {
        object: object(params)?,
        operation: text(params, "operation")?,
        arguments: arguments(params, "operationParams")?,
    })
}

fn subscribe(params: &Map<String, Value>) -> Result<Method, Failure> {
    Ok(Method::Subscribe { object: object(params)?, event: text(params, "type")? })
}

fn unsubscribe(params: &Map<String, Value>) -> Result<Method, Failure> {
    Ok(Method::Unsubscribe { object: object(params)?, subscription: text(params, "subscription")? })
}

fn close_session(params: &Map<String, Value>) -> Result<Method, Failure> {
    // KMS: what is no boolean counts as none.
    let release = params.get("release").and_then(Value::as_bool).unwrap_or(false);
    Ok(Method::CloseSession { release })
}

fn transaction(params: &Map<String, Value>) -> Result<Method, Failure> {
    match params.get("operations") {
        Some(Value::Array(operations)) => Transaction::new(operations.clone()).map(Method::Transaction),
        Some(_) => Err(Failure::new(Code::Protocol, "'operations' parameter should be an array")),
        None => Err(required("operations")),
    }
}

/// The session that a request names. An empty name is none.
fn session(params: Option<&Map<String, Value>>) -> Result<Option<SessionName>, Failure> {
    match params.and_then(|params| params.get("sessionId")) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(name)) if name.is_empty() => Ok(None),
        // One that is too long names no session that exists or may exist.
        Some(Value::String(name)) => SessionName::parse(name)
            .map(Some)
            .ok_or_else(|| Failure::new(Code::InvalidSession, "Invalid session")),
        Some(_) => Err(Failure::new(Code::Protocol, "'sessionId' parameter should be a string")),
    }
}

/// The object that a request is about.
fn object(params: &Map<String, Value>) -> Result<ObjectRef, Failure> {
    // KMS deviation: the JavaScript client sends whole objects where one was awaited; their `id` counts.
    if let Some(id) = params.get("object").and_then(|object| object.get("id")).and_then(Value::as_str) {
        return Ok(ObjectRef(id.to_owned()));
    }
    text(params, "object").map(ObjectRef)
}

fn text(params: &Map<String, Value>, name: &str) -> Result<String, Failure> {
    match params.get(name) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => Err(Failure::new(Code::Protocol, format!("'{name}' parameter should be a string"))),
        None => Err(required(name)),
    }
}

fn arguments(params: &Map<String, Value>, name: &str) -> Result<RawArguments, Failure> {
    RawArguments::new(params.get(name).cloned())
        .ok_or_else(|| Failure::new(Code::Protocol, format!("'{name}' parameter should be an object")))
}

fn required(name: &str) -> Failure {
    Failure::new(Code::Protocol, format!("'{name}' parameter is required"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> (RequestId, i32, String) {
        match parse(text) {
            Err(Answer { id, result: Err(failure) }) => (id, failure.code.number(), failure.message),
            Ok(Request { id, method: Err(failure), .. }) => {
                (id.unwrap_or(RequestId::Null), failure.code.number(), failure.message)
            }
            other => panic!("{text} was taken as {other:?}"),
        }
    }

    #[test]
    fn a_request_of_each_method_is_read() {
        for (method, params) in [
            ("ping", r#"{"interval":5000}"#),
            ("connect", r#"{"sessionId":"s"}"#),
            ("keepAlive", r#"{"sessionId":"s"}"#),
            ("closeSession", r#"{"sessionId":"s","release":true}"#),
            ("describe", r#"{"object":"o"}"#),
            (
                "create",
                r#"{"type":"HubPort","constructorParams":{"hub":"h"},"properties":{"mediaPipeline":{}}}"#,
            ),
            ("invoke", r#"{"object":{"_events":{},"id":"o"},"operation":"getName"}"#),
            ("subscribe", r#"{"object":"o","type":"Error"}"#),
            ("unsubscribe", r#"{"object":"o","subscription":"u"}"#),
            ("release", r#"{"object":"o"}"#),
            ("ref", r#"{"object":"o"}"#),
            ("unref", r#"{"object":"o"}"#),
            ("transaction", r#"{"object":{"_events":{}},"operations":[]}"#),
        ] {
            let text = format!(r#"{{"jsonrpc":"2.0","id":0,"method":"{method}","params":{params}}}"#);
            let request = parse(&text).expect("a request");
            assert_eq!(request.id, Some(RequestId::Number(0.into())), "0 is an id");
            assert_eq!(request.label, method);
            request.method.unwrap_or_else(|failure| panic!("{text}: {failure}"));
        }
    }

    #[test]
    fn what_is_left_out_is_known() {
        let request = parse(r#"{"jsonrpc":"2.0","method":"ping"}"#).expect("a request");
        assert_eq!((request.id, request.session), (None, None), "a notification");
        let request = parse(r#"{"jsonrpc":"2.0","method":"ping","id":"a","params":{"sessionId":"s"}}"#);
        let request = request.expect("a request");
        assert_eq!(request.id, Some(RequestId::Text("a".into())));
        assert_eq!(request.session, SessionName::parse("s"));
        let empty = parse(r#"{"jsonrpc":"2.0","method":"ping","id":1,"params":{"sessionId":""}}"#);
        assert_eq!(empty.expect("a request").session, None);
    }

    #[test]
    fn what_is_no_request_has_no_id_to_answer_to() {
        let deep = "[".repeat(100_000);
        for (text, code, message) in [
            ("", -32700, "Parse error."),
            ("{\"jsonrpc\":\"2.0\"", -32700, "Parse error."),
            (&deep, -32700, "Parse error."),
            ("7", -32600, "Invalid JSON-RPC request."),
            ("null", -32600, "Invalid JSON-RPC request."),
            (r#"[{"jsonrpc":"2.0","method":"ping","id":1}]"#, -32600, "Invalid JSON-RPC request."),
            (r#"{"method":"ping","id":1}"#, -32600, "Invalid JSON-RPC request."),
            (r#"{"jsonrpc":"1.0","method":"ping","id":1}"#, -32600, "Invalid JSON-RPC request."),
            (r#"{"jsonrpc":"2.0","method":7,"id":1}"#, -32600, "Invalid JSON-RPC request."),
            (r#"{"jsonrpc":"2.0","method":"ping","id":[]}"#, -32600, "Invalid JSON-RPC request."),
        ] {
            assert_eq!(refusal(text), (RequestId::Null, code, message.to_owned()));
        }
    }

    #[test]
    fn what_a_method_lacks_is_named() {
        for (method, params, code, message) in [
            ("dance", "{}", -32601, "Method not found."),
            ("describe", "null", -32602, "'params' is required"),
            ("describe", "[]", -32602, "'params' is required"),
            ("describe", "7", -32602, "'params' is required"),
            ("describe", "{}", -32000, "'object' parameter is required"),
            ("describe", r#"{"object":7}"#, -32000, "'object' parameter should be a string"),
            ("describe", r#"{"object":{"id":7}}"#, -32000, "'object' parameter should be a string"),
            ("invoke", r#"{"object":"o"}"#, -32000, "'operation' parameter is required"),
            (
                "invoke",
                r#"{"object":"o","operation":"x","operationParams":[]}"#,
                -32000,
                "'operationParams' parameter should be an object",
            ),
            ("create", "{}", -32000, "'type' parameter is required"),
            ("subscribe", r#"{"object":"o"}"#, -32000, "'type' parameter is required"),
            ("unsubscribe", r#"{"object":"o"}"#, -32000, "'subscription' parameter is required"),
            ("transaction", "{}", -32000, "'operations' parameter is required"),
            ("transaction", r#"{"operations":{}}"#, -32000, "'operations' parameter should be an array"),
            ("ping", r#"{"sessionId":7}"#, -32000, "'sessionId' parameter should be a string"),
        ] {
            let text = format!(r#"{{"jsonrpc":"2.0","id":5,"method":"{method}","params":{params}}}"#);
            assert_eq!(refusal(&text), (RequestId::Number(5.into()), code, message.to_owned()), "{text}");
        }
        let long = format!(
            r#"{{"jsonrpc":"2.0","id":5,"method":"ping","params":{{"sessionId":"{}"}}}}"#,
            "x".repeat(1000)
        );
        assert_eq!(refusal(&long).1, 40007);
    }

    #[test]
    fn the_id_of_a_text_that_is_too_long_is_found() {
        let text = format!(r#"{{"method":"{}","id":77,"params":{{"a":[1,{{}}]}}}}"#, "x".repeat(1 << 20));
        assert_eq!(id_of(&text), RequestId::Number(77.into()));
        assert_eq!(id_of(r#"{"id":"a"}"#), RequestId::Text("a".into()));
        for none in ["", "[]", "{}", r#"{"id":{}}"#, &"x".repeat(1 << 20)] {
            assert_eq!(id_of(none), RequestId::Null);
        }
    }
}
