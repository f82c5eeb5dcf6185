//! The `a=fmtp` parameters that decide whether two formats are the same thing.

/// The parameters of one format. Formats with equal parameters can be forwarded into each other.
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
