//! Calls through the real binary: signaling and media together, as users have them.

use anyhow::{Context, Result};
use keel_testkit::peer::{PeerOptions, VideoCodec};
use keel_testkit::seat::Seat;
use keel_testkit::server::{KeelServer, ServerOptions, Tls};
use keel_testkit::signaling::{FromServer, SignalingClient, ToServer};

fn seeded(seed: u64) -> PeerOptions {
    PeerOptions { seed, ..PeerOptions::default() }
}

async fn seats<const N: usize>(server: &KeelServer, names: [&str; N]) -> Result<[Seat; N]> {
    let mut seats = Vec::new();
    for name in names {
        seats.push(Seat::register(&server.call_url(), &server.trust()?, name).await?);
    }
    seats.try_into().ok().context("as many seats as names")
}

async fn call(caller: &mut Seat, callee: &mut Seat, callee_name: &str) -> Result<()> {
    tokio::try_join!(caller.call(callee_name, seeded(1)), callee.accept(seeded(2)))?;
    tokio::try_join!(caller.connect(), callee.connect())?;
    for seat in [caller, callee] {
        let report = seat
            .peer()?
            .until("a second of media", |r| r.video.complete() >= 30 && r.audio.packets() >= 50)
            .await?;
        assert_eq!((report.video.missing(), report.audio.missing()), (0, 0), "{report}");
    }
    Ok(())
}

#[tokio::test]
async fn two_users_call_each_other_in_turn_and_either_hangs_up() -> Result<()> {
    let server = KeelServer::start(&ServerOptions { workers: 1, ..ServerOptions::default() })?;
    let [mut alice, mut bob] = seats(&server, ["alice", "bob"]).await?;
    call(&mut alice, &mut bob, "bob").await?;
    bob.hang_up().await?;
    alice.hung_up().await?;
    server.emptied().await?;

    call(&mut bob, &mut alice, "alice").await?;
    bob.hang_up().await?;
    alice.hung_up().await?;
    server.emptied().await?;
    assert!(server.terminate()?, "the server ended well");
    Ok(())
}

#[tokio::test]
async fn a_call_over_tls_with_a_certificate_of_the_servers_own() -> Result<()> {
    let options = ServerOptions { tls: Tls::SelfSigned, workers: 1, ..ServerOptions::default() };
    let server = KeelServer::start(&options)?;
    assert!(server.url().starts_with("https:"), "{}", server.url());
    let [mut alice, mut bob] = seats(&server, ["alice", "bob"]).await?;
    call(&mut alice, &mut bob, "bob").await?;
    alice.hang_up().await?;
    bob.hung_up().await?;
    Ok(())
}

#[tokio::test]
async fn a_user_who_vanishes_ends_the_call() -> Result<()> {
    let server = KeelServer::start(&ServerOptions { workers: 2, ..ServerOptions::default() })?;
    let [mut alice, mut bob] = seats(&server, ["alice", "bob"]).await?;
    call(&mut alice, &mut bob, "bob").await?;
    drop(alice);
    bob.hung_up().await?;
    server.emptied().await
}

#[tokio::test]
async fn users_without_a_common_codec_are_both_told() -> Result<()> {
    let server = KeelServer::start(&ServerOptions { workers: 1, ..ServerOptions::default() })?;
    let [mut alice, mut bob] = seats(&server, ["alice", "bob"]).await?;
    let h264 = PeerOptions { video_codec: VideoCodec::H264, ..seeded(2) };
    let (called, accepted) = tokio::join!(alice.call("bob", seeded(1)), bob.accept(h264));
    for outcome in [called, accepted.map(drop)] {
        let error = outcome.expect_err("the call cannot begin").to_string();
        assert!(error.to_lowercase().contains("codec"), "{error}");
    }
    server.emptied().await
}

#[tokio::test]
async fn a_client_that_speaks_nonsense_is_told_and_may_stay() -> Result<()> {
    let server = KeelServer::start(&ServerOptions { workers: 1, ..ServerOptions::default() })?;
    let mut client = SignalingClient::connect(&server.call_url(), &server.trust()?).await?;
    let long = format!(r#"{{"id":"register","name":"{}"}}"#, "n".repeat(70_000));
    for text in
        ["", "{", "[]", r#"{"id":"dance"}"#, r#"{"id":"register","name":7}"#, r#"{"id":"stop"}"#, &long]
    {
        client.send_text(text).await?;
        let answer = client.next().await?;
        assert!(matches!(answer, FromServer::Error { .. }), "{answer:?}");
    }
    client.send_binary(vec![1, 2, 3]).await?;
    assert!(matches!(client.next().await?, FromServer::Error { .. }));
    client.send(&ToServer::Register { name: "carol".to_owned(), secret: None }).await?;
    let FromServer::RegisterResponse { response, .. } = client.next().await? else {
        anyhow::bail!("carol is not answered");
    };
    assert_eq!(response, "accepted");

    client.send_text("x".repeat((1 << 20) + 1)).await?;
    // RFC 6455 §7.4.1: 1009, too big to process.
    assert_eq!(client.closed().await?, 1009);
    Ok(())
}
