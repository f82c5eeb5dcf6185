//! Slots with generations: what an identifier points to, found without a search.

/// Values under keys that are never given out twice. A key is the slot's place in the lower 32 bits and
/// the slot's generation above, so a key that outlived its value finds nothing.
#[derive(Debug)]
pub(super) struct Arena<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    value: Option<T>,
}

impl<T> Arena<T> {
    pub(super) const fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }

    /// Stores what `make` builds for the key it is told.
    pub(super) fn insert(&mut self, make: impl FnOnce(u64) -> T) -> u64 {
        let place = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, value: None });
            u32::try_from(self.slots.len() - 1).expect("four billion streams do not fit into memory")
        });
        let slot = &mut self.slots[place as usize];
        slot.generation += 1;
        let key = u64::from(slot.generation) << 32 | u64::from(place);
        slot.value = Some(make(key));
        key
    }

    pub(super) fn remove(&mut self, key: u64) -> Option<T> {
        let slot = self.slots.get_mut(key as u32 as usize).filter(|slot| slot.is(key))?;
        let value = slot.value.take()?;
        // A slot whose generations are used up stays empty for good, so that no key comes again.
        if slot.generation < u32::MAX {
            self.free.push(key as u32);
        }
        Some(value)
    }

    pub(super) fn get(&self, key: u64) -> Option<&T> {
        self.slots.get(key as u32 as usize).filter(|slot| slot.is(key))?.value.as_ref()
    }

    pub(super) fn get_mut(&mut self, key: u64) -> Option<&mut T> {
        self.slots.get_mut(key as u32 as usize).filter(|slot| slot.is(key))?.value.as_mut()
    }

    /// All values, in no order that means anything.
    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().filter_map(|slot| slot.value.as_ref())
    }

    /// The key of the value in a slot.
    pub(super) fn key_at(&self, place: u32) -> Option<u64> {
        let slot = self.slots.get(place as usize).filter(|slot| slot.value.is_some())?;
        Some(u64::from(slot.generation) << 32 | u64::from(place))
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.slots.iter().filter(|slot| slot.value.is_some()).count()
    }
}

impl<T> Slot<T> {
    fn is(&self, key: u64) -> bool {
        u64::from(self.generation) == key >> 32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_outlives_its_value_without_finding_the_next_one() {
        let mut arena = Arena::new();
        let first = arena.insert(|_| "first");
        assert_eq!(arena.remove(first), Some("first"));
        let second = arena.insert(|_| "second");
        assert_eq!(second as u32, first as u32, "the slot is used again");
        assert_eq!(arena.get(first), None);
        assert_eq!(arena.remove(first), None);
        assert_eq!(arena.get(second), Some(&"second"));
        assert_eq!(arena.key_at(second as u32), Some(second));
        assert_eq!(arena.len(), 1);
    }
}
