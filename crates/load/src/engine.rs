//! The one thread that sends and receives for all peers.
//!
//! It never sleeps in epoll: a receiver that is woken by each packet makes the server pay for the waking.
//! It looks at all sockets at a fixed small interval instead, and takes receive times from the kernel.

#![expect(clippy::disallowed_methods, reason = "frames come by the clock, and sockets are looked at by it")]

use crate::measure::{Histogram, Process, SocketDrops, Usage, thread_cpu};
use crate::member::{Member, Samples};
use crate::signaling::Joined;
use crate::traffic::Traffic;
use keel_media::worker::batch::{ReceiveBatch, SendBatch};
use std::os::fd::AsFd;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A server waits 30 s for a sign of consent (RFC 7675 §5.1); twice as often as browsers, in case one is lost.
const CHECK_EVERY: Duration = Duration::from_millis(2_500);
/// When nothing has come for so long, nothing more will.
const SILENCE: Duration = Duration::from_millis(300);
/// A shorter sleep takes longer than it says.
const SLEEP_MIN: Duration = Duration::from_micros(20);

/// All peers, and what they need to send and receive.
#[derive(Debug)]
pub(crate) struct Engine {
    members: Vec<Member>,
    receive: ReceiveBatch,
    send: SendBatch,
    poll_every: Duration,
    next_poll: Instant,
    /// Whose turn it is to send a check, and when.
    next_check: (usize, Instant),
    samples: Samples,
    lag: Histogram,
}

/// What was counted in one window.
#[derive(Debug)]
pub(crate) struct Window {
    /// How long packets were sent.
    pub(crate) length: Duration,
    /// Packets that publishers sent.
    pub(crate) published: u64,
    /// Packets that subscribers should have got.
    pub(crate) offered: u64,
    /// Packets that they got.
    pub(crate) delivered: u64,
    pub(crate) samples: Samples,
    /// How late frames left.
    pub(crate) lag: Histogram,
    /// This thread's CPU time while it sent and received.
    pub(crate) own_cpu: Duration,
    /// Datagrams that found no room in the peers' sockets.
    pub(crate) own_drops: u64,
    /// The same of the server's.
    pub(crate) server_drops: u64,
    /// The server's CPU time.
    pub(crate) server_cpu: Option<Duration>,
    /// The server's memory at the window's end, KiB.
    pub(crate) server_resident_kib: Option<u64>,
}

impl Engine {
    pub(crate) fn new(poll_every: Duration) -> Self {
        let now = Instant::now();
        Self {
            members: Vec::new(),
            receive: ReceiveBatch::new(),
            send: SendBatch::new(),
            poll_every,
            next_poll: now,
            next_check: (0, now),
            samples: Samples::default(),
            lag: Histogram::default(),
        }
    }

    /// Takes a peer in, which begins to send.
    pub(crate) fn add(&mut self, joined: Joined, traffic: &Traffic) -> anyhow::Result<()> {
        self.receive.time_arrivals(joined.peer.socket.as_fd())?;
        let mut member = Member::new(joined);
        member.resume(Instant::now(), traffic);
        self.members.push(member);
        Ok(())
    }

    /// The peers.
    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    /// Sends and receives for so long.
    pub(crate) fn run(&mut self, traffic: &Traffic, length: Duration) {
        let end = Instant::now() + length;
        loop {
            let now = Instant::now();
            if now >= end {
                break;
            }
            self.send_due(now, traffic);
            self.look(now);
            self.rest(traffic, end);
        }
    }

    /// Receives only, until all of `expected` packets are there or nothing comes any more.
    fn drain(&mut self, expected: Option<u64>) {
        let mut received = self.received();
        let mut changed = Instant::now();
        while expected != Some(received) && changed.elapsed() < SILENCE {
            self.look(Instant::now());
            sleep(self.poll_every);
            let now_received = self.received();
            if now_received != received {
                (received, changed) = (now_received, Instant::now());
            }
        }
    }

