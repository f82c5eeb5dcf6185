//! What each method does (PROTOCOL.md §4): from a typed request to its answer.

use super::Shared;
use super::failure::{Code, Failure};
use super::jsonrpc::{Answer, Method, ObjectRef, Outcome, Request, RequestId, Success, Transaction};
use super::model::{Class, Creation, RawArguments, Value, coerce};
use super::object::{Action, ObjectId, Reply, Tree, TreeRequest};
use super::session::SocketId;
use super::session_id::{SessionId, SessionName};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

/// Carries out the requests of one socket, one after another.
pub(crate) struct Dispatcher {
    shared: Arc<Shared>,
    socket: SocketId,
}

/// A request that is being carried out.
pub(crate) enum Handled {
    Now(Answer),
    /// For long: events may be told before the answer.
    Later(BoxFuture<'static, Answer>),
}

/// What became of a method.
enum Step {
    Done(Outcome),
    Later(BoxFuture<'static, Result<Value, Failure>>),
}

/// The session that a request turned out to belong to, and what became of it.
type Carried = (Option<SessionName>, Step);

impl Dispatcher {
    pub(crate) fn new(shared: Arc<Shared>, socket: SocketId) -> Self {
        Self { shared, socket }
    }

    /// Carries out a request. A notification's answer goes to nobody; its id is null.
    pub(crate) async fn handle(&self, request: Request) -> Handled {
        let Request { id, session, label, method } = request;
        let id = id.unwrap_or(RequestId::Null);
        let done = match method {
            Ok(Method::Transaction(operations)) => self.transaction(session, operations).await,
            Ok(method) => self.carry_out(session, method).await,
            Err(failure) => Err(failure),
        };
        let metrics = Arc::clone(&self.shared.metrics);
        let finish = move |session, result: Result<Outcome, Failure>| {
            let answer = Answer { id, result: result.map(|outcome| Success { session, outcome }) };
            metrics.count_kurento_request(label, answer.label());
            answer
        };
        match done {
            Ok((session, Step::Done(outcome))) => Handled::Now(finish(session, Ok(outcome))),
            Ok((session, Step::Later(value))) => {
                Handled::Later(value.map(|value| finish(session, value.map(Outcome::Value))).boxed())
            }
            Err(failure) => Handled::Now(finish(None, Err(failure))),
        }
    }

    /// KMS: operations are carried out in order up to the first that fails. Nothing is rolled back, and the
    /// transaction itself succeeds.
    async fn transaction(
        &self,
        named: Option<SessionName>,
        mut operations: Transaction,
    ) -> Result<Carried, Failure> {
        let session = self.join(named)?;
        let mut answers: Vec<Answer> = Vec::new();
        let mut has_failed = false;
        while !has_failed && let Some(operation) = operations.next(&answers) {
            let result = match operation {
                Ok(request) => self.operation(&session, request).await,
                Err(failure) => Err(failure),
            };
            has_failed = result.is_err();
            answers.push(Answer { id: RequestId::Number(answers.len().into()), result });
        }
        Ok((Some(session.name().clone()), Step::Done(Outcome::Operations(answers))))
    }

    async fn operation(&self, session: &SessionId, request: Request) -> Result<Success, Failure> {
        let named = request.session.or_else(|| Some(session.name().clone()));
        let (session, step) = self.carry_out(named, request.method?).await?;
        let outcome = match step {
            Step::Done(outcome) => outcome,
            Step::Later(value) => Outcome::Value(value.await?),
        };
        Ok(Success { session, outcome })
    }

