//! The system calls, and all of the crate's `unsafe`: each call fills arrays in its own frame, so that no
//! pointer outlives it.
#![expect(
    unsafe_code,
    reason = "sendmmsg with one UDP_SEGMENT per message, and recvmmsg, have no safe wrapper"
)]

use super::address::SocketName;
use super::run::Run;
use crate::pipeline::Dscp;
use libc::{c_int, cmsghdr, iovec, mmsghdr, socklen_t};
use std::mem;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;
use std::{io, ptr};

/// Messages of one call: enough that the call itself costs little beside them, with arrays of 10 KiB.
pub(super) const MESSAGES_MAX: usize = 64;

const NO_PART: iovec = iovec { iov_base: ptr::null_mut(), iov_len: 0 };

/// A datagram that was read into its slot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) source: SocketAddr,
    /// At most a slot's.
    pub(super) length: usize,
    /// The datagram was longer.
    pub(super) truncated: bool,
    /// When the kernel took it in, since 1970; where the socket was told to say so.
    pub(super) received_at: Option<Duration>,
}

/// Room for the control message with a datagram's time of arrival.
#[derive(Clone, Copy)]
#[repr(C)]
struct ArrivalTime {
    header: cmsghdr,
    time: libc::timespec,
}

impl ArrivalTime {
    /// What the kernel wrote, if it wrote a time.
    fn since_epoch(&self) -> Option<Duration> {
        let is_time =
            self.header.cmsg_level == libc::SOL_SOCKET && self.header.cmsg_type == libc::SCM_TIMESTAMPNS;
        let seconds = u64::try_from(self.time.tv_sec).ok().filter(|_| is_time)?;
        Some(Duration::new(seconds, u32::try_from(self.time.tv_nsec).ok()?))
    }
}

/// What a reader wants to know of each datagram beside its bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wanted {
    /// Nothing.
    Bytes,
    /// When the kernel took it in.
    ArrivalTimes,
}

/// One control message, with room for a value of up to four bytes. An array of them is what the kernel
/// reads: each is as long as `CMSG_SPACE` says.
#[derive(Clone, Copy)]
#[repr(C)]
struct Control {
    header: cmsghdr,
    value: [u8; 4],
}

/// Control messages of one message at most: how to cut it, and its code point.
const CONTROLS_MAX: usize = 2;

impl Control {
    fn new<const LENGTH: usize>(level: c_int, kind: c_int, bytes: [u8; LENGTH]) -> Self {
        const { assert!(LENGTH <= 4, "no value has more") };
        let mut header = no_control();
        // What CMSG_LEN gives: the value follows the header without a gap. The types differ between C
        // libraries.
        header.cmsg_len = (mem::offset_of!(Self, value) + LENGTH) as _;
        header.cmsg_level = level;
        header.cmsg_type = kind;
        let mut value = [0; 4];
        value[..LENGTH].copy_from_slice(&bytes);
        Self { header, value }
    }

    /// Has the kernel cut a message into datagrams of this size.
    fn segment_size(size: u16) -> Self {
        Self::new(libc::SOL_UDP, libc::UDP_SEGMENT, size.to_ne_bytes())
    }

    /// Sets the code point of a message to this destination.
    fn traffic_class(destination: SocketAddr, dscp: Dscp) -> Self {
        let class = c_int::from(dscp.traffic_class()).to_ne_bytes();
        match destination {
            SocketAddr::V4(_) => Self::new(libc::SOL_IP, libc::IP_TOS, class),
            SocketAddr::V6(_) => Self::new(libc::SOL_IPV6, libc::IPV6_TCLASS, class),
        }
    }
}

