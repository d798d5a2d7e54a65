//! The key that audit logs are signed with: a file that only its owner can read, made on the first day.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use tenantry_audit::{SEED_LENGTH, SigningKeys};

use crate::place;

/// Where the key is.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct KeyFile {
    /// File of the key that audit logs are signed with [default: beside the store]
    #[arg(long, env = "TENANTRY_AUDIT_KEY", value_name = "FILE")]
    pub(crate) audit_key: Option<PathBuf>,
}

/// Reads the key, or makes it where there is none: for who signs.
///
/// # Errors
/// A file that cannot be read or made, that others can read, or that holds no key.
pub(crate) fn open_or_make(file: Option<&Path>, store: Option<&str>) -> anyhow::Result<SigningKeys> {
    let path = named(file, store)?;
    let seed = match read(&path)? {
        Some(seed) => seed,
        None => make(&path)?,
    };
    SigningKeys::from_seed(&seed).with_context(|| format!("{} holds no key", path.display()))
}

fn named(file: Option<&Path>, store: Option<&str>) -> anyhow::Result<PathBuf> {
    file.map_or_else(|| place::beside(store, "audit-key"), |path| Ok(path.to_owned()))
}

/// Reads the key: for who looks.
///
/// # Errors
/// A file that is not there or cannot be read, that others can read, or that holds no key.
pub(crate) fn open(file: Option<&Path>, store: Option<&str>) -> anyhow::Result<SigningKeys> {
    let path = named(file, store)?;
    let seed = read(&path)?.with_context(|| {
        format!("there is no key in {} yet: `tenantry up`, or `tenantry audit seal`, makes it", path.display())
    })?;
    SigningKeys::from_seed(&seed).with_context(|| format!("{} holds no key", path.display()))
}

fn read(path: &Path) -> anyhow::Result<Option<[u8; SEED_LENGTH]>> {
    let unreadable = || format!("could not read the key of the audit logs in {}", path.display());
    let mut file = match std::fs::File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.with_context(unreadable)?,
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = file.metadata().with_context(unreadable)?.permissions().mode();
        if mode & 0o077 != 0 {
            let path = path.display();
            bail!("{path} holds the key of the audit logs, and others than its owner may read it; `chmod 600 {path}`");
        }
    }
    let mut text = String::new();
    file.read_to_string(&mut text).with_context(unreadable)?;
    let mut seed = [0_u8; SEED_LENGTH];
    let text = text.trim();
    let whole = text.len() == 2 * SEED_LENGTH && text.is_ascii();
    for (byte, place) in seed.iter_mut().zip((0..).step_by(2)) {
        let digits = text.get(place..place + 2).filter(|_| whole);
        let Some(value) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) else {
            bail!("{} holds no key: it should be {} hexadecimal digits", path.display(), 2 * SEED_LENGTH);
        };
        *byte = value;
    }
    Ok(Some(seed))
}

fn make(path: &Path) -> anyhow::Result<[u8; SEED_LENGTH]> {
    let seed = SigningKeys::new_seed().context("the system gave no random bytes for a key")?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let could_not = || format!("could not make the key of the audit logs in {}", path.display());
    let mut file = match options.open(path) {
        // Another program was quicker: its key is the one.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return read(path)?.with_context(could_not);
        }
        opened => opened.with_context(could_not)?,
    };
    let text: String = seed.iter().map(|byte| format!("{byte:02x}")).collect();
    file.write_all(format!("{text}\n").as_bytes()).and_then(|()| file.sync_all()).with_context(could_not)?;
    Ok(seed)
}
