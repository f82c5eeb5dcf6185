//! The list of settings that the command line and the environment know: one row each.

/// One setting outside the file.
#[derive(Debug)]
pub(crate) struct Field {
    /// Its place in the file, `section.name` or `name`.
    pub(crate) key: &'static str,
    /// The flag without its dashes. The variable is the same in capitals, after `KEEL_`.
    pub(crate) flag: &'static str,
    /// What the help calls the value.
    pub(crate) value: &'static str,
    /// One line of help.
    pub(crate) help: &'static str,
}

impl Field {
    /// The environment variable.
    pub(crate) fn variable(&self) -> String {
        format!("KEEL_{}", self.flag.replace('-', "_").to_uppercase())
    }

    /// The heading of the help that the flag stands under.
    pub(crate) fn heading(&self) -> &'static str {
        match self.key.split_once('.').map(|(section, _)| section) {
            Some("tokens") => "Tokens",
            Some("webhooks") => "Webhooks",
            Some("http") => "HTTP",
            Some("tls") => "TLS",
            Some("kurento") => "Kurento",
            Some("media" | "ice") => "Media",
            Some("turn") => "STUN and TURN",
            Some("rooms") => "Group calls",
            Some("live") => "Livestreams",
            Some("limits") => "Limits",
            Some("log") => "Log",
            _ => "Access and general",
        }
    }
}

const fn field(key: &'static str, flag: &'static str, value: &'static str, help: &'static str) -> Field {
    Field { key, flag, value, help }
}

