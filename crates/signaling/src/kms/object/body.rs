//! What objects of the different classes are made of.

use super::ObjectId;
use super::endpoint::Endpoint;
use keel_media::PassThrough;
use keel_media::id::ElementId;

/// What an object is made of, beyond what every object has.
pub(crate) enum Body {
    /// The server's own object.
    Manager,
    /// The root of a tree; its media is the tree's.
    Pipeline,
    /// Boxed: it is much larger than the others.
    WebRtc(Box<Endpoint>),
    PassThrough(PassThrough),
    Filter(Filter),
    HubPort(HubPort),
    Hub(Hub),
}

/// A filter that passes on what it is sent, and draws nothing.
pub(crate) struct Filter {
    pub(crate) element: PassThrough,
    /// What a `GStreamerFilter` was created with.
    pub(crate) command: Option<String>,
    /// Whether the application has been told that nothing is drawn.
    pub(crate) has_told: bool,
}

/// A hub's way in and out. What elements send to the port comes out of `input`, for the hub to route; what
/// the hub sends to `output` leaves the port.
pub(crate) struct HubPort {
    pub(crate) input: PassThrough,
    pub(crate) output: PassThrough,
}

/// What a hub remembers of its routing; the rest is in the media server.
pub(crate) enum Hub {
    /// It connects what it is told to.
    Switch,
    /// Everything comes from one port.
    OneToMany { source: Option<ObjectId> },
}

impl Body {
    /// The element from which its media comes, if it is a media element.
    pub(crate) fn as_source(&self) -> Option<ElementId> {
        match self {
            Self::WebRtc(endpoint) => Some(endpoint.media.id()),
            Self::PassThrough(element) => Some(element.id()),
            Self::Filter(filter) => Some(filter.element.id()),
            Self::HubPort(port) => Some(port.output.id()),
            Self::Manager | Self::Pipeline | Self::Hub(_) => None,
        }
    }

    /// The element to which media for it goes, if it is a media element.
    pub(crate) fn as_sink(&self) -> Option<ElementId> {
        match self {
            Self::HubPort(port) => Some(port.input.id()),
            _ => self.as_source(),
        }
    }

    /// Releases what it has in the media server, and waits until that is done.
    pub(crate) async fn release(self) {
        match self {
            Self::WebRtc(endpoint) => endpoint.media.release().await,
            Self::PassThrough(element) => element.release().await,
            Self::Filter(filter) => filter.element.release().await,
            Self::HubPort(port) => {
                port.input.release().await;
                port.output.release().await;
            }
            Self::Manager | Self::Pipeline | Self::Hub(_) => {}
        }
    }
}
