//! The addresses that peers are told to send media to: `media.announce`, whose DNS names are looked up at start and
//! again and again, so that a server whose address changes is found without a restart.

use crate::config::Config;
use crate::turn::Relaying;
use anyhow::Context;
use keel_media::{AnnouncedAddress, MediaServer};
use keel_signaling::{AppState, NameLookup};
use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// How long a look-up may take: resolvers give up within half a minute, and calls need no new address sooner.
const LOOKUP_MAX: Duration = Duration::from_secs(20);
/// Former addresses that clients of the TURN server may still use: who was told one goes on with it. The oldest is
/// forgotten past this number.
const FORMER_MAX: usize = 64;

/// The addresses behind `names`, each of which is an address or a DNS name.
///
/// # Errors
/// When a name has none, or nobody says in time.
pub(crate) async fn resolve(names: &[String]) -> anyhow::Result<Vec<IpAddr>> {
    let mut addresses = Vec::new();
    for name in names {
        let problem = || format!("media.announce: cannot look up {name}");
        let lookup = timeout(LOOKUP_MAX, tokio::net::lookup_host((name.as_str(), 0)));
        let found = lookup.await.with_context(problem)?.with_context(problem)?;
        for address in found.map(|found| found.ip()) {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
    }
    Ok(addresses)
}

/// Looks names up as long as the server runs, and has media and TURN follow them.
pub(crate) struct Announcer {
    names: Vec<String>,
    every: Duration,
    current: Vec<IpAddr>,
    former: VecDeque<AnnouncedAddress>,
    media: MediaServer,
    relaying: Option<Relaying>,
    signaling: AppState,
}

impl Announcer {
    /// What follows the names of this configuration, of which `current` were found at start; `None` where it has
    /// addresses alone.
    pub(crate) fn new(
        config: &Config,
        current: Vec<IpAddr>,
        media: MediaServer,
        relaying: Option<Relaying>,
        signaling: AppState,
    ) -> Option<Self> {
        let names = config.settings.media.announce.clone();
        if names.iter().all(|name| name.parse::<IpAddr>().is_ok()) {
            return None;
        }
        let every = Duration::from_secs(config.settings.media.announce_refresh_s);
        Some(Self { names, every, current, former: VecDeque::new(), media, relaying, signaling })
    }

    /// Runs until it is dropped.
    pub(crate) async fn run(mut self) {
        let mut rounds = interval(self.every);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first tick is at once, and the start has just looked.
        rounds.tick().await;
        loop {
            rounds.tick().await;
            let found = resolve(&self.names).await;
            self.follow(found).await;
        }
    }

    async fn follow(&mut self, found: anyhow::Result<Vec<IpAddr>>) {
        let outcome = match found {
            Ok(found) if is_same(&found, &self.current) => NameLookup::Same,
            Ok(found) if !found.is_empty() => {
                tracing::info!(before = ?self.current, now = ?found, "media is announced at other addresses");
                self.change(found).await;
                NameLookup::Changed
            }
            Ok(_) => NameLookup::Failed,
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), kept = ?self.current, "announced addresses are kept");
                NameLookup::Failed
            }
        };
        self.signaling.count_name_lookup(outcome);
    }

    async fn change(&mut self, found: Vec<IpAddr>) {
        let before = self.media.announced_addresses();
        self.media.announce(&found).await;
        let now = self.media.announced_addresses();
        self.former.retain(|former| !now.contains(former) && !before.contains(former));
        self.former.extend(before.into_iter().filter(|former| !now.contains(former)));
        while self.former.len() > FORMER_MAX {
            self.former.pop_front();
        }
        if let Some(relaying) = &self.relaying {
            // Those that count now come first; those that were told last before those that were told earlier.
            let sockets = now.into_iter().chain(self.former.iter().rev().copied());
            relaying.follow(&found, sockets).await;
        }
        self.current = found;
    }
}

/// Whether they are the same addresses: name servers change the order from answer to answer.
fn is_same(a: &[IpAddr], b: &[IpAddr]) -> bool {
    let sorted = |addresses: &[IpAddr]| {
        let mut sorted = addresses.to_vec();
        sorted.sort_unstable();
        sorted
    };
    sorted(a) == sorted(b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use keel_media::MediaConfig;
    use keel_signaling::Store;
    use std::net::Ipv4Addr;

    fn ips(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().expect("an address")).collect()
    }

    fn announced(media: &MediaServer) -> Vec<IpAddr> {
        media.announced_addresses().iter().map(|address| address.announced.ip()).collect()
    }

    #[tokio::test]
    async fn media_follows_a_name_and_keeps_its_addresses_while_it_cannot_be_looked_up() {
        let dir = tempfile::tempdir().expect("a directory");
        let media = MediaServer::start(MediaConfig {
            workers: 1,
            bind: vec![Ipv4Addr::LOCALHOST.into()],
            port_base: 0,
            announce: ips(&["198.41.0.1"]),
            ..MediaConfig::default()
        })
        .expect("free ports");
        let store = Store::open(&dir.path().join("keel.redb")).expect("a store");
        let mut announcer = Announcer {
            names: vec!["media.example.org".into()],
            every: Duration::from_secs(60),
            current: ips(&["198.41.0.1"]),
            former: VecDeque::new(),
            media: media.clone(),
            relaying: None,
            signaling: AppState::new(keel_signaling::Config::default(), media.clone(), store),
        };
        announcer.follow(Ok(ips(&["198.41.0.2", "2001:db8::2"]))).await;
        assert_eq!(announced(&media), ips(&["198.41.0.2"]), "the socket is one of IPv4");
        assert_eq!(announcer.former.len(), 1, "who was told the old address may go on with it");
        announcer.follow(Err(anyhow::anyhow!("no name server"))).await;
        announcer.follow(Ok(Vec::new())).await;
        assert_eq!(announced(&media), ips(&["198.41.0.2"]), "an old address is better than none");
        announcer.follow(Ok(ips(&["2001:db8::2", "198.41.0.2"]))).await;
        assert_eq!(announcer.former.len(), 1, "another order is no change");
        announcer.follow(Ok(ips(&["198.41.0.1"]))).await;
        assert_eq!(announced(&media), ips(&["198.41.0.1"]));
        let former: Vec<IpAddr> = announcer.former.iter().map(|former| former.announced.ip()).collect();
        assert_eq!(former, ips(&["198.41.0.2"]), "what is told again is not former");
        media.stop().await;
    }

    #[tokio::test]
    async fn an_address_is_its_own_name_and_a_name_without_address_is_told() {
        assert_eq!(
            resolve(&["192.0.2.1".into(), "::1".into()]).await.expect("addresses"),
            ips(&["192.0.2.1", "::1"])
        );
        let error = resolve(&["no-such-host.invalid".into()]).await.expect_err("RFC 6761 §6.4");
        assert!(
            format!("{error:#}").contains("media.announce: cannot look up no-such-host.invalid"),
            "{error:#}"
        );
    }
}
