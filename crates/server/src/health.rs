//! `keel --health-check`: asks a running server for `/healthz`, for images that have no `curl`.

use crate::config::Config;
use crate::tls::CertificateFiles;
use anyhow::{Context, bail, ensure};
use axum::http::Uri;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpStream, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A server that takes longer to say that it is well is not well.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(3);

/// Bytes of an answer that are read; the status line is in the first few.
const ANSWER_BYTES_MAX: u64 = 4096;

/// Succeeds when the server at `url`, or the one that `config` describes, answers 200.
///
/// # Errors
/// When it does not, or not within three seconds; over HTTPS also when it shows another certificate than
/// the configured one.
pub(crate) fn check(config: &Config, url: Option<&str>) -> anyhow::Result<()> {
    let (url, status) = status(config, url)?;
    ensure!(status == "200", "{url} answered {status}");
    Ok(())
}

/// The status that the server at `url`, or the one that `config` describes, answers with, and the URL.
///
/// # Errors
/// As for [`check`], when there is no answer.
pub(crate) fn status(config: &Config, url: Option<&str>) -> anyhow::Result<(String, String)> {
    let files = CertificateFiles::of(&config.tls, Path::new(&config.settings.data_dir));
    let url = match url {
        Some(url) => url.to_owned(),
        None => own_url(config, files.is_some())?,
    };
    let uri: Uri = url.parse().with_context(|| format!("{url:?} is no URL"))?;
    let host = uri.host().with_context(|| format!("{url:?} names no host"))?;
    let tls = match uri.scheme_str() {
        Some("http") => false,
        Some("https") => true,
        _ => bail!("{url:?} does not begin with http:// or https://"),
    };
    let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
    let path = if uri.path() == "/" { "/healthz" } else { uri.path() };
    let bare_host = host.trim_start_matches('[').trim_end_matches(']');

    let stream = connect(bare_host, port)?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n");
    let status = if tls {
        let files = files.context("https:// needs the TLS settings of the server that is asked")?;
        ask(StreamOwned::new(pinned_connection(&files, bare_host)?, stream), &request)?
    } else {
        ask(stream, &request)?
    };
    Ok((url, status))
}

fn own_url(config: &Config, tls: bool) -> anyhow::Result<String> {
    let http = &config.settings.http;
    ensure!(http.port != 0, "http.port is 0: give the URL, as in --health-check http://localhost:8080/");
    let host = match http.addresses.first().context("http.addresses is empty")? {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.to_string(),
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) if ip.is_unspecified() => format!("[{}]", Ipv6Addr::LOCALHOST),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    Ok(format!("{}://{host}:{}/", if tls { "https" } else { "http" }, http.port))
}

fn connect(host: &str, port: u16) -> anyhow::Result<TcpStream> {
    let addresses = (host, port).to_socket_addrs().with_context(|| format!("cannot look up {host}"))?;
    let mut refusal = None;
    for address in addresses {
        match TcpStream::connect_timeout(&address, TIMEOUT) {
            Ok(stream) => {
                stream.set_read_timeout(Some(TIMEOUT))?;
                stream.set_write_timeout(Some(TIMEOUT))?;
                return Ok(stream);
            }
            Err(error) => {
                refusal = Some(anyhow::Error::new(error).context(format!("cannot reach {address}")))
            }
        }
    }
    Err(refusal.unwrap_or_else(|| anyhow::anyhow!("{host} has no address")))
}

/// Sends the request; the answer's status.
fn ask(mut stream: impl Read + Write, request: &str) -> anyhow::Result<String> {
    stream.write_all(request.as_bytes()).context("the server did not take the request")?;
    let mut answer = Vec::new();
    // A TLS peer that hangs up without saying so has still answered.
    let ended = stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer);
    let text = String::from_utf8_lossy(&answer);
    let mut words = text.split_ascii_whitespace();
    match (words.next(), words.next()) {
        (Some(version), Some(status)) if version.starts_with("HTTP/1.") => Ok(status.to_owned()),
        _ => {
            ended.context("the server did not answer")?;
            bail!("the answer is not HTTP");
        }
    }
}

/// A TLS client that accepts the certificate in these files and no other.
///
/// # Errors
/// When the files cannot be read, or the host is none.
pub(crate) fn pinned_connection(files: &CertificateFiles, host: &str) -> anyhow::Result<ClientConnection> {
    let provider = Arc::new(ring::default_provider());
    let expected = files.chain()?.into_iter().next().context("no certificate")?;
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Pinned { expected, provider }))
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).context("no host name")?;
    Ok(ClientConnection::new(Arc::new(config), name)?)
}

/// Accepts the configured certificate and no other: it may be self-signed, and its names need not include
/// the loopback address that the check uses.
#[derive(Debug)]
struct Pinned {
    expected: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if *end_entity == self.expected {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(rustls::Error::General("the server shows another certificate than the configured one".into()))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