    async fn carry_out(&self, named: Option<SessionName>, method: Method) -> Result<Carried, Failure> {
        match method {
            Method::Ping => {
                let session = named.or_else(|| self.shared.sessions().of_socket(self.socket));
                Ok((session, Step::Done(Outcome::Pong)))
            }
            Method::Connect => {
                let session = match named {
                    Some(named) => self.rejoin(Some(named))?,
                    None => self.join(None)?,
                };
                Ok(answer(&session, Outcome::Connected { server: self.shared.server }))
            }
            Method::KeepAlive => Ok(answer(&self.rejoin(named)?, Outcome::Done)),
            Method::CloseSession { release } => {
                let name = self.named(named)?;
                self.close_session(&name, release).await;
                Ok((Some(name), Step::Done(Outcome::Done)))
            }
            Method::Describe { object } => {
                let session = self.join(named)?;
                self.ask(&session, |object| Action::Describe { object }, &object).await
            }
            Method::Create { class, arguments } => {
                let session = self.join(named)?;
                self.create(&session, &class, &arguments).await
            }
            Method::Invoke { object, operation, arguments } => {
                let session = self.join(named)?;
                self.invoke(&session, &object, &operation, &arguments).await
            }
            Method::Subscribe { object, event } => {
                let session = self.join(named)?;
                self.subscribe(&session, &object, &event).await
            }
            Method::Unsubscribe { object, subscription } => {
                let name = self.named(named)?;
                self.unsubscribe(&name, &object, &subscription).await;
                Ok((Some(name), Step::Done(Outcome::Done)))
            }
            Method::Release { object } => {
                let session = self.join(named)?;
                // KMS: what is not there is as good as released.
                let _ = self.ask(&session, |object| Action::Release { object }, &object).await;
                Ok(answer(&session, Outcome::Done))
            }
            Method::Ref { object } => {
                let session = self.rejoin(named)?;
                self.ask(&session, |object| Action::Ref { object }, &object).await
            }
            Method::Unref { object } => {
                let session = self.rejoin(named)?;
                self.ask(&session, |object| Action::Unref { object }, &object).await
            }
            // KMS would carry it out; no client sends it, and transactions could nest without end.
            Method::Transaction(_) => {
                Err(Failure::new(Code::MalformedTransaction, "A transaction cannot contain another one"))
            }
        }
    }

    async fn create(
        &self,
        session: &SessionId,
        class: &str,
        arguments: &RawArguments,
    ) -> Result<Carried, Failure> {
        let class = Class::to_create(class, self.shared.surroundings.filters)?;
        let params = class.constructor_params();
        if !params.is_empty() && !arguments.is_given() {
            // KMS: only what needs no parameters may leave them out.
            return Err(Failure::new(Code::Marshall, "'constructorParams' is required"));
        }
        let arguments = coerce(params, arguments)?;
        if let Creation::Root = class.creation {
            let root = self.create_pipeline(session).await?;
            return Ok(answer(session, Outcome::Value(Value::Object(root))));
        }
        let parent = params.first().expect("what is no root names its parent first");
        let parent = arguments.object(parent.name).clone();
        self.request(session, &parent.clone(), Action::Create { class, parent, arguments }).await
    }

    async fn create_pipeline(&self, session: &SessionId) -> Result<ObjectId, Failure> {
        let tree = Tree::create_pipeline(Arc::clone(&self.shared.surroundings), session).await?;
        let root = tree.root.clone();
        // Before it runs, so that its end finds it.
        self.shared.sessions().add_tree(Some(session), &root, tree.inbox);
        if self.shared.keep_tree(root.clone(), tree.task).await {
            Ok(root)
        } else {
            self.shared.sessions().remove_tree(&root);
            Err(Failure::new(Code::Unexpected, "The server is shutting down"))
        }
    }

    async fn invoke(
        &self,
        session: &SessionId,
        object: &ObjectRef,
        operation: &str,
        arguments: &RawArguments,
    ) -> Result<Carried, Failure> {
        let object = object.id()?;
        let method = match object.class().method(operation) {
            Some(method) => coerce(&method.params(), arguments).map(|arguments| (method, arguments)),
            // KMS: not 40105, which would be the code for it.
            None => Err(Failure::new(
                Code::MalformedTransaction,
                format!("Method '{operation}' with {} parameters not found", arguments.len()),
            )),
        };
        self.request(session, &object.clone(), Action::Invoke { object, method }).await
    }

