//! A session's ICE: which of the peer's addresses are its own, and which pair carries media.
//!
//! Keel is an ICE-lite agent: it answers the peer's checks and lets the peer choose. Towards a peer that
//! is lite itself it acts as a full controlling agent (`checks.rs`), since two lite agents never connect. Behind a
//! NAT it is a full one towards everybody: what it sends lets the peer's checks in.
//!
//! A request without valid integrity is never answered and changes nothing, so nobody can have datagrams
//! sent to an address that is not his.

mod addresses;
mod base;
mod checks;
pub mod discovery;
mod nomination;
mod probe;
mod stun;
#[cfg(test)]
mod tests;

pub use base::Base;
pub(crate) use probe::Probe;
pub use stun::{answered_tag, username_local_ufrag};

use crate::forward::DropReason;
use crate::pipeline::{IceState, TransportProtocol};
use crate::session::error::SessionError;
use addresses::{Addresses, Change};
use checks::{Checklist, Outgoing};
use nomination::Nominated;
use rand::rngs::StdRng;
use rand::{CryptoRng, RngExt, SeedableRng};
use rtc_crypto::RTCCryptoProvider;
use rtc_stun::error_code::{CODE_BAD_REQUEST, CODE_ROLE_CONFLICT, CODE_UNKNOWN_ATTRIBUTE};
use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use stun::{Check, Incoming, Kind, Role};

/// RFC 7675 §5.1: without a valid check or answer for this long, sending stops.
const CONSENT_MAX: Duration = Duration::from_secs(30);
/// After this long without a check on the pair in use, one on another pair says where the peer is: longer than the
/// longest interval of consent checks (RFC 7675 §5.1: 5 s and a fifth).
const SILENCE_MAX: Duration = Duration::from_secs(8);
/// RFC 8445 §5.3 asks for 24 bits of randomness; 96 also make the fragment unique within the process.
const UFRAG_CHARS: usize = 16;
/// RFC 8445 §5.3 asks for 128 bits, 22 characters.
const PASSWORD_CHARS: usize = 24;
/// Remote candidates kept for the case that the peer turns out to be lite; further ones are ignored.
const REMOTE_CANDIDATES_MAX: usize = 100;
/// Datagrams that may wait for `poll_transmit`. The caller drains after each input, so it is never
/// reached; if it were, the oldest is dropped, as the network might have done.
const TRANSMITS_MAX: usize = 128;

/// A name fragment and password (RFC 8445 §5.3).
#[derive(Clone, PartialEq, Eq)]
pub struct IceCredentials {
    /// The fragment, 4 to 256 characters.
    pub ufrag: String,
    /// The password, 22 to 256 characters.
    pub password: String,
}

impl IceCredentials {
    /// New ones.
    #[must_use]
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        Self { ufrag: ice_chars(rng, UFRAG_CHARS), password: ice_chars(rng, PASSWORD_CHARS) }
    }
}

impl fmt::Debug for IceCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IceCredentials({})", self.ufrag)
    }
}

/// A datagram to send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transmit {
    /// From this base of ours.
    pub local: Base,
    /// To this address of the peer.
    pub remote: SocketAddr,
    /// The STUN message.
    pub bytes: Vec<u8>,
}

/// What ICE tells its session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum IceEvent {
    /// The state changed.
    StateChanged(IceState),
    /// Media goes over this pair from now on.
    Selected {
        /// Our base.
        local: Base,
        /// The peer's address.
        remote: SocketAddr,
    },
    /// The address is the peer's: DTLS and SRTP may be accepted from it.
    Validated {
        /// Our base that it was seen from.
        local: Base,
        /// The peer's address.
        remote: SocketAddr,
    },
    /// A restart has replaced these credentials for good: no check names them any more.
    Retired {
        /// Their fragment.
        ufrag: String,
    },
    /// The address is no longer accepted: more came than a peer may have, and it was the stalest.
    Dropped {
        /// Our base that it was seen from.
        local: Base,
        /// The address.
        remote: SocketAddr,
    },
}

