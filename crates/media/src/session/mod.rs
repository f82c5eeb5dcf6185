//! One peer's transport.

pub mod dtls;
pub mod error;
pub mod sdp;
