//! The HTTPS port, which TURN clients may use as well: a network that lets out nothing but the web lets them out.
//! Both are TLS; what is within is told by the protocol that the client named (RFC 7443), else by its first byte: a
//! request of HTTP begins with a letter, a client's first message of STUN with two bits that are zero (RFC 8489 §5).

use axum_server::accept::Accept;
use keel_turn::TurnServer;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

/// How long a client may say nothing; browsers open connections before they know what for.
const FIRST_BYTE_MAX: Duration = Duration::from_secs(10);
/// RFC 8489 §5: above are letters.
const STUN_MAX: u8 = 0x3f;

/// Accepts what `inner` accepts, and gives away what is TURN.
#[derive(Clone)]
pub(crate) struct SharedPort<A> {
    inner: A,
    turn: Option<TurnServer>,
}

impl<A> SharedPort<A> {
    /// Shares with this server; with none it shares nothing.
    pub(crate) fn new(inner: A, turn: Option<TurnServer>) -> Self {
        Self { inner, turn }
    }
}

/// Why a connection is no matter of HTTP, which is no failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Aside {
    /// The TURN server has it.
    Turn,
    /// It ended or stayed silent.
    Silent,
}

impl Aside {
    /// Whether this is behind an error of accepting.
    pub(crate) fn is_behind(error: &io::Error) -> bool {
        error.get_ref().is_some_and(|inner| inner.is::<Self>())
    }
}

impl fmt::Display for Aside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Turn => "a TURN client",
            Self::Silent => "nothing was said",
        })
    }
}

impl std::error::Error for Aside {}

impl<A, S> Accept<TcpStream, S> for SharedPort<A>
where
    A: Accept<TcpStream, S, Stream = TlsStream<TcpStream>>,
    A::Future: Send + 'static,
    A::Service: Send + 'static,
{
    type Stream = Begun<TlsStream<TcpStream>>;
    type Service = A::Service;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, A::Service)>> + Send>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let addresses = stream.local_addr().and_then(|local| Ok((local, stream.peer_addr()?)));
        let accepted = self.inner.accept(stream, service);
        let turn = self.turn.clone();
        Box::pin(async move {
            let (mut stream, service) = accepted.await?;
            let Some(turn) = turn else { return Ok((Begun { first: None, stream }, service)) };
            let (local, remote) = addresses?;
            let protocol = stream.get_ref().1.alpn_protocol();
            let first = if protocol.is_some_and(|name| name.starts_with(b"stun.")) {
                None
            } else {
                let first = timeout(FIRST_BYTE_MAX, stream.read_u8()).await;
                let first = first.ok().and_then(Result::ok).ok_or_else(|| io::Error::other(Aside::Silent))?;
                if first > STUN_MAX {
                    return Ok((Begun { first: Some(first), stream }, service));
                }
                Some(first)
            };
            turn.adopt(local, remote, Begun { first, stream }).await;
            Err(io::Error::other(Aside::Turn))
        })
    }
}

/// A stream of which the first byte was read already.
#[derive(Debug)]
pub(crate) struct Begun<S> {
    first: Option<u8>,
    stream: S,
}

