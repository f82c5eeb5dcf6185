//! The dependency descriptor (AV1 RTP payload format, appendix A): layers and references of frames, outside
//! the payload and in one form for every codec.

mod history;
mod structure;

use super::FrameInfo;
use super::bits::BitReader;
use crate::rtp::RtpTime;
use history::{History, Seen};
use structure::{Indication, Structure, Template};

/// Reads the descriptors of one source.
#[derive(Debug, Default)]
pub(super) struct DependencyReader {
    /// Once a structure has come.
    known: Option<Box<Known>>,
}

/// What descriptors refer to.
#[derive(Debug)]
struct Known {
    structure: Structure,
    history: History,
}

/// The frame that a descriptor describes.
struct Frame {
    template: Template,
    indications: u64,
    references: References,
}

/// What a frame is predicted from.
#[derive(Clone, Copy, Debug)]
struct References {
    /// Anything at all.
    any: bool,
    /// Earlier pictures of its own spatial layer or of ones that are not known.
    own_spatial: bool,
    /// Earlier pictures of its own temporal layer, one above, or ones that are not known.
    own_temporal: bool,
}

impl DependencyReader {
    /// Puts what the descriptor `value` says of a packet with this `timestamp` in the place of what its payload
    /// said. A descriptor without its structure, or one that does not parse, says no more than its frame
    /// number and whether the frame begins and ends.
    pub(super) fn refine(&mut self, frame: &mut FrameInfo, value: &[u8], timestamp: RtpTime) {
        let mut reader = BitReader::new(value);
        let Some(mandatory) = Mandatory::read(&mut reader) else { return };
        frame.begins_frame = mandatory.begins_frame;
        frame.ends_frame = mandatory.ends_frame;
        frame.frame_number = Some(mandatory.frame_number);
        // AV1 RTP §A.8.1: the other fields are there when the value is longer than the mandatory ones.
        let extended =
            if value.len() > 3 { self.read_extended(&mut reader) } else { Some(Extended::default()) };
        let described =
            extended.and_then(|extended| self.describe(&mandatory, &extended, &mut reader, timestamp));
        let Some(Frame { template, indications, references }) = described else { return };
        let targets = self.known.as_ref().map(|known| &known.structure).into_iter();
        frame.layer = template.layer;
        frame.begins_keyframe = mandatory.begins_frame && !references.any && template.layer.spatial == 0;
        frame.switches_temporal = template.layer.temporal == 0 || !references.own_temporal;
        frame.switches_spatial = !references.own_spatial;
        frame.serves_upper = targets.flat_map(Structure::targets).any(|(target, layer)| {
            layer.spatial > template.layer.spatial
                && Indication::of(indications, target) != Indication::Absent
        });
    }

    /// Reads the flags and, where it is attached, the structure that frames refer to from now on.
    fn read_extended(&mut self, reader: &mut BitReader<'_>) -> Option<Extended> {
        let attached = reader.flag()?;
        let active_targets = reader.flag()?;
        let extended =
            Extended { indications: reader.flag()?, differences: reader.flag()?, chains: reader.flag()? };
        if attached {
            let structure = Structure::read(reader)?;
            match &mut self.known {
                Some(known) => known.structure = structure,
                None => self.known = Some(Box::new(Known { structure, history: History::default() })),
            }
        }
        if active_targets {
            // Which targets the publisher encodes at present: what arrives tells the same.
            reader.bits(self.known.as_ref()?.structure.target_count())?;
        }
        Some(extended)
    }

    fn describe(
        &mut self,
        mandatory: &Mandatory,
        extended: &Extended,
        reader: &mut BitReader<'_>,
        timestamp: RtpTime,
    ) -> Option<Frame> {
        let Known { structure, history } = self.known.as_deref_mut()?;
        let template = *structure.template(mandatory.template_id)?;
        let indications = match extended.indications {
            true => structure.read_indications(reader)?,
            false => template.indications,
        };
        let seen = Seen { number: mandatory.frame_number, layer: template.layer, timestamp };
        let mut references = References { any: false, own_spatial: false, own_temporal: false };
        let mut refer = |difference| {
            let number = mandatory.frame_number.wrapping_sub(difference);
            references.note(history.find(number), &seen);
        };
        match extended.differences {
            true => read_differences(reader, &mut refer)?,
            false => template.differences().for_each(&mut refer),
        }
        if extended.chains {
            structure.read_chains(reader)?;
        }
        history.note(seen);
        Some(Frame { template, indications, references })
    }
}

/// What every descriptor has (AV1 RTP §A.8.2).
struct Mandatory {
    begins_frame: bool,
    ends_frame: bool,
    template_id: u8,
    frame_number: u16,
}

impl Mandatory {
    fn read(reader: &mut BitReader<'_>) -> Option<Self> {
        Some(Self {
            begins_frame: reader.flag()?,
            ends_frame: reader.flag()?,
            template_id: reader.bits(6)? as u8,
            frame_number: reader.bits(16)? as u16,
        })
    }
}

/// Which of its template's fields a frame replaces by its own.
#[derive(Default)]
struct Extended {
    indications: bool,
    differences: bool,
    chains: bool,
}

impl References {
    fn note(&mut self, referred: Option<Seen>, frame: &Seen) {
        self.any = true;
        let Some(referred) = referred else {
            (self.own_spatial, self.own_temporal) = (true, true);
            return;
        };
        if referred.timestamp != frame.timestamp {
            self.own_spatial |= referred.layer.spatial >= frame.layer.spatial;
            self.own_temporal |= referred.layer.temporal >= frame.layer.temporal;
        }
    }
}

/// Reads a frame's own differences to the frames that it refers to.
fn read_differences(reader: &mut BitReader<'_>, mut refer: impl FnMut(u16)) -> Option<()> {
    // AV1 RTP §A.8.2 (frame_fdiffs): each follows its size in units of four bits, until a size of zero.
    loop {
        match reader.bits(2)? {
            0 => return Some(()),
            size => refer(reader.bits(4 * size)? as u16 + 1),
        }
    }
}

#[cfg(test)]
mod tests;
