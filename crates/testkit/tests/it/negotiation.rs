//! Negotiation that cannot succeed ends in a typed error, never in silence.

use crate::stage::{Stage, seeded};
use anyhow::Result;
use keel_media::{
    CandidateError, ConnectError, DtlsState, EndpointEvent, EndpointOptions, EndpointSettings, IceCandidate,
    IceState, MediaKind, NegotiationError, OfferOptions, PipelineEvent,
};
use keel_testkit::peer::{Peer, PeerOptions, VideoCodec};
use std::net::Ipv4Addr;

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

/// What Kurento's own tests offer: no names, no ICE, no DTLS, and a line out of order.
const BARE_OFFER: &str = "v=0\r\no=- 12345 12345 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n\
    m=video 52126 RTP/AVP 96 97 98\r\na=rtpmap:96 H264/90000\r\na=rtpmap:97 MP4V-ES/90000\r\n\
    a=rtpmap:98 H263-1998/90000\r\na=recvonly\r\nb=AS:384\r\n";

#[tokio::test]
async fn a_bare_legacy_offer_is_answered_and_never_connects() -> Result<()> {
    let stage = Stage::new().await?;
    let endpoint = stage.pipeline.create_webrtc_endpoint(EndpointOptions::default()).await?;
    let answer = endpoint.process_offer(BARE_OFFER).await?;
    let m_lines: Vec<_> = answer.lines().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(m_lines, ["m=video 9 RTP/AVP 96"]);
    for absent in ["ice-ufrag", "fingerprint", "a=mid"] {
        assert!(!answer.contains(absent), "{absent}");
    }
    endpoint.gather_candidates().await?;
    let stats = endpoint.stats().await.expect("the endpoint exists");
    assert_eq!((stats.ice, stats.dtls), (IceState::New, DtlsState::New));
    Ok(())
}

#[tokio::test]
async fn the_descriptions_are_kept_and_each_comes_once() -> Result<()> {
    let stage = Stage::new().await?;
    let mut ends = Vec::new();
    for _ in 0..2 {
        ends.push(stage.pipeline.create_webrtc_endpoint(EndpointOptions::default()).await?);
    }
    let [offerer, answerer] = ends.try_into().expect("two endpoints");
    assert_eq!((offerer.local_description().await, answerer.remote_description().await), (None, None));

    let offer = offerer.generate_offer(OfferOptions::default()).await?;
    assert_eq!(offerer.local_description().await.as_ref(), Some(&offer));
    assert_eq!(offerer.remote_description().await, None);
    let already = NegotiationError::AlreadyNegotiated;
    assert_eq!(offerer.generate_offer(OfferOptions::default()).await, Err(already.clone()));
    assert_eq!(offerer.process_offer(&offer).await, Err(already.clone()));

    let answer = answerer.process_offer(&offer).await?;
    assert_eq!(answerer.local_description().await.as_ref(), Some(&answer));
    assert_eq!(answerer.remote_description().await.as_ref(), Some(&offer));
    assert_eq!(answerer.process_offer(&offer).await, Err(already.clone()));
    assert_eq!(answerer.process_answer(&answer).await, Err(NegotiationError::NoOffer));

    offerer.process_answer(&answer).await?;
    assert_eq!(offerer.remote_description().await.as_ref(), Some(&answer));
    assert_eq!(offerer.process_answer(&answer).await, Err(NegotiationError::AnswerAlreadyProcessed));
    assert_eq!(offerer.generate_offer(OfferOptions::default()).await, Err(already));
    Ok(())
}

#[tokio::test]
async fn an_offer_that_could_not_be_answered_gives_way_to_the_next() -> Result<()> {
    let stage = Stage::new().await?;
    let alice = stage.arrive(seeded(21)).await?;
    let bob = stage.arrive(h264(22)).await?;
    alice.endpoint.connect(&bob.endpoint, MediaKind::Video).await?;
    assert!(alice.endpoint.create_answer().await.is_err());
    let carol = Peer::new(h264(23)).await?;
    alice.endpoint.process_offer(&carol.offer().await?).await?;
    Ok(())
}

#[tokio::test]
async fn an_external_address_is_announced_instead_of_the_servers() -> Result<()> {
    let stage = Stage::new().await?;
    let guest = stage.arrive(seeded(24)).await?;
    let external = vec![Ipv4Addr::new(203, 0, 113, 7).into()];
    guest.endpoint.configure(EndpointSettings { external, ..EndpointSettings::default() }).await;
    guest.endpoint.create_answer().await?;
    guest.endpoint.gather_candidates().await?;
    let is_done = |e: &PipelineEvent| e.event == EndpointEvent::GatheringDone;
    stage.until("the end of gathering", |events| events.iter().any(is_done)).await?;
    assert_eq!(stage.media_address()?.ip(), Ipv4Addr::new(203, 0, 113, 7));
    Ok(())
}
