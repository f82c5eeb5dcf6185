//! The link model in real time for programs that are not Rust: a UDP proxy to put a browser behind a bad network.
//!
//! `bad-network TARGET SETTINGS` prints the address to send to instead of TARGET and runs until its standard input
//! ends. SETTINGS is a JSON object; what stands in it holds for the way from the target to the peers, `delay_ms`
//! for both: `{ "delay_ms": 20, "rate": 500000, "queue_ms": 500, "loss": 0.05, "seed": 1 }`. Each further line of
//! standard input is such an object, of which `rate` and `loss` change the running link and `move` gives the peers
//! other addresses, and is answered with what happened on the way from the target so far: `{ "sent": 900, "delivered": 880, "dropped": 20 }`.

use anyhow::Context;
use keel_testkit::net::{LinkConfig, Loss, QueueLimit};
use keel_testkit::proxy::{Change, Proxy, ProxyConfig};
use serde::Deserialize;
use serde_json::json;
use std::io::{BufRead, Write};
use std::time::Duration;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    delay_ms: Option<u64>,
    rate: Option<u64>,
    queue_ms: Option<u64>,
    loss: Option<f64>,
    seed: Option<u64>,
    r#move: Option<bool>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let target = arguments.next().context("the first argument is the target's address")?.parse()?;
    let settings: Settings = serde_json::from_str(&arguments.next().context("the second is a JSON object")?)?;
    let delay = Duration::from_millis(settings.delay_ms.unwrap_or(0));
    let down = LinkConfig {
        delay,
        rate: settings.rate,
        queue: QueueLimit::Time(Duration::from_millis(settings.queue_ms.unwrap_or(500))),
        loss: settings.loss.map_or(Loss::None, Loss::Random),
        ..LinkConfig::default()
    };
    let up = LinkConfig { delay, ..LinkConfig::default() };
    let proxy = Proxy::start(target, ProxyConfig { seed: settings.seed.unwrap_or(0), up, down }).await?;
    writeln!(std::io::stdout(), "{}", proxy.address())?;
    // One line at a time, as they come: nothing waits for more than the reader of one.
    let (sender, mut lines) = tokio::sync::mpsc::channel(1);
    tokio::task::spawn_blocking(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    while let Some(line) = lines.recv().await {
        let settings: Settings = serde_json::from_str(&line)?;
        if let Some(rate) = settings.rate {
            proxy.change(Change::Rate(Some(rate))).await;
        }
        if let Some(loss) = settings.loss {
            proxy.change(Change::Loss(Loss::Random(loss))).await;
        }
        if settings.r#move == Some(true) {
            proxy.change(Change::Move).await;
        }
        let (_, down) = proxy.counters();
        let dropped = down.lost + down.queue_full;
        let told = json!({ "sent": down.sent, "delivered": down.delivered, "dropped": dropped });
        writeln!(std::io::stdout(), "{told}")?;
    }
    Ok(())
}
