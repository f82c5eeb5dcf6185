//! When something is due next: one deadline per owner, the earliest first.

use std::time::Instant;

/// A binary heap that knows the place of each owner, so that moving a deadline costs no search and, after
/// warm-up, no allocation. Owners are small dense numbers; each has at most one entry.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    heap: Vec<(Instant, u32)>,
    /// By owner: its place in the heap.
    places: Vec<Option<u32>>,
}

impl Deadlines {
    /// Sets, moves or (with `None`) clears the deadline of `owner`.
    pub(super) fn set(&mut self, owner: u32, at: Option<Instant>) {
        if self.places.len() <= owner as usize {
            self.places.resize(owner as usize + 1, None);
        }
        match (self.places[owner as usize], at) {
            (Some(place), Some(at)) => {
                let place = place as usize;
                if self.heap[place].0 != at {
                    self.heap[place].0 = at;
                    self.settle(place);
                }
            }
            (None, Some(at)) => {
                self.heap.push((at, owner));
                self.settle(self.heap.len() - 1);
            }
            (Some(place), None) => {
                let place = place as usize;
                self.heap.swap_remove(place);
                self.places[owner as usize] = None;
                if place < self.heap.len() {
                    self.settle(place);
                }
            }
            (None, None) => {}
        }
    }

    /// Whether `owner` has a deadline.
    pub(super) fn is_set(&self, owner: u32) -> bool {
        self.places.get(owner as usize).is_some_and(Option::is_some)
    }

    /// The earliest deadline; of equal ones the lowest owner's, so that runs repeat.
    pub(super) fn first(&self) -> Option<(Instant, u32)> {
        self.heap.first().copied()
    }

    /// Moves the entry at `place` up or down to where the heap is in order again.
    fn settle(&mut self, mut place: usize) {
        while place > 0 && self.heap[place] < self.heap[(place - 1) / 2] {
            self.swap(place, (place - 1) / 2);
            place = (place - 1) / 2;
        }
        loop {
            let children = (2 * place + 1)..(2 * place + 3).min(self.heap.len());
            let Some(least) = children.min_by_key(|child| self.heap[*child]) else { break };
            if self.heap[place] <= self.heap[least] {
                break;
            }
            self.swap(place, least);
            place = least;
        }
        self.note(place);
    }

    fn swap(&mut self, one: usize, other: usize) {
        self.heap.swap(one, other);
        self.note(one);
        self.note(other);
    }

    fn note(&mut self, place: usize) {
        let owner = self.heap[place].1;
        self.places[owner as usize] = Some(place as u32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::time::Duration;

    proptest! {
        #[test]
        fn the_first_is_always_the_earliest(
            moves in proptest::collection::vec((0u32..12, proptest::option::of(0u64..50)), 1..200)
        ) {
            let start = Instant::now(); // clock: an origin, never compared with the present
            let (mut deadlines, mut model) = (Deadlines::default(), BTreeMap::new());
            for (owner, at) in moves {
                let at = at.map(|millis| start + Duration::from_millis(millis));
                deadlines.set(owner, at);
                match at {
                    Some(at) => model.insert(owner, at),
                    None => model.remove(&owner),
                };
                let expected = model.iter().map(|(owner, at)| (*at, *owner)).min();
                prop_assert_eq!(deadlines.first(), expected);
            }
        }
    }
}
