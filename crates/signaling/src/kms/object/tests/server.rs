//! A server with its manager, and applications that use it.

use crate::kms::failure::{Code, Failure};
use crate::kms::model::{Class, Filters, RawArguments, Value, coerce};
use crate::kms::object::{
    Action, Census, CensusLimits, Host, Notification, ObjectId, Reply, Surroundings, Tree, TreeRequest,
};
use crate::kms::session_id::{SessionId, SessionName};
use keel_media::{MediaConfig, MediaServer};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// Events that wait for a story to look at them; more than any has.
const EVENTS_MAX: usize = 4096;

/// Nothing on one machine takes this long.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) const LIMITS: CensusLimits = CensusLimits { objects_max: 100, objects_per_session_max: 50 };

pub(super) struct Server {
    surroundings: Arc<Surroundings>,
    inboxes: BTreeMap<String, mpsc::Sender<TreeRequest>>,
    tasks: JoinSet<()>,
    events: mpsc::Receiver<(SessionId, Notification)>,
}

/// All applications' sockets.
struct Sockets(mpsc::Sender<(SessionId, Notification)>);

impl Host for Sockets {
    fn deliver(&self, session: &SessionId, notification: Notification) {
        self.0.try_send((session.clone(), notification)).expect("no story has so many events");
    }

    fn sessions(&self) -> Vec<SessionId> {
        vec![session("anna"), session("ben")]
    }
}

impl Server {
    pub(super) async fn start(filters: Filters, limits: CensusLimits) -> Self {
        let config = MediaConfig {
            workers: 1,
            bind: vec![Ipv4Addr::LOCALHOST.into()],
            port_base: 0,
            seed: Some(5),
            ..MediaConfig::default()
        };
        let (sender, events) = mpsc::channel(EVENTS_MAX);
        let (manager, notices) = mpsc::channel(EVENTS_MAX);
        let surroundings = Arc::new(Surroundings {
            host: Arc::new(Sockets(sender)),
            media: MediaServer::start(config).expect("loopback has free ports"),
            census: Arc::new(Census::new(limits)),
            filters,
            relays: None,
            metadata: "in a test".to_owned(),
            manager,
            streams: crate::live::Reception::deserted(),
        });
        let manager = Tree::create_manager(Arc::clone(&surroundings), notices).expect("there is room");
        let mut tasks = JoinSet::new();
        tasks.spawn(manager.task);
        let inboxes = BTreeMap::from([(manager.root.as_str().to_owned(), manager.inbox)]);
        Self { surroundings, inboxes, tasks, events }
    }

    /// Everything ends; the media server has nothing left.
    pub(super) async fn stop(mut self) {
        self.inboxes.clear();
        while let Some(ended) = self.tasks.join_next().await {
            ended.expect("a tree ends in order");
        }
        let left = self.surroundings.media.snapshot().await;
        assert_eq!((left.pipelines, left.endpoints, left.sessions), (0, 0, 0));
        assert!(self.surroundings.census.by_class().values().all(|count| *count == 0));
        self.surroundings.media.stop().await;
    }

    pub(super) async fn pipeline(&mut self, who: &str) -> Result<ObjectId, Failure> {
        let tree = Tree::create_pipeline(Arc::clone(&self.surroundings), &session(who)).await?;
        self.tasks.spawn(tree.task);
        self.inboxes.insert(tree.root.as_str().to_owned(), tree.inbox);
        Ok(tree.root)
    }

    /// Creates an object of this class below `parent`, which the class's first parameter names.
    pub(super) async fn create(
        &mut self,
        who: &str,
        class: &str,
        parent: &ObjectId,
        mut arguments: Json,
    ) -> Result<ObjectId, Failure> {
        let class = Class::to_create(class, self.surroundings.filters)?;
        let params = class.constructor_params();
        arguments[params[0].name] = parent.as_str().into();
        let action =
            Action::Create { class, parent: parent.clone(), arguments: coerce(params, &raw(arguments))? };
        match self.ask(who, parent, action).await? {
            Reply::Created(id) => Ok(id),
            _ => panic!("a create answers with an id"),
        }
    }

