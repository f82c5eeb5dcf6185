//! The rules that settings obey, each with a message that says what to do.

use super::{Access, AccessSetting, Config, ConfigErrors, IceServerSetting, Settings, Tls};
use keel_media::Subnet;
use keel_signaling::{KeySource, WebhookReceiver};
use keel_turn::{Network, SECRET_BYTES_MIN};
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use tracing_subscriber::EnvFilter;

/// Shorter tokens can be guessed over the network within a token's life.
const TOKEN_LENGTH_MIN: usize = 16;
/// RFC 8489 §18.6.
const STUN_PORT: u16 = 3478;

const SECRET_LENGTH_MIN: usize = 32;

/// Every event is kept once for each receiver.
const RECEIVERS_MAX: usize = 8;

/// Checks `settings` and settles what several of them decide together.
pub(super) fn config(settings: Settings) -> Result<Config, ConfigErrors> {
    let mut errors = ConfigErrors::default();
    if settings.data_dir.is_empty() {
        errors.push("data_dir", "is empty; name a directory");
    }
    range("ring_timeout_s", settings.ring_timeout_s, 1..=600, &mut errors);
    range("shutdown_deadline_s", settings.shutdown_deadline_s, 1..=600, &mut errors);
    rooms(&settings, &mut errors);
    live(&settings, &mut errors);
    limits(&settings, &mut errors);
    kurento(&settings, &mut errors);
    addresses(&settings, &mut errors);
    media(&settings, &mut errors);
    ice(&settings, &mut errors);
    turn(&settings, &mut errors);
    tokens(&settings, &mut errors);
    web_tokens(&settings, &mut errors);
    webhooks(&settings, &mut errors);
    settings.allowed_origins.iter().for_each(|origin| check_origin(origin, &mut errors));
    settings.ice_servers.iter().for_each(|server| check_ice_server(server, &mut errors));
    if let Err(error) = EnvFilter::builder().parse(&settings.log.filter) {
        errors.push("log.filter", format!("{error}; write a level (info) or target=level pairs"));
    }
    let access = access(&settings, &mut errors);
    let tls = tls(&settings, &mut errors);
    errors.into_result()?;
    Ok(Config { settings, access, tls })
}

/// Who may connect. Without tokens nobody is asked anything, so reaching other machines must be a
/// decision (DESIGN.md, "Binding").
fn access(settings: &Settings, errors: &mut ConfigErrors) -> Access {
    let nobody_is_asked = settings.access_tokens.is_empty() && !settings.tokens.are_used();
    match (settings.access, nobody_is_asked) {
        (AccessSetting::Open, false) => {
            errors.push(
                "access",
                "is \"open\" although access_tokens or [tokens] are set; remove one of the two",
            );
            Access::Tokens
        }
        (AccessSetting::Open, true) => Access::Open,
        (AccessSetting::Local, false) => Access::Tokens,
        (AccessSetting::Local, true) => {
            let kurento = if settings.kurento.enabled { &settings.kurento.addresses[..] } else { &[] };
            for (name, addresses) in
                [("http.addresses", &settings.http.addresses[..]), ("kurento.addresses", kurento)]
            {
                for address in addresses.iter().filter(|address| !address.is_loopback()) {
                    errors.push(
                        name,
                        format!(
                            "{address} can be reached from other machines and nobody would be asked for a token. \
                             Set access_tokens (KEEL_ACCESS_TOKENS), [tokens], or access = \"open\" (KEEL_ACCESS=open) to \
                             let everyone in"
                        ),
                    );
                }
            }
            Access::Local
        }
    }
}

fn tls(settings: &Settings, errors: &mut ConfigErrors) -> Tls {
    let tls = &settings.tls;
    match (tls.certificate.is_empty(), tls.key.is_empty(), tls.self_signed) {
        (true, true, false) => Tls::Off,
        (true, true, true) => Tls::SelfSigned,
        (false, false, false) => {
            Tls::Files { certificate: PathBuf::from(&tls.certificate), key: PathBuf::from(&tls.key) }
        }
        (false, true, false) => {
            errors.push("tls.key", "is missing; a certificate needs its key");
            Tls::Off
        }
        (true, false, false) => {
            errors.push("tls.certificate", "is missing; a key needs its certificate");
            Tls::Off
        }
        (_, _, true) => {
            errors.push("tls.self_signed", "is set although files are given; remove one of the two");
            Tls::Off
        }
    }
}

