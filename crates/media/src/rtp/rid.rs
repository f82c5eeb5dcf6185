//! Names of simulcast encodings.

use std::fmt;

/// The name of one encoding of an m-line (RFC 8851), at most 16 bytes so that it fits a one-byte header
/// extension (RFC 8285 §4.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rid {
    length: u8,
    bytes: [u8; 16],
}

impl Rid {
    /// The name, or `None` when it is empty, longer than 16 bytes, or has other characters than letters,
    /// digits, `-` and `_` (RFC 8851 §10).
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if name.is_empty() || name.len() > 16 || !name.as_bytes().iter().all(is_plain) {
            return None;
        }
        let mut bytes = [0; 16];
        bytes[..name.len()].copy_from_slice(name.as_bytes());
        Some(Self { length: name.len() as u8, bytes })
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// The name as it stands in a header extension (RFC 8852).
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

impl fmt::Debug for Rid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rid:{}", self.as_str())
    }
}

impl fmt::Display for Rid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_fits_its_extension_and_its_line() {
        for good in ["q", "hi-res_2", "0123456789abcdef"] {
            assert_eq!(Rid::new(good).expect("a plain name").as_str(), good);
        }
        for bad in ["", "0123456789abcdefg", "a b", "a;b", "a,b", "~a", "ä", "a\r\nm=video"] {
            assert_eq!(Rid::new(bad), None, "{bad:?}");
        }
    }
}
