//! The settings of an endpoint that act at once.

use super::State;
use super::latency::LatencyMeter;
use crate::id::ElementId;
use crate::pipeline::{EndpointSettings, MediaKind};
use crate::rtp::BitrateLimits;
use crate::session::sdp::Restrictions;
use std::time::Instant;

impl State {
    /// Replaces an endpoint's settings. Descriptions follow when they are next made; an unknown endpoint is
    /// ignored, as it may have been released meanwhile.
    pub(super) fn configure(&mut self, now: Instant, id: ElementId, settings: EndpointSettings) {
        let Some(endpoint) = self.endpoints.get_mut(&id) else { return };
        endpoint.local.restrictions = Restrictions::of(&endpoint.options, &settings);
        if settings.latency_stats {
            endpoint.latency.get_or_insert_with(LatencyMeter::default);
            self.latency_watched.insert(id);
        } else {
            endpoint.latency = None;
            self.latency_watched.remove(&id);
        }
        endpoint.settings = settings;
        self.apply_limits(id);
        self.report_abilities(now, id);
        if self.gathering.remove(&id) {
            self.finish_gathering(id);
        }
    }

    /// Hands the limits on video to the forwarder, as far as there are streams yet; a connection's are of each.
    pub(super) fn apply_limits(&mut self, id: ElementId) {
        let Some(endpoint) = self.endpoints.get(&id) else { return };
        let EndpointSettings { video_receive_min, video_receive_max, video_send_min, video_send_max, .. } =
            endpoint.settings;
        for media in endpoint.media.iter().filter(|media| media.kind == MediaKind::Video) {
            if let Some(track) = media.track {
                let limits = BitrateLimits { min: video_receive_min, max: video_receive_max };
                self.forwarder.limit_track(track, limits);
            }
            if let Some(sink) = media.sink {
                let limits = BitrateLimits { min: video_send_min, max: video_send_max };
                self.forwarder.limit_sink(sink, limits);
            }
        }
    }
}
