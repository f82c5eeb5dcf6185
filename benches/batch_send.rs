//! Does the `unsafe` in `worker/batch` pay? CPU per datagram, user and system, of the ways to send on Linux:
//! our `sendmmsg` with a segment size per message, the same without segmentation, quinn-udp (one
//! destination a call) with and without, and the standard library.
//!
//! `cargo bench --bench batch_send`. The ways take turns, so that what else the machine does hits all
//! alike. On loopback the sender also pays for the receiver's half of the kernel's work.

#![expect(clippy::print_stdout, reason = "a program that prints its table")]

use keel_media::worker::batch::{ReceiveBatch, Segmentation, SendBatch};
use quinn_udp::{Transmit, UdpSocketState};
use rustix::time::{ClockId, clock_gettime};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::time::Duration;

const DESTINATIONS: usize = 100;
const DATAGRAM: [u8; 1100] = [0x5a; 1100];

/// One way to send the same number of equal datagrams to each destination.
enum Sender {
    Batch(UdpSocket, Box<SendBatch>, Segmentation),
    Quinn(UdpSocket, UdpSocketState, Vec<u8>, Segmentation),
    Standard(UdpSocket),
}

impl Sender {
    fn all() -> Vec<(&'static str, Self)> {
        use Segmentation::{Offloaded, Single};
        let batch = |segmentation| Self::Batch(socket(), Box::default(), segmentation);
        let quinn = |segmentation| {
            let socket = socket();
            let state = UdpSocketState::new((&socket).into()).expect("a UDP socket");
            Self::Quinn(socket, state, Vec::new(), segmentation)
        };
        vec![
            ("sendmmsg, segmented", batch(Offloaded)),
            ("quinn-udp, segmented", quinn(Offloaded)),
            ("sendmmsg, single", batch(Single)),
            ("quinn-udp, single", quinn(Single)),
            ("std send_to", Self::Standard(socket())),
        ]
    }

    fn send(&mut self, destinations: &[SocketAddr], burst: usize) {
        match self {
            Self::Batch(socket, batch, segmentation) => {
                let mut sent = 0;
                for destination in destinations {
                    for _ in 0..burst {
                        if batch.is_full() {
                            sent += batch.flush(socket.as_fd()).sent;
                        }
                        let room = batch.reserve((*destination).into(), *segmentation, DATAGRAM.len());
                        room.expect("the batch is not full").copy_from_slice(&DATAGRAM);
                        batch.commit(DATAGRAM.len());
                    }
                }
                sent += batch.flush(socket.as_fd()).sent;
                assert_eq!(sent, (destinations.len() * burst) as u64);
            }
            Self::Quinn(socket, state, contents, segmentation) => {
                for destination in destinations {
                    contents.clear();
                    (0..burst).for_each(|_| contents.extend_from_slice(&DATAGRAM));
                    let (message, segment_size) = match segmentation {
                        Segmentation::Offloaded => (contents.len(), Some(DATAGRAM.len())),
                        Segmentation::Single => (DATAGRAM.len(), None),
                    };
                    for contents in contents.chunks(message) {
                        let transmit = Transmit {
                            destination: *destination,
                            ecn: None,
                            contents,
                            segment_size,
                            src_ip: None,
                        };
                        state.try_send((&*socket).into(), &transmit).expect("loopback takes it");
                    }
                }
            }
            Self::Standard(socket) => {
                for destination in destinations {
                    for _ in 0..burst {
                        socket.send_to(&DATAGRAM, destination).expect("loopback takes it");
                    }
                }
            }
        }
    }
}

fn main() {
    // `cargo test` runs this too, to see that it works: then once is enough.
    let rounds = if std::env::args().any(|argument| argument == "--bench") { 300 } else { 1 };
    let receivers: Vec<_> = (0..DESTINATIONS).map(|_| socket()).collect();
    let destinations: Vec<_> =
        receivers.iter().map(|receiver| receiver.local_addr().expect("a bound socket")).collect();
    println!(
        "{DESTINATIONS} destinations, {} bytes, {rounds} rounds: microseconds of CPU per datagram",
        DATAGRAM.len()
    );
    for burst in [1, 4, 8, 16] {
        let mut senders = Sender::all();
        let mut spent = vec![Duration::ZERO; senders.len()];
        for round in 0..rounds + 1 {
            for ((_, sender), spent) in senders.iter_mut().zip(&mut spent) {
                let before = cpu_time();
                sender.send(&destinations, burst);
                // The first round warms up.
                if round > 0 {
                    *spent += cpu_time() - before;
                }
                drain(&receivers, burst);
            }
        }
        for ((name, _), spent) in senders.iter().zip(spent) {
            let datagrams = (rounds * DESTINATIONS * burst) as f64;
            println!("bursts of {burst:2}  {name:22} {:6.2}", spent.as_secs_f64() * 1e6 / datagrams);
        }
    }
}

fn drain(receivers: &[UdpSocket], burst: usize) {
    let mut batch = ReceiveBatch::new();
    for receiver in receivers {
        let received = batch.receive(receiver.as_fd()).expect("a healthy socket");
        assert_eq!(received.datagrams, burst, "everything sent arrives");
    }
}

/// What this thread has used, user and system.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn socket() -> UdpSocket {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback socket")
}
