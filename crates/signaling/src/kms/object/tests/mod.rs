//! Stories of trees with a real media server.

mod candidate;
mod connect;
mod drawing;
mod hub;
mod lifetime;
mod negotiation;
mod object;
mod property;
mod server;
mod stage;