fn addresses(settings: &Settings, errors: &mut ConfigErrors) {
    for (name, addresses) in [
        ("http.addresses", &settings.http.addresses),
        ("kurento.addresses", &settings.kurento.addresses),
        ("media.addresses", &settings.media.addresses),
    ] {
        if addresses.is_empty() {
            errors.push(name, "is empty; give at least one address");
        }
        for (place, address) in addresses.iter().enumerate() {
            if addresses.iter().take(place).any(|earlier| earlier == address) {
                errors.push(name, format!("{address} stands there twice; remove one"));
            }
        }
    }
}

fn media(settings: &Settings, errors: &mut ConfigErrors) {
    let media = &settings.media;
    let workers = worker_count(media.workers);
    if media.workers > 256 {
        errors.push("media.workers", format!("{} is more than 256; 0 means one per core", media.workers));
    } else if media.port != 0 && usize::from(media.port) + workers - 1 > usize::from(u16::MAX) {
        errors.push(
            "media.port",
            format!("{workers} workers from port {} go past 65535; choose a lower port", media.port),
        );
    }
    range("media.announce_refresh_s", media.announce_refresh_s, 5..=86_400, errors);
    for network in &media.exclude {
        if let Err(error) = network.parse::<Subnet>() {
            errors.push("media.exclude", format!("{network:?} {error}"));
        }
    }
    let has_choice = media.announce.is_empty() && media.addresses.iter().any(IpAddr::is_unspecified);
    for (name, is_set) in
        [("media.interfaces", !media.interfaces.is_empty()), ("media.exclude", !media.exclude.is_empty())]
    {
        if is_set && !has_choice {
            errors.push(
                name,
                "chooses among this machine's addresses, which media.announce or media.addresses already replace; \
                 remove one of the two",
            );
        }
    }
    range("media.socket_buffer_kib", u64::from(media.socket_buffer_kib), 64..=1_048_576, errors);
    for name in &media.announce {
        match name.parse::<IpAddr>() {
            Ok(address) if address.is_unspecified() || address.is_multicast() => {
                errors.push(
                    "media.announce",
                    format!("{address} is no address of a machine; name one peers can reach"),
                );
            }
            Ok(_) => {}
            Err(_) if is_dns_name(name) => {}
            Err(_) => errors.push(
                "media.announce",
                format!("{name:?} is neither an IP address nor a DNS name; write it without port"),
            ),
        }
    }
}

fn ice(settings: &Settings, errors: &mut ConfigErrors) {
    let server = &settings.ice.stun_server;
    if !server.is_empty() && stun_server(server).is_none() {
        errors.push(
            "ice.stun_server",
            format!("{server:?} is no server; write it as stun.example.org:3478, without stun: before it"),
        );
    }
    // The URL stays out of the message: there is a password in it.
    if !settings.ice.turn_url.is_empty() && turn_url(&settings.ice.turn_url).is_none() {
        errors.push("ice.turn_url", "is no server; write it as user:password@turn.example.org:3478");
    }
}

/// User, password, host and port of a TURN server.
pub(crate) fn turn_url(text: &str) -> Option<(&str, &str, (&str, u16))> {
    // A password may have an '@' in it, an address cannot.
    let (credentials, server) = text.rsplit_once('@')?;
    let (user, password) = credentials.split_once(':').filter(|(user, _)| !user.is_empty())?;
    Some((user, password, stun_server(server)?))
}

/// The host and port of a STUN server: 3478 where none is said (RFC 8489 §18.6).
pub(crate) fn stun_server(text: &str) -> Option<(&str, u16)> {
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Some((text, STUN_PORT)).filter(|_| !ip.is_unspecified());
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok().filter(|port| *port > 0)?),
        None => (text, STUN_PORT),
    };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    match bare {
        Some(host) => host.parse::<Ipv6Addr>().ok().map(|_| (host, port)),
        None => {
            (host.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv4()) || is_dns_name(host)).then_some((host, port))
        }
    }
}

