//! What one packet says of the frame that it is part of.

use super::Codec;

/// A place in a scalable stream: each layer needs those below it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Layer {
    /// The size of the picture, from 0, the smallest.
    pub spatial: u8,
    /// The frame rate, from 0, the lowest.
    pub temporal: u8,
}

/// What one video packet says of its frame. A frame is the picture of one spatial layer; a picture of several
/// spatial layers is several frames with one timestamp.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameInfo {
    /// Where the frame belongs; 0, 0 in a stream without layers.
    pub layer: Layer,
    /// It is the first packet of its frame.
    pub begins_frame: bool,
    /// It is the last packet of its frame.
    pub ends_frame: bool,
    /// It begins a picture that decodes without any before it.
    pub begins_keyframe: bool,
    /// Who decoded the temporal layers below may go up to this frame's with it.
    pub switches_temporal: bool,
    /// Who decoded the spatial layers below may go up to this frame's with it: it is not predicted from
    /// earlier pictures of its own spatial layer.
    pub switches_spatial: bool,
    /// The spatial layers above need this frame.
    pub serves_upper: bool,
    /// The picture's numbers, which must have no holes after layers are left out.
    pub numbers: Option<PictureNumbers>,
}

/// Numbers in a payload descriptor or a dependency descriptor that a subscriber sees rewritten.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PictureNumbers {
    /// VP8's and VP9's picture id, or the dependency descriptor's frame number.
    pub picture: u16,
    /// How many bits of it are on the wire: 7, 15 or 16.
    pub bits: u8,
    /// VP8's and VP9's count of base layer pictures (TL0PICIDX).
    pub base: Option<u8>,
}

/// Reads frames of one source. It keeps what a packet does not repeat, such as the structure of a
/// dependency descriptor.
#[derive(Debug, Default)]
pub struct Describer {}

impl Describer {
    /// Reads what a packet says: its payload, the value of its dependency descriptor where it has one, and
    /// its marker. What does not parse counts as a frame of a stream without layers.
    pub fn describe(
        &mut self,
        codec: Codec,
        payload: &[u8],
        _dependency_descriptor: Option<&[u8]>,
        marker: bool,
    ) -> FrameInfo {
        let begins_keyframe = codec.begins_keyframe(payload);
        FrameInfo {
            layer: Layer::default(),
            begins_frame: begins_keyframe,
            ends_frame: marker,
            begins_keyframe,
            switches_temporal: true,
            switches_spatial: begins_keyframe,
            serves_upper: true,
            numbers: None,
        }
    }
}
