//! What watchers notice of a bad network, with the whole forwarding core before it.

use crate::room::Room;
use keel_media::rtp::Bitrate;
use keel_testkit::net::{LinkConfig, Loss, QueueLimit};
use std::time::Duration;

const SECONDS: u64 = 30;

fn link() -> LinkConfig {
    LinkConfig {
        delay: Duration::from_millis(25),
        jitter: Duration::from_millis(2),
        rate: Some(3_000_000),
        queue: QueueLimit::Time(Duration::from_millis(750)),
        ..LinkConfig::default()
    }
}

#[test]
fn zz() {
    for (name, enc, l) in [
        ("plain", vec![1_500_000], link()),
        ("loss1", vec![1_500_000], LinkConfig { loss: Loss::Random(0.01), ..link() }),
        ("loss5", vec![1_500_000], LinkConfig { loss: Loss::Random(0.05), ..link() }),
        ("loss10", vec![1_500_000], LinkConfig { loss: Loss::Random(0.1), ..link() }),
        (
            "burst10",
            vec![1_500_000],
            LinkConfig { loss: Loss::Bursts { begin: 0.0278, end: 0.25, loss_while_bad: 1.0 }, ..link() },
        ),
        ("slow", vec![1_500_000], LinkConfig { rate: Some(500_000), ..link() }),
        (
            "simul",
            vec![150_000, 500_000, 1_500_000],
            LinkConfig {
                schedule: vec![
                    (Duration::from_secs(20), Some(500_000)),
                    (Duration::from_secs(40), Some(3_000_000)),
                ],
                ..link()
            },
        ),
    ] {
        let enc: Vec<_> = enc.into_iter().map(Bitrate::bps).collect();
        let mut room = Room::new(7, &enc, &[l]);
        let secs = if name == "simul" { 60 } else { SECONDS };
        room.run(Duration::from_secs(secs));
        if std::env::var("V").is_ok_and(|v| v == name) {
            for w in room.seats[0].watcher.seen.shown.windows(2) {
                if w[1].0 - w[0].0 > Duration::from_millis(100) {
                    println!("  gap {:?} -> {:?}", w[0].0 - room.start, w[1].0 - room.start);
                }
            }
            println!("first {:?}", room.seats[0].watcher.seen.shown[0].0 - room.start);
            for t in 0..20 {
                println!(
                    "  {t} {:.0}k",
                    room.seats[0].watcher.seen.rate(
                        room.start + Duration::from_millis(t * 100),
                        room.start + Duration::from_millis(t * 100 + 100)
                    ) / 1e3
                );
            }
        }
        let s = &room.seats[0];
        let seen = &s.watcher.seen;
        println!(
            "{name:8} frames {:?} of {} still {:?} missed {} repaired {} rate {:.0}k wait {:?} long {:?} pli {}/{}",
            seen.frames,
            secs * 30,
            seen.longest_still(room.at(1), room.at(secs)),
            seen.missed,
            seen.repaired,
            seen.rate(room.at(5), room.at(secs)) / 1e3,
            s.wait_max,
            s.long_wait,
            seen.keyframe_requests,
            room.keyframe_requests
        );
    }
}
