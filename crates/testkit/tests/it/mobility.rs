//! Peers that move in the middle of a call, and peers that vanish.

use crate::stage::{Guest, Stage, seeded};
use anyhow::{Context, Result};
use keel_media::{ConnectionState, EndpointEvent, IceState, MediaType};
use keel_testkit::peer::{PATIENCE, PeerMessage, PeerOptions};
use keel_testkit::proxy::{Change, ProxyConfig};
use std::time::Duration;

/// RFC 7675 §5.1: how long consent lasts.
const CONSENT: Duration = Duration::from_secs(30);
/// Frames by which a call shows that it goes on.
const FRAMES: u64 = 40;

/// A call with data channels, of which the first guest is behind a network that can change.
async fn call(stage: &Stage) -> Result<[Guest; 2]> {
    let options = |seed| PeerOptions { channels: vec!["chat".into()], ..seeded(seed) };
    let guests = stage.call([options(1), options(2)], [Some(&ProxyConfig::default()), None]).await?;
    for (from, to) in [(0, 1), (1, 0)] {
        guests[from].endpoint.connect(&guests[to].endpoint, MediaType::Data).await?;
        guests[from].peer.until("an open channel", |report| report.channel("chat").opened == 1).await?;
    }
    both_go_on(&guests).await?;
    Ok(guests)
}

/// Both see more frames than they have seen.
async fn both_go_on(guests: &[Guest; 2]) -> Result<()> {
    for guest in guests {
        let seen = guest.peer.report().video.complete();
        guest.peer.until("more frames", |report| report.video.complete() >= seen + FRAMES).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_peer_at_another_address_keeps_its_media_its_data_and_its_goodbye() -> Result<()> {
    let stage = Stage::new().await?;
    let [alice, bob] = call(&stage).await?;
    let proxy = alice.proxy.as_ref().context("a network that can change")?;
    proxy.change(Change::Move).await;
    let guests = [alice, bob];
    both_go_on(&guests).await?;

    for (from, to, words) in [(0, 1, "from elsewhere"), (1, 0, "to elsewhere")] {
        let said = PeerMessage::Text(words.to_owned());
        guests[from].peer.send("chat", &said).await?;
        let report = guests[to].peer.until("the words", |report| report.channel("chat").messages == 1).await?;
        assert_eq!(report.channel("chat").first, [said]);
    }
    let [alice, bob] = guests;
    alice.endpoint.release().await;
    alice.peer.dismissed().await?;
    bob.endpoint.release().await;
    bob.peer.dismissed().await?;
    Ok(())
}

// covers: RFC 7675 §5.1
#[tokio::test]
async fn a_peer_that_vanishes_is_sent_nothing_more_and_its_session_is_its_owners() -> Result<()> {
    let stage = Stage::new().await?;
    let [mut alice, bob] = call(&stage).await?;
    alice.proxy = None;
    let id = alice.endpoint.id();
    let lost = EndpointEvent::Ice(IceState::Disconnected);
    let told = stage.within(CONSENT + PATIENCE, "lost consent", |events| {
        events.iter().any(|told| told.endpoint == id && told.event == lost)
    });
    told.await?;
    let sent = |stats: keel_media::EndpointStats| stats.outgoing.iter().map(|stream| stream.packets).sum::<u64>();
    let before = sent(alice.endpoint.stats().await.context("the session lives")?);
    let begun = bob.peer.report().frames_sent;
    bob.peer.until("frames sent in vain", |report| report.frames_sent >= begun + FRAMES).await?;
    let after = sent(alice.endpoint.stats().await.context("the session lives on")?);
    assert_eq!(after, before, "nothing is sent without consent");
    let disconnected = EndpointEvent::Connection(ConnectionState::Disconnected);
    stage
        .until("the word of the connection", |events| {
            events.iter().any(|told| told.endpoint == id && told.event == disconnected)
        })
        .await?;
    Ok(())
}
