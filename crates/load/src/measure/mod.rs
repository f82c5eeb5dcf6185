//! What the system says of a run: times, CPU, memory, drops.

mod drops;
mod histogram;
mod process;

pub use drops::SocketDrops;
pub use histogram::Histogram;
pub use process::{Process, Usage, thread_cpu};
