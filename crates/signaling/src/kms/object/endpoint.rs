//! The body of a `WebRtcEndpoint`: the media server's endpoint, and what applications were told of it.

use super::connection::DEFAULT_DESCRIPTION;
use super::ice::{COMPONENT, IceProgress, STREAM};
use super::settings::Formats;
use super::{ObjectId, Tree, media_type};
use crate::kms::failure::Code;
use crate::kms::model::{EventType, Fields, Record, Value, event, record};
use keel_media::{ConnectionState, DtlsState, EndpointEvent, MediaKind, RelayPath, WebRtcEndpoint};
use std::net::SocketAddr;

/// KMS: all media and data of an endpoint share one bundled connection.
const BUNDLE: &str = "bundle";

/// The body of a `WebRtcEndpoint`.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) media: WebRtcEndpoint,
    pub(crate) data_channels: DataChannels,
    pub(crate) progress: Progress,
    pub(crate) formats: Formats,
    /// `stunServerAddress` and `stunServerPort`, looked up.
    pub(crate) stun_server: Option<SocketAddr>,
    /// `turnUrl`, allocated.
    pub(crate) relays: Vec<RelayPath>,
}

/// Whether an endpoint was created with `useDataChannels`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DataChannels {
    Allowed,
    Refused,
}

/// An event to tell of, with the fields that are its own.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) event: &'static EventType,
    pub(crate) fields: Vec<(&'static str, Value)>,
}

/// How far an endpoint has come, as applications were told.
#[derive(Debug)]
pub(crate) struct Progress {
    pub(super) ice: IceProgress,
    dtls: Option<DtlsState>,
    connection: ConnectionState,
    media: ConnectionState,
    /// From the peer into the pipeline, by kind.
    flowing_out: [bool; MediaKind::ALL.len()],
    /// From the pipeline to the peer, by kind.
    flowing_in: [bool; MediaKind::ALL.len()],
    pub(super) channels_opened: i64,
    pub(super) channels_closed: i64,
    is_terminated: bool,
}

impl Endpoint {
    pub(crate) fn new(media: WebRtcEndpoint, data_channels: DataChannels) -> Self {
        let (progress, formats) = (Progress::new(), Formats::default());
        Self { media, data_channels, progress, formats, stun_server: None, relays: Vec::new() }
    }
}

/// What an endpoint's event means for its object.
pub(super) fn handle_event(tree: &mut Tree, id: &ObjectId, media_event: EndpointEvent) {
    let reports = tree.endpoint_mut(id).progress.handle(media_event);
    tree.report(id, reports);
}

impl Tree {
    /// Tells of an endpoint's events, in order.
    pub(crate) fn report(&self, id: &ObjectId, reports: Vec<Report>) {
        for report in reports {
            self.emit(id, report.event, Fields::new(report.fields));
        }
    }
}

