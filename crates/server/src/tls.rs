//! HTTPS: the operator's certificate, or one that Keel makes for a local network.

use crate::config::Tls;
use anyhow::{Context, ensure};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use time::OffsetDateTime;

/// How long a self-signed certificate is valid: Apple's systems refuse more than 825 days.
const VALID_DAYS: u32 = 825;

/// A certificate is made anew this long before it ends, so that no running server outlives its own.
const RENEW_DAYS: u32 = 90;

/// WebSockets start from HTTP/1.1 (RFC 6455 §1.3), so nothing else is offered.
const HTTP: [&[u8]; 1] = [b"http/1.1"];

/// RFC 7443 §3: clients of TURN that name a protocol name one of these.
const TURN: [&[u8]; 2] = [b"stun.turn", b"stun.nat-discovery"];

/// The PEM files that serve HTTPS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CertificateFiles {
    /// The certificate chain, the server's own first.
    pub(crate) certificate: PathBuf,
    /// Its private key.
    pub(crate) key: PathBuf,
}

impl CertificateFiles {
    /// The files that `tls` asks for; `None` for plain HTTP. They need not exist yet.
    pub(crate) fn of(tls: &Tls, data_dir: &Path) -> Option<Self> {
        match tls {
            Tls::Off => None,
            Tls::SelfSigned => Some(Self {
                certificate: data_dir.join("self-signed.cert.pem"),
                key: data_dir.join("self-signed.key.pem"),
            }),
            Tls::Files { certificate, key } => {
                Some(Self { certificate: certificate.clone(), key: key.clone() })
            }
        }
    }

    /// Makes the self-signed pair unless a fresh one is there: a browser's exception lasts as long as the
    /// certificate stays the same. `names` are the host names and addresses that it stands for; an existing
    /// certificate is kept when they change, since replacing it would void every exception.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub(crate) fn ensure_self_signed(&self, names: Vec<String>, now: SystemTime) -> anyhow::Result<()> {
        if self.is_fresh(now) {
            return Ok(());
        }
        let validity = Duration::from_hours(24) * VALID_DAYS;
        let key = KeyPair::generate()?;
        let mut parameters =
            CertificateParams::new(names).context("a name does not fit into a certificate")?;
        parameters.distinguished_name.push(DnType::CommonName, "Keel on a local network");
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        // A day earlier, for machines whose clocks are behind.
        parameters.not_before = OffsetDateTime::from(now - Duration::from_hours(24));
        parameters.not_after = OffsetDateTime::from(now + validity);
        let certificate = parameters.self_signed(&key)?;
        // The key first: a certificate without its key would look fresh after an interruption.
        write_private(&self.key, &key.serialize_pem())?;
        write_private(&self.certificate, &certificate.pem())?;
        tracing::info!(certificate = %self.certificate.display(), "made a self-signed certificate");
        Ok(())
    }

    fn is_fresh(&self, now: SystemTime) -> bool {
        let age_max = Duration::from_hours(24) * (VALID_DAYS - RENEW_DAYS);
        let made = fs::metadata(&self.certificate).and_then(|file| file.modified());
        // A file from the future (the clock was put back) counts as new.
        self.key.exists() && made.is_ok_and(|made| now.duration_since(made).unwrap_or_default() < age_max)
    }

    /// The TLS configuration of the HTTP listeners.
    ///
    /// # Errors
    /// When a file cannot be read, holds no PEM, or the two do not belong together.
    pub(crate) fn server_config(&self) -> anyhow::Result<Arc<ServerConfig>> {
        self.config_for(&HTTP)
    }

    /// That of the HTTP listeners which serve TURN, too.
    ///
    /// # Errors
    /// As for HTTP.
    pub(crate) fn shared_config(&self) -> anyhow::Result<Arc<ServerConfig>> {
        self.config_for(&[&HTTP[..], &TURN].concat())
    }

    /// That of TURN over TLS.
    ///
    /// # Errors
    /// As for HTTP.
    pub(crate) fn turn_config(&self) -> anyhow::Result<Arc<ServerConfig>> {
        self.config_for(&TURN)
    }

    fn config_for(&self, protocols: &[&[u8]]) -> anyhow::Result<Arc<ServerConfig>> {
        let chain = self.chain()?;
        let key = PrivateKeyDer::from_pem_file(&self.key)
            .with_context(|| format!("tls.key: cannot read a private key from {}", self.key.display()))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .context("tls.certificate and tls.key do not fit together")?;
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Ok(Arc::new(config))
    }

    /// The certificate chain, the server's own first.
    ///
    /// # Errors
    /// When the file cannot be read or holds none.
    pub(crate) fn chain(&self) -> anyhow::Result<Vec<CertificateDer<'static>>> {
        let problem =
            || format!("tls.certificate: cannot read certificates from {}", self.certificate.display());
        let chain = CertificateDer::pem_file_iter(&self.certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .with_context(problem)?;
        ensure!(!chain.is_empty(), "{}: there are none", problem());
        Ok(chain)
    }
}

