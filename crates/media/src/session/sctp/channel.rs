//! One data channel: what it was opened with, its counters, and what of it waits to be sent.

use crate::pipeline::{DataChannelInfo, DataChannelOptions, DataChannelState};
use std::collections::VecDeque;
use std::sync::Arc;

pub(super) struct Channel {
    pub(super) options: Arc<DataChannelOptions>,
    pub(super) state: DataChannelState,
    pub(super) queue: Queue,
    counters: Counters,
}

#[derive(Default)]
struct Counters {
    messages_sent: u64,
    bytes_sent: u64,
    messages_dropped: u64,
    messages_received: u64,
    bytes_received: u64,
}

impl Channel {
    pub(super) fn new(options: Arc<DataChannelOptions>, state: DataChannelState) -> Self {
        Self { options, state, queue: Queue::default(), counters: Counters::default() }
    }

    pub(super) fn count_sent(&mut self, bytes: usize) {
        self.counters.messages_sent += 1;
        self.counters.bytes_sent += bytes as u64;
    }

    pub(super) fn count_dropped(&mut self) {
        self.counters.messages_dropped += 1;
    }

    pub(super) fn count_received(&mut self, bytes: usize) {
        self.counters.messages_received += 1;
        self.counters.bytes_received += bytes as u64;
    }

    /// Bytes of its names, which statistics keep.
    pub(super) fn name_bytes(&self) -> usize {
        self.options.label.len() + self.options.protocol.len()
    }

    pub(super) fn info(&self, stream: u16) -> DataChannelInfo {
        DataChannelInfo {
            stream,
            label: self.options.label.clone(),
            protocol: self.options.protocol.clone(),
            state: self.state,
            messages_sent: self.counters.messages_sent,
            bytes_sent: self.counters.bytes_sent,
            messages_dropped: self.counters.messages_dropped,
            messages_received: self.counters.messages_received,
            bytes_received: self.counters.bytes_received,
        }
    }
}

/// The messages that SCTP holds for a channel. SCTP tells how many bytes it let go of, not of which
/// messages: they are taken off in the order they were queued, which comes out even when all are gone.
#[derive(Default)]
pub(super) struct Queue {
    sizes: VecDeque<usize>,
    bytes: usize,
    /// Of the oldest message, already let go of.
    released: usize,
}

impl Queue {
    pub(super) fn push(&mut self, bytes: usize) {
        self.sizes.push_back(bytes);
        self.bytes += bytes;
    }

    pub(super) fn release(&mut self, bytes: usize) {
        self.released += bytes;
        while let Some(size) = self.sizes.front().copied().filter(|size| *size <= self.released) {
            self.sizes.pop_front();
            self.released -= size;
            self.bytes -= size;
        }
        if self.sizes.is_empty() {
            self.released = 0;
        }
    }

    pub(super) fn messages(&self) -> usize {
        self.sizes.len()
    }

    /// At most one message more than SCTP still holds.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_empty_once_as_many_bytes_left_as_came() {
        let mut queue = Queue::default();
        for size in [100, 1, 2000] {
            queue.push(size);
        }
        queue.release(60);
        assert_eq!((queue.messages(), queue.bytes()), (3, 2101));
        queue.release(41);
        assert_eq!((queue.messages(), queue.bytes()), (1, 2000));
        queue.release(2000);
        assert_eq!((queue.messages(), queue.bytes()), (0, 0));
        queue.release(5);
        queue.push(6);
        assert_eq!(queue.messages(), 1, "bytes of a channel before it on the stream do not count");
    }
}
