//! The media server: its workers, and which of them a new pipeline goes to.

use super::{MediaConfig, MediaSnapshot, Pipeline, PipelineEvents};
use crate::error::{CreateError, StartError};

/// The workers and the way to create pipelines on them. Cheap to clone; the workers stop with
/// [`Self::stop`] or with the last clone.
#[derive(Clone, Debug)]
pub struct MediaServer {}

impl MediaServer {
    /// Opens the media sockets and starts the workers.
    ///
    /// # Errors
    /// When a socket cannot be opened or there is no address to announce.
    pub fn start(config: MediaConfig) -> Result<Self, StartError> {
        let _ = config;
        Err(StartError::NoWorkers)
    }

    /// Creates a pipeline on the least loaded worker.
    ///
    /// # Errors
    /// [`CreateError::Full`] at the limit of pipelines.
    pub async fn create_pipeline(&self) -> Result<(Pipeline, PipelineEvents), CreateError> {
        Err(CreateError::Stopped)
    }

    /// Gauges and counters of all workers.
    pub async fn snapshot(&self) -> MediaSnapshot {
        MediaSnapshot::default()
    }

    /// Releases everything and ends the workers; returns when their threads have ended.
    pub async fn stop(&self) {}
}
