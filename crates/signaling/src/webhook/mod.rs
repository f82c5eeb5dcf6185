//! Webhooks: what happens is told to applications by HTTP, at least once and in order per room, call or
//! stream.
//!
//! One task takes events from a bounded inbox, writes them into the store before anything is sent, and
//! delivers what [`queue`] says is due; what was not delivered is found in the store by the next process.
//! Whoever tells an event never waits.

mod event;
mod queue;
mod signature;

pub(crate) use event::Event;

use crate::auth::TokenSecret;
use crate::metrics::Metrics;
use crate::outbound::{Client, Target, TargetError};
use crate::store::{PendingEvent, Store, UnixMillis};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use queue::{Entry, Lane, Limits, Queue};
use rand::SeedableRng;
use rand::rngs::StdRng;
use ring::hmac;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout};
use uuid::Uuid;

/// Who is told what happens. The default tells nobody.
#[derive(Clone, Debug)]
pub struct WebhookConfig {
    /// Where events are delivered; each receiver gets all of them.
    pub receivers: Vec<WebhookReceiver>,
    /// What deliveries are signed with. Without it nothing is delivered.
    pub secret: Option<TokenSecret>,
    /// How long a receiver may take to answer. Default 10 s.
    pub answer_max: Duration,
}

/// An `http` or `https` URL that events are posted to.
#[derive(Clone, Debug)]
pub struct WebhookReceiver {
    /// What the store knows it by.
    url: String,
    target: Target,
}

impl WebhookReceiver {
    /// The receiver at `url`.
    ///
    /// # Errors
    /// When it is no URL, or has a user name in it.
    pub fn parse(url: &str) -> Result<Self, TargetError> {
        Ok(Self { url: url.to_owned(), target: Target::parse(url)? })
    }
}

impl Default for WebhookConfig {
    fn default() -> Self {
        Self { receivers: Vec::new(), secret: None, answer_max: Duration::from_secs(10) }
    }
}

/// Events that may wait to be written. They come from sockets' requests, whose rates are bounded; the disk
/// takes thousands a second. What finds it full is dropped and counted.
const INBOX_MAX: usize = 4096;

/// Events that are written at once: a write ends with a flush to the disk, so events that wait share one.
const BATCH_MAX: usize = 256;

/// How long the end of the process waits for deliveries. The rest is for the next one.
const LAST_MAX: Duration = Duration::from_secs(2);

/// An event that is not delivered after so long is given up: whoever waits for it has other worries.
const AGE_MAX: Duration = Duration::from_secs(3 * 24 * 3600);

/// The way to tell an event. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Herald {
    inbox: Option<mpsc::Sender<Told>>,
    metrics: Arc<Metrics>,
}

enum Told {
    Event { event: Box<Event>, time: UnixMillis },
    Shutdown,
}

/// The task that writes and delivers.
pub(crate) struct Deliverer {
    receivers: BTreeMap<String, Target>,
    key: hmac::Key,
    answer_max: Duration,
    client: Client,
    store: Store,
    metrics: Arc<Metrics>,
    inbox: mpsc::Receiver<Told>,
    queue: Queue,
    next_number: u64,
    sending: JoinSet<Sent>,
}

/// How a delivery ended.
struct Sent {
    number: u64,
    lane: Lane,
    outcome: Outcome,
}

enum Outcome {
    Delivered,
    Failed,
    /// There is nothing to deliver: it is too old, or not to be had.
    Void,
}

