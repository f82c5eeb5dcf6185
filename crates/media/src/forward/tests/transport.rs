//! The numbers that a peer's feedback is about.

use super::publisher::Publisher;
use super::stage::{ALICE, BOB, CAROL, Stage, counted_video};
use crate::rtp::Ssrc;
use crate::rtp::rtcp::Feedback;

// covers: DESIGN.md "Transport-cc numbers count per transport in send order"
#[test]
fn all_streams_of_a_peer_share_one_count_in_the_order_of_departure() {
    let mut stage = Stage::new(1);
    let (video, audio) = (stage.publish(ALICE), stage.publish_audio(ALICE));
    for (session, ssrc) in [(BOB, 0x2000), (CAROL, 0x3000)] {
        let sink = stage.add_sink(session, ssrc, counted_video());
        stage.connect(video, sink);
        stage.subscribe_audio(audio, session, ssrc + 8);
    }
    let (mut camera, mut voice) = (Publisher::new(0x1000, 500, 9), Publisher::of_voice(0x1100));
    for frame in 0..5 {
        stage.send_all(video, &camera.frame(3, frame == 0));
        stage.send_all(audio, &[voice.voice()]);
    }
    let lost = vec![stage.received[0].header.seq, stage.received[1].header.seq];
    stage.feedback(BOB, &Feedback::Nack { media_ssrc: Ssrc::new(0x2000), lost });
    stage.send_all(audio, &[voice.voice()]);
    for (session, sent) in [(BOB, 5 * 4 + 2 + 1), (CAROL, 5 * 4 + 1)] {
        let to_it = stage.received.iter().filter(|packet| packet.session == session);
        let numbers: Vec<u16> = to_it.map(|packet| packet.transport_number().expect("all have")).collect();
        assert_eq!(numbers, (0..numbers.len() as u16).collect::<Vec<u16>>(), "{session:?}");
        assert!(numbers.len() > sent, "a probe is counted too: {}", numbers.len());
    }
}

#[test]
fn a_peer_that_did_not_agree_on_feedback_gets_no_numbers() {
    let mut stage = Stage::new(1);
    let track = stage.publish(ALICE);
    let mut silent = (*counted_video()).clone();
    silent.formats[0].transport_cc = false;
    let sink = stage.add_sink(BOB, 0x2000, silent.into());
    stage.connect(track, sink);
    stage.send_all(track, &Publisher::new(0x1000, 500, 9).frame(3, true));
    assert_eq!(stage.received.len(), 3);
    assert!(stage.received.iter().all(|packet| packet.transport_number().is_none()));
}
