//! `GET /api/openapi.json`: what the REST API is, in the words of its handlers.

use super::{admin, calls, capture, pipelines, rooms, streams, token, turn, workers};
use crate::error::Problem;
use axum::http::header;
use axum::response::IntoResponse;
use std::sync::LazyLock;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder};
use utoipa::{Modify, OpenApi};

/// The document, as JSON.
static DOCUMENT: LazyLock<String> = LazyLock::new(|| Document::openapi().to_json().expect("plain data"));

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Keel",
        description = "Rooms, tokens and what flows through this server, for its administrator. Every request needs \
                       the admin token of the configuration, or a JSON Web Token with the grant `admin`, as \
                       `Authorization: Bearer ...`. Every error is a problem document (RFC 9457), whose `code` is \
                       stable.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    paths(
        rooms::rooms, rooms::create, rooms::inspect, rooms::end, rooms::remove, rooms::mute,
        streams::list, streams::inspect, streams::create, streams::end,
        calls::active, calls::end,
        token::mint,
        admin::calls, admin::users,
        pipelines::pipelines, workers::workers, turn::turn, capture::capture,
    ),
    components(schemas(Problem)),
    tags(
        (name = "rooms", description = "Group calls"),
        (name = "streams", description = "Livestreams"),
        (name = "calls", description = "One-to-one calls"),
        (name = "tokens", description = "Who may do what"),
        (name = "history", description = "What the store remembers"),
        (name = "media", description = "What flows at this moment"),
    ),
    modifiers(&Shared),
)]
struct Document;

/// What is true of every operation.
struct Shared;

impl Modify for Shared {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("admin", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
        let paths = document.paths.paths.values_mut();
        let operations = paths.flat_map(|path| {
            [&mut path.get, &mut path.post, &mut path.put, &mut path.delete].into_iter().flatten()
        });
        for operation in operations {
            share(operation);
        }
    }
}

fn share(operation: &mut Operation) {
    operation.security = Some(vec![SecurityRequirement::new("admin", Vec::<String>::new())]);
    for (status, description) in [
        ("401", "There is no token, or one that is not valid"),
        ("403", "The token is for something else, or the page's origin is foreign"),
        ("503", "The server has too much to do or is shutting down"),
    ] {
        let schema = RefOr::Ref(Ref::from_schema_name("Problem"));
        let content = ContentBuilder::new().schema(Some(schema)).build();
        let response = ResponseBuilder::new().description(description);
        let response = response.content("application/problem+json", content).build();
        operation.responses.responses.insert(status.to_owned(), response.into());
    }
}

/// Open to everybody: it says nothing that the documentation does not.
pub(crate) async fn document() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")], DOCUMENT.as_str())
}
