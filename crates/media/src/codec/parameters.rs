//! The `a=fmtp` parameters that decide whether two formats are the same thing.

/// The parameters of one format. They are equal when nothing differs; negotiation asks
/// [`CodecParameters::agree_with`], forwarding [`CodecParameters::accept`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CodecParameters {
    /// Nothing that a forwarder must compare.
    None,
    /// H.264 (RFC 6184 §8.1).
    H264 {
        /// The profile, from `profile-level-id`.
        profile: H264Profile,
        /// The level's number, from `profile-level-id` (31 for level 3.1).
        level: u8,
        /// 0 or 1; the two cannot be forwarded into each other.
        packetization_mode: u8,
    },
    /// VP9 (RFC 9628 §6): the profile.
    Vp9 {
        /// `profile-id`, 0 when absent.
        profile: u8,
    },
    /// AV1: the profile.
    Av1 {
        /// `profile`, 0 when absent.
        profile: u8,
    },
    /// H.265 (RFC 7798 §7.1).
    H265 {
        /// `profile-id`, 1 when absent.
        profile: u8,
        /// `tier-flag`, 0 when absent.
        tier: u8,
        /// `level-id`, 93 when absent.
        level: u8,
    },
}

impl CodecParameters {
    /// Whether offer and answer may call these one format: they differ in the level at most, which
    /// negotiation lowers to that of all receivers.
    // RFC 6184 §8.2.2: profile and packetization mode are used symmetrically, the level need not be.
    #[must_use]
    pub fn agree_with(self, other: Self) -> bool {
        match (self, other) {
            (
                Self::H264 { profile, packetization_mode, .. },
                Self::H264 { profile: other, packetization_mode: other_mode, .. },
            ) => profile == other && packetization_mode == other_mode,
            (Self::H265 { profile, tier, .. }, Self::H265 { profile: other, tier: other_tier, .. }) => {
                profile == other && tier == other_tier
            }
            _ => self == other,
        }
    }

    /// Whether a stream with the parameters `stream` may be sent to a peer that negotiated these: they agree,
    /// or the peer's decoder takes more than it agreed to.
    #[must_use]
    pub fn accept(self, stream: Self) -> bool {
        match (self, stream) {
            (
                Self::H264 { profile: ours, packetization_mode, .. },
                Self::H264 { profile: theirs, packetization_mode: streamed, .. },
            ) => packetization_mode == streamed && ours.decodes(theirs),
            _ => self.agree_with(stream),
        }
    }
}

/// The profiles of H.264 that browsers name (RFC 6184 §8.1, table 5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum H264Profile {
    /// `42e0xx` and its kin: what every browser decodes.
    ConstrainedBaseline,
    /// `4200xx`.
    Baseline,
    /// `4d00xx`.
    Main,
    /// `640cxx`.
    ConstrainedHigh,
    /// `6400xx`.
    High,
}

impl H264Profile {
    /// Whether a decoder of this profile decodes streams of `stream` (H.264 annex A.2).
    #[must_use]
    pub fn decodes(self, stream: Self) -> bool {
        use H264Profile::{Baseline, ConstrainedBaseline, ConstrainedHigh, High, Main};
        match stream {
            // H.264 §A.2.1.1: constrained baseline is the part that all the others contain.
            ConstrainedBaseline => true,
            Baseline => self == Baseline,
            Main => matches!(self, Main | High),
            ConstrainedHigh => matches!(self, ConstrainedHigh | High),
            High => self == High,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn h264(profile: H264Profile, packetization_mode: u8) -> CodecParameters {
        CodecParameters::H264 { profile, level: 31, packetization_mode }
    }

    #[test]
    fn every_h264_decoder_takes_constrained_baseline_in_its_own_packetization() {
        use H264Profile::{Baseline, ConstrainedBaseline, ConstrainedHigh, High, Main};
        for decoder in [ConstrainedBaseline, Baseline, Main, ConstrainedHigh, High] {
            assert!(h264(decoder, 1).accept(h264(ConstrainedBaseline, 1)), "{decoder:?}");
            assert!(h264(decoder, 1).accept(h264(decoder, 1)), "{decoder:?} takes itself");
            assert!(!h264(decoder, 1).accept(h264(ConstrainedBaseline, 0)), "{decoder:?}, other mode");
        }
        assert!(!h264(ConstrainedBaseline, 1).accept(h264(High, 1)));
        assert!(!h264(Main, 1).accept(h264(ConstrainedHigh, 1)));
    }

    #[test]
    fn what_agrees_is_accepted_and_agreeing_is_symmetric() {
        use H264Profile::{Baseline, ConstrainedBaseline, ConstrainedHigh, High, Main};
        let profiles = [ConstrainedBaseline, Baseline, Main, ConstrainedHigh, High];
        let all: Vec<_> =
            profiles.iter().flat_map(|profile| [h264(*profile, 0), h264(*profile, 1)]).collect();
        for a in &all {
            for b in &all {
                assert_eq!(a.agree_with(*b), b.agree_with(*a), "{a:?} {b:?}");
                assert!(!a.agree_with(*b) || (a.accept(*b) && b.accept(*a)), "{a:?} {b:?}");
            }
        }
        // The wider rule is for routes only: a peer may take what it would not have agreed to send.
        let (high, plain) = (h264(High, 1), h264(ConstrainedBaseline, 1));
        assert!(high.accept(plain) && !high.agree_with(plain));
    }

    #[test]
    fn levels_do_not_separate_but_profiles_do() {
        let h265 = |profile, level| CodecParameters::H265 { profile, tier: 0, level };
        assert!(h265(1, 93).accept(h265(1, 120)));
        assert!(!h265(1, 93).accept(h265(2, 93)));
        assert!(!CodecParameters::Vp9 { profile: 0 }.accept(CodecParameters::Vp9 { profile: 2 }));
    }
}