/// The ICE agent of one session, sans I/O.
pub struct IceAgent {
    local: IceCredentials,
    /// Those from before a restart, until the peer has nominated a pair under the new ones: so long media
    /// goes on where it went (RFC 8445 §9).
    before: Option<IceCredentials>,
    remote: Option<IceCredentials>,
    tie_breaker: u64,
    /// Our addresses that checks leave from, with their priorities.
    local_addresses: Vec<(SocketAddr, u32)>,
    remote_candidates: Vec<(SocketAddr, u32)>,
    mode: Mode,
    state: IceState,
    addresses: Addresses,
    selected: Option<Selected>,
    rng: StdRng,
    crypto: Arc<dyn RTCCryptoProvider>,
    transmits: VecDeque<Transmit>,
    /// Bounded by what one input can cause; the caller drains after each.
    events: VecDeque<IceEvent>,
}

/// The pair in use.
#[derive(Clone, Copy, Debug)]
struct Selected {
    local: Base,
    remote: SocketAddr,
    nominated: Nominated,
    /// It was nominated under credentials that a restart has replaced since.
    is_stale: bool,
    /// The latest proof that the peer wants to receive on it.
    consent: Instant,
}

enum Mode {
    /// Answers only.
    Lite,
    /// The peer is lite: we check. Whether we are controlling may change by a role conflict.
    Full { checklist: Box<Checklist>, is_controlling: bool },
}

impl IceAgent {
    /// A lite agent with new credentials.
    ///
    /// # Errors
    ///
    /// [`SessionError::Crypto`] where no cryptography is built in.
    pub fn new(rng: &mut impl CryptoRng) -> Result<Self, SessionError> {
        Ok(Self {
            local: IceCredentials::random(rng),
            before: None,
            remote: None,
            tie_breaker: rng.random(),
            local_addresses: Vec::new(),
            remote_candidates: Vec::new(),
            mode: Mode::Lite,
            state: IceState::New,
            addresses: Addresses::default(),
            selected: None,
            rng: StdRng::from_seed(rng.random()),
            crypto: stun::crypto()?,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        })
    }

    /// The addresses that checks leave from, with their candidate priorities. A lite agent needs none; where
    /// the peer is lite they are given before [`Self::set_remote`] says so.
    pub fn check_from(&mut self, local_addresses: Vec<(SocketAddr, u32)>) {
        self.local_addresses = local_addresses;
    }

    /// Acts as a full agent whoever the peer is: checks leave from what [`Self::check_from`] said, to every candidate of
    /// the peer. The offerer is controlling (RFC 8445 §6.1.1). `tag` is what our transactions begin with. To be said
    /// before [`Self::set_remote`].
    pub fn act_full(&mut self, now: Instant, is_controlling: bool, tag: u32) {
        let mut checklist = Box::new(Checklist::new(now, Some(tag)));
        for (remote, priority) in &self.remote_candidates {
            checklist.add(now, &self.local_addresses, *remote, *priority);
        }
        self.mode = Mode::Full { checklist, is_controlling };
    }

    /// Restarts ICE under these new credentials of ours (RFC 8445 §9). Checks under those in use so far are
    /// answered, and the pair in use carries media, until the peer nominates a pair under the new ones.
    pub fn restart(&mut self, credentials: IceCredentials) {
        let replaced = std::mem::replace(&mut self.local, credentials);
        // Of restarts that follow one another before any has succeeded the first one's are in use.
        match &self.before {
            Some(_) => self.events.push_back(IceEvent::Retired { ufrag: replaced.ufrag }),
            None => self.before = Some(replaced),
        }
        if let Some(selected) = &mut self.selected {
            selected.is_stale = true;
        }
    }

    /// The peer's new credentials, from its description after a restart. A lite peer is checked anew.
    pub fn restart_remote(&mut self, now: Instant, credentials: IceCredentials) {
        if self.remote.as_ref() == Some(&credentials) {
            return;
        }
        self.remote = Some(credentials);
        self.remote_candidates.clear();
        if let Mode::Full { checklist, .. } = &mut self.mode {
            **checklist = Checklist::new(now, checklist.tag());
        }
        self.send_checks(now);
    }