    /// Counts what happens when `traffic` flows for so long: from silence to silence.
    pub(crate) fn measure(
        &mut self,
        traffic: &Traffic,
        length: Duration,
        server: Option<&Process>,
    ) -> anyhow::Result<Window> {
        self.drain(None);
        self.reset(traffic);
        let drops_before = SocketDrops::read();
        let server_before = server.map(Process::usage).transpose()?;
        let cpu_before = thread_cpu()?;
        self.run(traffic, length);
        let own_cpu = thread_cpu()?.saturating_sub(cpu_before);
        self.drain(Some(self.offered()));
        let server_after = server.map(Process::usage).transpose()?;
        let drops = SocketDrops::read();
        let own_port = |member: &Member| member.peer.socket.local_addr().map_or(0, |local| local.port());
        let own_drops = self.members.iter().map(|member| drops.since(&drops_before, own_port(member))).sum();
        let mut server_ports: Vec<u16> =
            self.members.iter().map(|member| member.peer.server.port()).collect();
        server_ports.sort_unstable();
        server_ports.dedup();
        Ok(Window {
            length,
            published: self.members.iter().map(sent).sum(),
            offered: self.offered(),
            delivered: self.received(),
            samples: std::mem::take(&mut self.samples),
            lag: std::mem::take(&mut self.lag),
            own_cpu,
            own_drops,
            server_drops: server_ports.into_iter().map(|port| drops.since(&drops_before, port)).sum(),
            server_cpu: server_after
                .zip(server_before)
                .map(|(after, before): (Usage, Usage)| after.cpu.saturating_sub(before.cpu)),
            server_resident_kib: server_after.map(|after| after.resident_kib),
        })
    }

    fn reset(&mut self, traffic: &Traffic) {
        let now = Instant::now();
        for member in &mut self.members {
            member.received = 0;
            member.resume(now, traffic);
            member.streams.iter_mut().for_each(|stream| stream.sent = 0);
        }
        self.samples = Samples::default();
        self.lag = Histogram::default();
    }

    fn send_due(&mut self, now: Instant, traffic: &Traffic) {
        for member in self.members.iter_mut().filter(|member| !member.streams.is_empty()) {
            member.send_due(now, traffic, &mut self.send, &mut self.lag);
        }
    }

    /// Looks at all sockets if it is time, and keeps one peer's consent if it is its turn.
    fn look(&mut self, now: Instant) {
        if now >= self.next_poll {
            self.next_poll = now + self.poll_every;
            for member in &mut self.members {
                while let Ok(received) = self.receive.receive(member.peer.socket.as_fd())
                    && received.datagrams > 0
                {
                    for datagram in self.receive.datagrams() {
                        member.handle(datagram.bytes, datagram.received_at, &mut self.samples);
                    }
                    if received.datagrams < ReceiveBatch::DATAGRAMS_MAX {
                        break;
                    }
                }
                member.send_feedback();
            }
        }
        let (turn, at) = self.next_check;
        let count = self.members.len();
        if now >= at && count > 0 {
            // A check that cannot be sent is as good as one that was lost: the next one follows.
            if let Some(member) = self.members.get(turn % count) {
                drop(member.peer.send_check());
            }
            self.next_check = ((turn + 1) % count, now + CHECK_EVERY / count as u32);
        }
    }

    /// Sleeps until there is something to do.
    fn rest(&self, traffic: &Traffic, end: Instant) {
        let due = self.members.iter().filter_map(|member| member.due(traffic)).min();
        let next = due.map_or(self.next_poll, |due| due.min(self.next_poll)).min(end);
        let left = next.saturating_duration_since(Instant::now());
        if left > SLEEP_MIN {
            sleep(left);
        }
    }

    fn received(&self) -> u64 {
        self.members.iter().map(|member| member.received).sum()
    }

    /// What subscribers should have got by now: all that those whom they hear have sent.
    fn offered(&self) -> u64 {
        let mut sent_by = vec![0; self.members.iter().map(|member| member.number + 1).max().unwrap_or(0)];
        for member in &self.members {
            sent_by[member.number] = sent(member);
        }
        let heard = self.members.iter().flat_map(|member| &member.hears);
        heard.filter_map(|number| sent_by.get(*number)).sum()
    }
}

fn sent(member: &Member) -> u64 {
    member.streams.iter().map(|stream| stream.sent).sum()
}
