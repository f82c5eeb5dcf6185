//! What data channels must come through.

use super::super::guard::STREAMS_MAX;
use super::super::{CHANNELS_MAX, DataKind, DataMessage, QUEUED_BYTES_MAX, QUEUED_MESSAGES_MAX};
use super::link::Pair;
use crate::error::DataChannelError;
use crate::forward::DropReason;
use crate::pipeline::{DataChannelOptions, DataChannelState};
use bytes::Bytes;
use std::time::Duration;

const CLIENT: usize = 0;
const SERVER: usize = 1;
const SECOND: Duration = Duration::from_secs(1);

fn named(label: &str) -> DataChannelOptions {
    DataChannelOptions { label: label.to_owned(), ..DataChannelOptions::default() }
}

fn text(text: impl Into<Bytes>) -> DataMessage {
    DataMessage { kind: DataKind::Text, payload: text.into() }
}

fn bytes_of(length: usize) -> DataMessage {
    let payload: Vec<u8> = (0..length).map(|place| (place % 251) as u8).collect();
    DataMessage { kind: DataKind::Binary, payload: payload.into() }
}

#[test]
fn a_channel_is_opened_used_both_ways_and_closed_once_on_both_sides() {
    let mut pair = Pair::up(1);
    let now = pair.now;
    let early = pair.sides[CLIENT].transport.open(now, named("chat"));
    assert_eq!(early, Ok(0), "the client has the even streams");
    pair.run(SECOND);
    let like = named("chat");
    for side in &mut pair.sides {
        assert_eq!(side.opened, [0]);
        for message in [text("hello"), text(""), bytes_of(3), bytes_of(0)] {
            assert_eq!(side.transport.deliver(now, &like, &message), Ok(()));
        }
    }
    pair.run(SECOND);
    for side in &pair.sides {
        let received: Vec<_> = side.received.iter().map(|(_, message)| message.clone()).collect();
        assert_eq!(received, [text("hello"), text(""), bytes_of(3), bytes_of(0)]);
        assert!(side.received.iter().all(|(channel, _)| **channel == named("chat")));
    }
    let now = pair.now;
    pair.sides[SERVER].transport.close_channel(now, 0);
    pair.run(5 * SECOND);
    for side in &pair.sides {
        assert_eq!((side.opened.as_slice(), side.closed.as_slice()), (&[0][..], &[0][..]));
        let info = &side.transport.channels()[0];
        assert_eq!((info.state, info.messages_sent, info.bytes_received), (DataChannelState::Closed, 4, 8));
        assert!(side.dropped.is_empty(), "{:?}", side.dropped);
    }
    let now = pair.now;
    assert_eq!(pair.sides[CLIENT].transport.open(now, named("again")), Ok(0), "the stream is free again");
    pair.run(SECOND);
    assert_eq!(pair.sides[SERVER].opened, [0, 0]);
}

#[test]
fn long_messages_arrive_whole_over_a_lossy_link_in_small_packets() {
    let mut pair = Pair::new(2);
    pair.loss = 0.05;
    pair.until("association", |_| true);
    pair.run(30 * SECOND);
    let like = named("files");
    for side in 0..2 {
        for length in [200_000, 262_144, 1] {
            let now = pair.now;
            assert_eq!(pair.sides[side].transport.deliver(now, &like, &bytes_of(length)), Ok(()));
        }
    }
    pair.until("six messages", |sides| sides.iter().all(|side| side.received.len() == 3));
    for side in &pair.sides {
        let lengths: Vec<_> = side.received.iter().map(|(_, m)| m.payload.len()).collect();
        assert_eq!(lengths, [200_000, 262_144, 1], "in order");
        assert!(side.received.iter().all(|(_, m)| *m == bytes_of(m.payload.len())), "undamaged");
        // 1200 bytes less what DTLS adds at most.
        assert!((1000..=1135).contains(&side.packet_bytes_max), "{}", side.packet_bytes_max);
    }
}

#[test]
fn unreliable_messages_are_given_up_and_leave_room_for_others() {
    for (lifetime_ms_max, retransmits_max) in [(Some(50), None), (None, Some(0))] {
        let mut pair = Pair::up(3);
        let now = pair.now;
        let like = DataChannelOptions { ordered: false, lifetime_ms_max, retransmits_max, ..named("game") };
        pair.sides[CLIENT].transport.open(now, like.clone()).expect("the association is up");
        pair.run(SECOND);
        pair.loss = 0.3;
        for _ in 0..200 {
            let now = pair.now;
            assert_eq!(pair.sides[CLIENT].transport.deliver(now, &like, &bytes_of(500)), Ok(()));
            pair.run(Duration::from_millis(20));
        }
        pair.loss = 0.0;
        pair.run(120 * SECOND);
        let received = pair.sides[SERVER].received.len();
        assert!((20..200).contains(&received), "{received} of 200");
        // Nothing of them is held any more: a queue's worth fits.
        let now = pair.now;
        for _ in 0..QUEUED_BYTES_MAX / 262_144 {
            assert_eq!(pair.sides[CLIENT].transport.deliver(now, &like, &bytes_of(262_144)), Ok(()));
        }
    }
}

