//! What Keel reads in the packets of a real Chromium, and whether an independent decoder agrees.

use anyhow::{Context, Result};
use keel_media::codec::{Codec, Describer, FrameInfo, Layer};
use keel_testkit::decoder::{Picture, Stream};
use keel_testkit::recording::{RecordedPacket, Recording};
use std::collections::BTreeSet;

/// The packets of an encoding from its first keyframe on, with what they say of their frames, by the dependency
/// descriptor or without it.
fn described(
    recording: &Recording,
    encoding: usize,
    by_descriptor: bool,
) -> impl Iterator<Item = (&RecordedPacket, FrameInfo)> {
    let mut describer = Describer::default();
    let packets = recording.packets_of(encoding).map(move |packet| {
        let value = packet.dependency_descriptor(&recording.parameters).filter(|_| by_descriptor);
        (packet, describer.describe(recording.codec, &packet.header, packet.payload(), value))
    });
    packets.skip_while(|(_, frame)| !frame.begins_keyframe)
}

/// What is left of an encoding when the layers above `top` are taken out.
pub(crate) fn up_to(recording: &Recording, encoding: usize, top: Layer) -> Stream {
    let mut stream = Stream::default();
    for (packet, frame) in described(recording, encoding, true) {
        let spatial =
            frame.layer.spatial == top.spatial || (frame.layer.spatial < top.spatial && frame.serves_upper);
        if spatial && frame.layer.temporal <= top.temporal {
            stream.push(packet.header.timestamp.wire(), packet.payload());
        }
    }
    stream
}

/// Every frame that a recording has decodes, layer by layer, and what stands alone looks as it does with the
/// layers above it.
#[test]
fn every_layer_of_every_recording_decodes_alone() -> Result<()> {
    for name in Recording::NAMES {
        let recording = Recording::load(name)?;
        for (place, encoding) in recording.encodings.iter().enumerate() {
            let (width, height) = encoding.size;
            for spatial in 0..encoding.spatial_layers {
                // A layer that is half of another has an even size.
                let size = match encoding.spatial_layers - 1 - spatial {
                    0 => (width, height),
                    below => ((width >> below).next_multiple_of(2), (height >> below).next_multiple_of(2)),
                };
                let mut best: Option<BTreeSet<Picture>> = None;
                for temporal in (0..encoding.temporal_layers).rev() {
                    let story = format!("{name}, encoding {place}, spatial {spatial}, temporal {temporal}");
                    let stream = up_to(&recording, place, Layer { spatial, temporal });
                    let pictures = stream.decode(recording.codec).context(story.clone())?;
                    assert_eq!(pictures.len(), stream.timestamps().count(), "{story}");
                    assert!(pictures.len() > 20, "{story}: {} pictures", pictures.len());
                    for Picture { size: (width, height), .. } in &pictures {
                        // H.264 crops by pairs of lines: 135 become 134.
                        assert!(
                            *width == size.0 && height.abs_diff(size.1) <= 1,
                            "{story}: {width}x{height}"
                        );
                    }
                    match &best {
                        Some(best) => {
                            assert!(pictures.iter().all(|picture| best.contains(picture)), "{story}")
                        }
                        None => best = Some(pictures.into_iter().collect()),
                    }
                }
            }
        }
    }
    Ok(())
}

/// Payload and dependency descriptor are written by different parts of libwebrtc: where both tell, they say the
/// same.
#[test]
fn payload_and_dependency_descriptor_agree() -> Result<()> {
    for name in Recording::NAMES {
        let recording = Recording::load(name)?;
        for (place, encoding) in recording.encodings.iter().enumerate() {
            let pairs = described(&recording, place, true).zip(described(&recording, place, false));
            for ((packet, with), (_, without)) in pairs {
                let story =
                    format!("{name}, encoding {place}, {:?}: {with:?} {without:?}", packet.header.seq);
                // AV1's payload alone does not tell the frames of one picture apart.
                if with.layer.spatial == 0 || recording.codec != Codec::Av1 {
                    assert_eq!(with.begins_frame, without.begins_frame, "{story}");
                }
                assert_eq!(with.begins_keyframe, without.begins_keyframe, "{story}");
                assert_eq!(with.numbers, without.numbers, "{story}");
                if recording.codec == Codec::Vp9 {
                    assert_eq!(with.layer, without.layer, "{story}");
                    assert_eq!(with.ends_frame, without.ends_frame, "{story}");
                    assert_eq!(with.switches_spatial, without.switches_spatial, "{story}");
                    assert_eq!(with.switches_temporal, without.switches_temporal, "{story}");
                    let top = encoding.spatial_layers - 1;
                    assert!(
                        with.layer.spatial == top || with.serves_upper == without.serves_upper,
                        "{story}"
                    );
                }
            }
        }
    }
    Ok(())
}

/// Frames come one after the other, each begun and ended, with all the layers that its encoding promises. The
/// encodings of a simulcast track share one count of frames.
#[test]
fn frames_are_whole_and_counted() -> Result<()> {
    for name in Recording::NAMES {
        let recording = Recording::load(name)?;
        for (place, encoding) in recording.encodings.iter().enumerate() {
            let mut layers = BTreeSet::new();
            let (mut open, mut number, mut picture, mut keyframes) = (false, None::<u16>, None, 0);
            for (packet, frame) in described(&recording, place, true) {
                let story = format!("{name}, encoding {place}, {:?}: {frame:?}", packet.header.seq);
                assert_eq!(frame.begins_frame, !open, "{story}");
                open = !frame.ends_frame;
                layers.insert(frame.layer);
                keyframes += usize::from(frame.begins_keyframe);
                if let Some(this) = frame.frame_number
                    && let Some(before) = number.replace(this)
                {
                    let step = this.wrapping_sub(before);
                    let steps = if recording.encodings.len() > 1 { 1..=12 } else { 1..=1 };
                    assert!(if frame.begins_frame { steps.contains(&step) } else { step == 0 }, "{story}");
                }
                let timestamp = packet.header.timestamp;
                if let Some(numbers) = frame.numbers
                    && let Some((before, earlier)) = picture.replace((numbers.picture, timestamp))
                {
                    let step = u16::from(earlier != timestamp);
                    assert_eq!(numbers.picture, (before + step) & 0x7fff, "{story}");
                    assert_eq!(numbers.bits, 15, "{story}");
                }
                // With a descriptor libwebrtc leaves VP8's picture ids out.
                let described = frame.frame_number.is_some();
                let counts = recording.codec == Codec::Vp9 || (recording.codec == Codec::Vp8 && !described);
                assert_eq!(frame.numbers.is_some(), counts, "{story}");
            }
            let promised = usize::from(encoding.spatial_layers) * usize::from(encoding.temporal_layers);
            assert_eq!(layers.len(), promised, "{name}, encoding {place}: {layers:?}");
            assert!(keyframes >= 2, "{name}, encoding {place}: {keyframes} keyframes");
        }
    }
    Ok(())
}
