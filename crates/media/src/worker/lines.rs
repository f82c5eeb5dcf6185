//! The lines of peer connections: elements like any other to the graph, and each of them one m-line of a
//! connection that lives here.
//!
//! All that is about an element's media asks here, be it an endpoint or a line.

use super::State;
use super::endpoint::{Endpoint, Media};
use super::negotiation;
use crate::forward::{LayerTarget, Priority, SinkConfig, TrackConfig};
use crate::id::{ElementId, SinkId, TrackId};
use crate::pipeline::{DeliveryChange, LineSound, MediaKind, MediaType};
use crate::session::sdp::NegotiatedMedia;
use std::sync::Arc;
use std::time::Instant;

/// A line of a connection that lives here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) connection: ElementId,
    pub(super) delivery: Delivery,
    pub(super) sound: LineSound,
}

/// How the owner of a line wants its media sent, kept for the streams that it has and will have.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Delivery {
    target: LayerTarget,
    priority: Priority,
    paused: bool,
}

impl Line {
    pub(super) fn new(connection: ElementId) -> Self {
        Self { connection, delivery: Delivery::default(), sound: LineSound::default() }
    }
}

impl State {
    /// The endpoint or connection here that an element belongs to.
    pub(super) fn owner_of(&self, element: ElementId) -> Option<&Endpoint> {
        let owner = self.lines.get(&element).map_or(element, |line| line.connection);
        self.endpoints.get(&owner)
    }

    /// The m-line of an element here, where it has one of this kind.
    pub(super) fn media_of(&self, element: ElementId, kind: MediaKind) -> Option<&Media> {
        self.owner_of(element)?.media_of(element, kind)
    }

    /// What an element's peer sends.
    pub(super) fn track_of(&self, element: Option<ElementId>, media: MediaType) -> Option<TrackId> {
        self.media_of(element?, media.rtp()?)?.track
    }

    /// What an element's peer is sent.
    pub(super) fn sink_of(&self, element: ElementId, kind: MediaKind) -> Option<SinkId> {
        self.media_of(element, kind)?.sink
    }

    /// Changes how a line's media is sent. Unknown lines are ignored: it may have been removed meanwhile.
    pub(super) fn deliver(&mut self, now: Instant, element: ElementId, change: DeliveryChange) {
        let Some(line) = self.lines.get_mut(&element) else { return };
        match change {
            DeliveryChange::Target(target) => line.delivery.target = target,
            DeliveryChange::Priority(priority) => line.delivery.priority = priority,
            DeliveryChange::Paused(paused) => line.delivery.paused = paused,
            DeliveryChange::Sound(sound) => {
                line.sound = sound;
                // What was not taken yet is nobody's voice either.
                return self.stop_levels(&[element]);
            }
        }
        let delivery = line.delivery;
        let sinks = MediaKind::ALL.map(|kind| self.sink_of(element, kind));
        let Some(sink) = sinks.into_iter().flatten().next() else { return };
        match change {
            DeliveryChange::Target(target) => self.forwarder.set_target(sink, target, now),
            DeliveryChange::Priority(priority) => self.forwarder.set_priority(sink, priority),
            DeliveryChange::Paused(true) => self.forwarder.pause(sink),
            DeliveryChange::Paused(false) => self.forwarder.resume(sink, now),
            DeliveryChange::Sound(_) => {}
        }
        tracing::trace!(%element, ?delivery, "delivery changed");
    }

    /// Gives the forwarder and the session the streams that were agreed on for an m-line of this endpoint.
    /// An endpoint's element is its own, a connection's one of its lines.
    pub(super) fn open_media(
        &mut self,
        now: Instant,
        endpoint: ElementId,
        element: ElementId,
        media: NegotiatedMedia,
        cname: &str,
    ) {
        let Self { endpoints, sessions, forwarder, lines, .. } = self;
        let Some(known) = endpoints.get_mut(&endpoint) else { return };
        let session = known.session;
        let Some(seat) = sessions.get_mut(session) else { return };
        let NegotiatedMedia { index, kind, parameters, send, receive, simulcast } = media;
        let parameters = Arc::new(parameters);
        let mut encodings = Vec::new();
        let track = parameters.direction.receives().then(|| {
            let count = simulcast.encodings();
            let config = TrackConfig { session, kind, parameters: parameters.clone(), encodings: count };
            let track = forwarder.add_track(config);
            let sources = (0..count).filter_map(|encoding| forwarder.source_of(track, encoding));
            let streams = &mut seat.session.streams;
            encodings = negotiation::receive(streams, &simulcast, sources, &parameters, &receive);
            track
        });
        let send = send.filter(|_| parameters.direction.sends());
        let sink = send.map(|send| {
            forwarder.add_sink(SinkConfig {
                session,
                kind,
                parameters: parameters.clone(),
                ssrc: send.ssrc,
                rtx_ssrc: send.rtx,
                cname: cname.into(),
            })
        });
        let delivery = lines.get(&element).map(|line| line.delivery);
        if let Some((sink, delivery)) = sink.zip(delivery) {
            forwarder.set_target(sink, delivery.target, now);
            forwarder.set_priority(sink, delivery.priority);
            if delivery.paused {
                forwarder.pause(sink);
            }
        }
        if kind == MediaKind::Video {
            seat.session.expect_video();
        }
        let received = (simulcast, receive);
        let watch = None;
        known.media.push(Media {
            element,
            kind,
            index,
            parameters,
            track,
            encodings,
            received,
            sink,
            send,
            watch,
        });
    }

    /// Takes an element's m-lines and their streams away; nothing happens where it has none.
    pub(super) fn close_media(&mut self, endpoint: ElementId, element: ElementId) {
        // Before it is gone, so that no timer stays for it.
        let due = self.owner_of(element).into_iter().flat_map(|known| &known.media);
        let due = due.filter(|media| media.element == element).filter_map(|media| media.watch.as_ref());
        let due: Vec<_> = due.filter_map(|watch| Some((watch.poll_timeout()?, element))).collect();
        due.iter().for_each(|timer| {
            self.watches.remove(timer);
        });
        let Some(known) = self.endpoints.get_mut(&endpoint) else { return };
        let session = known.session;
        let closed: Vec<Media> = known.media.extract_if(.., |media| media.element == element).collect();
        for Media { kind, parameters, track, sink, .. } in closed {
            if let Some(track) = track {
                self.end_relays(element, kind);
                self.forwarder.remove_track(track);
            }
            if let Some(sink) = sink {
                self.forwarder.remove_sink(sink);
            }
            if let Some(seat) = self.sessions.get_mut(session) {
                seat.session.streams.remove(parameters.mid);
            }
        }
    }
}
