//! Witnesses over HTTP (C2SP tlog-witness), and the file in which a witness remembers what it has cosigned.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use tenantry_audit::{Seen, Submission};
use tenantry_domain::failure::with_causes;
use tenantry_engine::ports::witness::{Unheard, Witness, WitnessMemory, Witnessing};

use crate::tls;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of an answer: some lines of signatures.
const BYTES_MAX: usize = 64 * 1024;

fn unheard(message: impl std::fmt::Display) -> Unheard {
    Unheard { message: message.to_string() }
}

/// A witness at an address.
#[derive(Debug, Clone)]
pub struct HttpWitness {
    client: Client,
    url: String,
}

impl HttpWitness {
    /// The witness whose submission prefix is `url`; trusted are the authorities of a PEM file, or the system's.
    ///
    /// # Errors
    /// A file that cannot be used.
    pub fn new(url: &str, ca: Option<&Path>) -> Result<Self, Unheard> {
        let client = Client::builder()
            .tls_backend_preconfigured(tls::client(ca).map_err(unheard)?)
            .redirect(Policy::none())
            .timeout(PATIENCE)
            .user_agent(concat!("tenantry/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(unheard)?;
        Ok(Self { client, url: format!("{}/add-checkpoint", url.trim_end_matches('/')) })
    }
}

#[async_trait]
impl Witness for HttpWitness {
    async fn submit(&self, submission: &Submission) -> Result<Witnessing, Unheard> {
        let failed = |error: reqwest::Error| unheard(with_causes(&error.without_url()));
        let mut response = self.client.post(&self.url).body(submission.to_text()).send().await.map_err(failed)?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > BYTES_MAX {
                return Err(unheard(format!("it answered with more than {BYTES_MAX} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        let text = String::from_utf8_lossy(&body).trim_end().to_owned();
        let said = |text: &str| format!("{}: {}", status.as_u16(), text.chars().take(200).collect::<String>());
        match status {
            StatusCode::OK => Ok(Witnessing::Cosigned(format!("{text}\n"))),
            StatusCode::CONFLICT => {
                text.parse().map(Witnessing::Seen).map_err(|_| unheard(format!("it answered {}", said(&text))))
            }
            StatusCode::UNPROCESSABLE_ENTITY => Ok(Witnessing::Unproved(said(&text))),
            other if other.is_client_error() => Ok(Witnessing::Refused(said(&text))),
            _ => Err(unheard(format!("it answered {}", said(&text)))),
        }
    }
}

/// What a witness has cosigned, in a file: written anew, put in its place and on the disk before anything is cosigned.
#[derive(Debug)]
pub struct FileMemory {
    path: PathBuf,
    seen: BTreeMap<String, Seen>,
    /// Held as long as this lives: two witnesses over one file could cosign two histories.
    _lock: File,
}

impl FileMemory {
    /// Reads the file, or begins without where there is none.
    ///
    /// # Errors
    /// A file that cannot be read, or that another witness holds.
    pub fn open(path: &Path) -> Result<Self, Unheard> {
        let could_not = |what: &str, error: &dyn std::fmt::Display| {
            unheard(format!("{} cannot be {what}: {error}", path.display()))
        };
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(path.with_extension("lock"));
        let lock = lock.map_err(|error| could_not("locked", &error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(could_not("used", &"another witness holds it; each needs a file of its own"));
            }
            Err(TryLockError::Error(error)) => return Err(could_not("locked", &error)),
        }
        let seen = match std::fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| could_not("read", &error))?,
            Err(error) if error.kind() == ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(could_not("read", &error)),
        };
        Ok(Self { path: path.to_owned(), seen, _lock: lock })
    }

    fn write(&self, seen: &BTreeMap<String, Seen>) -> std::io::Result<()> {
        let beside = self.path.with_extension("new");
        let mut file = File::create(&beside)?;
        file.write_all(&serde_json::to_vec_pretty(seen)?)?;
        file.sync_all()?;
        std::fs::rename(&beside, &self.path)?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl WitnessMemory for FileMemory {
    fn last(&self, origin: &str) -> Option<Seen> {
        self.seen.get(origin).cloned()
    }

    fn keep(&mut self, origin: &str, seen: Seen) -> Result<(), Unheard> {
        let mut next = self.seen.clone();
        next.insert(origin.to_owned(), seen);
        self.write(&next).map_err(|error| unheard(format!("{}: {error}", self.path.display())))?;
        self.seen = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_cosigned_outlasts_the_witness_and_is_held_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("witness.json");
        let mut memory = FileMemory::open(&path).unwrap();
        assert_eq!(memory.last("a"), None);
        let seen = |size| Seen { size, root: "00".repeat(32) };
        memory.keep("a", seen(3)).unwrap();
        memory.keep("b", seen(1)).unwrap();
        memory.keep("a", seen(4)).unwrap();
        let second = FileMemory::open(&path).unwrap_err();
        assert!(second.message.contains("another witness holds it"), "{second}");
        drop(memory);
        let again = FileMemory::open(&path).unwrap();
        assert_eq!((again.last("a"), again.last("b"), again.last("c")), (Some(seen(4)), Some(seen(1)), None));
        drop(again);
        // A write that broke off before it was in its place leaves what was there.
        std::fs::write(path.with_extension("new"), "{").unwrap();
        assert_eq!(FileMemory::open(&path).unwrap().last("a"), Some(seen(4)));
        std::fs::write(&path, "{").unwrap();
        assert!(FileMemory::open(&path).unwrap_err().message.contains("cannot be read"));
    }
}
