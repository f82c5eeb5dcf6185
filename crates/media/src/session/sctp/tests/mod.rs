//! Two transports over a link with loss and virtual time.

mod link;
mod stories;
