//! Stories about calls, told with peers from the `webrtc` crate. `stage` holds the protocol's steps, each
//! other file one theme.

mod attack;
mod binary;
mod call;
mod clocks;
mod direct;
mod graph;
mod loss;
mod negotiation;
mod soak;
mod stage;
mod trunk;
