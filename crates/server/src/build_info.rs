//! Which Keel this is.

use std::sync::LazyLock;

static VERSION: LazyLock<String> = LazyLock::new(|| match option_env!("KEEL_COMMIT") {
    Some(commit) if !commit.is_empty() => format!("{} ({commit})", env!("CARGO_PKG_VERSION")),
    _ => env!("CARGO_PKG_VERSION").to_owned(),
});

/// The version, with the commit when the build was told it in `KEEL_COMMIT` (the Dockerfile passes it on).
pub(crate) fn version() -> &'static str {
    &VERSION
}
