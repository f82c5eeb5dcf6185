//! What a publisher sends: the sizes of its packets, and when.

use crate::packet::{PAYLOAD_MAX, PAYLOAD_MIN};
use anyhow::ensure;
use std::time::Duration;

/// Recorded from Chromium: a frame per line, the payload bytes of its packets.
const CHROMIUM_FRAMES: &str = include_str!("../../../benches/chromium_frames.txt");

/// An Opus packet of 20 ms at 32 kbit/s.
const AUDIO_PAYLOAD: usize = 80;
const AUDIO_EVERY: Duration = Duration::from_millis(20);

/// How video is cut into packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Shape {
    /// Frames of equal packets, each frame at once.
    Bursts,
    /// Frames as recorded from Chromium, whose packets differ by a byte.
    Chromium,
    /// Packets one at a time, evenly spaced.
    Singles,
    /// No video.
    None,
}

/// What each publisher sends.
#[derive(Clone, PartialEq, Debug)]
pub struct Traffic {
    /// Payload bytes of the packets of consecutive frames, over and over.
    frames: Vec<Vec<usize>>,
    packets_per_second: f64,
    audio: bool,
}

impl Traffic {
    /// Frames of `burst` packets with `payload` bytes, where the shape has a use for the two, and so many
    /// packets of video a second.
    ///
    /// # Errors
    /// When a packet would be too short for its stamp or too long for a network, or nothing would be sent.
    pub fn new(
        shape: Shape,
        burst: usize,
        payload: usize,
        packets_per_second: f64,
        audio: bool,
    ) -> anyhow::Result<Self> {
        ensure!(
            (PAYLOAD_MIN..=PAYLOAD_MAX).contains(&payload),
            "a payload has {PAYLOAD_MIN} to {PAYLOAD_MAX} bytes, not {payload}"
        );
        ensure!((1..=64).contains(&burst), "a frame has 1 to 64 packets, not {burst}");
        ensure!(
            packets_per_second.is_finite() && packets_per_second >= 0.0,
            "a rate is zero or more packets a second"
        );
        let frames = match shape {
            Shape::Bursts => vec![vec![payload; burst]],
            Shape::Chromium => chromium_frames(),
            Shape::Singles => vec![vec![payload]],
            Shape::None => Vec::new(),
        };
        Ok(Self { frames, packets_per_second, audio })
    }

    /// The same at another rate.
    #[must_use]
    pub fn at(&self, packets_per_second: f64) -> Self {
        Self { packets_per_second, ..self.clone() }
    }

    /// Packets of video a second.
    #[must_use]
    pub fn packets_per_second(&self) -> f64 {
        if self.frames.is_empty() { 0.0 } else { self.packets_per_second }
    }

    /// Whether there is video.
    #[must_use]
    pub fn has_video(&self) -> bool {
        !self.frames.is_empty()
    }

    /// Whether there is audio.
    #[must_use]
    pub const fn has_audio(&self) -> bool {
        self.audio
    }

    /// The payload bytes of the packets of this frame.
    pub(crate) fn frame(&self, number: u64) -> &[usize] {
        let count = self.frames.len() as u64;
        number.checked_rem(count).and_then(|place| self.frames.get(place as usize)).map_or(&[], Vec::as_slice)
    }

    /// The time between two frames; `None` when there are none.
    pub(crate) fn frame_every(&self) -> Option<Duration> {
        let packets: usize = self.frames.iter().map(Vec::len).sum();
        let packets_per_frame = packets as f64 / self.frames.len().max(1) as f64;
        let seconds = packets_per_frame / self.packets_per_second();
        (seconds.is_finite() && seconds > 0.0 && seconds < 1e6).then(|| Duration::from_secs_f64(seconds))
    }

    /// The payload bytes of a packet of audio, and the time between two; `None` when there is none.
    pub(crate) fn audio_every(&self) -> Option<(usize, Duration)> {
        self.audio.then_some((AUDIO_PAYLOAD, AUDIO_EVERY))
    }
}

fn chromium_frames() -> Vec<Vec<usize>> {
    CHROMIUM_FRAMES
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_whitespace().filter_map(|size| size.parse().ok()).collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traffic(shape: Shape, rate: f64) -> Traffic {
        Traffic::new(shape, 8, 1100, rate, true).expect("a sound traffic")
    }

    #[test]
    fn a_rate_of_packets_becomes_a_rate_of_frames() {
        assert_eq!(traffic(Shape::Bursts, 240.0).frame_every(), Some(Duration::from_secs(1) / 30));
        assert_eq!(traffic(Shape::Singles, 100.0).frame_every(), Some(Duration::from_millis(10)));
        assert_eq!(traffic(Shape::None, 100.0).frame_every(), None);
        assert_eq!(traffic(Shape::Bursts, 0.0).frame_every(), None, "idle peers");
        assert_eq!(traffic(Shape::None, 100.0).audio_every(), Some((80, Duration::from_millis(20))));
    }

    #[test]
    fn frames_come_round_again_and_chromiums_are_what_was_recorded() {
        let bursts = traffic(Shape::Bursts, 1.0);
        assert_eq!(bursts.frame(u64::MAX), [1100; 8]);
        let chromium = traffic(Shape::Chromium, 1.0);
        assert_eq!((chromium.frame(0), chromium.frame(100)), (&[978, 978, 978][..], &[978, 978, 978][..]));
        let sizes: Vec<usize> = chromium.frames.concat();
        assert!(sizes.iter().all(|size| (PAYLOAD_MIN..=PAYLOAD_MAX).contains(size)));
        assert_eq!(chromium.frames.len(), 100);
    }

    #[test]
    fn what_cannot_be_sent_is_refused() {
        assert!(Traffic::new(Shape::Bursts, 8, 31, 1.0, false).is_err());
        assert!(Traffic::new(Shape::Bursts, 8, 1401, 1.0, false).is_err());
        assert!(Traffic::new(Shape::Bursts, 0, 1100, 1.0, false).is_err());
        assert!(Traffic::new(Shape::Bursts, 8, 1100, f64::NAN, false).is_err());
    }
}