    /// The peer's credentials, from its description. From `remote_is_lite` on the agent checks by itself.
    pub fn set_remote(&mut self, now: Instant, credentials: IceCredentials, remote_is_lite: bool) {
        self.remote = Some(credentials);
        let tag = match &self.mode {
            Mode::Lite => None,
            Mode::Full { checklist, .. } => checklist.tag(),
        };
        // RFC 8445 §6.1.1: towards a lite agent the full one is controlling.
        if remote_is_lite {
            let mut checklist = Box::new(Checklist::new(now, tag));
            for (remote, priority) in &self.remote_candidates {
                checklist.add(now, &self.local_addresses, *remote, *priority);
            }
            self.mode = Mode::Full { checklist, is_controlling: true };
        }
        if self.state == IceState::New {
            self.enter(IceState::Checking);
        }
        self.send_checks(now);
    }

    /// A remote UDP candidate. Those with an mDNS name and TCP ones are not passed in: there is nothing to
    /// send to, and a lite agent learns the peer's addresses from its checks. Past 100 they are ignored.
    pub fn add_remote_candidate(&mut self, now: Instant, remote: SocketAddr, priority: u32) {
        let is_known = self.remote_candidates.iter().any(|(known, _)| *known == remote);
        if is_known || self.remote_candidates.len() >= REMOTE_CANDIDATES_MAX || remote.port() == 0 {
            return;
        }
        self.remote_candidates.push((remote, priority));
        if let Mode::Full { checklist, .. } = &mut self.mode {
            checklist.add(now, &self.local_addresses, remote, priority);
        }
        self.send_checks(now);
    }

    /// Takes a STUN datagram that came from `remote` to our base `local`.
    ///
    /// # Errors
    ///
    /// Why it was dropped, without an answer: [`DropReason::StunMalformed`],
    /// [`DropReason::StunUnknownUfrag`], [`DropReason::StunIntegrity`], [`DropReason::StunUnexpected`].
    pub fn handle_stun(
        &mut self,
        now: Instant,
        local: impl Into<Base>,
        remote: SocketAddr,
        datagram: &[u8],
    ) -> Result<(), DropReason> {
        let local = local.into();
        if self.state == IceState::Closed {
            return Err(DropReason::StunUnexpected);
        }
        let incoming = Incoming::parse(datagram)?;
        match incoming.kind {
            Kind::Request => self.handle_request(now, local, remote, &incoming)?,
            Kind::Success | Kind::Error(_) => self.handle_response(now, local, remote, &incoming)?,
        }
        self.send_checks(now);
        Ok(())
    }

    /// A connection of ours has ended: nothing comes from it, or leaves by it, any more. Where it was in use,
    /// consent ends with it.
    pub fn handle_end(&mut self, now: Instant, local: Base, remote: SocketAddr) {
        self.addresses.remove(local, remote);
        if self.selected.is_some_and(|selected| (selected.local, selected.remote) == (local, remote)) {
            self.selected = None;
            if self.state == IceState::Connected {
                self.enter(IceState::Disconnected);
            }
        }
        self.send_checks(now);
    }

