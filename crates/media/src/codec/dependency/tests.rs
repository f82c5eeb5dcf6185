use super::*;
use crate::codec::Layer;
use proptest::prelude::*;

/// Bits from strings of digits, most significant first.
#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn put(&mut self, value: u32, count: u32) {
        self.0.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
    }

    fn bytes(&self) -> Vec<u8> {
        self.0
            .chunks(8)
            .map(|bits| {
                bits.iter().enumerate().fold(0, |byte, (place, bit)| byte | u8::from(*bit) << (7 - place))
            })
            .collect()
    }
}

/// One row of the tables in AV1 RTP §A.6: spatial, temporal, differences, indications from the highest target.
type Row = (u32, u32, &'static [u32], &'static str);

/// AV1 RTP §A.6.1: one spatial and three temporal layers.
const L1T3: &[Row] =
    &[(0, 0, &[], "SSS"), (0, 0, &[4], "SSS"), (0, 1, &[2], "SD-"), (0, 2, &[1], "D--"), (0, 2, &[1], "D--")];

/// Two spatial layers and two temporal ones, the upper spatial layer predicted from the lower in keyframes only.
const L2T2_KEY: &[Row] = &[
    (0, 0, &[], "SSSS"),
    (0, 0, &[4], "--SS"),
    (0, 1, &[2], "--D-"),
    (1, 0, &[1], "SS--"),
    (1, 0, &[4], "SS--"),
    (1, 1, &[2], "D---"),
];

/// A value with a structure that begins at template id 60, so that ids wrap; it describes the first row.
fn attached(rows: &[Row], frame_number: u16) -> Vec<u8> {
    let targets = rows[0].3.len() as u32;
    let mut bits = Bits::default();
    bits.put(0b11, 2);
    bits.put(60, 6);
    bits.put(u32::from(frame_number), 16);
    bits.put(0b10000, 5);
    bits.put(60, 6);
    bits.put(targets - 1, 5);
    for (place, (spatial, temporal, ..)) in rows.iter().enumerate() {
        let step = rows.get(place + 1).map_or(3, |(next_spatial, next_temporal, ..)| {
            match (next_spatial == spatial, next_temporal == temporal) {
                (true, true) => 0,
                (true, false) => 1,
                (false, _) => 2,
            }
        });
        bits.put(step, 2);
    }
    for (.., indications) in rows {
        for indication in indications.bytes() {
            bits.put(b"-DSR".iter().position(|symbol| *symbol == indication).expect("a symbol") as u32, 2);
        }
    }
    for (_, _, differences, _) in rows {
        for difference in *differences {
            bits.put(1 << 4 | (difference - 1), 5);
        }
        bits.put(0, 1);
    }
    // One chain: its count is below targets + 1, which takes the bits that the limit asks for.
    let limit = targets + 1;
    let width = u32::BITS - limit.leading_zeros();
    bits.put(1, if 1 < (1 << width) - limit { width - 1 } else { width });
    for _ in rows {
        bits.put(2, 4);
    }
    let spatial_layers = rows.iter().map(|row| row.0).max().expect("rows") + 1;
    bits.put(1, 1);
    for layer in 0..spatial_layers {
        bits.put(320 << layer, 16);
        bits.put(180 << layer, 16);
    }
    bits.bytes()
}

fn plain(row: usize, frame_number: u16) -> Vec<u8> {
    let [high, low] = frame_number.to_be_bytes();
    vec![0xc0 | ((60 + row as u8) & 0x3f), high, low]
}

fn unknown() -> FrameInfo {
    FrameInfo {
        layer: Layer::default(),
        begins_frame: false,
        ends_frame: false,
        begins_keyframe: false,
        switches_temporal: true,
        switches_spatial: false,
        serves_upper: true,
        numbers: None,
        frame_number: None,
    }
}

fn read(reader: &mut DependencyReader, value: &[u8], timestamp: u32) -> FrameInfo {
    let mut frame = unknown();
    reader.refine(&mut frame, value, RtpTime::new(timestamp));
    frame
}

