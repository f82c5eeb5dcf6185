//! A subscriber is sent now this layer, now that: everything it gets decodes, and looks as the publisher sent it.

use crate::reading::up_to;
use anyhow::{Context, Result, anyhow};
use keel_media::MediaKind;
use keel_media::codec::{Codec, Describer, FrameInfo, Layer};
use keel_media::forward::{Forwarder, LayerTarget, SinkConfig, TrackConfig};
use keel_media::id::{SessionId, TrackId};
use keel_media::rtp::{
    AbsSendTime, ExtSeq, Extension, ExtensionId, ExtensionMap, Format, PayloadType, RtpHeader, RtpParameters,
    Ssrc,
};
use keel_testkit::decoder::{Picture, Stream};
use keel_testkit::recording::{RecordedPacket, Recording};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

const SEEDS: std::ops::Range<u64> = 1..4;
/// The last part of a recording, in which nobody changes the target any more.
const REST: Duration = Duration::from_secs(2);

/// Each picture that a publisher's layers can show: which layer it is of, and when it was taken.
type Known = BTreeMap<Picture, (u8, u32)>;

/// What the subscriber got, in the order of its numbers.
struct Watched {
    packets: BTreeMap<ExtSeq, (RtpHeader, Vec<u8>)>,
    parameters: RtpParameters,
}

#[test]
fn every_picture_decodes_whatever_layers_are_asked_for() -> Result<()> {
    for name in Recording::NAMES {
        let recording = Recording::load(name)?;
        let known = known_pictures(&recording)?;
        let mut changes = 0;
        for seed in SEEDS {
            let story = format!("{name}, seed {seed}");
            let watched = watch(&recording, seed).context(story.clone())?;
            changes += watched.check(&recording, &known, &story)?;
        }
        let layers = layer_count(&recording);
        assert!(layers == 1 || changes >= 4, "{name}: the size changed {changes} times");
    }
    Ok(())
}

/// Encodings of a simulcast track, or spatial layers of a scalable stream.
fn layer_count(recording: &Recording) -> u8 {
    match recording.encodings.as_slice() {
        [only] => only.spatial_layers,
        several => several.len() as u8,
    }
}

fn known_pictures(recording: &Recording) -> Result<Known> {
    let mut known = Known::new();
    for place in 0..layer_count(recording) {
        let (encoding, spatial) =
            if recording.encodings.len() > 1 { (usize::from(place), 0) } else { (0, place) };
        let stream = up_to(recording, encoding, Layer { spatial, temporal: 7 });
        let pictures = stream.decode(recording.codec)?;
        for (picture, timestamp) in pictures.into_iter().zip(stream.timestamps()) {
            known.insert(picture, (place, timestamp));
        }
    }
    Ok(known)
}

/// Forwards a recording to one subscriber whose target changes at random; at last it is the best.
fn watch(recording: &Recording, seed: u64) -> Result<Watched> {
    let mut random = StdRng::seed_from_u64(seed);
    let parameters = subscriber(recording, random.random());
    let mut forwarder = Forwarder::new(seed);
    let start = Instant::now(); // clock: an origin, never compared with the present
    let track = forwarder.add_track(TrackConfig {
        session: SessionId::new(1),
        kind: MediaKind::Video,
        parameters: Arc::new(recording.parameters.clone()),
        encodings: recording.encodings.len(),
    });
    let sink = forwarder.add_sink(SinkConfig {
        session: SessionId::new(2),
        kind: MediaKind::Video,
        parameters: Arc::new(parameters.clone()),
        ssrc: Ssrc::new(0x2000),
        rtx_ssrc: Some(Ssrc::new(0x2001)),
        cname: "publisher".into(),
    });
    assert!(forwarder.connect(track, sink, start), "both exist");
    let end = recording.packets.last().map(|packet| packet.at).context("no packets")?;
    let mut next_change = Duration::ZERO;
    let mut packets = BTreeMap::new();
    for packet in &recording.packets {
        let now = start + packet.at;
        if packet.at >= next_change {
            let rests = packet.at + REST >= end;
            let spatial = random.random_range(0..layer_count(recording));
            let target = LayerTarget { spatial, temporal: random.random_range(0..3) };
            forwarder.set_target(sink, if rests { LayerTarget::BEST } else { target }, now);
            next_change = packet.at + Duration::from_millis(random.random_range(100..900));
        }
        hand_in(&mut forwarder, track, recording, packet, now)?;
        forwarder.fan_out(now, AbsSendTime::since_origin(packet.at), |departure| {
            let mut bytes = vec![0; departure.packet_len()];
            departure.write(&mut bytes);
            let header = RtpHeader::parse(&bytes).expect("what departs is a packet");
            assert!(packets.insert(departure.index, (header, bytes)).is_none(), "a number was given twice");
        });
        if forwarder.poll_timeout().is_some_and(|due| due <= now) {
            forwarder.handle_timeout(now);
        }
        while forwarder.poll_output().is_some() {}
    }
    Ok(Watched { packets, parameters })
}

