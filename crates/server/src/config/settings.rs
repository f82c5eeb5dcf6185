//! The settings as they are written in the file: one field per line of `keel.example.toml`, which
//! documents each of them. `Default` is what Keel does when nothing is said.

use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Every setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) data_dir: String,
    pub(crate) access: AccessSetting,
    pub(crate) access_tokens: Vec<String>,
    pub(crate) admin_token: String,
    pub(crate) allowed_origins: Vec<String>,
    pub(crate) ring_timeout_s: u64,
    pub(crate) shutdown_deadline_s: u64,
    pub(crate) ice_servers: Vec<IceServerSetting>,
    pub(crate) tokens: TokenSettings,
    pub(crate) webhooks: WebhookSettings,
    pub(crate) http: HttpSettings,
    pub(crate) tls: TlsSettings,
    pub(crate) kurento: KurentoSettings,
    pub(crate) media: MediaSettings,
    pub(crate) ice: IceSettings,
    pub(crate) turn: TurnSettings,
    pub(crate) rooms: RoomSettings,
    pub(crate) live: LiveSettings,
    pub(crate) limits: LimitSettings,
    pub(crate) log: LogSettings,
}

/// Who may connect when no access tokens are set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AccessSetting {
    /// Programs on this machine: HTTP must be bound to loopback.
    Local,
    /// Everyone who reaches the HTTP port.
    Open,
}

/// An entry of `[[ice_servers]]` (W3C `RTCIceServer`), handed to browsers as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IceServerSetting {
    pub(crate) urls: Vec<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) username: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) credential: String,
}

/// `[tokens]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TokenSettings {
    pub(crate) secret: String,
    pub(crate) keys: String,
    pub(crate) reload_s: u64,
    pub(crate) issuer: String,
    pub(crate) audience: String,
}

/// `[webhooks]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct WebhookSettings {
    pub(crate) urls: Vec<String>,
    pub(crate) secret: String,
    pub(crate) answer_s: u64,
}

/// `[http]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct HttpSettings {
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) port: u16,
}

/// `[tls]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TlsSettings {
    pub(crate) certificate: String,
    pub(crate) key: String,
    pub(crate) self_signed: bool,
}

/// `[kurento]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct KurentoSettings {
    pub(crate) enabled: bool,
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) port: u16,
    pub(crate) tls_port: u16,
    pub(crate) compression: bool,
    pub(crate) garbage_collection_s: u64,
    pub(crate) objects_per_session_max: u32,
    pub(crate) objects_max: u32,
    pub(crate) sessions_max: u32,
    pub(crate) filters: FilterSetting,
    pub(crate) metadata: String,
}

/// What becomes of filters, which Keel cannot apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FilterSetting {
    /// They cannot be created.
    Refuse,
    /// They can be created and change nothing.
    Passthrough,
}

/// `[media]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct MediaSettings {
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) port: u16,
    pub(crate) tcp: bool,
    pub(crate) workers: u16,
    pub(crate) placement: PlacementSetting,
    pub(crate) announce: Vec<String>,
    pub(crate) announce_refresh_s: u64,
    pub(crate) interfaces: Vec<String>,
    pub(crate) exclude: Vec<String>,
    pub(crate) socket_buffer_kib: u32,
    pub(crate) trace_packets_every: u32,
}

/// Which media thread a peer of a call or pipeline is served by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PlacementSetting {
    /// The one of the others, as long as it is not much busier than the least busy one.
    Together,
    /// The next one.
    Spread,
}

/// `[ice]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct IceSettings {
    pub(crate) stun_server: String,
    pub(crate) turn_url: String,
}

/// `[turn]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TurnSettings {
    pub(crate) enabled: bool,
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) port: u16,
    pub(crate) tls_port: u16,
    pub(crate) https: bool,
    pub(crate) host: String,
    pub(crate) external: Vec<IpAddr>,
    pub(crate) relay_port_first: u16,
    pub(crate) relay_port_last: u16,
    pub(crate) allow_peers: Vec<String>,
    pub(crate) realm: String,
    pub(crate) secret: String,
    pub(crate) credential_lifetime_s: u64,
    pub(crate) allocations: u32,
    pub(crate) allocations_per_user: u32,
    pub(crate) allocations_per_address: u32,
    pub(crate) bandwidth_kbps: u32,
}

/// `[rooms]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RoomSettings {
    pub(crate) rooms_max: u32,
    pub(crate) size_max: u32,
    pub(crate) empty_s: u64,
    pub(crate) resume_s: u64,
}

