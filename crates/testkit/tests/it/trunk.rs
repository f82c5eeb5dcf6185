//! Two endpoints of Keel negotiated with each other, of two servers or of one: a trunk that carries a call
//! from one pipeline to another.

use crate::stage::{Guest, Stage, config, seeded, until_snapshot};
use anyhow::{Context, Result};
use keel_media::{
    EndpointEvent, EndpointOptions, IceCandidate, IceState, MediaConfig, MediaServer, MediaType,
    NegotiationError, OfferOptions, PipelineEvent, WebRtcEndpoint,
};
use keel_testkit::peer::{PeerMessage, PeerOptions};
use std::net::UdpSocket;

/// Alice's and Bob's places, with a trunk between them.
struct Trunk {
    near: Stage,
    far: Stage,
    alice: Guest,
    bob: Guest,
    /// The end beside Alice, which offered.
    offerer: WebRtcEndpoint,
    /// The end beside Bob, which answered.
    answerer: WebRtcEndpoint,
}

/// What happens to a description on its way to the other end.
type OnTheWay = fn(String) -> String;

fn server(workers: usize, seed: u64) -> Result<MediaServer> {
    Ok(MediaServer::start(MediaConfig { seed: Some(seed), ..config(workers) })?)
}

/// An endpoint to be a trunk's end, connected both ways to this guest's.
async fn trunk_end(stage: &Stage, guest: &Guest) -> Result<WebRtcEndpoint> {
    let options = EndpointOptions { data_channels: true, ..EndpointOptions::default() };
    let end = stage.pipeline.create_webrtc_endpoint(options).await?;
    for media in MediaType::ALL {
        end.connect(&guest.endpoint, media).await?;
        guest.endpoint.connect(&end, media).await?;
    }
    Ok(end)
}

async fn candidates(stage: &Stage, endpoint: &WebRtcEndpoint) -> Result<Vec<IceCandidate>> {
    endpoint.gather_candidates().await?;
    let id = endpoint.id();
    let is_done = |e: &PipelineEvent| e.endpoint == id && e.event == EndpointEvent::GatheringDone;
    let events = stage.until("the end of gathering", |events| events.iter().any(is_done)).await?;
    let of_endpoint = events.into_iter().filter(|e| e.endpoint == id);
    Ok(of_endpoint
        .filter_map(|e| match e.event {
            EndpointEvent::CandidateFound(candidate) => Some(candidate),
            _ => None,
        })
        .collect())
}

impl Trunk {
    /// Seats both guests and negotiates the trunk as an application does: candidates follow each
    /// description at once.
    async fn new(near: Stage, far: Stage, offer_on_the_way: OnTheWay) -> Result<Self> {
        let talkative = |seed| PeerOptions { channels: vec!["chat".to_owned()], ..seeded(seed) };
        let mut alice = near.arrive(talkative(1)).await?;
        let mut bob = far.arrive(talkative(2)).await?;
        near.seat(&mut alice, None).await?;
        far.seat(&mut bob, None).await?;
        let offerer = trunk_end(&near, &alice).await?;
        let answerer = trunk_end(&far, &bob).await?;

        let offer = offerer.generate_offer(OfferOptions::default()).await?;
        let offered = candidates(&near, &offerer).await?;
        let answer = answerer.process_offer(&offer_on_the_way(offer)).await?;
        for candidate in offered {
            assert_eq!((candidate.sdp_mid.as_deref(), candidate.sdp_mline_index), (Some("0"), Some(0)));
            answerer.add_ice_candidate(candidate).await?;
        }
        offerer.process_answer(&answer).await?;
        for candidate in candidates(&far, &answerer).await? {
            offerer.add_ice_candidate(candidate).await?;
        }
        for guest in [&mut alice, &mut bob] {
            guest.peer.connected().await?;
            guest.peer.publish().await?;
        }
        Ok(Self { near, far, alice, bob, offerer, answerer })
    }

    /// Alice and Bob see and hear each other, without a gap, and their messages arrive in order.
    async fn carries_both_ways(&self) -> Result<()> {
        self.carries_messages().await?;
        for guest in [&self.alice, &self.bob] {
            let report = guest
                .peer
                .until("forty decodable frames", |r| r.video.decodable() >= 40 && r.audio.packets() >= 40)
                .await?;
            assert_eq!((report.video.missing(), report.video.corrupted), (0, 0), "{report}");
            assert_eq!((report.audio.missing(), report.audio.corrupted), (0, 0), "{report}");
        }
        Ok(())
    }

    /// The first message of each way meets no channel on the trunk: Keel opens one for it.
    async fn carries_messages(&self) -> Result<()> {
        for guest in [&self.alice, &self.bob] {
            guest.peer.until("an open channel", |report| report.channel("chat").opened == 1).await?;
        }
        let said: Vec<_> = (0..20).map(|number| PeerMessage::Text(format!("message {number}"))).collect();
        for (speaker, hearer) in [(&self.alice, &self.bob), (&self.bob, &self.alice)] {
            for message in &said {
                speaker.peer.send("chat", message).await?;
            }
            let heard = hearer.peer.until("all messages", |r| r.channel("chat").messages == 20).await?;
            assert_eq!(heard.channel("chat").first, said[..heard.channel("chat").first.len()]);
        }
        Ok(())
    }

    /// What ICE told of one end, in order.
    async fn ice_story(stage: &Stage, end: &WebRtcEndpoint) -> Result<Vec<IceState>> {
        let events = stage.until("events", |_| true).await?;
        let of_end = events.into_iter().filter(|e| e.endpoint == end.id());
        Ok(of_end
            .filter_map(|e| match e.event {
                EndpointEvent::Ice(state) => Some(state),
                _ => None,
            })
            .collect())
    }
}

