//! A browser's end of the call socket.

use crate::keel::{Keel, PATIENCE};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// One open socket.
pub(crate) struct Browser {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Browser {
    pub(crate) async fn open(keel: &Keel) -> Self {
        Self::try_open(keel, "/call", &[]).await.expect("the socket opens")
    }

    /// The status that the server refuses with, if it does.
    pub(crate) async fn try_open(
        keel: &Keel,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, u16> {
        let mut request = format!("ws://{}{path}", keel.address).into_client_request().expect("a request");
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).expect("a header's value");
            request.headers_mut().insert(HeaderName::from_static(name), value);
        }
        match connect_async(request).await {
            Ok((socket, _)) => Ok(Self { socket }),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("no answer: {error}"),
        }
    }

    /// A browser with a registered user, and the user's token.
    pub(crate) async fn registered(keel: &Keel, name: &str) -> (Self, String) {
        let mut browser = Self::open(keel).await;
        browser.say(json!({"id": "register", "name": name})).await;
        let answer = browser.hears().await;
        assert_eq!(answer["response"], "accepted", "{answer}");
        let token = answer["resumeToken"].as_str().expect("a token").to_owned();
        (browser, token)
    }

    pub(crate) async fn say(&mut self, message: Value) {
        self.send(Message::text(message.to_string())).await;
    }

    pub(crate) async fn send(&mut self, frame: Message) {
        self.socket.send(frame).await.expect("sent");
    }

    /// Sends what the server may cut off halfway.
    pub(crate) async fn push(&mut self, frame: Message) {
        // An error here is the cut; what the server says is then read as ever.
        let _ = self.socket.send(frame).await;
    }

    /// The next message.
    pub(crate) async fn hears(&mut self) -> Value {
        loop {
            match self.frame().await {
                Some(Message::Text(text)) => return serde_json::from_str(&text).expect("JSON"),
                Some(Message::Ping(_) | Message::Pong(_)) => {}
                other => panic!("no message but {other:?}"),
            }
        }
    }

    /// The code with which the server closes, after whatever it still had to say.
    pub(crate) async fn is_closed_with(&mut self) -> u16 {
        loop {
            match self.frame().await {
                Some(Message::Close(Some(frame))) => return frame.code.into(),
                Some(Message::Text(_) | Message::Ping(_) | Message::Pong(_)) => {}
                other => panic!("no close but {other:?}"),
            }
        }
    }

    /// Answers `count` pings of the server.
    pub(crate) async fn answers_pings(&mut self, count: usize) {
        let mut seen = 0;
        while seen < count {
            match self.frame().await {
                Some(Message::Ping(_)) => seen += 1,
                other => panic!("no ping but {other:?}"),
            }
        }
    }

    /// Closes as a browser does whose tab is closed.
    pub(crate) async fn goes_away(mut self) {
        let frame = CloseFrame { code: CloseCode::Away, reason: "".into() };
        self.socket.close(Some(frame)).await.expect("closes");
        while let Some(Ok(_)) = self.frame_or_error().await {}
    }

    pub(crate) async fn close(mut self) {
        self.socket.close(None).await.expect("closes");
        while let Some(Ok(_)) = self.frame_or_error().await {}
    }

    async fn frame(&mut self) -> Option<Message> {
        self.frame_or_error().await.map(|frame| frame.expect("a frame"))
    }

    async fn frame_or_error(&mut self) -> Option<Result<Message, Error>> {
        timeout(PATIENCE, self.socket.next()).await.expect("the server says something in time")
    }
}