/// Tells events to nobody or to a [`Deliverer`], which is to be run.
pub(crate) fn start(
    config: &WebhookConfig,
    store: &Store,
    metrics: &Arc<Metrics>,
) -> (Herald, Option<Deliverer>) {
    let secret = config.secret.as_ref().filter(|_| !config.receivers.is_empty());
    let Some(secret) = secret else {
        return (Herald { inbox: None, metrics: Arc::clone(metrics) }, None);
    };
    let (sender, inbox) = mpsc::channel(INBOX_MAX);
    let deliverer = Deliverer {
        receivers: config
            .receivers
            .iter()
            .map(|receiver| (receiver.url.clone(), receiver.target.clone()))
            .collect(),
        key: hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()),
        answer_max: config.answer_max,
        client: Client::new(),
        store: store.clone(),
        metrics: Arc::clone(metrics),
        inbox,
        queue: Queue::new(Limits::default(), StdRng::from_rng(&mut rand::rng())),
        next_number: 1,
        sending: JoinSet::new(),
    };
    (Herald { inbox: Some(sender), metrics: Arc::clone(metrics) }, Some(deliverer))
}

impl Herald {
    /// Tells an event, without waiting. With a full inbox it is dropped and counted.
    pub(crate) fn tell(&self, event: Event) {
        let Some(inbox) = &self.inbox else { return };
        if inbox.try_send(Told::Event { event: Box::new(event), time: wall_clock() }).is_err() {
            self.metrics.count_webhooks_dropped("inbox_full", 1);
        }
    }

    /// Has everything written that was told, and ends the deliverer.
    pub(crate) async fn shut_down(&self) {
        if let Some(inbox) = &self.inbox {
            // An error means that it has ended already.
            let _ = inbox.send(Told::Shutdown).await;
        }
    }
}

impl Deliverer {
    /// Runs until it is told to end.
    pub(crate) async fn run(mut self) {
        self.take_up_what_was_left().await;
        loop {
            self.send_what_is_due();
            let due = self.queue.poll_timeout();
            tokio::select! {
                biased;
                told = self.inbox.recv() => {
                    let Some(told) = told else { break };
                    if !self.take(told).await {
                        break;
                    }
                }
                Some(sent) = self.sending.join_next(), if !self.sending.is_empty() => self.settle(sent),
                () = sleep_until(due.unwrap_or_else(now).into()), if due.is_some() => {}
            }
        }
        if timeout(LAST_MAX, self.finish()).await.is_err() {
            tracing::info!(pending = self.queue.len(), "webhooks are left for the next start");
        }
    }

    /// What an earlier process did not deliver.
    async fn take_up_what_was_left(&mut self) {
        let left = self.store.pending_events().await.unwrap_or_default();
        let (ours, others): (Vec<_>, Vec<_>) =
            left.into_iter().partition(|event| self.receivers.contains_key(&event.receiver));
        self.next_number = ours.iter().chain(&others).map(|event| event.number + 1).max().unwrap_or(1);
        // Nobody is left to be told these.
        self.forget(others.iter().map(|event| event.number).collect(), "receiver_gone");
        for PendingEvent { number, receiver, topic, bytes } in ours {
            self.push(Entry { number, lane: Lane { receiver, topic }, bytes });
        }
        self.count_pending();
    }

    /// Writes what was told and whatever waits behind it. Whether it goes on after that.
    async fn take(&mut self, told: Told) -> bool {
        let mut entries = Vec::new();
        let mut rows = Vec::new();
        let mut next = Some(told);
        let mut goes_on = true;
        while let Some(told) = next {
            match told {
                Told::Event { event, time } => self.address(&event, time, &mut entries, &mut rows),
                Told::Shutdown => {
                    goes_on = false;
                    break;
                }
            }
            next = if rows.len() < BATCH_MAX { self.inbox.try_recv().ok() } else { None };
        }
        let count = rows.len() as u64;
        if self.store.push_events(rows).await.is_ok() {
            entries.into_iter().for_each(|entry| self.push(entry));
        } else {
            self.metrics.count_webhooks_dropped("store_failed", count);
        }
        self.count_pending();
        goes_on
    }

    /// An entry and a row of the store for each receiver.
    fn address(
        &mut self,
        event: &Event,
        time: UnixMillis,
        entries: &mut Vec<Entry>,
        rows: &mut Vec<(PendingEvent, UnixMillis, String)>,
    ) {
        let id = Uuid::new_v4().to_string();
        let (topic, body) = (event.topic(), event.body(&id, time));
        for receiver in self.receivers.keys() {
            let number = self.next_number;
            self.next_number += 1;
            let lane = Lane { receiver: receiver.clone(), topic: topic.clone() };
            entries.push(Entry { number, lane, bytes: body.len() });
            let event =
                PendingEvent { number, receiver: receiver.clone(), topic: topic.clone(), bytes: body.len() };
            rows.push((event, time, body.clone()));
        }
    }

