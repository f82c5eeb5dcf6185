//! Media identification tags.

use std::fmt;

/// The name of one m-line (RFC 5888), at most 16 bytes so that it fits a one-byte header extension
/// (RFC 8285 §4.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mid {
    length: u8,
    bytes: [u8; 16],
}

impl Mid {
    /// The tag, or `None` when it is empty, longer than 16 bytes, or not a token (RFC 4566 §9).
    #[must_use]
    pub fn new(tag: &str) -> Option<Self> {
        let is_token = |b: &u8| b.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]".contains(b);
        if tag.is_empty() || tag.len() > 16 || !tag.as_bytes().iter().all(is_token) {
            return None;
        }
        let mut bytes = [0; 16];
        bytes[..tag.len()].copy_from_slice(tag.as_bytes());
        Some(Self { length: tag.len() as u8, bytes })
    }

    /// The tag as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// The tag as it stands in a header extension.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

impl fmt::Debug for Mid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mid:{}", self.as_str())
    }
}
