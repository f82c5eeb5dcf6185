//! The parts of one outgoing stream: which source each came of, for packets that are sent or asked for later.

use super::route::Route;
use super::timeline::Origin;
use crate::codec::{FrameInfo, Layer};
use crate::id::SourceId;
use crate::rtp::ExtSeq;
use std::collections::VecDeque;
use std::sync::Arc;

/// Parts that are remembered. Switches wait for keyframes, which come three times a second at most, and targets
/// are chosen less often, so this is longer than the sources' rings keep packets for repair.
const STRETCHES_MAX: usize = 12;

/// A part of an outgoing stream that came of one source, up to the next part.
#[derive(Clone, Debug)]
pub(super) struct Stretch {
    /// Its first outgoing number.
    pub(super) from: ExtSeq,
    pub(super) source: SourceId,
    pub(super) route: Arc<Route>,
    /// What becomes of the source's timestamps.
    pub(super) origin: Origin,
    /// The layers that are taken; the last packet of its spatial one ends the picture.
    pub(super) layer: Layer,
}

/// The last parts of one stream; at the bound the oldest is forgotten, and what belongs to it is no longer
/// repaired.
#[derive(Debug, Default)]
pub(super) struct Stretches {
    /// Beside its sink in memory: every packet needs it.
    newest: Option<Stretch>,
    /// The newest of these at the back.
    older: VecDeque<Stretch>,
}

impl Stretches {
    /// Begins a new part.
    pub(super) fn begin(&mut self, stretch: Stretch) {
        if self.older.len() == STRETCHES_MAX {
            self.older.pop_front();
        }
        self.older.extend(self.newest.replace(stretch));
    }

    /// Goes on with the newest part's source from `from` on, with other layers; not from before its beginning.
    pub(super) fn take_layer(&mut self, layer: Layer, origin: Origin, from: ExtSeq) {
        if let Some(last) = self.newest.as_ref().filter(|last| last.layer != layer && last.from <= from) {
            let next = Stretch { from, origin, layer, ..last.clone() };
            self.begin(next);
        }
    }

    /// The part that an outgoing number lies in.
    pub(super) fn of(&self, out: ExtSeq) -> Option<&Stretch> {
        self.newest.iter().chain(self.older.iter().rev()).find(|stretch| stretch.from <= out)
    }

    /// The newest part.
    pub(super) fn newest(&self) -> Option<&Stretch> {
        self.newest.as_ref()
    }
}

impl Stretch {
    /// Whether a packet of this frame was meant to leave. One that arrived after the part was over was never
    /// decided on.
    pub(super) fn takes(&self, frame: Option<FrameInfo>) -> bool {
        let within =
            |layer: Layer| layer.temporal <= self.layer.temporal && layer.spatial <= self.layer.spatial;
        frame.is_none_or(|frame| within(frame.layer))
    }
}
