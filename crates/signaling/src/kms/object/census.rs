//! Which objects there are, in all trees, and how many there may be.

use super::ObjectId;
use crate::kms::failure::{Code, Failure};
use crate::kms::model::class::MEDIA_PIPELINE;
use crate::kms::session_id::SessionId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many objects there may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CensusLimits {
    /// In all.
    pub(crate) objects_max: usize,
    /// Created by one session.
    pub(crate) objects_per_session_max: usize,
}

/// Every object of every tree. What is beyond the limits is refused with 40009.
pub(crate) struct Census {
    limits: CensusLimits,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    objects: BTreeSet<ObjectId>,
    by_session: BTreeMap<SessionId, usize>,
    by_class: BTreeMap<&'static str, usize>,
}

/// One object's entry. It is gone when this is dropped.
pub(crate) struct Place {
    census: Arc<Census>,
    object: ObjectId,
    /// Who created it.
    session: Option<SessionId>,
}

impl Census {
    pub(crate) fn new(limits: CensusLimits) -> Self {
        Self { limits, counts: Mutex::default() }
    }

    /// Enters an object that `session` creates; `None` for the server's own.
    pub(super) fn enter(
        self: &Arc<Self>,
        object: &ObjectId,
        session: Option<&SessionId>,
    ) -> Result<Place, Failure> {
        let mut counts = self.counts();
        let of_session = session.and_then(|session| counts.by_session.get(session)).copied().unwrap_or(0);
        if counts.objects.len() >= self.limits.objects_max {
            return Err(Failure::new(Code::NotEnoughResources, "The server has as many objects as it takes"));
        }
        if of_session >= self.limits.objects_per_session_max {
            return Err(Failure::new(
                Code::NotEnoughResources,
                "The session has as many objects as it may create",
            ));
        }
        counts.objects.insert(object.clone());
        *counts.by_class.entry(object.class().name).or_insert(0) += 1;
        if let Some(session) = session {
            *counts.by_session.entry(session.clone()).or_insert(0) += 1;
        }
        Ok(Place { census: Arc::clone(self), object: object.clone(), session: session.cloned() })
    }

    pub(crate) fn contains(&self, object: &ObjectId) -> bool {
        self.counts().objects.contains(object)
    }

    /// The pipelines that exist, in the order of their ids.
    pub(crate) fn pipelines(&self) -> Vec<ObjectId> {
        self.counts().objects.iter().filter(|object| object.class().is(&MEDIA_PIPELINE)).cloned().collect()
    }

    /// How many objects of each class there are; of those alone that have been created once.
    pub(crate) fn by_class(&self) -> BTreeMap<&'static str, usize> {
        self.counts().by_class.clone()
    }

    /// A panic elsewhere while it was locked leaves no entry half made.
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.census.counts();
        counts.objects.remove(&self.object);
        if let Some(count) = counts.by_class.get_mut(self.object.class().name) {
            *count -= 1;
        }
        let Some(session) = &self.session else { return };
        if let Some(count) = counts.by_session.get_mut(session) {
            *count -= 1;
            if *count == 0 {
                counts.by_session.remove(session);
            }
        }
    }
}
