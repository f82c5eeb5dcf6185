//! Whether media flows through the elements that have no peer, as applications are told. An endpoint's own
//! events say it of endpoints; of the others the media server is asked whenever something may have changed it.

use super::endpoint::{Report, flow_fields};
use super::{Body, ObjectId, Tree};
use crate::kms::model::event::{MEDIA_FLOW_IN_STATE_CHANGED, MEDIA_FLOW_OUT_STATE_CHANGED};
use crate::kms::model::{EventType, class};
use keel_media::{Flow, MediaKind};
use std::collections::BTreeMap;

/// The elements whose flow somebody wants to be told of, and what was told last, by kind.
#[derive(Debug, Default)]
pub(super) struct Flows(BTreeMap<ObjectId, [Flow; MediaKind::ALL.len()]>);

/// Whether this event tells of flow, on an object that has to be watched for it.
pub(super) fn is_watched(id: &ObjectId, event: &EventType) -> bool {
    let tells = [&MEDIA_FLOW_IN_STATE_CHANGED, &MEDIA_FLOW_OUT_STATE_CHANGED];
    tells.iter().any(|told| told.name == event.name) && !id.class().is(&class::WEB_RTC_ENDPOINT)
}

impl Tree {
    /// Somebody wants to be told of an element's flow: what it is now is told to nobody, changes will be.
    pub(super) async fn watch_flow(&mut self, id: &ObjectId) {
        if !self.flows.0.contains_key(id) {
            let now = self.flow_of(id).await;
            self.flows.0.insert(id.clone(), now);
        }
    }

    /// Media began or ceased, or goes another way: tells of every watched element what that changed.
    pub(super) async fn renew_flows(&mut self) {
        let watched: Vec<ObjectId> = self.flows.0.keys().cloned().collect();
        for id in watched {
            if self.find(&id).is_none() {
                self.flows.0.remove(&id);
                continue;
            }
            let now = self.flow_of(&id).await;
            let before = self.flows.0.insert(id.clone(), now).unwrap_or_default();
            self.report(&id, changes(before, now));
        }
    }

    async fn flow_of(&self, id: &ObjectId) -> [Flow; MediaKind::ALL.len()] {
        let mut flows = [Flow::default(); MediaKind::ALL.len()];
        let Some(body) = self.find(id).map(|object| &object.body) else { return flows };
        for kind in MediaKind::ALL {
            flows[kind as usize] = self.element_flow(body, kind).await;
        }
        flows
    }

    /// What goes into an element without a peer, and what comes out of it.
    pub(crate) async fn element_flow(&self, body: &Body, kind: MediaKind) -> Flow {
        let (Some(sink), Some(source)) = (body.as_sink(), body.as_source()) else { return Flow::default() };
        let incoming = self.media().flow(sink, kind.into()).await.unwrap_or_default();
        let outgoing = self.media().flow(source, kind.into()).await.unwrap_or_default();
        Flow { incoming: incoming.incoming, outgoing: outgoing.outgoing }
    }
}

fn changes(before: [Flow; MediaKind::ALL.len()], now: [Flow; MediaKind::ALL.len()]) -> Vec<Report> {
    let mut reports = Vec::new();
    for kind in MediaKind::ALL {
        let (before, now) = (before[kind as usize], now[kind as usize]);
        if before.incoming != now.incoming {
            reports.push(Report::new(&MEDIA_FLOW_IN_STATE_CHANGED, flow_fields(kind, now.incoming)));
        }
        if before.outgoing != now.outgoing {
            reports.push(Report::new(&MEDIA_FLOW_OUT_STATE_CHANGED, flow_fields(kind, now.outgoing)));
        }
    }
    reports
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_is_told() {
        let none = Flow::default();
        let through = Flow { incoming: true, outgoing: true };
        assert!(changes([none; 2], [none; 2]).is_empty());
        let told = changes([none; 2], [Flow { incoming: true, outgoing: false }, through]);
        let names: Vec<_> = told.iter().map(|report| report.event.name).collect();
        assert_eq!(names, ["MediaFlowInStateChanged", "MediaFlowInStateChanged", "MediaFlowOutStateChanged"]);
        assert!(changes([through; 2], [through; 2]).is_empty());
        assert_eq!(changes([through; 2], [none; 2]).len(), 4);
    }
}
