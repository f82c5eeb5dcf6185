//! Transactions: operations that refer to the results of earlier ones (PROTOCOL.md §4).

use super::message::NEW_REF;
use super::{Answer, Request, request};
use crate::kms::failure::{Code, Failure};
use serde_json::Value;
use std::vec;

/// The operations of a transaction that have not been carried out yet.
#[derive(Debug)]
pub(crate) struct Transaction {
    operations: vec::IntoIter<Value>,
}

impl Transaction {
    /// KMS: the operations are numbered from 0, without a gap.
    ///
    /// # Errors
    /// 40008 when they are not.
    pub(super) fn new(operations: Vec<Value>) -> Result<Self, Failure> {
        for (expected, operation) in operations.iter().enumerate() {
            if operation.get("id").and_then(Value::as_u64) != Some(expected as u64) {
                // KMS: in these words, which tell the place twice and the id not at all.
                let message = format!("Id of request '{expected}' should be '{expected}'");
                return Err(Failure::new(Code::MalformedTransaction, message));
            }
        }
        Ok(Self { operations: operations.into_iter() })
    }

    /// The next operation, with the results of those before it put in. `None` after the last.
    ///
    /// # Errors
    /// What the operation is to be answered with: it refers to a result that there is not, or is no request.
    pub(crate) fn next(&mut self, answers: &[Answer]) -> Option<Result<Request, Failure>> {
        let mut operation = self.operations.next()?;
        let resolved = match operation.get_mut("params") {
            Some(params) => resolve(params, answers),
            None => Ok(()),
        };
        Some(resolved.and_then(|()| request::request(operation)))
    }
}

/// Replaces every text `newref:N` in `json` by the result of operation N. As deep as the JSON parser went.
fn resolve(json: &mut Value, answers: &[Answer]) -> Result<(), Failure> {
    match json {
        Value::String(text) => {
            if let Some(index) = text.strip_prefix(NEW_REF) {
                let answer = index.parse().ok().and_then(|index: usize| answers.get(index));
                let result = answer.and_then(Answer::reference).ok_or_else(|| {
                    Failure::new(Code::MalformedTransaction, format!("Result not found on request '{index}'"))
                })?;
                *text = result.to_owned();
            }
            Ok(())
        }
        Value::Array(items) => items.iter_mut().try_for_each(|item| resolve(item, answers)),
        Value::Object(fields) => fields.values_mut().try_for_each(|field| resolve(field, answers)),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kms::jsonrpc::{Method, Outcome, RequestId, Success};
    use crate::kms::model::{self, Param, Type, coerce};
    use serde_json::json;

    fn operation(id: u64, params: Value) -> Value {
        json!({"jsonrpc": "2.0", "id": id, "method": "invoke", "params": params})
    }

    fn answered(value: &str) -> Answer {
        let outcome = Outcome::Value(model::Value::Text(value.into()));
        Answer { id: RequestId::Null, result: Ok(Success { session: None, outcome }) }
    }

    #[test]
    fn references_are_resolved_wherever_they_stand() {
        let params = json!({
            "object": "newref:0",
            "operation": "connect",
            "operationParams": {"sink": "newref:1", "nested": ["newref:0"], "sdp": "a=newref:0"},
        });
        let mut transaction = Transaction::new(vec![operation(0, params)]).expect("well numbered");
        let request = transaction.next(&[answered("pipe"), answered("sink")]).expect("one").expect("read");
        let Ok(Method::Invoke { object, arguments, .. }) = request.method else { panic!("it is an invoke") };
        assert_eq!(object.0, "pipe");
        let params = [
            Param::required("sink", Type::String),
            Param::required("nested", Type::List(&Type::String)),
            Param::required("sdp", Type::String),
        ];
        let arguments = coerce(&params, &arguments).expect("texts");
        assert_eq!(arguments.text("sink"), "sink");
        assert_eq!(arguments.given("nested"), Some(&vec!["pipe".into()].into()));
        assert_eq!(arguments.text("sdp"), "a=newref:0", "it does not begin so");
        assert!(transaction.next(&[]).is_none());
    }

    #[test]
    fn a_reference_to_nothing_is_malformed() {
        let failed = Answer { id: RequestId::Null, result: Err(Failure::object_not_found("x")) };
        let nothing = Success { session: None, outcome: Outcome::Done };
        let answers = [failed, Answer { id: RequestId::Null, result: Ok(nothing) }];
        for index in ["0", "1", "2", "-1", "", "x", "99999999999999999999"] {
            let params = json!({"object": format!("newref:{index}"), "operation": "getName"});
            let mut transaction = Transaction::new(vec![operation(0, params)]).expect("well numbered");
            let failure = transaction.next(&answers).expect("one").expect_err("nothing to refer to");
            assert_eq!(failure.code, Code::MalformedTransaction, "{index}");
        }
    }

    #[test]
    fn operations_are_numbered_from_zero() {
        for (operations, message) in [
            (json!([{"id": 1}]), "Id of request '0' should be '0'"),
            (json!([{"id": 0}, {"id": 0}]), "Id of request '1' should be '1'"),
            (json!([7]), "Id of request '0' should be '0'"),
        ] {
            let Value::Array(operations) = operations else { panic!("a list") };
            let failure = Transaction::new(operations).expect_err("wrong numbers");
            assert_eq!((failure.code.number(), failure.message.as_str()), (40008, message));
        }
    }

    #[test]
    fn an_operation_that_is_no_request_fails_alone() {
        let mut transaction =
            Transaction::new(vec![json!({"id": 0, "method": "ping"})]).expect("well numbered");
        let failure = transaction.next(&[]).expect("one").expect_err("no version");
        assert_eq!(failure.code, Code::InvalidRequest);
    }
}
