//! What a participant looks at: the tiles on its screen, and how many cameras it wants at most.

use super::Asker;
use super::Output;
use super::room::Room;
use super::subscribing::LINES_MAX;
use crate::room::id::{ParticipantId, TrackId};
use crate::room::message::ViewedTrack;
use crate::room::refusal::Refusal;
use std::collections::BTreeMap;

/// What a client has said of its screen.
#[derive(Default)]
pub(super) enum View {
    /// Nothing yet: all videos, as small as they come.
    #[default]
    Unsaid,
    Said {
        tiles: BTreeMap<TrackId, Tile>,
        last_n: Option<usize>,
    },
}

/// A video on the screen.
#[derive(Clone, Copy)]
pub(super) struct Tile {
    pub(super) size: (u32, u32),
    pub(super) weight: u8,
}

/// The greatest weight: sixteen times as much as an ordinary tile.
const WEIGHT_MAX: u32 = 16;

/// The largest tile that is believed, in pixels of one side.
const TILE_MAX: u32 = 8_192;

impl Room {
    pub(super) fn view(
        &mut self,
        asker: Asker,
        who: ParticipantId,
        listed: &[ViewedTrack],
        last_n: Option<u32>,
        out: &mut Output,
    ) -> Result<(), Refusal> {
        if listed.len() > LINES_MAX {
            return Err(Refusal::TooManyTracks(LINES_MAX));
        }
        let mut tiles = BTreeMap::new();
        for ViewedTrack { track, width, height, priority } in listed {
            // One that has just ended may still be on the client's screen.
            let Some(track) = TrackId::parse(track).filter(|track| self.tracks.contains_key(track)) else {
                continue;
            };
            let size = ((*width).clamp(1, TILE_MAX), (*height).clamp(1, TILE_MAX));
            let weight = u8::try_from(priority.unwrap_or(1).clamp(1, WEIGHT_MAX)).unwrap_or(1);
            tiles.insert(track, Tile { size, weight });
        }
        let side = self.participant(who)?.keel().ok_or(Refusal::OtherForm)?;
        let last_n = last_n.map(|count| usize::try_from(count).unwrap_or(usize::MAX));
        side.view = View::Said { tiles, last_n };
        self.is_dirty = true;
        out.done(asker);
        Ok(())
    }
}

impl View {
    /// How much a video matters to this viewer: pinned ones most, then those on its screen.
    pub(super) fn rank(&self, track: TrackId) -> u8 {
        match self {
            Self::Unsaid => 0,
            Self::Said { tiles, .. } => match tiles.get(&track) {
                Some(tile) if tile.weight > 1 => 2,
                Some(_) => 1,
                None => 0,
            },
        }
    }

    /// How many cameras it wants at most.
    pub(super) fn last_n(&self) -> usize {
        match self {
            Self::Said { last_n: Some(count), .. } => *count,
            _ => usize::MAX,
        }
    }
}
