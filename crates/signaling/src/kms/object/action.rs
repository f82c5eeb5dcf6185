//! Carrying out what sessions ask of a tree.

use super::flow;
use super::{Action, Notice, Object, ObjectId, Reply, Tree, TreeRequest};
use crate::kms::failure::{Code, Failure};
use crate::kms::model::{Call, Class, Creation, Fields, Get, Method, Property, Run, Set, Value};
use crate::kms::session_id::SessionId;
use uuid::Uuid;

impl Tree {
    pub(super) async fn handle_request(&mut self, request: TreeRequest) {
        let TreeRequest { session, action, reply } = request;
        let answer = self.carry_out(&session, action).await;
        // Who asked may be gone; what was asked is done all the same.
        let _ = reply.send(answer);
    }

    async fn carry_out(&mut self, session: &SessionId, action: Action) -> Result<Reply, Failure> {
        match action {
            Action::Create { class, parent, arguments } => {
                self.create(session, class, &parent, arguments).await.map(Reply::Created)
            }
            Action::Invoke { object, method } => {
                self.touch(session, &object)?;
                let (method, arguments) = method?;
                self.check_objects(session, &arguments)?;
                self.invoke(object, method, arguments).await
            }
            Action::Describe { object } => Ok(Reply::Described(self.touch(session, &object)?.class())),
            Action::Subscribe { object, event, name } => {
                let subscription = self.touch(session, &object)?.subscriptions.add(session, event, name)?;
                if flow::is_watched(&object, event) {
                    self.watch_flow(&object).await;
                }
                Ok(Reply::Subscribed(subscription))
            }
            Action::Unsubscribe { object, subscription } => {
                // KMS: an object that has gone, or a subscription that never was, is no error.
                if let Some(object) = self.objects.get_mut(&object) {
                    object.subscriptions.remove(session, subscription);
                }
                Ok(Reply::Done)
            }
            // KMS: the server's own object always exists.
            Action::Release { object } if object == ObjectId::manager() => Ok(Reply::Done),
            Action::Release { object } => {
                self.release(&object).await;
                Ok(Reply::Done)
            }
            Action::Ref { object } => self.touch(session, &object).map(|_| Reply::Done),
            Action::Unref { object } => {
                self.find(&object).ok_or_else(|| Failure::object_not_found(object.as_str()))?;
                self.let_go(&object, session).await;
                Ok(Reply::Done)
            }
            Action::EndSession { release } => {
                self.end_session(session, release).await;
                Ok(Reply::Done)
            }
        }
    }

    /// Finds the object of a request, which its session holds from now on.
    fn touch(&mut self, session: &SessionId, id: &ObjectId) -> Result<&mut Object, Failure> {
        self.hold(id, session);
        self.objects.get_mut(id).ok_or_else(|| Failure::object_not_found(id.as_str()))
    }

    /// Objects that arguments name must live, in this tree or another.
    fn check_objects(&mut self, session: &SessionId, arguments: &Fields) -> Result<(), Failure> {
        for id in arguments.iter().filter_map(|(_, value)| value.as_object()) {
            if id.root() == self.root.as_str() {
                self.touch(session, id)?;
            } else if !self.surroundings.census.contains(id) {
                return Err(Failure::object_not_found(id.as_str()));
            }
        }
        Ok(())
    }

    async fn create(
        &mut self,
        session: &SessionId,
        class: &'static Class,
        parent: &ObjectId,
        arguments: Fields,
    ) -> Result<ObjectId, Failure> {
        let (Creation::New { construct, .. } | Creation::OptIn { construct, .. }) = class.creation else {
            unreachable!("only classes that can be created below another reach a tree");
        };
        self.touch(session, parent)?;
        self.check_objects(session, &arguments)?;
        let id = ObjectId::new(Some(parent), Uuid::new_v4(), class);
        let place = self.surroundings.census.enter(&id, Some(session))?;
        let body = construct(Call { tree: self, object: id.clone(), arguments }).await?;
        let mut object = Object::new(id.clone(), Some(parent.clone()), body, place);
        // KMS: whoever holds the parent holds a new child.
        object.holders = self.object(parent).holders.clone();
        self.objects.insert(id.clone(), object);
        // Without a manager nobody is left to be told.
        let _ = self.surroundings.manager.send(Notice::Created(id.clone())).await;
        Ok(id)
    }

    async fn invoke(&mut self, id: ObjectId, method: Method, arguments: Fields) -> Result<Reply, Failure> {
        match method {
            Method::Operation(operation) => self.run_method(id, operation.run, arguments).await,
            Method::Get(property) => match property.get {
                Get::Stored(_) => Ok(Reply::Value(self.stored(&id, property))),
                Get::Run(run) => self.run_method(id, run, arguments).await,
            },
            Method::Set(property, _) => self.set(id, property, arguments).await,
        }
    }

    async fn set(
        &mut self,
        id: ObjectId,
        property: &'static Property,
        arguments: Fields,
    ) -> Result<Reply, Failure> {
        let value = arguments.iter().next().map(|(_, value)| value.clone()).unwrap_or(Value::Null);
        let stored = &mut self.object_mut(&id).stored;
        let before = stored.insert(property.name, value);
        let Set::Applied(run) = property.set else { return Ok(Reply::Value(Value::Null)) };
        let applied = self.run_method(id.clone(), run, arguments).await;
        if applied.is_err()
            && let Some(object) = self.objects.get_mut(&id)
        {
            match before {
                Some(before) => object.stored.insert(property.name, before),
                None => object.stored.remove(property.name),
            };
        }
        applied
    }

    async fn run_method(&mut self, object: ObjectId, run: Run, arguments: Fields) -> Result<Reply, Failure> {
        let call = Call { tree: self, object, arguments };
        match run {
            Run::Now(run) => run(call).map(Reply::Value),
            Run::Media(run) => run(call).await.map(Reply::Value),
            Run::Missing => Err(Failure::new(Code::NotImplemented, "Keel does not do this yet")),
            Run::Later(run) => Ok(Reply::Later(run(call))),
        }
    }
}
