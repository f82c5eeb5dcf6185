//! Stories about streams, told to the machine alone.

mod bench;
mod pages;
mod random;
mod streams;
