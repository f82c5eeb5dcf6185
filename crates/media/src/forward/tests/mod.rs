//! Stories of the forwarding core as a whole, on a simulated network.

pub(crate) mod parameters;
