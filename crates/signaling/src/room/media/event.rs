//! What the pipeline tells, in words of the room.

use super::{Gone, Part, RoomMedia};
use crate::room::effect::MediaReport;
use crate::room::id::ParticipantId;
use keel_media::{DtlsState, EndpointEvent, PipelineEvent};
use std::collections::BTreeSet;

/// Who speaks, as the pipeline's events add up to.
#[derive(Default)]
pub(super) struct Voices {
    dominant: Option<ParticipantId>,
    loudest: BTreeSet<ParticipantId>,
}

impl Voices {
    pub(super) fn forget(&mut self, gone: ParticipantId) {
        self.loudest.remove(&gone);
        if self.dominant == Some(gone) {
            self.dominant = None;
        }
    }
}

impl RoomMedia {
    pub(super) async fn handle_event(&mut self, event: PipelineEvent) -> Result<(), Gone> {
        // An element's last events may come after its end.
        let Some(part) = self.parts.get(&event.endpoint).copied() else { return Ok(()) };
        match self.report_on(part, event.event) {
            Some(report) => self.reporter.report(report).await,
            None => Ok(()),
        }
    }

    fn report_on(&mut self, part: Part, event: EndpointEvent) -> Option<MediaReport> {
        if let Part::Bridge(bridge) = part {
            return (event == EndpointEvent::BridgeEnded).then_some(MediaReport::BridgeEnded { bridge });
        }
        let who = part.participant()?;
        match event {
            EndpointEvent::CandidateFound(candidate) => match part {
                Part::Connection(participant, leg) => {
                    Some(MediaReport::Candidate { participant, leg, candidate: candidate.into() })
                }
                Part::Kurento { viewer, sender } => {
                    Some(MediaReport::ReceiveCandidate { viewer, sender, candidate: candidate.into() })
                }
                Part::Line(..) | Part::Bridge(_) => None,
            },
            EndpointEvent::DominantSpeaker { speaking: true } => {
                self.voices.dominant = Some(who);
                Some(MediaReport::Dominant(Some(who)))
            }
            EndpointEvent::DominantSpeaker { speaking: false } if self.voices.dominant == Some(who) => {
                self.voices.dominant = None;
                Some(MediaReport::Dominant(None))
            }
            EndpointEvent::Loudest { joined } => {
                if joined {
                    self.voices.loudest.insert(who);
                } else {
                    self.voices.loudest.remove(&who);
                }
                Some(MediaReport::Loudest(self.voices.loudest.iter().copied().collect()))
            }
            EndpointEvent::WantedEncodings { wanted } => {
                let Part::Line(_, track) = part else { return None };
                let active = wanted.into_iter().filter(|(_, is_wanted)| *is_wanted);
                let named =
                    active.map(|(rid, _)| rid.map_or_else(String::new, |rid| rid.as_str().to_owned()));
                Some(MediaReport::Encodings { track, active: named.collect() })
            }
            EndpointEvent::NoCommonCodec(kind) => {
                tracing::warn!(participant = ?who, %kind, "no common codec");
                None
            }
            EndpointEvent::Dtls(DtlsState::Failed) => {
                tracing::warn!(participant = ?who, "a connection could not be secured");
                None
            }
            EndpointEvent::Failed(words) => {
                tracing::warn!(participant = ?who, words, "a connection failed");
                None
            }
            EndpointEvent::DominantSpeaker { speaking: false }
            | EndpointEvent::GatheringDone
            | EndpointEvent::Ice(_)
            | EndpointEvent::PairSelected { .. }
            | EndpointEvent::Dtls(_)
            | EndpointEvent::Connection(_)
            | EndpointEvent::Media(_)
            | EndpointEvent::DataChannelOpened { .. }
            | EndpointEvent::DataChannelClosed { .. }
            | EndpointEvent::MediaFlowingIn { .. }
            | EndpointEvent::MediaFlowingOut { .. }
            | EndpointEvent::BridgeEnded
            | EndpointEvent::PeerClosed => None,
        }
    }
}
