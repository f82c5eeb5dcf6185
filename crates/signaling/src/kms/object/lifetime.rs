//! How long objects live: as long as a session holds them and nobody releases them or their parents.

use super::{Notice, ObjectId, Tree};
use crate::kms::model::event::ELEMENT_DISCONNECTED;
use crate::kms::session_id::SessionId;

impl Tree {
    /// `session` uses an object, and so holds it and its parents.
    pub(super) fn hold(&mut self, id: &ObjectId, session: &SessionId) {
        // The server's own object lives by itself: no session's end may end it.
        let mut next = Some(id.clone()).filter(|id| *id != ObjectId::manager());
        while let Some(id) = next {
            let Some(object) = self.objects.get_mut(&id) else { return };
            if !object.holders.contains(session) {
                object.holders.insert(session.clone());
            }
            next = object.parent.clone();
        }
    }

    /// `session` no longer holds an object; if it was the last one, the object goes.
    pub(super) async fn let_go(&mut self, id: &ObjectId, session: &SessionId) {
        let Some(object) = self.objects.get_mut(id) else { return };
        object.subscriptions.remove_session(session);
        if object.holders.remove(session) && object.holders.is_empty() {
            self.release(id).await;
        }
    }

    /// A session has ended: it holds nothing and is told nothing any more. What only it held goes; with
    /// `release`, also what others hold too.
    pub(super) async fn end_session(&mut self, session: &SessionId, release: bool) {
        for object in self.objects.values_mut() {
            object.subscriptions.remove_session(session);
        }
        let held: Vec<ObjectId> = self
            .objects()
            .filter(|object| object.holders.contains(session))
            .map(|object| object.id.clone())
            .collect();
        for id in held {
            if release {
                self.release(&id).await;
            } else {
                self.let_go(&id, session).await;
            }
        }
    }

    /// Releases an object with everything below it, children first, each once. An unknown one is none.
    pub(super) async fn release(&mut self, id: &ObjectId) {
        let mut doomed = self.subtree(id);
        while let Some(id) = doomed.pop() {
            self.disconnect_all(&id);
            let Some(mut object) = self.objects.remove(&id) else { continue };
            for attachment in std::mem::take(&mut object.attachments).into_values() {
                self.close(attachment).await;
            }
            object.body.release().await;
            // Without a manager nobody is left to be told.
            let _ = self.surroundings.manager.send(Notice::Destroyed(id)).await;
        }
    }

    /// An object and everything below it, parents before their children: ids nest.
    fn subtree(&self, id: &ObjectId) -> Vec<ObjectId> {
        self.objects.range(id..).map(|(id, _)| id.clone()).take_while(|below| id.contains(below)).collect()
    }

    /// Removes the connections of an object that goes, and tells of it.
    fn disconnect_all(&mut self, id: &ObjectId) {
        for connection in self.connections.remove(id) {
            self.tell_of(&connection, &ELEMENT_DISCONNECTED);
        }
    }
}
