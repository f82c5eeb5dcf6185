//! Over real loopback sockets: what is committed arrives, one datagram each, in order.

use super::*;
use crate::pipeline::Dscp;
use std::net::{Ipv6Addr, SocketAddr};
use std::os::fd::AsFd;
use std::time::{SystemTime, UNIX_EPOCH};

/// Every datagram's bytes tell its place in the story, so that order and boundaries show.
fn datagram(place: usize, length: usize) -> Vec<u8> {
    (0..length).map(|offset| (place * 31 + offset) as u8).collect()
}

fn socket() -> UdpSocket {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback socket")
}

fn address(socket: &UdpSocket) -> SocketAddr {
    socket.local_addr().expect("a bound socket")
}

fn append(
    batch: &mut SendBatch,
    destination: impl Into<Destination>,
    segmentation: Segmentation,
    bytes: &[u8],
) {
    // Longer than needed: a caller knows the size only after sealing.
    let room = batch.reserve(destination.into(), segmentation, bytes.len() + 16).expect("the batch has room");
    room[..bytes.len()].copy_from_slice(bytes);
    batch.commit(bytes.len());
}

/// Everything that waits on `socket`, with its source. Loopback delivers within the send call.
fn arrived(socket: &UdpSocket) -> Vec<(SocketAddr, Vec<u8>)> {
    let mut batch = ReceiveBatch::new();
    let mut all = Vec::new();
    loop {
        let received = batch.receive(socket.as_fd()).expect("a healthy socket");
        assert_eq!(received.truncated, 0);
        if received.datagrams == 0 {
            return all;
        }
        all.extend(batch.datagrams().map(|datagram| (datagram.source, datagram.bytes.to_vec())));
    }
}

#[test]
fn segmented_and_single_runs_deliver_the_same_datagrams() {
    let lengths = [1100, 1100, 1100, 700, 1100, 1, 1, 900, 901, 902, 902, 300];
    for segmentation in [Segmentation::Offloaded, Segmentation::Single] {
        let (sender, receivers) = (socket(), [socket(), socket()]);
        let mut batch = SendBatch::new();
        for receiver in &receivers {
            for (place, length) in lengths.into_iter().enumerate() {
                append(&mut batch, address(receiver), segmentation, &datagram(place, length));
            }
        }
        let report = batch.flush(sender.as_fd());
        let bytes = 2 * lengths.iter().sum::<usize>() as u64;
        assert_eq!(report, FlushReport { sent: 24, sent_bytes: bytes, ..FlushReport::default() });
        assert!(batch.is_empty());
        let expected: Vec<_> = lengths
            .into_iter()
            .enumerate()
            .map(|(place, length)| (address(&sender), datagram(place, length)))
            .collect();
        for receiver in &receivers {
            assert_eq!(arrived(receiver), expected, "{segmentation:?}");
        }
    }
}

#[test]
fn this_kernel_segments() {
    // Every kernel that Keel is tested on does; without it the tests of runs would test nothing.
    assert!(gso_supported());
}

#[test]
fn runs_longer_than_a_message_may_be_are_split() {
    // 200 small datagrams: the limit is 64 segments. 60 large ones: the limit is 65,000 bytes.
    for (count, length) in [(200, 120), (60, 1400)] {
        let (sender, receiver) = (socket(), socket());
        let mut batch = SendBatch::new();
        for place in 0..count {
            append(&mut batch, address(&receiver), Segmentation::Offloaded, &datagram(place, length));
        }
        let report = batch.flush(sender.as_fd());
        assert_eq!(report.sent, count as u64);
        assert!(report.unsegmented.is_empty());
        let all = arrived(&receiver);
        assert_eq!(all.len(), count);
        for (place, (_, bytes)) in all.into_iter().enumerate() {
            assert_eq!(bytes, datagram(place, length));
        }
    }
}

