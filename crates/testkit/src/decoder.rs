//! An independent decoder: RTP payloads to pictures, with the `rtp` crate's depacketizers and Debian's ffmpeg.

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use keel_media::codec::Codec;
use rtc::rtp::codec::av1::Av1Depacketizer;
use rtc::rtp::codec::h264::H264Packet;
use rtc::rtp::codec::vp8::Vp8Packet;
use rtc::rtp::codec::vp9::Vp9Packet;
use rtc::rtp::packetizer::Depacketizer;
use std::process::Command;

/// A decoded picture.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Picture {
    /// Width and height.
    pub size: (u32, u32),
    /// The checksum of its pixels.
    pub checksum: String,
}

/// What is handed to the decoder at once: all frames of one timestamp.
#[derive(Debug, Default)]
pub struct Stream {
    units: Vec<Unit>,
}

#[derive(Debug)]
struct Unit {
    timestamp: u32,
    payloads: Vec<Vec<u8>>,
}

impl Stream {
    /// Adds a packet; they come in the order of their sequence numbers.
    pub fn push(&mut self, timestamp: u32, payload: &[u8]) {
        match self.units.last_mut().filter(|unit| unit.timestamp == timestamp) {
            Some(unit) => unit.payloads.push(payload.to_vec()),
            None => self.units.push(Unit { timestamp, payloads: vec![payload.to_vec()] }),
        }
    }

    /// The timestamps in order, one for each picture that a decoder should show.
    pub fn timestamps(&self) -> impl Iterator<Item = u32> {
        self.units.iter().map(|unit| unit.timestamp)
    }

    /// Decodes it.
    ///
    /// # Errors
    /// When ffmpeg is not installed, or the decoder complains about anything.
    pub fn decode(&self, codec: Codec) -> Result<Vec<Picture>> {
        let mut depacketizer = Depacketizers::default();
        let mut units = Vec::new();
        for unit in &self.units {
            // AV1 §7.5: a temporal unit begins with a delimiter, which RTP leaves out.
            let mut bytes = if codec == Codec::Av1 { vec![0x12, 0x00] } else { Vec::new() };
            for payload in &unit.payloads {
                bytes.extend(depacketizer.depacketize(codec, payload)?);
            }
            units.push(bytes);
        }
        let (decoder, file) = match codec {
            Codec::Vp8 => ("libvpx", ivf(*b"VP80", &units)),
            Codec::Vp9 => ("libvpx-vp9", ivf(*b"VP90", &units)),
            Codec::Av1 => ("libdav1d", ivf(*b"AV01", &units)),
            _ => ("h264", units.concat()),
        };
        run(decoder, &file)
    }
}

/// Those that put units together from several packets.
#[derive(Default)]
struct Depacketizers {
    av1: Av1Depacketizer,
    h264: H264Packet,
}

impl Depacketizers {
    fn depacketize(&mut self, codec: Codec, payload: &[u8]) -> Result<Bytes> {
        let payload = Bytes::copy_from_slice(payload);
        Ok(match codec {
            // These two remember fields of the packet before if they are used again.
            Codec::Vp8 => Vp8Packet::default().depacketize(&payload)?,
            Codec::Vp9 => Vp9Packet::default().depacketize(&payload)?,
            Codec::Av1 => self.av1.depacketize(&payload)?,
            Codec::H264 => self.h264.depacketize(&payload)?,
            codec => bail!("no depacketizer for {codec:?}"),
        })
    }
}

/// The container that libvpx's tools use: a header of 32 bytes, then each frame behind its length and time.
fn ivf(codec: [u8; 4], frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = b"DKIF\0\0\x20\0".to_vec();
    file.extend(codec);
    // Size, rate and scale are not used: the decoder finds the size of each picture.
    file.extend([16, 0, 16, 0, 30, 0, 0, 0, 1, 0, 0, 0]);
    file.extend((frames.len() as u32).to_le_bytes());
    file.extend([0; 4]);
    for (place, frame) in frames.iter().enumerate() {
        file.extend((frame.len() as u32).to_le_bytes());
        file.extend((place as u64).to_le_bytes());
        file.extend(frame);
    }
    file
}

fn run(decoder: &str, file: &[u8]) -> Result<Vec<Picture>> {
    let input = tempfile::NamedTempFile::new()?;
    std::fs::write(input.path(), file)?;
    let container = if decoder == "h264" { "h264" } else { "ivf" };
    let output = Command::new("ffmpeg")
        .args(["-hide_banner", "-nostats", "-xerror", "-err_detect", "explode", "-threads", "1"])
        .args(["-f", container, "-c:v", decoder, "-i"])
        .arg(input.path())
        .args(["-fps_mode", "passthrough", "-vf", "showinfo", "-f", "null", "-"])
        .output()
        .context("ffmpeg, the independent decoder, is not installed")?;
    let log = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{decoder} cannot decode it: {log}");
    for line in log.lines().filter(|line| line.starts_with(&format!("[{decoder} "))) {
        ensure!(!line.to_lowercase().contains("error"), "{decoder} complains: {line}");
    }
    log.lines()
        .filter(|line| line.contains("Parsed_showinfo") && line.contains(" checksum:"))
        .map(picture)
        .collect()
}

/// A picture's line of ffmpeg's filter `showinfo`.
fn picture(line: &str) -> Result<Picture> {
    let field = |name: &str| {
        let (_, rest) = line.split_once(name)?;
        rest.split_whitespace().next()
    };
    let size =
        field(" s:").and_then(|size| size.split_once('x')).with_context(|| format!("no size: {line}"))?;
    let checksum = field(" checksum:").with_context(|| format!("no checksum: {line}"))?.to_owned();
    Ok(Picture { size: (size.0.parse()?, size.1.parse()?), checksum })
}
