//! Stories of trees with a real media server.

mod candidate;
mod connect;
mod negotiation;
mod property;
mod stage;
