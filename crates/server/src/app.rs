//! Wiring: builds the parts from the configuration, starts them, and ends them in order.

use crate::announce::{Announcer, resolve};
use crate::config::{
    Access, Config, FilterSetting, KurentoSettings, PlacementSetting, Settings, worker_count,
};
use crate::listen::{Place, interface_addresses, listen};
use crate::report::Report;
use crate::secret::{Secret, probe};
use crate::shared_port::{Aside, SharedPort};
use crate::tls::CertificateFiles;
use crate::turn::{self, Surroundings, Turn};
use crate::{file_limit, relay, shutdown::Signals, stun};
use anyhow::Context;
use axum::Router;
use axum_server::Handle;
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use keel_media::{AnnouncedAddress, IceCredentials, MediaConfig, MediaServer, Placement, Subnet};
use keel_signaling::{
    AppState, Filters, IceServer, KeySource, KurentoConfig, Limits, LiveLimits, OriginPolicy, RoomLimits,
    Store, Token, TokenConfig, TokenSecret, TurnOffer, WebhookConfig, WebhookReceiver, kurento_router,
};
use keel_turn::{ForeignRelays, TurnServer};
use std::fs;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};
use tokio::task::JoinSet;

/// How long a client may take to send its request's head; it holds a connection meanwhile.
const REQUEST_HEAD_MAX: Duration = Duration::from_secs(10);

/// A running server.
pub(crate) struct App {
    config: Config,
    data_dir: PathBuf,
    interfaces: Vec<IpAddr>,
    listening: Vec<SocketAddr>,
    kurento: Vec<SocketAddr>,
    kurento_tls: Vec<SocketAddr>,
    media: MediaServer,
    turn: Option<Turn>,
    signaling: AppState,
    http: Handle<SocketAddr>,
    /// One task per listener.
    servers: JoinSet<std::io::Result<()>>,
    /// Looks up the STUN server, keeps relayed addresses; ends with this.
    _background: JoinSet<()>,
    /// What follows announced names; it ends when dropped.
    _announcing: JoinSet<()>,
}

/// Where a server is reached on this machine.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// HTTP or HTTPS.
    pub(crate) http: Vec<SocketAddr>,
    /// The Kurento protocol.
    pub(crate) kurento: Vec<SocketAddr>,
    /// Media, as peers are told.
    pub(crate) media: Vec<AnnouncedAddress>,
    /// TURN over UDP and TCP; none where it is off.
    pub(crate) turn: Vec<SocketAddr>,
    /// TURN over TLS.
    pub(crate) turn_tls: Vec<SocketAddr>,
}

