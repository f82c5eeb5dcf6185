//! What one packet says of the frame that it is part of.

use super::dependency::DependencyReader;
use super::{Codec, av1, h264, h265, vp8, vp9};
use crate::rtp::{RtpHeader, RtpTime};

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
    /// Who decoded all the temporal layers below may go up to this frame's with it: it is predicted from no
    /// earlier picture of its own temporal layer or one above. Always so in temporal layer 0.
    pub switches_temporal: bool,
    /// Who decoded the spatial layers below may go up to this frame's with it: it is not predicted from
    /// earlier pictures of its own spatial layer.
    pub switches_spatial: bool,
    /// The spatial layers above need this frame.
    pub serves_upper: bool,
    /// The numbers of its picture in the payload descriptor, for [`patch_payload`](super::patch_payload).
    pub numbers: Option<PictureNumbers>,
    /// The frame number of its dependency descriptor, for [`patch_descriptor`](super::patch_descriptor).
    /// References are told as differences of these, so they may have holes where frames were left out, and
    /// are only shifted, by one distance for all frames of a source.
    pub frame_number: Option<u16>,
}

/// Numbers in a payload descriptor that a subscriber sees rewritten.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PictureNumbers {
    /// VP8's and VP9's picture id.
    pub picture: u16,
    /// How many bits of it are on the wire: 7 or 15.
    pub bits: u8,
    /// The count of base layer pictures (TL0PICIDX), where there is one. It is only shifted: no subscriber
    /// goes without the base layer.
    pub base: Option<u8>,
    /// Pictures that are left out must leave no hole in the picture ids. So with VP8, whose receivers take a
    /// hole for a loss; VP9 tells references as differences of picture ids or by their place in a repeating
    /// group, so its ids are only shifted.
    pub contiguous: bool,
}

/// Reads frames of one source. It keeps what a packet does not repeat, such as the structure of a
/// dependency descriptor; its size is bounded, and it allocates once, at the first such structure.
#[derive(Debug, Default)]
pub struct Describer {
    dependency: DependencyReader,
    /// The timestamp of the latest frame whose first packet was seen.
    begun: Option<RtpTime>,
    /// H.264 or H.265 parameter sets have come among the packets.
    has_parameter_sets: bool,
}

impl Describer {
    /// Reads what a packet says: its header and payload, and the value of its dependency descriptor where it
    /// has one, which takes precedence over the payload. What does not parse counts as a frame of a stream
    /// without layers.
    pub fn describe(
        &mut self,
        codec: Codec,
        header: &RtpHeader,
        payload: &[u8],
        dependency_descriptor: Option<&[u8]>,
    ) -> FrameInfo {
        let described = match codec {
            Codec::Vp8 => vp8::describe(payload, header.marker),
            Codec::Vp9 => vp9::describe(payload),
            _ => None,
        };
        let mut frame = described.unwrap_or_else(|| self.describe_plain(codec, header, payload));
        if let Some(value) = dependency_descriptor {
            self.dependency.refine(&mut frame, value, header.timestamp);
        }
        frame
    }

    /// A frame of a stream whose payload tells no layers.
    fn describe_plain(&mut self, codec: Codec, header: &RtpHeader, payload: &[u8]) -> FrameInfo {
        let may_begin = match codec {
            Codec::H264 => h264::may_begin_frame(payload),
            Codec::H265 => h265::may_begin_frame(payload),
            Codec::Av1 => av1::may_begin_frame(payload),
            _ => false,
        };
        // Parameter sets and the first slice each look like a beginning: of one timestamp the first is it.
        let begins_frame = may_begin && self.begun != Some(header.timestamp);
        if begins_frame {
            self.begun = Some(header.timestamp);
        }
        let has_sets = match codec {
            Codec::H264 => h264::has_parameter_set(payload),
            Codec::H265 => h265::has_parameter_set(payload),
            _ => false,
        };
        self.has_parameter_sets |= has_sets;
        // A decoder needs the parameter sets: where they come with the stream, a slice without them begins nothing.
        let begins_keyframe = codec.begins_keyframe(payload) && (has_sets || !self.has_parameter_sets);
        FrameInfo {
            layer: Layer::default(),
            begins_frame,
            ends_frame: header.marker,
            begins_keyframe,
            switches_temporal: true,
            switches_spatial: begins_keyframe,
            serves_upper: true,
            numbers: None,
            frame_number: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn describe(describer: &mut Describer, timestamp: u8, payload: &[u8]) -> FrameInfo {
        let header = RtpHeader::parse(&[0x80, 96, 0, 1, 0, 0, 0, timestamp, 0, 0, 0, 7]).expect("a header");
        describer.describe(Codec::H264, &header, payload, None)
    }

    #[test]
    fn one_packet_of_a_frame_begins_it_and_a_keyframe_begins_with_its_parameter_sets() {
        const SPS: &[u8] = &[0x67, 0x42];
        const IDR: &[u8] = &[0x65, 0x88];
        const SLICE: &[u8] = &[0x41, 0x9a];
        let mut describer = Describer::default();
        // (timestamp, payload, begins a frame, begins a keyframe)
        let story = [
            (0, IDR, true, true, "there may be parameter sets in the SDP"),
            (1, SPS, true, true, "here they come with the stream"),
            (1, IDR, false, false, "so the slice alone is of no use"),
            (2, SLICE, true, false, "a delta frame"),
            (3, IDR, true, false, "its parameter sets are lost"),
            (3, SPS, false, true, "and repaired"),
        ];
        for (timestamp, payload, begins_frame, begins_keyframe, why) in story {
            let frame = describe(&mut describer, timestamp, payload);
            assert_eq!((frame.begins_frame, frame.begins_keyframe), (begins_frame, begins_keyframe), "{why}");
        }
    }
}
