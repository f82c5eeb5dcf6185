//! The targets: each calls one parser and checks what its callers rely on.

mod dtls;
mod forwarder;
mod layers;
mod media;
mod sctp;
mod sdp;
mod signaling;
mod stun;
mod turn;

pub use dtls::dtls;
pub use forwarder::forwarder;
pub use layers::layers;
pub use media::{codec, descriptor, patch, rtcp, rtp, srtp};
pub use sctp::sctp;
pub use sdp::{candidate, sdp};
pub use signaling::{kurento, rooms, signaling, streams};
pub use stun::stun;
pub use turn::turn;

use crate::{Target, seeds};

/// Every target.
pub const TARGETS: &[Target] = &[
    Target { name: "candidate", seeds: seeds::candidates, run: candidate },
    Target { name: "codec", seeds: seeds::payloads, run: codec },
    Target { name: "descriptor", seeds: seeds::descriptors, run: descriptor },
    Target { name: "dtls", seeds: seeds::dtls, run: dtls },
    Target { name: "forwarder", seeds: seeds::forwarding, run: forwarder },
    Target { name: "kurento", seeds: seeds::kurento, run: kurento },
    Target { name: "layers", seeds: seeds::layered, run: layers },
    Target { name: "patch", seeds: seeds::numbered_payloads, run: patch },
    Target { name: "rtcp", seeds: seeds::rtcp, run: rtcp },
    Target { name: "rtp", seeds: seeds::rtp, run: rtp },
    Target { name: "rooms", seeds: seeds::rooms, run: rooms },
    Target { name: "sctp", seeds: seeds::chunks, run: sctp },
    Target { name: "sdp", seeds: seeds::offers, run: sdp },
    Target { name: "signaling", seeds: seeds::plays, run: signaling },
    Target { name: "srtp", seeds: media::sealed, run: srtp },
    Target { name: "streams", seeds: seeds::streams, run: streams },
    Target { name: "stun", seeds: stun::seeds, run: stun },
    Target { name: "turn", seeds: turn::seeds, run: turn },
];
