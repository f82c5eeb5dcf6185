//! The number of open files: each signaling connection is one, and the usual soft limit of 1024 is reached
//! long before Keel's own limits.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit to the hard limit, which needs no privilege, and logs what is in force.
/// `connections` is how many the configuration allows.
pub(crate) fn raise(connections: u32) {
    let before = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: before.maximum, maximum: before.maximum };
    let current = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => before.maximum,
        Err(error) => {
            tracing::debug!(%error, "the limit of open files cannot be raised");
            before.current
        }
    };
    match current {
        Some(limit) if limit < u64::from(connections) => tracing::warn!(
            limit,
            connections,
            "fewer open files than connections are allowed: raise `ulimit -n` or lower limits.connections"
        ),
        limit => tracing::debug!(?limit, "limit of open files"),
    }
}

/// How many may be open at most; `None` without a limit.
pub(crate) fn most() -> Option<u64> {
    getrlimit(Resource::Nofile).maximum
}
