//! The structure that descriptors refer to (AV1 RTP §A.8.2, template_dependency_structure): templates of
//! frames, and the decode targets they serve.

use crate::codec::Layer;
use crate::codec::bits::BitReader;

/// AV1 RTP §A.8.3: template ids have six bits.
const TEMPLATES_MAX: usize = 64;
/// AV1 RTP §A.8.2: one more than five bits hold.
const TARGETS_MAX: usize = 32;
/// AV1 §6.7.5 and AV1 RTP §A.8.3: spatial ids have two bits, temporal ids three.
const SPATIAL_MAX: u8 = 3;
const TEMPORAL_MAX: u8 = 7;

/// What a frame is to a decode target.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Indication {
    /// Not part of it.
    Absent,
    /// Nothing in it refers to the frame.
    Discardable,
    /// Who has this frame can decode all that follows of it.
    Switch,
    /// Later frames refer to it.
    Required,
}

/// The templates, and which layer each decode target is.
#[derive(Clone, Debug)]
pub(super) struct Structure {
    /// The template id of the first template.
    offset: u8,
    templates: [Template; TEMPLATES_MAX],
    template_count: usize,
    targets: [Layer; TARGETS_MAX],
    target_count: u32,
    chain_count: u32,
}

/// What frames that name it have in common, unless they say otherwise.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Template {
    pub(super) layer: Layer,
    /// Two bits for each decode target, the first one lowest; see [`Indication::of`].
    pub(super) indications: u64,
    /// Bit n stands for a reference to the frame n + 1 before.
    differences: u16,
}

impl Indication {
    /// That of `target` among `indications`.
    pub(super) const fn of(indications: u64, target: u32) -> Self {
        match indications >> (2 * target) & 3 {
            0 => Self::Absent,
            1 => Self::Discardable,
            2 => Self::Switch,
            _ => Self::Required,
        }
    }
}

impl Template {
    /// Distances to the frames that it refers to.
    pub(super) fn differences(&self) -> impl Iterator<Item = u16> + use<> {
        let differences = self.differences;
        (0..16).filter(move |bit| differences >> bit & 1 == 1).map(|bit| bit + 1)
    }
}

impl Structure {
    pub(super) fn read(reader: &mut BitReader<'_>) -> Option<Self> {
        let mut structure = Self {
            offset: reader.bits(6)? as u8,
            target_count: reader.bits(5)? + 1,
            templates: [Template::default(); TEMPLATES_MAX],
            template_count: 0,
            targets: [Layer::default(); TARGETS_MAX],
            chain_count: 0,
        };
        structure.read_layers(reader)?;
        for place in 0..structure.template_count {
            structure.templates[place].indications = structure.read_indications(reader)?;
        }
        for template in &mut structure.templates[..structure.template_count] {
            // AV1 RTP §A.8.2 (template_fdiffs): each after a flag that says that there is one.
            while reader.flag()? {
                template.differences |= 1 << reader.bits(4)?;
            }
        }
        structure.read_template_chains(reader)?;
        structure.place_targets();
        // AV1 RTP §A.8.2 (render_resolutions): width and height of each spatial layer. Read past: the frame's
        // own fields follow.
        if reader.flag()? {
            for _ in 0..=structure.spatial_max() {
                reader.bits(32)?;
            }
        }
        Some(structure)
    }

    /// How many decode targets there are, 1 to 32.
    pub(super) const fn target_count(&self) -> u32 {
        self.target_count
    }

    /// The decode targets by number with their layers.
    pub(super) fn targets(&self) -> impl Iterator<Item = (u32, Layer)> {
        (0..self.target_count).zip(self.targets)
    }

    /// The template that a frame names.
    pub(super) fn template(&self, id: u8) -> Option<&Template> {
        // AV1 RTP §A.8.2 (frame_dependency_definition): ids count from the offset, modulo 64.
        let place = usize::from(id.wrapping_sub(self.offset) & 0x3f);
        self.templates[..self.template_count].get(place)
    }

    /// Reads one indication for each decode target.
    pub(super) fn read_indications(&self, reader: &mut BitReader<'_>) -> Option<u64> {
        (0..self.target_count)
            .try_fold(0, |indications, target| Some(indications | u64::from(reader.bits(2)?) << (2 * target)))
    }

    /// Reads past a frame's own chain distances: chains tell receivers what they miss.
    pub(super) fn read_chains(&self, reader: &mut BitReader<'_>) -> Option<()> {
        (0..self.chain_count).try_for_each(|_| reader.bits(8).map(drop))
    }

    fn read_layers(&mut self, reader: &mut BitReader<'_>) -> Option<()> {
        let mut layer = Layer::default();
        loop {
            self.templates.get_mut(self.template_count)?.layer = layer;
            self.template_count += 1;
            // AV1 RTP §A.8.3 (next_layer_idc): the next template's layer as a step from this one's.
            match reader.bits(2)? {
                0 => {}
                1 if layer.temporal < TEMPORAL_MAX => layer.temporal += 1,
                2 if layer.spatial < SPATIAL_MAX => {
                    layer = Layer { spatial: layer.spatial + 1, temporal: 0 };
                }
                3 => return Some(()),
                _ => return None,
            }
        }
    }

    fn read_template_chains(&mut self, reader: &mut BitReader<'_>) -> Option<()> {
        self.chain_count = reader.below(self.target_count + 1)?;
        if self.chain_count == 0 {
            return Some(());
        }
        for _ in 0..self.target_count {
            reader.below(self.chain_count)?;
        }
        for _ in 0..self.template_count {
            for _ in 0..self.chain_count {
                reader.bits(4)?;
            }
        }
        Some(())
    }

    /// AV1 RTP §A.8.3 (decode_target_layers): a target is of the highest layers of all its frames.
    fn place_targets(&mut self) {
        for template in &self.templates[..self.template_count] {
            for (target, layer) in (0..self.target_count).zip(&mut self.targets) {
                if Indication::of(template.indications, target) != Indication::Absent {
                    layer.spatial = layer.spatial.max(template.layer.spatial);
                    layer.temporal = layer.temporal.max(template.layer.temporal);
                }
            }
        }
    }

    fn spatial_max(&self) -> u8 {
        let templates = &self.templates[..self.template_count];
        templates.iter().map(|template| template.layer.spatial).max().unwrap_or_default()
    }
}
