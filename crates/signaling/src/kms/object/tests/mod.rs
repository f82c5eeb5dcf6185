//! Stories of trees with a real media server.

mod drawing;
mod hub;
mod lifetime;
mod object;
mod server;
mod connect;
mod stage;
