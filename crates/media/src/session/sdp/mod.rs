//! Negotiation as pure functions.
