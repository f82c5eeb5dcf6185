//! For the fuzz target.
