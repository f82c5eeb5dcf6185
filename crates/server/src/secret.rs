//! Secrets that Keel makes at its first start and keeps in `data_dir`, readable by its own user alone.

use crate::tls::write_private;
use anyhow::{Context, bail};
use keel_media::IceCredentials;
use std::fs;
use std::io;
use std::path::Path;

/// Bytes of a secret that Keel makes; its text has two letters for each.
const SECRET_BYTES: usize = 32;
/// Letters of the check's secret that are the name, which is as secret: strangers who cannot name it have nothing
/// computed by the media sockets.
const NAME_LETTERS: usize = 16;

/// A secret by the name of its file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Secret {
    /// Behind TURN credentials.
    Turn,
    /// By which `keel check` asks the media sockets.
    Check,
}

impl Secret {
    /// Letters at least, whoever wrote the file.
    fn letters_min(self) -> usize {
        match self {
            Self::Turn => keel_turn::SECRET_BYTES_MIN,
            Self::Check => 2 * SECRET_BYTES,
        }
    }

    fn file(self) -> &'static str {
        match self {
            Self::Turn => "turn-secret",
            Self::Check => "check-secret",
        }
    }

    /// The secret, made if there is none yet.
    ///
    /// # Errors
    /// When its file can be neither read nor written, or holds something else.
    pub(crate) fn keep(self, data_dir: &Path) -> anyhow::Result<String> {
        if let Some(known) = self.read(data_dir)? {
            return Ok(known);
        }
        let bytes: [u8; SECRET_BYTES] = rand::random();
        let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        write_private(&data_dir.join(self.file()), &text)?;
        Ok(text)
    }

    /// The secret, if it was made.
    ///
    /// # Errors
    /// When its file cannot be read or holds something else.
    pub(crate) fn read(self, data_dir: &Path) -> anyhow::Result<Option<String>> {
        let path = data_dir.join(self.file());
        match fs::read_to_string(&path) {
            Ok(text) if text.trim().len() >= self.letters_min() => Ok(Some(text.trim().to_owned())),
            Ok(_) => bail!("{} holds no secret; remove it, and a new one is made", path.display()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }
}

/// What the secret of the check is to the media sockets. The fragment has a character that no session's has.
pub(crate) fn probe(secret: &str) -> IceCredentials {
    let (name, password) = secret.split_at_checked(NAME_LETTERS).unwrap_or_default();
    IceCredentials { ufrag: format!("keel-{name}"), password: password.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_made_once_and_stays_private() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("a directory");
        assert_eq!(Secret::Turn.read(dir.path()).expect("readable"), None, "looking makes none");
        let first = Secret::Turn.keep(dir.path()).expect("made");
        assert_eq!(first.len(), 2 * SECRET_BYTES);
        assert_eq!(Secret::Turn.keep(dir.path()).expect("kept"), first);
        assert_ne!(Secret::Check.keep(dir.path()).expect("made"), first, "each has its own");
        let mode = fs::metadata(dir.path().join("turn-secret")).expect("a file").permissions().mode();
        assert_eq!(mode & 0o077, 0, "nobody else reads it");
        fs::write(dir.path().join("turn-secret"), "short").expect("written");
        assert!(Secret::Turn.keep(dir.path()).is_err(), "a broken file is not taken for a secret");
        let probe = probe(&Secret::Check.keep(dir.path()).expect("kept"));
        assert_eq!((probe.ufrag.len(), probe.password.len()), (21, 48));
    }
}