/// `[live]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LiveSettings {
    pub(crate) streams_max: u32,
    pub(crate) viewers_max: u32,
    pub(crate) viewers_wait_s: u64,
    pub(crate) resume_s: u64,
    pub(crate) take_over: bool,
}

/// `[limits]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LimitSettings {
    pub(crate) connections: u32,
    pub(crate) connections_per_address: u32,
    pub(crate) sessions_per_worker: u32,
    pub(crate) pipelines: u32,
}

/// `[log]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LogSettings {
    pub(crate) format: LogFormat,
    pub(crate) filter: String,
}

/// How a log event is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// One line for people.
    Text,
    /// One JSON object per line.
    Json,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            data_dir: "./keel-data".into(),
            access: AccessSetting::Local,
            access_tokens: Vec::new(),
            admin_token: String::new(),
            allowed_origins: Vec::new(),
            ring_timeout_s: 45,
            shutdown_deadline_s: 10,
            ice_servers: Vec::new(),
            tokens: TokenSettings::default(),
            webhooks: WebhookSettings::default(),
            http: HttpSettings::default(),
            tls: TlsSettings::default(),
            kurento: KurentoSettings::default(),
            media: MediaSettings::default(),
            ice: IceSettings::default(),
            turn: TurnSettings::default(),
            rooms: RoomSettings::default(),
            live: LiveSettings::default(),
            limits: LimitSettings::default(),
            log: LogSettings::default(),
        }
    }
}

impl Default for TokenSettings {
    fn default() -> Self {
        Self {
            secret: String::new(),
            keys: String::new(),
            reload_s: 60,
            issuer: String::new(),
            audience: String::new(),
        }
    }
}

impl Default for WebhookSettings {
    fn default() -> Self {
        Self { urls: Vec::new(), secret: String::new(), answer_s: 10 }
    }
}

impl TokenSettings {
    /// Whether visitors may show a JSON Web Token, and so must show a token.
    pub(crate) fn are_used(&self) -> bool {
        !self.secret.is_empty() || !self.keys.is_empty()
    }
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self { addresses: vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()], port: 8080 }
    }
}

impl Default for KurentoSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            addresses: vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            port: 8888,
            tls_port: 8433,
            compression: true,
            garbage_collection_s: 240,
            objects_per_session_max: 10_000,
            objects_max: 100_000,
            sessions_max: 10_000,
            filters: FilterSetting::Refuse,
            metadata: String::new(),
        }
    }
}

impl Default for MediaSettings {
    fn default() -> Self {
        Self {
            addresses: vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
            port: 10_000,
            tcp: true,
            workers: 0,
            placement: PlacementSetting::Together,
            announce: Vec::new(),
            announce_refresh_s: 60,
            interfaces: Vec::new(),
            exclude: Vec::new(),
            socket_buffer_kib: 4096,
            trace_packets_every: 0,
        }
    }
}

impl Default for TurnSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            addresses: Vec::new(),
            port: 3478,
            tls_port: 5349,
            https: true,
            host: String::new(),
            external: Vec::new(),
            relay_port_first: 49_152,
            relay_port_last: 65_535,
            allow_peers: Vec::new(),
            realm: "keel".into(),
            secret: String::new(),
            credential_lifetime_s: 86_400,
            allocations: 2_000,
            allocations_per_user: 40,
            allocations_per_address: 400,
            bandwidth_kbps: 24_000,
        }
    }
}

impl Default for RoomSettings {
    fn default() -> Self {
        Self { rooms_max: 1_000, size_max: 50, empty_s: 3_600, resume_s: 30 }
    }
}

impl Default for LiveSettings {
    fn default() -> Self {
        Self { streams_max: 1_000, viewers_max: 5_000, viewers_wait_s: 300, resume_s: 30, take_over: true }
    }
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            connections: 4096,
            connections_per_address: 256,
            sessions_per_worker: 5_000,
            pipelines: 10_000,
        }
    }
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: "info".into() }
    }
}

impl Settings {
    /// The settings with every secret replaced, fit for a terminal or a bug report.
    pub(crate) fn redacted(&self) -> Self {
        let hide = |secret: &String| if secret.is_empty() { String::new() } else { "(hidden)".to_owned() };
        let mut shown = self.clone();
        shown.access_tokens = self.access_tokens.iter().map(hide).collect();
        shown.admin_token = hide(&self.admin_token);
        shown.tokens.secret = hide(&self.tokens.secret);
        shown.webhooks.secret = hide(&self.webhooks.secret);
        shown.turn.secret = hide(&self.turn.secret);
        shown.ice.turn_url = hide(&self.ice.turn_url);
        for server in &mut shown.ice_servers {
            server.credential = hide(&server.credential);
        }
        shown
    }
}
