//! Who receives which source: connections, targets and pauses, and what follows from them.

use super::Forwarder;
use super::layer::{LayerTarget, Layers, SPATIAL_MAX, SinkLayer, TEMPORAL_MAX, choose};
use super::route::Route;
use super::sink::{Connection, Sink};
use super::start::Beginning;
use super::switch::Awaited;
use super::track::ENCODINGS_MAX;
use crate::codec::Layer;
use crate::id::{SinkId, SourceId, TrackId};
use crate::pipeline::MediaKind;
use crate::rtp::Bitrate;
use std::sync::Arc;
use std::time::Instant;

impl Forwarder {
    /// Sends `sink` what arrives on `track`, in place of its track so far. The subscriber sees one stream go
    /// on: its numbers have no hole and its timestamps go forward. A video sink begins with a keyframe, for
    /// which the publisher is asked; while the new track flows it keeps the picture of the old one until
    /// then, but not for longer than three seconds. Says whether both exist; formats that the sink lacks are
    /// told by [`Output::NoCommonCodec`](super::Output::NoCommonCodec).
    pub fn connect(&mut self, track: TrackId, sink: SinkId, now: Instant) -> bool {
        let (Some(known), Some(outgoing)) = (self.tracks.get(track.number()), self.sinks.get(sink.number()))
        else {
            return false;
        };
        let route = Route::new(&known.parameters, &outgoing.config.parameters);
        let incompatible = route.is_empty();
        let route = self.routes.share(Arc::new(route));
        let (kind, simulcast) = (known.kind, known.sources.len() > 1);
        let flows = self.track_flows(track);
        // Who waited too long for another track has seen newer pictures than the last keyframe.
        let seen =
            outgoing.is_behind && outgoing.current.is_some_and(|current| known.sources.contains(&current));
        self.leave_track(sink);
        let shows = self.sinks.get(sink.number()).is_some_and(Sink::has_picture);
        if kind == MediaKind::Audio || !flows || incompatible || !shows {
            self.leave_current(sink);
        }
        let Some(outgoing) = self.sinks.get_mut(sink.number()) else { return false };
        outgoing.grant.paused = false;
        outgoing.connection =
            Some(Connection { track, route, simulcast, report_pending: true, seen, codec_told: false });
        // Where media flows on, the subscriber's side notices nothing of the switch.
        if !flows {
            outgoing.set_flowing(false, &mut self.outputs);
        }
        if incompatible {
            outgoing.tell_no_common_codec(&mut self.outputs);
        }
        if let Some(known) = self.tracks.get_mut(track.number()) {
            known.sinks.push(sink);
        }
        self.choose_beginning(sink);
        self.renew_allowance(track);
        self.aim_and_ask(sink, now);
        true
    }

    /// Takes the track off a sink; one without a track is left as it is.
    pub fn disconnect(&mut self, sink: SinkId) {
        self.suspend(sink);
        if let Some(outgoing) = self.sinks.get_mut(sink.number()) {
            outgoing.set_flowing(false, &mut self.outputs);
        }
    }

    /// Takes the track off a sink that is about to get another, as soon as that is known here: its
    /// subscriber is told nothing until it is connected or disconnected.
    pub fn suspend(&mut self, sink: SinkId) {
        self.leave_track(sink);
        self.leave_current(sink);
        if let Some(outgoing) = self.sinks.get_mut(sink.number()) {
            outgoing.stop();
        }
        self.drop_waiting(sink);
    }

    /// Sets the most that a sink is to get of its track; at first it is the best. Down it goes at once where
    /// its decoder can follow, up and to another encoding at the next switching point, for which the
    /// publisher is asked where it must be a keyframe. Unknown sinks are ignored.
    pub fn set_target(&mut self, sink: SinkId, target: LayerTarget, now: Instant) {
        if let Some(outgoing) = self.sinks.get_mut(sink.number()) {
            outgoing.target = target;
            self.note_wish(sink);
            self.aim_and_ask(sink, now);
        }
    }

    /// Sends a sink nothing until [`Self::resume`], but repairs of what it had. Unknown sinks are ignored.
    pub fn pause(&mut self, sink: SinkId) {
        if let Some(outgoing) = self.sinks.get_mut(sink.number()) {
            outgoing.paused = true;
            self.note_wish(sink);
            self.rest(sink);
        }
    }

