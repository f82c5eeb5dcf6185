//! The declarations hold together, and what is said of them elsewhere.

mod codec;
mod declarations;
mod description;
mod table;
