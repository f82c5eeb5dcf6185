//! What operators watch, as Prometheus text.

mod turn;

use crate::call::{Admitted, CallRefusal, Outcome, RegisterRefusal};
use crate::kms::KurentoGauges;
use crate::live::Census;
use crate::live::offer::Role;
use crate::room::Entered;
use keel_media::MediaSnapshot;
use keel_turn::TurnSnapshot;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use turn::TurnMetrics;

/// One label with a value known at compile time: no name or address ever becomes a label.
type Label = [(&'static str, &'static str); 1];

/// All metrics of the process.
pub(crate) struct Metrics {
    registry: Registry,
    media: Arc<MediaMetrics>,
    turn: Arc<TurnMetrics>,
    connections: Gauge,
    registered_users: Gauge,
    calls_active: Gauge,
    records_dropped: Gauge,
    rooms: Gauge,
    participants: Gauge,
    data_participants: Gauge,
    room_joins: Family<Label, Counter>,
    streams: Gauge,
    streams_live: Gauge,
    stream_viewers: Gauge,
    stream_sessions: Family<[(&'static str, &'static str); 2], Counter>,
    chat_messages: Counter,
    calls: Family<Label, Counter>,
    calls_refused: Family<Label, Counter>,
    registrations: Family<Label, Counter>,
    signaling_errors: Family<Label, Counter>,
    call_setup: Histogram,
    kurento_sockets: Gauge,
    kurento_sessions: Gauge,
    kurento_objects: Family<Label, Gauge>,
    kurento_requests: Family<[(&'static str, &'static str); 2], Counter>,
    kurento_events: Family<Label, Counter>,
    capture_dropped: Counter,
    token_keys: Gauge,
    token_key_readings: Family<Label, Counter>,
    tokens_refused: Family<Label, Counter>,
    webhooks_pending: Gauge,
    webhook_deliveries: Family<Label, Counter>,
    webhooks_dropped: Family<Label, Counter>,
    name_lookups: Family<Label, Counter>,
}

/// How a look-up of the names ended that media is announced at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NameLookup {
    /// The addresses are those of before.
    Same,
    /// They are others, and peers are told those now.
    Changed,
    /// There was no answer: those of before are kept.
    Failed,
}

impl NameLookup {
    fn label(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Changed => "changed",
            Self::Failed => "failed",
        }
    }
}

/// Upper bounds in seconds: a call on a LAN is up in tens of milliseconds, one over TURN in seconds.
const SETUP_BUCKETS: [f64; 10] = [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6];

impl Metrics {
    pub(crate) fn new() -> Self {
        let metrics = Self {
            registry: Registry::with_prefix("keel"),
            media: Arc::default(),
            turn: Arc::default(),
            connections: Gauge::default(),
            registered_users: Gauge::default(),
            calls_active: Gauge::default(),
            records_dropped: Gauge::default(),
            rooms: Gauge::default(),
            participants: Gauge::default(),
            data_participants: Gauge::default(),
            room_joins: Family::default(),
            streams: Gauge::default(),
            streams_live: Gauge::default(),
            stream_viewers: Gauge::default(),
            stream_sessions: Family::default(),
            chat_messages: Counter::default(),
            calls: Family::default(),
            calls_refused: Family::default(),
            registrations: Family::default(),
            signaling_errors: Family::default(),
            call_setup: Histogram::new(SETUP_BUCKETS),
            kurento_sockets: Gauge::default(),
            kurento_sessions: Gauge::default(),
            kurento_objects: Family::default(),
            kurento_requests: Family::default(),
            kurento_events: Family::default(),
            capture_dropped: Counter::default(),
            token_keys: Gauge::default(),
            token_key_readings: Family::default(),
            tokens_refused: Family::default(),
            webhooks_pending: Gauge::default(),
            webhook_deliveries: Family::default(),
            webhooks_dropped: Family::default(),
            name_lookups: Family::default(),
        };
        metrics.registered()
    }

