//! Livestreams and the elements of an application: an element with the tag `keel.publish` presents the stream that the
//! tag names, one with `keel.play` gets its media. So an unmodified client has both, with `addTag` and `removeTag`.

use super::{ObjectId, Tree};
use crate::kms::failure::{Code, Failure};
use crate::live::ask::{Ask, Reply};
use crate::live::id::SessionKey;
use crate::live::offer::Role;
use crate::live::{Refusal, StreamName};
use keel_media::MediaKind;
use keel_media::id::ElementId;

/// The session of an element in a stream.
#[derive(Debug)]
pub(crate) struct Attachment {
    stream: StreamName,
    key: SessionKey,
}

/// What a tag makes of its element, if it is one of those.
pub(crate) fn role_of(tag: &str) -> Option<Role> {
    match tag {
        "keel.publish" => Some(Role::Presenter),
        "keel.play" => Some(Role::Viewer),
        _ => None,
    }
}

impl Tree {
    /// Puts an element into a stream, in place of the one that the same tag named before.
    ///
    /// # Errors
    /// 40107 for a name that is none, or an object without media; 40005 without a common codec; 40009 where there is
    /// no room; 40111 where the stream does not take it.
    pub(crate) async fn attach_stream(
        &mut self,
        id: &ObjectId,
        role: Role,
        name: &str,
    ) -> Result<(), Failure> {
        let stream = StreamName::parse(name).map_err(Refusal::BadName)?;
        let body = &self.object(id).body;
        let element = match role {
            Role::Presenter => body.as_source(),
            Role::Viewer => body.as_sink(),
        };
        let element = element
            .ok_or_else(|| Failure::new(Code::IllegalParam, "Only media elements are in livestreams"))?;
        self.detach_stream(id, role).await;
        let pipeline = self.media().address();
        let ask = Ask::Attach { stream: stream.clone(), role, pipeline };
        let Reply::Attached { key, element: bridge } = self.surroundings.streams.ask(ask).await? else {
            return Err(Refusal::ShuttingDown.into());
        };
        if let Err(failure) = self.join_bridge(role, element, bridge).await {
            self.close(Attachment { stream, key }).await;
            return Err(failure);
        }
        self.object_mut(id).attachments.insert(role.label(), Attachment { stream, key });
        Ok(())
    }

    /// Takes an element out of its stream; nothing happens where it is in none.
    pub(crate) async fn detach_stream(&mut self, id: &ObjectId, role: Role) {
        if let Some(attachment) = self.object_mut(id).attachments.remove(role.label()) {
            self.close(attachment).await;
        }
    }

    /// Ends a session, if the stream has not ended it already.
    pub(super) async fn close(&self, attachment: Attachment) {
        let Attachment { stream, key } = attachment;
        if let Err(refusal) = self.surroundings.streams.ask(Ask::Close { stream, key }).await {
            tracing::debug!(%refusal, "the session had ended");
        }
    }

    async fn join_bridge(&self, role: Role, element: ElementId, bridge: ElementId) -> Result<(), Failure> {
        let (source, sink) = match role {
            Role::Presenter => (element, bridge),
            Role::Viewer => (bridge, element),
        };
        for kind in MediaKind::ALL {
            self.media().connect(source, sink, kind.into()).await?;
        }
        Ok(())
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let code = match &refusal {
            Refusal::BadName(_) => Code::IllegalParam,
            Refusal::NoCommonCodec(_) => Code::UnsupportedMediaType,
            Refusal::TooManyStreams | Refusal::TooManyViewers | Refusal::MediaFull => {
                Code::NotEnoughResources
            }
            Refusal::MediaFailed(_) | Refusal::ShuttingDown => Code::Unexpected,
            _ => Code::OperationNotSupported,
        };
        Self::new(code, refusal.to_string())
    }
}