fn turn(settings: &Settings, errors: &mut ConfigErrors) {
    let turn = &settings.turn;
    for (place, address) in turn.addresses.iter().enumerate() {
        if turn.addresses.iter().take(place).any(|earlier| earlier == address) {
            errors.push("turn.addresses", format!("{address} stands there twice; remove one"));
        }
    }
    if !turn.host.is_empty() && turn.host.parse::<IpAddr>().is_err() && !is_dns_name(&turn.host) {
        errors.push("turn.host", format!("{:?} is neither an IP address nor a DNS name", turn.host));
    }
    for address in turn.external.iter().filter(|address| address.is_unspecified() || address.is_multicast()) {
        errors.push("turn.external", format!("{address} is no address of a machine"));
    }
    if turn.relay_port_first < 1024 || turn.relay_port_last.saturating_sub(turn.relay_port_first) < 15 {
        errors.push(
            "turn.relay_port_first",
            format!(
                "{} to {} is no range of sixteen ports or more above 1023; choose another first or last port",
                turn.relay_port_first, turn.relay_port_last
            ),
        );
    }
    for network in &turn.allow_peers {
        if let Err(error) = network.parse::<Network>() {
            errors.push("turn.allow_peers", format!("{network:?} {error}"));
        }
    }
    if turn.realm.is_empty()
        || turn.realm.len() > 64
        || !turn.realm.bytes().all(|byte| byte.is_ascii_graphic())
    {
        errors.push("turn.realm", "is to be 1 to 64 letters, digits and signs");
    }
    if !turn.secret.is_empty() && turn.secret.len() < SECRET_BYTES_MIN {
        errors.push(
            "turn.secret",
            format!("is shorter than {SECRET_BYTES_MIN} characters; `openssl rand -hex 16` makes one"),
        );
    }
    range("turn.credential_lifetime_s", turn.credential_lifetime_s, 60..=31_536_000, errors);
    for (name, value) in [
        ("turn.allocations", turn.allocations),
        ("turn.allocations_per_user", turn.allocations_per_user),
        ("turn.allocations_per_address", turn.allocations_per_address),
    ] {
        range(name, u64::from(value), 1..=60_000, errors);
    }
    range("turn.bandwidth_kbps", u64::from(turn.bandwidth_kbps), 64..=10_000_000, errors);
}

fn rooms(settings: &Settings, errors: &mut ConfigErrors) {
    let rooms = &settings.rooms;
    range("rooms.rooms_max", u64::from(rooms.rooms_max), 1..=100_000, errors);
    // A participant receives 64 lines at most, and every voice must fit.
    range("rooms.size_max", u64::from(rooms.size_max), 2..=60, errors);
    range("rooms.empty_s", rooms.empty_s, 1..=31_536_000, errors);
    range("rooms.resume_s", rooms.resume_s, 1..=600, errors);
}

fn live(settings: &Settings, errors: &mut ConfigErrors) {
    let live = &settings.live;
    range("live.streams_max", u64::from(live.streams_max), 1..=100_000, errors);
    range("live.viewers_max", u64::from(live.viewers_max), 1..=1_000_000, errors);
    range("live.viewers_wait_s", live.viewers_wait_s, 0..=86_400, errors);
    range("live.resume_s", live.resume_s, 1..=3_600, errors);
}

fn limits(settings: &Settings, errors: &mut ConfigErrors) {
    let limits = &settings.limits;
    for (name, value) in [
        ("limits.connections", limits.connections),
        ("limits.connections_per_address", limits.connections_per_address),
        ("limits.sessions_per_worker", limits.sessions_per_worker),
        ("limits.pipelines", limits.pipelines),
    ] {
        range(name, u64::from(value), 1..=1_000_000, errors);
    }
}

fn kurento(settings: &Settings, errors: &mut ConfigErrors) {
    let kurento = &settings.kurento;
    range("kurento.garbage_collection_s", kurento.garbage_collection_s, 1..=86_400, errors);
    for (name, value) in [
        ("kurento.objects_per_session_max", kurento.objects_per_session_max),
        ("kurento.objects_max", kurento.objects_max),
        ("kurento.sessions_max", kurento.sessions_max),
    ] {
        range(name, u64::from(value), 1..=10_000_000, errors);
    }
}

