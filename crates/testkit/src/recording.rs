//! What a real Chromium sent: the recordings in `crates/media/tests/recordings`, whose README tells of them.

use anyhow::{Context, Result, bail};
use keel_media::codec::{Codec, CodecParameters, H264Profile};
use keel_media::rtp::{
    ClockRate, Direction, Extension, ExtensionId, ExtensionMap, Format, Mid, PayloadType, RtpHeader,
    RtpParameters, Ssrc,
};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../media/tests/recordings");

/// One publisher's video.
#[derive(Debug)]
pub struct Recording {
    /// Its codec.
    pub codec: Codec,
    /// What was negotiated for it.
    pub parameters: RtpParameters,
    /// From the least to the best; one for each simulcast encoding.
    pub encodings: Vec<Encoding>,
    /// In the order in which they were sent, retransmissions among them.
    pub packets: Vec<RecordedPacket>,
}

/// One stream of a recording.
#[derive(Clone, Copy, Debug)]
pub struct Encoding {
    /// That of its packets.
    pub ssrc: Ssrc,
    /// The size of its pictures, the largest if there are several spatial layers.
    pub size: (u32, u32),
    /// How many spatial layers it has.
    pub spatial_layers: u8,
    /// How many temporal layers it has.
    pub temporal_layers: u8,
}

/// A packet of a recording.
#[derive(Debug)]
pub struct RecordedPacket {
    /// When it was sent, since the recording began.
    pub at: Duration,
    /// Its header.
    pub header: RtpHeader,
    /// The whole packet.
    pub bytes: Vec<u8>,
}

impl Recording {
    /// Every recording's name.
    pub const NAMES: [&str; 9] = [
        "vp8-temporal",
        "vp8-simulcast",
        "vp8-simulcast-descriptor",
        "vp9-svc",
        "vp9-svc-key",
        "av1-temporal",
        "av1-svc",
        "av1-svc-key",
        "h264-simulcast",
    ];

    /// Reads the recording of this name.
    ///
    /// # Errors
    /// When its files are missing or are not what the README says.
    pub fn load(name: &str) -> Result<Self> {
        let folder = Path::new(FOLDER);
        let read = |ending: &str| {
            let path = folder.join(format!("{name}.{ending}"));
            std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        let description: Description = serde_json::from_slice(&read("json")?)?;
        let packets = packets(&read("rtpdump")?).with_context(|| format!("{name} is no rtpdump"))?;
        let codec = description.codec()?;
        let encodings =
            description.encodings.iter().map(RecordedEncoding::encoding).collect::<Result<_>>()?;
        Ok(Self { codec, parameters: description.parameters(codec)?, encodings, packets })
    }

    /// The packets of an encoding itself, without its retransmissions.
    pub fn packets_of(&self, encoding: usize) -> impl Iterator<Item = &RecordedPacket> {
        let ssrc = self.encodings.get(encoding).map(|encoding| encoding.ssrc);
        self.packets.iter().filter(move |packet| Some(packet.header.ssrc) == ssrc)
    }

    /// The encoding that a packet belongs to; `None` for a retransmission.
    #[must_use]
    pub fn encoding_of(&self, packet: &RecordedPacket) -> Option<usize> {
        self.encodings.iter().position(|encoding| encoding.ssrc == packet.header.ssrc)
    }
}

impl RecordedPacket {
    /// What follows the header, without padding.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.header.payload(&self.bytes).unwrap_or_default()
    }

    /// The value of its dependency descriptor.
    #[must_use]
    pub fn dependency_descriptor(&self, parameters: &RtpParameters) -> Option<&[u8]> {
        self.header.extension(&self.bytes, parameters.extensions.id(Extension::DependencyDescriptor)?)
    }
}

/// `NAME.json`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Description {
    codec: String,
    payload_type: u8,
    rtx_payload_type: u8,
    extensions: BTreeMap<String, u8>,
    encodings: Vec<RecordedEncoding>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecordedEncoding {
    scalability_mode: String,
    ssrc: u32,
    width: u32,
    height: u32,
}

impl Description {
    fn codec(&self) -> Result<Codec> {
        let name = self.codec.strip_prefix("video/").unwrap_or(&self.codec);
        Codec::from_name(name).with_context(|| format!("{} is no codec", self.codec))
    }

    fn parameters(&self, codec: Codec) -> Result<RtpParameters> {
        let payload_type =
            |number| PayloadType::new(number).with_context(|| format!("payload type {number}"));
        let parameters = match codec {
            Codec::H264 => CodecParameters::H264 {
                profile: H264Profile::ConstrainedBaseline,
                level: 31,
                packetization_mode: 1,
            },
            Codec::Vp9 => CodecParameters::Vp9 { profile: 0 },
            Codec::Av1 => CodecParameters::Av1 { profile: 0 },
            _ => CodecParameters::None,
        };
        let format = Format {
            payload_type: payload_type(self.payload_type)?,
            codec,
            parameters,
            clock_rate: ClockRate::VIDEO,
            rtx: Some(payload_type(self.rtx_payload_type)?),
            nack: true,
            pli: true,
            fir: true,
            transport_cc: true,
            remb: true,
        };
        let mut extensions = ExtensionMap::default();
        for (uri, id) in &self.extensions {
            if let Some((extension, id)) = Extension::from_uri(uri).zip(ExtensionId::new(*id)) {
                extensions.insert(id, extension);
            }
        }
        let mid = Mid::new("0").context("a mid")?;
        Ok(RtpParameters { mid, direction: Direction::RecvOnly, formats: vec![format], extensions })
    }
}

impl RecordedEncoding {
    fn encoding(&self) -> Result<Encoding> {
        let digits: Vec<_> =
            self.scalability_mode.bytes().filter(u8::is_ascii_digit).map(|digit| digit - b'0').collect();
        let &[spatial_layers, temporal_layers] = digits.as_slice() else {
            bail!("{} is no scalability mode", self.scalability_mode);
        };
        let size = (self.width, self.height);
        Ok(Encoding { ssrc: Ssrc::new(self.ssrc), size, spatial_layers, temporal_layers })
    }
}

/// The packets in a file of rtptools' format.
fn packets(file: &[u8]) -> Result<Vec<RecordedPacket>> {
    let line = file.iter().position(|byte| *byte == b'\n').context("no first line")?;
    let mut rest = file.get(line + 1 + 16..).context("no start")?;
    let mut packets = Vec::new();
    while let Some((head, after)) = rest.split_first_chunk::<8>() {
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let millis = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
        let (bytes, after) = after.split_at_checked(length).context("cut short")?;
        rest = after;
        packets.push(RecordedPacket {
            at: Duration::from_millis(u64::from(millis)),
            header: RtpHeader::parse(bytes)?,
            bytes: bytes.to_vec(),
        });
    }
    Ok(packets)
}
