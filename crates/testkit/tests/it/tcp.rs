//! Peers whose network lets no UDP out, and strangers at the same TCP ports.

use crate::stage::{Guest, Stage, address, config, drops, seeded};
use anyhow::{Context, Result, ensure};
use keel_media::forward::DropReason;
use keel_media::{
    ConnectionState, EndpointEvent, EndpointSettings, IceCandidate, IceState, MediaConfig, MediaKind,
    MediaServer, PipelineEvent, TransportProtocol,
};
use keel_testkit::check::{self, nominating};
use keel_testkit::forged::{binding_request, client_hello, rtp};
use keel_testkit::peer::PeerOptions;
use keel_testkit::tunnel::{Tunnel, framed};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const CONNECTIONS_MAX: usize = 8;
/// What closing a connection may take on a busy machine.
const CLOSING_MAX: Duration = Duration::from_secs(5);

async fn stage() -> Result<Stage> {
    let config = MediaConfig { tcp: true, tcp_connections_per_address_max: CONNECTIONS_MAX, ..config(1) };
    Stage::on(MediaServer::start(config)?).await
}

/// Everything that an endpoint announces.
async fn candidates(stage: &Stage, guest: &Guest) -> Result<Vec<IceCandidate>> {
    guest.endpoint.gather_candidates().await?;
    let id = guest.endpoint.id();
    let is_done = |e: &PipelineEvent| e.endpoint == id && e.event == EndpointEvent::GatheringDone;
    let events = stage.until("the end of gathering", |events| events.iter().any(is_done)).await?;
    let found = events.into_iter().filter(|e| e.endpoint == id).filter_map(|e| match e.event {
        EndpointEvent::CandidateFound(candidate) => Some(candidate),
        _ => None,
    });
    Ok(found.collect())
}

fn tcp_candidate(candidates: &[IceCandidate]) -> Option<&IceCandidate> {
    candidates.iter().find(|candidate| candidate.candidate.contains(" tcp "))
}

/// Answers a guest who reaches the server by TCP alone.
async fn seat_without_udp(stage: &Stage, guest: &mut Guest) -> Result<Tunnel> {
    guest.answer = guest.endpoint.create_answer().await?;
    guest.peer.take_answer(&guest.answer).await?;
    let candidates = candidates(stage, guest).await?;
    let passive = tcp_candidate(&candidates).context("a TCP candidate")?;
    let tunnel = Tunnel::start(address(&passive.candidate)?).await?;
    guest.peer.add_candidate(&IceCandidate { candidate: tunnel.announce(), ..passive.clone() }).await?;
    Ok(tunnel)
}

/// Alice by TCP and Bob by UDP, in a call that is on.
async fn call(stage: &Stage) -> Result<(Guest, Tunnel, Guest)> {
    let talkative = |seed| PeerOptions { channels: vec!["chat".to_owned()], ..seeded(seed) };
    let mut alice = stage.arrive(talkative(1)).await?;
    let mut bob = stage.arrive(talkative(2)).await?;
    // His stack would connect by TCP besides.
    bob.endpoint.configure(EndpointSettings { udp_only: true, ..EndpointSettings::default() }).await;
    for kind in MediaKind::ALL {
        alice.endpoint.connect(&bob.endpoint, kind).await?;
        bob.endpoint.connect(&alice.endpoint, kind).await?;
    }
    let tunnel = seat_without_udp(stage, &mut alice).await?;
    stage.seat(&mut bob, None).await?;
    for guest in [&mut alice, &mut bob] {
        guest.peer.connected().await?;
        guest.peer.publish().await?;
    }
    Ok((alice, tunnel, bob))
}

async fn frames_go_on(guest: &Guest) -> Result<()> {
    let before = guest.peer.report();
    let (video, audio) = (before.video.complete() + 30, before.audio.packets() + 30);
    let report = guest
        .peer
        .until("more frames", |r| r.video.complete() >= video && r.audio.packets() >= audio)
        .await?;
    ensure!((report.video.missing(), report.video.corrupted) == (0, 0), "{report}");
    ensure!((report.audio.missing(), report.audio.corrupted) == (0, 0), "{report}");
    Ok(())
}

#[tokio::test]
async fn without_udp_media_goes_both_ways_and_nothing_is_missing() -> Result<()> {
    let stage = stage().await?;
    let (alice, _tunnel, bob) = call(&stage).await?;
    for guest in [&alice, &bob] {
        frames_go_on(guest).await?;
        guest.peer.until("an open channel", |report| report.channel("chat").opened == 1).await?;
    }
    let (of_alice, of_bob) = (alice.endpoint.id(), bob.endpoint.id());
    let told = stage.until("events", |_| true).await?;
    let protocol_of = |id| {
        told.iter().rev().find_map(|e| match e.event {
            EndpointEvent::PairSelected { protocol, .. } if e.endpoint == id => Some(protocol),
            _ => None,
        })
    };
    assert_eq!(protocol_of(of_alice), Some(TransportProtocol::Tcp));
    assert_eq!(protocol_of(of_bob), Some(TransportProtocol::Udp));

    // The connection is the endpoint's, and ends with it.
    alice.endpoint.release().await;
    stage.until_snapshot("end of the connection", |s| s.tcp_connections == 0).await?;
    Ok(())
}