fn range(name: &str, value: u64, allowed: RangeInclusive<u64>, errors: &mut ConfigErrors) {
    if !allowed.contains(&value) {
        errors.push(name, format!("{value} is outside {} to {}", allowed.start(), allowed.end()));
    }
}

fn tokens(settings: &Settings, errors: &mut ConfigErrors) {
    let access = settings.access_tokens.iter().map(|token| ("access_tokens", token));
    let admin =
        std::iter::once(("admin_token", &settings.admin_token)).filter(|(_, token)| !token.is_empty());
    for (name, token) in access.chain(admin) {
        // The token itself stays out of the message: messages end in logs.
        if token.len() < TOKEN_LENGTH_MIN {
            errors.push(
                name,
                format!(
                    "a token is shorter than {TOKEN_LENGTH_MIN} characters; `openssl rand -hex 16` makes one"
                ),
            );
        } else if !token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)) {
            errors.push(name, "a token has characters that a URL would change; use letters, digits and -._~");
        }
    }
    if settings.access_tokens.contains(&settings.admin_token) {
        errors.push("admin_token", "is an access token as well; visitors would be administrators");
    }
}

fn web_tokens(settings: &Settings, errors: &mut ConfigErrors) {
    let tokens = &settings.tokens;
    secret("tokens.secret", &tokens.secret, errors);
    range("tokens.reload_s", tokens.reload_s, 1..=86_400, errors);
    if !tokens.keys.is_empty()
        && let Err(error) = KeySource::parse(&tokens.keys)
    {
        errors.push("tokens.keys", error.to_string());
    }
    let asks_for_claims = !tokens.issuer.is_empty() || !tokens.audience.is_empty();
    if asks_for_claims && !tokens.are_used() {
        errors
            .push("tokens.secret", "is missing, as is tokens.keys: issuer and audience alone check nothing");
    }
}

fn webhooks(settings: &Settings, errors: &mut ConfigErrors) {
    let webhooks = &settings.webhooks;
    secret("webhooks.secret", &webhooks.secret, errors);
    range("webhooks.answer_s", webhooks.answer_s, 1..=60, errors);
    if webhooks.urls.len() > RECEIVERS_MAX {
        errors.push("webhooks.urls", format!("there are more than {RECEIVERS_MAX}"));
    }
    if webhooks.secret.is_empty() && !webhooks.urls.is_empty() {
        errors.push("webhooks.secret", "is missing: receivers could not tell deliveries from forgeries");
    }
    for (place, url) in webhooks.urls.iter().enumerate() {
        if let Err(error) = WebhookReceiver::parse(url) {
            errors.push("webhooks.urls", format!("entry {} {error}", place + 1));
        }
        if webhooks.urls.iter().take(place).any(|earlier| earlier == url) {
            errors.push("webhooks.urls", format!("entry {} stands there twice; remove one", place + 1));
        }
    }
}

/// A secret of HMAC-SHA256 has at least the size of the hash (RFC 7518 §3.2).
fn secret(name: &str, text: &str, errors: &mut ConfigErrors) {
    if !text.is_empty() && text.len() < SECRET_LENGTH_MIN {
        errors.push(
            name,
            format!("is shorter than {SECRET_LENGTH_MIN} characters; `openssl rand -hex 32` makes one"),
        );
    }
}

/// RFC 6454 §6.2: an origin is scheme, host and port, and nothing else.
fn check_origin(origin: &str, errors: &mut ConfigErrors) {
    let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://")).unwrap_or_default();
    let plain = host
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.:[]".contains(&byte));
    if host.is_empty() || !plain {
        errors.push(
            "allowed_origins",
            format!("{origin:?} is no origin; write it as https://app.example.org, lower case, without path"),
        );
    }
}

fn check_ice_server(server: &IceServerSetting, errors: &mut ConfigErrors) {
    if server.urls.is_empty() {
        errors.push("ice_servers", "an entry has no urls; add one or remove the entry");
    }
    for url in &server.urls {
        // RFC 7064 §3.1 and RFC 7065 §3.1: the schemes, followed by the host without slashes.
        let relay = url.starts_with("turn:") || url.starts_with("turns:");
        let known = relay || url.starts_with("stun:") || url.starts_with("stuns:");
        if !known || url.contains("//") || url.ends_with(':') {
            errors.push(
                "ice_servers",
                format!("{url:?} is no ICE server; write it as stun:host:port or turn:host:port"),
            );
        } else if relay && (server.username.is_empty() || server.credential.is_empty()) {
            errors.push("ice_servers", format!("{url} needs username and credential"));
        }
    }
}

