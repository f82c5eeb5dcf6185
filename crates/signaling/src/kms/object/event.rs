//! Telling sessions what happened.

use super::{Notice, Notification, Object, ObjectId, Tree, endpoint};
use crate::kms::model::event::{OBJECT_CREATED, OBJECT_DESTROYED};
use crate::kms::model::record::TAG;
use crate::kms::model::{EventType, Fields, Record, Value};
use keel_media::EndpointEvent;
use keel_media::id::ElementId;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

impl Tree {
    /// Tells everybody who subscribed to the event on this object. `fields` are the event's own ones, in the
    /// order of their declaration; the inherited ones come from here.
    pub(crate) fn emit(&self, id: &ObjectId, event: &'static EventType, fields: Fields) {
        let Some(object) = self.find(id) else { return };
        let mut data_by_name: BTreeMap<&'static str, Arc<Fields>> = BTreeMap::new();
        for (session, name) in object.subscriptions.to(event) {
            let data = Arc::clone(
                data_by_name.entry(name).or_insert_with(|| Arc::new(data(object, event, name, &fields))),
            );
            let notification = Notification { object: id.clone(), name, data };
            self.surroundings.host.deliver(session, notification);
        }
    }

    /// An event of the media server.
    pub(super) fn handle_media(&mut self, element: ElementId, event: EndpointEvent) {
        let endpoint = self.objects().find(|object| object.body.as_source() == Some(element));
        // Events of an endpoint that was released meanwhile concern nobody.
        if let Some(id) = endpoint.map(|object| object.id.clone()) {
            endpoint::handle_event(self, &id, event);
        }
    }

    /// What another tree tells the manager.
    pub(super) fn handle_notice(&mut self, notice: Notice) {
        let root = self.root();
        match notice {
            Notice::Created(object) => {
                self.emit(root, &OBJECT_CREATED, Fields::new(vec![("object", object.into())]));
            }
            Notice::Destroyed(object) => {
                let id = Value::Text(object.as_str().to_owned());
                self.emit(root, &OBJECT_DESTROYED, Fields::new(vec![("objectId", id)]));
            }
        }
    }
}

/// An event's `data`: the fields of `RaiseBase`, of `Media` where the event derives from it, and its own.
fn data(object: &Object, event: &EventType, name: &'static str, own: &Fields) -> Fields {
    let now_ms = now_ms();
    let tags = if object.stored("sendTagsInEvents") == Some(&Value::Bool(true)) {
        object.tag_list()
    } else {
        Vec::new()
    };
    let mut data = Fields::default();
    data.push("source", object.id.clone());
    data.push("timestampMillis", now_ms.to_string());
    if name != event.name {
        // KMS 6: the time in seconds. Who uses a name of 6.x reads this instead.
        data.push("timestamp", (now_ms / 1000).to_string());
    }
    data.push("tags", tags);
    if event.is_media() {
        data.push("type", name);
    }
    for (name, value) in own.iter() {
        data.push(name, value.clone());
    }
    data
}

impl Object {
    /// The tags as operations and events show them.
    pub(crate) fn tag_list(&self) -> Vec<Value> {
        let tag = |(key, value): (&String, &String)| {
            let fields = vec![("key", key.as_str().into()), ("value", value.as_str().into())];
            Value::Record(Record::new(&TAG, fields))
        };
        self.tags.iter().map(tag).collect()
    }
}

/// Unix time in milliseconds, as objects and events show it.
pub(crate) fn now_ms() -> i64 {
    // clock: applications are shown the time of day; nothing is decided by it.
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}
