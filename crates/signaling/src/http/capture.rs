//! `POST /api/captures?endpoint=ID`: what one peer sends and is sent, as a pcap file that is written while it
//! is downloaded. Nothing is kept on the server.

use super::body::Administrator;
use crate::error::{ApiError, Problem};
use crate::metrics::Metrics;
use crate::state::AppState;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::IntoResponse;
use futures_util::stream::unfold;
use keel_media::id::ElementId;
use keel_media::{Capture, CaptureError, CaptureLimits};
use serde::Deserialize;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

/// Whose packets, and how many of them.
#[derive(Deserialize)]
pub(crate) struct CaptureQuery {
    endpoint: u64,
    seconds: Option<u64>,
    packets: Option<u64>,
    bytes: Option<u64>,
}

/// Capture packets
///
/// What one peer sends and is sent, without its media, as a pcap file that is written while it is downloaded. It
/// ends at the first limit, with the endpoint, or when the client goes away.
#[utoipa::path(
    // So that no link starts it.
    post, path = "/api/captures", tag = "media",
    params(
        ("endpoint" = u64, Query, minimum = 0, maximum = 9007199254740991i64, description = "The endpoint's number, from `/api/pipelines`"),
        ("seconds" = Option<u64>, Query, minimum = 0, maximum = 9007199254740991i64, description = "At most so long"),
        ("packets" = Option<u64>, Query, minimum = 0, maximum = 9007199254740991i64, description = "At most so many"),
        ("bytes" = Option<u64>, Query, minimum = 0, maximum = 9007199254740991i64, description = "At most so long a file"),
    ),
    responses(
        (status = 200, body = [u8], content_type = "application/vnd.tcpdump.pcap", description = "The packets"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "A parameter is none"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "There is no such endpoint"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "It is being captured already"),
    ),
)]
pub(crate) async fn capture(
    _: Administrator,
    State(state): State<AppState>,
    query: Result<Query<CaptureQuery>, QueryRejection>,
) -> Result<impl IntoResponse, ApiError> {
    let Query(query) = query.map_err(|_| ApiError::CaptureInvalid)?;
    let usual = CaptureLimits::default();
    let limits = CaptureLimits {
        packets: query.packets.unwrap_or(usual.packets),
        bytes: query.bytes.unwrap_or(usual.bytes),
        duration: query.seconds.map_or(usual.duration, Duration::from_secs),
    };
    let endpoint = ElementId::new(query.endpoint);
    let capture = state.media().capture(endpoint, limits).await?;
    let file = format!("attachment; filename=\"keel-endpoint-{}.pcap\"", endpoint.number());
    let headers = [
        (header::CONTENT_TYPE, "application/vnd.tcpdump.pcap".to_owned()),
        (header::CONTENT_DISPOSITION, file),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    let download = Download { endpoint, capture, metrics: Arc::clone(state.metrics()), counted: 0 };
    let file = unfold(download, |mut download| async {
        let bytes = download.capture.next().await?;
        download.count_dropped();
        Some((Ok::<_, Infallible>(bytes), download))
    });
    Ok((headers, Body::from_stream(file)))
}

/// A capture that counts what it lacks, and says so at its end.
struct Download {
    endpoint: ElementId,
    capture: Capture,
    metrics: Arc<Metrics>,
    /// What it lacks, as far as it has been counted.
    counted: u64,
}

impl Download {
    fn count_dropped(&mut self) {
        let dropped = self.capture.dropped();
        self.metrics.count_capture_dropped(dropped - self.counted);
        self.counted = dropped;
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        self.count_dropped();
        tracing::info!(endpoint = %self.endpoint, dropped = self.counted, "a capture ended");
    }
}

impl From<CaptureError> for ApiError {
    fn from(error: CaptureError) -> Self {
        match error {
            CaptureError::UnknownEndpoint => Self::EndpointUnknown,
            CaptureError::Busy => Self::CaptureBusy,
            CaptureError::Stopped => Self::ShuttingDown,
        }
    }
}