/// RFC 1123 §2.1: labels of letters, digits and inner hyphens.
fn is_dns_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    // A last label of digits only would be a mistyped IPv4 address.
    name.len() <= 253 && name.split('.').all(label) && !last.bytes().all(|byte| byte.is_ascii_digit())
}

/// The worker threads that the setting stands for: 0 is one per core.
pub(crate) fn worker_count(setting: u16) -> usize {
    match setting {
        0 => std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
        count => usize::from(count),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(toml: &str) -> String {
        let settings: Settings = toml::from_str(toml).expect("readable settings");
        config(settings).expect_err("a refusal").to_string()
    }

    fn accepted(toml: &str) -> Config {
        let settings: Settings = toml::from_str(toml).expect("readable settings");
        config(settings).expect("valid settings")
    }

    #[test]
    fn the_defaults_are_valid_and_local() {
        let config = config(Settings::default()).expect("valid defaults");
        assert_eq!((config.access, config.tls), (Access::Local, Tls::Off));
    }

    #[test]
    fn a_public_address_needs_tokens_or_an_explicit_open() {
        let public = "[http]\naddresses = [\"0.0.0.0\", \"127.0.0.1\"]\n";
        let refusal = problem(public);
        assert!(refusal.starts_with("http.addresses: 0.0.0.0 can be reached"), "{refusal}");
        assert!(refusal.contains("KEEL_ACCESS_TOKENS") && refusal.contains("KEEL_ACCESS=open"), "{refusal}");
        assert_eq!(refusal.lines().count(), 1, "loopback is fine: {refusal}");

        let with_tokens = format!("access_tokens = [\"0123456789abcdef\"]\n{public}");
        assert_eq!(accepted(&with_tokens).access, Access::Tokens);
        assert_eq!(accepted(&format!("access = \"open\"\n{public}")).access, Access::Open);
    }

    #[test]
    fn a_stun_server_is_a_host_and_perhaps_a_port() {
        for (text, expected) in [
            ("stun.example.org", Some(("stun.example.org", 3478))),
            ("stun.example.org:19302", Some(("stun.example.org", 19302))),
            ("192.0.2.7:1", Some(("192.0.2.7", 1))),
            ("2001:db8::7", Some(("2001:db8::7", 3478))),
            ("[2001:db8::7]:5", Some(("2001:db8::7", 5))),
            ("stun:stun.example.org", None),
            ("stun.example.org:0", None),
            ("0.0.0.0", None),
            ("192.0.2", None),
        ] {
            assert_eq!(stun_server(text), expected, "{text}");
        }
        assert_eq!(turn_url("me:p@ss@[::1]:1"), Some(("me", "p@ss", ("::1", 1))));
        let refusal = problem("[ice]\nturn_url = \"secret@host\"\n");
        assert!(refusal.starts_with("ice.turn_url: ") && !refusal.contains("secret"), "{refusal}");
        assert!(problem("[ice]\nstun_server = \"stun:a.example\"\n").starts_with("ice.stun_server: "));
    }

    #[test]
    fn an_ipv6_wildcard_is_public_too() {
        assert!(problem("[http]\naddresses = [\"::\"]\n").contains(":: can be reached"));
    }

    #[test]
    fn a_protocol_that_is_off_may_have_any_address() {
        accepted("[kurento]\nenabled = false\naddresses = [\"0.0.0.0\"]\n");
    }

    #[test]
    fn tokens_on_loopback_are_asked_for() {
        assert_eq!(accepted("access_tokens = [\"0123456789abcdef\"]").access, Access::Tokens);
        let keys = "[tokens]\nkeys = \"keys.json\"\n[http]\naddresses = [\"0.0.0.0\"]";
        assert_eq!(accepted(keys).access, Access::Tokens);
    }

    #[test]
    fn tls_is_off_self_signed_or_two_files() {
        assert_eq!(accepted("[tls]\nself_signed = true").tls, Tls::SelfSigned);
        assert_eq!(
            accepted("[tls]\ncertificate = \"c.pem\"\nkey = \"k.pem\"").tls,
            Tls::Files { certificate: "c.pem".into(), key: "k.pem".into() }
        );
    }

    #[test]
    fn every_rule_names_its_field_and_what_to_do() {
        for (toml, expected) in [
            ("data_dir = \"\"", "data_dir: is empty; name a directory"),
            ("ring_timeout_s = 0", "ring_timeout_s: 0 is outside 1 to 600"),
            ("shutdown_deadline_s = 601", "shutdown_deadline_s: 601 is outside 1 to 600"),
            ("access = \"open\"\naccess_tokens = [\"0123456789abcdef\"]", "access: is \"open\" although"),
            ("access_tokens = [\"short\"]", "access_tokens: a token is shorter than 16 characters"),
            ("access_tokens = [\"0123456789 abcdef\"]", "access_tokens: a token has characters that a URL"),
            ("admin_token = \"short\"", "admin_token: a token is shorter than 16"),
            (
                "admin_token = \"0123456789abcdef\"\naccess_tokens = [\"0123456789abcdef\"]",
                "admin_token: is an access token as well",
            ),
            ("[tokens]\nsecret = \"short\"", "tokens.secret: is shorter than 32 characters"),
            ("[tokens]\nissuer = \"me\"", "tokens.secret: is missing, as is tokens.keys"),
            ("[tokens]\nkeys = \"http://keys.example/\"", "tokens.keys: must be https"),
            ("[tokens]\nkeys = \"ftp://keys.example/\"", "tokens.keys: is no http or https URL"),
            ("[tokens]\nreload_s = 0", "tokens.reload_s: 0 is outside 1 to 86400"),
            ("access = \"open\"\n[tokens]\nkeys = \"keys.json\"", "access: is \"open\" although"),
            ("[webhooks]\nurls = [\"https://h.example/\"]", "webhooks.secret: is missing"),
            ("[webhooks]\nsecret = \"short\"", "webhooks.secret: is shorter than 32 characters"),
            (
                "[webhooks]\nsecret = \"0123456789abcdef0123456789abcdef\"\nurls = [\"hooks\"]",
                "webhooks.urls: entry 1 is no http or https URL",
            ),
            (
                "[webhooks]\nsecret = \"0123456789abcdef0123456789abcdef\"\nurls = [\"https://me:pw@h.example/\"]",
                "webhooks.urls: entry 1 has a user name; put secrets elsewhere",
            ),
            (
                "[webhooks]\nsecret = \"0123456789abcdef0123456789abcdef\"\nurls = [\"https://h.example/\", \"https://h.example/\"]",
                "webhooks.urls: entry 2 stands there twice",
            ),
            ("[webhooks]\nanswer_s = 61", "webhooks.answer_s: 61 is outside 1 to 60"),
            ("allowed_origins = [\"app.example\"]", "allowed_origins: \"app.example\" is no origin"),
            (
                "allowed_origins = [\"https://app.example/\"]",
                "allowed_origins: \"https://app.example/\" is no origin",
            ),
            ("allowed_origins = [\"https://App.example\"]", "lower case"),
            ("ice_servers = [{ urls = [] }]", "ice_servers: an entry has no urls"),
            ("ice_servers = [{ urls = [\"stun://h\"] }]", "ice_servers: \"stun://h\" is no ICE server"),
            ("ice_servers = [{ urls = [\"http:h\"] }]", "ice_servers: \"http:h\" is no ICE server"),
            ("ice_servers = [{ urls = [\"turn:h\"] }]", "ice_servers: turn:h needs username and credential"),
            ("[http]\naddresses = []", "http.addresses: is empty"),
            ("[http]\naddresses = [\"::1\", \"::1\"]", "http.addresses: ::1 stands there twice"),
            ("[media]\naddresses = []", "media.addresses: is empty"),
            ("[media]\nworkers = 257", "media.workers: 257 is more than 256"),
            ("[media]\nworkers = 2\nport = 65535", "media.port: 2 workers from port 65535 go past 65535"),
            ("[media]\nsocket_buffer_kib = 1", "media.socket_buffer_kib: 1 is outside 64 to"),
            ("[media]\nannounce = [\"0.0.0.0\"]", "media.announce: 0.0.0.0 is no address of a machine"),
            ("[media]\nannounce = [\"1.2.3.4:5\"]", "media.announce: \"1.2.3.4:5\" is neither"),
            ("[media]\nannounce = [\"1.2.3.400\"]", "media.announce: \"1.2.3.400\" is neither"),
            ("[media]\nannounce_refresh_s = 4", "media.announce_refresh_s: 4 is outside 5 to"),
            ("[media]\nexclude = [\"172.17.0.1/16\"]", "media.exclude: \"172.17.0.1/16\" is no network"),
            ("[media]\nannounce = [\"1.2.3.4\"]\ninterfaces = [\"eth0\"]", "media.interfaces: chooses among"),
            ("[media]\naddresses = [\"10.0.0.1\"]\nexclude = [\"::/0\"]", "media.exclude: chooses among"),
            ("[kurento]\naddresses = []", "kurento.addresses: is empty"),
            ("[kurento]\naddresses = [\"0.0.0.0\"]", "kurento.addresses: 0.0.0.0 can be reached"),
            ("[kurento]\ngarbage_collection_s = 0", "kurento.garbage_collection_s: 0 is outside 1 to"),
            ("[kurento]\nobjects_per_session_max = 0", "kurento.objects_per_session_max: 0 is outside"),
            ("[kurento]\nobjects_max = 0", "kurento.objects_max: 0 is outside"),
            ("[kurento]\nsessions_max = 0", "kurento.sessions_max: 0 is outside"),
            ("[rooms]\nrooms_max = 0", "rooms.rooms_max: 0 is outside 1 to"),
            ("[rooms]\nsize_max = 61", "rooms.size_max: 61 is outside 2 to 60"),
            ("[rooms]\nempty_s = 0", "rooms.empty_s: 0 is outside 1 to"),
            ("[rooms]\nresume_s = 601", "rooms.resume_s: 601 is outside 1 to 600"),
            ("[live]\nstreams_max = 0", "live.streams_max: 0 is outside 1 to"),
            ("[live]\nviewers_max = 0", "live.viewers_max: 0 is outside 1 to"),
            ("[live]\nviewers_wait_s = 86401", "live.viewers_wait_s: 86401 is outside 0 to 86400"),
            ("[live]\nresume_s = 0", "live.resume_s: 0 is outside 1 to 3600"),
            ("[limits]\nconnections = 0", "limits.connections: 0 is outside 1 to"),
            ("[limits]\nconnections_per_address = 0", "limits.connections_per_address: 0 is outside"),
            ("[limits]\nsessions_per_worker = 0", "limits.sessions_per_worker: 0 is outside"),
            ("[limits]\npipelines = 0", "limits.pipelines: 0 is outside"),
            ("[tls]\ncertificate = \"c.pem\"", "tls.key: is missing"),
            ("[tls]\nkey = \"k.pem\"", "tls.certificate: is missing"),
            (
                "[tls]\ncertificate = \"c\"\nkey = \"k\"\nself_signed = true",
                "tls.self_signed: is set although",
            ),
            ("[log]\nfilter = \"loud,,=\"", "log.filter: "),
        ] {
            let text = problem(toml);
            assert!(text.contains(expected), "for {toml:?} expected {expected:?}, found {text:?}");
            assert_eq!(text.lines().count(), 1, "one mistake, one line: {text}");
        }
    }

    #[test]
    fn a_refusal_never_repeats_a_token() {
        assert!(!problem("access_tokens = [\"my secret\"]").contains("secret"));
    }

    #[test]
    fn what_operators_write_is_accepted() {
        accepted(
            "allowed_origins = [\"https://app.example.org:8443\", \"http://[::1]:3000\"]\n\
             ice_servers = [{ urls = [\"stun:stun.example.org:3478\"] }, \
             { urls = [\"turns:t.example:443?transport=tcp\"], username = \"u\", credential = \"c\" }]\n\
             [media]\nannounce = [\"203.0.113.7\", \"2001:db8::7\", \"media.example.org\"]\nport = 65535\nworkers = 1\n\
             announce_refresh_s = 5\n[log]\nfilter = \"info,keel_media=debug\"\n",
        );
        accepted("[media]\ninterfaces = [\"eth0\", \"lo\"]\nexclude = [\"172.16.0.0/12\", \"fd00::/8\"]\n");
    }
}
