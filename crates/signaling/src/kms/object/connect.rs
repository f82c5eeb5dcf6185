//! Connecting elements: what applications see and what the media server does, kept in step.

use super::connection::{Connection, Connections};
use super::{ObjectId, Tree};
use crate::kms::failure::{Code, Failure};
use crate::kms::model::{EventType, event};
use keel_media::ConnectError;
use keel_media::id::ElementId;

impl Tree {
    /// Makes a connection between two elements of this tree. One that ended at the same place gives way and
    /// is told of, even if it is the same one; its media is not interrupted then.
    ///
    /// # Errors
    /// 40004 for a circle of elements without peers, 40005 without a codec in common, 40009 past
    /// [`Connections::PER_SINK_MAX`], 40101 for what is gone. Nothing has changed then.
    pub(crate) async fn connect(&mut self, connection: Connection) -> Result<(), Failure> {
        let (from, to) = self.ends(&connection)?;
        if !self.connections.has_room_for(&connection) {
            let words =
                format!("An element is the sink of at most {} connections", Connections::PER_SINK_MAX);
            return Err(Failure::new(Code::NotEnoughResources, words));
        }
        if connection.carries_media() {
            self.media().connect(from, to, connection.media).await?;
        }
        if let Some(replaced) = self.connections.connect(connection.clone()) {
            // Elsewhere the media server has put the one in the place of the other.
            if replaced.carries_media() && !connection.carries_media() {
                self.cut(&replaced).await?;
            }
            self.tell_of(&replaced, &event::ELEMENT_DISCONNECTED);
        }
        self.tell_of(&connection, &event::ELEMENT_CONNECTED);
        Ok(())
    }

    /// Undoes a connection; nothing happens when there is no such one.
    ///
    /// # Errors
    /// 40003 when the media server has stopped.
    pub(crate) async fn disconnect(&mut self, connection: Connection) -> Result<(), Failure> {
        if !self.connections.disconnect(connection.clone()) {
            return Ok(());
        }
        if connection.carries_media() {
            self.cut(&connection).await?;
        }
        self.tell_of(&connection, &event::ELEMENT_DISCONNECTED);
        Ok(())
    }

    async fn cut(&self, connection: &Connection) -> Result<(), Failure> {
        let (from, to) = self.ends(connection)?;
        Ok(self.media().disconnect(from, to, connection.media).await?)
    }

    fn ends(&self, connection: &Connection) -> Result<(ElementId, ElementId), Failure> {
        let body_of = |id: &ObjectId| {
            self.find(id).map(|object| &object.body).ok_or_else(|| Failure::object_not_found(id.as_str()))
        };
        let ends = body_of(&connection.source)?.as_source().zip(body_of(&connection.sink)?.as_sink());
        Ok(ends.expect("both are media elements, as the operation's parameters say"))
    }

    /// KMS: the source tells of its connections.
    pub(super) fn tell_of(&self, connection: &Connection, event: &'static EventType) {
        self.emit(&connection.source, event, connection.event_fields());
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        let code = match error {
            ConnectError::ForeignPipeline | ConnectError::Cycle => Code::Connect,
            ConnectError::NoCommonCodec(_) => Code::UnsupportedMediaType,
            ConnectError::Released | ConnectError::Stopped => Code::Unexpected,
        };
        Self::new(code, error.to_string())
    }
}
