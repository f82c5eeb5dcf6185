//! What watchers notice of a bad network, with the whole forwarding core between them and the camera.

use crate::room::Room;
use keel_media::rtp::Bitrate;
use keel_testkit::net::{LinkConfig, Loss, QueueLimit};
use std::fmt::Write;
use std::time::Duration;

const SECONDS: u64 = 30;
/// Of a camera, 30 frames a second.
const FRAMES: usize = 30 * SECONDS as usize;
const RATE: Bitrate = Bitrate::bps(1_500_000);

/// A path of twice the camera's rate.
fn link() -> LinkConfig {
    LinkConfig {
        delay: Duration::from_millis(25),
        jitter: Duration::from_millis(2),
        rate: Some(3_000_000),
        queue: QueueLimit::Time(Duration::from_millis(750)),
        ..LinkConfig::default()
    }
}

/// Loss in bursts of four on average, of this share in all.
fn bursts(share: f64) -> Loss {
    Loss::Bursts { begin: 0.25 * share / (1.0 - share), end: 0.25, loss_while_bad: 1.0 }
}

/// One watcher for half a minute on each path. Every packet that a path loses is repaired within half a second,
/// and no keyframe has to be asked for.
pub(crate) fn table(seed: u64) -> String {
    let mut text = String::from(
        "\n| network | frames shown | longest still | packets missed | repaired too late | keyframe requests |\n\
         | --- | --- | --- | --- | --- | --- |\n",
    );
    let far = LinkConfig { delay: Duration::from_millis(100), ..link() };
    let shaken = LinkConfig { jitter: Duration::from_millis(50), ..link() };
    let lossy = |loss| LinkConfig { loss, ..link() };
    for (name, link) in [
        ("3 Mbit/s", link()),
        ("jitter of 50 ms", shaken),
        ("round trip of 200 ms", far.clone()),
        ("1 % loss", lossy(Loss::Random(0.01))),
        ("5 % loss", lossy(Loss::Random(0.05))),
        ("10 % loss", lossy(Loss::Random(0.10))),
        ("1 % loss in bursts of four", lossy(bursts(0.01))),
        ("5 % loss in bursts of four", lossy(bursts(0.05))),
        ("10 % loss in bursts of four", lossy(bursts(0.10))),
        ("round trip of 200 ms, 2 % loss", LinkConfig { loss: Loss::Random(0.02), ..far }),
    ] {
        let mut room = Room::new(seed, &[RATE], &[link]);
        room.run(Duration::from_secs(SECONDS));
        let seen = &room.seats[0].watcher.seen;
        let still = seen.longest_still(room.at(0), room.at(SECONDS));
        let row = format!(
            "| {name} | {} of {FRAMES} | {} ms | {} | {} | {} |",
            seen.shown.len(),
            still.as_millis(),
            seen.missed,
            seen.unrepaired,
            seen.keyframe_requests + room.keyframe_requests,
        );
        assert_eq!(seen.unrepaired, 0, "{row}");
        assert!(seen.shown.len() >= FRAMES - 15, "the last half second may be under way: {row}");
        assert!(still < Duration::from_millis(500), "{row}");
        writeln!(text, "{row}").expect("a text grows");
    }
    text
}

/// KMS sends all what the slowest can take.
#[test]
fn one_slow_watcher_among_nine_fast_ones_is_nothing_to_the_nine() {
    let mut links = vec![link(); 9];
    links.push(LinkConfig { rate: Some(400_000), ..link() });
    let mut room = Room::new(3, &[RATE], &links);
    room.run(Duration::from_secs(SECONDS));
    let (slow, fast) = room.seats.split_last().expect("ten");
    for seat in fast {
        let seen = &seat.watcher.seen;
        assert!(seen.shown.len() >= FRAMES - 15, "{} frames", seen.shown.len());
        assert_eq!((seen.missed, seen.keyframe_requests), (0, 0));
        let still = seen.longest_still(room.at(0), room.at(SECONDS));
        assert!(still < Duration::from_millis(150), "{still:?}");
    }
    let shown = slow.watcher.seen.shown.len();
    assert!((30..FRAMES / 2).contains(&shown), "the slow one sees some of it: {shown}");
    assert!(slow.long_wait < Duration::from_secs(1), "its own queue stays short: {:?}", slow.long_wait);
}
