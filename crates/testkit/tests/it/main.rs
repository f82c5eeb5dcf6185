//! Stories about calls, told with peers from the `webrtc` crate. `stage` holds the protocol's steps, each
//! other file one theme.

mod attack;
mod behind_nat;
mod binary;
mod bridge;
mod call;
mod clocks;
mod conference;
mod data;
mod direct;
mod graph;
mod kurento_soak;
mod live;
mod loss;
mod mobility;
mod negotiation;
mod room;
mod room_stream;
mod settings;
mod soak;
mod speakers;
mod spread;
mod stage;
mod tcp;
mod trunk;