impl<S: AsyncRead + Unpin> AsyncRead for Begun<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buffer.remaining() > 0
            && let Some(first) = self.first.take()
        {
            buffer.put_slice(&[first]);
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Begun<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Tls;
    use crate::health::pinned_connection;
    use crate::tls::CertificateFiles;
    use axum::Router;
    use axum::routing::get;
    use axum_server::accept::NoDelayAcceptor;
    use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
    use keel_turn::{Credentials, Doors, OwnSocket, PeerPolicy, RelayAddresses, TurnConfig, TurnLimits};
    use rustls::StreamOwned;
    use std::io::{Read, Write};
    use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream as Tcp, UdpSocket};
    use std::process::Command;
    use std::time::SystemTime;
    use tokio::io::AsyncWriteExt;
    use tokio::task::{JoinSet, spawn_blocking};

    const HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const SECRET: &str = "a-secret-of-this-test";

    #[tokio::test]
    async fn what_was_read_to_tell_is_read_again() {
        let (mut near, far) = tokio::io::duplex(64);
        near.write_all(b"ET / HTTP/1.1").await.expect("room");
        drop(near);
        let mut text = String::new();
        Begun { first: Some(b'G'), stream: far }.read_to_string(&mut text).await.expect("text");
        assert_eq!(text, "GET / HTTP/1.1");
    }

    /// A TURN server without a door of its own, which relays to whatever is on loopback.
    fn turn() -> TurnServer {
        let every_port = (1..=u16::MAX).map(|port| {
            let socket = SocketAddr::new(HOST, port);
            OwnSocket { announced: socket, local: socket }
        });
        let config = TurnConfig {
            realm: "keel".into(),
            credentials: Credentials::new(SECRET.as_bytes(), Duration::from_hours(1)),
            relay: RelayAddresses { external: Vec::new(), host: vec![HOST], ports: 49_152..=65_535 },
            peers: PeerPolicy::media_only(every_port),
            limits: TurnLimits::default(),
        };
        TurnServer::start(config, Doors::default()).expect("a thread")
    }

    // covers: RFC 7443 §3
    #[tokio::test(flavor = "multi_thread")]
    async fn one_port_serves_pages_and_coturns_client() {
        let dir = tempfile::tempdir().expect("a directory");
        let files = CertificateFiles::of(&Tls::SelfSigned, dir.path()).expect("files");
        files.ensure_self_signed(vec!["127.0.0.1".into()], SystemTime::now()).expect("made");
        let config = RustlsConfig::from_config(files.shared_config().expect("it serves"));
        let turn = turn();
        let listener = TcpListener::bind((HOST, 0)).expect("a free port");
        let place = listener.local_addr().expect("bound");
        let acceptor = RustlsAcceptor::new(config).acceptor(NoDelayAcceptor::new());
        let server = axum_server::from_tcp(listener)
            .expect("a listener")
            .acceptor(SharedPort::new(acceptor, Some(turn.clone())));
        let pages = Router::new().route("/", get(|| async { "a page" })).into_make_service();
        let mut servers = JoinSet::new();
        servers.spawn(server.serve(pages));

        let page = spawn_blocking(move || {
            let connection = pinned_connection(&files, "127.0.0.1").expect("a client");
            let mut stream = StreamOwned::new(connection, Tcp::connect(place).expect("it listens"));
            stream.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("sent");
            let mut text = String::new();
            // A server that hangs up without saying so has still answered.
            let _ = stream.read_to_string(&mut text);
            text
        });
        let page = page.await.expect("no panic");
        assert!(page.starts_with("HTTP/1.0 200") && page.ends_with("a page"), "{page}");

        let echo = UdpSocket::bind((HOST, 0)).expect("a free port");
        let peer = echo.local_addr().expect("bound").port().to_string();
        // It ends with the process: a datagram for it comes from nobody else.
        std::thread::spawn(move || {
            let mut buffer = [0; 2048];
            while let Ok((length, from)) = echo.recv_from(&mut buffer) {
                let _ = echo.send_to(&buffer[..length], from);
            }
        });
        let port = place.port().to_string();
        let relayed = spawn_blocking(move || {
            let flags = ["-t", "-S", "-W", SECRET, "-u", "tester", "-e", "127.0.0.1", "-r", &peer, "-c"];
            let rest = ["-m", "2", "-l", "170", "-n", "20", "-z", "5", "-p", &port, "127.0.0.1"];
            Command::new("turnutils_uclient").args(flags).args(rest).output()
        });
        let output = relayed.await.expect("no panic").expect("turnutils_uclient: apt-get install coturn");
        let text =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(text.contains("Total lost packets 0 "), "{text}");
        let counts = turn.snapshot().await.expect("it runs").counts;
        assert!(counts.to_clients.packets >= 40, "{counts:?}");
        turn.stop().await;
    }
}