    /// Does what is due by `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        let is_expired = self.selected.is_some_and(|selected| selected.consent + CONSENT_MAX <= now);
        if is_expired && self.state == IceState::Connected {
            self.enter(IceState::Disconnected);
            if let Mode::Full { checklist, .. } = &mut self.mode {
                checklist.restart(now);
            }
        }
        self.send_checks(now);
    }

    /// When [`Self::handle_timeout`] is due next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let is_connected = self.state == IceState::Connected;
        let consent = self.selected.filter(|_| is_connected).map(|selected| selected.consent + CONSENT_MAX);
        let checks = match &self.mode {
            Mode::Full { checklist, .. } if self.remote.is_some() && self.state != IceState::Closed => {
                checklist.poll_timeout()
            }
            _ => None,
        };
        consent.into_iter().chain(checks).min()
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<IceEvent> {
        self.events.pop_front()
    }

    /// Ends the agent; it answers nothing any more.
    pub fn close(&mut self) {
        self.transmits.clear();
        self.enter(IceState::Closed);
    }

    /// Our credentials, for the description.
    #[must_use]
    pub fn local_credentials(&self) -> &IceCredentials {
        &self.local
    }

    /// The fragments that checks of the peer may name.
    pub fn ufrags(&self) -> impl Iterator<Item = &str> {
        self.before.iter().chain([&self.local]).map(|known| known.ufrag.as_str())
    }

    /// The state.
    #[must_use]
    pub fn state(&self) -> IceState {
        self.state
    }

    /// Whether this address passed an integrity check and was not displaced since. Over UDP it may be seen
    /// from any base of ours.
    #[must_use]
    pub fn is_validated(&self, local: impl Into<Base>, remote: SocketAddr) -> bool {
        self.addresses.find(local.into(), remote).is_some()
    }

    /// The validated addresses of the peer with our bases that saw them last, at most 16.
    pub fn validated(&self) -> impl Iterator<Item = (Base, SocketAddr)> + '_ {
        self.addresses.iter().map(|address| (address.local, address.remote))
    }

    /// The candidates that the peer has named, at most 100.
    pub fn remote_candidates(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.remote_candidates.iter().map(|(remote, _)| *remote)
    }

    /// The pair to send on, ours first; `None` before one is nominated and while consent is lost.
    #[must_use]
    pub fn selected(&self) -> Option<(Base, SocketAddr)> {
        let selected = self.selected.filter(|_| self.state == IceState::Connected)?;
        Some((selected.local, selected.remote))
    }

    fn handle_request(
        &mut self,
        now: Instant,
        local: Base,
        remote: SocketAddr,
        request: &Incoming<'_>,
    ) -> Result<(), DropReason> {
        // RFC 8489 §9.1.3 deviation: a request without credentials or with wrong ones gets no 400 or 401.
        // An answer could be sent to anyone's address.
        let username = request.username.ok_or(DropReason::StunIntegrity)?;
        let named = username.split_once(':').map(|(ours, _)| ours).ok_or(DropReason::StunUnknownUfrag)?;
        let is_current = named == self.local.ufrag;
        let before = self.before.as_ref().filter(|before| named == before.ufrag);
        let ours = if is_current { Some(&self.local) } else { before };
        let ours = ours.ok_or(DropReason::StunUnknownUfrag)?;
        if !request.is_authentic(&ours.password, self.crypto.crypto()) {
            return Err(DropReason::StunIntegrity);
        }
        let (id, password, crypto) = (request.transaction, &ours.password, self.crypto.crypto());
        let priority = match request.priority {
            // RFC 8489 §6.3.1: name what we did not understand.
            _ if !request.unknown.is_empty() => {
                Err(stun::error(id, CODE_UNKNOWN_ATTRIBUTE, &request.unknown, password, crypto))
            }
            // RFC 8445 §7.1.1: every check carries its priority.
            None => Err(stun::error(id, CODE_BAD_REQUEST, &[], password, crypto)),
            Some(_) if !self.accepts_role(request.role) => {
                Err(stun::error(id, CODE_ROLE_CONFLICT, &[], password, crypto))
            }
            Some(priority) => Ok(priority),
        };
        let priority = match priority {
            Ok(priority) => priority,
            Err(refusal) => {
                let bytes = refusal.map_err(|_| DropReason::StunMalformed)?;
                self.send(Transmit { local, remote, bytes });
                return Ok(());
            }
        };
        let bytes = stun::success(id, remote, password, crypto).map_err(|_| DropReason::StunMalformed)?;
        self.send(Transmit { local, remote, bytes });
        self.resolve_role(request.role);
        self.validate(now, local, remote);
        let is_controlled = !matches!(self.mode, Mode::Full { is_controlling: true, .. });
        self.check_back(now, local, remote, priority);
        // A pair of the credentials before is not gone to any more.
        // RFC 8445 §8.1.1 deviation: where a NAT gives the peer another address, a peer that goes on with its pair
        // does not nominate it again, and would be lost.
        let has_moved = matches!(self.mode, Mode::Lite) && self.is_silent_elsewhere(now, local, remote);
        if (request.uses_candidate || has_moved) && is_controlled && is_current {
            self.nominate(now, local, remote, priority);
        } else {
            self.renew_consent(now, local, remote);
        }
        Ok(())
    }

    /// RFC 8445 §7.3.1.4: where a check came from is checked, too.
    fn check_back(&mut self, now: Instant, local: Base, remote: SocketAddr, priority: u32) {
        if let Mode::Full { checklist, .. } = &mut self.mode
            && local.protocol == TransportProtocol::Udp
        {
            let ours = self.local_addresses.iter().find(|(known, _)| *known == local.address);
            checklist.add(now, ours.map_or(&[], std::slice::from_ref), remote, priority);
        }
    }

    /// Whether another pair than this one is in use, and nothing has been heard on it for long.
    fn is_silent_elsewhere(&self, now: Instant, local: Base, remote: SocketAddr) -> bool {
        self.selected.is_some_and(|selected| {
            (selected.local, selected.remote) != (local, remote) && selected.consent + SILENCE_MAX <= now
        })
    }

    /// Whether a check in this role is accepted, by changing ours if need be (RFC 8445 §7.3.1.1).
    fn accepts_role(&self, theirs: Option<Role>) -> bool {
        match (&self.mode, theirs) {
            // RFC 8445 §6.1.1: towards a lite agent the full one is controlling, always.
            (Mode::Lite, Some(Role::Controlled(_))) => false,
            (Mode::Full { is_controlling: true, .. }, Some(Role::Controlling(theirs))) => {
                self.tie_breaker < theirs
            }
            (Mode::Full { is_controlling: false, .. }, Some(Role::Controlled(theirs))) => {
                self.tie_breaker >= theirs
            }
            _ => true,
        }
    }

    /// Changes our role where an accepted check claims the same one.
    fn resolve_role(&mut self, theirs: Option<Role>) {
        if let Mode::Full { is_controlling, .. } = &mut self.mode {
            match theirs {
                Some(Role::Controlling(_)) => *is_controlling = false,
                Some(Role::Controlled(_)) => *is_controlling = true,
                None => {}
            }
        }
    }

    fn handle_response(
        &mut self,
        now: Instant,
        local: Base,
        remote: SocketAddr,
        response: &Incoming<'_>,
    ) -> Result<(), DropReason> {
        let Mode::Full { checklist, is_controlling } = &mut self.mode else {
            return Err(DropReason::StunUnexpected);
        };
        // Our checks leave from UDP sockets alone.
        if local.protocol != TransportProtocol::Udp {
            return Err(DropReason::StunUnexpected);
        }
        let password =
            self.remote.as_ref().map(|remote| &remote.password).ok_or(DropReason::StunUnexpected)?;
        if !response.is_authentic(password, self.crypto.crypto()) {
            return Err(DropReason::StunIntegrity);
        }
        if let Kind::Error(code) = response.kind {
            let is_role_conflict = code == CODE_ROLE_CONFLICT.0;
            if !checklist.handle_error(now, response.transaction, is_role_conflict) {
                return Err(DropReason::StunUnexpected);
            }
            if is_role_conflict {
                // RFC 8445 §7.2.5.1: take the other role and check again.
                *is_controlling = !*is_controlling;
            }
            return Ok(());
        }
        let answered = checklist
            .handle_success(response.transaction, local.address, remote)
            .ok_or(DropReason::StunUnexpected)?;
        let is_nominated = answered.nominated && *is_controlling;
        self.validate(now, local, answered.remote);
        if is_nominated {
            self.nominate(now, local, answered.remote, 0);
        } else {
            self.renew_consent(now, local, answered.remote);
        }
        Ok(())
    }

    fn validate(&mut self, now: Instant, local: Base, remote: SocketAddr) {
        let in_use = self.selected.map(|selected| (selected.local, selected.remote));
        match self.addresses.note(now, local, remote, in_use) {
            Change::None => return,
            Change::Added => {}
            Change::Displaced(local, remote) => self.events.push_back(IceEvent::Dropped { local, remote }),
        }
        self.events.push_back(IceEvent::Validated { local, remote });
    }

    /// The pair was nominated by the peer's check, or by an answer to ours.
    fn nominate(&mut self, now: Instant, local: Base, remote: SocketAddr, priority: u32) {
        if self.state == IceState::New {
            // The peer's checks may overtake its description; the states still come in order.
            self.enter(IceState::Checking);
        }
        let before =
            self.addresses.find_mut(local, remote).and_then(|address| address.nominated.replace(now));
        if let Some(before) = self.before.take() {
            self.events.push_back(IceEvent::Retired { ufrag: before.ufrag });
        }
        let nominated = Nominated { priority, last: now };
        let is_connected = self.state == IceState::Connected;
        let is_change = match &mut self.selected {
            Some(selected) if (selected.local, selected.remote) == (local, remote) => {
                (selected.nominated, selected.consent, selected.is_stale) = (nominated, now, false);
                false
            }
            Some(selected) if is_connected && !selected.is_stale => {
                nomination::replaces(now, priority, before, selected.nominated)
            }
            _ => true,
        };
        if is_change {
            self.selected = Some(Selected { local, remote, nominated, is_stale: false, consent: now });
            self.events.push_back(IceEvent::Selected { local, remote });
        }
        if self.selected.is_some_and(|selected| (selected.local, selected.remote) == (local, remote)) {
            if let Mode::Full { checklist, .. } = &mut self.mode {
                checklist.select(now, local.address, remote, &mut self.rng);
            }
            self.enter(IceState::Connected);
        }
    }

    /// A valid check without nomination: says that the peer still wants what arrives on the pair.
    fn renew_consent(&mut self, now: Instant, local: Base, remote: SocketAddr) {
        if let Some(selected) = &mut self.selected
            && (selected.local, selected.remote) == (local, remote)
        {
            selected.consent = now;
            if self.state == IceState::Disconnected {
                self.enter(IceState::Connected);
            }
        }
    }

    fn send_checks(&mut self, now: Instant) {
        let (Mode::Full { checklist, is_controlling }, Some(remote)) = (&mut self.mode, &self.remote) else {
            return;
        };
        if self.state == IceState::Closed {
            return;
        }
        let role = if *is_controlling {
            Role::Controlling(self.tie_breaker)
        } else {
            Role::Controlled(self.tie_breaker)
        };
        let mut due = Vec::new();
        while let Some(Outgoing { id, local, remote: to, nominates }) =
            checklist.poll(now, *is_controlling, &mut self.rng)
        {
            let check = Check {
                transaction: id,
                username: format!("{}:{}", remote.ufrag, self.local.ufrag),
                priority: PEER_REFLEXIVE_PRIORITY,
                role,
                nominates: nominates && *is_controlling,
                remote_password: &remote.password,
            };
            // Encoding fails only for a fragment beyond STUN's limit; such a peer cannot be reached.
            if let Ok(bytes) = check.encode(self.crypto.crypto()) {
                due.push(Transmit { local: local.into(), remote: to, bytes });
            }
        }
        for transmit in due {
            self.send(transmit);
        }
    }

    fn send(&mut self, transmit: Transmit) {
        if self.transmits.len() >= TRANSMITS_MAX {
            self.transmits.pop_front();
        }
        self.transmits.push_back(transmit);
    }

    fn enter(&mut self, state: IceState) {
        if self.state != state {
            self.state = state;
            self.events.push_back(IceEvent::StateChanged(state));
        }
    }
}

impl fmt::Debug for IceAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceAgent")
            .field("local", &self.local)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// RFC 8445 §5.1.2.1: type preference 110, local preference 65535, component 1.
const PEER_REFLEXIVE_PRIORITY: u32 = (110 << 24) | (65535 << 8) | 255;

/// RFC 8839 §5.4: letters, digits, `+` and `/`.
fn ice_chars(rng: &mut impl CryptoRng, length: usize) -> String {
    const CHARS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    (0..length)
        .map(|_| {
            let place: u8 = rng.random();
            char::from(CHARS.get(usize::from(place % 64)).copied().unwrap_or(b'A'))
        })
        .collect()
}
