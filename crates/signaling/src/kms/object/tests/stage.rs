//! A pipeline, an application that uses it, and what the application is told.

use crate::kms::failure::{Code, Failure};
use crate::kms::model::class::{MEDIA_PIPELINE, WEB_RTC_ENDPOINT};
use crate::kms::model::{Class, Filters, RawArguments, Value, coerce};
use crate::kms::object::census::Place;
use crate::kms::object::{
    Action, Census, CensusLimits, Host, Notice, Notification, ObjectId, Reply, Surroundings, Tree,
    TreeRequest,
};
use crate::kms::session_id::SessionId;
use keel_media::{MediaConfig, MediaServer};
use serde_json::{Value as Json, json};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use uuid::Uuid;

/// Events that wait for a story to look at them; more than any has.
const EVENTS_MAX: usize = 4096;
/// Nothing on one machine takes this long.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Stage {
    media: MediaServer,
    census: Arc<Census>,
    pub(super) pipeline: ObjectId,
    session: SessionId,
    requests: mpsc::Sender<TreeRequest>,
    events: mpsc::Receiver<Notification>,
    /// What waits for the manager, which no story has.
    _notices: mpsc::Receiver<Notice>,
    task: JoinHandle<()>,
}

/// The application's socket.
struct Socket {
    session: SessionId,
    events: mpsc::Sender<Notification>,
}

impl Host for Socket {
    fn deliver(&self, session: &SessionId, notification: Notification) {
        assert_eq!(*session, self.session);
        self.events.try_send(notification).expect("no story has so many events");
    }

    fn sessions(&self) -> Vec<SessionId> {
        vec![self.session.clone()]
    }
}

impl Stage {
    pub(super) async fn open() -> Self {
        let config = MediaConfig {
            workers: 1,
            bind: vec![Ipv4Addr::LOCALHOST.into()],
            port_base: 0,
            seed: Some(3),
            ..MediaConfig::default()
        };
        let media = MediaServer::start(config).expect("loopback has free ports");
        let session = SessionId::new("application").expect("a name");
        let (sender, events) = mpsc::channel(EVENTS_MAX);
        let (manager, notices) = mpsc::channel(EVENTS_MAX);
        let limits = CensusLimits { objects_max: 1_000, objects_per_session_max: 1_000 };
        let census = Arc::new(Census::new(limits));
        let surroundings = Surroundings {
            host: Arc::new(Socket { session: session.clone(), events: sender }),
            media: media.clone(),
            census: census.clone(),
            filters: Filters::Refuse,
            metadata: String::new(),
            manager,
        };
        let tree = Tree::create_pipeline(Arc::new(surroundings), &session).await.expect("there is room");
        let task = tokio::spawn(tree.task);
        Self {
            media,
            census,
            pipeline: tree.root,
            session,
            requests: tree.inbox,
            events,
            _notices: notices,
            task,
        }
    }

    /// Releases the pipeline; nothing of it is left.
    pub(super) async fn close(mut self) {
        let pipeline = self.pipeline.clone();
        self.ask(Action::Release { object: pipeline }).await.expect("a release has no errors");
        self.task.await.expect("the tree ends in order");
        self.events.close();
        let left = self.media.snapshot().await;
        assert_eq!((left.pipelines, left.endpoints, left.sessions), (0, 0, 0));
        self.media.stop().await;
    }

    /// An element of another pipeline, there as long as its place is kept.
    pub(super) fn element_elsewhere(&self) -> (ObjectId, Place) {
        let pipeline = ObjectId::new(None, Uuid::from_u128(7), &MEDIA_PIPELINE);
        let element = ObjectId::new(Some(&pipeline), Uuid::from_u128(8), &WEB_RTC_ENDPOINT);
        let place = self.census.enter(&element, None).expect("there is room");
        (element, place)
    }

    pub(super) async fn endpoint(&mut self, flags: Json) -> ObjectId {
        let pipeline = self.pipeline.clone();
        self.create(&WEB_RTC_ENDPOINT, "mediaPipeline", &pipeline, flags).await
    }

