//! The end of a tick: reports and forwarded packets are written, sealed and sent.

use super::batch::{Destination, FlushReport, Segmentation, SendBatch};
use super::endpoint::Media;
use super::own_socket::OwnSockets;
use super::socket::{MediaSocket, SocketId};
use super::stream::{Connection, Streams};
use super::{Counters, Outgoing, Path, Seat, State};
use crate::capture::Way;
use crate::forward::{DropReason, FlowingStream, Output};
use crate::id::SessionId;
use crate::pipeline::EndpointEvent;
use crate::rtp::AbsSendTime;
use crate::rtp::rtcp::Report;
use crate::srtp::Profile;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::time::Instant;

impl State {
    /// Writes what the forwarder decided and hands it to the sockets.
    pub(super) fn flush(&mut self, now: Instant, sockets: &[MediaSocket]) {
        self.relay_packets();
        self.write_packets(now, sockets);
        self.take_outputs(now, sockets);
        for (out, socket) in self.outgoing.iter_mut().zip(sockets) {
            if !out.queue.is_empty() {
                out.queue.flush(socket, &mut self.counters);
            }
        }
        self.own.flush(&mut self.counters);
        self.streams.flush(&mut self.counters);
        self.avoid_segmentation();
    }

    /// Each subscriber's copies are written side by side and sealed where they stand.
    fn write_packets(&mut self, now: Instant, sockets: &[MediaSocket]) {
        let Self { forwarder, sessions, outgoing, own, streams, counters, origin, .. } = self;
        forwarder.fan_out(now, AbsSendTime::since_origin(now.duration_since(*origin)), |departure| {
            let Some(Seat { session, path: Some(path), tap, .. }) = sessions.get_mut(departure.session)
            else {
                return;
            };
            let Some(mut queue) = queue_of(path.socket, outgoing, sockets, own, streams, counters) else {
                return;
            };
            let room = departure.packet_len() + Profile::TAG_LENGTH_MAX;
            let Some(place) = queue.reserve(path, room, counters) else { return };
            let plain = departure.write(place);
            if let Some(tap) = tap {
                tap.rtp(now, Way::Out, session.pair(), place.get(..plain).unwrap_or_default());
            }
            let sealed =
                session.protect_rtp(place, departure.header_len(), plain, departure.ssrc, departure.index);
            if let Some(length) = sealed {
                queue.commit(length, counters);
                counters.forwarded += 1;
            }
        });
    }

    /// Consecutive reports of a session share a compound; the rest are events.
    fn take_outputs(&mut self, now: Instant, sockets: &[MediaSocket]) {
        let mut growing: Option<(SessionId, Vec<Report>)> = None;
        while let Some(output) = self.forwarder.poll_output() {
            match output {
                Output::Rtcp { session, report } => {
                    if let Some((of, finished)) = growing.take_if(|(of, _)| *of != session) {
                        self.send_reports(now, of, &finished, sockets);
                    }
                    growing.get_or_insert_with(|| (session, Vec::new())).1.push(report);
                }
                Output::Flowing { session, kind, stream, flowing } => {
                    let event = match stream {
                        FlowingStream::Incoming(_) => EndpointEvent::MediaFlowingIn { kind, flowing },
                        FlowingStream::Outgoing(_) => EndpointEvent::MediaFlowingOut { kind, flowing },
                    };
                    self.emit_for(session, event, |media| match stream {
                        FlowingStream::Incoming(track) => media.track == Some(track),
                        FlowingStream::Outgoing(sink) => media.sink == Some(sink),
                    });
                }
                Output::NoCommonCodec { session, kind, sink } => {
                    let is_its = |media: &Media| media.sink == Some(sink);
                    self.emit_for(session, EndpointEvent::NoCommonCodec(kind), is_its);
                }
                Output::Wanted { session, track, wanted } => self.note_wanted(now, session, track, wanted),
                Output::Relay { way, news } => self.relay_news(way, news),
                Output::RelayedKeyframeWish { track, encoding } => {
                    self.wish_keyframe_elsewhere(track, encoding);
                }
                Output::RelayedDemand { track, demand } => self.demand_elsewhere(track, demand),
            }
        }
        if let Some((of, finished)) = growing {
            self.send_reports(now, of, &finished, sockets);
        }
    }

    /// Tells what happened to a stream, as its element's event. Of one that has just ended it is the end.
    fn emit_for(&mut self, session: SessionId, event: EndpointEvent, is_its: impl Fn(&Media) -> bool) {
        let Some(id) = self.sessions.get(session).map(|seat| seat.endpoint) else { return };
        let media = self.endpoints.get(&id).and_then(|known| known.media.iter().find(|media| is_its(media)));
        if let Some(element) = media.map(|media| media.element) {
            self.emit(element, event);
        }
    }

