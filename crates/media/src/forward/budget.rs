//! What each of a peer's streams may take of its path: `allocate.rs` decides, here it is carried out.

use super::allocate::{self, Demand, History, PathSigns};
use super::layer::LayerTarget;
use super::offer::Offer;
use super::sink::Sink;
use super::{DropReason, Forwarder};
use crate::id::SinkId;
use crate::pipeline::MediaKind;
use crate::rtp::Bitrate;
use std::time::{Duration, Instant};

/// Between two decisions for one peer.
const INTERVAL: Duration = Duration::from_millis(100);
/// What is worth probing for, relative to the best of each stream: room to raise it there, or to resume it.
const WANTED_PERCENT: u64 = 130;
/// The same of a stream whose publisher sends what its only subscriber can take.
const WANTED_ALONE_PERCENT: u64 = 200;
/// How long a peer that agreed to give feedback may take for its first. Browsers answer the first packets within
/// a quarter of a second and a round trip.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// Smaller changes of a share are not told to the publisher.
const NEWS_PERCENT: u64 = 5;

/// How important a video stream is to its subscriber.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Priority {
    /// Relative to the subscriber's other video streams, from 1: who shows one picture four times as large as
    /// another gives it four times the weight. Where the path does not carry all, the light ones pause first.
    pub weight: u32,
}

/// When a peer's path was shared out.
#[derive(Debug, Default)]
pub(super) struct Budget {
    decided: Option<Instant>,
    due: Option<Instant>,
    answer: Answer,
}

/// Whether the peer says anything of its path.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Answer {
    #[default]
    Unasked,
    /// Until then nobody knows.
    Awaited(Instant),
    Missing,
}

/// What a video sink was given.
#[derive(Debug, Default)]
pub(super) struct Grant {
    pub(super) priority: Priority,
    history: History,
    /// The most that its path carries, as it is shared out; all while nobody knows.
    pub(super) layer: LayerTarget,
    /// It gets nothing, since its path does not carry it.
    pub(super) paused: bool,
    /// What its peer's path has room for beside the other streams; `None` while nobody knows.
    pub(super) share: Option<Bitrate>,
}

impl Default for Priority {
    fn default() -> Self {
        Self { weight: 1 }
    }
}

impl Budget {
    pub(super) const fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// The way to the peer has come up: what left before could not be answered.
    pub(super) const fn begin(&mut self) {
        self.answer = Answer::Unasked;
    }

    /// Whether feedback was due and has not come.
    pub(super) fn is_unanswered(&self) -> bool {
        self.answer == Answer::Missing
    }
}

impl Forwarder {
    /// States how important a video sink is to its subscriber. All are equal at first. Unknown sinks are
    /// ignored.
    pub fn set_priority(&mut self, sink: SinkId, priority: Priority) {
        if let Some(sink) = self.sinks.get_mut(sink.number()) {
            sink.grant.priority = priority;
        }
    }

    /// Whether a sink gets nothing at present because its peer's path does not carry it.
    #[must_use]
    pub fn is_starved(&self, sink: SinkId) -> bool {
        self.sinks.get(sink.number()).is_some_and(|sink| sink.grant.paused)
    }

    /// Shares a peer's estimate out over its streams, unless that has just been done.
    pub(super) fn share_out(&mut self, key: u64, now: Instant) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        // A peer that estimates itself sees no more than it is sent: what is paused would never come back.
        let Some(estimate) = peer.transport.estimate().filter(|_| peer.transport.is_numbered()) else {
            return self.await_answer(key, now);
        };
        if let Some(next) = peer.budget.decided.map(|decided| decided + INTERVAL).filter(|next| now < *next) {
            peer.budget.due = peer.budget.due.map(|due| due.max(next));
            return;
        }
        (peer.budget.decided, peer.budget.answer) = (Some(now), Answer::Unasked);
        let sinks: Vec<SinkId> = peer.sinks.clone();
        let audio = self.rates_of(&sinks, MediaKind::Audio);
        let offers: Vec<Offer> = sinks.iter().filter_map(|sink| self.offer(*sink)).collect();
        let budget = estimate.minus(audio);
        let signs = self.peers.get(key).map_or_else(PathSigns::default, |peer| PathSigns {
            is_full: peer.transport.is_full(now),
            answers_probes: peer.transport.answers_probes(),
        });
        let (demands, mut histories): (Vec<Demand<'_>>, Vec<History>) = offers
            .iter()
            .filter_map(|offer| {
                let Sink { grant, limits, .. } = self.sinks.get(offer.sink.number())?;
                let present = (!grant.paused).then(|| offer.place_of(grant.layer));
                let weight = grant.priority.weight;
                Some((Demand { costs: &offer.costs, weight, limits: *limits, present }, grant.history))
            })
            .unzip();
        let chosen = allocate::allocate(budget, signs, &demands, &mut histories, now);
        let due = allocate::poll_timeout(&histories, signs, now);
        let cost = |(offer, place): (&Offer, &Option<usize>)| {
            place.and_then(|place| offer.costs.get(place)).copied().unwrap_or_default()
        };
        let costs: Vec<Bitrate> = offers.iter().zip(&chosen).map(cost).collect();
        let used = costs.iter().copied().fold(Bitrate::default(), Bitrate::plus);
        let decided = offers.iter().zip(&chosen).zip(&costs).zip(&histories);
        for (((offer, chosen), cost), history) in decided {
            if let Some(sink) = self.sinks.get_mut(offer.sink.number()) {
                sink.grant.history = *history;
            }
            let layer = chosen.and_then(|place| offer.layers.get(place)).copied();
            self.grant(offer.sink, layer, now);
            self.tell_share(offer.sink, budget.minus(used.minus(*cost)));
        }
        let wanted = offers.iter().map(|offer| self.best_cost(offer).percent(self.worth(offer.sink)));
        let wanted = wanted.fold(audio.percent(WANTED_PERCENT), Bitrate::plus);
        if let Some(peer) = self.peers.get_mut(key) {
            peer.budget.due = due;
            peer.transport.set_wanted(wanted);
        }
    }