    /// `named` is the parameter that names the parent.
    pub(super) async fn create(
        &mut self,
        class: &'static Class,
        named: &str,
        parent: &ObjectId,
        mut arguments: Json,
    ) -> ObjectId {
        arguments[named] = parent.as_str().into();
        let arguments = coerce(class.constructor_params(), &raw(arguments)).expect("arguments as declared");
        match self.ask(Action::Create { class, parent: parent.clone(), arguments }).await {
            Ok(Reply::Created(id)) => id,
            Ok(_) => panic!("a create answers with an id"),
            Err(failure) => panic!("{failure}"),
        }
    }

    pub(super) async fn invoke(
        &mut self,
        object: &ObjectId,
        operation: &str,
        arguments: Json,
    ) -> Result<Value, Failure> {
        let method = object.class().method(operation).expect("the class has the operation");
        let method = coerce(&method.params(), &raw(arguments)).map(|arguments| (method, arguments));
        match self.ask(Action::Invoke { object: object.clone(), method }).await? {
            Reply::Value(value) => Ok(value),
            _ => panic!("operations of elements answer with a value"),
        }
    }

    /// An operation that succeeds.
    pub(super) async fn done(&mut self, object: &ObjectId, operation: &str, arguments: Json) -> Value {
        match self.invoke(object, operation, arguments).await {
            Ok(value) => value,
            Err(failure) => panic!("{operation}: {failure}"),
        }
    }

    /// An operation that gives a text.
    pub(super) async fn text(&mut self, object: &ObjectId, operation: &str, arguments: Json) -> String {
        self.done(object, operation, arguments).await.as_text().expect("a text").to_owned()
    }

    /// An operation that fails.
    pub(super) async fn refused(&mut self, object: &ObjectId, operation: &str, arguments: Json) -> Code {
        match self.invoke(object, operation, arguments).await {
            Ok(value) => panic!("{operation} gave {value:?}"),
            Err(failure) => failure.code,
        }
    }

    /// Subscribes to events; all that the class has for an empty list.
    pub(super) async fn listen(&mut self, object: &ObjectId, names: &[&'static str]) {
        let class = object.class();
        let all: Vec<&'static str> = std::iter::once(class)
            .chain(class.lineage())
            .flat_map(|class| class.events)
            .map(|event| event.name)
            .collect();
        for name in if names.is_empty() { &all[..] } else { names } {
            let (event, name) = class.event(name).expect("the class has the event");
            let subscribed = self.ask(Action::Subscribe { object: object.clone(), event, name }).await;
            assert!(matches!(subscribed, Ok(Reply::Subscribed(_))));
        }
    }

    /// What was told since the last look, in order. Operations tell what they cause before they answer.
    pub(super) fn told(&mut self) -> Vec<Notification> {
        std::iter::from_fn(|| self.events.try_recv().ok()).collect()
    }

    /// What is told up to and with the first event that `is_last`.
    pub(super) async fn told_until(&mut self, is_last: impl Fn(&Notification) -> bool) -> Vec<Notification> {
        let mut told = Vec::new();
        while !told.last().is_some_and(&is_last) {
            match tokio::time::timeout(PATIENCE, self.events.recv()).await {
                Ok(Some(event)) => told.push(event),
                _ => panic!("it did not come; told so far: {:?}", names(&told)),
            }
        }
        told
    }

    pub(super) async fn release(&mut self, object: &ObjectId) {
        self.ask(Action::Release { object: object.clone() }).await.expect("a release has no errors");
    }

    async fn ask(&mut self, action: Action) -> Result<Reply, Failure> {
        let (reply, answer) = oneshot::channel();
        let request = TreeRequest { session: self.session.clone(), action, reply };
        self.requests.send(request).await.ok().expect("the tree lives");
        answer.await.expect("the tree lives")
    }
}

/// The names of events, with their state where they have one.
pub(super) fn names(told: &[Notification]) -> Vec<String> {
    let name = |event: &Notification| {
        let state = event.data.given("state").or_else(|| event.data.given("newState"));
        match state.and_then(Value::as_word) {
            Some(state) => format!("{} {state}", event.name),
            None => event.name.to_owned(),
        }
    };
    told.iter().map(name).collect()
}

pub(super) fn none() -> Json {
    json!({})
}

fn raw(arguments: Json) -> RawArguments {
    RawArguments::new(Some(arguments)).expect("arguments are an object")
}
