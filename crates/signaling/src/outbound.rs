//! HTTP requests to others: key sets are fetched, webhooks delivered. One connection for each request, no
//! redirect is followed, and every answer has a bound in bytes and time.

use axum::http::uri::Scheme;
use axum::http::{HeaderMap, Method, Request, Uri, header};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use std::fmt;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// An address that requests go to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Target {
    host: String,
    port: u16,
    is_tls: bool,
    /// Path and query.
    path: String,
}

/// Why a text is no target of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It is no `http` or `https` URL.
    #[error("is no http or https URL")]
    NotHttp,
    /// It has a user name or password, which would end in logs.
    #[error("has a user name; put secrets elsewhere")]
    HasUser,
    /// It would cross a network in clear.
    #[error("must be https: only on this machine http is safe enough")]
    Clear,
}

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutboundError {
    #[error("cannot connect: {0}")]
    Connect(std::io::Error),
    #[error("TLS failed: {0}")]
    Tls(std::io::Error),
    #[error("no proper HTTP: {0}")]
    Http(#[from] hyper::Error),
    #[error("the answer is longer than {0} bytes or broke off")]
    Body(usize),
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

/// Makes requests. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Client {
    tls: TlsConnector,
}

impl Target {
    /// The target in `url`.
    pub(crate) fn parse(url: &str) -> Result<Self, TargetError> {
        let uri: Uri = url.parse().map_err(|_| TargetError::NotHttp)?;
        let authority = uri.authority().ok_or(TargetError::NotHttp)?;
        if authority.as_str().contains('@') {
            return Err(TargetError::HasUser);
        }
        let is_tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(TargetError::NotHttp),
        };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let is_named = ServerName::try_from(host.as_str()).is_ok();
        if is_named && port != 0 { Ok(Self { host, port, is_tls, path }) } else { Err(TargetError::NotHttp) }
    }

    /// The target in `url`, where what is sent must not be seen or changed on its way.
    pub(crate) fn parse_secure(url: &str) -> Result<Self, TargetError> {
        let target = Self::parse(url)?;
        let is_local = target.host == "localhost"
            || target.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        if target.is_tls || is_local { Ok(target) } else { Err(TargetError::Clear) }
    }

    fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let default = if self.is_tls { 443 } else { 80 };
        if self.port == default { host } else { format!("{host}:{}", self.port) }
    }
}

/// Without the path: some services put a secret there.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}/...", if self.is_tls { "https" } else { "http" }, self.authority())
    }
}

impl Client {
    /// A client that trusts the authorities of this system, or those in the file `SSL_CERT_FILE`. Reads them
    /// from the disk.
    pub(crate) fn new() -> Self {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        let (trusted, _) = roots.add_parsable_certificates(found.certs);
        if trusted == 0 {
            tracing::warn!("this system has no certificate authorities (ca-certificates): https will fail");
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has ciphers of every version")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { tls: TlsConnector::from(Arc::new(config)) }
    }

    /// Sends one request, and takes an answer of at most `bytes_max` bytes within `time_max`, connecting
    /// included. With 0 bytes only its status is looked at.
    pub(crate) async fn send(
        &self,
        target: &Target,
        method: Method,
        headers: HeaderMap,
        body: Bytes,
        bytes_max: usize,
        time_max: Duration,
    ) -> Result<Answer, OutboundError> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        // The path was parsed as part of a URL, so it is one.
        *request.uri_mut() = target.path.parse().unwrap_or_default();
        *request.headers_mut() = headers;
        let headers = request.headers_mut();
        if let Ok(host) = target.authority().parse() {
            headers.insert(header::HOST, host);
        }
        headers.insert(header::USER_AGENT, USER_AGENT);
        headers.insert(header::CONNECTION, CLOSE);
        let exchange = async {
            let stream = TcpStream::connect((target.host.as_str(), target.port))
                .await
                .map_err(OutboundError::Connect)?;
            if target.is_tls {
                let name = ServerName::try_from(target.host.clone()).expect("the target was parsed");
                let stream = self.tls.connect(name, stream).await.map_err(OutboundError::Tls)?;
                exchange(stream, request, bytes_max).await
            } else {
                exchange(stream, request, bytes_max).await
            }
        };
        tokio::time::timeout(time_max, exchange).await.unwrap_or(Err(OutboundError::TimedOut(time_max)))
    }
}

const USER_AGENT: axum::http::HeaderValue =
    axum::http::HeaderValue::from_static(concat!("keel/", env!("CARGO_PKG_VERSION")));