    /// Lets the streams of a peer that was to answer, and has not for long, be what their owners want.
    fn await_answer(&mut self, key: u64, now: Instant) {
        let Some(peer) = self.peers.get_mut(key).filter(|peer| peer.transport.is_numbered()) else { return };
        if peer.budget.is_unanswered() || peer.transport.estimate().is_some() {
            return;
        }
        let until = match peer.budget.answer {
            Answer::Awaited(until) => until,
            _ => now + ANSWER_WITHIN,
        };
        if now < until {
            (peer.budget.answer, peer.budget.due) = (Answer::Awaited(until), Some(until));
            return;
        }
        (peer.budget.answer, peer.budget.due) = (Answer::Missing, None);
        for sink in peer.sinks.clone() {
            self.grant(sink, Some(LayerTarget::BEST), now);
        }
    }

    /// What is sent of one kind to these sinks together.
    fn rates_of(&self, sinks: &[SinkId], kind: MediaKind) -> Bitrate {
        let sinks = sinks.iter().filter_map(|id| self.sinks.get(id.number()));
        let rates = sinks.filter(|sink| sink.config.kind == kind).filter_map(|sink| sink.rate.rate());
        rates.fold(Bitrate::default(), Bitrate::plus)
    }

    /// What the best choice costs that a sink's owner lets it have.
    fn best_cost(&self, offer: &Offer) -> Bitrate {
        let max = self.sinks.get(offer.sink.number()).and_then(|sink| sink.limits.max);
        let within = offer.costs.iter().rfind(|cost| max.is_none_or(|max| **cost <= max));
        within.or(offer.costs.first()).copied().unwrap_or_default()
    }

    /// Lets a sink have a layer, or nothing.
    fn grant(&mut self, id: SinkId, layer: Option<LayerTarget>, now: Instant) {
        let Some(sink) = self.sinks.get_mut(id.number()) else { return };
        let before = (!sink.grant.paused).then_some(sink.grant.layer);
        if layer == before {
            return;
        }
        sink.grant.paused = layer.is_none();
        // After a pause it begins again as one that joins: with a keyframe, its numbers going on.
        match layer {
            Some(layer) => {
                sink.grant.layer = layer;
                self.aim_and_ask(id, now);
            }
            None => self.rest(id),
        }
    }

    /// Drops what waits for a sink that does not go on with it.
    pub(super) fn drop_waiting(&mut self, id: SinkId) {
        let Some(sink) = self.sinks.get_mut(id.number()) else { return };
        let Some(peer) = self.peers.get_mut(sink.peer) else { return };
        peer.pacer.clear(id, |waiting| {
            sink.note_dropped(waiting.planned.out);
            self.drops.count(DropReason::PathFull);
        });
    }

    /// Lets the publisher know what its only subscriber's path has room for, when that has changed.
    fn tell_share(&mut self, id: SinkId, share: Bitrate) {
        let Some(sink) = self.sinks.get_mut(id.number()) else { return };
        let before = sink.grant.share.unwrap_or_default();
        let change = share.minus(before).plus(before.minus(share));
        if change >= before.percent(NEWS_PERCENT) {
            sink.grant.share = Some(share);
            if let Some(track) = sink.track() {
                self.renew_allowance(track);
            }
        }
    }

    fn worth(&self, sink: SinkId) -> u64 {
        let track = self.sinks.get(sink.number()).and_then(Sink::track);
        let track = track.and_then(|track| self.tracks.get(track.number()));
        match track.is_some_and(|track| track.sources.len() == 1 && track.sinks.len() == 1) {
            true => WANTED_ALONE_PERCENT,
            false => WANTED_PERCENT,
        }
    }
}
