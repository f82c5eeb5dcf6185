//! The way of data, both directions. Nothing here allocates.

use super::allocation::{Allocation, State};
use super::{Server, Slot};
use crate::client::{Client, RelayId, Transport};
use crate::count::DropReason;
use crate::stun::{CHANNEL_HEADER, ChannelData, DATA_PREFIX_MAX, Family, SendIndication, data_indication};
use rand::Rng;
use std::net::SocketAddr;
use std::time::Instant;

/// A client's data on its way to a peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ToPeer<'a> {
    /// The relayed address to send from.
    pub relay: RelayId,
    /// Where the peer is.
    pub to: SocketAddr,
    /// What to send.
    pub payload: &'a [u8],
}

/// A peer's data on its way to a client: the prefix, then the data, then the padding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ToClient {
    /// To whom.
    pub client: Client,
    prefix: [u8; DATA_PREFIX_MAX],
    prefix_length: usize,
    padding: usize,
}

impl ToClient {
    /// What goes before the data.
    #[must_use]
    pub fn prefix(&self) -> &[u8] {
        self.prefix.get(..self.prefix_length).unwrap_or_default()
    }

    /// How many zeros go behind it: 0 to 3.
    #[must_use]
    pub fn padding(&self) -> usize {
        self.padding
    }
}

impl Server {
    pub(super) fn relay_channel_data<'a>(
        &mut self,
        now: Instant,
        client: Client,
        message: &'a [u8],
    ) -> Option<ToPeer<'a>> {
        let Some(data) = ChannelData::parse(message) else {
            self.counts.drop(DropReason::Malformed, 1);
            return None;
        };
        let found = self.open(&client).map(|(relay, allocation)| {
            let channel = allocation.channel(now, data.number).ok_or(DropReason::NoChannel)?;
            allocation.note_sent(channel.peer, channel.route);
            Ok((relay(Family::of(channel.peer.ip())), channel.route))
        });
        let (relay, to) = self.counted(found.unwrap_or(Err(DropReason::NoAllocation)))?;
        self.send_up(now, client, relay, to, data.payload)
    }

    pub(super) fn relay_send_indication<'a>(
        &mut self,
        now: Instant,
        client: Client,
        message: &'a [u8],
    ) -> Option<ToPeer<'a>> {
        let Some(SendIndication { peer, payload }) = SendIndication::parse(message) else {
            self.counts.drop(DropReason::Malformed, 1);
            return None;
        };
        let found = self.open(&client).map(|(relay, allocation)| {
            if allocation.is_permitted(now, peer.ip()) && allocation.has_family(Family::of(peer.ip())) {
                Ok(relay(Family::of(peer.ip())))
            } else {
                Err(DropReason::NoPermission)
            }
        });
        let relay = self.counted(found.unwrap_or(Err(DropReason::NoAllocation)))?;
        // A permission names an address; its ports are judged one by one.
        let to = self.route(peer)?;
        if let Some((_, allocation)) = self.open(&client) {
            allocation.note_sent(peer, to);
        }
        self.send_up(now, client, relay, to, payload)
    }

    /// A datagram of `length` bytes has come from `from` to a relayed address.
    pub fn handle_peer(
        &mut self,
        now: Instant,
        relay: RelayId,
        from: SocketAddr,
        length: usize,
    ) -> Option<ToClient> {
        let names = self.config.peers.names(&from);
        let mut transaction = [0; 12];
        let judged = match self.slots.get_mut(relay.allocation.slot) {
            Some(Slot { life, client, state: State::Open(allocation), .. })
                if *life == relay.allocation.life =>
            {
                let rate = self.config.limits.bandwidth;
                match allocation.peer_at(now, from, names) {
                    None => Err(DropReason::NoPermission),
                    Some(peer) if self.config.peers.route(peer).is_none() => Err(DropReason::PeerForbidden),
                    Some(_) if !allocation.down.take(now, rate, length as u64) => Err(DropReason::Bandwidth),
                    Some(peer) => {
                        allocation.to_clients.add(length);
                        Ok((*client, peer, allocation.channel_of(now, peer)))
                    }
                }
            }
            _ => Err(DropReason::NoAllocation),
        };
        let (client, peer, channel) = self.counted(judged)?;
        let Some(length) = u16::try_from(length).ok().filter(|length| *length <= DATA_MAX) else {
            self.counts.drop(DropReason::TooLong, 1);
            return None;
        };
        self.counts.to_clients.add(length.into());
        let pad = usize::from(length).next_multiple_of(4) - usize::from(length);
        Some(match channel {
            Some(channel) => {
                let mut prefix = [0; DATA_PREFIX_MAX];
                let bytes = channel.number.to_be_bytes().into_iter().chain(length.to_be_bytes());
                prefix.iter_mut().zip(bytes).for_each(|(to, byte)| *to = byte);
                // RFC 8656 §12.5: padded in streams only.
                let padding = if client.transport == Transport::Udp { 0 } else { pad };
                ToClient { client, prefix, prefix_length: CHANNEL_HEADER, padding }
            }
            None => {
                self.random.fill_bytes(&mut transaction);
                let (prefix, prefix_length) = data_indication(peer, transaction, length);
                ToClient { client, prefix, prefix_length, padding: pad }
            }
        })
    }

    fn send_up<'a>(
        &mut self,
        now: Instant,
        client: Client,
        relay: RelayId,
        to: SocketAddr,
        payload: &'a [u8],
    ) -> Option<ToPeer<'a>> {
        let rate = self.config.limits.bandwidth;
        let (_, allocation) = self.open(&client)?;
        if !allocation.up.take(now, rate, payload.len() as u64) {
            self.counts.drop(DropReason::Bandwidth, 1);
            return None;
        }
        allocation.to_peers.add(payload.len());
        self.counts.to_peers.add(payload.len());
        Some(ToPeer { relay, to, payload })
    }

    /// A client's allocation, and how its relayed addresses are named.
    fn open(&mut self, client: &Client) -> Option<(impl Fn(Family) -> RelayId + use<>, &mut Allocation)> {
        let (id, slot) = self.slot(client)?;
        match &mut slot.state {
            State::Open(allocation) => Some((move |family| RelayId { allocation: id, family }, allocation)),
            State::Opening(_) => None,
        }
    }

    fn counted<T>(&mut self, judged: Result<T, DropReason>) -> Option<T> {
        judged.map_err(|reason| self.counts.drop(reason, 1)).ok()
    }
}

/// Data of a peer at most: with the framing of a Data indication it fits into a datagram and a STUN length.
const DATA_MAX: u16 = 65_400;
