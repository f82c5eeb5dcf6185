//! What a request of WHIP or WHEP can be refused for, with the status of each.

use crate::error::{ApiError, problem};
use crate::live::Refusal;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::time::Duration;

/// Why a request was refused.
#[derive(Debug)]
pub(crate) enum LiveError {
    /// As for any route.
    Api(ApiError),
    /// By what is asked for.
    Refused(Refusal),
    /// These are the methods that there are.
    MethodNotAllowed(&'static str),
    /// The body is not of this media type.
    UnsupportedMediaType(&'static str),
    /// The client takes no answer of this media type.
    NotAcceptable(&'static str),
    BodyTooLong,
    BodySlow,
    BodyNotText,
    IfMatchInvalid,
    LayerInvalid,
}

/// When a server that is full may have room again.
const FULL_RETRY_AFTER: Duration = Duration::from_secs(10);
/// When something that is being worked on is done.
const BUSY_RETRY_AFTER: Duration = Duration::from_secs(1);

impl From<ApiError> for LiveError {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

impl From<Refusal> for LiveError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl IntoResponse for LiveError {
    fn into_response(self) -> Response {
        let (status, code, detail) = match self {
            Self::Api(error) => return error.into_response(),
            Self::Refused(refusal) => return refused(&refusal),
            Self::MethodNotAllowed(allowed) => {
                let detail = format!("The methods of this address are {allowed}.");
                let mut response =
                    problem(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail.into());
                response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
                return response;
            }
            Self::UnsupportedMediaType(wanted) => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "media_type_unsupported",
                format!("Send the body with `Content-Type: {wanted}`."),
            ),
            Self::NotAcceptable(given) => (
                StatusCode::NOT_ACCEPTABLE,
                "not_acceptable",
                format!("The answer is {given}: add that to `Accept`, or leave the header out."),
            ),
            Self::BodyTooLong => {
                (StatusCode::PAYLOAD_TOO_LARGE, "body_too_long", "A body has at most 64 KiB.".to_owned())
            }
            Self::BodySlow => (
                StatusCode::REQUEST_TIMEOUT,
                "body_slow",
                "The body did not arrive in time; send it at once.".to_owned(),
            ),
            Self::BodyNotText => {
                (StatusCode::BAD_REQUEST, "body_not_text", "The body is not UTF-8 text.".to_owned())
            }
            Self::IfMatchInvalid => (
                StatusCode::BAD_REQUEST,
                "if_match_invalid",
                "`If-Match` is `*` or a list of entity tags in quotes.".to_owned(),
            ),
            Self::LayerInvalid => (
                StatusCode::BAD_REQUEST,
                "layer_invalid",
                "The body is `{\"spatial\": 0, \"temporal\": 0}`, each a number from 0 to 255 or left out."
                    .to_owned(),
            ),
        };
        problem(status, code, detail.into())
    }
}

fn refused(refusal: &Refusal) -> Response {
    let mut response = problem(status(refusal), refusal.code(), format!("{}.", sentence(refusal)).into());
    let retry_after = match refusal {
        Refusal::UnknownStream { retry_after } | Refusal::NotLive { retry_after } => *retry_after,
        Refusal::Busy => BUSY_RETRY_AFTER,
        Refusal::TooManyStreams | Refusal::TooManyViewers | Refusal::MediaFull | Refusal::TooFast => {
            FULL_RETRY_AFTER
        }
        _ => Duration::ZERO,
    };
    if !retry_after.is_zero() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after.as_secs()));
    }
    response
}

fn status(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::BadName(_) | Refusal::BadFragment(_) | Refusal::BadSdp(_) => StatusCode::BAD_REQUEST,
        Refusal::BadOffer(error) => match error.code() {
            "offer_invalid" => StatusCode::BAD_REQUEST,
            "line_rejected" => StatusCode::NOT_ACCEPTABLE,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        },
        Refusal::NotAllowed => StatusCode::FORBIDDEN,
        Refusal::UnknownStream { .. } | Refusal::UnknownSession => StatusCode::NOT_FOUND,
        // RFC 9725 §4.4.2 and §4.4.3: what cannot be accepted as a whole.
        Refusal::NoCommonCodec(_) | Refusal::LineRejected => StatusCode::NOT_ACCEPTABLE,
        Refusal::NotLive { .. }
        | Refusal::AlreadyLive
        | Refusal::AlreadyIn
        | Refusal::Busy
        | Refusal::Replaced
        | Refusal::StreamExists
        | Refusal::Ended => StatusCode::CONFLICT,
        Refusal::ConditionFailed => StatusCode::PRECONDITION_FAILED,
        Refusal::ConditionMissing => StatusCode::PRECONDITION_REQUIRED,
        Refusal::NotAViewer | Refusal::TooManyCandidates => StatusCode::UNPROCESSABLE_ENTITY,
        Refusal::TooFast => StatusCode::TOO_MANY_REQUESTS,
        Refusal::TooManyStreams
        | Refusal::TooManyViewers
        | Refusal::MediaFull
        | Refusal::MediaFailed(_)
        | Refusal::ShuttingDown => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// The words of a refusal with a capital letter.
fn sentence(refusal: &Refusal) -> String {
    let words = refusal.to_string();
    let mut characters = words.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => words,
    }
}
