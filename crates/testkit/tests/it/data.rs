//! Data channels between peers, through Keel.

use crate::stage::{Guest, Stage, drops, seeded};
use anyhow::Result;
use bytes::Bytes;
use keel_media::forward::DropReason;
use keel_media::{
    DataChannelError, DataChannelOptions, DataChannelState, EndpointEvent, MediaType, PipelineEvent,
};
use keel_testkit::net::{LinkConfig, Loss};
use keel_testkit::peer::{Part, PeerMessage, PeerOptions};
use keel_testkit::proxy::ProxyConfig;
use std::time::Duration;

/// A peer of data channels alone, which opens one of this label.
fn talker(seed: u64, label: &str) -> PeerOptions {
    let channels = vec![label.to_owned()];
    PeerOptions { audio: Part::None, video: Part::None, channels, ..seeded(seed) }
}

fn text(text: &str) -> PeerMessage {
    PeerMessage::Text(text.to_owned())
}

fn binary(length: usize, seed: u8) -> PeerMessage {
    let bytes: Vec<u8> = (0..length).map(|place| (place % 251) as u8 ^ seed).collect();
    PeerMessage::Binary(Bytes::from(bytes))
}

/// A guest whose channel is open.
async fn guest(stage: &Stage, options: PeerOptions, network: Option<&ProxyConfig>) -> Result<Guest> {
    let label = options.channels[0].clone();
    let mut guest = stage.arrive(options).await?;
    stage.seat(&mut guest, network).await?;
    guest.peer.until("an open channel", |report| report.channel(&label).opened == 1).await?;
    Ok(guest)
}

/// How often the channel on `stream` was opened and closed, by the events of its endpoint.
fn told(events: &[PipelineEvent], guest: &Guest, stream: u16) -> (usize, usize) {
    let count = |wanted: EndpointEvent| {
        events.iter().filter(|e| e.endpoint == guest.endpoint.id() && e.event == wanted).count()
    };
    (count(EndpointEvent::DataChannelOpened { stream }), count(EndpointEvent::DataChannelClosed { stream }))
}

#[tokio::test]
async fn a_loop_echoes_text_and_bytes_of_any_size_on_the_same_channel() -> Result<()> {
    let stage = Stage::new().await?;
    let alice = guest(&stage, talker(1, "chat"), None).await?;
    alice.endpoint.connect(&alice.endpoint, MediaType::Data).await?;
    let said = [text("hello"), text(""), binary(3, 1), binary(0, 0), binary(200_000, 7), text("größe")];
    for message in &said {
        alice.peer.send("chat", message).await?;
    }
    let report = alice.peer.until("six echoes", |report| report.channel("chat").messages == 6).await?;
    assert_eq!(report.channel("chat").first, said);
    let stats = alice.endpoint.stats().await.expect("the endpoint exists");
    let [channel] = &stats.data_channels[..] else { panic!("one channel: {stats:?}") };
    assert_eq!((channel.label.as_str(), channel.state), ("chat", DataChannelState::Open));
    assert_eq!((channel.messages_received, channel.messages_sent), (6, 6));
    assert_eq!((channel.bytes_received, channel.bytes_sent), (200_015, 200_015));
    Ok(())
}

#[tokio::test]
async fn a_message_takes_the_channel_of_its_label_or_the_first_there_is() -> Result<()> {
    let stage = Stage::new().await?;
    let mut options = talker(2, "chat");
    options.channels.push("files".to_owned());
    let alice = guest(&stage, options.clone(), None).await?;
    let bob = guest(&stage, PeerOptions { seed: 3, ..options }, None).await?;
    alice.peer.until("both", |report| report.channel("files").opened == 1).await?;
    bob.peer.until("both", |report| report.channel("files").opened == 1).await?;
    alice.endpoint.connect(&bob.endpoint, MediaType::Data).await?;
    alice.peer.send("files", &binary(9, 1)).await?;
    alice.peer.send("chat", &text("hi")).await?;
    bob.peer.until("the file", |report| report.channel("files").messages == 1).await?;
    bob.peer.until("the words", |report| report.channel("chat").messages == 1).await?;
    alice.peer.open_channel("elsewhere").await?;
    alice.peer.until("one more", |report| report.channel("elsewhere").opened == 1).await?;
    alice.peer.send("elsewhere", &text("to the first")).await?;
    let report =
        bob.peer.until("the rest", |report| report.channels.values().map(|c| c.messages).sum::<u64>() == 3);
    assert_eq!(report.await?.channel("elsewhere").messages, 0);
    Ok(())
}