#[test]
fn more_messages_than_one_call_takes_all_arrive() {
    let (sender, receiver) = (socket(), socket());
    let mut batch = SendBatch::new();
    let count = 2 * ReceiveBatch::DATAGRAMS_MAX + 3;
    for place in 0..count {
        // Ascending sizes: every datagram is a run.
        append(&mut batch, address(&receiver), Segmentation::Offloaded, &datagram(place, 100 + place));
    }
    assert_eq!(batch.flush(sender.as_fd()).sent, count as u64);
    let lengths: Vec<_> = arrived(&receiver).into_iter().map(|(_, bytes)| bytes.len()).collect();
    assert_eq!(lengths, (100..100 + count).collect::<Vec<_>>());
}

#[test]
fn a_destination_that_fails_does_not_hold_up_the_others() {
    let (sender, receivers) = (socket(), [socket(), socket()]);
    let port_zero = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let other_family = SocketAddr::from((Ipv6Addr::LOCALHOST, address(&receivers[0]).port()));
    let mut batch = SendBatch::new();
    let order =
        [port_zero, address(&receivers[0]), other_family, other_family, address(&receivers[1]), port_zero];
    for destination in order {
        for place in 0..3 {
            append(&mut batch, destination, Segmentation::Offloaded, &datagram(place, 500));
        }
    }
    let report = batch.flush(sender.as_fd());
    let expected = FlushReport { sent: 6, sent_bytes: 3000, refused: 12, ..FlushReport::default() };
    assert_eq!(report, expected, "and no destination is blamed on segmentation");
    for receiver in &receivers {
        assert_eq!(arrived(receiver).len(), 3);
    }
}

#[test]
fn a_run_that_is_not_segmented_is_sent_singly_and_its_destination_named() {
    let (sender, receivers) = (socket(), [socket(), socket()]);
    system::refuse_segmentation(sender.as_fd());
    let mut batch = SendBatch::new();
    for place in 0..5 {
        append(&mut batch, address(&receivers[0]), Segmentation::Offloaded, &datagram(place, 800));
    }
    append(&mut batch, address(&receivers[1]), Segmentation::Offloaded, &datagram(0, 800));
    let report = batch.flush(sender.as_fd());
    assert_eq!(report.sent, 6);
    assert_eq!(report.unsegmented, [address(&receivers[0])], "the other had no run to refuse");
    let all = arrived(&receivers[0]);
    assert_eq!(all.len(), 5);
    for (place, (_, bytes)) in all.into_iter().enumerate() {
        assert_eq!(bytes, datagram(place, 800));
    }
    assert_eq!(arrived(&receivers[1]).len(), 1);
}

#[test]
fn ipv6_and_dual_stack_sockets_send_and_receive() {
    let bind = |ip: Ipv6Addr| UdpSocket::bind((ip, 0)).expect("IPv6 loopback");
    let (sender, receiver) = (bind(Ipv6Addr::LOCALHOST), bind(Ipv6Addr::LOCALHOST));
    let mut batch = SendBatch::new();
    for place in 0..4 {
        append(&mut batch, address(&receiver), Segmentation::Offloaded, &datagram(place, 600));
    }
    assert_eq!(batch.flush(sender.as_fd()).sent, 4);
    let all = arrived(&receiver);
    assert_eq!(all.len(), 4);
    assert!(all.iter().all(|(source, _)| *source == address(&sender)));

    // An unspecified IPv6 socket is dual-stack: IPv4 peers have mapped addresses there.
    let (dual_stack, v4) = (bind(Ipv6Addr::UNSPECIFIED), socket());
    let mapped = SocketAddr::from((Ipv4Addr::LOCALHOST.to_ipv6_mapped(), address(&v4).port()));
    append(&mut batch, mapped, Segmentation::Offloaded, b"to IPv4");
    assert_eq!(batch.flush(dual_stack.as_fd()).sent, 1);
    assert_eq!(arrived(&v4)[0].1, b"to IPv4");
    v4.send_to(b"from IPv4", (Ipv4Addr::LOCALHOST, address(&dual_stack).port())).expect("loopback");
    assert_eq!(arrived(&dual_stack), [(mapped, b"from IPv4".to_vec())]);
}