    pub(super) async fn invoke(
        &mut self,
        who: &str,
        object: &ObjectId,
        operation: &str,
        arguments: Json,
    ) -> Result<Value, Failure> {
        let method = object.class().method(operation).expect("the class has the operation");
        let method = coerce(&method.params(), &raw(arguments)).map(|arguments| (method, arguments));
        match self.ask(who, object, Action::Invoke { object: object.clone(), method }).await? {
            Reply::Value(value) => Ok(value),
            Reply::Later(value) => value.await,
            _ => panic!("an operation answers with a value"),
        }
    }

    /// What `anna` asks of an object, which succeeds.
    pub(super) async fn get(&mut self, object: &ObjectId, operation: &str, arguments: Json) -> Value {
        match self.invoke("anna", object, operation, arguments).await {
            Ok(value) => value,
            Err(failure) => panic!("{operation}: {failure}"),
        }
    }

    /// The code with which `anna` is refused.
    pub(super) async fn refused(&mut self, object: &ObjectId, operation: &str, arguments: Json) -> Code {
        self.invoke("anna", object, operation, arguments).await.expect_err("it is refused").code
    }

    pub(super) async fn listen(&mut self, who: &str, object: &ObjectId, name: &str) {
        let (event, name) = object.class().event(name).expect("the class has the event");
        let action = Action::Subscribe { object: object.clone(), event, name };
        assert!(matches!(self.ask(who, object, action).await, Ok(Reply::Subscribed(_))));
    }

    pub(super) async fn release(&mut self, who: &str, object: &ObjectId) {
        let action = Action::Release { object: object.clone() };
        assert!(matches!(self.ask(who, object, action).await, Ok(Reply::Done)));
    }

    /// The collector, or the application itself, ends a session.
    pub(super) async fn end_session(&mut self, who: &str, release: bool) {
        for inbox in self.inboxes.values() {
            let (reply, answer) = oneshot::channel();
            let action = Action::EndSession { release };
            let request = TreeRequest { session: session(who), action, reply };
            if inbox.send(request).await.is_ok() {
                // A tree that ends with the session drops the question or answers it.
                let _ = answer.await;
            }
        }
    }

    /// Whether the object is there, asked in a way that leaves it unused.
    pub(super) fn lives(&self, object: &ObjectId) -> bool {
        self.surroundings.census.contains(object)
    }

    /// The next `count` events, and who was told of them.
    pub(super) async fn told(&mut self, count: usize) -> Vec<(String, Notification)> {
        let mut told = Vec::new();
        while told.len() < count {
            match tokio::time::timeout(PATIENCE, self.events.recv()).await {
                Ok(Some((session, event))) => told.push((session.as_str().to_owned(), event)),
                _ => panic!("only {} of {count} events came: {told:?}", told.len()),
            }
        }
        assert!(self.events.try_recv().is_err(), "more than {count} events came");
        told
    }

    /// The events that nobody has looked at yet.
    pub(super) fn told_so_far(&mut self) -> Vec<Notification> {
        std::iter::from_fn(|| self.events.try_recv().ok()).map(|(_, event)| event).collect()
    }

    /// The events up to and with the first one that `is_last`.
    pub(super) async fn told_until(&mut self, is_last: impl Fn(&Notification) -> bool) -> Vec<Notification> {
        let mut told: Vec<Notification> = Vec::new();
        while !told.last().is_some_and(&is_last) {
            match tokio::time::timeout(PATIENCE, self.events.recv()).await {
                Ok(Some((_, event))) => told.push(event),
                _ => panic!("it did not come; told: {:?}", super::stage::names(&told)),
            }
        }
        told
    }

    pub(super) async fn ask(&self, who: &str, object: &ObjectId, action: Action) -> Result<Reply, Failure> {
        let gone = || Failure::object_not_found(object.as_str());
        let (reply, answer) = oneshot::channel();
        let request = TreeRequest { session: session(who), action, reply };
        let inbox = self.inboxes.get(object.root()).ok_or_else(gone)?;
        inbox.send(request).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

pub(super) fn session(name: &str) -> SessionId {
    SessionId::living(SessionName::parse(name).expect("a name"), 1)
}

fn raw(arguments: Json) -> RawArguments {
    RawArguments::new(Some(arguments)).expect("arguments are an object")
}
