//! A session's data channels: SCTP over the session's DTLS (RFC 8831, RFC 8832, RFC 8261), sans I/O.
//!
//! SCTP packets go in as DTLS opened them and come out for DTLS to seal. `association.rs` wraps rtc-sctp,
//! `guard.rs` bounds what a hostile peer can make it hold, `establish.rs` reads and writes the one message
//! that opens a channel, `channel.rs` is one channel with its counters.
//!
//! Everything is bounded: [`CHANNELS_MAX`] channels, [`QUEUED_BYTES_MAX`] and [`QUEUED_MESSAGES_MAX`] to be
//! sent, the bytes of names, the closed channels that statistics remember. A message beyond a bound is dropped
//! and counted, on reliable channels too: a forwarder that waited for its slowest receiver would hold up all
//! others, or need memory without end.

mod association;
mod channel;
mod establish;
mod grammar;
mod guard;
mod message;
#[cfg(test)]
mod tests;

pub use message::{DataKind, DataMessage};

use crate::error::DataChannelError;
use crate::forward::DropReason;
use crate::pipeline::{DataChannelInfo, DataChannelOptions, DataChannelState};
use crate::session::sdp::MESSAGE_BYTES_MAX;
use crate::srtp::DtlsRole;
use association::{Association, News};
use bytes::Bytes;
use channel::Channel;
use establish::{Establishment, reliability};
use guard::GRAVEYARD;
use rtc_sctp::PayloadProtocolIdentifier as Kind;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Channels of one session at a time. Applications use a handful; a further one is closed at once.
pub const CHANNELS_MAX: usize = 64;
/// Bytes that wait to be sent to one peer: some seconds of what a slow one takes. Further messages are
/// dropped until there is room.
pub const QUEUED_BYTES_MAX: usize = 1024 * 1024;
/// Messages that wait to be sent to one peer: each costs memory beside its bytes.
pub const QUEUED_MESSAGES_MAX: usize = 4096;

/// Closed channels that statistics remember; the oldest is forgotten for a newer one.
const CLOSED_MAX: usize = 64;
/// Bytes of the names of all channels, closed ones too. Closed ones are forgotten, then new ones refused.
const NAME_BYTES_MAX: usize = 256 * 1024;
/// Packets that leave at once, and how long then the next wait: an acknowledgement may allow hundreds, which
/// would neither fit a tick's batch nor a home router's queue. 32 in a millisecond are 300 Mbit/s.
const BURST_PACKETS: usize = 32;
const BURST_INTERVAL: Duration = Duration::from_millis(1);

/// What happened to a session's data channels.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DataEvent {
    /// Messages can flow on this stream. Once for each channel.
    Opened {
        /// The SCTP stream.
        stream: u16,
    },
    /// The channel on this stream is closed. Once for each channel that was opened or asked for by Keel.
    Closed {
        /// The SCTP stream.
        stream: u16,
    },
    /// The peer sent a message.
    Received {
        /// What its channel was opened with.
        channel: Arc<DataChannelOptions>,
        /// The message.
        message: DataMessage,
    },
    /// Something of the peer was dropped.
    Dropped(DropReason),
}

/// One session's data channels.
pub struct DataTransport {
    association: Association,
    /// The longest message that the peer accepts.
    message_bytes_max: usize,
    channels: BTreeMap<u16, Channel>,
    closed: VecDeque<DataChannelInfo>,
    /// Bounded by what one packet can bring: SCTP's receive buffer.
    events: VecDeque<DataEvent>,
    burst_ends: Option<Instant>,
    burst_packets: usize,
}

impl DataTransport {
    /// For a session whose DTLS is up: `role` is Keel's there, `message_bytes_max` what the peer's
    /// description says.
    #[must_use]
    pub fn new(now: Instant, role: DtlsRole, message_bytes_max: usize) -> Self {
        Self {
            association: Association::new(now, role, message_bytes_max.min(MESSAGE_BYTES_MAX)),
            message_bytes_max: message_bytes_max.min(MESSAGE_BYTES_MAX),
            channels: BTreeMap::new(),
            closed: VecDeque::new(),
            events: VecDeque::new(),
            burst_ends: None,
            burst_packets: 0,
        }
    }

    /// Takes an SCTP packet of the authenticated peer.
    ///
    /// # Errors
    /// [`DropReason::SctpRefused`] for what is malformed, has no place, or goes beyond a bound.
    pub fn handle_packet(&mut self, now: Instant, packet: &Bytes) -> Result<(), DropReason> {
        let handled = self.association.handle_packet(now, packet);
        self.advance(now);
        handled
    }

