//! The keys in force, read again at an interval and when a token names one that is not known, so that keys are
//! changed without a restart. When the source cannot be read, the keys that are there stay.

use super::grants::Grants;
use super::jwt::{self, Expected, NewToken, TOKEN_BYTES_MAX, TokenError};
use super::key::{BYTES_MAX, Key, KeySet, KeySetError, SECRET_BYTES_MIN};
use super::permit::Permit;
use crate::metrics::Metrics;
use crate::outbound::{Client, OutboundError, Target, TargetError};
use crate::user_name::{NameError, UserName};
use axum::http::{HeaderMap, Method};
use bytes::Bytes;
use std::fmt;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep_until, timeout};

/// How JSON Web Tokens are checked and made. The default accepts none.
#[derive(Clone, Debug)]
pub struct TokenConfig {
    /// A secret for HS256.
    pub secret: Option<TokenSecret>,
    /// Where further keys are.
    pub keys: Option<KeySource>,
    /// How often the source is read. Default: every minute.
    pub reload_every: Duration,
    /// What the claim `iss` must be, where it is asked for.
    pub issuer: Option<String>,
    /// What the claim `aud` must be or contain, where it is asked for.
    pub audience: Option<String>,
}

/// A secret of at least 32 bytes. Never shown.
#[derive(Clone)]
pub struct TokenSecret(String);

/// Where keys are read from: a JSON Web Key Set (RFC 7517), or a plain secret.
#[derive(Clone, PartialEq, Eq)]
pub struct KeySource(Source);

#[derive(Clone, PartialEq, Eq)]
enum Source {
    File(PathBuf),
    Url(Target),
}

/// Why keys could not be read.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct KeysError(#[from] Unreadable);

#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error("cannot read the file: {0}")]
    File(#[from] std::io::Error),
    #[error(transparent)]
    Url(#[from] OutboundError),
    #[error("the answer has status {0}")]
    Status(u16),
    #[error("{0}")]
    Set(#[from] KeySetError),
}

/// The least time between two readings that unknown keys ask for: strangers can name any.
const UNKNOWN_KEY_EVERY: Duration = Duration::from_secs(10);

/// How long a source that could not be read is left alone.
const RETRY_EVERY: Duration = Duration::from_secs(5);

/// How long a key set may take to come.
const FETCH_MAX: Duration = Duration::from_secs(5);

/// How long a request waits for keys that may have its own.
const WAIT_MAX: Duration = Duration::from_secs(6);

impl Default for TokenConfig {
    fn default() -> Self {
        Self { secret: None, keys: None, reload_every: Duration::from_secs(60), issuer: None, audience: None }
    }
}

impl TokenConfig {
    /// Whether tokens are accepted.
    #[must_use]
    pub fn is_used(&self) -> bool {
        self.secret.is_some() || self.keys.is_some()
    }

    /// A token with these grants for the time `valid`, signed with the secret, or else with one that the file
    /// of keys has. `subject` becomes its claim `sub`, which Keel does not look at. Reads the file.
    ///
    /// # Errors
    /// When there is no secret to sign with, or the grants are not ones that would be accepted.
    pub fn mint(
        &self,
        grants: &Grants,
        subject: Option<&str>,
        valid: Duration,
    ) -> Result<MintedToken, MintError> {
        let read = self.keys.as_ref().filter(|_| self.secret.is_none()).map(KeySource::read_file);
        let keys = self.set(read.transpose().map_err(KeysError)?.unwrap_or_default());
        mint(&keys, &self.expected(), grants, subject, valid)
    }

    fn expected(&self) -> Expected {
        Expected { issuer: self.issuer.clone(), audience: self.audience.clone() }
    }

    /// The secret's key and those of `set`.
    fn set(&self, set: KeySet) -> KeySet {
        set.with(self.secret.as_ref().and_then(TokenSecret::key))
    }
}

impl TokenSecret {
    /// The secret; `None` when it is shorter than 32 bytes (RFC 7518 §3.2).
    #[must_use]
    pub fn new(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        (text.len() >= SECRET_BYTES_MIN).then_some(Self(text))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    fn key(&self) -> Option<Key> {
        Key::secret(self.0.as_bytes())
    }
}

impl fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSecret(hidden)")
    }
}

impl KeySource {
    /// The source that a setting names: a URL if it looks like one, else a file.
    ///
    /// # Errors
    /// When it is a URL that is not `https`; on this machine `http` will do.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        if text.contains("://") {
            Ok(Self(Source::Url(Target::parse_secure(text)?)))
        } else {
            Ok(Self(Source::File(PathBuf::from(text))))
        }
    }

    /// Reads a file; a URL is not asked. Blocks for the time that takes.
    ///
    /// # Errors
    /// When the file cannot be read or has no key that can be used.
    pub fn check(&self) -> Result<(), KeysError> {
        match &self.0 {
            Source::File(_) => Ok(self.read_file().map(|_| ())?),
            Source::Url(_) => Ok(()),
        }
    }

    fn read_file(&self) -> Result<KeySet, Unreadable> {
        let Source::File(path) = &self.0 else { return Ok(KeySet::default()) };
        let mut bytes = Vec::new();
        // One byte more than may be, so that too much is noticed.
        std::fs::File::open(path)?.take(BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
        Ok(KeySet::parse(&bytes)?)
    }
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::File(path) => path.fmt(f),
            Source::Url(target) => target.fmt(f),
        }
    }
}

