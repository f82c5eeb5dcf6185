//! Tables that are equal for many sinks, kept once.
//!
//! Viewers with the same browser agree on the same formats and extensions. A packet for a hundred of them then
//! reads one table a hundred times instead of a hundred tables, none of which would be in the processor's
//! caches: at ordinary rates such misses are what a packet costs.

use std::collections::VecDeque;
use std::sync::Arc;

/// Different tables that are looked through for an equal one: as many as there are kinds of browsers.
const RECENT_MAX: usize = 16;

/// The tables seen last, the newest at the back; at the bound the oldest is no longer shared by new sinks.
#[derive(Debug)]
pub(super) struct Alike<T>(VecDeque<Arc<T>>);

impl<T> Default for Alike<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T: PartialEq> Alike<T> {
    /// The table itself, or an equal one that others use.
    pub(super) fn share(&mut self, table: Arc<T>) -> Arc<T> {
        if let Some(known) = self.0.iter().find(|known| **known == table) {
            return known.clone();
        }
        if self.0.len() == RECENT_MAX {
            self.0.pop_front();
        }
        self.0.push_back(table.clone());
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_tables_become_one_and_few_are_remembered() {
        let mut alike = Alike::default();
        let first = alike.share(Arc::new(0));
        assert!(Arc::ptr_eq(&first, &alike.share(Arc::new(0))));
        for other in 1..1_000 {
            assert_eq!(*alike.share(Arc::new(other)), other);
        }
        assert_eq!(alike.0.len(), RECENT_MAX);
        assert!(!Arc::ptr_eq(&first, &alike.share(Arc::new(0))), "the oldest is forgotten");
    }
}
