//! Stories of trees with a real media server.

mod connect;
mod drawing;
mod hub;
mod lifetime;
mod object;
mod server;
mod stage;
