//! Plain HTTP requests, one a connection: what WHIP and WHEP need.

use crate::peer::PATIENCE;
use crate::signaling::{Trust, dial};
use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// A server that requests go to.
#[derive(Clone, Debug)]
pub struct HttpClient {
    base: String,
    trust: Trust,
    token: Option<String>,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct HttpAnswer {
    /// Its status.
    pub status: u16,
    /// Its header fields, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: String,
}

impl HttpClient {
    /// Requests to the server at `url`, of which scheme, host and port count. `localhost` becomes 127.0.0.1, which
    /// needs no lookup.
    #[must_use]
    pub fn new(url: &str, trust: Trust) -> Self {
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        let authority = rest.split('/').next().unwrap_or_default().replace("localhost", "127.0.0.1");
        Self { base: format!("{scheme}://{authority}"), trust, token: None }
    }

    /// With each request this token is shown.
    #[must_use]
    pub fn with_token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// Sends a request and waits for the whole answer.
    ///
    /// # Errors
    /// When the server is not there, or does not answer in time.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<HttpAnswer> {
        let host = self.base.rsplit('/').next().unwrap_or_default();
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {}\r\n",
            body.len()
        );
        if let Some(token) = &self.token {
            request += &format!("Authorization: Bearer {token}\r\n");
        }
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        request += "\r\n";
        request += body;
        let exchange = async {
            let mut stream = dial(&self.base, &self.trust).await?;
            stream.write_all(request.as_bytes()).await?;
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).await?;
            anyhow::Ok(bytes)
        };
        let bytes = timeout(PATIENCE, exchange).await.context("no answer in time")??;
        HttpAnswer::parse(&String::from_utf8(bytes)?)
    }
}

impl HttpAnswer {
    /// A header field.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    fn parse(text: &str) -> Result<Self> {
        let (head, body) = text.split_once("\r\n\r\n").context("an answer without an end of its head")?;
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).context("no status line")?;
        let fields = lines.filter_map(|line| line.split_once(": "));
        Ok(Self {
            status: status.parse()?,
            headers: fields.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect(),
            body: body.to_owned(),
        })
    }
}
