//! `GET /api/pipelines`: what the media server carries at this moment, for the administrator and the page at
//! `/admin`.

use super::admin::{PageQuery, number, page};
use super::body::Administrator;
use crate::error::{ApiError, Problem};
use crate::state::AppState;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::IntoResponse;
use keel_media::codec::Layer;
use keel_media::id::PipelineId;
use keel_media::rtp::Bitrate;
use keel_media::{
    DtlsState, ElementKind, ElementSurvey, EndpointStats, GraphEdge, IceState, PipelineSurvey, StreamStats,
};
use serde::Serialize;
use std::net::SocketAddr;
use std::time::Duration;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub(crate) struct PipelinesPage {
    pipelines: Vec<PipelineView>,
    /// What to send as `after` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct PipelineView {
    id: u64,
    worker: usize,
    elements: Vec<ElementView>,
    connections: Vec<ConnectionView>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ElementView {
    id: u64,
    kind: &'static str,
    worker: usize,
    /// The application's name for it; empty for elements without a peer.
    label: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<EndpointView>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct EndpointView {
    ice: &'static str,
    dtls: &'static str,
    #[schema(value_type = Option<String>)]
    local: Option<SocketAddr>,
    #[schema(value_type = Option<String>)]
    remote: Option<SocketAddr>,
    srtp_profile: Option<&'static str>,
    /// Bits per second that the path to the peer carries, all streams together.
    estimate: Option<u64>,
    incoming: Vec<StreamView>,
    outgoing: Vec<StreamView>,
}

/// One stream since it began; who wants rates takes the difference of two answers.
#[derive(Serialize, ToSchema)]
pub(crate) struct StreamView {
    kind: String,
    ssrc: u32,
    packets: u64,
    bytes: u64,
    packets_lost: i64,
    jitter_ms: f64,
    round_trip_ms: Option<f64>,
    nacked: u64,
    retransmitted: u64,
    keyframe_requests: u64,
    /// Of the last second or so; absent while nothing flows.
    bitrate: Option<u64>,
    frames: u64,
    /// The simulcast encoding of an incoming stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    rid: Option<String>,
    /// What an outgoing video stream is of its track at present.
    #[serde(skip_serializing_if = "Option::is_none")]
    layer: Option<LayerView>,
    freezes: u64,
    frozen_ms: f64,
}

/// Counted from 0, the least.
#[derive(Serialize, ToSchema)]
pub(crate) struct LayerView {
    /// The simulcast encoding, or the spatial layer of a scalable stream.
    spatial: u8,
    temporal: u8,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ConnectionView {
    source: u64,
    sink: u64,
    media: String,
    flowing: bool,
    packets: u64,
    bytes: u64,
}

/// Look at pipelines
///
/// What the media server carries at this moment, in the order of creation.
#[utoipa::path(
    get, path = "/api/pipelines", tag = "media",
    params(
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 500, description = "How many; 100 unless said otherwise"),
        ("after" = Option<u64>, Query, minimum = 0, maximum = 9007199254740991i64, description = "`next` of the page before"),
    ),
    responses(
        (status = 200, body = PipelinesPage, description = "A page of pipelines"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "No such page"),
    ),
)]
pub(crate) async fn pipelines(
    _: Administrator,
    State(state): State<AppState>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<impl IntoResponse, ApiError> {
    let (count, after) = page(query)?;
    let after = number(after)?.map(PipelineId::new);
    let found = state.media().survey(after, count).await;
    let next = found.last().filter(|_| found.len() == count).map(|last| last.pipeline.number().to_string());
    let pipelines = found.into_iter().map(PipelineView::from).collect();
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(PipelinesPage { pipelines, next })))
}

impl PipelineView {
    /// One pipeline; `None` where it has ended meanwhile.
    pub(crate) async fn of(state: &AppState, pipeline: PipelineId) -> Option<Self> {
        // The survey begins behind a number.
        let before = pipeline.number().checked_sub(1).map(PipelineId::new);
        let found = state.media().survey(before, 1).await.into_iter().next();
        found.filter(|found| found.pipeline == pipeline).map(Self::from)
    }
}

impl From<PipelineSurvey> for PipelineView {
    fn from(survey: PipelineSurvey) -> Self {
        Self {
            id: survey.pipeline.number(),
            worker: survey.worker,
            elements: survey.elements.into_iter().map(ElementView::from).collect(),
            connections: survey.edges.iter().map(ConnectionView::from).collect(),
        }
    }
}

impl From<ElementSurvey> for ElementView {
    fn from(element: ElementSurvey) -> Self {
        Self {
            id: element.element.number(),
            kind: match element.kind {
                ElementKind::Endpoint => "endpoint",
                ElementKind::Line => "line",
                ElementKind::PassThrough => "pass_through",
                ElementKind::Bridge => "bridge",
            },
            worker: element.worker,
            label: element.label,
            endpoint: element.stats.as_ref().map(EndpointView::from),
        }
    }
}

impl From<&EndpointStats> for EndpointView {
    fn from(stats: &EndpointStats) -> Self {
        Self {
            ice: match stats.ice {
                IceState::New => "new",
                IceState::Checking => "checking",
                IceState::Connected => "connected",
                IceState::Disconnected => "disconnected",
                IceState::Closed => "closed",
            },
            dtls: match stats.dtls {
                DtlsState::New => "new",
                DtlsState::Connecting => "connecting",
                DtlsState::Connected => "connected",
                DtlsState::Failed => "failed",
                DtlsState::Closed => "closed",
            },
            local: stats.pair.map(|(local, _)| local),
            remote: stats.pair.map(|(_, remote)| remote),
            srtp_profile: stats.srtp_profile,
            estimate: stats.estimate.map(Bitrate::as_bps),
            incoming: stats.incoming.iter().map(StreamView::from).collect(),
            outgoing: stats.outgoing.iter().map(StreamView::from).collect(),
        }
    }
}

impl From<&StreamStats> for StreamView {
    fn from(stream: &StreamStats) -> Self {
        Self {
            kind: stream.kind.to_string(),
            ssrc: stream.ssrc,
            packets: stream.packets,
            bytes: stream.bytes,
            packets_lost: stream.packets_lost,
            jitter_ms: milliseconds(stream.jitter),
            round_trip_ms: stream.round_trip.map(milliseconds),
            nacked: stream.nacked,
            retransmitted: stream.retransmitted,
            keyframe_requests: stream.pli + stream.fir,
            bitrate: stream.bitrate.map(Bitrate::as_bps),
            frames: stream.frames,
            rid: stream.rid.map(|rid| rid.to_string()),
            layer: stream.layer.map(|Layer { spatial, temporal }| LayerView { spatial, temporal }),
            freezes: stream.freezes,
            frozen_ms: milliseconds(stream.frozen),
        }
    }
}

impl From<&GraphEdge> for ConnectionView {
    fn from(edge: &GraphEdge) -> Self {
        Self {
            source: edge.source.number(),
            sink: edge.sink.number(),
            media: edge.media.to_string(),
            flowing: edge.flowing,
            packets: edge.packets,
            bytes: edge.bytes,
        }
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
