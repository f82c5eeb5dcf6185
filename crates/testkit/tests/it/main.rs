//! Stories about calls, told with peers from the `webrtc` crate.

mod direct;
