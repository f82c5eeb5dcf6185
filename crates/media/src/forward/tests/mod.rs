//! Stories of the forwarding core as a whole, on a simulated network.

mod connection;
mod hostile;
mod keyframes;
mod limits;
mod link;
mod lossy;
mod pacing;
pub(crate) mod parameters;
mod publisher;
mod repairs;
mod reports;
mod stage;
mod start;
mod switch;
mod transport;
mod viewer;