    fn push(&mut self, entry: Entry) {
        let given_up = self.queue.push(now(), entry);
        self.forget(given_up, "too_many");
    }

    fn forget(&self, numbers: Vec<u64>, reason: &'static str) {
        if !numbers.is_empty() {
            self.metrics.count_webhooks_dropped(reason, numbers.len() as u64);
            self.store.forget_events(numbers);
        }
    }

    fn count_pending(&self) {
        self.metrics.set_webhooks_pending(self.queue.len());
    }

    fn send_what_is_due(&mut self) {
        while let Some((number, lane)) = self.queue.poll_send(now()) {
            let Some(target) = self.receivers.get(&lane.receiver).cloned() else { continue };
            let (client, store, key) = (self.client.clone(), self.store.clone(), self.key.clone());
            let answer_max = self.answer_max;
            self.sending.spawn(async move {
                let outcome = deliver(&client, &store, &key, &target, number, answer_max).await;
                Sent { number, lane, outcome }
            });
        }
    }

    fn settle(&mut self, sent: Result<Sent, tokio::task::JoinError>) {
        let Sent { number, lane, outcome } = match sent {
            Ok(sent) => sent,
            // Its lane stays busy until the next start, which finds the event in the store.
            Err(error) => return tracing::error!(%error, "a delivery failed"),
        };
        match outcome {
            Outcome::Delivered => {
                self.metrics.count_webhook_delivery(true);
                self.store.forget_events(vec![number]);
            }
            Outcome::Failed => self.metrics.count_webhook_delivery(false),
            // One that was given up while it was sent is counted already.
            Outcome::Void if self.queue.contains(number) => self.forget(vec![number], "too_old"),
            Outcome::Void => {}
        }
        self.queue.handle_result(now(), number, lane, !matches!(outcome, Outcome::Failed));
        self.count_pending();
    }

    /// Delivers what can be delivered at once.
    async fn finish(&mut self) {
        self.send_what_is_due();
        while let Some(sent) = self.sending.join_next().await {
            self.settle(sent);
            self.send_what_is_due();
        }
    }
}

/// One try. The time of the signature is that of the try, so that a receiver can refuse old ones.
async fn deliver(
    client: &Client,
    store: &Store,
    key: &hmac::Key,
    target: &Target,
    number: u64,
    answer_max: Duration,
) -> Outcome {
    let (time, body) = match store.event(number).await {
        Ok(Some(event)) => event,
        Ok(None) => return Outcome::Void,
        Err(_) => return Outcome::Failed,
    };
    let now = wall_clock();
    if Duration::from_millis(now.0.saturating_sub(time.0)) > AGE_MAX {
        return Outcome::Void;
    }
    let signature = signature::signature(key, now.0 / 1000, body.as_bytes());
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(signature) = HeaderValue::from_str(&signature) {
        headers.insert(SIGNATURE, signature);
    }
    match client.send(target, Method::POST, headers, body.into(), 0, answer_max).await {
        Ok(answer) if (200..300).contains(&answer.status) => Outcome::Delivered,
        Ok(answer) => {
            tracing::debug!(status = answer.status, receiver = ?target, "a webhook was not accepted");
            Outcome::Failed
        }
        Err(error) => {
            tracing::debug!(%error, receiver = ?target, "a webhook could not be delivered");
            Outcome::Failed
        }
    }
}

/// `Keel-Signature`.
const SIGNATURE: HeaderName = HeaderName::from_static("keel-signature");

fn now() -> Instant {
    Instant::now() // clock: the deliverer is the queue's edge to real time
}

fn wall_clock() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(); // clock: receivers read it
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
