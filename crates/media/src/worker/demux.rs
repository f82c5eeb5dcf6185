//! Which protocol and which session a datagram belongs to.

use crate::id::SessionId;
use std::collections::HashMap;
use std::net::SocketAddr;

/// The protocols that share a media port (RFC 7983 §7, RFC 5761 §4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Protocol {
    Stun,
    Dtls,
    Rtp,
    Rtcp,
}

/// Tells by its first two bytes what a datagram is.
pub(super) fn classify(datagram: &[u8]) -> Option<Protocol> {
    match datagram {
        // RFC 7983 §7: 0..=3 STUN, 20..=63 DTLS, 128..=191 RTP and RTCP.
        [0..=3, ..] => Some(Protocol::Stun),
        [20..=63, ..] => Some(Protocol::Dtls),
        // RFC 5761 §4: RTCP's packet types stand where RTP has its marker and payload type.
        [128..=191, 192..=223, ..] => Some(Protocol::Rtcp),
        [128..=191, _, ..] => Some(Protocol::Rtp),
        _ => None,
    }
}

/// The two ways to a session: by the ufrag of a binding request, and by an address that has passed one.
#[derive(Debug, Default)]
pub(super) struct Routes {
    by_ufrag: HashMap<String, SessionId>,
    by_address: HashMap<SocketAddr, SessionId>,
}

impl Routes {
    /// Adds a session; `false` when its ufrag is taken.
    pub(super) fn add(&mut self, ufrag: &str, session: SessionId) -> bool {
        if self.by_ufrag.contains_key(ufrag) {
            return false;
        }
        self.by_ufrag.insert(ufrag.to_owned(), session);
        true
    }

    /// Removes the fragments that lead to a session.
    pub(super) fn remove<'a>(&mut self, ufrags: impl IntoIterator<Item = &'a str>, session: SessionId) {
        for ufrag in ufrags {
            self.remove_ufrag(ufrag, session);
        }
    }

    /// Lets this fragment lead nowhere, if it leads to this session.
    pub(super) fn remove_ufrag(&mut self, ufrag: &str, session: SessionId) {
        if self.by_ufrag(ufrag) == Some(session) {
            self.by_ufrag.remove(ufrag);
        }
    }

    pub(super) fn by_ufrag(&self, ufrag: &str) -> Option<SessionId> {
        self.by_ufrag.get(ufrag).copied()
    }

    pub(super) fn by_address(&self, address: SocketAddr) -> Option<SessionId> {
        self.by_address.get(&address).copied()
    }

    /// Lets `address` lead to `session` unless it leads to another one: a peer that forges another
    /// peer's source address in its own binding requests must not take that peer's media away.
    pub(super) fn add_address(&mut self, address: SocketAddr, session: SessionId) {
        self.by_address.entry(address).or_insert(session);
    }

    /// Undoes [`Self::add_address`].
    pub(super) fn remove_address(&mut self, address: SocketAddr, session: SessionId) {
        if self.by_address(address) == Some(session) {
            self.by_address.remove(&address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: SessionId = SessionId::new(1);
    const SECOND: SessionId = SessionId::new(2);

    #[test]
    fn the_first_bytes_decide() {
        assert_eq!(classify(&[0, 1]), Some(Protocol::Stun));
        assert_eq!(classify(&[22, 254]), Some(Protocol::Dtls));
        assert_eq!(classify(&[0x80, 111]), Some(Protocol::Rtp));
        assert_eq!(classify(&[0x80, 0x80 | 96]), Some(Protocol::Rtp));
        assert_eq!(classify(&[0x81, 201]), Some(Protocol::Rtcp));
        for unknown in [&[][..], &[4], &[64, 0], &[128], &[192, 0], &[255, 255]] {
            assert_eq!(classify(unknown), None, "{unknown:?}");
        }
    }

    #[test]
    fn an_address_in_use_cannot_be_taken_over() {
        let address: SocketAddr = ([192, 0, 2, 1], 9).into();
        let mut routes = Routes::default();
        routes.add_address(address, FIRST);
        routes.add_address(address, SECOND);
        assert_eq!(routes.by_address(address), Some(FIRST));
        routes.remove_address(address, SECOND);
        assert_eq!(routes.by_address(address), Some(FIRST));
        routes.remove_address(address, FIRST);
        routes.add_address(address, SECOND);
        assert_eq!(routes.by_address(address), Some(SECOND));
    }

    #[test]
    fn a_removed_session_leaves_no_way_to_it() {
        let address: SocketAddr = ([192, 0, 2, 1], 9).into();
        let mut routes = Routes::default();
        assert!(routes.add("abcd", FIRST));
        assert!(!routes.add("abcd", SECOND));
        routes.add_address(address, FIRST);
        routes.remove(["abcd"], FIRST);
        routes.remove_address(address, FIRST);
        assert_eq!(routes.by_ufrag("abcd"), None);
        assert_eq!(routes.by_address(address), None);
    }
}