impl App {
    /// Starts everything that `config` asks for.
    ///
    /// # Errors
    /// What could not be started, with the setting to change where one helps.
    pub(crate) async fn start(config: Config) -> anyhow::Result<Self> {
        file_limit::raise(config.settings.limits.connections);
        let data_dir = make_data_dir(&config.settings.data_dir)?;
        if let Some(keys) = token_config(&config.settings).keys {
            keys.check().with_context(|| format!("tokens.keys: {}", config.settings.tokens.keys))?;
        }
        let interfaces = interface_addresses()?;
        let announce = resolve(&config.settings.media.announce).await?;
        let certificate = CertificateFiles::of(&config.tls, &data_dir);
        let tls = match &certificate {
            Some(files) => {
                if config.settings.tls.self_signed {
                    let names = names(interfaces.iter().chain(&announce));
                    // clock: the certificate's validity is in calendar time.
                    files.ensure_self_signed(names, SystemTime::now())?;
                }
                Some((files.server_config()?, files.shared_config()?))
            }
            None => None,
        };
        let pages = listen(page_place(&config))?;
        let kurento = kurento_listeners(&config.settings.kurento, tls.is_some())?;
        let (listening, plain, secured) =
            (addresses(&pages)?, addresses(&kurento.plain)?, addresses(&kurento.tls)?);

        let probe = probe(&Secret::Check.keep(&data_dir)?);
        let media = MediaServer::start(media_config(&config, announce.clone(), Some(probe)))
            .context("media did not start; the settings under [media] decide (--media-port, --announce)")?;
        let surroundings = Surroundings {
            data_dir: &data_dir,
            interfaces: &interfaces,
            announce: &announce,
            certificate: certificate.as_ref(),
            http: &listening,
            media: &media,
        };
        let turn = turn::start(&config, &surroundings).context("the TURN server did not start")?;
        let mut background = JoinSet::new();
        let (relays, keeper) = ForeignRelays::new();
        background.spawn(keeper.run());
        let turn_url = &config.settings.ice.turn_url;
        if !turn_url.is_empty() {
            background.spawn(relay::keep(media.clone(), relays.clone(), turn_url.clone()));
        }
        let stun_server = &config.settings.ice.stun_server;
        if !stun_server.is_empty() {
            background.spawn(stun::keep_told(media.clone(), stun_server.clone()));
        }
        let store = Store::open(&data_dir.join("keel.redb")).context("the store in data_dir did not open")?;
        let offer = turn.as_ref().map(|turn| turn.offer.clone());
        let signaling = AppState::new(signaling_config(&config, offer, relays), media.clone(), store);

        let http = Handle::new();
        let mut servers = JoinSet::new();
        let page = keel_signaling::router(signaling.clone());
        let protocol = kurento_router(signaling.clone());
        let guest = turn.as_ref().filter(|turn| turn.shares_https).map(|turn| turn.offer.server.clone());
        let (alone, shared) = tls.unzip();
        let security = |config, turn| Security { config: RustlsConfig::from_config(config), turn };
        let for_pages = match guest {
            Some(turn) => shared.map(|config| security(config, Some(turn))),
            None => alone.clone().map(|config| security(config, None)),
        };
        let alone = alone.map(|config| security(config, None));
        for (listeners, security, router) in
            [(pages, for_pages, &page), (kurento.plain, None, &protocol), (kurento.tls, alone, &protocol)]
        {
            for listener in listeners {
                servers.spawn(serve(listener, security.clone(), http.clone(), router.clone()));
            }
        }
        let mut announcing = JoinSet::new();
        let relaying = turn.as_ref().map(|turn| turn.relaying.clone());
        if let Some(announcer) = Announcer::new(&config, announce, media.clone(), relaying, signaling.clone())
        {
            announcing.spawn(announcer.run());
        }
        Ok(Self {
            config,
            data_dir,
            interfaces,
            listening,
            kurento: plain,
            kurento_tls: secured,
            media,
            turn,
            signaling,
            http,
            servers,
            _background: background,
            _announcing: announcing,
        })
    }

    /// What to print once the server is ready.
    pub(crate) fn report(&self) -> String {
        let report = Report {
            config: &self.config,
            listening: &self.listening,
            kurento: &self.kurento,
            kurento_tls: &self.kurento_tls,
            interfaces: &self.interfaces,
            turn: self.turn.as_ref(),
            workers: worker_count(self.config.settings.media.workers),
            data_dir: &self.data_dir,
        };
        report.text()
    }

    /// Where it is reached.
    pub(crate) fn places(&self) -> Places {
        let turn = self.turn.as_ref();
        let listening = turn.map(|turn| turn.listening.clone()).unwrap_or_default();
        let tls_port = turn.and_then(|turn| turn.tls_port);
        Places {
            http: self.listening.clone(),
            kurento: self.kurento.iter().chain(&self.kurento_tls).copied().collect(),
            media: self.media.announced_addresses(),
            turn_tls: tls_port
                .into_iter()
                .flat_map(|port| listening.iter().map(move |address| SocketAddr::new(address.ip(), port)))
                .collect(),
            turn: listening,
        }
    }

    /// Ends it.
    pub(crate) async fn end(self) {
        let deadline = Duration::from_secs(self.config.settings.shutdown_deadline_s);
        self.drain(deadline).await;
    }

    /// Serves until a signal comes, then ends all calls.
    ///
    /// # Errors
    /// When a listener fails; the calls are ended then, too.
    pub(crate) async fn run(mut self, signals: &mut Signals) -> anyhow::Result<ExitCode> {
        let failure = tokio::select! {
            () = signals.next() => None,
            Some(ended) = self.servers.join_next() => Some(ended),
        };
        let deadline = Duration::from_secs(self.config.settings.shutdown_deadline_s);
        let code = signals.drain(deadline, self.drain(deadline)).await;
        match failure {
            None => Ok(code),
            Some(ended) => {
                ended.context("an HTTP listener panicked")?.context("an HTTP listener failed")?;
                anyhow::bail!("an HTTP listener ended by itself")
            }
        }
    }

