//! What a start says on standard output: where to open the page, where media goes, where data is.

use crate::build_info;
use crate::config::{Access, Config, Tls};
use crate::turn::Turn;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// What the report tells, as found at start.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    /// The configuration in force.
    pub(crate) config: &'a Config,
    /// The addresses that HTTP listens on.
    pub(crate) listening: &'a [SocketAddr],
    /// The addresses that the Kurento protocol listens on; none while it is off.
    pub(crate) kurento: &'a [SocketAddr],
    /// Those on which it speaks TLS.
    pub(crate) kurento_tls: &'a [SocketAddr],
    /// This machine's addresses, which stand for the wildcard ones.
    pub(crate) interfaces: &'a [IpAddr],
    /// The TURN server, if it runs.
    pub(crate) turn: Option<&'a Turn>,
    /// Media threads.
    pub(crate) workers: usize,
    /// The data directory, absolute.
    pub(crate) data_dir: &'a Path,
}

impl Report<'_> {
    /// The report as text; the first URL comes first in it.
    pub(crate) fn text(&self) -> String {
        let urls = self.urls();
        let mut text = format!("Keel {} is ready.\n\n", build_info::version());
        for (place, url) in urls.iter().enumerate() {
            let label = if place == 0 { "open" } else { "" };
            line(&mut text, label, url);
        }
        if self.config.access == Access::Tokens {
            line(&mut text, "", "with ?access_token=... and one of your access tokens");
        }
        for (scheme, listening) in [("ws", self.kurento), ("wss", self.kurento_tls)] {
            // One is enough: the others are those of the page, on this port.
            if let Some(authority) = self.authorities(listening).first() {
                line(&mut text, "kurento", &format!("{scheme}://{authority}/kurento"));
            }
        }
        line(&mut text, "media", &self.media());
        if let Some(turn) = self.turn {
            line(&mut text, "turn", &self.turn_line(&turn.listening, turn.tls_port));
        }
        line(&mut text, "data", &self.data_dir.display().to_string());
        line(&mut text, "stop", "Ctrl-C");
        if self.config.tls == Tls::Off && urls.iter().any(|url| !url.starts_with("http://localhost:")) {
            text.push_str(
                "\nBrowsers give camera and microphone only to https pages and to localhost: for other machines \
                 set\na certificate, or --tls-self-signed on a local network.\n",
            );
        }
        text
    }

    /// The URLs to open.
    fn urls(&self) -> Vec<String> {
        let scheme = if self.config.tls == Tls::Off { "http" } else { "https" };
        let authorities = self.authorities(self.listening);
        authorities.iter().map(|authority| format!("{scheme}://{authority}/")).collect()
    }

    /// Host and port of listeners as a client names them, `localhost` first and each once.
    fn authorities(&self, listening: &[SocketAddr]) -> Vec<String> {
        let mut authorities: Vec<String> = Vec::new();
        let mut push = |host: String, port: u16| {
            let authority = format!("{host}:{port}");
            if !authorities.contains(&authority) {
                authorities.push(authority);
            }
        };
        let is_localhost =
            |ip: IpAddr| ip == Ipv4Addr::LOCALHOST || ip == Ipv6Addr::LOCALHOST || ip.is_unspecified();
        for address in listening.iter().filter(|address| is_localhost(address.ip())) {
            push("localhost".into(), address.port());
        }
        for address in listening {
            match address.ip() {
                ip if ip.is_unspecified() => {
                    let reached =
                        self.interfaces.iter().filter(|interface| interface.is_ipv4() == ip.is_ipv4());
                    reached.for_each(|interface| push(host(*interface), address.port()));
                }
                ip if is_localhost(ip) => {}
                ip => push(host(ip), address.port()),
            }
        }
        authorities
    }

    /// Its ports, and why they are not those of the configuration.
    fn turn_line(&self, listening: &[SocketAddr], tls_port: Option<u16>) -> String {
        let port = listening.first().map_or(0, SocketAddr::port);
        let wanted = self.config.settings.turn.port;
        let mut text = format!("UDP and TCP {port}");
        if let Some(tls_port) = tls_port {
            write!(text, ", TLS {tls_port}").expect("writing to a string cannot fail");
        }
        if wanted != 0 && wanted != port {
            write!(text, " (another program has {wanted})").expect("writing to a string cannot fail");
        }
        text
    }

    fn media(&self) -> String {
        let media = &self.config.settings.media;
        let (port, protocols) = (media.port, if media.tcp { "UDP and TCP" } else { "UDP" });
        match (port, self.workers) {
            (0, _) => format!("{protocols}, on free ports"),
            (_, 1) => format!("{protocols} {port}"),
            (_, workers) => format!("{protocols} {port} to {}", usize::from(port) + workers - 1),
        }
    }
}

fn host(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

fn line(text: &mut String, label: &str, value: &str) {
    writeln!(text, "  {label:<9}{value}").expect("writing to a string cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Settings, Tls};

    fn text(config: &Config, listening: &[&str]) -> String {
        let listening: Vec<SocketAddr> =
            listening.iter().map(|address| address.parse().expect("an address")).collect();
        let interfaces = ["192.168.1.20".parse().expect("IPv4"), "2001:db8::20".parse().expect("IPv6")];
        let report = Report {
            config,
            listening: &listening,
            kurento: &["127.0.0.1:8888".parse().expect("an address")],
            kurento_tls: &[],
            interfaces: &interfaces,
            turn: None,
            workers: 2,
            data_dir: Path::new("/srv/keel-data"),
        };
        report.text()
    }

    fn config(access: Access, tls: Tls) -> Config {
        Config { settings: Settings::default(), access, tls }
    }

    #[test]
    fn a_laptop_sees_one_url_its_ports_and_its_data() {
        let text = text(&config(Access::Local, Tls::Off), &["127.0.0.1:8080", "[::1]:8080"]);
        let body: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(
            body,
            [
                "  open     http://localhost:8080/",
                "  kurento  ws://localhost:8888/kurento",
                "  media    UDP and TCP 10000 to 10001",
                "  data     /srv/keel-data",
                "  stop     Ctrl-C",
            ]
        );
    }

    #[test]
    fn a_wildcard_is_shown_by_the_addresses_behind_it() {
        let text = text(&config(Access::Open, Tls::SelfSigned), &["0.0.0.0:443", "[::]:443"]);
        for url in ["https://localhost:443/", "https://192.168.1.20:443/", "https://[2001:db8::20]:443/"] {
            assert_eq!(text.matches(url).count(), 1, "{text}");
        }
        assert!(!text.contains("camera"), "https needs no warning: {text}");
    }

    #[test]
    fn plain_http_beyond_this_machine_is_explained() {
        let text = text(&config(Access::Open, Tls::Off), &["192.168.1.20:8080"]);
        assert!(text.contains("  open     http://192.168.1.20:8080/"), "{text}");
        assert!(text.contains("--tls-self-signed"), "{text}");
    }

    #[test]
    fn tokens_are_mentioned_but_never_shown() {
        let mut config = config(Access::Tokens, Tls::Off);
        config.settings.access_tokens = vec!["very-secret-token-1".into()];
        let text = text(&config, &["127.0.0.1:8080"]);
        assert!(text.contains("?access_token=") && !text.contains("very-secret"), "{text}");
    }
}
