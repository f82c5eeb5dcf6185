//! Waiting: for a datagram, a command or a time. The only place where a worker sleeps.

use rustix::event::{Timespec, epoll};
use rustix::fd::{AsFd, OwnedFd};
use std::io;
use std::mem::MaybeUninit;
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Instant;

/// Shared sockets that one worker can wait for: each is one bit of [`Ready`].
pub(super) const SOCKETS_MAX: usize = 64;

/// What the inbox's wake-up is known by.
const WAKE: u64 = SOCKETS_MAX as u64;

/// Other descriptors are known by their kind, in the upper half, and their place.
const PLACE_BITS: u32 = 32;

/// What one wait tells of at most. The kernel takes turns among more than that.
const EVENTS_MAX: usize = SOCKETS_MAX + 1;

/// A set of descriptors, each registered once: waiting allocates nothing.
#[derive(Debug)]
pub(super) struct Waiter {
    epoll: Arc<OwnedFd>,
    /// What was added later and had something to read at the last wait; at most [`EVENTS_MAX`].
    ready: Vec<Descriptor>,
}

/// What is waited for beside the shared sockets and the inbox.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Descriptor {
    /// A session's own socket, by its place.
    Own(usize),
    /// Where connections are accepted, by its index.
    Listener(usize),
    /// A TCP connection, by its place.
    Stream(usize),
}

/// What a descriptor is waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Interest {
    Nothing,
    /// Something to read, or its end.
    Read,
    /// Room to write as well.
    Both,
}

/// Adds descriptors to a [`Waiter`].
#[derive(Debug)]
pub(super) struct Registrar(Arc<OwnedFd>);

/// What a wait was ended by.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Ready {
    /// The shared sockets that have something to read, a bit for each.
    sockets: u64,
    /// The inbox was written to. Commands are looked for in every tick; only then there is a wake-up to take
    /// back, which is a system call.
    pub(super) woken: bool,
}

impl Waiter {
    /// Waits for the wake-up of the inbox and for at most [`SOCKETS_MAX`] sockets.
    pub(super) fn new<'a>(wake: impl AsFd, sockets: impl Iterator<Item = &'a UdpSocket>) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, wake, epoll::EventData::new_u64(WAKE), epoll::EventFlags::IN)?;
        for (index, socket) in (0..WAKE).zip(sockets) {
            epoll::add(&epoll, socket, epoll::EventData::new_u64(index), epoll::EventFlags::IN)?;
        }
        Ok(Self { epoll: Arc::new(epoll), ready: Vec::with_capacity(EVENTS_MAX) })
    }

    /// The way to add sockets later.
    pub(super) fn registrar(&self) -> Registrar {
        Registrar(self.epoll.clone())
    }

    /// Sleeps until there is something to read, or until the given time.
    pub(super) fn wait(&mut self, until: Option<Instant>) -> Ready {
        let timeout = until.map(|at| {
            let left = at.saturating_duration_since(Instant::now()); // clock: how long to wait
            Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) }
        });
        let mut events = [const { MaybeUninit::uninit() }; EVENTS_MAX];
        // An interrupted wait is an ordinary tick that finds nothing.
        let ready =
            epoll::wait(&self.epoll, &mut events, timeout.as_ref()).map(|(ready, _)| &*ready).unwrap_or(&[]);
        self.ready.clear();
        let mut told = Ready::default();
        for index in ready.iter().map(|event| event.data.u64()) {
            if index < WAKE {
                told.sockets |= 1 << index;
            } else if index == WAKE {
                told.woken = true;
            } else {
                self.ready.extend(Descriptor::of(index));
            }
        }
        told
    }

    /// Takes one of those that were added later and had something for us at the last wait.
    pub(super) fn take_ready(&mut self) -> Option<Descriptor> {
        self.ready.pop()
    }
}

impl Registrar {
    /// Waits for something to read from now on; closing the descriptor ends that.
    pub(super) fn add(&self, fd: impl AsFd, descriptor: Descriptor) -> io::Result<()> {
        Ok(epoll::add(&self.0, fd, descriptor.data(), epoll::EventFlags::IN)?)
    }

    /// Waits for something else than so far.
    pub(super) fn change(&self, fd: impl AsFd, descriptor: Descriptor, interest: Interest) -> io::Result<()> {
        let flags = match interest {
            Interest::Nothing => epoll::EventFlags::empty(),
            Interest::Read => epoll::EventFlags::IN,
            Interest::Both => epoll::EventFlags::IN | epoll::EventFlags::OUT,
        };
        Ok(epoll::modify(&self.0, fd, descriptor.data(), flags)?)
    }
}

impl Descriptor {
    fn data(self) -> epoll::EventData {
        let (kind, place) = match self {
            Self::Own(place) => (1, place),
            Self::Listener(index) => (2, index),
            Self::Stream(place) => (3, place),
        };
        epoll::EventData::new_u64((kind << PLACE_BITS) | place as u64)
    }

    fn of(data: u64) -> Option<Self> {
        let place = (data & ((1 << PLACE_BITS) - 1)) as usize;
        match data >> PLACE_BITS {
            1 => Some(Self::Own(place)),
            2 => Some(Self::Listener(place)),
            3 => Some(Self::Stream(place)),
            _ => None,
        }
    }
}

impl Ready {
    /// Whether the socket with this index has something to read.
    pub(super) fn contains(self, index: usize) -> bool {
        index < SOCKETS_MAX && self.sockets & (1 << index) != 0
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
        let mut waiter = Waiter::new(&wake, sockets.iter()).expect("descriptors that can be waited for");
        let now = Instant::now(); // clock: a time that has passed when it is waited for
        assert_eq!(waiter.wait(Some(now)), Ready::default());

        let to = sockets[2].local_addr().expect("it is bound");
        sockets[0].send_to(b"datagram", to).expect("loopback");
        let ready = waiter.wait(None);
        assert!(ready.contains(2) && !ready.contains(0) && !ready.contains(64));

        sockets[2].recv(&mut [0; 16]).expect("it is there");
        rustix::io::write(&wake, &1u64.to_ne_bytes()).expect("a counter with room");
        assert_eq!(waiter.wait(None), Ready { sockets: 0, woken: true });
    }

    #[test]
    fn a_socket_that_is_added_later_is_told_by_its_place_until_it_is_closed() {
        let [shared, own, stranger] =
            [(); 3].map(|()| UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port"));
        let wake = eventfd(0, EventfdFlags::NONBLOCK).expect("an eventfd");
        let mut waiter = Waiter::new(&wake, [&shared].into_iter()).expect("descriptors to wait for");
        waiter.registrar().add(&own, Descriptor::Own(7)).expect("one more descriptor");

        let to = own.local_addr().expect("it is bound");
        stranger.send_to(b"datagram", to).expect("loopback");
        assert_eq!(waiter.wait(None), Ready::default());
        assert_eq!(waiter.take_ready(), Some(Descriptor::Own(7)));
        assert_eq!(waiter.take_ready(), None);

        drop(own);
        let now = Instant::now(); // clock: a time that has passed when it is waited for
        assert_eq!(waiter.wait(Some(now)), Ready::default());
        assert_eq!(waiter.take_ready(), None);
    }
}