fn hand_in(
    forwarder: &mut Forwarder,
    track: TrackId,
    recording: &Recording,
    packet: &RecordedPacket,
    now: Instant,
) -> Result<()> {
    let Some(encoding) = recording.encoding_of(packet) else { return Ok(()) };
    let source = forwarder.source_of(track, encoding).context("a source for each encoding")?;
    let first = recording.packets_of(encoding).next().context("its first packet")?;
    // One cycle up: numbers may wrap, and none is below the first.
    let index = packet.header.seq.extend(ExtSeq::new(0x1_0000 + u64::from(first.header.seq.wire()) + 0x4000));
    forwarder
        .handle_rtp(source, index, &packet.header, &packet.bytes, now)
        .map_err(|reason| anyhow!("refused: {reason:?}"))?;
    Ok(())
}

/// What the subscriber negotiated: other numbers than the publisher's, and no congestion control that would hold
/// packets back.
fn subscriber(recording: &Recording, reads_descriptors: bool) -> RtpParameters {
    let mut extensions = ExtensionMap::default();
    // AV1 and H.264 tell layers by the descriptor alone; a receiver that skips frames needs it.
    let needs_it = matches!(recording.codec, Codec::Av1 | Codec::H264);
    if reads_descriptors || needs_it {
        extensions.insert(ExtensionId::new(5).expect("a valid id"), Extension::DependencyDescriptor);
    }
    let formats = recording.parameters.formats.iter().map(|format| Format {
        payload_type: PayloadType::new(120).expect("a valid number"),
        rtx: PayloadType::new(121),
        transport_cc: false,
        remb: false,
        ..format.clone()
    });
    RtpParameters { formats: formats.collect(), extensions, ..recording.parameters.clone() }
}

impl Watched {
    /// Checks all that a subscriber's decoder relies on; says how often the picture's size changed.
    fn check(&self, recording: &Recording, known: &Known, story: &str) -> Result<usize> {
        let mut stream = Stream::default();
        let mut describer = Describer::default();
        let mut frames: BTreeMap<u32, Vec<FrameInfo>> = BTreeMap::new();
        let mut before: Option<(ExtSeq, RtpHeader, FrameInfo)> = None;
        let id = self.parameters.extensions.id(Extension::DependencyDescriptor);
        for (index, (header, bytes)) in &self.packets {
            let payload = header.payload(bytes).context("a payload")?;
            let value = id.and_then(|id| header.extension(bytes, id));
            let frame = describer.describe(recording.codec, header, payload, value);
            if let Some((last_index, last, last_frame)) = before.replace((*index, *header, frame)) {
                assert_eq!(*index, last_index.next(), "{story}: nothing was lost, so there is no hole");
                let follows = last.timestamp != header.timestamp;
                assert_eq!(last.marker, follows, "{story}: the marker ends each picture, {:?}", last.seq);
                assert!(!follows || header.timestamp.is_after(last.timestamp), "time goes forward");
                check_numbers(&last_frame, &frame, follows);
            }
            stream.push(header.timestamp.wire(), payload);
            frames.entry(header.timestamp.wire()).or_default().push(frame);
        }
        let pictures = stream.decode(recording.codec).context(story.to_owned())?;
        assert_eq!(
            pictures.len(),
            stream.timestamps().count(),
            "{story}: every picture that was sent decodes"
        );
        let (mut shown, mut changes) = (None, 0);
        for (picture, timestamp) in pictures.iter().zip(stream.timestamps()) {
            let (layer, taken) = *known
                .get(picture)
                .with_context(|| format!("{story}: a picture nobody took: {picture:?}"))?;
            if let Some((last_layer, last_taken, last_timestamp)) = shown.replace((layer, taken, timestamp)) {
                if last_layer == layer {
                    assert_eq!(
                        timestamp.wrapping_sub(last_timestamp),
                        u32::wrapping_sub(taken, last_taken),
                        "{story}: the pace"
                    );
                } else {
                    changes += 1;
                    let first = frames[&timestamp].iter().rfind(|frame| frame.begins_frame);
                    let first = first.context("a frame begins the picture")?;
                    let descends = recording.encodings.len() == 1 && layer < last_layer;
                    assert!(
                        descends || first.switches_spatial || first.begins_keyframe,
                        "{story}: {first:?}"
                    );
                }
            }
        }
        let best = layer_count(recording) - 1;
        assert_eq!(shown.map(|(layer, ..)| layer), Some(best), "{story}: at last it is shown the best");
        let rates: BTreeSet<_> = frames.values().flatten().map(|frame| frame.layer.temporal).collect();
        assert!(rates.len() > 1 || id.is_none(), "{story}: all temporal layers at last: {rates:?}");
        Ok(changes)
    }
}

/// The rules of libwebrtc's receiver for the numbers of two packets that follow one another.
fn check_numbers(last: &FrameInfo, this: &FrameInfo, follows: bool) {
    if let Some((last, this)) = last.numbers.zip(this.numbers) {
        let step = this.picture.wrapping_sub(last.picture) & 0x7fff;
        assert!(if this.contiguous { step == u16::from(follows) } else { step < 100 }, "{last:?} {this:?}");
        if let Some((last, this)) = last.base.zip(this.base) {
            assert!(this.wrapping_sub(last) <= 1, "{last:?} {this:?}");
        }
    }
    if let Some((last_number, number)) = last.frame_number.zip(this.frame_number) {
        let step = number.wrapping_sub(last_number);
        assert!(if this.begins_frame { (1..1_000).contains(&step) } else { step == 0 }, "{last:?} {this:?}");
    }
}
