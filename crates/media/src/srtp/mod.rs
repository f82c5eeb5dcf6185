//! In-place packet protection.