/// A token that was made.
#[derive(Debug)]
pub struct MintedToken {
    /// The token.
    pub token: String,
    /// Its claim `exp`, in Unix seconds.
    pub expires: u64,
}

/// Why no token was made.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// There are public keys only, or none.
    #[error("there is no secret to sign tokens with: whoever has the private keys makes them")]
    NoSecret,
    /// The name of the grants is none.
    #[error("`name`: {0}")]
    Name(#[from] NameError),
    /// The grants would make a token of more than 8 KiB.
    #[error("the token would be longer than {TOKEN_BYTES_MAX} bytes")]
    TooLong,
    /// The keys could not be read.
    #[error(transparent)]
    Keys(#[from] KeysError),
}

fn mint(
    keys: &KeySet,
    expected: &Expected,
    grants: &Grants,
    subject: Option<&str>,
    valid: Duration,
) -> Result<MintedToken, MintError> {
    if let Some(name) = &grants.name {
        UserName::parse(name)?;
    }
    let now = SystemTime::now(); // clock: tokens end by the wall's
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let claims = NewToken {
        exp: since.saturating_add(valid).as_secs(),
        iat: since.as_secs(),
        sub: subject,
        iss: expected.issuer.as_deref(),
        aud: expected.audience.as_deref(),
        keel: grants,
    };
    let token = keys.signer().and_then(|key| jwt::sign(&claims, key)).ok_or(MintError::NoSecret)?;
    if token.len() > TOKEN_BYTES_MAX {
        return Err(MintError::TooLong);
    }
    Ok(MintedToken { token, expires: claims.exp })
}

/// The keys, for whoever checks or makes tokens. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Keyring {
    /// What was read last.
    loaded: watch::Receiver<Loaded>,
    /// Asks for another reading. One question may wait: all who ask wait for the same answer.
    asks: mpsc::Sender<()>,
    expected: Arc<Expected>,
}

#[derive(Clone, Default)]
struct Loaded {
    keys: Arc<KeySet>,
    /// Goes up with each answer to those who asked, also when nothing changed.
    readings: u64,
}

/// The task that reads the source.
pub(crate) struct Reloader {
    config: TokenConfig,
    source: KeySource,
    client: Client,
    loaded: watch::Sender<Loaded>,
    asked: mpsc::Receiver<()>,
    metrics: Arc<Metrics>,
}

impl Keyring {
    /// The keys of `config`, and the task that keeps them up to date, if it has a source. A file is read
    /// here, once, so that no request comes before it.
    pub(crate) fn new(config: &TokenConfig, metrics: &Arc<Metrics>) -> (Self, Option<Reloader>) {
        let first = match config.keys.as_ref().map(KeySource::read_file) {
            None => KeySet::default(),
            Some(Ok(set)) => set,
            Some(Err(error)) => {
                tracing::error!(%error, "there are no keys for tokens yet");
                KeySet::default()
            }
        };
        let first = Arc::new(config.set(first));
        metrics.set_token_keys(first.len());
        let (sender, loaded) = watch::channel(Loaded { keys: first, readings: 0 });
        let (asks, asked) = mpsc::channel(1);
        let keyring = Self { loaded, asks, expected: Arc::new(config.expected()) };
        let reloader = config.keys.clone().map(|source| Reloader {
            config: config.clone(),
            source,
            client: Client::new(),
            loaded: sender,
            asked,
            metrics: Arc::clone(metrics),
        });
        (keyring, reloader)
    }

