//! Everything that a participant can be refused: a code for programs, words for people.

use crate::auth::Denied;
use crate::live;
use crate::socket::FrameError;
use crate::user_name::NameError;

/// Why a request was not granted. Nothing has changed then, and the connection lives on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error(transparent)]
    BadName(#[from] NameError),
    #[error("your token is for another name")]
    OtherName,
    #[error(transparent)]
    Denied(#[from] Denied),
    #[error("somebody of this name is in the room")]
    NameTaken,
    #[error("the room is full")]
    RoomFull,
    #[error("the room is locked")]
    RoomLocked,
    #[error("there is no such room")]
    UnknownRoom,
    #[error("a room of this name exists")]
    RoomExists,
    #[error("the server has as many rooms as it takes, try again later")]
    TooManyRooms,
    #[error("rooms have 2 to {0} participants")]
    BadSize(usize),
    #[error("this is not the room's token")]
    BadToken,
    #[error("only moderators may do this")]
    NotModerator,
    #[error("join a room first")]
    NotInRoom,
    #[error("leave your room first")]
    AlreadyInRoom,
    #[error("this message belongs to the other form of the protocol")]
    OtherForm,
    #[error("there is no such track")]
    UnknownTrack,
    #[error("this is not your track")]
    NotYourTrack,
    #[error("there is no such participant")]
    UnknownParticipant,
    #[error("the session description was refused: {0}")]
    BadSdp(String),
    #[error("a participant has at most {0} tracks, each on a line of its own")]
    BadTracks(usize),
    #[error("a view has at most {0} tracks")]
    TooManyTracks(usize),
    #[error("too many ICE candidates")]
    TooManyCandidates,
    #[error("this answers no offer that is open")]
    StaleAnswer,
    #[error("what you asked before is being worked on")]
    Busy,
    #[error("too fast: slow down")]
    TooFast,
    #[error("the text is longer than {0} characters")]
    TooLong(usize),
    #[error("the text is empty or has control characters")]
    BadText,
    #[error("the history cannot be read now, try again in a moment")]
    NoHistory,
    #[error("a room shows at most {0} livestreams")]
    TooManyShown(usize),
    #[error("your tracks present a livestream already")]
    AlreadyBroadcasting,
    #[error(transparent)]
    Stream(#[from] live::Refusal),
    #[error("the server is shutting down")]
    ShuttingDown,
}

impl Refusal {
    /// The stable word for programs (`docs/group-calls.md`).
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::BadName(_) => "badName",
            Self::OtherName => "otherName",
            Self::Denied(Denied::Missing(_)) => "grantMissing",
            Self::Denied(Denied::Other(_)) => "grantForOther",
            Self::NameTaken => "nameTaken",
            Self::RoomFull => "roomFull",
            Self::RoomLocked => "roomLocked",
            Self::UnknownRoom => "unknownRoom",
            Self::RoomExists => "roomExists",
            Self::TooManyRooms => "tooManyRooms",
            Self::BadSize(_) => "badSize",
            Self::BadToken => "badToken",
            Self::NotModerator => "notModerator",
            Self::NotInRoom => "notInRoom",
            Self::AlreadyInRoom => "alreadyInRoom",
            Self::OtherForm => "otherForm",
            Self::UnknownTrack => "unknownTrack",
            Self::NotYourTrack => "notYourTrack",
            Self::UnknownParticipant => "unknownParticipant",
            Self::BadSdp(_) => "badSdp",
            Self::BadTracks(_) => "badTracks",
            Self::TooManyTracks(_) => "tooManyTracks",
            Self::TooManyCandidates => "tooManyCandidates",
            Self::StaleAnswer => "staleAnswer",
            Self::Busy => "busy",
            Self::TooFast => "tooFast",
            Self::TooLong(_) => "tooLong",
            Self::BadText => "badText",
            Self::NoHistory => "noHistory",
            Self::TooManyShown(_) => "tooManyShown",
            Self::AlreadyBroadcasting => "alreadyBroadcasting",
            Self::Stream(refusal) => stream_code(refusal),
            Self::ShuttingDown => "shuttingDown",
        }
    }
}

/// Why a livestream cannot be shown or presented.
const fn stream_code(refusal: &live::Refusal) -> &'static str {
    use live::Refusal;
    match refusal {
        Refusal::BadName(_) => "badName",
        Refusal::UnknownStream { .. } => "unknownStream",
        Refusal::NotLive { .. } => "streamNotLive",
        Refusal::AlreadyLive => "streamTaken",
        Refusal::Busy => "busy",
        Refusal::NoCommonCodec(_) => "noCommonCodec",
        Refusal::TooManyStreams | Refusal::TooManyViewers | Refusal::MediaFull => "streamFull",
        Refusal::Ended | Refusal::Replaced => "streamEnded",
        Refusal::ShuttingDown => "shuttingDown",
        _ => "streamFailed",
    }
}

/// The code of a frame that is no request.
pub(crate) const fn frame_code(error: FrameError) -> &'static str {
    match error {
        FrameError::Binary | FrameError::NotJson | FrameError::NoId | FrameError::Fields(_) => "badMessage",
        FrameError::UnknownId => "unknownId",
        FrameError::TooLong(_) => "tooLong",
        FrameError::TooFast => "tooFast",
    }
}
