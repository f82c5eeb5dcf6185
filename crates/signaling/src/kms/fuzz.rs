//! The whole dispatcher under any requests, for the fuzz target: beside a model of which objects live.

use super::dispatch::{Dispatcher, Handled};
use super::jsonrpc::{Answer, Method, ObjectRef, Outcome, Request, Success, answer_text, parse};
use super::model::Value;
use super::outbox::outbox;
use super::session::SocketId;
use super::{Kurento, KurentoConfig};
use crate::live::Reception;
use crate::metrics::Metrics;
use keel_media::{MediaConfig, MediaServer};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::runtime::Runtime;

/// Applications that send.
const SOCKETS: u8 = 2;

/// Objects that one play may have; what it creates beyond is refused.
const OBJECTS_MAX: usize = 64;

/// A server for all plays: starting media takes longer than most of them.
struct Stage {
    runtime: Runtime,
    kurento: Kurento,
}

fn stage() -> &'static Mutex<Stage> {
    static STAGE: OnceLock<Mutex<Stage>> = OnceLock::new();
    STAGE.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("the system has what a runtime needs");
        let media = MediaConfig {
            workers: 1,
            bind: vec![Ipv4Addr::LOCALHOST.into()],
            port_base: 0,
            ..MediaConfig::default()
        };
        let media = MediaServer::start(media).expect("media starts on loopback");
        let config = KurentoConfig { objects_max: OBJECTS_MAX, ..KurentoConfig::default() };
        let metrics = Arc::new(Metrics::new());
        let kurento =
            runtime.block_on(async { Kurento::start(config, media, metrics, Reception::deserted()) });
        Mutex::new(Stage { runtime, kurento })
    })
}

/// Plays `input` as the requests of two applications, one a line: the first byte says whose it is, the rest
/// is the text, in which `@0` to `@9` stand for the objects created last. A third application holds every
/// object, so that only `release` and a session that is closed with it can end one. In the end all leave.
///
/// # Panics
/// When a request is answered otherwise than the model of live objects says, or anything is left in the end.
pub fn kurento_protocol(input: &[u8]) {
    let stage = stage().lock().unwrap_or_else(PoisonError::into_inner);
    stage.runtime.block_on(async {
        let mut play = Play::begin(&stage.kurento).await;
        for line in input.split(|byte| *byte == b'\n') {
            if let Some((who, text)) = line.split_first() {
                play.line(*who, &String::from_utf8_lossy(text)).await;
            }
        }
        play.end().await;
    });
}

/// One play, and what is known of its objects.
struct Play<'a> {
    kurento: &'a Kurento,
    sockets: Vec<(SocketId, Dispatcher)>,
    /// Holds every object.
    holder: (SocketId, Dispatcher),
    created: Vec<String>,
    live: BTreeSet<String>,
}

/// What the model expects of a request.
enum Expectation {
    /// It ends no object, and concerns this one.
    Concerns(String),
    /// It ends this one with everything below it.
    Releases(String),
    /// It may end objects, so the holder looks.
    MayEnd,
    Nothing,
}

impl<'a> Play<'a> {
    async fn begin(kurento: &'a Kurento) -> Self {
        let open = || {
            let shared = kurento.shared();
            let socket = shared.sessions().open(outbox(OBJECTS_MAX * 64).0);
            (socket, Dispatcher::new(Arc::clone(shared), socket))
        };
        let sockets = (0..SOCKETS).map(|_| open()).collect();
        let manager = "manager_ServerManager".to_owned();
        Self {
            kurento,
            sockets,
            holder: open(),
            created: vec![manager.clone()],
            live: BTreeSet::from([manager]),
        }
    }

    async fn line(&mut self, who: u8, text: &str) {
        let text = self.with_objects(text);
        let request = match parse(&text) {
            Ok(request) => request,
            Err(answer) => return check(&answer),
        };
        let expected = expectation(&request);
        let id = request.id.clone();
        let (_, dispatcher) = &self.sockets[usize::from(who % SOCKETS)];
        // What takes long is given up, as by a client that has gone.
        let Handled::Now(answer) = dispatcher.handle(request).await else { return };
        assert!(id.is_none_or(|id| id == answer.id), "the answer is another request's: {text}");
        check(&answer);
        let code = answer.result.as_ref().err().map(|failure| failure.code.number());
        match expected {
            Expectation::Concerns(object) if !self.live.contains(&object) => {
                assert!(code.is_some(), "{object} does not live: {text}");
            }
            Expectation::Releases(object) if code.is_none() => {
                let below = format!("{object}/");
                self.live.retain(|live| {
                    live == "manager_ServerManager" || *live != object && !live.starts_with(&below)
                });
            }
            Expectation::MayEnd => self.look().await,
            Expectation::Concerns(_) | Expectation::Releases(_) | Expectation::Nothing => {}
        }
        self.learn(&answer).await;
        self.agree(&text).await;
    }