/// Writes a file that only this user can read, whole or not at all.
pub(crate) fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    let problem = || format!("cannot write {}", path.display());
    let part = path.with_extension("part");
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&part)
        .with_context(problem)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).with_context(problem)?;
    fs::rename(&part, path).with_context(problem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn self_signed(dir: &Path) -> CertificateFiles {
        CertificateFiles::of(&Tls::SelfSigned, dir).expect("files")
    }

    fn names() -> Vec<String> {
        vec!["localhost".into(), "127.0.0.1".into(), "::1".into(), "192.168.1.20".into()]
    }

    #[test]
    fn a_self_signed_certificate_outlives_restarts_and_is_private() {
        let dir = tempfile::tempdir().expect("a directory");
        let files = self_signed(dir.path());
        files.ensure_self_signed(names(), SystemTime::now()).expect("made");
        let first = fs::read(&files.certificate).expect("a certificate");
        files.ensure_self_signed(vec!["other.local".into()], SystemTime::now()).expect("kept");
        assert_eq!(fs::read(&files.certificate).expect("a certificate"), first, "the exception lasts");
        files.server_config().expect("it serves");
        let mode = fs::metadata(&files.key).expect("a key").permissions().mode();
        assert_eq!(mode & 0o077, 0, "nobody else reads the key");
    }

    #[test]
    fn a_self_signed_certificate_is_renewed_before_it_ends() {
        let dir = tempfile::tempdir().expect("a directory");
        let files = self_signed(dir.path());
        let now = SystemTime::now();
        files.ensure_self_signed(names(), now).expect("made");
        let first = fs::read(&files.certificate).expect("a certificate");
        let later = now + Duration::from_hours(24) * (VALID_DAYS - RENEW_DAYS + 1);
        files.ensure_self_signed(names(), later).expect("renewed");
        assert_ne!(fs::read(&files.certificate).expect("a certificate"), first);
    }

    #[test]
    fn files_that_do_not_serve_are_named() {
        let dir = tempfile::tempdir().expect("a directory");
        let files = CertificateFiles { certificate: dir.path().join("c.pem"), key: dir.path().join("k.pem") };
        let missing = format!("{:#}", files.server_config().expect_err("no file"));
        assert!(missing.contains("tls.certificate") && missing.contains("c.pem"), "{missing}");

        fs::write(&files.certificate, "no PEM here").expect("written");
        let empty = format!("{:#}", files.server_config().expect_err("no certificate"));
        assert!(empty.contains("there are none"), "{empty}");
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let files = self_signed(dir.path());
        files.ensure_self_signed(names(), SystemTime::now()).expect("made");
        let other = KeyPair::generate().expect("a key");
        fs::write(&files.key, other.serialize_pem()).expect("written");
        let text = format!("{:#}", files.server_config().expect_err("they differ"));
        assert!(text.contains("do not fit together"), "{text}");
    }
}