/// Every setting, in the order of `keel.example.toml`.
pub(crate) const FIELDS: &[Field] = &[
    field(
        "data_dir",
        "data-dir",
        "DIR",
        "Where users, call history and the self-signed certificate are kept",
    ),
    field(
        "access",
        "access",
        "WHO",
        "Who may connect without tokens: local (this machine) or open (everyone)",
    ),
    field(
        "access_tokens",
        "access-tokens",
        "LIST",
        "Tokens of which every visitor must show one, or a JSON Web Token; other users of this machine can see flags, so prefer \
         the file or the environment",
    ),
    field(
        "admin_token",
        "admin-token",
        "TOKEN",
        "Token for /admin and the REST API under /api/; empty: they are closed but to JSON Web Tokens",
    ),
    field("allowed_origins", "allowed-origins", "LIST", "Other web origins whose pages may use this server"),
    field(
        "ring_timeout_s",
        "ring-timeout-s",
        "SECONDS",
        "How long a call rings before it counts as unanswered",
    ),
    field("shutdown_deadline_s", "shutdown-deadline-s", "SECONDS", "How long ending all calls may take"),
    field("ice_servers", "ice-servers", "TOML", "ICE servers for browsers, as [{ urls = [\"stun:host\"] }]"),
    field(
        "tokens.secret",
        "token-secret",
        "SECRET",
        "Secret of JSON Web Tokens (HS256), 32 characters or more; prefer the file or the environment to the flag",
    ),
    field(
        "tokens.keys",
        "token-keys",
        "WHERE",
        "File or https URL of the keys of JSON Web Tokens (JWKS), read again while Keel runs",
    ),
    field("tokens.reload_s", "token-reload-s", "SECONDS", "How often the keys are read again"),
    field("tokens.issuer", "token-issuer", "TEXT", "What a token's claim `iss` must be; empty: anything"),
    field(
        "tokens.audience",
        "token-audience",
        "TEXT",
        "What a token's claim `aud` must be or contain; empty: anything",
    ),
    field(
        "webhooks.urls",
        "webhook-urls",
        "LIST",
        "URLs that are told what happens, by signed POST requests",
    ),
    field(
        "webhooks.secret",
        "webhook-secret",
        "SECRET",
        "Secret that webhooks are signed with, 32 characters or more; prefer the file or the environment",
    ),
    field("webhooks.answer_s", "webhook-answer-s", "SECONDS", "How long a receiver may take to answer"),
    field("http.addresses", "http-addresses", "LIST", "Addresses to serve the page and signaling on"),
    field("http.port", "http-port", "PORT", "Port to serve them on; 0: any free one"),
    field("tls.certificate", "tls-certificate", "FILE", "PEM certificate chain: serve HTTPS instead of HTTP"),
    field("tls.key", "tls-key", "FILE", "PEM private key of the certificate"),
    field(
        "tls.self_signed",
        "tls-self-signed",
        "BOOL",
        "Serve HTTPS with a certificate that Keel makes itself",
    ),
    field("kurento.enabled", "kurento", "BOOL", "Serve the Kurento protocol, for applications of Kurento"),
    field("kurento.addresses", "kurento-addresses", "LIST", "Addresses to serve the Kurento protocol on"),
    field("kurento.port", "kurento-port", "PORT", "Port of ws://.../kurento; 0: any free one"),
    field(
        "kurento.tls_port",
        "kurento-tls-port",
        "PORT",
        "Port of wss://.../kurento, served when TLS is configured; 0: any free one",
    ),
    field("kurento.compression", "kurento-compression", "BOOL", "Compress messages of clients that offer it"),
    field(
        "kurento.garbage_collection_s",
        "kurento-garbage-collection-s",
        "SECONDS",
        "A dead client's objects go between one and two of these after its connection",
    ),
    field(
        "kurento.objects_per_session_max",
        "kurento-objects-per-session-max",
        "COUNT",
        "Objects that one Kurento session may have created",
    ),
    field("kurento.objects_max", "kurento-objects-max", "COUNT", "Kurento objects in all"),
    field("kurento.sessions_max", "kurento-sessions-max", "COUNT", "Kurento sessions in all"),
    field(
        "kurento.filters",
        "kurento-filters",
        "WHAT",
        "What becomes of filters: refuse (as a KMS without them) or passthrough (created, without effect)",
    ),
    field("kurento.metadata", "kurento-metadata", "TEXT", "What ServerManager.getMetadata answers"),
    field("media.addresses", "media-addresses", "LIST", "Addresses to receive and send media on"),
    field("media.port", "media-port", "PORT", "First worker's UDP port, the next has the next; 0: any free"),
    field("media.tcp", "media-tcp", "BOOL", "Take media over TCP, too, on the numbers of the UDP ports"),
    field("media.workers", "workers", "COUNT", "Media threads, each with its own UDP port; 0: one per core"),
    field(
        "media.placement",
        "placement",
        "HOW",
        "Which media thread serves a peer: together (that of its call while not much busier) or spread (the next)",
    ),
    field(
        "media.announce",
        "announce",
        "LIST",
        "Addresses or DNS names that peers are told to send media to",
    ),
    field(
        "media.announce_refresh_s",
        "announce-refresh-s",
        "SECONDS",
        "How often names of media.announce are looked up again",
    ),
    field(
        "media.interfaces",
        "media-interfaces",
        "LIST",
        "Network interfaces whose addresses are used for media; none: all",
    ),
    field("media.exclude", "media-exclude", "LIST", "Networks whose addresses are not used for media"),
    field("media.socket_buffer_kib", "media-socket-buffer-kib", "KIB", "Buffer to ask for per media socket"),
    field(
        "media.trace_packets_every",
        "trace-packets-every",
        "COUNT",
        "Log the way of one RTP packet in so many, at level trace; 0: none",
    ),
    field(
        "ice.stun_server",
        "stun-server",
        "HOST:PORT",
        "STUN server to ask for the public address of the media ports, where a NAT has it",
    ),
    field(
        "ice.turn_url",
        "turn-url",
        "USER:PASSWORD@HOST:PORT",
        "TURN server elsewhere on which to have relayed addresses, where nothing else reaches a server behind a NAT",
    ),
    field("turn.enabled", "turn", "BOOL", "Relay for peers that reach the media ports in no other way"),
    field("turn.addresses", "turn-addresses", "LIST", "Addresses of the TURN server; none: those of media"),
    field("turn.port", "turn-port", "PORT", "UDP and TCP port of the TURN server; 0: any free one"),
    field(
        "turn.tls_port",
        "turn-tls-port",
        "PORT",
        "TCP port of TURN over TLS, served when TLS is configured",
    ),
    field("turn.https", "turn-https", "BOOL", "Serve TURN on the HTTPS port, too, and tell peers of it"),
    field("turn.host", "turn-host", "NAME", "Address or DNS name of the TURN server that peers are told"),
    field(
        "turn.external",
        "turn-external",
        "LIST",
        "Relayed addresses that peers are told, where NAT changes them",
    ),
    field("turn.relay_port_first", "turn-relay-port-first", "PORT", "First UDP port of relayed addresses"),
    field("turn.relay_port_last", "turn-relay-port-last", "PORT", "Last UDP port of relayed addresses"),
    field(
        "turn.allow_peers",
        "turn-allow-peers",
        "LIST",
        "Networks of the internet to relay to, beside this server's own media",
    ),
    field("turn.realm", "turn-realm", "NAME", "What TURN clients are told that their credentials are for"),
    field(
        "turn.secret",
        "turn-secret",
        "SECRET",
        "Secret behind TURN credentials; empty: made and kept in data_dir",
    ),
    field(
        "turn.credential_lifetime_s",
        "turn-credential-lifetime-s",
        "SECONDS",
        "How long TURN credentials open new allocations",
    ),
    field("turn.allocations", "turn-allocations", "COUNT", "Relayed clients in all"),
    field("turn.allocations_per_user", "turn-allocations-per-user", "COUNT", "Allocations of one user"),
    field(
        "turn.allocations_per_address",
        "turn-allocations-per-address",
        "COUNT",
        "Allocations from one address",
    ),
    field("turn.bandwidth_kbps", "turn-bandwidth-kbps", "KBPS", "What one allocation may carry each way"),
    field("rooms.rooms_max", "rooms-max", "COUNT", "Rooms of group calls in all"),
    field("rooms.size_max", "room-size-max", "COUNT", "Participants of one room"),
    field("rooms.empty_s", "room-empty-s", "SECONDS", "How long a room that nobody is in is kept"),
    field(
        "rooms.resume_s",
        "room-resume-s",
        "SECONDS",
        "How long a participant whose connection is lost keeps its place",
    ),
    field("live.streams_max", "live-streams-max", "COUNT", "Livestreams in all"),
    field("live.viewers_max", "live-viewers-max", "COUNT", "Viewers of one livestream"),
    field(
        "live.viewers_wait_s",
        "live-viewers-wait-s",
        "SECONDS",
        "How long viewers may wait for a stream to begin; 0: they are refused",
    ),
    field(
        "live.resume_s",
        "live-resume-s",
        "SECONDS",
        "How long viewers are kept for a presenter that vanished",
    ),
    field(
        "live.take_over",
        "live-take-over",
        "BOOL",
        "Whether a new presenter takes the place of one that is there",
    ),
    field("limits.connections", "limit-connections", "COUNT", "Signaling connections in all"),
    field(
        "limits.connections_per_address",
        "limit-connections-per-address",
        "COUNT",
        "Signaling connections from one address",
    ),
    field(
        "limits.sessions_per_worker",
        "limit-sessions-per-worker",
        "COUNT",
        "Peers that one media thread takes",
    ),
    field("limits.pipelines", "limit-pipelines", "COUNT", "Calls and other media pipelines in all"),
    field("log.format", "log-format", "FORMAT", "text or json"),
    field("log.filter", "log-filter", "FILTER", "What to log, as level or target=level,..."),
];
