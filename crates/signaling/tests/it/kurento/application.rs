//! An application's end of the socket.

use crate::keel::{Keel, PATIENCE};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::collections::VecDeque;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

pub(super) const MANAGER: &str = "manager_ServerManager";

/// One open socket. Like the real clients it copies the session from what it hears.
pub(super) struct Application {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    next_id: u64,
    pub(super) session: Option<String>,
    /// Events that nobody has asked for yet.
    events: VecDeque<Value>,
}

impl Application {
    pub(super) async fn open(keel: &Keel) -> Self {
        Self::try_open(keel, "/kurento", &[]).await.expect("the socket opens")
    }

    /// The status that the server refuses with, if it does.
    pub(super) async fn try_open(
        keel: &Keel,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, u16> {
        let mut request = format!("ws://{}{path}", keel.kurento).into_client_request().expect("a request");
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).expect("a header's value");
            request.headers_mut().insert(HeaderName::from_static(name), value);
        }
        match connect_async(request).await {
            Ok((socket, _)) => Ok(Self { socket, next_id: 0, session: None, events: VecDeque::new() }),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("no answer: {error}"),
        }
    }

    /// Sends a request and does not wait for its answer; its id.
    pub(super) async fn post(&mut self, method: &str, mut params: Value) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        if let (Some(session), Some(params)) = (&self.session, params.as_object_mut()) {
            params.entry("sessionId").or_insert_with(|| json!(session));
        }
        self.say(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string()).await;
        id
    }

    pub(super) async fn say(&mut self, text: &str) {
        self.send(Message::text(text)).await;
    }

    pub(super) async fn send(&mut self, frame: Message) {
        self.socket.send(frame).await.expect("sent");
    }

    /// Sends what the server may cut off halfway.
    pub(super) async fn push(&mut self, frame: Message) {
        // An error here is the cut; what the server says is then read as ever.
        let _ = self.socket.send(frame).await;
    }

    /// The next answer. Answers come in the order of their requests, so whose it is is checked, not chosen.
    pub(super) async fn hears_answer(&mut self) -> Value {
        loop {
            let message = self.hears().await;
            if message["method"] == "onEvent" {
                self.events.push_back(message);
                continue;
            }
            if let Some(session) = message["result"]["sessionId"].as_str() {
                self.session = Some(session.to_owned());
            }
            return message;
        }
    }

    /// The answer to a request, the next one that comes.
    pub(super) async fn answer(&mut self, id: u64) -> Value {
        let answer = self.hears_answer().await;
        assert_eq!(answer["id"], id, "{answer}");
        answer
    }

    /// What a request that succeeds is answered with.
    pub(super) async fn result(&mut self, method: &str, params: Value) -> Value {
        let id = self.post(method, params).await;
        let mut answer = self.answer(id).await;
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].take()
    }

    /// The error of a request that fails.
    pub(super) async fn refusal(&mut self, method: &str, params: Value) -> Value {
        let id = self.post(method, params).await;
        let mut answer = self.answer(id).await;
        assert!(answer.get("result").is_none(), "{method}: {answer}");
        answer["error"].take()
    }

    pub(super) async fn refusal_code(&mut self, method: &str, params: Value) -> i64 {
        self.refusal(method, params).await["code"].as_i64().expect("a code")
    }

    /// A new object's id.
    pub(super) async fn create(&mut self, class: &str, params: Value) -> String {
        let result = self.result("create", json!({"type": class, "constructorParams": params})).await;
        result["value"].as_str().expect("an id").to_owned()
    }

    pub(super) async fn invoke(&mut self, object: &str, operation: &str, params: Value) -> Value {
        let params = json!({"object": object, "operation": operation, "operationParams": params});
        self.result("invoke", params).await["value"].take()
    }

    pub(super) async fn name_of(&mut self, object: &str) -> Value {
        self.invoke(object, "getName", json!({})).await
    }

    /// The next event of this type; others before it are dropped.
    pub(super) async fn event(&mut self, name: &str) -> Value {
        loop {
            let mut event = match self.events.pop_front() {
                Some(event) => event,
                None => self.hears().await,
            };
            assert_eq!(event["method"], "onEvent", "{event}");
            if event["params"]["value"]["type"] == name {
                return event["params"]["value"].take();
            }
        }
    }

    /// The next message.
    pub(super) async fn hears(&mut self) -> Value {
        loop {
            match self.frame().await {
                Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).expect("JSON"),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("no message but {other:?}"),
            }
        }
    }

    /// The code and the reason with which the server closes, after whatever it still had to say.
    pub(super) async fn is_closed_with(&mut self) -> (u16, String) {
        loop {
            match self.frame().await {
                Some(Ok(Message::Close(Some(frame)))) => {
                    return (frame.code.into(), frame.reason.as_str().to_owned());
                }
                Some(Ok(_)) => {}
                other => panic!("no close but {other:?}"),
            }
        }
    }

    /// Closes in order and waits for the server's end of it.
    pub(super) async fn close(mut self) {
        self.socket.close(None).await.expect("closes");
        while let Some(Ok(_)) = self.frame().await {}
    }

    async fn frame(&mut self) -> Option<Result<Message, Error>> {
        timeout(PATIENCE, self.socket.next()).await.expect("the server says something in time")
    }
}
