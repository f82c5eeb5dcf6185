//! The number of open files: each peer has a socket, and the usual soft limit of 1024 comes soon.

use anyhow::ensure;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What is open besides the peers' sockets.
const OTHERS: u64 = 32;

/// Raises the soft limit to the hard limit, which needs no privilege, and checks that `sockets` fit.
pub(crate) fn raise(sockets: usize) -> anyhow::Result<()> {
    let before = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: before.maximum, maximum: before.maximum };
    let limit = if setrlimit(Resource::Nofile, raised).is_ok() { before.maximum } else { before.current };
    ensure!(
        limit.is_none_or(|limit| sockets as u64 + OTHERS <= limit),
        "{sockets} sockets are needed, and {} open files are allowed: raise `ulimit -n`",
        limit.unwrap_or_default()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_sockets_are_always_allowed_and_too_many_are_told() {
        raise(100).expect("every system allows a hundred");
        if getrlimit(Resource::Nofile).maximum.is_some() {
            let error = raise(usize::MAX / 2).expect_err("nobody has so many");
            assert!(error.to_string().contains("ulimit -n"), "{error}");
        }
    }
}
