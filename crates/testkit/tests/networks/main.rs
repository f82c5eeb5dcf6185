//! Bandwidth estimation on networks that misbehave, in virtual time.

mod controller;
mod scenario;
mod sender;
mod viewer;

use controller::Controller;
use keel_media::rtp::Bitrate;
use keel_testkit::net::*;
use scenario::{Run, run};
use std::time::Duration;

#[test]
fn explore() {
    let s = Duration::from_secs;
    let ms = Duration::from_millis;
    let wanted = Bitrate::bps(5_000_000);
    let base = LinkConfig {
        delay: ms(25),
        queue: QueueLimit::Time(ms(1_000)),
        rate: Some(3_000_000),
        ..LinkConfig::default()
    };
    for (name, config) in [
        (
            "step",
            LinkConfig { schedule: vec![(s(20), Some(500_000)), (s(40), Some(3_000_000))], ..base.clone() },
        ),
        ("rtt200", LinkConfig { delay: ms(100), ..base.clone() }),
        ("jitter50", LinkConfig { jitter: ms(50), ..base.clone() }),
        ("loss1", LinkConfig { loss: Loss::Random(0.01), ..base.clone() }),
        ("loss5", LinkConfig { loss: Loss::Random(0.05), ..base.clone() }),
        ("loss10", LinkConfig { loss: Loss::Random(0.10), ..base.clone() }),
        (
            "burst5",
            LinkConfig {
                loss: Loss::Bursts { begin: 0.0132, end: 0.25, loss_while_bad: 1.0 },
                ..base.clone()
            },
        ),
        (
            "burst10",
            LinkConfig {
                loss: Loss::Bursts { begin: 0.0278, end: 0.25, loss_while_bad: 1.0 },
                ..base.clone()
            },
        ),
        ("shortqueue", LinkConfig { queue: QueueLimit::Time(ms(30)), ..base.clone() }),
        (
            "cbr",
            LinkConfig {
                competing: Competing::Constant { rate: 1_500_000, from: s(20), until: s(40) },
                ..base.clone()
            },
        ),
        (
            "greedy",
            LinkConfig {
                competing: Competing::Greedy { from: s(20), until: s(40) },
                queue: QueueLimit::Time(ms(200)),
                ..base.clone()
            },
        ),
        ("300k", LinkConfig { rate: Some(300_000), ..base.clone() }),
        ("10M", LinkConfig { rate: Some(10_000_000), ..base.clone() }),
    ] {
        for (who, controller) in [
            ("keel", (|now| Controller::keel(Bitrate::bps(5_000_000), now)) as fn(_) -> _),
            ("other", |_| Controller::interceptor()),
        ] {
            let o = &run(1, &config, s(60), vec![Run { controller, wanted, begins: Duration::ZERO }])[0];
            println!(
                "{name:10} {who:6} 10-20 {:4.0}k 30-40 {:4.0}k 50-60 {:4.0}k wait {:?} long {:?} loss {:.3} reach1.5M@40 {:?}",
                o.rate(s(10), s(20)) / 1e3,
                o.rate(s(30), s(40)) / 1e3,
                o.rate(s(50), s(60)) / 1e3,
                o.wait_max,
                o.long_wait,
                1.0 - o.arrived as f64 / o.sent as f64,
                o.reaches(0.85 * 3e6, s(40))
            );
            if std::env::var("V").is_ok_and(|v| name == v) && who == "keel" {
                for (i, (e, m)) in o.estimates.iter().zip(&o.media).enumerate() {
                    println!("{:.1} {} {}", i as f64 / 10.0, e / 1000, m * 80 / 1000);
                }
            }
        }
    }
    let config = LinkConfig { rate: Some(3_000_000), ..base.clone() };
    let two = run(
        1,
        &config,
        s(90),
        vec![
            Run { controller: |now| Controller::keel(Bitrate::bps(5_000_000), now), wanted, begins: s(0) },
            Run { controller: |now| Controller::keel(Bitrate::bps(5_000_000), now), wanted, begins: s(20) },
        ],
    );
    for o in &two {
        println!(
            "two {:.0}k {:.0}k {:.0}k {:?} {:?}",
            o.rate(s(20), s(30)) / 1e3,
            o.rate(s(30), s(60)) / 1e3,
            o.rate(s(60), s(90)) / 1e3,
            o.wait_max,
            o.long_wait
        );
    }
}