    /// What the holder of `token` may do. Waits for the source to be read again when the token names a key
    /// that is not there.
    pub(crate) async fn verify(&self, token: &str) -> Result<Permit, TokenError> {
        let (keys, readings) = self.now();
        let now = SystemTime::now(); // clock: tokens end by the wall's
        match jwt::verify(token, &keys, &self.expected, now) {
            Err(TokenError::UnknownKey) if self.is_read_again(readings).await => {
                jwt::verify(token, &self.now().0, &self.expected, now)
            }
            verdict => verdict,
        }
    }

    /// A token with these grants.
    pub(crate) fn mint(
        &self,
        grants: &Grants,
        subject: Option<&str>,
        valid: Duration,
    ) -> Result<MintedToken, MintError> {
        mint(&self.now().0, &self.expected, grants, subject, valid)
    }

    fn now(&self) -> (Arc<KeySet>, u64) {
        let loaded = self.loaded.borrow();
        (Arc::clone(&loaded.keys), loaded.readings)
    }

    /// Whether the source was looked at since reading number `readings`.
    async fn is_read_again(&self, readings: u64) -> bool {
        // Full: somebody else has asked. Closed: nobody reads, so nobody is to be waited for.
        if let Err(mpsc::error::TrySendError::Closed(())) = self.asks.try_send(()) {
            return false;
        }
        let mut loaded = self.loaded.clone();
        let changed = loaded.wait_for(|loaded| loaded.readings > readings);
        matches!(timeout(WAIT_MAX, changed).await, Ok(Ok(_)))
    }
}

impl Reloader {
    /// Reads until nobody is left to use the keys.
    pub(crate) async fn run(mut self) {
        // A file has just been read.
        let mut wait =
            if matches!(self.source.0, Source::File(_)) { self.config.reload_every } else { Duration::ZERO };
        let mut last = None::<Instant>;
        loop {
            let due = Instant::now() + wait; // clock: the interval of readings
            tokio::select! {
                () = sleep_until(due.into()) => {}
                asked = self.asked.recv() => {
                    let now = Instant::now(); // clock: bounds how often strangers can ask
                    match asked {
                        None => return,
                        // Asked a moment ago, the source would say the same: what is there is the answer.
                        Some(()) if last.is_some_and(|last| now - last < UNKNOWN_KEY_EVERY) => {
                            self.loaded.send_modify(|loaded| loaded.readings += 1);
                            wait = due.saturating_duration_since(now);
                            continue;
                        }
                        Some(()) => last = Some(now),
                    }
                }
            }
            let usual = self.config.reload_every;
            wait = if self.reload().await { usual } else { usual.min(RETRY_EVERY) };
        }
    }

    /// Whether the source could be read.
    async fn reload(&self) -> bool {
        let result = self.read().await;
        let is_read = result.is_ok();
        self.metrics.count_token_key_reading(is_read);
        match result {
            Ok(keys) => {
                let keys = Arc::new(self.config.set(keys));
                self.metrics.set_token_keys(keys.len());
                self.loaded.send_modify(|loaded| {
                    *loaded = Loaded { keys, readings: loaded.readings + 1 };
                });
            }
            Err(error) => {
                tracing::warn!(%error, source = ?self.source, "the keys for tokens cannot be read; those that are known stay");
                self.loaded.send_modify(|loaded| loaded.readings += 1);
            }
        }
        is_read
    }

    async fn read(&self) -> Result<KeySet, Unreadable> {
        match &self.source.0 {
            Source::File(_) => {
                let source = self.source.clone();
                let read = tokio::task::spawn_blocking(move || source.read_file()).await;
                read.unwrap_or_else(|error| Err(std::io::Error::other(error).into()))
            }
            Source::Url(target) => {
                let sent = self.client.send(
                    target,
                    Method::GET,
                    HeaderMap::new(),
                    Bytes::new(),
                    BYTES_MAX,
                    FETCH_MAX,
                );
                let answer = sent.await?;
                match answer.status {
                    200 => Ok(KeySet::parse(&answer.body)?),
                    status => Err(Unreadable::Status(status)),
                }
            }
        }
    }
}