    /// Lets a sink that is paused take nothing.
    pub(super) fn rest(&mut self, sink: SinkId) {
        if let Some(outgoing) = self.sinks.get_mut(sink.number()) {
            outgoing.freezes.stop();
            outgoing.set_flowing(false, &mut self.outputs);
            let has_picture = outgoing.has_picture();
            if let Some(connection) = &mut outgoing.connection {
                connection.seen |= has_picture;
            }
        }
        self.leave_awaited(sink);
        self.leave_current(sink);
        self.drop_waiting(sink);
    }

    /// Ends a pause: the sink goes on where it stopped, video with a keyframe. One that is not paused is left
    /// as it is.
    pub fn resume(&mut self, sink: SinkId, now: Instant) {
        if let Some(outgoing) = self.sinks.get_mut(sink.number()).filter(|sink| sink.paused) {
            outgoing.paused = false;
            self.note_wish(sink);
            self.aim_and_ask(sink, now);
        }
    }

    /// What the layers of a track brought in the last four seconds; zero for encodings that nothing comes on
    /// any more, and all zero for an unknown track.
    #[must_use]
    pub fn layers(&self, track: TrackId) -> Layers {
        let mut rates = [[Bitrate::default(); TEMPORAL_MAX]; SPATIAL_MAX];
        let sources =
            self.tracks.get(track.number()).map(|track| track.sources.as_slice()).unwrap_or_default();
        let meters = sources.iter().filter_map(|id| Some(&self.sources.get(id.number())?.meter)).enumerate();
        let simulcast = sources.len() > 1;
        for (encoding, meter) in meters.filter(|(_, meter)| meter.is_active()) {
            for (spatial, row) in rates.iter_mut().enumerate() {
                for (temporal, rate) in row.iter_mut().enumerate() {
                    match simulcast {
                        false => *rate = meter.rate(spatial, temporal),
                        true if spatial == encoding => *rate = meter.temporal_rate(temporal),
                        true => {}
                    }
                }
            }
        }
        Layers::new(rates, simulcast)
    }

    /// What a sink gets of its track; `None` for an unknown one.
    #[must_use]
    pub fn layer_of(&self, sink: SinkId) -> Option<SinkLayer> {
        let sink = self.sinks.get(sink.number())?;
        Some(SinkLayer { target: sink.target, current: self.current_layer(sink), paused: sink.paused })
    }

    pub(super) fn current_layer(&self, sink: &Sink) -> Option<Layer> {
        let current = sink.current?;
        let track = self.tracks.get(sink.track()?.number())?;
        let encoding = track.sources.iter().position(|source| *source == current)?;
        let top = self.sources.get(current.number())?.meter.top();
        let spatial = if track.sources.len() > 1 {
            encoding as u8
        } else {
            sink.selector.layer().spatial.min(top.spatial)
        };
        Some(Layer { spatial, temporal: sink.selector.layer().temporal.min(top.temporal) })
    }

    /// Lets a video sink whose transport has come up begin anew: what was sent before is gone. It begins with a
    /// keyframe, from the ring or asked for; one whose transport was up before needs one that it has not seen.
    /// Others and unknown ones are ignored.
    pub fn begin(&mut self, sink: SinkId, now: Instant) {
        let Some(outgoing) = self.sinks.get(sink.number()) else { return };
        if let Some(peer) = self.peers.get_mut(outgoing.peer) {
            peer.begin();
        }
        if outgoing.config.kind != MediaKind::Video {
            return;
        }
        if outgoing.counters.reported.is_some() {
            return self.request_keyframe(sink, now);
        }
        self.leave_awaited(sink);
        self.leave_current(sink);
        self.choose_beginning(sink);
        self.aim_and_ask(sink, now);
    }

    /// Finds what a sink should have, and asks for it.
    pub(super) fn aim_and_ask(&mut self, sink: SinkId, now: Instant) {
        if let Some(source) = self.aim(sink, now) {
            self.wish_keyframe(source, now);
        }
    }

