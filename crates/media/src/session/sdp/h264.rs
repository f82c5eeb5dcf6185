//! H.264's `profile-level-id` (RFC 6184 §8.1).

use crate::codec::H264Profile;

/// What stands behind a `profile-level-id`: three bytes in hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ProfileLevelId {
    pub(super) profile: H264Profile,
    /// 31 for level 3.1. Level 1b, which lies between 1 and 1.1, counts as 10.
    pub(super) level: u8,
}

impl ProfileLevelId {
    /// RFC 6184 §8.1 deviation: without the parameter the format is Baseline level 1, but those who leave
    /// it out (KMS and its clients) mean what every browser sends, Constrained Baseline level 3.1.
    pub(super) const DEFAULT: Self = Self { profile: H264Profile::ConstrainedBaseline, level: 31 };

    /// `None` for what is not three bytes, and for profiles that browsers do not send.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.len() != 6 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let [_, profile_idc, constraints, level_idc] = u32::from_str_radix(text, 16).ok()?.to_be_bytes();
        let profile = profile_of(profile_idc, constraints)?;
        // RFC 6184 §8.1: level_idc 11 with constraint_set3_flag is level 1b, except in the High profiles,
        // where 9 is.
        let high = matches!(profile, H264Profile::High | H264Profile::ConstrainedHigh);
        let level = match level_idc {
            11 if !high && constraints & 0x10 != 0 => 10,
            9 if high => 10,
            level => level,
        };
        Some(Self { profile, level })
    }
}

/// `text` with another level in it. The profile stays as the peer wrote it: profiles have several
/// spellings, and an answer repeats the offer's.
pub(super) fn with_level(text: &str, level: u8) -> Option<String> {
    ProfileLevelId::parse(text)?;
    let constraints = u8::from_str_radix(text.get(2..4)?, 16).ok()?;
    // The flag that would turn level 1.1 into 1b belongs to the old level.
    let constraints = if text.starts_with("64") { constraints } else { constraints & !0x10 };
    Some(format!("{}{constraints:02x}{level:02x}", text.get(..2)?))
}

/// RFC 6184 §8.1, table 5: the profile from profile_idc and the eight bits of profile-iop.
fn profile_of(profile_idc: u8, constraints: u8) -> Option<H264Profile> {
    let masked = |mask| constraints & mask;
    match profile_idc {
        0x42 if masked(0x4f) == 0x40 => Some(H264Profile::ConstrainedBaseline),
        0x4d if masked(0x8f) == 0x80 => Some(H264Profile::ConstrainedBaseline),
        0x58 if masked(0xcf) == 0xc0 => Some(H264Profile::ConstrainedBaseline),
        0x42 if masked(0x4f) == 0x00 => Some(H264Profile::Baseline),
        0x58 if masked(0xcf) == 0x80 => Some(H264Profile::Baseline),
        0x4d if masked(0xaf) == 0x00 => Some(H264Profile::Main),
        0x64 if constraints == 0x0c => Some(H264Profile::ConstrainedHigh),
        0x64 if constraints == 0x00 => Some(H264Profile::High),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // covers: RFC 6184 §8.1
    #[test]
    fn profiles_are_told_by_their_flags() {
        use H264Profile::{Baseline, ConstrainedBaseline, ConstrainedHigh, High, Main};
        for (text, profile, level) in [
            ("42e01f", ConstrainedBaseline, 31), // Chromium, Firefox, Safari
            ("42c02a", ConstrainedBaseline, 42), // encoders
            ("4d801f", ConstrainedBaseline, 31), // the same thing, said by Main
            ("58C01F", ConstrainedBaseline, 31), // and by Extended
            ("42001f", Baseline, 31),
            ("4d001f", Main, 31),
            ("640c1f", ConstrainedHigh, 31), // Safari
            ("640034", High, 52),
            ("42f00b", ConstrainedBaseline, 10), // level 1b
            ("42e00b", ConstrainedBaseline, 11),
            ("640009", High, 10),
        ] {
            assert_eq!(ProfileLevelId::parse(text), Some(ProfileLevelId { profile, level }), "{text}");
        }
    }

    #[test]
    fn other_profiles_and_garbage_are_not_understood() {
        // High 4:4:4 Predictive, which Chromium can only receive; Main with a flag that changes it; High 10.
        for text in ["f4001f", "4d201f", "6e001f", "", "42e01", "42e01f0", "+2e01f", "42é1f"] {
            assert_eq!(ProfileLevelId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_new_level_keeps_the_spelling_of_the_profile() {
        for (text, level, expected) in [
            ("42e01f", 21, "42e015"),
            ("4D801f", 31, "4D801f"),
            ("640c34", 31, "640c1f"),
            ("42f00b", 10, "42e00a"),
        ] {
            assert_eq!(with_level(text, level).as_deref(), Some(expected));
        }
        assert_eq!(with_level("nonsense", 31), None);
    }
}
