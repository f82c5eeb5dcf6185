//! Stories about the real `keel` binary: what it refuses, what it prints, how it starts and ends.

mod binary;
mod check;
mod configuration;
mod lifecycle;
