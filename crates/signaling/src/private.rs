//! What must not stand in an operator's ordinary log.

use std::fmt;
use tracing::level_filters::LevelFilter;

/// A name or address that shows only where debug logging is on.
pub(crate) struct Private<'a, T: ?Sized>(&'a T);

impl<'a, T: fmt::Display + ?Sized> Private<'a, T> {
    pub(crate) fn new(value: &'a T) -> Self {
        Self(value)
    }
}

impl<T: fmt::Display + ?Sized> fmt::Display for Private<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if LevelFilter::current() >= LevelFilter::DEBUG { self.0.fmt(f) } else { f.write_str("(hidden)") }
    }
}
