//! One application with one pipeline, and what it is told.

use super::server::{LIMITS, Server};
use crate::kms::failure::Code;
use crate::kms::model::{Filters, Value};
use crate::kms::object::{Notification, ObjectId};
use serde_json::{Value as Json, json};

const APPLICATION: &str = "anna";

pub(super) struct Stage {
    server: Server,
    pub(super) pipeline: ObjectId,
}

impl Stage {
    pub(super) async fn open() -> Self {
        let mut server = Server::start(Filters::Refuse, LIMITS).await;
        let pipeline = server.pipeline(APPLICATION).await.expect("there is room");
        Self { server, pipeline }
    }

    /// Releases the pipeline; nothing of it is left.
    pub(super) async fn close(mut self) {
        self.server.release(APPLICATION, &self.pipeline).await;
        self.server.stop().await;
    }

    pub(super) async fn endpoint(&mut self, flags: Json) -> ObjectId {
        let pipeline = self.pipeline.clone();
        self.create("WebRtcEndpoint", &pipeline, flags).await
    }

    pub(super) async fn create(&mut self, class: &str, parent: &ObjectId, arguments: Json) -> ObjectId {
        self.server.create(APPLICATION, class, parent, arguments).await.expect("it can be created")
    }

    /// A pipeline beside the stage's own.
    pub(super) async fn second_pipeline(&mut self) -> ObjectId {
        self.server.pipeline(APPLICATION).await.expect("there is room")
    }

    /// An operation that succeeds.
    pub(super) async fn done(&mut self, object: &ObjectId, operation: &str, arguments: Json) -> Value {
        self.server.get(object, operation, arguments).await
    }

    /// An operation that gives a text.
    pub(super) async fn text(&mut self, object: &ObjectId, operation: &str, arguments: Json) -> String {
        self.done(object, operation, arguments).await.as_text().expect("a text").to_owned()
    }

    /// An operation that fails.
    pub(super) async fn refused(&mut self, object: &ObjectId, operation: &str, arguments: Json) -> Code {
        self.server.refused(object, operation, arguments).await
    }

    /// Subscribes to events.
    pub(super) async fn listen(&mut self, object: &ObjectId, names: &[&'static str]) {
        for name in names {
            self.server.listen(APPLICATION, object, name).await;
        }
    }

    /// Subscribes to every event that the object's class has.
    pub(super) async fn listen_to_all(&mut self, object: &ObjectId) {
        let classes = std::iter::once(object.class()).chain(object.class().lineage());
        let names: Vec<_> = classes.flat_map(|class| class.events).map(|event| event.name).collect();
        self.listen(object, &names).await;
    }

    /// What was told since the last look, in order. Operations tell what they cause before they answer.
    pub(super) fn told(&mut self) -> Vec<Notification> {
        self.server.told_so_far()
    }

    /// What is told up to and with the first event that `is_last`.
    pub(super) async fn told_until(&mut self, is_last: impl Fn(&Notification) -> bool) -> Vec<Notification> {
        self.server.told_until(is_last).await
    }

    pub(super) async fn release(&mut self, object: &ObjectId) {
        self.server.release(APPLICATION, object).await;
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
