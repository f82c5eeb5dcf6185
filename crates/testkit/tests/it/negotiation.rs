//! Negotiation that cannot succeed ends in a typed error, never in silence.

use crate::stage::{Stage, seeded};
use anyhow::Result;
use keel_media::{
    CandidateError, ConnectError, EndpointEvent, EndpointOptions, IceCandidate, MediaKind, NegotiationError,
};
use keel_testkit::peer::{PeerOptions, VideoCodec};

fn h264(seed: u64) -> PeerOptions {
    PeerOptions { video_codec: VideoCodec::H264, ..seeded(seed) }
}

#[tokio::test]
async fn answering_without_a_common_codec_is_refused() -> Result<()> {
    let stage = Stage::new().await?;
    let alice = stage.arrive(seeded(1)).await?;
    let bob = stage.arrive(h264(2)).await?;
    // Neither is negotiated, so connecting them is allowed; the offers do not fit, so answering is not.
    alice.endpoint.connect(&bob.endpoint, MediaKind::Video).await?;
    let expected = Err(NegotiationError::NoCommonCodec(MediaKind::Video));
    assert_eq!(alice.endpoint.create_answer().await.map(drop), expected);
    assert_eq!(bob.endpoint.create_answer().await.map(drop), expected);
    Ok(())
}

#[tokio::test]
async fn connecting_negotiated_sides_without_a_common_codec_is_refused() -> Result<()> {
    let stage = Stage::new().await?;
    let mut alice = stage.arrive(seeded(3)).await?;
    let mut bob = stage.arrive(h264(4)).await?;
    for guest in [&mut alice, &mut bob] {
        stage.seat(guest, None).await?;
    }
    let refused = alice.endpoint.connect(&bob.endpoint, MediaKind::Video).await;
    assert_eq!(refused, Err(ConnectError::NoCommonCodec(MediaKind::Video)));
    alice.endpoint.connect(&bob.endpoint, MediaKind::Audio).await?;
    Ok(())
}

#[tokio::test]
async fn elements_of_different_pipelines_cannot_be_connected() -> Result<()> {
    let stage = Stage::new().await?;
    let other = Stage::on(stage.server.clone()).await?;
    let alice = stage.arrive(seeded(5)).await?;
    let bob = other.arrive(seeded(6)).await?;
    let refused = alice.endpoint.connect(&bob.endpoint, MediaKind::Audio).await;
    assert_eq!(refused, Err(ConnectError::ForeignPipeline));
    Ok(())
}

#[tokio::test]
async fn steps_out_of_order_are_typed_errors() -> Result<()> {
    let stage = Stage::new().await?;
    let guest = stage.arrive(seeded(7)).await?;
    let offer = guest.peer.offer().await?;
    let endpoint = &guest.endpoint;
    assert_eq!(endpoint.process_answer(&offer).await, Err(NegotiationError::NoOffer));
    endpoint.create_answer().await?;
    assert_eq!(endpoint.set_remote_offer(&offer).await, Err(NegotiationError::AlreadyNegotiated));
    let fresh = stage.pipeline.create_webrtc_endpoint(EndpointOptions::default()).await?;
    assert_eq!(fresh.create_answer().await, Err(NegotiationError::NoOffer));
    assert!(matches!(fresh.set_remote_offer("v=0 but not SDP").await, Err(NegotiationError::Invalid(_))));
    let events = stage.until("nothing yet", |_| true).await?;
    assert!(!events.iter().any(|e| matches!(e.event, EndpointEvent::Failed(_))), "{events:?}");
    Ok(())
}

#[tokio::test]
async fn candidates_may_come_before_the_offer_and_may_be_hidden_names() -> Result<()> {
    let stage = Stage::new().await?;
    let endpoint = stage.pipeline.create_webrtc_endpoint(EndpointOptions::default()).await?;
    let candidate = |line: &str| IceCandidate {
        candidate: line.to_owned(),
        sdp_mid: Some("0".to_owned()),
        sdp_mline_index: Some(0),
    };
    let hidden = "candidate:1 1 udp 2113937151 6bc7f7a4-6a2c-4b5d-9d55-9f0e3d4c2b1a.local 51234 typ host";
    for line in [hidden, "candidate:2 1 udp 2122260223 192.0.2.1 50000 typ host", ""] {
        assert_eq!(endpoint.add_ice_candidate(candidate(line)).await, Ok(()), "{line}");
    }
    let nonsense = endpoint.add_ice_candidate(candidate("candidate:1 1 udp")).await;
    assert_eq!(nonsense, Err(CandidateError::Invalid));
    Ok(())
}