    /// New objects are held, and known from now on.
    async fn learn(&mut self, answer: &Answer) {
        let Ok(Success { outcome, .. }) = &answer.result else { return };
        match outcome {
            Outcome::Value(Value::Object(id)) => {
                let id = id.as_str().to_owned();
                if !self.created.contains(&id) && self.lives(&id).await {
                    self.created.push(id.clone());
                    self.live.insert(id);
                }
            }
            Outcome::Operations(answers) => {
                for answer in answers {
                    Box::pin(self.learn(answer)).await;
                }
            }
            _ => {}
        }
    }

    /// Takes note of what has ended.
    async fn look(&mut self) {
        for id in self.live.clone() {
            if !self.lives(&id).await {
                self.live.remove(&id);
            }
        }
    }

    /// Code 40101 is for exactly the objects that have ended.
    async fn agree(&self, text: &str) {
        for id in &self.created {
            assert_eq!(self.lives(id).await, self.live.contains(id), "{id} after {text}");
        }
    }

    /// Whether the holder finds an object, which it holds from then on.
    async fn lives(&self, id: &str) -> bool {
        let method = Ok(Method::Ref { object: ObjectRef(id.to_owned()) });
        // `ref` needs a session, and `connect` makes one.
        let (_, dispatcher) = &self.holder;
        dispatcher.handle(request(Ok(Method::Connect))).await;
        match dispatcher.handle(request(method)).await {
            Handled::Now(Answer { result: Ok(_), .. }) => true,
            Handled::Now(Answer { result: Err(failure), .. }) => {
                assert_eq!(failure.code.number(), 40101, "{failure}");
                false
            }
            Handled::Later(_) => panic!("`ref` takes no time"),
        }
    }

    fn with_objects(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (digit, id) in ('0'..='9').zip(self.created.iter().rev()) {
            text = text.replace(&format!("@{digit}"), id);
        }
        text
    }

    /// Everybody leaves; then there is nothing but the server's own object.
    async fn end(self) {
        let shared = self.kurento.shared();
        for (socket, _) in self.sockets.iter().chain([&self.holder]) {
            shared.sessions().close(*socket);
        }
        let left = shared.sessions().ids();
        for session in left {
            self.holder.1.close_session(session.name(), false).await;
        }
        let gauges = self.kurento.gauges();
        let objects: usize = gauges.objects_by_class.values().sum();
        assert_eq!((gauges.sockets, gauges.sessions, objects), (0, 0, 1), "{:?}", gauges.objects_by_class);
    }
}

fn request(method: Result<Method, super::failure::Failure>) -> Request {
    Request { id: None, session: None, label: "fuzz", method }
}

fn expectation(request: &Request) -> Expectation {
    match &request.method {
        Ok(
            Method::Describe { object } | Method::Invoke { object, .. } | Method::Subscribe { object, .. },
        ) => Expectation::Concerns(object.0.clone()),
        Ok(Method::Release { object }) => Expectation::Releases(object.0.clone()),
        Ok(Method::Transaction(_) | Method::CloseSession { release: true }) => Expectation::MayEnd,
        _ => Expectation::Nothing,
    }
}

/// Every answer is JSON, with a result or an error.
fn check(answer: &Answer) {
    let text = answer_text(answer);
    let json: serde_json::Value = serde_json::from_str(&text).expect("answers are JSON");
    assert!(json.get("result").is_some() != json.get("error").is_some(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_come_and_go_and_garbage_is_borne() {
        let say = |who: u8, method: &str, params: &str| {
            format!("{who}{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"{method}\",\"params\":{params}}}\n")
        };
        let play = [
            say(0, "create", r#"{"type":"MediaPipeline"}"#),
            say(1, "create", r#"{"type":"PassThrough","constructorParams":{"mediaPipeline":"@0"}}"#),
            say(0, "invoke", r#"{"object":"@0","operation":"connect","operationParams":{"sink":"@0"}}"#),
            say(1, "closeSession", r#"{"release":true}"#),
            say(1, "describe", r#"{"object":"@0"}"#),
            say(0, "release", r#"{"object":"@1"}"#),
            say(0, "describe", r#"{"object":"@1"}"#),
            "\u{1f6a2}\n0[]\n".to_owned(),
        ]
        .concat();
        kurento_protocol(play.as_bytes());
    }
}