#[test]
fn a_flood_is_dropped_at_the_bounds_and_counted_and_what_was_taken_arrives() {
    let mut pair = Pair::up(4);
    let now = pair.now;
    let (like, transport) = (named("flood"), &mut pair.sides[CLIENT].transport);
    let taken = (0..100).filter(|_| transport.deliver(now, &like, &bytes_of(100_000)).is_ok()).count();
    assert!((9..=10).contains(&taken), "{taken} of 100,000 bytes each");
    assert_eq!(transport.deliver(now, &like, &bytes_of(100_000)), Err(DropReason::DataQueueFull));
    assert_eq!(transport.channels()[0].messages_dropped, 101 - taken as u64);
    assert_eq!(transport.deliver(now, &like, &bytes_of(300_000)), Err(DropReason::DataUndeliverable));
    pair.until("all that was taken", |sides| sides[SERVER].received.len() == taken);

    let now = pair.now;
    let transport = &mut pair.sides[CLIENT].transport;
    let small = (0..QUEUED_MESSAGES_MAX + 10).filter(|_| transport.deliver(now, &like, &text("x")).is_ok());
    let small = small.count();
    assert!(small <= QUEUED_MESSAGES_MAX && small > QUEUED_MESSAGES_MAX - 10, "{small} small ones");
    pair.until("the small ones", |sides| sides[SERVER].received.len() == taken + small);
}

#[test]
fn channels_beyond_the_bound_are_closed_at_once_and_the_others_live() {
    let mut pair = Pair::up(5);
    let now = pair.now;
    for place in 0..CHANNELS_MAX {
        assert!(pair.sides[CLIENT].transport.open(now, named(&place.to_string())).is_ok());
    }
    let refused = pair.sides[CLIENT].transport.open(now, named("one too many"));
    assert_eq!(refused, Err(DataChannelError::Limit));
    pair.run(5 * SECOND);
    assert_eq!(pair.sides[SERVER].opened.len(), CHANNELS_MAX);
    let refused = pair.sides[SERVER].transport.open(pair.now, named("from the other side"));
    assert_eq!(refused, Err(DataChannelError::Limit));
    let now = pair.now;
    assert_eq!(pair.sides[CLIENT].transport.deliver(now, &named("63"), &text("alive")), Ok(()));
    pair.run(SECOND);
    let (channel, message) = &pair.sides[SERVER].received[0];
    assert_eq!((channel.label.as_str(), message), ("63", &text("alive")));
}

#[test]
fn options_that_cannot_be_are_refused() {
    let mut pair = Pair::new(6);
    let now = pair.now;
    let refused = pair.sides[SERVER].transport.open(now, named("early"));
    assert_eq!(refused, Err(DataChannelError::NotNegotiated));
    let both = DataChannelOptions { lifetime_ms_max: Some(1), retransmits_max: Some(1), ..named("both") };
    assert_eq!(pair.sides[SERVER].transport.open(now, both), Err(DataChannelError::TwoLimits));
    pair.run(SECOND);
    let now = pair.now;
    let long = pair.sides[SERVER].transport.open(now, named(&"x".repeat(65_536)));
    assert_eq!(long, Err(DataChannelError::Limit));
    assert_eq!(pair.sides[SERVER].transport.open(now, named("odd")), Ok(1));
}

/// rtc-sctp alone puts the peer's closing off for ever here: it waits for data that nobody can read.
#[test]
fn data_that_crosses_our_closing_does_not_hold_it_up() {
    let mut pair = Pair::up(7);
    let now = pair.now;
    let like = named("busy");
    assert_eq!(pair.sides[CLIENT].transport.open(now, like.clone()), Ok(0));
    pair.run(SECOND);
    let now = pair.now;
    for _ in 0..40 {
        assert_eq!(pair.sides[CLIENT].transport.deliver(now, &like, &bytes_of(1000)), Ok(()));
    }
    pair.sides[SERVER].transport.close_channel(now, 0);
    pair.run(60 * SECOND);
    assert_eq!((&pair.sides[CLIENT].closed, &pair.sides[SERVER].closed), (&vec![0], &vec![0]));
    assert!(pair.sides[SERVER].dropped.contains(&DropReason::DataUndeliverable));
    let now = pair.now;
    assert_eq!(pair.sides[CLIENT].transport.deliver(now, &like, &text("anew")), Ok(()));
    pair.run(SECOND);
    assert_eq!(pair.sides[SERVER].received.last().map(|(_, m)| m.clone()), Some(text("anew")));
}

#[test]
fn an_end_is_told_and_closes_every_channel_once() {
    let mut pair = Pair::up(8);
    let now = pair.now;
    for label in ["a", "b"] {
        pair.sides[SERVER].transport.open(now, named(label)).expect("the association is up");
    }
    pair.run(SECOND);
    let now = pair.now;
    pair.sides[SERVER].transport.close(now);
    pair.run(SECOND);
    for side in &mut pair.sides {
        side.closed.sort_unstable();
        assert_eq!(side.closed, [1, 3]);
        assert!(side.transport.channels().iter().all(|info| info.state == DataChannelState::Closed));
    }
    let now = pair.now;
    let after = pair.sides[CLIENT].transport.deliver(now, &named("a"), &text("x"));
    assert_eq!(after, Err(DropReason::DataUndeliverable));
}

#[test]
fn channels_come_and_go_for_ever_without_using_up_anything() {
    let mut pair = Pair::up(9);
    for round in 0..usize::from(STREAMS_MAX) {
        let now = pair.now;
        let opened = pair.sides[round % 2].transport.open(now, named("short"));
        let stream = opened.expect("earlier ones are closed");
        pair.run(Duration::from_millis(50));
        let now = pair.now;
        pair.sides[round % 2].transport.close_channel(now, stream);
        pair.run(Duration::from_millis(250));
    }
    pair.run(10 * SECOND);
    for side in &pair.sides {
        assert_eq!((side.opened.len(), side.closed.len()), (1024, 1024));
        assert_eq!(side.transport.channels().len(), 64, "statistics remember the latest");
    }
}