    fn registered(mut self) -> Self {
        let registry = &mut self.registry;
        registry.register("connections", "WebSocket connections", self.connections.clone());
        registry.register("registered_users", "Users that are online", self.registered_users.clone());
        registry.register("calls_active", "Calls from their ring to their end", self.calls_active.clone());
        registry.register("rooms", "Rooms, also those that nobody is in", self.rooms.clone());
        registry.register("participants", "Participants of rooms", self.participants.clone());
        let data = self.data_participants.clone();
        registry.register("data_participants", "Participants of rooms that asked for data channels", data);
        registry.register("room_joins", "Requests to join a room by their result", self.room_joins.clone());
        registry.register("streams", "Livestreams, also those that wait", self.streams.clone());
        registry.register("streams_live", "Livestreams that have begun", self.streams_live.clone());
        registry.register("stream_viewers", "Viewers that are connected", self.stream_viewers.clone());
        registry.register(
            "stream_sessions",
            "Presenters and viewers of livestreams that were let in or refused",
            self.stream_sessions.clone(),
        );
        registry.register("chat_messages", "Chat messages in rooms and calls", self.chat_messages.clone());
        registry.register(
            "history_dropped",
            "Calls and chat messages that the history lacks because the store was too slow",
            self.records_dropped.clone(),
        );
        registry.register("calls", "Calls that have ended", self.calls.clone());
        registry.register("calls_refused", "Calls refused before they rang", self.calls_refused.clone());
        registry.register("registrations", "Registrations by their result", self.registrations.clone());
        registry.register(
            "signaling_errors",
            "Messages answered with an error",
            self.signaling_errors.clone(),
        );
        registry.register(
            "call_setup_seconds",
            "From the callee's acceptance until both peers are connected",
            self.call_setup.clone(),
        );
        registry.register("kurento_sockets", "WebSockets of applications", self.kurento_sockets.clone());
        registry.register("kurento_sessions", "Sessions of applications", self.kurento_sessions.clone());
        registry.register(
            "kurento_objects",
            "Objects that applications have made, by class",
            self.kurento_objects.clone(),
        );
        registry.register(
            "kurento_requests",
            "Requests of applications by method and code of the answer",
            self.kurento_requests.clone(),
        );
        registry.register(
            "kurento_events",
            "Events for applications; dropped are those of clients that are away",
            self.kurento_events.clone(),
        );
        registry.register(
            "capture_dropped",
            "Packets that captures lack because they were not downloaded fast enough",
            self.capture_dropped.clone(),
        );
        registry.register("token_keys", "Keys that tokens are checked with", self.token_keys.clone());
        registry.register(
            "token_key_readings",
            "Readings of the source of keys by their result",
            self.token_key_readings.clone(),
        );
        registry.register("tokens_refused", "Tokens refused by reason", self.tokens_refused.clone());
        registry.register(
            "webhooks_pending",
            "Events that wait for their delivery, once for each receiver",
            self.webhooks_pending.clone(),
        );
        registry.register(
            "webhook_deliveries",
            "Tries to deliver an event by their result",
            self.webhook_deliveries.clone(),
        );
        registry.register(
            "webhooks_dropped",
            "Events that were given up by reason",
            self.webhooks_dropped.clone(),
        );
        registry.register(
            "announce_lookups",
            "Look-ups of the DNS names that media is announced at, after the start",
            self.name_lookups.clone(),
        );
        registry.register_collector(Box::new(Arc::clone(&self.media)));
        registry.register_collector(Box::new(Arc::clone(&self.turn)));
        self
    }

    pub(crate) fn count_call(&self, outcome: Outcome) {
        self.calls.get_or_create(&[("outcome", outcome.label())]).inc();
    }

    pub(crate) fn count_refused_call(&self, refusal: CallRefusal) {
        self.calls_refused.get_or_create(&[("reason", refusal.label())]).inc();
    }

    pub(crate) fn count_name_lookup(&self, outcome: NameLookup) {
        self.name_lookups.get_or_create(&[("outcome", outcome.label())]).inc();
    }

    pub(crate) fn count_registration(&self, result: Result<Admitted, RegisterRefusal>) {
        let result = match result {
            Ok(Admitted::Anew) => "accepted",
            Ok(Admitted::Resumed) => "resumed",
            Err(refusal) => refusal.label(),
        };
        self.registrations.get_or_create(&[("result", result)]).inc();
    }

