//! Test tools for Keel: a bad network, media that can be counted, and peers that share no code with the
//! server.
//!
//! Nothing here is shipped. [`net`] is a seeded link in virtual time and [`proxy`] the same link in real
//! time, [`tunnel`] a network without UDP; [`source`] makes frames that carry their number and [`sink`] counts the complete ones, [`picture`]
//! those of real cameras; [`peer`] is a WebRTC peer on the `webrtc` crate; [`signaling`] speaks the call protocol and [`seat`] does with
//! both what a page does; [`server`] runs the real binary; [`kurento`] is an application
//! of Kurento; [`live`] publishes and watches by WHIP and WHEP over [`http`]. [`recording`] is what a real Chromium sent, and [`decoder`] tells whether it still decodes after
//! Keel has forwarded it.

pub mod check;
pub mod decoder;
pub mod forged;
pub mod http;
pub mod kurento;
pub mod live;
pub mod net;
pub mod peer;
pub mod picture;
pub mod proxy;
pub mod recording;
pub mod room;
pub mod seat;
pub mod server;
pub mod signaling;
pub mod sink;
pub mod source;
pub mod tunnel;