#[test]
fn a_datagram_longer_than_a_slot_is_skipped_and_counted() {
    let (sender, receiver) = (socket(), socket());
    for length in [2048, 2049, 0, 10] {
        sender.send_to(&datagram(length, length), address(&receiver)).expect("loopback");
    }
    let mut batch = ReceiveBatch::new();
    let received = batch.receive(receiver.as_fd()).expect("a healthy socket");
    assert_eq!(received, Received { datagrams: 3, truncated: 1 });
    let lengths: Vec<_> = batch.datagrams().map(|datagram| datagram.bytes.len()).collect();
    assert_eq!(lengths, [2048, 0, 10]);
    let received = batch.receive(receiver.as_fd()).expect("a healthy socket");
    assert_eq!(received, Received::default(), "nothing is left, and nothing of the last read stays");
    assert_eq!(batch.datagrams().count(), 0);
}

#[test]
fn an_uncommitted_reservation_and_an_empty_datagram_leave_nothing() {
    let (sender, receiver) = (socket(), socket());
    let mut batch = SendBatch::new();
    let reserve = |batch: &mut SendBatch, byte| {
        batch.reserve(address(&receiver).into(), Segmentation::Offloaded, 10).expect("room").fill(byte);
    };
    reserve(&mut batch, 1);
    reserve(&mut batch, 2);
    batch.commit(4);
    reserve(&mut batch, 3);
    batch.commit(0);
    assert_eq!(batch.flush(sender.as_fd()).sent, 1);
    assert_eq!(arrived(&receiver), [(address(&sender), vec![2; 4])]);
}

#[test]
fn a_destinations_code_point_is_on_each_of_its_datagrams_and_on_no_others() {
    let (sender, marked, plain) = (socket(), socket(), socket());
    for receiver in [&marked, &plain] {
        system::tell_traffic_class(receiver.as_fd());
    }
    let mut batch = SendBatch::new();
    for segmentation in [Segmentation::Offloaded, Segmentation::Single] {
        for place in 0..3 {
            let destination = Destination { address: address(&marked), dscp: Dscp::new(46) };
            append(&mut batch, destination, segmentation, &datagram(place, 700));
            append(&mut batch, address(&plain), segmentation, &datagram(place, 700));
        }
    }
    // Runs of three need the datagrams of one destination side by side.
    for place in 0..3 {
        let destination = Destination { address: address(&marked), dscp: Dscp::new(8) };
        append(&mut batch, destination, Segmentation::Offloaded, &datagram(place, 500));
    }
    assert_eq!(batch.flush(sender.as_fd()).sent, 15);
    let told = |receiver: &UdpSocket| -> Vec<(usize, u8)> {
        std::iter::from_fn(|| system::receive_traffic_class(receiver.as_fd()).ok()).collect()
    };
    // RFC 2474 §3: the upper six bits of the octet.
    assert_eq!(told(&marked), [[(700, 46 << 2); 6].as_slice(), &[(500, 8 << 2); 3]].concat());
    assert_eq!(told(&plain), [(700, 0); 6]);
}

#[test]
fn a_socket_that_is_asked_to_tells_when_its_datagrams_arrived() {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let (sender, timed, plain) = (socket(), socket(), socket());
    let mut batch = ReceiveBatch::new();
    batch.time_arrivals(timed.as_fd()).expect("every Linux has the option");
    let before = now();
    for receiver in [&timed, &plain] {
        sender.send_to(b"datagram", address(receiver)).expect("loopback");
    }
    assert_eq!(batch.receive(timed.as_fd()).expect("a healthy socket").datagrams, 1);
    let after = now();
    let told = batch.datagrams().next().expect("one datagram").received_at.expect("it was asked for");
    assert!(before <= told && told <= after, "{before:?} <= {told:?} <= {after:?}");
    assert_eq!(batch.receive(plain.as_fd()).expect("a healthy socket").datagrams, 1);
    assert_eq!(batch.datagrams().next().expect("one datagram").received_at, None);
}