    fn send_reports(
        &mut self,
        now: Instant,
        session: SessionId,
        reports: &[Report],
        sockets: &[MediaSocket],
    ) {
        let Self { sessions, outgoing, own, streams, counters, .. } = self;
        let Some(Seat { session, path: Some(path), rtcp_ssrc, cname, tap, .. }) = sessions.get_mut(session)
        else {
            return;
        };
        let Some(mut queue) = queue_of(path.socket, outgoing, sockets, own, streams, counters) else {
            return;
        };
        for mut packet in crate::session::rtcp::build(*rtcp_ssrc, cname, reports) {
            if let Some(tap) = tap {
                tap.rtcp(now, Way::Out, session.pair(), &packet);
            }
            if session.protect_rtcp(&mut packet).is_none() {
                return;
            }
            if let Some(place) = queue.reserve(path, packet.len(), counters) {
                place.copy_from_slice(&packet);
                queue.commit(packet.len(), counters);
            }
        }
    }

    /// Paths whose segmented runs failed get single datagrams from now on.
    fn avoid_segmentation(&mut self) {
        let Self { outgoing, own, routes, sessions, .. } = self;
        let shared = outgoing
            .iter_mut()
            .flat_map(|out| out.queue.take_unsegmented())
            .filter_map(|remote| Some((routes.by_address(remote)?, remote)));
        for (session, remote) in shared.chain(own.take_unsegmented()) {
            let path = sessions.get_mut(session).and_then(|seat| seat.path.as_mut());
            if let Some(path) = path.filter(|path| path.remote == remote) {
                path.segmentation = Segmentation::Single;
            }
        }
    }
}

/// Where a path's datagrams wait.
enum Queue<'a> {
    Datagrams(&'a mut SendQueue, &'a MediaSocket),
    Stream(&'a mut Connection),
}

impl Queue<'_> {
    /// Room for one datagram. A full batch is sent first; past the bound of a connection there is none.
    fn reserve(&mut self, path: &Path, length: usize, counters: &mut Counters) -> Option<&mut [u8]> {
        match self {
            Self::Datagrams(queue, socket) => queue.reserve(path, length, socket, counters),
            Self::Stream(connection) => connection.reserve(length, counters),
        }
    }

    /// The first `length` bytes of the last room are a datagram.
    fn commit(&mut self, length: usize, counters: &mut Counters) {
        match self {
            Self::Datagrams(queue, _) => queue.batch.commit(length),
            Self::Stream(connection) => connection.commit(length, counters),
        }
    }
}

fn queue_of<'a>(
    socket: SocketId,
    outgoing: &'a mut [Outgoing],
    sockets: &'a [MediaSocket],
    own: &'a mut OwnSockets,
    streams: &'a mut Streams,
    counters: &mut Counters,
) -> Option<Queue<'a>> {
    match socket {
        SocketId::Shared(index) => {
            Some(Queue::Datagrams(outgoing.get_mut(index).map(|out| &mut out.queue)?, sockets.get(index)?))
        }
        SocketId::Own(place) => {
            own.queue(place, counters).map(|(queue, socket)| Queue::Datagrams(queue, socket))
        }
        SocketId::Stream(place) => streams.queue(place).map(Queue::Stream),
    }
}

/// Outgoing datagrams of one socket.
pub(super) struct SendQueue {
    batch: SendBatch,
    /// Destinations that turned out not to take segmented runs.
    unsegmented: Vec<SocketAddr>,
}

impl SendQueue {
    pub(super) fn new() -> Self {
        Self { batch: SendBatch::new(), unsegmented: Vec::new() }
    }

    /// Room for one datagram; a full batch is sent first.
    fn reserve(
        &mut self,
        path: &Path,
        length: usize,
        socket: &MediaSocket,
        counters: &mut Counters,
    ) -> Option<&mut [u8]> {
        if self.batch.is_full() {
            self.flush(socket, counters);
        }
        self.batch.reserve(Destination { address: path.remote, dscp: path.dscp }, path.segmentation, length)
    }

    /// Adds a datagram of ICE or DTLS. They are few, and lost when the batch is full, as any datagram may
    /// be: their protocols repeat them.
    pub(super) fn push(&mut self, destination: Destination, bytes: &[u8]) {
        if let Some(place) = self.batch.reserve(destination, Segmentation::Single, bytes.len()) {
            place.copy_from_slice(bytes);
            self.batch.commit(bytes.len());
        }
    }

    /// Sends what waits.
    pub(super) fn flush(&mut self, socket: &MediaSocket, counters: &mut Counters) {
        let FlushReport { sent, sent_bytes, dropped, refused, unsegmented } =
            self.batch.flush(socket.socket.as_fd());
        counters.packets_out += sent;
        counters.bytes_out += sent_bytes;
        counters.drops.add(DropReason::SendNoBuffer, dropped);
        counters.drops.add(DropReason::SendRefused, refused);
        self.unsegmented.extend(unsegmented);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    /// Destinations that turned out not to take segmented runs since this was asked last.
    pub(super) fn take_unsegmented(&mut self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.unsegmented.drain(..)
    }
}
