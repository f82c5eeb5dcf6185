//! What the forwarding core wants done or known besides packets.

use super::relay::{Demand, RelayNews, RelayWay};
use super::wanted::WantedEncodings;
use crate::id::{SessionId, SinkId, TrackId};
use crate::pipeline::MediaKind;
use crate::rtp::rtcp::Report;
use std::collections::VecDeque;

/// One effect, in the order in which it came about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// Send this to the session's peer. Reports of one session mostly follow one another, so a caller can
    /// gather them into compound packets.
    Rtcp {
        /// Whose peer.
        session: SessionId,
        /// What to say.
        report: Report,
    },
    /// Media of a stream began, or there has been none for two seconds.
    Flowing {
        /// Whose stream.
        session: SessionId,
        /// Its kind.
        kind: MediaKind,
        /// Which one.
        stream: FlowingStream,
        /// Began, rather than ceased.
        flowing: bool,
    },
    /// A sink lacks a format of its source; said once for each connection.
    NoCommonCodec {
        /// The sink.
        sink: SinkId,
        /// Whose it is.
        session: SessionId,
        /// Its kind.
        kind: MediaKind,
    },
    /// Tell another forwarder that has this source too. What is relayed in packets comes by
    /// [`super::Forwarder::relay`].
    Relay {
        /// Where to.
        way: RelayWay,
        /// What.
        news: RelayNews,
    },
    /// Subscribers of a relayed track need a keyframe: tell the forwarder that it comes from.
    RelayedKeyframeWish {
        /// The track here.
        track: TrackId,
        /// The encoding, from the least.
        encoding: usize,
    },
    /// Other encodings of a track than before are wanted by its subscribers, here or elsewhere
    /// ([`super::Forwarder::wanted`]).
    Wanted {
        /// Whose track.
        session: SessionId,
        /// The track.
        track: TrackId,
        /// Those that are wanted now.
        wanted: WantedEncodings,
    },
    /// What the subscribers of a relayed track ask for has changed: tell the forwarder that it comes from.
    RelayedDemand {
        /// The track here.
        track: TrackId,
        /// All of it.
        demand: Demand,
    },
}

/// A stream that began or ceased.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FlowingStream {
    /// From the peer.
    Incoming(TrackId),
    /// To the peer.
    Outgoing(SinkId),
}

/// Effects that wait for the caller. One sender report of a publisher makes one for each subscriber, so
/// this is enough for every stream of a full worker at once.
const OUTPUTS_MAX: usize = 65_536;

/// A bounded queue. A caller that polls it empty after each batch never meets the bound; past it, effects
/// are dropped: RTCP repeats itself, the rest is told by the statistics too.
#[derive(Debug, Default)]
pub(super) struct Outputs(VecDeque<Output>);

impl Outputs {
    pub(super) fn push(&mut self, output: Output) {
        if self.0.len() < OUTPUTS_MAX {
            self.0.push_back(output);
        }
    }

    pub(super) fn report(&mut self, session: SessionId, report: Report) {
        self.push(Output::Rtcp { session, report });
    }

    pub(super) fn pop(&mut self) -> Option<Output> {
        self.0.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_is_bounded_and_keeps_the_oldest() {
        let mut outputs = Outputs::default();
        for number in 0..OUTPUTS_MAX as u64 + 10 {
            let (sink, session) = (SinkId::new(number), SessionId::new(1));
            outputs.push(Output::NoCommonCodec { sink, session, kind: MediaKind::Video });
        }
        let taken = std::iter::from_fn(|| outputs.pop()).count();
        assert_eq!(taken, OUTPUTS_MAX);
    }
}
