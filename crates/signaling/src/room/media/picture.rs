//! How large a video is, and which of its encodings a tile needs.

use keel_media::LayerTarget;

/// What is known of a video. Its encodings are taken as browsers make them: each twice as wide and high as the
/// one before, the last one full size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Picture {
    /// Width and height at full size, as its publisher says.
    pub(super) size: Option<(u32, u32)>,
    /// Simulcast encodings; 1 without.
    pub(super) encodings: u8,
}

/// What a camera sends where its publisher does not say.
const USUAL_SIZE: (u32, u32) = (1280, 720);

/// A picture that is shown this much larger than it is, in percent, still looks sharp: the next encoding has
/// four times the pixels.
const STRETCH_PERCENT: u64 = 125;

impl Picture {
    /// The encodings that an offer has for the line `mid` (RFC 8851: one `a=rid` each).
    pub(super) fn encodings_in(offer: &str, mid: &str) -> u8 {
        let mut section = (false, 0_u8);
        for line in offer.lines() {
            let (is_it, rids) = &mut section;
            if line.starts_with("m=") {
                if *is_it {
                    break;
                }
                section = (false, 0);
            } else if line.strip_prefix("a=mid:") == Some(mid) {
                *is_it = true;
            } else if line
                .strip_prefix("a=rid:")
                .is_some_and(|rid| rid.trim_end().split(' ').nth(1) == Some("send"))
            {
                *rids = rids.saturating_add(1);
            }
        }
        let (is_it, rids) = section;
        if is_it { rids.max(1) } else { 1 }
    }

    /// The least encoding that fills a tile of this size; without a size the least there is.
    pub(super) fn target(self, tile: Option<(u32, u32)>) -> LayerTarget {
        let Some((tile_width, tile_height)) = tile else {
            return LayerTarget { spatial: 0, ..LayerTarget::BEST };
        };
        let best = self.encodings.saturating_sub(1);
        let (width, height) = self.size.unwrap_or(USUAL_SIZE);
        let fills = |encoding: u8| {
            let shrunk = u32::from(best - encoding);
            let reaches = |full: u32, tile: u32| {
                u64::from(full.checked_shr(shrunk).unwrap_or(0)) * STRETCH_PERCENT >= u64::from(tile) * 100
            };
            // A tile of another shape is filled by its greater side's share, or has bars beside it: that it
            // is as large one way is enough.
            reaches(width, tile_width) || reaches(height, tile_height)
        };
        match (0..best).find(|encoding| fills(*encoding)) {
            Some(spatial) => LayerTarget { spatial, ..LayerTarget::BEST },
            // All that there is, also the spatial layers within one encoding.
            None => LayerTarget::BEST,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tile_gets_the_least_encoding_that_fills_it() {
        let camera = Picture { size: Some((1280, 720)), encodings: 3 };
        let spatial = |tile| camera.target(tile).spatial;
        assert_eq!(spatial(None), 0);
        assert_eq!(spatial(Some((160, 90))), 0);
        assert_eq!(spatial(Some((400, 225))), 0, "a quarter larger than it is");
        assert_eq!(spatial(Some((410, 231))), 1);
        assert_eq!(spatial(Some((800, 450))), 1);
        assert_eq!(spatial(Some((1280, 720))), u8::MAX);
        assert_eq!(spatial(Some((320, 900))), 0, "as wide as it shows, with bars above and below");
        let single = Picture { size: None, encodings: 1 };
        assert_eq!(single.target(Some((10, 10))), LayerTarget::BEST);
        let odd = Picture { size: Some((0, 0)), encodings: 40 };
        assert_eq!(odd.target(Some((1, 1))), LayerTarget::BEST, "nothing that a client says breaks it");
    }

    #[test]
    fn encodings_are_counted_in_their_own_section() {
        let offer = "v=0\r\nm=audio 9 X 111\r\na=mid:0\r\nm=video 9 X 96\r\na=mid:1\r\na=rid:q send\r\na=rid:h send\r\n\
                     a=rid:f send\r\na=simulcast:send q;h;f\r\nm=video 9 X 96\r\na=rid:x recv\r\na=mid:2\r\n";
        assert_eq!(["0", "1", "2", "3"].map(|mid| Picture::encodings_in(offer, mid)), [1, 3, 1, 1]);
        assert_eq!(Picture::encodings_in("", "0"), 1);
    }
}
