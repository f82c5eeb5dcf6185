//! Which worker a new endpoint lives on.

use super::Placement;
use crate::worker::WorkerHandle;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a pipeline's home may carry above the least loaded worker before endpoints go there. Media that
/// stays on one worker costs nothing in between, while a difference of so many sessions costs little.
const LOAD_ABOVE_LEAST_MAX: usize = 16;

/// Places the endpoints of one pipeline.
#[derive(Debug)]
pub(super) struct Placer {
    placement: Placement,
    workers: Arc<[WorkerHandle]>,
    home: usize,
    placed: AtomicUsize,
}

impl Placer {
    pub(super) fn new(placement: Placement, workers: Arc<[WorkerHandle]>, home: usize) -> Self {
        Self { placement, workers, home, placed: AtomicUsize::new(0) }
    }

    /// All workers.
    pub(super) fn workers(&self) -> &[WorkerHandle] {
        &self.workers
    }

    /// The worker with the pipeline's graph.
    pub(super) fn home(&self) -> usize {
        self.home
    }

    /// The worker for the next endpoint.
    pub(super) fn place(&self) -> (usize, &WorkerHandle) {
        let place = match self.placement {
            Placement::Together => together(self.home, self.workers.iter().map(WorkerHandle::load)),
            Placement::Spread => {
                let placed = self.placed.fetch_add(1, Ordering::Relaxed);
                self.home.wrapping_add(placed) % self.workers.len()
            }
        };
        (place, &self.workers[place])
    }
}

/// The home, unless it carries too much more than another; then the first of the least loaded ones.
fn together(home: usize, loads: impl Iterator<Item = usize> + Clone) -> usize {
    let own = loads.clone().nth(home).unwrap_or_default();
    match loads.enumerate().min_by_key(|(_, load)| *load) {
        Some((place, least)) if own > least + LOAD_ABOVE_LEAST_MAX => place,
        _ => home,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_stays_together_and_a_large_audience_is_spread_evenly() {
        let mut loads = [1, 0];
        let mut places = Vec::new();
        for _ in 0..300 {
            let place = together(0, loads.iter().copied());
            loads[place] += 1;
            places.push(place);
        }
        assert_eq!(places[..16], [0; 16]);
        assert!(loads[0] - loads[1] <= LOAD_ABOVE_LEAST_MAX + 1, "{loads:?}");
        assert_eq!(together(1, [40, 40, 39].into_iter()), 1, "a busy server's calls stay together too");
        assert_eq!(together(0, [40, 23, 23].into_iter()), 1);
    }
}
