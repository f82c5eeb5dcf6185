//! The certificate: that it serves, for how long, and for the names that peers are told.

use super::Scene;
use super::finding::Findings;
use super::machine::minute;
use crate::config::Tls;
use crate::tls::CertificateFiles;
use crate::turn;
use anyhow::anyhow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, SystemTime};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// How long before its end a certificate should be renewed by all means.
const RENEWAL: Duration = Duration::from_hours(24 * 14);

/// What of a certificate matters here.
#[derive(Debug)]
struct Certificate {
    begins: SystemTime,
    ends: SystemTime,
    /// DNS names in lower case, and addresses as text.
    names: Vec<String>,
}

pub(super) fn look(scene: &Scene<'_>, findings: &mut Findings) {
    let Some(files) = CertificateFiles::of(&scene.config.tls, &scene.data_dir) else {
        findings.good("TLS", "off: pages are served as http");
        return;
    };
    if scene.config.tls == Tls::SelfSigned && !files.certificate.exists() {
        findings.good("TLS", "a certificate will be made at the first start");
        return;
    }
    let read = files.server_config().and_then(|_| read(&files));
    let certificate = match read {
        Ok(certificate) => certificate,
        Err(error) => {
            findings.bad("TLS", &error, "give Keel the PEM files of one certificate and its key");
            return;
        }
    };
    judge_time(scene, &files, &certificate, findings);
    match (&scene.config.tls, told_host(scene)) {
        (Tls::Files { .. }, Some(host)) if !certificate.is_for(&host) => findings.bad(
            "TLS",
            format!("peers are told turns:{host}, but the certificate is for {}", certificate.names.join(", ")),
            "set turn.host to one of its names, or get a certificate for this one",
        ),
        (Tls::SelfSigned, _) => findings.doubtful(
            "TLS",
            "the certificate is self-signed: each browser must be told to trust it, and TURN over TLS is not offered",
            "for others than yourself, get one (Let's Encrypt gives them away) and set tls.certificate and tls.key",
        ),
        _ => {}
    }
}

fn judge_time(
    scene: &Scene<'_>,
    files: &CertificateFiles,
    certificate: &Certificate,
    findings: &mut Findings,
) {
    let Certificate { begins, ends, .. } = *certificate;
    let shown = files.certificate.display();
    if ends <= scene.now {
        findings.bad(
            "TLS",
            format!("{shown} ended {}, and it is {}", minute(ends), minute(scene.now)),
            "renew it, restart Keel, and look at the clock if the certificate is new",
        );
    } else if begins > scene.now {
        findings.bad(
            "TLS",
            format!("{shown} begins {} only, and it is {}", minute(begins), minute(scene.now)),
            "the clock is behind, as a rule: set it",
        );
    } else if ends <= scene.now + RENEWAL {
        findings.doubtful("TLS", format!("{shown} ends {}", minute(ends)), "renew it and restart Keel");
    } else {
        findings.good("TLS", format!("{shown} until {}", minute(ends)));
    }
}

/// The host in the URL that peers are told for TURN over TLS; `None` where they are told none.
fn told_host(scene: &Scene<'_>) -> Option<String> {
    let settings = &scene.config.settings.turn;
    let listening: Vec<SocketAddr> =
        turn::addresses(scene.config).iter().map(|ip| SocketAddr::new(*ip, settings.port)).collect();
    let host = turn::host(scene.config, &listening, &scene.interfaces).filter(|_| settings.enabled)?;
    Some(host.trim_matches(['[', ']']).to_owned())
}

impl Certificate {
    /// Whether clients that were told this host accept it (RFC 6125 §6.4).
    fn is_for(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        self.names.iter().any(|name| match name.strip_prefix("*.") {
            // A star stands for one label.
            Some(domain) => host.split_once('.').is_some_and(|(_, rest)| rest == domain),
            None => *name == host,
        })
    }
}

fn read(files: &CertificateFiles) -> anyhow::Result<Certificate> {
    let chain = files.chain()?;
    let own = chain.first().ok_or_else(|| anyhow!("there is no certificate"))?;
    let problem = || format!("tls.certificate: cannot read {}", files.certificate.display());
    let (_, parsed) = X509Certificate::from_der(own).map_err(|error| anyhow!("{}: {error}", problem()))?;
    let time = |seconds: i64| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.try_into().unwrap_or(0));
    let names = parsed.subject_alternative_name().map_err(|error| anyhow!("{}: {error}", problem()))?;
    Ok(Certificate {
        begins: time(parsed.validity().not_before.timestamp()),
        ends: time(parsed.validity().not_after.timestamp()),
        names: names.iter().flat_map(|names| &names.value.general_names).filter_map(name).collect(),
    })
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(|ip| IpAddr::V4(Ipv4Addr::from(ip)));
            let v6 = <[u8; 16]>::try_from(*bytes).map(|ip| IpAddr::V6(Ipv6Addr::from(ip)));
            v4.or(v6).ok().map(|ip| ip.to_string())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_one_label() {
        let names = vec!["*.example.org".to_owned(), "192.0.2.1".into(), "2001:db8::1".into()];
        let certificate = Certificate { begins: SystemTime::UNIX_EPOCH, ends: SystemTime::UNIX_EPOCH, names };
        for host in ["media.example.org", "MEDIA.example.org", "192.0.2.1", "2001:db8::1"] {
            assert!(certificate.is_for(host), "{host}");
        }
        for host in ["example.org", "a.media.example.org", "media.example.net", "192.0.2.2"] {
            assert!(!certificate.is_for(host), "{host}");
        }
    }
}