    /// Finds the source that a sink should have. One without a picture begins with it at once; another waits
    /// for its keyframe, or begins with a replay where it leaves its track. Returns the source that is to be
    /// asked for a keyframe, which a fan-out does too while anybody waits.
    fn aim(&mut self, id: SinkId, now: Instant) -> Option<SourceId> {
        if self.sinks.get(id.number())?.is_behind {
            self.leave_current(id);
        }
        let sink = self.sinks.get(id.number())?;
        let track = sink.track()?;
        let wanted = self
            .wanted_source(track, sink.effective_target())
            .filter(|_| !sink.paused && !sink.grant.paused)?;
        if sink.takes(wanted) {
            self.leave_awaited(id);
            return None;
        }
        if sink.awaits(wanted) {
            return None;
        }
        let sources = &self.tracks.get(track.number())?.sources;
        let stays_on_track = sink.current.is_some_and(|current| sources.contains(&current));
        let has_picture = sink.has_picture();
        // Another encoding of the track that is awaited is no reason to wait anew.
        let patience = sink.awaited.and_then(|awaited| awaited.until);
        let has_seen = sink.connection.as_ref().is_some_and(|connection| connection.seen);
        self.leave_awaited(id);
        let source = self.sources.get_mut(wanted.number())?;
        let beginning = source.beginning(now);
        let beginning = if has_seen { beginning.without_still() } else { beginning };
        source.sinks.push(id);
        if !has_picture || (beginning.is_replay() && !stays_on_track) {
            self.leave_current(id);
            self.sinks.get_mut(id.number())?.begin(wanted, beginning);
            self.note_beginning(id, beginning, now);
            return Some(wanted).filter(|_| beginning.ask);
        }
        let (earliest, ask) = source.next_keyframe(now);
        let until = (!stays_on_track).then(|| patience.unwrap_or_else(|| Awaited::patience(now)));
        let asks = ask && source.flow.flowing;
        self.sinks.get_mut(id.number())?.awaited = Some(Awaited { source: wanted, earliest, until });
        Some(wanted).filter(|_| asks)
    }

    /// After a sink has begun with a source: its bursts follow.
    fn note_beginning(&mut self, sink: SinkId, beginning: Beginning, now: Instant) {
        if beginning.is_burst() {
            self.starting.retain(|starting| *starting != sink);
            self.starting.push(sink);
            self.starting_due = Some(now);
        }
    }

    /// [`Self::aim`] for all sinks of a track, whose encodings came or went.
    pub(super) fn aim_all(&mut self, track: TrackId, now: Instant) {
        let count = self.tracks.get(track.number()).map_or(0, |track| track.sinks.len());
        for place in 0..count {
            let sink = self.tracks.get(track.number()).and_then(|track| track.sinks.get(place)).copied();
            if let Some(sink) = sink {
                // What is asked for here comes by itself mostly: encodings begin with a keyframe.
                self.aim(sink, now);
            }
        }
    }

    /// Takes a source that ends off its sinks.
    pub(super) fn abandon(&mut self, source: SourceId) {
        let Some(known) = self.sources.get_mut(source.number()) else { return };
        for id in std::mem::take(&mut known.sinks) {
            let Some(sink) = self.sinks.get_mut(id.number()) else { continue };
            if sink.takes(source) {
                sink.leave();
            }
            if sink.awaits(source) {
                sink.awaited = None;
            }
        }
    }

    pub(super) fn wanted_source(&self, track: TrackId, target: LayerTarget) -> Option<SourceId> {
        let track = self.tracks.get(track.number())?;
        let mut active = [false; ENCODINGS_MAX];
        for (active, source) in active.iter_mut().zip(&track.sources) {
            *active = self.sources.get(source.number()).is_some_and(|source| source.meter.is_active());
        }
        let active = active.get(..track.sources.len())?;
        let spatial = if active.len() > 1 { target.spatial } else { 0 };
        track.sources.get(choose(spatial, active)).copied()
    }

    /// Takes a sink off its track's list, with what it waits for.
    fn leave_track(&mut self, id: SinkId) {
        self.leave_awaited(id);
        let track = self.sinks.get(id.number()).and_then(Sink::track);
        if let Some(id_of_track) = track {
            if let Some(track) = self.tracks.get_mut(id_of_track.number()) {
                track.sinks.retain(|kept| *kept != id);
            }
            if let Some(sink) = self.sinks.get_mut(id.number()) {
                sink.connection = None;
            }
            self.renew_allowance(id_of_track);
        }
    }

    fn leave_awaited(&mut self, id: SinkId) {
        if let Some(awaited) = self.sinks.get_mut(id.number()).and_then(|sink| sink.awaited.take()) {
            self.leave_source(awaited.source, id);
        }
    }

    fn leave_current(&mut self, id: SinkId) {
        let Some(sink) = self.sinks.get_mut(id.number()) else { return };
        if let Some(current) = sink.leave() {
            self.leave_source(current, id);
        }
    }

    /// Takes a sink off a source's list; what nobody takes any more need not wait for the fan-out.
    pub(super) fn leave_source(&mut self, id: SourceId, sink: SinkId) {
        if let Some(source) = self.sources.get_mut(id.number()) {
            source.sinks.retain(|kept| *kept != sink);
            if !source.is_wanted() {
                source.fresh.clear();
                self.fresh.retain(|fresh| *fresh != id);
            }
        }
    }
}