const CLOSE: axum::http::HeaderValue = axum::http::HeaderValue::from_static("close");

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
    bytes_max: usize,
) -> Result<Answer, OutboundError> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let answer = async {
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        if bytes_max == 0 {
            return Ok(Answer { status, body: Bytes::new() });
        }
        let body = Limited::new(response.into_body(), bytes_max).collect().await;
        let body = body.map_err(|_| OutboundError::Body(bytes_max))?.to_bytes();
        Ok(Answer { status, body })
    };
    let (mut answer, mut connection) = (pin!(answer), pin!(connection));
    tokio::select! {
        biased;
        answer = &mut answer => answer,
        // What it has read before its end is still to be taken.
        _ = &mut connection => answer.await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    #[test]
    fn targets_are_urls_with_a_host() {
        let target = Target::parse("https://hooks.example:8443/a?b=c").expect("a target");
        assert_eq!((target.authority().as_str(), target.path.as_str()), ("hooks.example:8443", "/a?b=c"));
        assert_eq!(format!("{target:?}"), "https://hooks.example:8443/...");
        let local = Target::parse("http://[::1]").expect("a target");
        assert_eq!((local.authority().as_str(), local.path.as_str()), ("[::1]", "/"));
        for (url, error) in [
            ("hooks.example", TargetError::NotHttp),
            ("/path", TargetError::NotHttp),
            ("ftp://hooks.example", TargetError::NotHttp),
            ("https://", TargetError::NotHttp),
            ("https://hooks.example:0/", TargetError::NotHttp),
            ("https://me:secret@hooks.example/", TargetError::HasUser),
        ] {
            assert_eq!(Target::parse(url).err(), Some(error), "{url}");
        }
    }

    #[test]
    fn what_must_be_secure_crosses_no_network_in_clear() {
        for url in ["https://keys.example", "http://127.0.0.1:1/", "http://[::1]/", "http://localhost/"] {
            assert!(Target::parse_secure(url).is_ok(), "{url}");
        }
        for url in ["http://keys.example", "http://10.0.0.1/", "http://localhost.evil.example/"] {
            assert_eq!(Target::parse_secure(url).err(), Some(TargetError::Clear), "{url}");
        }
    }

    /// What a server gets that answers with `answer`, and what the client makes of that.
    async fn asked(answer: &'static [u8], bytes_max: usize) -> (String, Result<Answer, OutboundError>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let served = async move {
            let (mut stream, _) = listener.accept().await.expect("a client");
            let mut heard = vec![0; 4096];
            let length = stream.read(&mut heard).await.expect("a request");
            heard.truncate(length);
            stream.write_all(answer).await.expect("it listens");
            String::from_utf8(heard).expect("text")
        };
        let target = Target::parse(&format!("http://127.0.0.1:{port}/keys")).expect("a target");
        let time = Duration::from_secs(5);
        let client = Client::new();
        let sent = client.send(&target, Method::GET, HeaderMap::new(), Bytes::new(), bytes_max, time);
        tokio::join!(served, sent)
    }

    #[tokio::test]
    async fn an_answer_is_taken_within_its_bound() {
        let (heard, answer) = asked(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", 2).await;
        assert!(
            heard.starts_with("GET /keys HTTP/1.1\r\n") && heard.contains("connection: close"),
            "{heard}"
        );
        let answer = answer.expect("an answer");
        assert_eq!((answer.status, &answer.body[..]), (200, &b"ok"[..]));
        let (_, long) = asked(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nlong", 2).await;
        assert!(matches!(long, Err(OutboundError::Body(2))));
        let (_, broken) = asked(b"hello", 2).await;
        assert!(matches!(broken, Err(OutboundError::Http(_))));
        let (_, unframed) = asked(b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1/\r\n\r\n", 2).await;
        assert_eq!(unframed.expect("an answer").status, 302, "no redirect is followed");
    }

    #[tokio::test]
    async fn silence_is_an_error_in_time() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let target = Target::parse(&format!("http://127.0.0.1:{port}/")).expect("a target");
        let time = Duration::from_millis(50);
        let answer = Client::new().send(&target, Method::GET, HeaderMap::new(), Bytes::new(), 1, time).await;
        assert!(matches!(answer, Err(OutboundError::TimedOut(_))));
        drop(listener);
        let answer = Client::new().send(&target, Method::GET, HeaderMap::new(), Bytes::new(), 1, time).await;
        assert!(matches!(answer, Err(OutboundError::Connect(_))));
    }
}
