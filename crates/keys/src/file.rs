//! Keys in a file that only its owner can read: one for the platform and one for each tenant.
//!
//! INVARIANT(key file): a line is written once, added at the end or with the whole file, and reaches the disk before anything
//! is sealed with its key. A key that is destroyed is written over in its place; nothing else is ever changed.

mod text;

use std::fs::{File, Metadata, OpenOptions};
use std::io::{Error, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use async_trait::async_trait;
use zeroize::Zeroizing;

use self::text::{DESTROYED, Line, Lines};
use crate::bound::Bound;
use crate::envelope::Key;
use crate::error::KeyError;
use crate::provider::{KeyProvider, Owner, Wrapped};
use crate::secret::Secret;

/// The file of keys. It is made, with the first key, when something is first sealed.
#[derive(Debug)]
pub struct FileProvider {
    path: PathBuf,
    known: Mutex<Known>,
}

/// What was read of the file, and when it was as it was read.
#[derive(Debug, Default)]
struct Known {
    stamp: Option<Stamp>,
    lines: Lines,
}

type Stamp = (Option<SystemTime>, u64);

fn stamp(metadata: &Metadata) -> Stamp {
    (metadata.modified().ok(), metadata.len())
}

impl FileProvider {
    /// Names the file; nothing is read or made yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), known: Mutex::default() }
    }

    fn said(&self) -> String {
        self.path.display().to_string()
    }

    fn missing(&self) -> KeyError {
        KeyError::Missing { place: self.said() }
    }

    fn unwritten(&self, source: Error) -> KeyError {
        KeyError::Unwritten { place: self.said(), source }
    }

    fn unreadable(&self, error: &Error) -> KeyError {
        KeyError::Unavailable { place: self.said(), message: error.to_string() }
    }

    /// Opens the file to look at it; none when it is not there.
    fn look(&self) -> Result<Option<File>, KeyError> {
        match File::open(&self.path) {
            Ok(file) => self.check(&file).map(|()| Some(file)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.unreadable(&error)),
        }
    }

    #[cfg(unix)]
    fn check(&self, file: &File) -> Result<(), KeyError> {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = file.metadata().map_err(|error| self.unreadable(&error))?.permissions().mode();
        if mode & 0o077 == 0 { Ok(()) } else { Err(KeyError::Open { place: self.said() }) }
    }

    #[cfg(not(unix))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "there are no permissions of this kind here")]
    fn check(&self, _file: &File) -> Result<(), KeyError> {
        Ok(())
    }

    fn read(&self, file: &mut File) -> Result<Lines, KeyError> {
        let mut text = Zeroizing::new(String::new());
        file.read_to_string(&mut text).map_err(|error| self.unreadable(&error))?;
        Lines::parse(&text).map_err(|message| KeyError::Shape { place: self.said(), message })
    }

    /// Does something with what is in the file now.
    fn with<T>(&self, look: impl FnOnce(&Lines) -> Result<T, KeyError>) -> Result<T, KeyError> {
        let Some(mut file) = self.look()? else { return Err(self.missing()) };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let now = stamp(&file.metadata().map_err(|error| self.unreadable(&error))?);
        if known.stamp != Some(now) {
            file.lock_shared().map_err(|error| self.unreadable(&error))?;
            let now = stamp(&file.metadata().map_err(|error| self.unreadable(&error))?);
            known.lines = self.read(&mut file)?;
            known.stamp = Some(now);
        }
        look(&known.lines)
    }

    /// Does something to the file while nobody else does.
    fn change<T>(&self, change: impl FnOnce(&mut File, &Lines) -> Result<T, Error>) -> Result<T, KeyError> {
        if self.look()?.is_none() {
            self.make()?;
        }
        let mut file =
            OpenOptions::new().read(true).write(true).open(&self.path).map_err(|error| self.unwritten(error))?;
        self.check(&file)?;
        file.lock().map_err(|error| self.unwritten(error))?;
        let lines = self.read(&mut file)?;
        let done = change(&mut file, &lines).map_err(|error| self.unwritten(error))?;
        file.sync_all().map_err(|error| self.unwritten(error))?;
        // Closed, and so unlocked, before what is known is locked: who reads waits for the file while they hold that.
        drop(file);
        self.known.lock().unwrap_or_else(PoisonError::into_inner).stamp = None;
        Ok(done)
    }

    /// Makes the file, whole or not at all, where nobody else has.
    fn make(&self) -> Result<(), KeyError> {
        let first = text::head() + &text::line(&Owner::Platform, 1, &Secret::random()?);
        let first = Zeroizing::new(first);
        let name = Secret::random()?.to_hex();
        let draft = self.path.with_extension(format!("new-{}", name.get(..12).unwrap_or_default()));
        let write = || {
            let mut options = OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut file = options.open(&draft)?;
            file.write_all(first.as_bytes())?;
            file.sync_all()?;
            // Unlike a rename, it takes nobody else's place.
            std::fs::hard_link(&draft, &self.path)
        };
        let made = write();
        let cleaned = std::fs::remove_file(&draft);
        match made {
            Ok(()) => cleaned.and_then(|()| sync_folder(&self.path)).map_err(|error| self.unwritten(error)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(self.unwritten(error)),
        }
    }

    /// Adds a key for each of some owners. One that has been added by somebody else since is as good, where there should
    /// be just any.
    fn add(&self, owners: &[Owner], any: bool) -> Result<(), KeyError> {
        let mut secrets = Vec::with_capacity(owners.len());
        for owner in owners {
            secrets.push((owner, Secret::random()?));
        }
        self.change(|file, lines| {
            let mut text = Zeroizing::new(String::with_capacity(secrets.len() * text::LINE_MAX));
            for (owner, secret) in secrets.iter().filter(|(owner, _)| !any || lines.newest(owner).is_none()) {
                let number = lines.last_number(owner).saturating_add(1);
                text.push_str(&Zeroizing::new(text::line(owner, number, secret)));
            }
            // What was torn off while it was written was never used.
            file.set_len(lines.whole)?;
            file.seek(SeekFrom::Start(lines.whole))?;
            file.write_all(text.as_bytes())
        })
    }

    /// Writes over those keys of some owners that a condition names, given the number of their newest; says how many.
    fn write_over(&self, owners: &[Owner], which: impl Fn(&Line, i64) -> bool) -> Result<usize, KeyError> {
        if self.look()?.is_none() {
            return Err(self.missing());
        }
        self.change(|file, lines| {
            let mut count = 0;
            for owner in owners {
                let newest = lines.newest(owner).map_or(0, |(number, _)| number);
                for line in lines.of(owner).filter(|line| line.key.is_some() && which(line, newest)) {
                    file.seek(SeekFrom::Start(line.at))?;
                    file.write_all(DESTROYED.as_bytes())?;
                    count += 1;
                }
            }
            Ok(count)
        })
    }
}

/// A file's name reaches the disk with its folder.
fn sync_folder(path: &Path) -> Result<(), Error> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    File::open(folder)?.sync_all()
}