    /// Does what is due by `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.association.poll_timeout().is_some_and(|due| due <= now) {
            self.association.handle_timeout(now);
            self.advance(now);
        }
    }

    /// When [`Self::handle_timeout`] is due next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.association.poll_timeout()
    }

    /// When packets that wait may leave.
    #[must_use]
    pub fn next_burst(&self) -> Option<Instant> {
        self.burst_ends.filter(|_| self.association.has_outgoing())
    }

    /// The next SCTP packet for DTLS; `None` also where the rest is to wait until [`Self::next_burst`].
    pub fn poll_transmit(&mut self, now: Instant) -> Option<Bytes> {
        if self.burst_ends.is_none_or(|ends| ends <= now) {
            self.burst_ends = Some(now + BURST_INTERVAL);
            self.burst_packets = 0;
        }
        if self.burst_packets == BURST_PACKETS {
            return None;
        }
        let packet = self.association.poll_transmit(now)?;
        self.burst_packets += 1;
        Some(packet)
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<DataEvent> {
        self.events.pop_front()
    }

    /// Opens a channel and returns its stream. Messages may follow at once.
    ///
    /// # Errors
    /// [`DataChannelError::NotNegotiated`] before the association is up, [`DataChannelError::TwoLimits`]
    /// and [`DataChannelError::Limit`] for what cannot be.
    pub fn open(&mut self, now: Instant, options: DataChannelOptions) -> Result<u16, DataChannelError> {
        if options.lifetime_ms_max.is_some() && options.retransmits_max.is_some() {
            return Err(DataChannelError::TwoLimits);
        }
        if !self.association.is_up() {
            return Err(DataChannelError::NotNegotiated);
        }
        let options = Arc::new(options);
        let open = Establishment::Open((*options).clone()).write().ok_or(DataChannelError::Limit)?;
        if open.len() > self.message_bytes_max || !self.make_room(&options) {
            return Err(DataChannelError::Limit);
        }
        let stream = self.association.free_stream().ok_or(DataChannelError::Limit)?;
        if !self.association.open(stream) || !self.association.write(now, stream, Kind::Dcep, &open) {
            return Err(DataChannelError::Limit);
        }
        let mut channel = Channel::new(options, DataChannelState::Connecting);
        channel.queue.push(open.len());
        self.channels.insert(stream, channel);
        Ok(stream)
    }

    /// Closes the channel on this stream after what waits there is sent; nothing where there is none.
    pub fn close_channel(&mut self, now: Instant, stream: u16) {
        if let Some(channel) = self.channels.get_mut(&stream)
            && channel.state != DataChannelState::Closing
        {
            channel.state = DataChannelState::Closing;
            self.association.close_stream(now, stream);
        }
    }

    /// Sends the peer a message that came from a channel opened with `like`: on its channel of that label
    /// if it has one, otherwise on its first one. Where it has none, one like that is opened.
    ///
    /// # Errors
    /// [`DropReason::DataUndeliverable`] where there can be no channel, or the message is longer than the
    /// peer accepts; [`DropReason::DataQueueFull`] at the bounds.
    pub fn deliver(
        &mut self,
        now: Instant,
        like: &DataChannelOptions,
        message: &DataMessage,
    ) -> Result<(), DropReason> {
        let stream = match self.channel_for(&like.label) {
            Some(stream) => stream,
            None => self.open(now, like.clone()).map_err(|_| DropReason::DataUndeliverable)?,
        };
        let sent = self.write(now, stream, message);
        if sent.is_err()
            && let Some(channel) = self.channels.get_mut(&stream)
        {
            channel.count_dropped();
        }
        sent
    }

    /// Ends the association: the peer is told at the next [`Self::poll_transmit`].
    pub fn close(&mut self, now: Instant) {
        self.association.abort(now);
        // What is left to say goes at once: nobody will ask later.
        self.burst_ends = None;
        self.close_all();
    }

    /// Every channel, closed ones first.
    #[must_use]
    pub fn channels(&self) -> Vec<DataChannelInfo> {
        let living = self.channels.iter().map(|(stream, channel)| channel.info(*stream));
        self.closed.iter().cloned().chain(living).collect()
    }

    fn channel_for(&self, label: &str) -> Option<u16> {
        use DataChannelState::{Connecting, Open};
        let in_state = |state| self.channels.iter().filter(move |(_, channel)| channel.state == state);
        let living = || in_state(Open).chain(in_state(Connecting));
        let of_label = living().find(|(_, channel)| channel.options.label == label);
        of_label.or_else(|| living().next()).map(|(stream, _)| *stream)
    }

    fn write(&mut self, now: Instant, stream: u16, message: &DataMessage) -> Result<(), DropReason> {
        let (kind, bytes) = message.to_wire();
        if bytes.len() > self.message_bytes_max {
            return Err(DropReason::DataUndeliverable);
        }
        let queues = || self.channels.values().map(|channel| &channel.queue);
        if queues().map(|queue| queue.bytes()).sum::<usize>() + bytes.len() > QUEUED_BYTES_MAX
            || queues().map(|queue| queue.messages()).sum::<usize>() >= QUEUED_MESSAGES_MAX
        {
            return Err(DropReason::DataQueueFull);
        }
        let channel = self.channels.get_mut(&stream).ok_or(DropReason::DataUndeliverable)?;
        if !self.association.write(now, stream, kind, &bytes) {
            return Err(DropReason::DataUndeliverable);
        }
        channel.queue.push(bytes.len());
        channel.count_sent(message.payload.len());
        Ok(())
    }

    /// Carries the association's news to the channels.
    fn advance(&mut self, now: Instant) {
        while let Some(news) = self.association.poll_news() {
            match news {
                News::Up => {}
                News::Over => self.close_all(),
                News::Closed(stream) => self.forget(stream),
                News::Released(stream, bytes) => {
                    if let Some(channel) = self.channels.get_mut(&stream) {
                        channel.queue.release(bytes);
                    }
                }
                News::Readable(stream) => self.read(now, stream),
            }
        }
    }

    fn read(&mut self, now: Instant, stream: u16) {
        while let Some(message) = self.association.read(stream, MESSAGE_BYTES_MAX) {
            if stream == GRAVEYARD {
                self.events.push_back(DataEvent::Dropped(DropReason::DataUndeliverable));
                continue;
            }
            let taken = message.and_then(|(kind, payload)| match kind {
                Kind::Dcep => self.establish(now, stream, &payload),
                _ => self.receive(stream, kind, payload),
            });
            if let Err(reason) = taken {
                self.events.push_back(DataEvent::Dropped(reason));
            }
        }
    }

    fn establish(&mut self, now: Instant, stream: u16, payload: &[u8]) -> Result<(), DropReason> {
        match (Establishment::read(payload), self.channels.contains_key(&stream)) {
            // RFC 8832 §6 deviation: which half of the streams the peer takes its own from is not checked.
            // Keel takes the next free one of its half.
            (Some(Establishment::Open(options)), false) => self.accept(now, stream, options),
            (Some(Establishment::Ack), true) => {
                self.confirm(stream);
                Ok(())
            }
            // RFC 8832 §6: whatever is wrong with it, the answer is to close the channel. One that is open
            // is left alone.
            (_, false) => {
                self.association.close_stream(now, stream);
                Err(DropReason::SctpRefused)
            }
            (_, true) => Err(DropReason::SctpRefused),
        }
    }

    fn accept(&mut self, now: Instant, stream: u16, options: DataChannelOptions) -> Result<(), DropReason> {
        let options = Arc::new(options);
        let ack = Establishment::Ack.write().ok_or(DropReason::SctpRefused)?;
        if !self.make_room(&options) || !self.association.write(now, stream, Kind::Dcep, &ack) {
            self.association.close_stream(now, stream);
            return Err(DropReason::DataTooManyChannels);
        }
        self.association.set_reliability(stream, reliability(&options));
        let mut channel = Channel::new(options, DataChannelState::Open);
        channel.queue.push(ack.len());
        self.channels.insert(stream, channel);
        self.events.push_back(DataEvent::Opened { stream });
        Ok(())
    }

    /// The peer has agreed to a channel of ours.
    fn confirm(&mut self, stream: u16) {
        if let Some(channel) = self.channels.get_mut(&stream)
            && channel.state == DataChannelState::Connecting
        {
            channel.state = DataChannelState::Open;
            // RFC 8832 §6: until here everything had to go in order, whatever the channel is for.
            self.association.set_reliability(stream, reliability(&channel.options));
            self.events.push_back(DataEvent::Opened { stream });
        }
    }

    fn receive(&mut self, stream: u16, kind: Kind, payload: Bytes) -> Result<(), DropReason> {
        let message = DataMessage::from_wire(kind, payload).ok_or(DropReason::SctpRefused)?;
        // RFC 8832 §6: a message of the user confirms a channel as well.
        self.confirm(stream);
        let channel = self.channels.get_mut(&stream).filter(|c| c.state == DataChannelState::Open);
        let channel = channel.ok_or(DropReason::DataUndeliverable)?;
        channel.count_received(message.payload.len());
        self.events.push_back(DataEvent::Received { channel: channel.options.clone(), message });
        Ok(())
    }

    /// Whether one more channel of these names may be; closed ones are forgotten for it.
    fn make_room(&mut self, options: &DataChannelOptions) -> bool {
        let new = options.label.len() + options.protocol.len();
        let living: usize = self.channels.values().map(Channel::name_bytes).sum();
        let closed = |info: &DataChannelInfo| info.label.len() + info.protocol.len();
        while living + new + self.closed.iter().map(closed).sum::<usize>() > NAME_BYTES_MAX
            && self.closed.pop_front().is_some()
        {}
        self.channels.len() < CHANNELS_MAX && living + new <= NAME_BYTES_MAX
    }

    fn close_all(&mut self) {
        while let Some(stream) = self.channels.keys().next().copied() {
            self.forget(stream);
        }
    }

    /// A channel is closed; statistics remember it.
    fn forget(&mut self, stream: u16) {
        let Some(mut channel) = self.channels.remove(&stream) else { return };
        channel.state = DataChannelState::Closed;
        if self.closed.len() == CLOSED_MAX {
            self.closed.pop_front();
        }
        self.closed.push_back(channel.info(stream));
        self.events.push_back(DataEvent::Closed { stream });
    }
}
