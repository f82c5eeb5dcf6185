//! What the system can do without a server: the same packets to as many sockets, with nothing around them.
//!
//! A server cannot be faster, and how much slower it is can be compared between machines.

#![expect(clippy::disallowed_methods, reason = "frames come by the clock, and sockets are looked at by it")]

use crate::measure::{SocketDrops, thread_cpu};
use crate::packet::HEADER_LENGTH;
use crate::report::loss_percent;
use anyhow::{Context as _, anyhow, ensure};
use keel_media::rtp::{ExtSeq, Ssrc};
use keel_media::srtp::{DtlsRole, Profile, SendContext, SessionKeys};
use keel_media::worker::batch::{ReceiveBatch, Segmentation, SendBatch};
use rustix::thread::{CpuSet, sched_setaffinity};
use serde::Serialize;
use socket2::SockRef;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// As servers and peers ask for.
const SOCKET_BUFFER_BYTES: usize = 4 << 20;
/// When nothing has come for so long, nothing more will.
const SILENCE: Duration = Duration::from_millis(300);
const POLL_EVERY: Duration = Duration::from_micros(500);

/// How packets are handed to the kernel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// One system call for each, nothing sealed: what a plain program does.
    SendTo,
    /// Sealed for each destination and sent in segmented runs, many in a system call: the least that a
    /// server could do.
    Segmented,
}

/// When frames are sent.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Pace {
    /// One after another.
    FlatOut,
    /// So many a second.
    PerSecond(f64),
}

/// One measurement.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Limit {
    /// How.
    pub method: Method,
    /// How often.
    pub pace: Pace,
    /// Sockets that receive.
    pub destinations: usize,
    /// Packets of a frame; each destination gets them all.
    pub burst: usize,
    /// Payload bytes of a packet.
    pub payload: usize,
    /// For how long.
    pub length: Duration,
    /// The core that sends; `None`: any.
    pub core: Option<usize>,
}

/// What it found.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct LimitReport {
    /// Packets a second that arrived.
    pub packets_per_second: f64,
    /// CPU time of the sender for each packet, microseconds.
    pub microseconds_per_packet: f64,
    /// What did not arrive, in per cent.
    pub loss_percent: f64,
    /// Datagrams that found no room in the receivers' sockets.
    pub receive_drops: u64,
}

/// Pins the calling thread, and those it starts from now on, to a core.
///
/// # Errors
/// When there is no such core.
pub fn pin(core: usize) -> anyhow::Result<()> {
    let mut set = CpuSet::new();
    ensure!(core < CpuSet::MAX_CPU, "there is no core {core}");
    set.set(core);
    sched_setaffinity(None, &set).with_context(|| format!("there is no core {core} for this program"))
}

impl Limit {
    /// Sends and receives.
    ///
    /// # Errors
    /// When sockets or threads cannot be had, or nothing arrives.
    pub fn measure(&self) -> anyhow::Result<LimitReport> {
        let receivers: Vec<UdpSocket> = (0..self.destinations).map(|_| open()).collect::<Result<_, _>>()?;
        let addresses: Vec<SocketAddr> =
            receivers.iter().map(UdpSocket::local_addr).collect::<Result<_, _>>()?;
        let drops_before = SocketDrops::read();
        let sending = AtomicBool::new(true);
        let (sent, received) = thread::scope(|scope| {
            let sender = scope.spawn(|| {
                let sent = self.send(&addresses);
                sending.store(false, Ordering::Release);
                sent
            });
            let received = receive(&receivers, &sending);
            let sent = sender.join().map_err(|_| anyhow!("a panic ended the sender"))?;
            anyhow::Ok((sent?, received))
        })?;
        ensure!(received > 0, "nothing arrived");
        let drops = SocketDrops::read();
        Ok(LimitReport {
            packets_per_second: received as f64 / sent.elapsed.as_secs_f64(),
            microseconds_per_packet: sent.cpu.as_secs_f64() * 1e6 / sent.packets as f64,
            loss_percent: loss_percent(sent.packets, received),
            receive_drops: addresses.iter().map(|address| drops.since(&drops_before, address.port())).sum(),
        })
    }

