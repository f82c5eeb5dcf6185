//! What clients do with their allocation: keep it, give it up, admit peers, number them (RFC 8656 §8, §10, §12).

use super::allocate::matches_family;
use super::allocation::{Allocation, State};
use super::authenticate::Caller;
use super::{Outcome, Output, Server};
use crate::client::{AllocationId, Client, RelayId};
use crate::refusal::ErrorCode;
use crate::stun::{Answer, Request};
use std::net::IpAddr;
use std::time::{Duration, Instant};

// RFC 8656 §12 deviation: numbers from 0x5000 are reserved, but clients of RFC 5766 §11 use all up to here, and the
// first two bits tell them from everything else as well.
const CHANNELS: std::ops::RangeInclusive<u16> = 0x4000..=0x7ffe;

impl Server {
    pub(super) fn refresh(
        &mut self,
        now: Instant,
        client: Client,
        request: &Request<'_>,
        caller: &Caller,
    ) -> Result<Outcome, ErrorCode> {
        let lifetime_s = match request.lifetime_s {
            Some(0) => 0,
            asked => self.lifetime(asked),
        };
        let (id, allocation) = self.own(client, caller)?;
        let family = match request.family {
            // RFC 8656 §8.2: the allocation has no such address.
            Some(family) => Some(
                family
                    .filter(|family| allocation.has_family(*family))
                    .ok_or(ErrorCode::PeerAddressFamilyMismatch)?,
            ),
            None => None,
        };
        match family.filter(|_| allocation.relays.len() > 1) {
            // One of two is given up.
            Some(family) if lifetime_s == 0 => {
                allocation.relays.retain(|relay| relay.family != family);
                self.output.push_back(Output::CloseRelay { relay: RelayId { allocation: id, family } });
            }
            _ if lifetime_s == 0 => self.release(id),
            _ => self.extend(id, now + Duration::from_secs(lifetime_s.into())),
        }
        let mut answer = Answer::success(request.method, request.transaction);
        answer.lifetime(lifetime_s);
        Ok(Outcome::Success(answer))
    }

    pub(super) fn create_permission(
        &mut self,
        now: Instant,
        client: Client,
        request: &Request<'_>,
        caller: &Caller,
    ) -> Result<Outcome, ErrorCode> {
        let count_max = self.config.limits.permissions_max;
        let ips: Vec<IpAddr> = request.peers.iter().map(std::net::SocketAddr::ip).collect();
        let are_admitted = ips.iter().all(|ip| self.config.peers.admits(*ip));
        let (_, allocation) = self.own(client, caller)?;
        if ips.is_empty() {
            return Err(ErrorCode::BadRequest);
        }
        ips.iter().try_for_each(|ip| matches_family(allocation, *ip))?;
        if !are_admitted {
            return Err(ErrorCode::Forbidden);
        }
        allocation.permit(now, &ips, count_max)?;
        Ok(Outcome::Success(Answer::success(request.method, request.transaction)))
    }

    pub(super) fn bind_channel(
        &mut self,
        now: Instant,
        client: Client,
        request: &Request<'_>,
        caller: &Caller,
    ) -> Result<Outcome, ErrorCode> {
        let limits = (self.config.limits.channels_max, self.config.limits.permissions_max);
        let peer = request.peers.first().copied();
        let route = peer.and_then(|peer| self.config.peers.route(peer));
        let (_, allocation) = self.own(client, caller)?;
        let number =
            request.channel.filter(|number| CHANNELS.contains(number)).ok_or(ErrorCode::BadRequest)?;
        let peer = peer.ok_or(ErrorCode::BadRequest)?;
        matches_family(allocation, peer.ip())?;
        let route = route.ok_or(ErrorCode::Forbidden)?;
        allocation.bind(now, (number, peer, route), limits)?;
        Ok(Outcome::Success(Answer::success(request.method, request.transaction)))
    }

    /// The caller's allocation (RFC 8656 §5: 437 where there is none, 441 where it is another user's).
    fn own(&mut self, client: Client, caller: &Caller) -> Result<(AllocationId, &mut Allocation), ErrorCode> {
        match self.slot(&client) {
            Some((id, slot)) => match &mut slot.state {
                State::Open(allocation) if allocation.username == caller.username => Ok((id, allocation)),
                State::Open(_) => Err(ErrorCode::WrongCredentials),
                State::Opening(_) => Err(ErrorCode::AllocationMismatch),
            },
            None => Err(ErrorCode::AllocationMismatch),
        }
    }
}
