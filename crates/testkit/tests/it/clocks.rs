//! Lip sync: Keel's sender reports tie the clocks together exactly as the publisher's do.

use crate::stage::{Stage, seeded};
use anyhow::Result;
use keel_testkit::peer::{PeerReport, SenderReport};
use keel_testkit::source::{AUDIO_CLOCK, VIDEO_CLOCK};

/// How far `received` is from the line through `sent`, in ticks of `clock`, once the forwarder's constant
/// shift of timestamps is taken away.
fn ticks_apart(received: SenderReport, sent: SenderReport, shift: u32, clock: u32) -> i64 {
    let elapsed = received.ntp_time.wrapping_sub(sent.ntp_time) as i64;
    let expected = (elapsed as f64 / 2f64.powi(32) * f64::from(clock)).round() as i64;
    let unshifted = received.rtp_time.wrapping_sub(shift);
    let actual = i64::from(unshifted.wrapping_sub(sent.rtp_time).cast_signed());
    actual - expected
}

/// Every report lies on the line of one that the publisher sent. The publisher's own lines differ from
/// each other by more than a tick, its pace being that of a busy machine, so this is no weak demand.
fn check(received: &[SenderReport], sent: &[SenderReport], shift: u32, clock: u32) {
    assert!(received.len() >= 2, "{received:?}");
    for report in received {
        let nearest = sent.iter().map(|sent| ticks_apart(*report, *sent, shift, clock).abs()).min();
        assert!(nearest.is_some_and(|ticks| ticks <= 1), "{report:?} is {nearest:?} ticks from {sent:?}");
    }
}

#[tokio::test]
async fn received_sender_reports_lie_on_the_publishers_line() -> Result<()> {
    // covers: RFC 3550 §6.4.1
    reports_lie_on_the_line(&Stage::new().await?).await
}

#[tokio::test]
async fn sender_reports_are_exact_across_two_workers_too() -> Result<()> {
    reports_lie_on_the_line(&Stage::apart(2).await?).await
}

async fn reports_lie_on_the_line(stage: &Stage) -> Result<()> {
    let [alice, bob] = stage.call([seeded(1), seeded(2)], [None, None]).await?;
    let several = |reports: &[SenderReport], ssrc: Option<u32>| {
        ssrc.is_some_and(|ssrc| PeerReport::of_stream(reports, ssrc).count() >= 4)
    };
    let heard = bob
        .peer
        .until("four sender reports of each stream", |r| {
            several(&r.reports_received, r.video_ssrc) && several(&r.reports_received, r.audio_ssrc)
        })
        .await?;
    let said = alice.peer.report().reports_sent;
    let of = |ssrc| PeerReport::of_stream(&heard.reports_received, ssrc).collect::<Vec<_>>();

    let (number, timestamp) = heard.video.first_timestamp.expect("video arrived");
    let original = alice.peer.video_timestamp(number).expect("alice sends video");
    check(
        &of(heard.video_ssrc.expect("video arrived")),
        &said,
        timestamp.wrapping_sub(original),
        VIDEO_CLOCK,
    );

    let (number, timestamp) = heard.audio.first_timestamp.expect("audio arrived");
    let original = alice.peer.audio_timestamp(number).expect("alice sends audio");
    check(
        &of(heard.audio_ssrc.expect("audio arrived")),
        &said,
        timestamp.wrapping_sub(original),
        AUDIO_CLOCK,
    );
    Ok(())
}

#[test]
fn a_report_off_the_line_is_noticed() {
    let sent = SenderReport { ssrc: 1, ntp_time: 5 << 32, rtp_time: 1_000, packets: 0 };
    let later = SenderReport { ntp_time: 7 << 32, rtp_time: 1_000 + 180_000 + 77, ..sent };
    assert_eq!(ticks_apart(later, sent, 77, VIDEO_CLOCK), 0);
    assert_eq!(ticks_apart(later, sent, 70, VIDEO_CLOCK), 7);
    assert_eq!(ticks_apart(sent, later, 77, VIDEO_CLOCK), -154, "the shift counts once, not twice");
}
