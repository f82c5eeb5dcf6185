//! Media of one pipeline in another.

use super::Pipeline;
use crate::error::CreateError;
use crate::id::{ElementId, PipelineId};
use crate::worker::{BridgeEnd, Command, FarEnd, WorkerHandle};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where a pipeline is, for bridges to and from it. It keeps nothing alive: the pipeline may be released meanwhile.
#[derive(Clone, Debug)]
pub struct PipelineAddress {
    id: PipelineId,
    home: WorkerHandle,
    home_index: usize,
    next_element: Arc<AtomicU64>,
}

/// Media of an element of one pipeline, coming out of an element of another. What is connected to its entry, in the
/// first pipeline, feeds whatever its exit is connected to in the second: by the same streams, neither decoded nor
/// encrypted in between, with the keyframe requests and feedback of those that receive them. An exit may feed the entry of
/// another bridge; bridges in a circle carry nothing.
///
/// Dropping the handle releases both ends. When one of the two pipelines is released, the other end stays and carries
/// nothing. Either way the owner of a pipeline that lives on hears of [`super::EndpointEvent::BridgeEnded`].
#[derive(Debug)]
pub struct Bridge {
    entry: ElementId,
    exit: ElementId,
    from: WorkerHandle,
    to: WorkerHandle,
}

impl Pipeline {
    /// Where it is, for [`Bridge::open`].
    #[must_use]
    pub fn address(&self) -> PipelineAddress {
        let (home, next_element) = (self.home.clone(), Arc::clone(&self.next_element));
        PipelineAddress { id: self.id, home, home_index: self.placer.home(), next_element }
    }
}

impl Bridge {
    /// Opens a bridge from one pipeline to another, with nothing connected at either end.
    ///
    /// # Errors
    /// [`CreateError::Released`] when one of the two is gone, [`CreateError::Full`] with 10,000 elements in one or
    /// 131,072 on its worker.
    pub async fn open(from: &PipelineAddress, to: &PipelineAddress) -> Result<Self, CreateError> {
        let fresh =
            |address: &PipelineAddress| ElementId::new(address.next_element.fetch_add(1, Ordering::Relaxed));
        let (entry, exit) = (fresh(from), fresh(to));
        // From here on its end releases what there is of it.
        let bridge = Self { entry, exit, from: from.home.clone(), to: to.home.clone() };
        // The exit first: the entry tells it what comes.
        for (pipeline, element, end, far) in [
            (to, exit, BridgeEnd::Exit, FarEnd { element: entry, home: from.home_index }),
            (from, entry, BridgeEnd::Entry, FarEnd { element: exit, home: to.home_index }),
        ] {
            pipeline
                .home
                .call(|reply| Command::CreateBridgeEnd { pipeline: pipeline.id, element, end, far, reply })
                .await
                .ok_or(CreateError::Stopped)??;
        }
        Ok(bridge)
    }

    /// The sink in the first pipeline.
    #[must_use]
    pub fn entry(&self) -> ElementId {
        self.entry
    }

    /// The source in the second pipeline.
    #[must_use]
    pub fn exit(&self) -> ElementId {
        self.exit
    }

    /// Releases both ends and waits until that is done.
    pub async fn release(self) {
        for (worker, element) in [(&self.from, self.entry), (&self.to, self.exit)] {
            worker.call(|reply| Command::ReleaseElement { element, reply: Some(reply) }).await;
        }
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.from.cast(Command::ReleaseElement { element: self.entry, reply: None });
        self.to.cast(Command::ReleaseElement { element: self.exit, reply: None });
    }
}
