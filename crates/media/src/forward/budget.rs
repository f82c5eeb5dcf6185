//! What each of a peer's streams may take of its path: `allocate.rs` decides, here it is carried out.

use super::allocate::{self, Demand, History};
use super::sink::Sink;
use super::{DropReason, Forwarder};
use crate::id::SinkId;
use crate::pipeline::MediaKind;
use crate::rtp::Bitrate;
use std::time::{Duration, Instant};

/// Between two decisions for one peer.
const INTERVAL: Duration = Duration::from_millis(100);
/// What is worth probing for, relative to the streams as they are: room to raise or resume each.
const WANTED_PERCENT: u64 = 130;
/// The same of a stream whose publisher sends what its only subscriber can take.
const WANTED_ALONE_PERCENT: u64 = 200;
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
}

/// What a video sink was given.
#[derive(Debug, Default)]
pub(super) struct Grant {
    pub(super) priority: Priority,
    history: History,
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
            return;
        };
        if let Some(next) = peer.budget.decided.map(|decided| decided + INTERVAL).filter(|next| now < *next) {
            peer.budget.due = peer.budget.due.map(|due| due.max(next));
            return;
        }
        peer.budget.decided = Some(now);
        let sinks: Vec<SinkId> = peer.sinks.clone();
        let audio = self.rates_of(&sinks, MediaKind::Audio);
        let videos: Vec<(SinkId, [Bitrate; 1])> =
            sinks.iter().filter_map(|sink| Some((*sink, [self.cost(*sink)?]))).collect();
        let budget = estimate.minus(audio);
        let (demands, mut histories): (Vec<Demand<'_>>, Vec<History>) = videos
            .iter()
            .filter_map(|(id, costs)| {
                let Sink { grant, limits, .. } = self.sinks.get(id.number())?;
                let present = (!grant.paused).then_some(0);
                let demand = Demand { costs, weight: grant.priority.weight, limits: *limits, present };
                Some((demand, grant.history))
            })
            .unzip();
        let chosen = allocate::allocate(budget, &demands, &mut histories, now);
        let due = allocate::poll_timeout(&histories, now);
        let costs = videos.iter().zip(&chosen).map(|((_, [cost]), chosen)| match chosen {
            Some(_) => *cost,
            None => Bitrate::default(),
        });
        let costs: Vec<Bitrate> = costs.collect();
        let used = costs.iter().copied().fold(Bitrate::default(), Bitrate::plus);
        for (place, (id, _)) in videos.iter().enumerate() {
            let (Some(history), Some(chosen), Some(cost)) =
                (histories.get(place), chosen.get(place), costs.get(place))
            else {
                continue;
            };
            if let Some(sink) = self.sinks.get_mut(id.number()) {
                sink.grant.history = *history;
            }
            self.grant(*id, chosen.is_some(), now);
            self.tell_share(*id, budget.minus(used.minus(*cost)));
        }
        let wanted = videos.iter().map(|(id, [cost])| cost.percent(self.worth(*id)));
        let wanted = wanted.fold(audio.percent(WANTED_PERCENT), Bitrate::plus);
        if let Some(peer) = self.peers.get_mut(key) {
            peer.budget.due = due;
            peer.transport.set_wanted(wanted);
        }
    }

    /// What is sent of one kind to these sinks together.
    fn rates_of(&self, sinks: &[SinkId], kind: MediaKind) -> Bitrate {
        let sinks = sinks.iter().filter_map(|id| self.sinks.get(id.number()));
        let rates = sinks.filter(|sink| sink.config.kind == kind).filter_map(|sink| sink.rate.rate());
        rates.fold(Bitrate::default(), Bitrate::plus)
    }

    /// What a video sink's source brings; `None` for others, and while nobody knows.
    fn cost(&self, sink: SinkId) -> Option<Bitrate> {
        let sink = self.sinks.get(sink.number()).filter(|sink| sink.config.kind == MediaKind::Video)?;
        let source = self.sources.get(sink.source()?.number()).filter(|source| source.flow.flowing)?;
        source.rate.rate().filter(|rate| *rate > Bitrate::default())
    }

    /// Lets a sink have its source, or not.
    fn grant(&mut self, id: SinkId, granted: bool, now: Instant) {
        let Some(sink) = self.sinks.get_mut(id.number()) else { return };
        if sink.grant.paused != granted {
            return;
        }
        let Some((track, origin)) = sink.track().zip(sink.source()) else { return };
        if granted {
            // It begins again as one that joins: with a keyframe, its numbers going on.
            self.connect(track, id, now);
            return;
        }
        sink.grant.paused = true;
        sink.set_flowing(false, &mut self.outputs);
        if let Some(source) = self.sources.get_mut(origin.number()) {
            source.sinks.retain(|kept| *kept != id);
        }
        self.drop_waiting(id);
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
