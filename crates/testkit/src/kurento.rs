//! An application of Kurento that only negotiates: requests one after another over one WebSocket.

use crate::peer::PATIENCE;
use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

/// The offer of Chromium 156 by kurento-utils 7.3.0, audio and video both ways.
const OFFER: &str = include_str!("../../media/tests/fixtures/chromium156-kurento-utils-sendrecv.offer.sdp");

/// One application with its session.
#[derive(Debug)]
pub struct KurentoClient {
    socket: WebSocketStream<TcpStream>,
    requests: u64,
}

impl KurentoClient {
    /// Connects to `url`, a `ws://HOST:PORT/kurento`.
    ///
    /// # Errors
    /// When there is no such server.
    pub async fn connect(url: &str) -> Result<Self> {
        let authority = url.strip_prefix("ws://").and_then(|rest| rest.split('/').next());
        let authority = authority.with_context(|| format!("{url:?} is no ws:// URL"))?;
        let stream = TcpStream::connect(authority).await.context("is the server running?")?;
        stream.set_nodelay(true)?;
        let (socket, _) = client_async(url, stream).await?;
        Ok(Self { socket, requests: 0 })
    }

    /// Sends a request; the value of its answer. Events that come before it are passed over.
    ///
    /// # Errors
    /// When it is refused, or not answered in time.
    pub async fn call(&mut self, method: &str, params: Value) -> Result<Value> {
        self.requests += 1;
        let request = json!({"jsonrpc": "2.0", "id": self.requests, "method": method, "params": params});
        self.socket.send(Message::text(request.to_string())).await?;
        loop {
            let frame = timeout(PATIENCE, self.socket.next()).await.context("no answer in time")?;
            let Message::Text(text) = frame.context("the server closed the connection")?? else { continue };
            let mut answer: Value = serde_json::from_str(&text)?;
            if answer["id"] != self.requests {
                continue;
            }
            if let Some(error) = answer.get("error") {
                bail!("{method}: {error}");
            }
            return Ok(answer["result"]["value"].take());
        }
    }

    /// Creates an object; its id.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn create(&mut self, class: &str, params: Value) -> Result<String> {
        let id = self.call("create", json!({"type": class, "constructorParams": params})).await?;
        id.as_str().map(str::to_owned).context("an id is text")
    }

    /// One `WebRtcEndpoint` as an application uses it: created, subscribed to, negotiated with a browser's
    /// offer, its candidates gathered, and released again.
    ///
    /// # Errors
    /// As [`Self::call`], and when the answer is no description.
    pub async fn negotiate_and_release(&mut self, pipeline: &str) -> Result<()> {
        let object = self.create("WebRtcEndpoint", json!({"mediaPipeline": pipeline})).await?;
        self.call("subscribe", json!({"object": object, "type": "IceCandidateFound"})).await?;
        let offer =
            json!({"object": object, "operation": "processOffer", "operationParams": {"offer": OFFER}});
        let answer = self.call("invoke", offer).await?;
        if !answer.as_str().is_some_and(|sdp| sdp.starts_with("v=0") && sdp.contains("m=video")) {
            bail!("no answer to the offer: {answer}");
        }
        self.call("invoke", json!({"object": object, "operation": "gatherCandidates"})).await?;
        self.call("release", json!({"object": object})).await?;
        Ok(())
    }
}
