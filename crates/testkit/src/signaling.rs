//! A client of the call protocol (JSON over WebSocket), message by message.
//!
//! The messages are written down here once more instead of taken from the server, so that a server that
//! renames one fails a test.

use crate::peer::PATIENCE;
use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use keel_media::IceCandidate;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{WebSocketStream, client_async};

/// What a client sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "id", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ToServer {
    /// Takes a name.
    Register {
        /// The name.
        name: String,
        /// Claims the name, or shows that it is this user's.
        #[serde(skip_serializing_if = "Option::is_none")]
        secret: Option<String>,
    },
    /// Calls somebody.
    Call {
        /// The caller's name.
        from: String,
        /// The callee's name.
        to: String,
        /// The caller's session description.
        sdp_offer: String,
    },
    /// Answers [`FromServer::IncomingCall`].
    IncomingCallResponse {
        /// The caller's name.
        from: String,
        /// `accept` or `reject`.
        call_response: String,
        /// With `accept`: the callee's session description.
        #[serde(skip_serializing_if = "Option::is_none")]
        sdp_offer: Option<String>,
        /// With `reject`: why.
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// A candidate of this client's peer.
    OnIceCandidate {
        /// The candidate.
        candidate: Candidate,
    },
    /// Ends the call, or takes it back.
    Stop,
}

/// What the server sends. Fields that are not named here are ignored.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "id", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum FromServer {
    /// The answer to [`ToServer::Register`].
    RegisterResponse {
        /// `accepted`, or something that begins with `rejected`.
        response: String,
        /// Why it was rejected.
        message: Option<String>,
    },
    /// Somebody calls.
    IncomingCall {
        /// The caller's name.
        from: String,
    },
    /// The answer to [`ToServer::Call`].
    CallResponse {
        /// `accepted`, or something that begins with `rejected`.
        response: String,
        /// With `accepted`.
        sdp_answer: Option<String>,
        /// Why it was rejected.
        message: Option<String>,
    },
    /// The callee's session description was taken.
    StartCommunication {
        /// The answer to it.
        sdp_answer: String,
    },
    /// A candidate of the server.
    IceCandidate {
        /// The candidate.
        candidate: Candidate,
    },
    /// The call has ended.
    StopCommunication {
        /// Why, where there is more to say than that the other side hung up.
        message: Option<String>,
    },
    /// The last message was refused.
    Error {
        /// Why.
        message: String,
    },
}

/// A candidate as browsers write it (W3C `RTCIceCandidateInit`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// `candidate:...`, or empty for the end of candidates.
    pub candidate: String,
    /// The m-line's tag.
    pub sdp_mid: Option<String>,
    /// The m-line's index.
    #[serde(rename = "sdpMLineIndex")]
    pub sdp_mline_index: Option<u16>,
}

impl From<IceCandidate> for Candidate {
    fn from(IceCandidate { candidate, sdp_mid, sdp_mline_index }: IceCandidate) -> Self {
        Self { candidate, sdp_mid, sdp_mline_index }
    }
}

impl From<Candidate> for IceCandidate {
    fn from(Candidate { candidate, sdp_mid, sdp_mline_index }: Candidate) -> Self {
        Self { candidate, sdp_mid, sdp_mline_index }
    }
}

/// Whom a client trusts when the URL begins with `wss:`.
#[derive(Clone, Debug, Default)]
pub enum Trust {
    /// Nobody: such URLs are refused.
    #[default]
    Nobody,
    /// The holder of this one certificate (PEM), self-signed or not.
    Certificate(Vec<u8>),
}

/// One WebSocket connection to the server.
pub struct SignalingClient {
    socket: WebSocketStream<Box<dyn Transport>>,
}

/// TCP, bare or under TLS.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Transport for T {}

impl SignalingClient {
    /// Connects to `url` (`ws://host:port/call` or `wss:`).
    ///
    /// # Errors
    /// When nobody listens there, the certificate is another one, or the server refuses the upgrade.
    pub async fn connect(url: &str, trust: &Trust) -> Result<Self> {
        let (socket, _) = client_async(url, dial(url, trust).await?).await?;
        Ok(Self { socket })
    }

    /// Sends a message.
    ///
    /// # Errors
    /// When the connection is closed.
    pub async fn send(&mut self, message: &ToServer) -> Result<()> {
        self.send_text(serde_json::to_string(message)?).await
    }

    /// Sends a text, message or not.
    ///
    /// # Errors
    /// When the connection is closed.
    pub async fn send_text(&mut self, text: impl Into<String>) -> Result<()> {
        Ok(self.socket.send(Message::text(text.into())).await?)
    }