#[tokio::test]
async fn long_messages_come_through_five_percent_loss_each_way() -> Result<()> {
    let stage = Stage::new().await?;
    let link =
        LinkConfig { loss: Loss::Random(0.05), delay: Duration::from_millis(5), ..LinkConfig::default() };
    let network = ProxyConfig { seed: 31, up: link.clone(), down: link };
    let alice = guest(&stage, talker(4, "files"), Some(&network)).await?;
    let bob = guest(&stage, talker(5, "files"), Some(&network)).await?;
    alice.endpoint.connect(&bob.endpoint, MediaType::Data).await?;
    let said = [binary(200_000, 1), text("between"), binary(60_000, 2)];
    for message in &said {
        alice.peer.send("files", message).await?;
    }
    let report = bob.peer.until("three messages", |report| report.channel("files").messages == 3).await?;
    assert_eq!(report.channel("files").first, said);
    let lost = |guest: &Guest| guest.proxy.as_ref().expect("the network is bad").counters();
    assert!(lost(&alice).0.lost > 0 && lost(&bob).1.lost > 0, "the networks did lose packets");
    Ok(())
}

#[tokio::test]
async fn keel_opens_a_channel_and_either_side_closes_it_once() -> Result<()> {
    let stage = Stage::new().await?;
    let alice = guest(&stage, talker(6, "own"), None).await?;
    let options = DataChannelOptions { label: "keel's".to_owned(), ..DataChannelOptions::default() };
    let both = DataChannelOptions { lifetime_ms_max: Some(9), retransmits_max: Some(9), ..options.clone() };
    assert_eq!(alice.endpoint.create_data_channel(both).await, Err(DataChannelError::TwoLimits));
    for round in 1..=2 {
        let stream = alice.endpoint.create_data_channel(options.clone()).await?;
        alice.peer.until("Keel's channel", |report| report.channel("keel's").opened == round).await?;
        stage.until("the word of it", |e| told(e, &alice, stream).0 == round as usize).await?;
        if round == 1 {
            alice.endpoint.close_data_channel(stream).await?;
        } else {
            alice.peer.close_channel("keel's").await?;
        }
        alice.peer.until("its end", |report| report.channel("keel's").closed == round).await?;
        let events = stage.until("the end's word", |e| told(e, &alice, stream).1 >= round as usize).await?;
        assert_eq!(told(&events, &alice, stream), (round as usize, round as usize), "{events:?}");
    }
    let stats = alice.endpoint.stats().await.expect("the endpoint exists");
    let closed = stats.data_channels.iter().filter(|c| c.state == DataChannelState::Closed).count();
    assert_eq!((closed, stats.data_channels.len()), (2, 3), "{stats:?}");
    Ok(())
}

#[tokio::test]
async fn without_data_channels_nothing_can_be_opened() -> Result<()> {
    let stage = Stage::new().await?;
    let mut alice = stage.arrive(seeded(7)).await?;
    stage.seat(&mut alice, None).await?;
    alice.peer.connected().await?;
    let refused = alice.endpoint.create_data_channel(DataChannelOptions::default()).await;
    assert_eq!(refused, Err(DataChannelError::NotNegotiated));
    assert_eq!(alice.endpoint.close_data_channel(0).await, Err(DataChannelError::NotNegotiated));
    Ok(())
}

#[tokio::test]
async fn what_a_slow_peer_does_not_take_is_dropped_and_counted_and_the_rest_lives() -> Result<()> {
    let stage = Stage::new().await?;
    let slow = LinkConfig { rate: Some(2_000_000), ..LinkConfig::default() };
    let network = ProxyConfig { seed: 33, up: LinkConfig::default(), down: slow };
    let alice = guest(&stage, talker(8, "flood"), None).await?;
    let bob = guest(&stage, talker(9, "flood"), Some(&network)).await?;
    alice.endpoint.connect(&bob.endpoint, MediaType::Data).await?;
    // Ten times what may wait for bob.
    for _ in 0..100 {
        alice.peer.send("flood", &binary(100_000, 3)).await?;
    }
    let snapshot = stage.until_snapshot("drops", |s| drops(s, DropReason::DataQueueFull) > 0).await?;
    assert_eq!(drops(&snapshot, DropReason::SctpRefused), 0);
    // Alice is heard all the while by others.
    let carol = guest(&stage, talker(10, "flood"), None).await?;
    alice.endpoint.connect(&carol.endpoint, MediaType::Data).await?;
    alice.peer.send("flood", &text("after the flood")).await?;
    let last = text("after the flood");
    carol.peer.until("words", |r| r.channel("flood").latest.as_ref() == Some(&last)).await?;
    let received = bob.peer.until("some of it", |r| r.channel("flood").messages >= 5).await?;
    assert!(received.channel("flood").messages < 100);
    let stats = bob.endpoint.stats().await.expect("the endpoint exists");
    assert!(stats.data_channels[0].messages_dropped > 0, "{stats:?}");
    Ok(())
}
