//! Who is registered: names to connections.

use crate::socket::ConnectionId;
use crate::user_name::UserName;
use std::collections::BTreeMap;

/// The registered names, each held by one connection.
#[derive(Debug)]
pub(crate) struct Registry {
    holders: BTreeMap<UserName, ConnectionId>,
    names_max: usize,
}

/// Why a name was not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClaimError {
    InUse,
    Full,
}

impl Registry {
    /// A registry that holds `names_max` names at most; past it new names are refused.
    pub(crate) fn new(names_max: usize) -> Self {
        Self { holders: BTreeMap::new(), names_max }
    }

    /// Gives `name` to `connection`, in place of `previous`. On an error nothing has changed.
    pub(crate) fn claim(
        &mut self,
        name: &UserName,
        previous: Option<&UserName>,
        connection: ConnectionId,
    ) -> Result<(), ClaimError> {
        if self.holder(name).is_some_and(|holder| holder != connection) {
            return Err(ClaimError::InUse);
        }
        if previous.is_none() && self.holders.len() >= self.names_max {
            return Err(ClaimError::Full);
        }
        if let Some(previous) = previous {
            self.holders.remove(previous);
        }
        self.holders.insert(name.clone(), connection);
        Ok(())
    }

    pub(crate) fn release(&mut self, name: &UserName) {
        self.holders.remove(name);
    }

    pub(crate) fn holder(&self, name: &UserName) -> Option<ConnectionId> {
        self.holders.get(name).copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.holders.len()
    }

    /// The first `count` names in order.
    pub(crate) fn first_names(&self, count: usize) -> Vec<String> {
        self.holders.keys().take(count).map(UserName::to_string).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> UserName {
        UserName::parse(text).expect("a name")
    }

    #[test]
    fn a_name_has_one_holder_and_a_connection_one_name() {
        let mut registry = Registry::new(2);
        let (one, two) = (ConnectionId::new(1), ConnectionId::new(2));
        assert_eq!(registry.claim(&name("ann"), None, one), Ok(()));
        assert_eq!(registry.claim(&name("ann"), None, two), Err(ClaimError::InUse));
        assert_eq!(registry.claim(&name("ben"), None, two), Ok(()));
        assert_eq!(registry.claim(&name("eve"), None, ConnectionId::new(3)), Err(ClaimError::Full));
        assert_eq!(registry.claim(&name("eve"), Some(&name("ben")), two), Ok(()), "a change fits when full");
        assert_eq!(registry.first_names(5), ["ann", "eve"]);
        registry.release(&name("eve"));
        assert_eq!(registry.holder(&name("eve")), None);
        assert_eq!(registry.len(), 1);
    }
}