    async fn subscribe(
        &self,
        session: &SessionId,
        object: &ObjectRef,
        event: &str,
    ) -> Result<Carried, Failure> {
        let object = object.id()?;
        if let Some((event, name)) = object.class().event(event) {
            return self.request(session, &object.clone(), Action::Subscribe { object, event, name }).await;
        }
        // That there is no such object comes before that it has no such event.
        self.request(session, &object.clone(), Action::Describe { object }).await?;
        Err(Failure::new(Code::EventNotSupported, format!("Event '{event}' not supported")))
    }

    /// KMS: what is not there, be it session, object or subscription, is as good as unsubscribed. The
    /// JavaScript client unsubscribes from objects that it has released.
    async fn unsubscribe(&self, name: &SessionName, object: &ObjectRef, subscription: &str) {
        let session = self.shared.sessions().rejoin(self.socket, Some(name.clone()));
        if let (Some(session), Ok(object), Ok(subscription)) =
            (session, object.id(), Uuid::parse_str(subscription))
        {
            let action = Action::Unsubscribe { object: object.clone(), subscription };
            let _ = self.request(&session, &object, action).await;
        }
    }

    /// Ends a session, and waits until its objects are gone.
    pub(super) async fn close_session(&self, name: &SessionName, release: bool) {
        let Some(ended) = self.shared.sessions().end(name) else { return };
        for inbox in ended.trees {
            // A tree that has ended has nothing left of the session.
            let _ = tell(&inbox, &ended.session, Action::EndSession { release }).await;
        }
    }

    async fn ask(
        &self,
        session: &SessionId,
        action: impl FnOnce(ObjectId) -> Action,
        object: &ObjectRef,
    ) -> Result<Carried, Failure> {
        let object = object.id()?;
        self.request(session, &object, action(object.clone())).await
    }

    /// Asks the tree of `object`.
    async fn request(
        &self,
        session: &SessionId,
        object: &ObjectId,
        action: Action,
    ) -> Result<Carried, Failure> {
        let gone = || Failure::object_not_found(object.as_str());
        let inbox = self.shared.sessions().use_tree(session, object).ok_or_else(gone)?;
        match tell(&inbox, session, action).await.ok_or_else(gone)?? {
            Reply::Done => Ok(answer(session, Outcome::Done)),
            Reply::Value(value) => Ok(answer(session, Outcome::Value(value))),
            Reply::Created(object) => Ok(answer(session, Outcome::Value(Value::Object(object)))),
            Reply::Described(class) => Ok(answer(session, Outcome::Described(class))),
            Reply::Subscribed(subscription) => {
                Ok(answer(session, Outcome::Value(Value::Text(subscription.to_string()))))
            }
            Reply::Later(value) => Ok((Some(session.name().clone()), Step::Later(value))),
        }
    }

    /// The session of a request that may make one.
    fn join(&self, named: Option<SessionName>) -> Result<SessionId, Failure> {
        self.shared.sessions().join(self.socket, named).map_err(|_| {
            Failure::new(Code::NotEnoughResources, "The server has as many sessions as it takes")
        })
    }

    /// The session of a request that needs an existing one.
    fn rejoin(&self, named: Option<SessionName>) -> Result<SessionId, Failure> {
        let name = self.named(named)?;
        let session = self.shared.sessions().rejoin(self.socket, Some(name));
        session.ok_or_else(|| Failure::new(Code::InvalidSession, "Invalid session"))
    }

    /// The session that a request names, else the socket's, whether it exists or not.
    fn named(&self, named: Option<SessionName>) -> Result<SessionName, Failure> {
        named
            .or_else(|| self.shared.sessions().of_socket(self.socket))
            .ok_or_else(|| Failure::new(Code::Protocol, "'sessionId' parameter is required"))
    }
}

fn answer(session: &SessionId, outcome: Outcome) -> Carried {
    (Some(session.name().clone()), Step::Done(outcome))
}

/// Asks a tree and waits for what it says; `None` if it has ended.
async fn tell(
    inbox: &mpsc::Sender<TreeRequest>,
    session: &SessionId,
    action: Action,
) -> Option<Result<Reply, Failure>> {
    let (reply, answer) = oneshot::channel();
    inbox.send(TreeRequest { session: session.clone(), action, reply }).await.ok()?;
    answer.await.ok()
}