#[tokio::test]
async fn a_connection_that_breaks_is_told_at_once_and_its_endpoint_lives() -> Result<()> {
    let stage = stage().await?;
    let (alice, tunnel, bob) = call(&stage).await?;
    frames_go_on(&bob).await?;
    drop(tunnel);
    let id = alice.endpoint.id();
    // Without the end of the connection it would take half a minute.
    for expected in
        [EndpointEvent::Ice(IceState::Disconnected), EndpointEvent::Connection(ConnectionState::Disconnected)]
    {
        let is_it = |e: &PipelineEvent| e.endpoint == id && e.event == expected;
        stage.until("word of it", |events| events.iter().any(is_it)).await?;
    }
    let stats = alice.endpoint.stats().await.context("the endpoint lives")?;
    assert_eq!(stats.pair, None, "nothing is sent any more");
    Ok(())
}

#[tokio::test]
async fn an_endpoint_may_be_without_tcp_and_so_may_a_server() -> Result<()> {
    let with_tcp = stage().await?;
    let mut guest = with_tcp.arrive(seeded(1)).await?;
    guest.endpoint.configure(EndpointSettings { udp_only: true, ..EndpointSettings::default() }).await;
    guest.answer = guest.endpoint.create_answer().await?;
    let announced = candidates(&with_tcp, &guest).await?;
    assert!(!announced.is_empty() && tcp_candidate(&announced).is_none(), "{announced:?}");

    let without = Stage::new().await?;
    let mut guest = without.arrive(seeded(1)).await?;
    guest.answer = guest.endpoint.create_answer().await?;
    let announced = candidates(&without, &guest).await?;
    assert!(!announced.is_empty() && tcp_candidate(&announced).is_none(), "{announced:?}");
    let udp = address(&announced[0].candidate)?;
    TcpStream::connect(udp).await.expect_err("nobody listens");
    Ok(())
}

/// Sends these bytes on a connection of its own; whether it was closed then.
async fn is_closed_after(target: SocketAddr, bytes: &[u8]) -> Result<bool> {
    let mut stream = TcpStream::connect(target).await?;
    stream.write_all(bytes).await?;
    let mut answer = Vec::new();
    // A reset is an end, too.
    match timeout(CLOSING_MAX, stream.read_to_end(&mut answer)).await {
        Ok(_) => Ok(answer.is_empty()),
        Err(_) => Ok(false),
    }
}

#[tokio::test]
async fn strangers_are_shown_out_and_the_call_goes_on() -> Result<()> {
    let stage = stage().await?;
    let (alice, _tunnel, bob) = call(&stage).await?;
    frames_go_on(&bob).await?;
    let target = address(&tcp_candidate(&candidates_so_far(&stage).await?).context("one")?.candidate)?;

    let ufrag = alice.answer.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:"));
    let attributes = nominating("somebody", ufrag.context("an answer has ICE credentials")?);
    let insider = check::binding_request(&attributes, "not the session's password")?;
    let garbage = [
        ("no check", framed(&client_hello())),
        ("media", framed(&rtp(9, 9))),
        ("for nobody", framed(&binding_request("nobody:knows"))),
        ("a wrong password", framed(&insider)),
        ("nothing, again and again", framed(&[])),
    ];
    let before = stage.server.snapshot().await;
    for (story, frame) in &garbage {
        assert!(is_closed_after(target, &frame.repeat(10)).await?, "{story}");
    }
    let web = b"GET / HTTP/1.1\r\nHost: keel\r\n\r\n".repeat(4);
    assert!(is_closed_after(target, &web).await?, "a length that no datagram has");
    let expelled = garbage.len() as u64 + 1;
    let after = stage
        .until_snapshot("count of strangers", |s| s.tcp_expelled == before.tcp_expelled + expelled)
        .await?;
    for reason in [
        DropReason::UnknownAddress,
        DropReason::StunUnknownUfrag,
        DropReason::StunIntegrity,
        DropReason::UnknownProtocol,
        DropReason::TooLong,
    ] {
        assert!(drops(&after, reason) > drops(&before, reason), "{reason:?}: {after:?}");
    }

    // They may say nothing, or a byte at a time: then it is their number that has a bound.
    let mut silent = Vec::new();
    for _ in 0..2 * CONNECTIONS_MAX {
        let mut stream = TcpStream::connect(target).await?;
        // The connection may be closed already.
        let _ = stream.write_all(&[0]).await;
        silent.push(stream);
    }
    let refused = 2 * CONNECTIONS_MAX as u64 - (CONNECTIONS_MAX as u64 - 1);
    let crowded = stage
        .until_snapshot("count of the refused", |s| s.tcp_refused == before.tcp_refused + refused)
        .await?;
    assert_eq!(crowded.tcp_connections, CONNECTIONS_MAX as u64);
    for guest in [&alice, &bob] {
        frames_go_on(guest).await?;
    }
    drop(silent);
    stage.until_snapshot("room again", |s| s.tcp_connections == 1).await?;
    Ok(())
}

/// What all endpoints have announced.
async fn candidates_so_far(stage: &Stage) -> Result<Vec<IceCandidate>> {
    let events = stage.until("events", |_| true).await?;
    Ok(events
        .into_iter()
        .filter_map(|e| match e.event {
            EndpointEvent::CandidateFound(candidate) => Some(candidate),
            _ => None,
        })
        .collect())
}