/// Sends the first [`MESSAGES_MAX`] of `runs`, whose bytes lie in `arena`, as one message each. Returns
/// how many the kernel took: at least one.
///
/// # Errors
/// The first message's error. A later message's error shows when it becomes the first.
pub(super) fn send(fd: BorrowedFd<'_>, arena: &[u8], runs: &[Run]) -> io::Result<usize> {
    let mut names = [SocketName::EMPTY; MESSAGES_MAX];
    let mut parts = [NO_PART; MESSAGES_MAX];
    let mut controls = [[Control { header: no_control(), value: [0; 4] }; CONTROLS_MAX]; MESSAGES_MAX];
    let mut messages = [no_message(); MESSAGES_MAX];
    let count = runs.len().min(MESSAGES_MAX);
    let places = names.iter_mut().zip(&mut parts).zip(&mut controls).zip(&mut messages);
    for (run, (((name, part), control), message)) in runs.iter().zip(places) {
        let bytes = &arena[run.range()];
        // The kernel does not write to what it sends.
        *part = iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
        let (address, length) = SocketName::new(run.destination.address);
        *name = address;
        let header = &mut message.msg_hdr;
        header.msg_name = ptr::from_mut(name).cast();
        header.msg_namelen = length as socklen_t;
        header.msg_iov = part;
        header.msg_iovlen = 1;
        let segment_size = run.segment_size().map(Control::segment_size);
        let traffic_class =
            run.destination.dscp.map(|dscp| Control::traffic_class(run.destination.address, dscp));
        let mut used = 0;
        for (place, value) in control.iter_mut().zip(segment_size.into_iter().chain(traffic_class)) {
            *place = value;
            used += 1;
        }
        if used > 0 {
            header.msg_control = control.as_mut_ptr().cast();
            header.msg_controllen = (used * size_of::<Control>()) as _;
        }
    }
    // SAFETY: `messages` begins with `count` headers. Each points to a name, a part and perhaps control
    // messages of the lengths it gives: elements of arrays of this frame, not touched again until the call
    // has returned. Each part points to a slice of `arena`, borrowed for longer. `fd` is open.
    let taken =
        unsafe { libc::sendmmsg(fd.as_raw_fd(), messages.as_mut_ptr(), count as _, libc::MSG_DONTWAIT as _) };
    usize::try_from(taken).map_err(|_| io::Error::last_os_error())
}

/// Reads up to [`MESSAGES_MAX`] datagrams without waiting, the first into the first `slot_length` bytes of
/// `slots`, and so on, and appends what is known of each to `arrivals`.
///
/// # Errors
/// `WouldBlock` with nothing ready, `Interrupted`, or what the socket has to report.
pub(super) fn receive(
    fd: BorrowedFd<'_>,
    slots: &mut [u8],
    slot_length: usize,
    wanted: Wanted,
    arrivals: &mut Vec<Arrival>,
) -> io::Result<()> {
    let mut times = [const { ArrivalTime { header: no_control(), time: NO_TIME } }; MESSAGES_MAX];
    let mut names = [SocketName::EMPTY; MESSAGES_MAX];
    let mut parts = [NO_PART; MESSAGES_MAX];
    let mut messages = [no_message(); MESSAGES_MAX];
    let mut count: usize = 0;
    let places = names.iter_mut().zip(&mut parts).zip(&mut times).zip(&mut messages);
    for (slot, (((name, part), time), message)) in slots.chunks_exact_mut(slot_length).zip(places) {
        *part = iovec { iov_base: slot.as_mut_ptr().cast(), iov_len: slot.len() };
        let header = &mut message.msg_hdr;
        header.msg_name = ptr::from_mut(name).cast();
        header.msg_namelen = SocketName::LENGTH_MAX as socklen_t;
        header.msg_iov = part;
        header.msg_iovlen = 1;
        if wanted == Wanted::ArrivalTimes {
            header.msg_control = ptr::from_mut(time).cast();
            header.msg_controllen = size_of::<ArrivalTime>() as _;
        }
        count += 1;
    }
    // SAFETY: `messages` begins with `count` headers. Each points to a name, a part and perhaps a control
    // message of the lengths it gives: elements of arrays of this frame, not touched again until the call
    // has returned. Each part points to its own slot, of which `slots` is the only borrow. Any bytes the
    // kernel writes are a valid name, a valid time and valid slot contents. There is no time-out. `fd` is
    // open.
    let filled = unsafe {
        libc::recvmmsg(
            fd.as_raw_fd(),
            messages.as_mut_ptr(),
            count as _,
            libc::MSG_DONTWAIT as _,
            ptr::null_mut(),
        )
    };
    let filled = usize::try_from(filled).map_err(|_| io::Error::last_os_error())?;
    arrivals.extend(messages.iter().zip(&names).zip(&times).take(filled).map(|((message, name), time)| {
        Arrival {
            // A name of no IP family cannot come from a UDP socket; nobody answers to port 0.
            source: name
                .address(message.msg_hdr.msg_namelen as usize)
                .unwrap_or(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))),
            length: message.msg_len as usize,
            truncated: message.msg_hdr.msg_flags & libc::MSG_TRUNC != 0,
            received_at: time.since_epoch(),
        }
    }));
    Ok(())
}

