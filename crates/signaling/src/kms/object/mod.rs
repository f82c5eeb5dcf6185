//! The objects that applications have made.
//!
//! A pipeline with everything below it is one [`Tree`], owned by one task. Requests on it are carried out one
//! after another, so operations on one object happen in the order in which they came; trees do not wait for
//! each other. The server's own object, the `ServerManager`, is a tree of one.

mod id;
