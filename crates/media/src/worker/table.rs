//! A worker's sessions, found by index.

use crate::id::SessionId;

/// Sessions in slots. A [`SessionId`] carries its slot in the lower 16 bits, so that finding a
/// subscriber's session on the packet path is an index and a comparison; the serial number above makes
/// it unique for the life of the process.
#[derive(Debug)]
pub(super) struct Table<T> {
    slots: Vec<Option<(SessionId, T)>>,
    free: Vec<usize>,
    serial: u64,
    max: usize,
}

const SLOT_BITS: u32 = 16;

impl<T> Table<T> {
    /// Room for `max` entries, at most 65,536.
    pub(super) fn new(max: usize) -> Self {
        Self { slots: Vec::new(), free: Vec::new(), serial: 0, max: max.min(1 << SLOT_BITS) }
    }

    /// Adds what `make` makes of its identifier; `None` when the table is full.
    pub(super) fn insert(&mut self, make: impl FnOnce(SessionId) -> T) -> Option<SessionId> {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None if self.slots.len() < self.max => {
                self.slots.push(None);
                self.slots.len() - 1
            }
            None => return None,
        };
        self.serial += 1;
        let id = SessionId::new(self.serial << SLOT_BITS | slot as u64);
        let entry = make(id);
        if let Some(place) = self.slots.get_mut(slot) {
            *place = Some((id, entry));
        }
        Some(id)
    }

    pub(super) fn remove(&mut self, id: SessionId) -> Option<T> {
        let place = self.slots.get_mut(slot_of(id))?;
        let (_, entry) = place.take_if(|(found, _)| *found == id)?;
        self.free.push(slot_of(id));
        Some(entry)
    }

    pub(super) fn get(&self, id: SessionId) -> Option<&T> {
        self.slots.get(slot_of(id))?.as_ref().filter(|(found, _)| *found == id).map(|(_, entry)| entry)
    }

    pub(super) fn get_mut(&mut self, id: SessionId) -> Option<&mut T> {
        self.slots.get_mut(slot_of(id))?.as_mut().filter(|(found, _)| *found == id).map(|(_, entry)| entry)
    }

    /// The identifier of what is in `slot` now.
    pub(super) fn id_at(&self, slot: usize) -> Option<SessionId> {
        self.slots.get(slot)?.as_ref().map(|(id, _)| *id)
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }
}

/// The slot of an identifier.
pub(super) fn slot_of(id: SessionId) -> usize {
    (id.number() & ((1 << SLOT_BITS) - 1)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reused_slot_does_not_answer_to_the_old_identifier() {
        let mut table = Table::new(2);
        let first = table.insert(|_| 'a').expect("room for two");
        assert_eq!(table.remove(first), Some('a'));
        let second = table.insert(|_| 'b').expect("room for two");
        assert_eq!(slot_of(first), slot_of(second));
        assert_eq!(table.get(first), None);
        assert_eq!(table.remove(first), None);
        assert_eq!(table.get(second), Some(&'b'));
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn a_full_table_refuses() {
        let mut table = Table::new(1);
        assert!(table.insert(|_| ()).is_some());
        assert!(table.insert(|_| ()).is_none());
    }
}
