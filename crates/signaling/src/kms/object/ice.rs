//! What an application is told of an endpoint's ICE, in the order that KMS has.
//!
//! The media server begins to wait for checks with the description, before candidates are asked for, and
//! tells so at once. KMS's applications expect gathering first (PROTOCOL.md §8).

use super::endpoint::Report;
use crate::kms::model::{Record, Value, event, record};
use keel_media::{IceCandidate, IceState, TransportProtocol};
use std::net::SocketAddr;

/// KMS: streams are numbered from 1, and all media of an endpoint share the first.
pub(super) const STREAM: i64 = 1;
/// RFC 8445 §4: the component of RTP; RTCP has none of its own beside it.
pub(super) const COMPONENT: i64 = 1;

/// Candidates kept for the names of pairs; a host has few. Those past the bound are named by their address.
const CANDIDATES_MAX: usize = 64;

/// KMS's `IceComponentState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Component {
    Gathering,
    Connecting,
    Connected,
    Ready,
    /// Consent was lost; a new check revives it.
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gathering {
    NotAsked,
    UnderWay,
    Done,
}

/// How far ICE has come, as told.
#[derive(Debug)]
pub(super) struct IceProgress {
    /// `None` before anything was told.
    component: Option<Component>,
    gathering: Gathering,
    is_checking: bool,
    local: Vec<String>,
    remote: Vec<String>,
    pair: Option<(TransportProtocol, SocketAddr, SocketAddr)>,
}

impl IceProgress {
    pub(super) fn new() -> Self {
        Self {
            component: None,
            gathering: Gathering::NotAsked,
            is_checking: false,
            local: Vec::new(),
            remote: Vec::new(),
            pair: None,
        }
    }

    /// Candidates were asked for.
    pub(super) fn handle_gathering(&mut self) -> Vec<Report> {
        if self.gathering != Gathering::NotAsked {
            return Vec::new();
        }
        self.gathering = Gathering::UnderWay;
        // A peer that needed no candidates of ours may be connected by now.
        if self.component.is_some() { Vec::new() } else { vec![self.enter(Component::Gathering)] }
    }

    pub(super) fn handle_candidate(&mut self, candidate: IceCandidate) -> Report {
        keep(&mut self.local, &candidate.candidate);
        Report::new(&event::ICE_CANDIDATE_FOUND, [("candidate", candidate_record(candidate))])
    }

    pub(super) fn handle_gathering_done(&mut self) -> Vec<Report> {
        self.gathering = Gathering::Done;
        let mut reports = vec![Report::new(&event::ICE_GATHERING_DONE, [])];
        if self.is_checking {
            reports.extend(self.enter_connecting());
        }
        reports
    }

    /// A candidate of the peer, trickled or in its description.
    pub(super) fn handle_remote_candidate(&mut self, candidate: &str) {
        keep(&mut self.remote, candidate.strip_prefix("a=").unwrap_or(candidate));
    }

    pub(super) fn handle_state(&mut self, state: IceState) -> Vec<Report> {
        match state {
            IceState::New => Vec::new(),
            IceState::Checking => {
                self.is_checking = true;
                if self.gathering == Gathering::Done { self.enter_connecting() } else { Vec::new() }
            }
            IceState::Connected => {
                let mut reports = self.enter_connecting();
                reports.push(self.enter(Component::Connected));
                reports.push(self.enter(Component::Ready));
                reports
            }
            // KMS: lost consent is a failure there, which applications look for.
            IceState::Disconnected => vec![self.enter(Component::Failed)],
            // Its owner released it, so there is nobody to tell.
            IceState::Closed => Vec::new(),
        }
    }

