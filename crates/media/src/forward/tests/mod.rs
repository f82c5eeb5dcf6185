//! Stories of the forwarding core as a whole, on a simulated network.

mod camera;
mod connection;
mod encodings;
mod grants;
mod hostile;
mod keyframes;
mod layers;
mod level;
mod levels;
mod limits;
mod link;
mod lone;
mod lossy;
mod pacing;
pub(crate) mod parameters;
mod publisher;
mod redundancy;
mod relay;
mod relay_start;
mod repairs;
mod reports;
mod stage;
mod start;
mod switch;
mod transport;
mod viewer;
mod wanted;
