//! Waiting: for a datagram, a command or a time. The only place where a worker sleeps.

use rustix::event::{Timespec, epoll};
use rustix::fd::{AsFd, OwnedFd};
use std::io;
use std::mem::MaybeUninit;
use std::time::Instant;

/// Sockets that one worker can wait for: each is one bit of [`Ready`].
pub(super) const SOCKETS_MAX: usize = 64;

/// What the inbox's wake-up is known by; it needs no bit, since commands are looked for in every tick.
const WAKE: u64 = SOCKETS_MAX as u64;

/// A set of descriptors, registered once: waiting allocates nothing.
#[derive(Debug)]
pub(super) struct Waiter {
    epoll: OwnedFd,
}

/// The sockets that have something to read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Ready(u64);

impl Waiter {
    /// Waits for the wake-up of the inbox and for at most [`SOCKETS_MAX`] sockets.
    pub(super) fn new<'a>(
        wake: impl AsFd,
        sockets: impl Iterator<Item = &'a std::net::UdpSocket>,
    ) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, wake, epoll::EventData::new_u64(WAKE), epoll::EventFlags::IN)?;
        for (index, socket) in (0..WAKE).zip(sockets) {
            epoll::add(&epoll, socket, epoll::EventData::new_u64(index), epoll::EventFlags::IN)?;
        }
        Ok(Self { epoll })
    }

    /// Sleeps until there is something to read, or until the given time.
    pub(super) fn wait(&self, until: Option<Instant>) -> Ready {
        let timeout = until.map(|at| {
            let left = at.saturating_duration_since(Instant::now()); // clock: how long to wait
            Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) }
        });
        let mut events = [const { MaybeUninit::uninit() }; SOCKETS_MAX + 1];
        // An interrupted wait is an ordinary tick that finds nothing.
        let ready =
            epoll::wait(&self.epoll, &mut events, timeout.as_ref()).map(|(ready, _)| &*ready).unwrap_or(&[]);
        Ready(
            ready
                .iter()
                .map(|event| event.data.u64())
                .filter(|index| *index < WAKE)
                .fold(0, |bits, i| bits | 1 << i),
        )
    }
}

impl Ready {
    /// Whether the socket with this index has something to read.
    pub(super) fn contains(self, index: usize) -> bool {
        index < SOCKETS_MAX && self.0 & (1 << index) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{EventfdFlags, eventfd};
    use std::net::{Ipv4Addr, UdpSocket};

    #[test]
    fn tells_which_socket_has_something_to_read_and_wakes_for_commands() {
        let sockets = [(); 3].map(|()| UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port"));
        let wake = eventfd(0, EventfdFlags::NONBLOCK).expect("an eventfd");
        let waiter = Waiter::new(&wake, sockets.iter()).expect("descriptors that can be waited for");
        let now = Instant::now(); // clock: a time that has passed when it is waited for
        assert_eq!(waiter.wait(Some(now)), Ready(0));

        let to = sockets[2].local_addr().expect("it is bound");
        sockets[0].send_to(b"datagram", to).expect("loopback");
        let ready = waiter.wait(None);
        assert!(ready.contains(2) && !ready.contains(0) && !ready.contains(64));

        sockets[2].recv(&mut [0; 16]).expect("it is there");
        rustix::io::write(&wake, &1u64.to_ne_bytes()).expect("a counter with room");
        assert_eq!(waiter.wait(None), Ready(0));
    }
}