    pub(super) fn handle_pair(
        &mut self,
        protocol: TransportProtocol,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Vec<Report> {
        let mut reports = self.enter_connecting();
        self.pair = Some((protocol, local, remote));
        reports.extend(
            self.pair()
                .map(|pair| Report::new(&event::NEW_CANDIDATE_PAIR_SELECTED, [("candidatePair", pair)])),
        );
        reports
    }

    /// The pair in use, as an `IceCandidatePair`.
    pub(super) fn pair(&self) -> Option<Value> {
        let (protocol, local, remote) = self.pair?;
        let fields = vec![
            ("streamId", STREAM.to_string().into()),
            ("componentId", COMPONENT.into()),
            ("localCandidate", named(&self.local, protocol, local, "host").into()),
            ("remoteCandidate", named(&self.remote, protocol, remote, "prflx").into()),
        ];
        Some(Record::new(&record::ICE_CANDIDATE_PAIR, fields).into())
    }

    /// The state told last, as an `IceConnection`.
    pub(super) fn connection(&self) -> Option<Value> {
        let component = self.component?;
        let fields = connection_fields(STREAM.to_string().into(), component);
        Some(Record::new(&record::ICE_CONNECTION, fields).into())
    }

    fn enter_connecting(&mut self) -> Vec<Report> {
        match self.component {
            None | Some(Component::Gathering) => vec![self.enter(Component::Connecting)],
            Some(_) => Vec::new(),
        }
    }

    fn enter(&mut self, component: Component) -> Report {
        self.component = Some(component);
        Report::new(&event::ICE_COMPONENT_STATE_CHANGED, connection_fields(Value::Int(STREAM), component))
    }
}

impl Component {
    fn word(self) -> &'static str {
        match self {
            Self::Gathering => "GATHERING",
            Self::Connecting => "CONNECTING",
            Self::Connected => "CONNECTED",
            Self::Ready => "READY",
            Self::Failed => "FAILED",
        }
    }
}

/// The same three fields in event and record; only the stream is a number in the one and a text in the other.
fn connection_fields(stream: Value, component: Component) -> Vec<(&'static str, Value)> {
    vec![("streamId", stream), ("componentId", COMPONENT.into()), ("state", Value::Enum(component.word()))]
}

fn candidate_record(candidate: IceCandidate) -> Value {
    let fields = vec![
        ("candidate", candidate.candidate.into()),
        ("sdpMid", candidate.sdp_mid.unwrap_or_default().into()),
        ("sdpMLineIndex", i64::from(candidate.sdp_mline_index.unwrap_or_default()).into()),
    ];
    Record::new(&record::ICE_CANDIDATE, fields).into()
}

fn keep(candidates: &mut Vec<String>, candidate: &str) {
    if candidates.len() < CANDIDATES_MAX {
        candidates.push(candidate.to_owned());
    }
}

