//! Bridges between the room and livestreams. The studio opens and ends them; the room's end is an element here.

use super::picture::Picture;
use super::publishing::group_of;
use super::{Gone, Part, RoomMedia, Source};
use crate::live::ask::{Ask, Reply};
use crate::live::id::SessionKey;
use crate::live::offer::Role;
use crate::live::{Refusal, StreamName};
use crate::room::effect::{BridgeWay, Feed, MediaReport};
use crate::room::id::{BridgeId, ParticipantId};
use crate::room::message::Source as TrackSource;
use keel_media::MediaKind;
use keel_media::id::ElementId;

/// One that is open, or whose end nobody has taken note of yet.
pub(super) struct StreamBridge {
    stream: StreamName,
    /// Of its session in the stream.
    key: SessionKey,
    /// The room's end.
    element: ElementId,
    /// The livestream as the room knows it, where that is shown.
    entry: Option<ParticipantId>,
}

/// A livestream's encodings are not known here: as many as browsers send at most. A tile asks for the one that
/// fills it, and gets the nearest that there is.
const ENCODINGS_SUPPOSED: u8 = 3;

impl RoomMedia {
    pub(super) async fn open_bridge(
        &mut self,
        bridge: BridgeId,
        stream: StreamName,
        way: BridgeWay,
    ) -> Result<(), Gone> {
        let role = match way {
            BridgeWay::In { .. } => Role::Viewer,
            BridgeWay::Out(_) => Role::Presenter,
        };
        let ask = Ask::Attach { stream: stream.clone(), role, pipeline: self.pipeline.address() };
        let (key, element) = match self.streams.ask(ask).await {
            Ok(Reply::Attached { key, element }) => (key, element),
            // Each question has its kind of answer, so another one means that nobody is left to ask.
            Ok(_) => {
                let refusal = Refusal::ShuttingDown;
                return self.reporter.report(MediaReport::BridgeRefused { bridge, refusal }).await;
            }
            Err(refusal) => {
                return self.reporter.report(MediaReport::BridgeRefused { bridge, refusal }).await;
            }
        };
        self.parts.insert(element, Part::Bridge(bridge));
        let entry = match way {
            BridgeWay::In { entry, audio, video } => {
                let group = group_of(entry, TrackSource::Screen);
                for (track, kind) in [(audio, MediaKind::Audio), (video, MediaKind::Video)] {
                    let picture = Picture { size: None, encodings: ENCODINGS_SUPPOSED };
                    self.sources.insert(track, Source { owner: entry, element, kind, group, picture });
                }
                Some(entry)
            }
            BridgeWay::Out(feed) => {
                self.connect_feed(element, feed).await;
                None
            }
        };
        self.bridges.insert(bridge, StreamBridge { stream, key, element, entry });
        self.reporter.report(MediaReport::BridgeOpened { bridge }).await
    }

    /// What goes to a stream from now on.
    pub(super) async fn feed_bridge(&self, bridge: BridgeId, feed: Feed) {
        if let Some(open) = self.bridges.get(&bridge) {
            self.connect_feed(open.element, feed).await;
        }
    }

    pub(super) async fn close_bridge(&mut self, bridge: BridgeId) {
        let Some(StreamBridge { stream, key, element, entry }) = self.bridges.remove(&bridge) else { return };
        self.parts.remove(&element);
        if let Some(entry) = entry {
            self.leave(entry).await;
        }
        // The stream may have ended it already.
        if let Err(refusal) = self.streams.ask(Ask::Close { stream, key }).await {
            tracing::debug!(%refusal, "the session had ended");
        }
    }
}
