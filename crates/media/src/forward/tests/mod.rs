//! Stories of the forwarding core as a whole, on a simulated network.

mod connection;
mod hostile;
mod keyframes;
mod level;
mod limits;
mod link;
mod lossy;
pub(crate) mod parameters;
mod publisher;
mod repairs;
mod reports;
mod stage;
mod switch;
mod transport;
