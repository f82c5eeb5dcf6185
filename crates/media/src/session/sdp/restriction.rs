//! What an endpoint's owner restricts in the descriptions made for it.

use super::codecs::{SdpFormat, drop_stray_red};
use crate::codec::Codec;
use crate::pipeline::{EndpointOptions, EndpointSettings, MediaKind, OfferDirection};
use crate::rtp::{Bitrate, Direction, Format};

/// Restrictions of one endpoint. The default restricts nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Restrictions {
    /// Of audio.
    pub audio: Restriction,
    /// Of video.
    pub video: Restriction,
    /// Which ways media goes in offers; an answer follows its offer.
    pub offered: OfferDirection,
}

/// Restrictions of one kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Restriction {
    /// The most that the peer may send.
    pub receive_max: Option<Bitrate>,
    /// The only codec to negotiate.
    pub codec: Option<Codec>,
}

impl Restrictions {
    /// What these options and settings ask of descriptions.
    #[must_use]
    pub const fn of(options: &EndpointOptions, settings: &EndpointSettings) -> Self {
        Self {
            audio: Restriction { receive_max: settings.audio_receive_max, codec: settings.audio_codec },
            video: Restriction { receive_max: settings.video_receive_max, codec: settings.video_codec },
            offered: options.offer_direction,
        }
    }

    /// Those of one kind.
    #[must_use]
    pub const fn of_kind(&self, kind: MediaKind) -> Restriction {
        match kind {
            MediaKind::Audio => self.audio,
            MediaKind::Video => self.video,
        }
    }
}

impl Restriction {
    /// The formats that an endpoint so restricted accepts of a peer's offer.
    #[must_use]
    pub fn accepted(&self, mut formats: Vec<Format>) -> Vec<Format> {
        formats.retain(|format| self.allows(format.codec));
        formats
    }

    /// The formats among `formats` that may be negotiated.
    pub(super) fn restrict(&self, formats: &[SdpFormat]) -> Vec<SdpFormat> {
        let mut allowed: Vec<SdpFormat> =
            formats.iter().filter(|format| self.allows(format.format.codec)).cloned().collect();
        drop_stray_red(&mut allowed);
        allowed
    }

    /// RED is Opus with repetitions: who allows the one gets the other.
    fn allows(&self, codec: Codec) -> bool {
        self.codec.is_none_or(|only| only == codec || (only, codec) == (Codec::Opus, Codec::Red))
    }
}

impl From<OfferDirection> for Direction {
    fn from(offered: OfferDirection) -> Self {
        match offered {
            OfferDirection::SendRecv => Self::SendRecv,
            OfferDirection::SendOnly => Self::SendOnly,
            OfferDirection::RecvOnly => Self::RecvOnly,
        }
    }
}
