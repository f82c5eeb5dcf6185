//! The STUN server of the configuration: its name is looked up again and again, and the media server told.

use crate::config::stun_server;
use keel_media::MediaServer;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::lookup_host;

/// How often a name is looked up: as often as short-lived entries of the DNS change.
const LOOKUP_EVERY: Duration = Duration::from_secs(300);
/// How soon again after a failure.
const RETRY_EVERY: Duration = Duration::from_secs(15);

/// Keeps the media server told, for ever. What was found last stays while a look-up fails.
pub(crate) async fn keep_told(media: MediaServer, setting: String) {
    let Some((host, port)) = stun_server(&setting) else { return };
    let mut known: Option<Vec<SocketAddr>> = None;
    let mut is_failing = false;
    loop {
        let pause = match lookup_host((host, port)).await {
            Ok(found) => {
                // Names of many servers answer in another order each time.
                let found: Vec<_> = one_of_each_family(found.collect());
                if known.as_ref() != Some(&found) {
                    tracing::info!(host, ?found, "STUN servers to ask for the public address");
                    media.set_stun_servers(found.clone()).await;
                    known = Some(found);
                }
                is_failing = false;
                LOOKUP_EVERY
            }
            Err(error) => {
                if !is_failing {
                    tracing::warn!(host, %error, "ice.stun_server cannot be looked up; media goes on without it");
                }
                is_failing = true;
                RETRY_EVERY
            }
        };
        tokio::time::sleep(pause).await;
    }
}

/// The least IPv4 and the least IPv6 address.
fn one_of_each_family(found: BTreeSet<SocketAddr>) -> Vec<SocketAddr> {
    let first = |is_it: fn(&&SocketAddr) -> bool| found.iter().find(is_it).copied();
    [first(|found| found.is_ipv4()), first(|found| found.is_ipv6())].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_server_of_each_family_is_asked_whatever_the_order() {
        let parse = |text: &str| text.parse::<SocketAddr>().expect("an address");
        let found = ["192.0.2.2:1", "[2001:db8::1]:1", "192.0.2.1:1"].map(parse);
        let chosen = one_of_each_family(found.into());
        assert_eq!(chosen, ["192.0.2.1:1", "[2001:db8::1]:1"].map(parse));
    }
}