#[async_trait]
impl KeyProvider for FileProvider {
    fn place(&self) -> String {
        self.said()
    }

    fn holds_one_each(&self) -> bool {
        true
    }

    async fn prepare(&self, owners: &[Owner]) -> Result<(), KeyError> {
        let without =
            |lines: &Lines| Ok(owners.iter().filter(|owner| lines.newest(owner).is_none()).cloned().collect());
        let mut missing: Vec<Owner> = match self.with(without) {
            Err(KeyError::Missing { .. }) => owners.to_vec(),
            found => found?,
        };
        missing.sort_unstable();
        missing.dedup();
        if missing.is_empty() { Ok(()) } else { self.add(&missing, true) }
    }

    async fn wrap(&self, owner: &Owner, secret: &Secret, bound: &Bound) -> Result<Wrapped, KeyError> {
        let seal = |lines: &Lines| {
            let newest = lines.newest(owner);
            newest.map(|(version, key)| Ok(Wrapped { version, bytes: key.seal(secret.expose(), bound)? })).transpose()
        };
        match self.with(seal) {
            Ok(Some(wrapped)) => return Ok(wrapped),
            Ok(None) | Err(KeyError::Missing { .. }) => {}
            Err(error) => return Err(error),
        }
        self.add(std::slice::from_ref(owner), true)?;
        self.with(seal)?.ok_or_else(|| KeyError::Destroyed { owner: owner.to_string(), place: self.said() })
    }

    async fn unwrap(&self, owner: &Owner, wrapped: &Wrapped, bound: &Bound) -> Result<Secret, KeyError> {
        let (of, place) = (owner.to_string(), self.said());
        self.with(|lines| {
            let wrong = || KeyError::Wrong { owner: of.clone(), place: place.clone() };
            let line = lines.of(owner).find(|line| line.number == wrapped.version).ok_or_else(wrong)?;
            let destroyed = || KeyError::Destroyed { owner: of.clone(), place: place.clone() };
            let key: &Key = line.key.as_ref().ok_or_else(destroyed)?;
            let opened = Zeroizing::new(key.open(&wrapped.bytes, bound).map_err(|_| wrong())?);
            Secret::from_bytes(&opened).ok_or_else(wrong)
        })
    }

    async fn newest(&self, owner: &Owner) -> Result<Option<i64>, KeyError> {
        match self.with(|lines| Ok(lines.newest(owner).map(|(number, _)| number))) {
            Err(KeyError::Missing { .. }) => Ok(None),
            found => found,
        }
    }

    async fn renew(&self, owners: &[Owner]) -> Result<(), KeyError> {
        self.add(owners, false)
    }

    async fn retire(&self, owners: &[Owner]) -> Result<(), KeyError> {
        self.write_over(owners, |line, newest| line.number != newest).map(|_| ())
    }

    async fn destroy(&self, owner: &Owner) -> Result<bool, KeyError> {
        self.write_over(std::slice::from_ref(owner), |_, _| true).map(|count| count > 0)
    }
}

#[cfg(test)]
mod tests;