    /// Sends bytes as a binary message, which the protocol does not have.
    ///
    /// # Errors
    /// When the connection is closed.
    pub async fn send_binary(&mut self, bytes: Vec<u8>) -> Result<()> {
        Ok(self.socket.send(Message::binary(bytes)).await?)
    }

    /// The server's next message. Dropping the future loses nothing.
    ///
    /// # Errors
    /// When the connection closes, the message is not one of the protocol's, or none comes within
    /// [`PATIENCE`].
    pub async fn next(&mut self) -> Result<FromServer> {
        let text = self.next_text().await?;
        serde_json::from_str(&text).with_context(|| format!("not a message of the protocol: {text}"))
    }

    /// The server's next message as it is written, for protocols that are not [`FromServer`]'s. Dropping the
    /// future loses nothing.
    ///
    /// # Errors
    /// When the connection closes, or none comes within [`PATIENCE`].
    pub async fn next_text(&mut self) -> Result<String> {
        match self.next_frame().await? {
            Frame::Text(text) => Ok(text),
            Frame::Closed(code) => bail!("the server closed the connection with code {code:?}"),
        }
    }

    /// The code with which the server closes the connection; messages before that are passed over.
    ///
    /// # Errors
    /// When it is not closed within [`PATIENCE`], or without a code.
    pub async fn closed(&mut self) -> Result<u16> {
        loop {
            if let Frame::Closed(code) = self.next_frame().await? {
                return code.context("the connection was closed without a code");
            }
        }
    }

    async fn next_frame(&mut self) -> Result<Frame> {
        loop {
            let frame = tokio::time::timeout(PATIENCE, self.socket.next())
                .await
                .with_context(|| format!("the server said nothing within {PATIENCE:?}"))?;
            match frame.transpose()? {
                Some(Message::Text(text)) => return Ok(Frame::Text(text.to_string())),
                Some(Message::Close(frame)) => {
                    return Ok(Frame::Closed(frame.map(|CloseFrame { code, .. }| code.into())));
                }
                None => return Ok(Frame::Closed(None)),
                Some(_) => {}
            }
        }
    }
}

enum Frame {
    Text(String),
    Closed(Option<u16>),
}

/// Connects to the server of a URL whose scheme is `ws`, `wss`, `http` or `https`.
pub(crate) async fn dial(url: &str, trust: &Trust) -> Result<Box<dyn Transport>> {
    let (scheme, rest) = url.split_once("://").context("the URL has no scheme")?;
    let authority = rest.split('/').next().unwrap_or_default();
    let (host, _) = authority.rsplit_once(':').context("the URL has no port")?;
    let tcp = TcpStream::connect(authority)
        .await
        .with_context(|| format!("nobody listens at {authority}: is the server running?"))?;
    tcp.set_nodelay(true)?;
    match scheme {
        "ws" | "http" => Ok(Box::new(tcp)),
        "wss" | "https" => {
            let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())?;
            Ok(Box::new(connector(trust)?.connect(name, tcp).await?))
        }
        other => bail!("{other} is no scheme that is known here"),
    }
}

fn connector(trust: &Trust) -> Result<TlsConnector> {
    let Trust::Certificate(pem) = trust else { bail!("no certificate to trust was given") };
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pem)?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_the_names_that_front_ends_use() {
        let json = |message: &ToServer| serde_json::to_string(message).expect("plain data serializes");
        let candidate =
            Candidate { candidate: "c".into(), sdp_mid: Some("0".into()), sdp_mline_index: Some(0) };
        assert_eq!(
            json(&ToServer::OnIceCandidate { candidate }),
            r#"{"id":"onIceCandidate","candidate":{"candidate":"c","sdpMid":"0","sdpMLineIndex":0}}"#
        );
        let accept = ToServer::IncomingCallResponse {
            from: "a".into(),
            call_response: "accept".into(),
            sdp_offer: Some("v=0".into()),
            message: None,
        };
        assert_eq!(
            json(&accept),
            r#"{"id":"incomingCallResponse","from":"a","callResponse":"accept","sdpOffer":"v=0"}"#
        );
        let rejected: FromServer =
            serde_json::from_str(r#"{"id":"callResponse","response":"rejected ","message":"busy"}"#)
                .expect("a message as Kurento's server sends it");
        assert_eq!(
            rejected,
            FromServer::CallResponse {
                response: "rejected ".into(),
                sdp_answer: None,
                message: Some("busy".into())
            }
        );
    }

    #[tokio::test]
    async fn without_a_server_the_error_says_so() {
        let error = SignalingClient::connect("ws://127.0.0.1:1/call", &Trust::Nobody)
            .await
            .err()
            .expect("port 1 is closed");
        assert!(error.to_string().contains("is the server running?"), "{error}");
    }
}