/// The candidate that named this address; without one (the check came from behind a translator, or the name
/// was an mDNS one) a candidate is written.
fn named(candidates: &[String], protocol: TransportProtocol, address: SocketAddr, kind: &str) -> String {
    let transport = match protocol {
        TransportProtocol::Udp => "UDP",
        TransportProtocol::Tcp => "TCP",
    };
    let is_this = |candidate: &&String| {
        // RFC 8839 §5.1: foundation, component, transport, priority, address, port.
        let mut fields = candidate.split_ascii_whitespace().skip(2);
        let is_same = fields.next().is_some_and(|field| field.eq_ignore_ascii_case(transport));
        let mut fields = fields.skip(1);
        let host = fields.next().and_then(|field| field.parse().ok());
        let port = fields.next().and_then(|field| field.parse().ok());
        is_same && host == Some(address.ip()) && port == Some(address.port())
    };
    match candidates.iter().find(is_this) {
        Some(candidate) => candidate.clone(),
        None => {
            let (ip, port) = (address.ip(), address.port());
            // RFC 6544 §4.5: it is the peer that connects.
            let role = match (protocol, kind) {
                (TransportProtocol::Udp, _) => "",
                (TransportProtocol::Tcp, "host") => " tcptype passive",
                (TransportProtocol::Tcp, _) => " tcptype active",
            };
            format!("candidate:0 1 {transport} 1 {ip} {port} typ {kind}{role}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: &str = "candidate:1 1 udp 2130706431 192.0.2.1 10000 typ host";

    fn words(reports: &[Report]) -> Vec<String> {
        reports
            .iter()
            .map(|report| match report.fields.iter().find(|(name, _)| *name == "state") {
                Some((_, Value::Enum(word))) => format!("{} {word}", report.event.name),
                _ => report.event.name.to_owned(),
            })
            .collect()
    }

    fn candidate() -> IceCandidate {
        IceCandidate { candidate: LOCAL.to_owned(), sdp_mid: Some("0".to_owned()), sdp_mline_index: Some(0) }
    }

    fn addresses() -> (SocketAddr, SocketAddr) {
        ("192.0.2.1:10000".parse().expect("an address"), "198.51.100.7:4000".parse().expect("an address"))
    }

    // covers: KMS PROTOCOL.md §8
    #[test]
    fn a_healthy_connection_is_told_in_the_order_of_kms() {
        let mut ice = IceProgress::new();
        let (local, remote) = addresses();
        let mut told = ice.handle_state(IceState::Checking);
        assert_eq!(words(&told), [""; 0], "nothing comes before gathering");
        told.extend(ice.handle_gathering());
        told.push(ice.handle_candidate(candidate()));
        told.extend(ice.handle_gathering_done());
        told.extend(ice.handle_pair(TransportProtocol::Udp, local, remote));
        told.extend(ice.handle_state(IceState::Connected));
        assert_eq!(
            words(&told),
            [
                "IceComponentStateChanged GATHERING",
                "IceCandidateFound",
                "IceGatheringDone",
                "IceComponentStateChanged CONNECTING",
                "NewCandidatePairSelected",
                "IceComponentStateChanged CONNECTED",
                "IceComponentStateChanged READY",
            ]
        );
    }

    #[test]
    fn a_peer_that_connects_before_candidates_were_asked_for_is_told_in_order_too() {
        let mut ice = IceProgress::new();
        let (local, remote) = addresses();
        let mut told = ice.handle_state(IceState::Checking);
        told.extend(ice.handle_pair(TransportProtocol::Udp, local, remote));
        told.extend(ice.handle_state(IceState::Connected));
        told.extend(ice.handle_gathering());
        assert_eq!(
            words(&told),
            [
                "IceComponentStateChanged CONNECTING",
                "NewCandidatePairSelected",
                "IceComponentStateChanged CONNECTED",
                "IceComponentStateChanged READY",
            ]
        );
    }

    #[test]
    fn candidates_are_gathered_once() {
        let mut ice = IceProgress::new();
        assert_eq!(words(&ice.handle_gathering()), ["IceComponentStateChanged GATHERING"]);
        assert_eq!(words(&ice.handle_gathering()), [""; 0]);
    }

    #[test]
    fn lost_consent_fails_and_a_new_check_revives() {
        let mut ice = IceProgress::new();
        ice.handle_state(IceState::Connected);
        assert_eq!(words(&ice.handle_state(IceState::Disconnected)), ["IceComponentStateChanged FAILED"]);
        assert_eq!(
            words(&ice.handle_state(IceState::Connected)),
            ["IceComponentStateChanged CONNECTED", "IceComponentStateChanged READY"]
        );
    }

    #[test]
    fn a_pair_names_the_candidates_where_they_are_known() {
        let mut ice = IceProgress::new();
        let (local, remote) = addresses();
        let _ = ice.handle_candidate(candidate());
        ice.handle_remote_candidate("a=candidate:7 1 udp 1 203.0.113.9 4000 typ host");
        ice.handle_pair(TransportProtocol::Udp, local, remote);
        let Some(Value::Record(pair)) = ice.pair() else { panic!("a pair was selected") };
        assert_eq!((pair.fields.text("streamId"), pair.fields.int("componentId")), ("1", 1));
        assert_eq!(pair.fields.text("localCandidate"), LOCAL);
        assert_eq!(pair.fields.text("remoteCandidate"), "candidate:0 1 UDP 1 198.51.100.7 4000 typ prflx");
        ice.handle_remote_candidate("candidate:8 1 udp 1 198.51.100.7 4000 typ srflx raddr 10.0.0.1 rport 1");
        let Some(Value::Record(pair)) = ice.pair() else { panic!("a pair was selected") };
        assert!(pair.fields.text("remoteCandidate").contains("typ srflx"));
    }
}