    /// Ends in the order in which peers notice least: nobody new, then the calls with a word to their
    /// peers, then the sockets, then the media that no call uses any more.
    async fn drain(mut self, deadline: Duration) {
        self.http.graceful_shutdown(Some(deadline));
        self.signaling.shutdown(deadline).await;
        while self.servers.join_next().await.is_some() {}
        self.media.stop().await;
        if let Some(turn) = self.turn {
            turn.offer.server.stop().await;
        }
    }
}

/// How a listener speaks TLS, and who shares it.
#[derive(Clone)]
struct Security {
    config: RustlsConfig,
    turn: Option<TurnServer>,
}

async fn serve(
    listener: TcpListener,
    security: Option<Security>,
    handle: Handle<SocketAddr>,
    router: Router,
) -> std::io::Result<()> {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let mut server = axum_server::from_tcp(listener)?
        .handle(handle)
        .first_request_timeout(REQUEST_HEAD_MAX)
        .accept_error_handler(|_, error| {
            if !Aside::is_behind(error) {
                tracing::warn!(%error, "cannot accept a connection");
            }
        });
    server.http_builder().http1().header_read_timeout(REQUEST_HEAD_MAX);
    // A message is one small write, and the next one waits for nobody: Nagle's algorithm (RFC 9293 §3.7.4) with
    // delayed acknowledgements would hold an event back 40 ms behind an answer.
    match security {
        None => server.acceptor(NoDelayAcceptor::new()).serve(service).await,
        Some(Security { config, turn }) => {
            let acceptor = RustlsAcceptor::new(config).acceptor(NoDelayAcceptor::new());
            server.acceptor(SharedPort::new(acceptor, turn)).serve(service).await
        }
    }
}

pub(crate) fn page_place(config: &Config) -> Place<'_> {
    let http = &config.settings.http;
    Place {
        addresses: &http.addresses,
        port: http.port,
        section: "http",
        port_setting: "http.port",
        port_flag: "--http-port",
    }
}

/// The listeners of the Kurento protocol: none while it is off.
#[derive(Default)]
pub(crate) struct KurentoListeners {
    pub(crate) plain: Vec<TcpListener>,
    pub(crate) tls: Vec<TcpListener>,
}

pub(crate) fn kurento_listeners(
    settings: &KurentoSettings,
    has_tls: bool,
) -> anyhow::Result<KurentoListeners> {
    if !settings.enabled {
        return Ok(KurentoListeners::default());
    }
    let plain = Place {
        addresses: &settings.addresses,
        port: settings.port,
        section: "kurento",
        port_setting: "kurento.port",
        port_flag: "--kurento-port",
    };
    let tls = Place {
        // Who asks for any free port runs several servers on one machine.
        port: if settings.port == 0 { 0 } else { settings.tls_port },
        port_setting: "kurento.tls_port",
        port_flag: "--kurento-tls-port",
        ..plain
    };
    Ok(KurentoListeners { plain: listen(plain)?, tls: if has_tls { listen(tls)? } else { Vec::new() } })
}

fn addresses(listeners: &[TcpListener]) -> std::io::Result<Vec<SocketAddr>> {
    listeners.iter().map(TcpListener::local_addr).collect()
}

pub(crate) fn make_data_dir(path: &str) -> anyhow::Result<PathBuf> {
    let problem = || format!("data_dir: cannot use {path}; choose another with --data-dir");
    fs::create_dir_all(path).with_context(problem)?;
    fs::canonicalize(path).with_context(problem)
}

/// What a self-signed certificate stands for.
fn names<'a>(addresses: impl Iterator<Item = &'a IpAddr>) -> Vec<String> {
    let local = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let mut names: Vec<String> = local.into_iter().chain(addresses.map(IpAddr::to_string)).collect();
    names.sort();
    names.dedup();
    names
}

