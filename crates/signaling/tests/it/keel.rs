//! A server for one test, and plain HTTP requests to it.

use axum::Router;
use keel_media::{MediaConfig, MediaServer};
use keel_signaling::{AppState, Config, Store, kurento_router, router};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Long enough for a busy machine; only a failing test waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A running server. It ends with the test.
pub(crate) struct Keel {
    pub(crate) address: SocketAddr,
    /// Where the Kurento protocol is spoken.
    pub(crate) kurento: SocketAddr,
    pub(crate) state: AppState,
    pub(crate) media: MediaServer,
    serving: [JoinHandle<std::io::Result<()>>; 2],
}

/// An HTTP answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Header lines with lower-case names.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Keel {
    pub(crate) async fn start(config: Config) -> Self {
        Self::with_store(config, Store::in_memory().expect("memory")).await
    }

    pub(crate) async fn with_store(config: Config, store: Store) -> Self {
        let media = MediaServer::start(MediaConfig {
            workers: 1,
            bind: vec![Ipv4Addr::LOCALHOST.into()],
            port_base: 0,
            ..MediaConfig::default()
        })
        .expect("media starts on loopback");
        let state = AppState::new(config, media.clone(), store);
        let (address, page) = serve(router(state.clone())).await;
        let (kurento, protocol) = serve(kurento_router(state.clone())).await;
        Self { address, kurento, state, media, serving: [page, protocol] }
    }

    pub(crate) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask("GET", path, headers).await
    }

    /// A request without a body.
    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(method, path, headers, "").await
    }

    /// A request with a body.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let length = body.len();
        let mut request =
            format!("{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {length}\r\n");
        if !headers.iter().any(|(name, _)| *name == "host") {
            request.push_str(&format!("Host: {}\r\n", self.address));
        }
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        request.push_str(body);
        let address = self.address;
        tokio::task::spawn_blocking(move || exchange(address, &request)).await.expect("the request is made")
    }

    /// A value of `/metrics`; 0 for a counter that does not exist yet.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let answer = self.get("/metrics", &[]).await;
        assert_eq!(answer.status, 200);
        let line = answer.body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0, |value| value.parse().expect("a number"))
    }
}

impl Drop for Keel {
    fn drop(&mut self) {
        self.serving.iter().for_each(JoinHandle::abort);
    }
}

async fn serve(router: Router) -> (SocketAddr, JoinHandle<std::io::Result<()>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    (address, tokio::spawn(async move { axum::serve(listener, service).await }))
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

fn exchange(address: SocketAddr, request: &str) -> Answer {
    let mut stream = TcpStream::connect(address).expect("connects");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    stream.write_all(request.as_bytes()).expect("writes");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("reads");
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status line");
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    Answer { status: status.parse().expect("a number"), headers, body: body.to_owned() }
}