impl Report {
    pub(crate) fn new(event: &'static EventType, fields: impl Into<Vec<(&'static str, Value)>>) -> Self {
        Self { event, fields: fields.into() }
    }

    /// The `Error` event for what went wrong without a request to answer.
    fn error(code: Code, description: String) -> Self {
        Self::new(
            &event::ERROR,
            [
                ("description", description.into()),
                ("errorCode", Value::Int(code.number().into())),
                ("type", code.name().into()),
            ],
        )
    }
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self {
            ice: IceProgress::new(),
            dtls: None,
            connection: ConnectionState::Disconnected,
            media: ConnectionState::Disconnected,
            flowing_out: [false; MediaKind::ALL.len()],
            flowing_in: [false; MediaKind::ALL.len()],
            channels_opened: 0,
            channels_closed: 0,
            is_terminated: false,
        }
    }

    /// Candidates were asked for: the events that come before the first of them.
    pub(crate) fn handle_gathering(&mut self) -> Vec<Report> {
        self.ice.handle_gathering()
    }

    /// A candidate that the peer trickled.
    pub(crate) fn handle_remote_candidate(&mut self, candidate: &str) {
        self.ice.handle_remote_candidate(candidate);
    }

    /// The peer's description, for the candidates that it may have.
    pub(crate) fn handle_remote_description(&mut self, sdp: &str) {
        for line in sdp.lines().filter(|line| line.starts_with("a=candidate:")) {
            self.ice.handle_remote_candidate(line);
        }
    }

    /// An event of the media server, as the events that KMS has for it.
    pub(crate) fn handle(&mut self, media_event: EndpointEvent) -> Vec<Report> {
        match media_event {
            EndpointEvent::CandidateFound(candidate) => vec![self.ice.handle_candidate(candidate)],
            EndpointEvent::GatheringDone => self.ice.handle_gathering_done(),
            EndpointEvent::Ice(state) => self.ice.handle_state(state),
            EndpointEvent::PairSelected { protocol, local, remote } => {
                self.ice.handle_pair(protocol, local, remote)
            }
            EndpointEvent::Dtls(state) => {
                self.dtls = Some(state);
                let mut reports = vec![Report::new(&event::DTLS_CONNECTION_STATE_CHANGE, dtls_fields(state))];
                if matches!(state, DtlsState::Closed | DtlsState::Failed) {
                    // The addresses may still be good, but nobody is there who would decrypt.
                    let down = ConnectionState::Disconnected;
                    reports.extend(changed(&event::CONNECTION_STATE_CHANGED, &mut self.connection, down));
                }
                reports
            }
            EndpointEvent::Connection(state) => {
                changed(&event::CONNECTION_STATE_CHANGED, &mut self.connection, state)
            }
            EndpointEvent::Media(state) => changed(&event::MEDIA_STATE_CHANGED, &mut self.media, state),
            // KMS: a channel's event is emitted twice there, by mistake. Here once.
            EndpointEvent::DataChannelOpened { stream } => {
                self.channels_opened += 1;
                vec![Report::new(&event::DATA_CHANNEL_OPENED, channel_fields(stream))]
            }
            EndpointEvent::DataChannelClosed { stream } => {
                self.channels_closed += 1;
                vec![Report::new(&event::DATA_CHANNEL_CLOSED, channel_fields(stream))]
            }
            // KMS names these as the pipeline sees the element: what the peer sends comes out of it.
            EndpointEvent::MediaFlowingIn { kind, flowing } => {
                self.flowing_out[kind as usize] = flowing;
                vec![Report::new(&event::MEDIA_FLOW_OUT_STATE_CHANGED, flow_fields(kind, flowing))]
            }
            EndpointEvent::MediaFlowingOut { kind, flowing } => {
                self.flowing_in[kind as usize] = flowing;
                vec![Report::new(&event::MEDIA_FLOW_IN_STATE_CHANGED, flow_fields(kind, flowing))]
            }
            EndpointEvent::PeerClosed if self.is_terminated => Vec::new(),
            EndpointEvent::PeerClosed => {
                self.is_terminated = true;
                vec![Report::new(&event::MEDIA_SESSION_TERMINATED, [])]
            }
            EndpointEvent::NoCommonCodec(kind) => {
                let words = format!("No {kind} flows: the sides have no codec in common");
                vec![Report::error(Code::UnsupportedMediaType, words)]
            }
            EndpointEvent::Failed(words) => vec![Report::error(Code::Unexpected, words.to_owned())],
            // Kurento has no such events, and nobody here watches speakers.
            EndpointEvent::DominantSpeaker { .. }
            | EndpointEvent::Loudest { .. }
            | EndpointEvent::BridgeEnded
            | EndpointEvent::WantedEncodings { .. } => Vec::new(),
        }
    }

    /// `MediaState`.
    pub(crate) fn media(&self) -> Value {
        state_word(self.media)
    }

    /// `ConnectionState`.
    pub(crate) fn connection(&self) -> Value {
        state_word(self.connection)
    }

    /// `IceCandidatePair[]`: the pair in use, once there is one.
    pub(crate) fn ice_candidate_pairs(&self) -> Value {
        Value::List(self.ice.pair().into_iter().collect())
    }

    /// `IceConnection[]`: the one connection, once anything is known of it.
    pub(crate) fn ice_connections(&self) -> Value {
        Value::List(self.ice.connection().into_iter().collect())
    }

    /// `DtlsConnection[]`: the one connection, once anything is known of it.
    pub(crate) fn dtls_connections(&self) -> Value {
        let connection = |state| Record::new(&record::DTLS_CONNECTION, dtls_fields(state)).into();
        Value::List(self.dtls.map(connection).into_iter().collect())
    }

    /// Whether media of this kind comes out of the element: the peer sends it.
    pub(crate) fn flows_out(&self, kind: MediaKind) -> bool {
        self.flowing_out[kind as usize]
    }

    /// Whether media of this kind goes into the element: the peer is sent it.
    pub(crate) fn flows_in(&self, kind: MediaKind) -> bool {
        self.flowing_in[kind as usize]
    }
}

/// The event of a state with two values; none when it stays.
fn changed(event: &'static EventType, state: &mut ConnectionState, new: ConnectionState) -> Vec<Report> {
    let old = std::mem::replace(state, new);
    if old == new {
        return Vec::new();
    }
    vec![Report::new(event, [("oldState", state_word(old)), ("newState", state_word(new))])]
}

fn state_word(state: ConnectionState) -> Value {
    Value::Enum(match state {
        ConnectionState::Connected => "CONNECTED",
        ConnectionState::Disconnected => "DISCONNECTED",
    })
}

/// The same in event and record.
fn dtls_fields(state: DtlsState) -> Vec<(&'static str, Value)> {
    let word = match state {
        DtlsState::New => "NEW",
        DtlsState::Connecting => "CONNECTING",
        DtlsState::Connected => "CONNECTED",
        DtlsState::Failed => "FAILED",
        DtlsState::Closed => "CLOSED",
    };
    vec![
        ("streamId", STREAM.to_string().into()),
        ("componentId", COMPONENT.to_string().into()),
        ("connectionId", BUNDLE.into()),
        ("state", Value::Enum(word)),
    ]
}

