//! One peer's transport.

pub mod sdp;
