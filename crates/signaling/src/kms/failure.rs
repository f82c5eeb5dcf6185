//! What goes wrong with a request, in the protocol's own codes.

use keel_media::CreateError;
use std::fmt;

/// Why a request fails: a code of the protocol and words for the application's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// KMS: an object that is not, or no longer, there.
    pub(crate) fn object_not_found(id: &str) -> Self {
        Self::new(Code::MediaObjectNotFound, format!("Object '{id}' not found"))
    }
}

impl From<CreateError> for Failure {
    fn from(error: CreateError) -> Self {
        let code = match error {
            CreateError::Full => Code::NotEnoughResources,
            CreateError::Released => Code::MediaObjectNotFound,
            CreateError::Stopped => Code::Unexpected,
        };
        Self::new(code, error.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code.number())
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $name:literal;)*) => {
        /// The codes that Keel answers with (PROTOCOL.md §7).
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Code {
            $($(#[$doc])* $variant,)*
        }

        impl Code {
            /// `error.code`.
            pub(crate) const fn number(self) -> i32 {
                match self { $(Self::$variant => $number,)* }
            }

            /// `error.data.type`; empty where the protocol has no `data`.
            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The number as text, for metrics.
            pub(crate) const fn label(self) -> &'static str {
                match self { $(Self::$variant => stringify!($number),)* }
            }
        }
    };
}

codes! {
    /// Text that is no JSON.
    Parse = -32700, "PARSE_ERROR";
    /// JSON that is no JSON-RPC request.
    InvalidRequest = -32600, "INVALID_REQUEST";
    /// A method that does not exist.
    MethodNotFound = -32601, "";
    /// A request without the parameters it needs.
    InvalidParams = -32602, "INVALID_PARAMS";
    /// A field of the protocol itself (object, type, operation) is missing or of the wrong type.
    Protocol = -32000, "";
    /// A parameter of an operation or constructor is missing or of the wrong type.
    Marshall = 40001, "MARSHALL_ERROR";
    /// What has no code of its own.
    Unexpected = 40003, "UNEXPECTED_ERROR";
    /// Elements that cannot be connected.
    Connect = 40004, "CONNECT_ERROR";
    /// Media without a codec that both sides accept.
    UnsupportedMediaType = 40005, "UNSUPPORTED_MEDIA_TYPE";
    /// An operation that Keel does not carry out.
    NotImplemented = 40006, "NOT_IMPLEMENTED";
    /// A session that does not exist.
    InvalidSession = 40007, "INVALID_SESSION";
    /// A transaction with wrong numbers, or an operation that a class does not have.
    MalformedTransaction = 40008, "MALFORMED_TRANSACTION";
    /// A limit is reached.
    NotEnoughResources = 40009, "NOT_ENOUGH_RESOURCES";
    /// An object that does not exist.
    MediaObjectNotFound = 40101, "MEDIA_OBJECT_NOT_FOUND";
    /// An event that the class does not raise.
    EventNotSupported = 40106, "MEDIA_OBJECT_EVENT_NOT_SUPPORTED";
    /// A parameter whose value is not allowed.
    IllegalParam = 40107, "MEDIA_OBJECT_ILLEGAL_PARAM_ERROR";
    /// A class that this server does not create.
    NotAvailable = 40108, "MEDIA_OBJECT_NOT_AVAILABLE";
    /// A `newref:` outside of a transaction.
    NotFoundTransactionNoCommit = 40109, "MEDIA_OBJECT_NOT_FOUND_TRANSACTION_NO_COMMIT";
    /// A tag that the object does not have.
    TagKeyNotFound = 40110, "MEDIA_OBJECT_TAG_KEY_NOT_FOUND";
    /// An operation that the object's state does not allow.
    OperationNotSupported = 40111, "MEDIA_OBJECT_OPERATION_NOT_SUPPORTED";
    /// A description that cannot be read.
    SdpParse = 40201, "SDP_PARSE_ERROR";
    /// There is no local description yet.
    NoLocalSdp = 40202, "SDP_END_POINT_NO_LOCAL_SDP_ERROR";
    /// There is no remote description yet.
    NoRemoteSdp = 40203, "SDP_END_POINT_NO_REMOTE_SDP_ERROR";
    /// An offer could not be made.
    GenerateOffer = 40204, "SDP_END_POINT_GENERATE_OFFER_ERROR";
    /// An offer could not be answered.
    ProcessOffer = 40205, "SDP_END_POINT_PROCESS_OFFER_ERROR";
    /// An answer could not be taken.
    ProcessAnswer = 40206, "SDP_END_POINT_PROCESS_ANSWER_ERROR";
    /// The two sides cannot agree: they have no codec in common.
    SdpConfiguration = 40207, "SDP_CONFIGURATION_ERROR";
    /// The endpoint has been negotiated.
    AlreadyNegotiated = 40208, "SDP_END_POINT_ALREADY_NEGOTIATED";
    /// An answer without an offer.
    NotOfferGenerated = 40209, "SDP_END_POINT_NOT_OFFER_GENERATED";
    /// A second answer. KMS: the name is spelt so.
    AnswerAlreadyProcessed = 40210, "SDP_END_POINT_ANSWER_ALREADY_PROCCESED";
    /// No media session could be made. KMS: the name is spelt so.
    CannotCreateSession = 40211, "SDP_END_POINT_CANNOT_CREATE_SESSON";
    /// Candidates could not be gathered.
    GatherCandidates = 40400, "ICE_GATHER_CANDIDATES_ERROR";
    /// A candidate could not be added.
    AddCandidate = 40401, "ICE_ADD_CANDIDATE_ERROR";
    /// There is no description of the module asked for. KMS: its type has no name.
    KmdNotFound = 40500, "UNDEFINED";
}