fn channel_fields(stream: u16) -> [(&'static str, Value); 1] {
    [("channelId", Value::Int(stream.into()))]
}

/// The fields of both events of flow.
pub(super) fn flow_fields(kind: MediaKind, flowing: bool) -> [(&'static str, Value); 3] {
    [
        ("state", Value::Enum(if flowing { "FLOWING" } else { "NOT_FLOWING" })),
        ("padName", DEFAULT_DESCRIPTION.into()),
        ("mediaType", media_type::word(kind)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(reports: &[Report]) -> Vec<&'static str> {
        reports.iter().map(|report| report.event.name).collect()
    }

    #[test]
    fn what_the_peer_sends_flows_out_of_the_element() {
        let mut progress = Progress::new();
        let told = progress.handle(EndpointEvent::MediaFlowingIn { kind: MediaKind::Video, flowing: true });
        assert_eq!(names(&told), ["MediaFlowOutStateChanged"]);
        assert_eq!(
            told[0].fields,
            [
                ("state", Value::Enum("FLOWING")),
                ("padName", Value::from("default")),
                ("mediaType", Value::Enum("VIDEO")),
            ]
        );
        assert!(progress.flows_out(MediaKind::Video) && !progress.flows_in(MediaKind::Video));
        assert!(!progress.flows_out(MediaKind::Audio));
    }

    #[test]
    fn states_tell_the_old_and_the_new_one_and_only_changes() {
        let mut progress = Progress::new();
        assert_eq!(progress.media(), Value::Enum("DISCONNECTED"));
        let told = progress.handle(EndpointEvent::Media(ConnectionState::Connected));
        assert_eq!(names(&told), ["MediaStateChanged"]);
        assert_eq!(
            told[0].fields,
            [("oldState", Value::Enum("DISCONNECTED")), ("newState", Value::Enum("CONNECTED"))]
        );
        assert!(progress.handle(EndpointEvent::Media(ConnectionState::Connected)).is_empty());
        assert_eq!(progress.media(), Value::Enum("CONNECTED"));
        assert_eq!(progress.connection(), Value::Enum("DISCONNECTED"));
    }

    #[test]
    fn connections_are_listed_once_something_is_known_of_them() {
        let mut progress = Progress::new();
        assert_eq!(progress.dtls_connections(), Value::List(Vec::new()));
        assert_eq!(progress.ice_connections(), Value::List(Vec::new()));
        progress.handle(EndpointEvent::Dtls(DtlsState::Connected));
        let Value::List(connections) = progress.dtls_connections() else { panic!("a list") };
        let [Value::Record(connection)] = connections.as_slice() else { panic!("one record") };
        assert_eq!(connection.record.name, "DtlsConnection");
        assert_eq!(connection.fields.word("state"), "CONNECTED");
    }

    #[test]
    fn a_peer_ends_its_session_once() {
        let mut progress = Progress::new();
        assert_eq!(names(&progress.handle(EndpointEvent::PeerClosed)), ["MediaSessionTerminated"]);
        assert!(progress.handle(EndpointEvent::PeerClosed).is_empty());
    }

    #[test]
    fn a_closed_connection_is_down_whatever_its_addresses() {
        let mut progress = Progress::new();
        progress.handle(EndpointEvent::Connection(ConnectionState::Connected));
        let told = progress.handle(EndpointEvent::Dtls(DtlsState::Closed));
        assert_eq!(names(&told), ["DtlsConnectionStateChange", "ConnectionStateChanged"]);
        assert_eq!(progress.connection(), Value::Enum("DISCONNECTED"));
        assert!(progress.handle(EndpointEvent::Connection(ConnectionState::Disconnected)).is_empty());
    }

    #[test]
    fn a_channel_opens_and_closes_once_each() {
        let mut progress = Progress::new();
        let opened = progress.handle(EndpointEvent::DataChannelOpened { stream: 3 });
        assert_eq!(names(&opened), ["DataChannelOpened"]);
        assert_eq!(opened[0].fields, [("channelId", Value::Int(3))]);
        assert_eq!(
            names(&progress.handle(EndpointEvent::DataChannelClosed { stream: 3 })),
            ["DataChannelClosed"]
        );
        assert_eq!((progress.channels_opened, progress.channels_closed), (1, 1));
    }

    #[test]
    fn what_cannot_be_forwarded_is_an_error_that_can_be_seen() {
        let told = Progress::new().handle(EndpointEvent::NoCommonCodec(MediaKind::Video));
        assert_eq!(names(&told), ["Error"]);
        assert_eq!(
            told[0].fields[1..],
            [("errorCode", Value::Int(40005)), ("type", Value::from("UNSUPPORTED_MEDIA_TYPE"))]
        );
    }
}