fn unchanged(description: String) -> String {
    description
}

#[tokio::test]
async fn a_trunk_between_two_servers_carries_a_call() -> Result<()> {
    let near = Stage::on(server(1, 1)?).await?;
    let far = Stage::on(server(1, 2)?).await?;
    let trunk = Trunk::new(near, far, unchanged).await?;
    trunk.carries_both_ways().await?;
    for (stage, end) in [(&trunk.near, &trunk.offerer), (&trunk.far, &trunk.answerer)] {
        assert_eq!(Trunk::ice_story(stage, end).await?, [IceState::Checking, IceState::Connected]);
    }
    // RFC 8445 §6.1.1: the answerer is the full agent, and has its own socket.
    assert_eq!(trunk.near.server.snapshot().await.own_sockets, 0);
    assert_eq!(trunk.far.server.snapshot().await.own_sockets, 1);
    Ok(())
}

#[tokio::test]
async fn a_trunk_within_one_worker_carries_a_call() -> Result<()> {
    let server = server(1, 3)?;
    let trunk = Trunk::new(Stage::on(server.clone()).await?, Stage::on(server).await?, unchanged).await?;
    assert_eq!(trunk.near.media_address()?, trunk.far.media_address()?, "one worker has one port");
    trunk.carries_both_ways().await
}

#[tokio::test]
async fn a_trunk_within_one_pipeline_carries_a_call() -> Result<()> {
    let stage = Stage::on(server(1, 4)?).await?;
    let mut alice = stage.arrive(seeded(3)).await?;
    let mut bob = stage.arrive(seeded(4)).await?;
    for guest in [&mut alice, &mut bob] {
        stage.seat(guest, None).await?;
    }
    let offerer = trunk_end(&stage, &alice).await?;
    let answerer = trunk_end(&stage, &bob).await?;
    let offer = offerer.generate_offer(OfferOptions::default()).await?;
    offerer.process_answer(&answerer.process_offer(&offer).await?).await?;
    for candidate in candidates(&stage, &offerer).await? {
        answerer.add_ice_candidate(candidate).await?;
    }
    alice.peer.connected().await?;
    alice.peer.publish().await?;
    let report = bob.peer.until("forty decodable frames", |r| r.video.decodable() >= 40).await?;
    assert_eq!((report.video.missing(), report.audio.missing()), (0, 0), "{report}");
    assert_eq!(alice.peer.report().video.packets, 0, "Bob sends nothing");
    Ok(())
}

#[tokio::test]
async fn a_trunk_between_two_workers_carries_a_call_and_leaves_nothing_open() -> Result<()> {
    let server = server(2, 5)?;
    let near = Stage::on(server.clone()).await?;
    let far = Stage::on(server.clone()).await?;
    let trunk = Trunk::new(near, far, unchanged).await?;
    assert_ne!(trunk.near.media_address()?, trunk.far.media_address()?, "each worker has a port");
    trunk.carries_both_ways().await?;

    let stats = trunk.answerer.stats().await.context("the endpoint exists")?;
    let (own, _) = stats.pair.context("it is connected")?;
    assert!(UdpSocket::bind(own).is_err(), "it is in use");
    trunk.answerer.release().await;
    let id = trunk.offerer.id();
    let is_goodbye = |e: &PipelineEvent| e.endpoint == id && e.event == EndpointEvent::PeerClosed;
    trunk.near.until("a goodbye", |events| events.iter().any(is_goodbye)).await?;
    until_snapshot(&server, "closed socket", |snapshot| snapshot.own_sockets == 0).await?;
    UdpSocket::bind(own).context("the port is free again")?;
    Ok(())
}

#[tokio::test]
async fn an_offerer_whose_peer_is_lite_checks_from_its_own_socket() -> Result<()> {
    let near = Stage::on(server(1, 6)?).await?;
    let far = Stage::on(server(1, 7)?).await?;
    // Offered to by what looks like a full agent, Keel answers as a lite one, as other media servers do.
    let trunk = Trunk::new(near, far, |offer| offer.replace("a=ice-lite\r\n", "")).await?;
    trunk.carries_both_ways().await?;
    let stats = trunk.offerer.stats().await.context("the endpoint exists")?;
    let (local, remote) = stats.pair.context("it is connected")?;
    assert_ne!(local, trunk.near.media_address()?);
    assert_eq!(remote, trunk.far.media_address()?);
    assert_eq!(trunk.far.server.snapshot().await.own_sockets, 0);
    Ok(())
}

#[tokio::test]
async fn at_the_limit_of_full_agents_the_next_is_refused_and_may_try_again() -> Result<()> {
    let limited = MediaConfig { full_sessions_per_worker_max: 1, ..config(1) };
    let stage = Stage::on(MediaServer::start(limited)?).await?;
    let mut ends = Vec::new();
    for _ in 0..4 {
        ends.push(stage.pipeline.create_webrtc_endpoint(EndpointOptions::default()).await?);
    }
    let [first, second, third, fourth] = ends.try_into().expect("four endpoints");
    second.process_offer(&first.generate_offer(OfferOptions::default()).await?).await?;
    let offer = third.generate_offer(OfferOptions::default()).await?;
    assert_eq!(fourth.process_offer(&offer).await, Err(NegotiationError::NoSockets));
    let snapshot = stage.server.snapshot().await;
    assert_eq!((snapshot.own_sockets, snapshot.own_sockets_refused), (1, 1));

    second.release().await;
    fourth.process_offer(&offer).await?;
    assert_eq!(stage.server.snapshot().await.own_sockets, 1);
    Ok(())
}
