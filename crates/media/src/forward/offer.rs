//! What a track has for one of its sinks: layers and what they cost, and the one to begin with.

use super::Forwarder;
use super::allocate::MARGIN_PERCENT;
use super::layer::{LayerTarget, Layers};
use super::transport::START;
use crate::id::SinkId;
use crate::pipeline::MediaKind;
use crate::rtp::Bitrate;

/// The choices for one sink, from the least to the best; never empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Offer {
    pub(super) sink: SinkId,
    pub(super) layers: Vec<LayerTarget>,
    /// Ascending, one for each layer.
    pub(super) costs: Vec<Bitrate>,
}

impl Offer {
    /// What lies within `most`; `None` where nothing was measured. A high frame rate is given up last: above
    /// the least spatial layer only the highest one is offered. What costs more than something better is not.
    fn new(sink: SinkId, measured: &Layers, most: LayerTarget) -> Option<Self> {
        let least = measured.targets().next()?.spatial;
        let within =
            |layer: &LayerTarget| layer.spatial <= most.spatial.max(least) && layer.temporal <= most.temporal;
        let all: Vec<LayerTarget> = measured.targets().filter(within).collect();
        let (mut layers, mut costs): (Vec<LayerTarget>, Vec<Bitrate>) = Default::default();
        for (place, layer) in all.iter().enumerate() {
            let is_highest = all.get(place + 1).is_none_or(|next| next.spatial != layer.spatial);
            if layer.spatial > least && !is_highest {
                continue;
            }
            let Some(cost) = measured.cost(*layer) else { continue };
            while costs.last().is_some_and(|last| *last >= cost) {
                layers.pop();
                costs.pop();
            }
            layers.push(*layer);
            costs.push(cost);
        }
        // The highest frame rate of a spatial layer is all that its owner lets it have, also what comes later.
        for place in 0..layers.len() {
            let above = layers.get(place + 1).map(|layer| layer.spatial);
            if let Some(layer) = layers.get_mut(place).filter(|layer| above != Some(layer.spatial)) {
                layer.temporal = u8::MAX;
            }
        }
        (!layers.is_empty()).then_some(Self { sink, layers, costs })
    }

    /// The best choice that is not above `layer`, or the least one.
    pub(super) fn place_of(&self, layer: LayerTarget) -> usize {
        let rank = |layer: &LayerTarget| (layer.spatial, layer.temporal);
        self.layers.iter().rposition(|choice| rank(choice) <= rank(&layer)).unwrap_or(0)
    }
}

impl Forwarder {
    /// What there is for a video sink; `None` for others, one that its owner has paused, and while nobody
    /// knows.
    pub(super) fn offer(&self, id: SinkId) -> Option<Offer> {
        let sink = self.sinks.get(id.number())?;
        let takes = sink.config.kind == MediaKind::Video && !sink.paused;
        Offer::new(id, &self.layers(sink.track().filter(|_| takes)?), sink.target)
    }

    /// Chooses what a sink begins with. Of several encodings it is one that fits into what is known, or
    /// assumed, of the path beside what is sent already, the least where none does: to climb shows nothing, to
    /// begin with too much shows for long. Who gives no feedback begins with the best.
    pub(super) fn choose_beginning(&mut self, id: SinkId) {
        let layer = self.beginning_layer(id).unwrap_or(LayerTarget::BEST);
        if let Some(sink) = self.sinks.get_mut(id.number()) {
            sink.grant.layer = layer;
        }
    }

    fn beginning_layer(&self, id: SinkId) -> Option<LayerTarget> {
        let sink = self.sinks.get(id.number())?;
        let simulcast = sink.connection.as_ref().is_some_and(|connection| connection.simulcast);
        let peer = self.peers.get(sink.peer)?;
        if !simulcast || !sink.is_numbered() || peer.budget.is_unanswered() {
            return None;
        }
        let Some(offer) = self.offer(id) else {
            return Some(LayerTarget { spatial: 0, ..LayerTarget::BEST });
        };
        let room = peer.transport.estimate().unwrap_or(START).minus(peer.transport.sent_rate());
        let fitting = offer.costs.iter().rposition(|cost| cost.percent(MARGIN_PERCENT) <= room);
        offer.layers.get(fitting.unwrap_or(0)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::super::layer::{SPATIAL_MAX, TEMPORAL_MAX};
    use super::*;

    const SINK: SinkId = SinkId::new(1);

    fn target(spatial: u8, temporal: u8) -> LayerTarget {
        LayerTarget { spatial, temporal }
    }

    /// Three spatial layers of these temporal ones, in kbit/s for each alone.
    fn offer(kbps: [[u64; 2]; 3], simulcast: bool, most: LayerTarget) -> Option<Vec<((u8, u8), u64)>> {
        let mut rates = [[Bitrate::default(); TEMPORAL_MAX]; SPATIAL_MAX];
        for (row, kbps) in rates.iter_mut().zip(kbps) {
            for (rate, kbps) in row.iter_mut().zip(kbps) {
                *rate = Bitrate::bps(kbps * 1_000);
            }
        }
        let Offer { layers, costs, .. } = Offer::new(SINK, &Layers::new(rates, simulcast), most)?;
        let pairs = layers.iter().zip(&costs);
        Some(pairs.map(|(layer, cost)| ((layer.spatial, layer.temporal), cost.as_bps() / 1_000)).collect())
    }

    #[test]
    fn choices_lie_within_the_target_and_a_better_one_costs_more() {
        let usual = [[100, 50], [300, 200], [900, 600]];
        let (best, all) = (LayerTarget::BEST, u8::MAX);
        type Row<'a> = (&'a str, [[u64; 2]; 3], bool, LayerTarget, &'a [((u8, u8), u64)]);
        let table: [Row<'_>; 7] = [
            (
                "simulcast",
                usual,
                true,
                best,
                &[((0, 0), 100), ((0, all), 150), ((1, all), 500), ((2, all), 1_500)],
            ),
            (
                "scalable",
                usual,
                false,
                best,
                &[((0, 0), 100), ((0, all), 150), ((1, all), 650), ((2, all), 2_150)],
            ),
            ("up to the target", usual, true, target(1, 0), &[((0, all), 100), ((1, all), 300)]),
            (
                "one that is not sent",
                [[100, 50], [0, 0], [900, 0]],
                true,
                target(1, 9),
                &[((0, 0), 100), ((0, all), 150)],
            ),
            (
                "none as low as the target",
                [[0, 0], [300, 0], [900, 0]],
                true,
                target(0, 9),
                &[((1, all), 300)],
            ),
            (
                "better for less",
                [[200, 100], [250, 0], [0, 0]],
                true,
                best,
                &[((0, all), 200), ((1, all), 250)],
            ),
            ("one stream", [[800, 0], [0, 0], [0, 0]], false, best, &[((0, all), 800)]),
        ];
        for (what, rates, simulcast, most, expected) in table {
            assert_eq!(offer(rates, simulcast, most).as_deref(), Some(expected), "{what}");
        }
        assert_eq!(offer([[0; 2]; 3], true, best), None);
    }

    #[test]
    fn what_a_sink_has_is_found_among_the_choices() {
        let layers = vec![target(0, 0), target(0, u8::MAX), target(2, u8::MAX)];
        let offer = Offer { sink: SINK, layers, costs: vec![] };
        let table = [(target(0, 0), 0), (target(0, 7), 0), (target(1, u8::MAX), 1), (LayerTarget::BEST, 2)];
        for (layer, place) in table {
            assert_eq!(offer.place_of(layer), place, "{layer:?}");
        }
    }
}