pub(crate) fn media_config(
    config: &Config,
    announce: Vec<IpAddr>,
    probe: Option<IceCredentials>,
) -> MediaConfig {
    let media = &config.settings.media;
    let limits = &config.settings.limits;
    MediaConfig {
        workers: worker_count(media.workers),
        placement: match media.placement {
            PlacementSetting::Together => Placement::Together,
            PlacementSetting::Spread => Placement::Spread,
        },
        bind: media.addresses.clone(),
        port_base: media.port,
        tcp: media.tcp,
        announce,
        interfaces: media.interfaces.clone(),
        excluded: media.exclude.iter().filter_map(|network| network.parse::<Subnet>().ok()).collect(),
        probe,
        sessions_per_worker_max: limits.sessions_per_worker as usize,
        pipelines_max: limits.pipelines as usize,
        socket_buffer_bytes: media.socket_buffer_kib as usize * 1024,
        trace_packets_every: media.trace_packets_every,
        ..MediaConfig::default()
    }
}

fn signaling_config(
    config: &Config,
    turn: Option<TurnOffer>,
    relays: ForeignRelays,
) -> keel_signaling::Config {
    let settings = &config.settings;
    let optional = |text: &String| (!text.is_empty()).then(|| text.clone());
    keel_signaling::Config {
        ice_servers: settings
            .ice_servers
            .iter()
            .map(|server| IceServer {
                urls: server.urls.clone(),
                username: optional(&server.username),
                credential: optional(&server.credential),
            })
            .collect(),
        turn,
        access_tokens: settings.access_tokens.iter().filter_map(Token::new).collect(),
        admin_token: Token::new(&settings.admin_token),
        origins: OriginPolicy {
            allowed: settings.allowed_origins.clone(),
            loopback_only: config.access == Access::Local,
        },
        tokens: token_config(settings),
        webhooks: webhook_config(settings),
        limits: signaling_limits(settings),
        kurento: KurentoConfig { relays: Some(relays), ..kurento_config(&settings.kurento) },
    }
}

/// The settings are valid: nothing is left out.
pub(crate) fn token_config(settings: &Settings) -> TokenConfig {
    let tokens = &settings.tokens;
    let optional = |text: &String| (!text.is_empty()).then(|| text.clone());
    TokenConfig {
        secret: TokenSecret::new(&tokens.secret),
        keys: optional(&tokens.keys).and_then(|keys| KeySource::parse(&keys).ok()),
        reload_every: Duration::from_secs(tokens.reload_s),
        issuer: optional(&tokens.issuer),
        audience: optional(&tokens.audience),
    }
}

/// The settings are valid: nothing is left out.
fn webhook_config(settings: &Settings) -> WebhookConfig {
    let webhooks = &settings.webhooks;
    WebhookConfig {
        receivers: webhooks.urls.iter().filter_map(|url| WebhookReceiver::parse(url).ok()).collect(),
        secret: TokenSecret::new(&webhooks.secret),
        answer_max: Duration::from_secs(webhooks.answer_s),
    }
}

fn kurento_config(settings: &KurentoSettings) -> KurentoConfig {
    KurentoConfig {
        compression: settings.compression,
        collection_period: Duration::from_secs(settings.garbage_collection_s),
        objects_per_session_max: settings.objects_per_session_max as usize,
        objects_max: settings.objects_max as usize,
        sessions_max: settings.sessions_max as usize,
        filters: match settings.filters {
            FilterSetting::Refuse => Filters::Refuse,
            FilterSetting::Passthrough => Filters::PassThrough,
        },
        metadata: settings.metadata.clone(),
        ..KurentoConfig::default()
    }
}

fn signaling_limits(settings: &Settings) -> Limits {
    let (limits, rooms, live) = (&settings.limits, &settings.rooms, &settings.live);
    Limits {
        connections_max: limits.connections as usize,
        connections_per_address_max: limits.connections_per_address as usize,
        users_online_max: limits.connections as usize,
        ring_max: Duration::from_secs(settings.ring_timeout_s),
        rooms: RoomLimits {
            rooms_max: rooms.rooms_max as usize,
            size_max: rooms.size_max as usize,
            empty_max: Duration::from_secs(rooms.empty_s),
            resume_max: Duration::from_secs(rooms.resume_s),
            ..RoomLimits::default()
        },
        live: LiveLimits {
            streams_max: live.streams_max as usize,
            viewers_max: live.viewers_max as usize,
            viewers_wait_max: Duration::from_secs(live.viewers_wait_s),
            resume_max: Duration::from_secs(live.resume_s),
            presenters_take_over: live.take_over,
            ..LiveLimits::default()
        },
        ..Limits::default()
    }
}