    pub(crate) fn count_signaling_error(&self, kind: &'static str) {
        self.signaling_errors.get_or_create(&[("kind", kind)]).inc();
    }

    pub(crate) fn observe_call_setup(&self, took: Duration) {
        self.call_setup.observe(took.as_secs_f64());
    }

    /// Somebody came in, or was refused with this code.
    pub(crate) fn count_room_join(&self, result: Result<Entered, &'static str>) {
        let result = match result {
            Ok(Entered::Anew) => "joined",
            Ok(Entered::Resumed) => "resumed",
            Err(code) => code,
        };
        self.room_joins.get_or_create(&[("result", result)]).inc();
    }

    pub(crate) fn count_chat_message(&self) {
        self.chat_messages.inc();
    }

    pub(crate) fn set_rooms(&self, rooms: usize, participants: usize, data_participants: usize) {
        self.data_participants.set(gauge_value(data_participants as u64));
        self.rooms.set(gauge_value(rooms as u64));
        self.participants.set(gauge_value(participants as u64));
    }

    pub(crate) fn set_streams(&self, census: Census) {
        self.streams.set(gauge_value(census.streams as u64));
        self.streams_live.set(gauge_value(census.live as u64));
        self.stream_viewers.set(gauge_value(census.viewers as u64));
    }

    /// A peer of a livestream was let in (`opened`), or refused with this code.
    pub(crate) fn count_stream_session(&self, role: Role, result: &'static str) {
        self.stream_sessions.get_or_create(&[("role", role.label()), ("result", result)]).inc();
    }

    pub(crate) fn count_kurento_request(&self, method: &'static str, code: &'static str) {
        self.kurento_requests.get_or_create(&[("method", method), ("code", code)]).inc();
    }

    pub(crate) fn count_kurento_event(&self, is_delivered: bool) {
        let result = if is_delivered { "delivered" } else { "dropped" };
        self.kurento_events.get_or_create(&[("result", result)]).inc();
    }

    pub(crate) fn count_capture_dropped(&self, packets: u64) {
        self.capture_dropped.inc_by(packets);
    }

    pub(crate) fn set_token_keys(&self, keys: usize) {
        self.token_keys.set(gauge_value(keys as u64));
    }

    pub(crate) fn count_token_key_reading(&self, is_read: bool) {
        let result = if is_read { "read" } else { "failed" };
        self.token_key_readings.get_or_create(&[("result", result)]).inc();
    }

    pub(crate) fn count_token_refused(&self, reason: &'static str) {
        self.tokens_refused.get_or_create(&[("reason", reason)]).inc();
    }

    pub(crate) fn set_webhooks_pending(&self, events: usize) {
        self.webhooks_pending.set(gauge_value(events as u64));
    }

    pub(crate) fn count_webhook_delivery(&self, is_delivered: bool) {
        let result = if is_delivered { "delivered" } else { "failed" };
        self.webhook_deliveries.get_or_create(&[("result", result)]).inc();
    }

    pub(crate) fn count_webhooks_dropped(&self, reason: &'static str, events: u64) {
        self.webhooks_dropped.get_or_create(&[("reason", reason)]).inc_by(events);
    }

    pub(crate) fn set_kurento(&self, gauges: &KurentoGauges) {
        self.kurento_sockets.set(gauge_value(gauges.sockets as u64));
        self.kurento_sessions.set(gauge_value(gauges.sessions as u64));
        for (class, count) in &gauges.objects_by_class {
            self.kurento_objects.get_or_create(&[("class", class)]).set(gauge_value(*count as u64));
        }
    }

    pub(crate) fn set_turn(&self, snapshot: TurnSnapshot) {
        self.turn.set(snapshot);
    }

    pub(crate) fn set_users_and_calls(&self, users: usize, calls: usize) {
        self.registered_users.set(gauge_value(users as u64));
        self.calls_active.set(gauge_value(calls as u64));
    }

