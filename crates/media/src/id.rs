//! Identifiers of the things in a media server. Never reused within a process.

use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        impl $name {
            /// The identifier with this number; numbers are handed out by one counter per kind.
            #[must_use]
            pub const fn new(number: u64) -> Self {
                Self(number)
            }

            /// The bare number, for logs and for other identifiers built from it.
            #[must_use]
            pub const fn number(self) -> u64 {
                self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, ":{}"), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self, f)
            }
        }
    };
}

id!(
    /// A pipeline: the elements that may be connected to one another.
    PipelineId, "p"
);
id!(
    /// An element of a pipeline.
    ElementId, "e"
);
id!(
    /// One peer's transport.
    SessionId, "s"
);
id!(
    /// What a session sends on one m-line (a publisher's audio or video): one source, or one for each
    /// simulcast encoding.
    TrackId, "t"
);
id!(
    /// One incoming RTP stream: a track's only one, or one of its simulcast encodings.
    SourceId, "r"
);
id!(
    /// One outgoing media stream of a session (what one subscriber receives).
    SinkId, "k"
);
id!(
    /// One track's way to another worker, chosen by that worker.
    RelayId, "w"
);
