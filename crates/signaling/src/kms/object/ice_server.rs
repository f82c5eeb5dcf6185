//! The STUN and TURN servers that an application names for an endpoint.

use super::settings::{self, configure, illegal, is_host};
use crate::kms::failure::Failure;
use crate::kms::model::{Call, Value};
use futures_util::future::BoxFuture;
use keel_media::RelayPath;
use keel_turn::{ForeignRelay, ForeignServer, Login};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::lookup_host;
use tokio::time::timeout;

/// How long the look-up of a name may take: the socket's next request waits for it.
const LOOKUP_MAX: Duration = Duration::from_secs(2);
/// How long a first allocation is waited for, likewise. One that takes longer counts from a later gathering.
const ALLOCATION_MAX: Duration = Duration::from_secs(3);

/// Makes `stunServerAddress` and `stunServerPort` effective.
///
/// # Errors
/// 40107 for what is no server, or has a name that cannot be looked up.
pub(crate) fn apply_stun_server(call: Call<'_>) -> BoxFuture<'_, Result<Value, Failure>> {
    Box::pin(async move {
        let host = settings::stored(call.tree, &call.object, "stunServerAddress");
        let host = host.as_text().unwrap_or_default();
        settings::check_stun_address(host)?;
        let port = settings::stored(call.tree, &call.object, "stunServerPort").as_int();
        let port = port.and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
        let port = port.ok_or_else(|| illegal("'stunServerPort' is not within 1 and 65535"))?;
        let server = match host {
            "" => None,
            host => Some(
                look_up(host, port)
                    .await
                    .ok_or_else(|| illegal("'stunServerAddress' is a name that cannot be looked up"))?,
            ),
        };
        call.tree.endpoint_mut(&call.object).stun_server = server;
        configure(call.tree, &call.object, call.tree.endpoint(&call.object)).await?;
        Ok(Value::Null)
    })
}

/// Makes `turnUrl` effective: relayed addresses on that server, which go with the endpoint.
///
/// # Errors
/// 40107 for what is no such URL, or has a name that cannot be looked up.
pub(crate) fn apply_turn_server(call: Call<'_>) -> BoxFuture<'_, Result<Value, Failure>> {
    Box::pin(async move {
        let url = settings::stored(call.tree, &call.object, "turnUrl");
        let url = url.as_text().unwrap_or_default();
        settings::check_turn_url(url)?;
        let surroundings = call.tree.surroundings();
        let mut relays = Vec::new();
        if let (Some(url), Some(keeper)) =
            (TurnUrl::parse(url).filter(TurnUrl::is_spoken), &surroundings.relays)
        {
            let address = look_up(url.host, url.port).await;
            let address = address.ok_or_else(|| illegal("'turnUrl' has a name that cannot be looked up"))?;
            let login = Login { username: url.user.to_owned(), password: url.password.to_owned() };
            for target in surroundings.media.relay_targets() {
                let server = ForeignServer { address, login: login.clone() };
                match keeper.open(server, *target).await {
                    Ok(relay) => relays.push(relay),
                    Err(error) => tracing::warn!(%error, "an endpoint goes without a relayed address"),
                }
            }
            let allocated = async {
                for relay in &mut relays {
                    // An error means that the relay is given up.
                    let _ = relay.relayed.wait_for(Option::is_some).await;
                }
            };
            if timeout(ALLOCATION_MAX, allocated).await.is_err() {
                tracing::debug!(%address, "no relayed address yet");
            }
        }
        let paths = relays.into_iter().map(|ForeignRelay { target, relayed, permits }| RelayPath {
            target,
            relayed,
            permits,
        });
        call.tree.endpoint_mut(&call.object).relays = paths.collect();
        configure(call.tree, &call.object, call.tree.endpoint(&call.object)).await?;
        Ok(Value::Null)
    })
}

/// `user:password@host:port`, with `?transport=udp`, `tcp` or `tls` behind it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct TurnUrl<'a> {
    user: &'a str,
    password: &'a str,
    host: &'a str,
    port: u16,
    transport: &'a str,
}

impl<'a> TurnUrl<'a> {
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (place, transport) = text.split_once("?transport=").unwrap_or((text, "udp"));
        // A password may have an '@' in it, an address cannot.
        let (credentials, server) = place.rsplit_once('@')?;
        let (host, port) = server.rsplit_once(':')?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let (user, password) = credentials.split_once(':')?;
        let port = port.parse().ok().filter(|port| *port > 0)?;
        let is_one = matches!(transport, "udp" | "tcp" | "tls") && !user.is_empty() && is_host(host);
        is_one.then_some(Self { user, password, host, port, transport })
    }

    /// Whether Keel speaks to the server in that way.
    fn is_spoken(&self) -> bool {
        self.transport == "udp"
    }
}

/// The first address of a name.
async fn look_up(host: &str, port: u16) -> Option<SocketAddr> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Some(SocketAddr::new(ip, port));
    }
    timeout(LOOKUP_MAX, lookup_host((host, port))).await.ok()?.ok()?.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn addresses_and_names_are_looked_up() {
        let found = |text: &str| Some(text.parse::<SocketAddr>().expect("an address"));
        assert_eq!(look_up("192.0.2.7", 3478).await, found("192.0.2.7:3478"));
        assert_eq!(look_up("2001:db8::7", 3478).await, found("[2001:db8::7]:3478"));
        assert!(look_up("localhost", 3478).await.is_some_and(|found| found.ip().is_loopback()));
        // RFC 6761 §6.4: a name that does not exist.
        assert_eq!(look_up("stun.invalid", 3478).await, None);
    }
}