    /// The text of now (OpenMetrics 1.0).
    pub(crate) fn render(&self, media: MediaSnapshot, connections: usize, records_dropped: u64) -> String {
        self.connections.set(gauge_value(connections as u64));
        self.records_dropped.set(gauge_value(records_dropped));
        *self.media.0.lock().unwrap_or_else(PoisonError::into_inner) = media;
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("a string takes all that is written to it");
        text
    }
}

fn gauge_value(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The media server counts for itself; this shows its last snapshot.
#[derive(Debug, Default)]
struct MediaMetrics(Mutex<MediaSnapshot>);

impl Collector for MediaMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let snapshot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let gauges = [
            ("sessions", "Peers' transports in the media server", snapshot.sessions),
            ("endpoints", "Endpoints in the media server", snapshot.endpoints),
            ("pipelines", "Pipelines in the media server", snapshot.pipelines),
            ("relays", "Tracks that a media thread has from another one", snapshot.relays),
            ("own_sockets", "Sockets that sessions with other servers have", snapshot.own_sockets),
            ("tcp_connections", "TCP connections of peers without UDP", snapshot.tcp_connections),
            ("stun_known", "Media sockets that know their public address by STUN", snapshot.stun_known),
            ("stun_failing", "Media sockets that ask a STUN server in vain", snapshot.stun_failing),
        ];
        for (name, help, value) in gauges {
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(gauge_value(value)).encode(metric)?;
        }
        let counters = [
            ("forwarded", "RTP packets forwarded, once per subscriber", snapshot.forwarded),
            ("relayed", "RTP packets handed from one media thread to another", snapshot.relayed),
            ("events_dropped", "Media events that found their queue full", snapshot.events_dropped),
            ("own_sockets_refused", "Sessions with other servers without room", snapshot.own_sockets_refused),
            ("stun_failures", "STUN servers that did not answer, or refused", snapshot.stun_failures),
            ("tcp_accepted", "TCP connections to media ports", snapshot.tcp_accepted),
            ("tcp_refused", "Those closed at once, since there were too many", snapshot.tcp_refused),
            ("tcp_expelled", "Those closed since they were no media connections", snapshot.tcp_expelled),
        ];
        for (name, help, value) in counters {
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            ConstCounter::new(value).encode(metric)?;
        }
        let directions = [
            ("packets", "Datagrams of the media sockets", [snapshot.packets_in, snapshot.packets_out]),
            ("bytes", "Bytes of the media sockets", [snapshot.bytes_in, snapshot.bytes_out]),
        ];
        for (name, help, [in_, out]) in directions {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (direction, value) in [("in", in_), ("out", out)] {
                ConstCounter::new(value).encode(metric.encode_family(&[("direction", direction)])?)?;
            }
        }
        let [from, to] = [&snapshot.incoming, &snapshot.outgoing];
        let streams = [
            ("nacked", "Packets asked for again, of and by peers", [from.nacked, to.nacked]),
            ("retransmitted", "Packets sent again by and to peers", [from.retransmitted, to.retransmitted]),
            (
                "keyframe_requests",
                "Keyframes asked of and by peers",
                [from.keyframe_requests, to.keyframe_requests],
            ),
        ];
        for (name, help, [in_, out]) in streams {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (stream, value) in [("in", in_), ("out", out)] {
                ConstCounter::new(value).encode(metric.encode_family(&[("stream", stream)])?)?;
            }
        }
        let metric = encoder.encode_descriptor(
            "freezes",
            "Pauses in pictures to peers that their publishers did not make",
            None,
            MetricType::Counter,
        )?;
        ConstCounter::new(to.freezes).encode(metric)?;
        let metric = encoder.encode_descriptor(
            "freeze_seconds",
            "How long those were together",
            None,
            MetricType::Counter,
        )?;
        ConstCounter::new(to.frozen.as_secs_f64()).encode(metric)?;
        let mut metric = encoder.encode_descriptor(
            "drops",
            "Datagrams and packets dropped by the media server",
            None,
            MetricType::Counter,
        )?;
        for (reason, count) in &snapshot.drops {
            ConstCounter::new(*count).encode(metric.encode_family(&[("reason", reason.label())])?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keel_media::StreamTotals;
    use keel_media::forward::DropReason;

    #[test]
    fn the_names_that_operators_know_are_there() {
        let metrics = Metrics::new();
        metrics.count_call(Outcome::Completed);
        metrics.count_refused_call(CallRefusal::CalleeBusy);
        metrics.count_registration(Err(RegisterRefusal::InUse));
        metrics.count_registration(Ok(Admitted::Anew));
        metrics.count_signaling_error("not_json");
        metrics.observe_call_setup(Duration::from_millis(300));
        metrics.set_users_and_calls(4, 2);
        metrics.set_rooms(3, 8, 2);
        metrics.count_room_join(Ok(Entered::Resumed));
        metrics.count_room_join(Err("roomFull"));
        metrics.count_chat_message();
        metrics.set_streams(Census { streams: 3, live: 2, viewers: 40 });
        metrics.count_stream_session(Role::Viewer, "too_many_viewers");
        metrics.count_kurento_request("create", "ok");
        metrics.count_kurento_event(true);
        metrics.count_capture_dropped(6);
        metrics.set_kurento(&KurentoGauges {
            sockets: 3,
            sessions: 6,
            objects_by_class: [("MediaPipeline", 9)].into(),
        });
        metrics.set_turn(TurnSnapshot { allocations: 3, ..TurnSnapshot::default() });
        let media = MediaSnapshot {
            sessions: 7,
            packets_in: 11,
            bytes_out: 12,
            drops: vec![(DropReason::SrtpReplay, 3)],
            incoming: StreamTotals { nacked: 8, ..StreamTotals::default() },
            outgoing: StreamTotals {
                freezes: 2,
                frozen: Duration::from_millis(1_500),
                ..StreamTotals::default()
            },
            ..MediaSnapshot::default()
        };
        let text = metrics.render(media, 5, 1);
        for line in [
            "keel_sessions 7",
            "keel_endpoints 0",
            "keel_pipelines 0",
            "keel_own_sockets 0",
            "keel_own_sockets_refused_total 0",
            "keel_connections 5",
            "keel_registered_users 4",
            "keel_calls_active 2",
            "keel_history_dropped 1",
            "keel_rooms 3",
            "keel_participants 8",
            "keel_data_participants 2",
            "keel_room_joins_total{result=\"resumed\"} 1",
            "keel_room_joins_total{result=\"roomFull\"} 1",
            "keel_streams 3",
            "keel_streams_live 2",
            "keel_stream_viewers 40",
            "keel_stream_sessions_total{role=\"viewer\",result=\"too_many_viewers\"} 1",
            "keel_chat_messages_total 1",
            "keel_packets_total{direction=\"in\"} 11",
            "keel_bytes_total{direction=\"out\"} 12",
            "keel_drops_total{reason=\"srtp_replay\"} 3",
            "keel_nacked_total{stream=\"in\"} 8",
            "keel_keyframe_requests_total{stream=\"out\"} 0",
            "keel_freezes_total 2",
            "keel_freeze_seconds_total 1.5",
            "keel_events_dropped_total 0",
            "keel_calls_total{outcome=\"completed\"} 1",
            "keel_calls_refused_total{reason=\"callee_busy\"} 1",
            "keel_registrations_total{result=\"accepted\"} 1",
            "keel_registrations_total{result=\"in_use\"} 1",
            "keel_signaling_errors_total{kind=\"not_json\"} 1",
            "keel_call_setup_seconds_count 1",
            "keel_kurento_sockets 3",
            "keel_kurento_sessions 6",
            "keel_kurento_objects{class=\"MediaPipeline\"} 9",
            "keel_kurento_requests_total{method=\"create\",code=\"ok\"} 1",
            "keel_kurento_events_total{result=\"delivered\"} 1",
            "keel_capture_dropped_total 6",
            "keel_turn_allocations 3",
            "keel_turn_bytes_total{direction=\"to_peers\"} 0",
            "keel_turn_drops_total{reason=\"bandwidth\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in:\n{text}");
        }
    }
}
