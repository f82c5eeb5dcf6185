//! Applications of Kurento on real sockets, with real pipelines behind them.

mod application;
mod collection;
mod compression;
mod door;
mod envelope;
mod hostile;
mod methods;
mod session;
mod streams;

pub(crate) use door::refused;
