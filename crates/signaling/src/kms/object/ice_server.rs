//! The STUN server that an application names for an endpoint.

use super::settings::{self, configure, illegal};
use crate::kms::failure::Failure;
use crate::kms::model::{Call, Value};
use futures_util::future::BoxFuture;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::lookup_host;
use tokio::time::timeout;

/// How long the look-up of a name may take: the socket's next request waits for it.
const LOOKUP_MAX: Duration = Duration::from_secs(2);

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