    fn send(&self, destinations: &[SocketAddr]) -> anyhow::Result<Sent> {
        if let Some(core) = self.core {
            pin(core)?;
        }
        let socket = open()?;
        let mut frame: Box<dyn FnMut() -> anyhow::Result<()>> = match self.method {
            Method::SendTo => Box::new(|| self.send_plain(&socket, destinations)),
            Method::Segmented => self.segmented(&socket, destinations),
        };
        let cpu_before = thread_cpu()?;
        let start = Instant::now();
        let mut frames = 0_u32;
        while start.elapsed() < self.length {
            if let Pace::PerSecond(rate) = self.pace {
                let due = start + Duration::from_secs_f64(f64::from(frames) / rate);
                thread::sleep(due.saturating_duration_since(Instant::now()));
            }
            frame()?;
            frames += 1;
        }
        let elapsed = start.elapsed();
        let packets = u64::from(frames) * (self.burst * destinations.len()) as u64;
        Ok(Sent { packets, elapsed, cpu: thread_cpu()?.saturating_sub(cpu_before) })
    }

    fn send_plain(&self, socket: &UdpSocket, destinations: &[SocketAddr]) -> anyhow::Result<()> {
        let packet = [0x80; 2048];
        let length = HEADER_LENGTH + self.payload + Profile::TAG_LENGTH_MAX;
        for destination in destinations {
            for _ in 0..self.burst {
                socket.send_to(&packet[..length], destination)?;
            }
        }
        Ok(())
    }

    fn segmented<'a>(
        &self,
        socket: &'a UdpSocket,
        destinations: &[SocketAddr],
    ) -> Box<dyn FnMut() -> anyhow::Result<()> + 'a> {
        let mut contexts: Vec<(SocketAddr, SendContext)> =
            destinations.iter().map(|destination| (*destination, send_context())).collect();
        let Self { burst, payload, .. } = *self;
        let mut batch = SendBatch::new();
        let mut next = ExtSeq::new(1);
        Box::new(move || {
            for (destination, context) in &mut contexts {
                for place in 0..burst {
                    if batch.is_full() {
                        batch.flush(socket.as_fd());
                    }
                    let plain = HEADER_LENGTH + payload;
                    let packet = batch
                        .reserve(
                            (*destination).into(),
                            Segmentation::Offloaded,
                            plain + Profile::TAG_LENGTH_MAX,
                        )
                        .context("a flushed batch has room")?;
                    packet[..2].copy_from_slice(&[0x80, 96]);
                    packet[2..plain].fill(0x5a);
                    let sealed = context.protect_rtp(
                        packet,
                        HEADER_LENGTH,
                        plain,
                        Ssrc::new(7),
                        next.plus(place as u64),
                    );
                    batch.commit(sealed);
                }
            }
            batch.flush(socket.as_fd());
            next = next.plus(burst as u64);
            Ok(())
        })
    }
}

struct Sent {
    packets: u64,
    elapsed: Duration,
    cpu: Duration,
}

/// Empties the sockets at a fixed small interval until nothing more comes.
fn receive(receivers: &[UdpSocket], sending: &AtomicBool) -> u64 {
    let mut batch = ReceiveBatch::new();
    let (mut received, mut changed) = (0, Instant::now());
    while sending.load(Ordering::Acquire) || changed.elapsed() < SILENCE {
        let before = received;
        for receiver in receivers {
            while let Ok(read) = batch.receive(receiver.as_fd())
                && read.datagrams > 0
            {
                received += read.datagrams as u64;
            }
        }
        if received != before {
            changed = Instant::now();
        }
        thread::sleep(POLL_EVERY);
    }
    received
}

fn open() -> anyhow::Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let options = SockRef::from(&socket);
    options.set_recv_buffer_size(SOCKET_BUFFER_BYTES)?;
    options.set_send_buffer_size(SOCKET_BUFFER_BYTES)?;
    Ok(socket)
}

fn send_context() -> SendContext {
    let profile = Profile::AeadAes128Gcm;
    let material = vec![7; profile.keying_material_length()];
    SessionKeys::from_keying_material(profile, DtlsRole::Client, &material)
        .expect("as long as the profile takes")
        .send_context()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_methods_reach_every_socket() {
        for method in [Method::SendTo, Method::Segmented] {
            let length = Duration::from_millis(100);
            let pace = Pace::PerSecond(100.0);
            let limit = Limit { method, pace, destinations: 3, burst: 8, payload: 1100, length, core: None };
            let report = limit.measure().expect("loopback carries it");
            assert!(report.packets_per_second > 0.0 && report.loss_percent == 0.0, "{report:?}");
            assert!(report.microseconds_per_packet > 0.0, "{report:?}");
        }
    }
}