/// Sets a segment size on the socket `fd`, which shows whether the kernel knows the option.
///
/// # Errors
/// Where it does not.
pub(super) fn try_segment_size(fd: BorrowedFd<'_>) -> io::Result<()> {
    set_option(fd, libc::SOL_UDP, libc::UDP_SEGMENT, 1200)
}

/// Has the socket `fd` tell when the kernel took in what it receives.
///
/// # Errors
/// Where it cannot.
pub(super) fn tell_arrival_times(fd: BorrowedFd<'_>) -> io::Result<()> {
    set_option(fd, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, 1)
}

/// Makes the socket `fd` send without checksums, with which Linux refuses to segment.
#[cfg(test)]
pub(super) fn refuse_segmentation(fd: BorrowedFd<'_>) {
    set_option(fd, libc::SOL_SOCKET, libc::SO_NO_CHECK, 1).expect("every Linux has the option");
}

/// Has the IPv4 socket `fd` tell the traffic class of what it receives.
#[cfg(test)]
pub(super) fn tell_traffic_class(fd: BorrowedFd<'_>) {
    set_option(fd, libc::SOL_IP, libc::IP_RECVTOS, 1).expect("every Linux has the option");
}

/// Reads one datagram of an IPv4 socket that tells it: the length and the octet of the IP header.
#[cfg(test)]
pub(super) fn receive_traffic_class(fd: BorrowedFd<'_>) -> io::Result<(usize, u8)> {
    let mut bytes = [0u8; 2048];
    let mut part = iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    let mut control = Control { header: no_control(), value: [0; 4] };
    let mut message = no_message().msg_hdr;
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = ptr::from_mut(&mut control).cast();
    message.msg_controllen = size_of::<Control>() as _;
    // SAFETY: `message` points to a part and room for a control message of the lengths it gives, all of this
    // frame. Any bytes the kernel writes are valid there. `fd` is open.
    let length = unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut message, libc::MSG_DONTWAIT) };
    let length = usize::try_from(length).map_err(|_| io::Error::last_os_error())?;
    assert_eq!((control.header.cmsg_level, control.header.cmsg_type), (libc::SOL_IP, libc::IP_TOS));
    Ok((length, control.value[0]))
}

fn set_option(fd: BorrowedFd<'_>, level: c_int, option: c_int, value: c_int) -> io::Result<()> {
    // SAFETY: the value is a `c_int` of this frame, and its length is given. `fd` is open.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            level,
            option,
            ptr::from_ref(&value).cast(),
            size_of::<c_int>() as socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn no_message() -> mmsghdr {
    // SAFETY: integers and raw pointers, for which zero is a value: no name, no parts, no control.
    unsafe { mem::zeroed() }
}

const NO_TIME: libc::timespec = libc::timespec { tv_sec: 0, tv_nsec: 0 };

const fn no_control() -> cmsghdr {
    // SAFETY: integers, for which zero is a value.
    unsafe { mem::zeroed() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_control_message_is_laid_out_as_the_c_library_says() {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
        let dscp = Dscp::new(46).expect("in range");
        for (control, value) in [(Control::segment_size(9), 2), (Control::traffic_class(address, dscp), 4)] {
            // SAFETY: both compute a length from a length.
            let (space, length) = unsafe { (libc::CMSG_SPACE(value), libc::CMSG_LEN(value)) };
            assert_eq!(size_of::<Control>(), space as usize);
            assert_eq!(control.header.cmsg_len as u64, u64::from(length));
        }
    }
}
