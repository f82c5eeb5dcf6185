//! Elements and their connections.
