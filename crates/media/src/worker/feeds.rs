//! Which endpoint feeds which of this worker's endpoints, as the home of their pipeline has told.

use super::relay::Feeder;
use crate::id::ElementId;
use crate::pipeline::MediaType;
use std::collections::{BTreeMap, BTreeSet};

/// Both directions of the same. Bounded by the endpoints of this worker: each has one feeder for each type.
#[derive(Debug, Default)]
pub(super) struct Feeds {
    feeders: BTreeMap<(ElementId, MediaType), Feeder>,
    sinks: BTreeMap<(ElementId, MediaType), BTreeSet<ElementId>>,
}

impl Feeds {
    /// Gives a sink another feeder, or none, and returns the one before.
    pub(super) fn set(
        &mut self,
        sink: ElementId,
        media: MediaType,
        feeder: Option<Feeder>,
    ) -> Option<Feeder> {
        let before = match feeder {
            Some(feeder) => self.feeders.insert((sink, media), feeder),
            None => self.feeders.remove(&(sink, media)),
        };
        if let Some(before) = before
            && let Some(sinks) = self.sinks.get_mut(&(before.element, media))
        {
            sinks.remove(&sink);
            if sinks.is_empty() {
                self.sinks.remove(&(before.element, media));
            }
        }
        if let Some(feeder) = feeder {
            self.sinks.entry((feeder.element, media)).or_default().insert(sink);
        }
        before
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.feeders.is_empty() && self.sinks.is_empty()
    }

    /// Who feeds a sink.
    pub(super) fn feeder(&self, sink: ElementId, media: MediaType) -> Option<Feeder> {
        self.feeders.get(&(sink, media)).copied()
    }

    /// The endpoints here that a source feeds, in the order of their identifiers.
    pub(super) fn sinks(&self, source: ElementId, media: MediaType) -> impl Iterator<Item = ElementId> {
        self.sinks.get(&(source, media)).into_iter().flatten().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sink_has_one_feeder_and_leaves_no_trace_of_earlier_ones() {
        let mut feeds = Feeds::default();
        let feeder = |number| Feeder { element: ElementId::new(number), worker: 0 };
        let (sink, media) = (ElementId::new(9), MediaType::Video);
        assert_eq!(feeds.set(sink, media, Some(feeder(1))), None);
        assert_eq!(feeds.set(ElementId::new(8), media, Some(feeder(1))), None);
        assert_eq!(feeds.set(sink, MediaType::Audio, Some(feeder(1))), None, "types are separate");
        assert_eq!(feeds.set(sink, media, Some(feeder(2))), Some(feeder(1)));
        assert_eq!(feeds.feeder(sink, media), Some(feeder(2)));
        assert_eq!(feeds.sinks(ElementId::new(1), media).collect::<Vec<_>>(), [ElementId::new(8)]);
        for (sink, media) in [(9, media), (8, media), (9, MediaType::Audio)] {
            assert!(feeds.set(ElementId::new(sink), media, None).is_some());
        }
        assert!(feeds.is_empty());
    }
}
