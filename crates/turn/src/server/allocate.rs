//! Giving out relayed addresses (RFC 8656 §7).

use super::allocation::{Allocation, Opening, Relay, Slot, State};
use super::authenticate::Caller;
use super::{Outcome, Output, Server};
use crate::client::{AddressBlock, AllocationId, Client, RelayId};
use crate::refusal::ErrorCode;
use crate::stun::{Answer, Family, Method, Request};
use rand::RngExt;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// RFC 8656 §7.2: how long an allocation lasts at least.
pub(super) const LIFETIME_S: u32 = 600;
/// UDP (RFC 8656 §18.7).
const UDP: u8 = 17;
/// Ports that are tried for one relayed address: with three quarters taken, a hundredth finds none.
const TRIES: u32 = 16;
/// How long the sockets may take to be opened.
const OPENING_MAX: Duration = Duration::from_secs(10);

impl Server {
    pub(super) fn allocate(
        &mut self,
        now: Instant,
        client: Client,
        request: &Request<'_>,
        caller: Caller,
    ) -> Result<Outcome, ErrorCode> {
        if let Some((_, slot)) = self.slot(&client) {
            return match &slot.state {
                // RFC 8656 §7.2: the answer was lost.
                State::Open(allocation)
                    if allocation.transaction == request.transaction
                        && allocation.username == caller.username =>
                {
                    Ok(Outcome::Again(allocation.answer.clone()))
                }
                State::Opening(opening) if opening.transaction == request.transaction => Ok(Outcome::Later),
                _ => Err(ErrorCode::AllocationMismatch),
            };
        }
        let families = families(request)?;
        // RFC 8656 §7.2: no tokens are given out, so none is valid, and no pair of ports is kept.
        if request.has_reservation || request.even_port == Some(true) {
            return Err(ErrorCode::InsufficientCapacity);
        }
        let block = AddressBlock::of(client.remote.ip());
        self.check_quota(&caller.user, block)?;

        let mut wanted = Vec::new();
        let mut refused = None;
        for (place, family) in families.into_iter().flatten().enumerate() {
            match self.config.relay.address(family, &client) {
                Some(ip) => wanted.push((family, ip)),
                None if place == 0 => return Err(ErrorCode::AddressFamilyNotSupported),
                None => refused = Some((family, ErrorCode::AddressFamilyNotSupported)),
            }
        }
        let opening = Opening {
            username: caller.username,
            transaction: request.transaction,
            key: caller.key,
            has_fingerprint: request.has_fingerprint,
            lifetime_s: self.lifetime(request.lifetime_s),
            is_even: request.even_port.is_some(),
            wanted,
            tries_left: TRIES,
            relays: Vec::new(),
            refused,
        };
        self.lives += 1;
        let expires_at = now + OPENING_MAX;
        let slot = Slot {
            life: self.lives,
            client,
            user: caller.user.clone(),
            block,
            expires_at,
            state: State::Opening(Box::new(opening)),
        };
        let id = AllocationId { life: self.lives, slot: self.slots.insert(slot) };
        self.ids_by_client.insert(client, id);
        self.deadlines.insert((expires_at, id));
        *self.allocations_by_user.entry(caller.user).or_default() += 1;
        *self.allocations_by_block.entry(block).or_default() += 1;
        self.open_next(id);
        Ok(Outcome::Later)
    }

    /// How a wish of [`Output::OpenRelay`] ended: with a socket on that port, or without. One that nobody waits for
    /// any more is closed.
    pub fn handle_relay_opened(&mut self, now: Instant, relay: RelayId, port: Option<u16>) {
        let id = relay.allocation;
        let slot = self.slots.get_mut(id.slot).filter(|slot| slot.life == id.life);
        let opening = slot.and_then(|slot| match &mut slot.state {
            State::Opening(opening) => Some(opening),
            State::Open(_) => None,
        });
        let waiting = opening
            .filter(|opening| opening.wanted.first().is_some_and(|(family, _)| *family == relay.family));
        let Some(opening) = waiting else {
            if port.is_some() {
                self.output.push_back(Output::CloseRelay { relay });
            }
            return;
        };
        let (family, ip) = match (port, opening.tries_left) {
            (Some(_), _) | (None, 0) => opening.wanted.remove(0),
            (None, _) => return self.open_next(id),
        };
        match port {
            Some(port) => opening.relays.push(Relay { family, address: SocketAddr::new(ip, port) }),
            None if opening.relays.is_empty() => return self.fail(id),
            None => opening.refused = Some((family, ErrorCode::InsufficientCapacity)),
        }
        opening.tries_left = TRIES;
        if opening.wanted.is_empty() { self.grant(now, id) } else { self.open_next(id) }
    }