// covers: AV1 RTP §A.8.2
#[test]
fn temporal_layers_are_read_and_go_up_where_they_refer_to_lower_ones() {
    let mut reader = DependencyReader::default();
    let key = read(&mut reader, &attached(L1T3, 0xfffe), 0);
    assert!(key.begins_frame && key.ends_frame && key.begins_keyframe && !key.serves_upper);
    assert_eq!((key.layer, key.frame_number), (Layer::default(), Some(0xfffe)));
    // Rows as encoders send them; the frame numbers wrap.
    let story = [(3, 2, true), (2, 1, true), (4, 2, true), (1, 0, true), (3, 2, true)];
    for (place, (row, temporal, switches)) in story.into_iter().enumerate() {
        let number = 0xffff_u16.wrapping_add(place as u16);
        let frame = read(&mut reader, &plain(row, number), 3_000 * (place as u32 + 1));
        assert_eq!(frame.layer, Layer { spatial: 0, temporal }, "frame {place}");
        assert_eq!((frame.switches_temporal, frame.begins_keyframe), (switches, false), "frame {place}");
    }
    // A frame of layer 2 with differences of its own, which refers to the layer 2 frame before it.
    let mut bits = Bits::default();
    bits.put(0b11, 2);
    bits.put((60 + 3) & 0x3f, 6);
    bits.put(4, 16);
    bits.put(0b00010, 5);
    bits.put(0b01_0000, 6);
    bits.put(0, 2);
    let frame = read(&mut reader, &bits.bytes(), 30_000);
    assert_eq!((frame.layer.temporal, frame.switches_temporal), (2, false));
}

#[test]
fn an_upper_spatial_layer_is_entered_at_keyframes_where_only_they_hold_the_lower_one() {
    let mut reader = DependencyReader::default();
    let base = read(&mut reader, &attached(L2T2_KEY, 10), 0);
    assert!(base.begins_keyframe && base.switches_spatial && base.serves_upper);
    let upper = read(&mut reader, &plain(3, 11), 0);
    assert_eq!(upper.layer, Layer { spatial: 1, temporal: 0 });
    assert!(upper.switches_spatial && !upper.begins_keyframe);
    let delta = read(&mut reader, &plain(2, 12), 3_000);
    assert!(!delta.serves_upper && delta.switches_temporal);
    let upper_delta = read(&mut reader, &plain(5, 13), 3_000);
    assert_eq!(upper_delta.layer, Layer { spatial: 1, temporal: 1 });
    assert!(upper_delta.switches_temporal && !upper_delta.switches_spatial);
}

#[test]
fn references_to_frames_that_never_came_are_no_switching_points() {
    let mut reader = DependencyReader::default();
    read(&mut reader, &attached(L1T3, 0), 0);
    // The layer 1 frame of number 2 is lost: who has the layers below may still not go up with its referrer.
    let frame = read(&mut reader, &plain(4, 3), 9_000);
    assert!(!frame.switches_temporal);
}

#[test]
fn without_its_structure_a_descriptor_tells_number_and_boundaries_alone() {
    let mut reader = DependencyReader::default();
    let frame = read(&mut reader, &plain(3, 7), 0);
    assert_eq!(frame, FrameInfo { begins_frame: true, ends_frame: true, frame_number: Some(7), ..unknown() });
    assert_eq!(read(&mut reader, &[0xc0, 7], 0), unknown(), "cut short");
}

#[test]
fn hostile_structures_are_refused_and_the_last_good_one_stays() {
    let mut reader = DependencyReader::default();
    read(&mut reader, &attached(L1T3, 0), 0);
    let whole = attached(L2T2_KEY, 1);
    // Cut anywhere within the structure; the last two bytes are padding at most.
    for length in 4..whole.len() - 2 {
        read(&mut reader, &whole[..length], 3_000);
    }
    let frame = read(&mut reader, &plain(3, 1), 6_000);
    assert_eq!(frame.layer.temporal, 2, "of the three temporal layers of the good structure");
    // Steps up without end: 255 bytes of them.
    for step in [0x55, 0xaa, 0x00] {
        let mut endless = vec![0xc0, 0, 2, 0x80];
        endless.resize(255, step);
        read(&mut reader, &endless, 9_000);
    }
    assert_eq!(read(&mut reader, &plain(3, 3), 9_000).layer.temporal, 2);
}

proptest! {
    #[test]
    fn no_value_panics_and_layers_stay_in_range(
        values in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..255), 0..20),
        flips in proptest::collection::vec((0usize..60, any::<u8>()), 0..8),
    ) {
        let mut reader = DependencyReader::default();
        let mut bent = attached(L2T2_KEY, 1);
        for (place, with) in flips {
            if let Some(byte) = bent.get_mut(place) {
                *byte ^= with;
            }
        }
        for value in std::iter::once(bent).chain(values) {
            let frame = read(&mut reader, &value, 0);
            prop_assert!(frame.layer.spatial <= 3 && frame.layer.temporal <= 7);
            prop_assert!(frame.layer.temporal > 0 || frame.switches_temporal);
        }
    }
}