    /// Asks for the next socket, on a port drawn by lot.
    fn open_next(&mut self, id: AllocationId) {
        let Some(slot) = self.slots.get_mut(id.slot) else { return };
        let State::Opening(opening) = &mut slot.state else { return };
        let Some((family, _)) = opening.wanted.first().copied() else { return };
        opening.tries_left -= 1;
        let ports = &self.config.relay.ports;
        let mut port = self.random.random_range(ports.clone());
        if opening.is_even && !port.is_multiple_of(2) {
            port = if port < *ports.end() { port + 1 } else { port - 1 };
        }
        let relay = RelayId { allocation: id, family };
        self.output.push_back(Output::OpenRelay { relay, family, port });
    }

    fn grant(&mut self, now: Instant, id: AllocationId) {
        let Some(slot) = self.slots.get_mut(id.slot) else { return };
        let State::Opening(opening) = &slot.state else { return };
        let mut answer = Answer::success(Method::Allocate, opening.transaction);
        opening.relays.iter().for_each(|relay| answer.relayed_address(relay.address));
        answer.lifetime(opening.lifetime_s);
        answer.mapped_address(slot.client.remote);
        if let Some((family, code)) = opening.refused {
            answer.address_error(family, code);
        }
        let message = answer.finish(&self.crypto, Some(&opening.key), opening.has_fingerprint);
        let until = now + Duration::from_secs(opening.lifetime_s.into());
        let client = slot.client;
        slot.state = State::Open(Box::new(Allocation::new(now, opening, message.clone())));
        self.counts.answer(Method::Allocate, None);
        self.output.push_back(Output::Reply { client, message });
        self.extend(id, until);
    }

    /// No port was free.
    fn fail(&mut self, id: AllocationId) {
        let Some(slot) = self.slots.get(id.slot) else { return };
        let State::Opening(opening) = &slot.state else { return };
        let code = ErrorCode::InsufficientCapacity;
        let answer = Answer::error(Method::Allocate, opening.transaction, code);
        let message = answer.finish(&self.crypto, Some(&opening.key), opening.has_fingerprint);
        self.counts.answer(Method::Allocate, Some(code));
        self.output.push_back(Output::Reply { client: slot.client, message });
        self.release(id);
    }

    fn check_quota(&self, user: &str, block: AddressBlock) -> Result<(), ErrorCode> {
        let limits = &self.config.limits;
        let of_user = self.allocations_by_user.get(user).copied().unwrap_or(0);
        let of_block = self.allocations_by_block.get(&block).copied().unwrap_or(0);
        if of_user >= limits.allocations_per_user_max || of_block >= limits.allocations_per_address_max {
            Err(ErrorCode::AllocationQuotaReached)
        } else if self.slots.len() >= limits.allocations_max {
            Err(ErrorCode::InsufficientCapacity)
        } else {
            Ok(())
        }
    }

    /// RFC 8656 §7.2: what the client asks for, within what is given.
    pub(super) fn lifetime(&self, asked_s: Option<u32>) -> u32 {
        let max =
            u32::try_from(self.config.limits.lifetime_max.as_secs()).unwrap_or(u32::MAX).max(LIFETIME_S);
        asked_s.unwrap_or(LIFETIME_S).clamp(LIFETIME_S, max)
    }
}

/// The families of an Allocate: the first one decides, the second is a bonus (RFC 8656 §7.2).
fn families(request: &Request<'_>) -> Result<[Option<Family>; 2], ErrorCode> {
    match request.transport {
        None => return Err(ErrorCode::BadRequest),
        Some(UDP) => {}
        Some(_) => return Err(ErrorCode::UnsupportedTransport),
    }
    let names_more = request.family.is_some() || request.additional_family.is_some();
    if request.has_reservation && (names_more || request.even_port.is_some())
        || request.family.is_some() && request.additional_family.is_some()
        || request.additional_family.is_some() && request.even_port == Some(true)
    {
        return Err(ErrorCode::BadRequest);
    }
    match (request.family, request.additional_family) {
        (Some(None), _) => Err(ErrorCode::AddressFamilyNotSupported),
        (Some(family), _) => Ok([family, None]),
        (None, None) => Ok([Some(Family::V4), None]),
        (None, Some(Some(Family::V6))) => Ok([Some(Family::V4), Some(Family::V6)]),
        (None, Some(_)) => Err(ErrorCode::BadRequest),
    }
}

/// Whether a peer of this address can be reached from these relayed addresses.
pub(super) fn matches_family(allocation: &Allocation, ip: IpAddr) -> Result<(), ErrorCode> {
    if allocation.has_family(Family::of(ip)) { Ok(()) } else { Err(ErrorCode::PeerAddressFamilyMismatch) }
}
