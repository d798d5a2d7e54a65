//! Verifying backups by reading all of them.

use std::collections::BTreeMap;

use futures::stream::{self, StreamExt as _};

use crate::archive::{Archive, Listed, chunk_path};
use crate::chunk::Id;
use crate::error::BackupError;
use crate::lock::{Doing, Lock};
use crate::manifest::{Chunk, Manifest, Name, Table};
use crate::row::Row;

/// Pieces that are read at once.
const READ_AT_ONCE: usize = 6;

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Which object.
    pub object: String,
    /// What is wrong with it.
    pub what: String,
}

/// What reading a backup came to.
#[derive(Debug)]
pub struct Verified {
    /// Which.
    pub name: Name,
    /// What it consists of, where that could be read.
    pub manifest: Option<Manifest>,
    /// What is wrong; it can be restored when nothing is.
    pub findings: Vec<Finding>,
}

/// What reading an archive came to.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Each backup, oldest first.
    pub backups: Vec<Verified>,
    /// Pieces read.
    pub chunks: u64,
    /// Bytes read.
    pub read: u64,
    /// Damaged pieces that were removed, so that the next backup writes them anew where their rows are still the same.
    pub removed: u64,
}

impl Verdict {
    /// Whether all of it can be restored.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.backups.iter().all(|backup| backup.findings.is_empty())
    }
}

/// Reads all of some backups, or of every one. With `remove`, damaged pieces are removed.
///
/// # Errors
/// [`BackupError::Place`] and [`BackupError::NoSuch`]; whatever is damaged is a finding.
pub async fn verify(
    archive: &Archive,
    only: Option<&Name>,
    remove: bool,
    tell: &mut (dyn FnMut(&Verdict) + Send),
) -> Result<Verdict, BackupError> {
    let mut listed = archive.list().await?;
    if let Some(only) = only {
        listed.retain(|one| one.name == *only);
        if listed.is_empty() {
            let (place, wanted) = (archive.place.said(), only.to_string());
            return Err(BackupError::NoSuch { place, wanted });
        }
    }
    let mut verdict = Verdict::default();
    // What each piece was found to be: most are in many backups.
    let mut seen: BTreeMap<(String, Id), Option<Finding>> = BTreeMap::new();
    for Listed { name, key, manifest } in listed {
        let mut findings = Vec::new();
        let manifest = match manifest {
            Ok(manifest) => Some(manifest),
            Err(BackupError::Damaged { object, what, .. }) => {
                findings.push(Finding { object, what });
                None
            }
            Err(error) => {
                findings.push(Finding { object: format!("snapshots/{key}/{name}"), what: error.to_string() });
                None
            }
        };
        for table in manifest.iter().flat_map(|manifest| &manifest.tables) {
            read(archive, &key, table, &mut seen, &mut verdict, tell).await?;
            let found = table.chunks.iter().filter_map(|chunk| seen.get(&(key.clone(), chunk.id)).cloned().flatten());
            findings.extend(found);
        }
        findings.dedup();
        verdict.backups.push(Verified { name, manifest, findings });
    }
    if remove {
        let bad = seen.into_iter().filter_map(|((key, id), finding)| finding.map(|_| chunk_path(&key, &id)));
        let bad: Vec<String> = bad.collect();
        if !bad.is_empty() {
            // A backup under way may have taken them for whole.
            let lock = Lock::take(&archive.place, Doing::Prune).await?;
            for object in bad {
                archive.place.remove(&object).await?;
                verdict.removed += 1;
            }
            lock.release().await;
        }
    }
    Ok(verdict)
}

async fn read(
    archive: &Archive,
    key: &str,
    table: &Table,
    seen: &mut BTreeMap<(String, Id), Option<Finding>>,
    verdict: &mut Verdict,
    tell: &mut (dyn FnMut(&Verdict) + Send),
) -> Result<(), BackupError> {
    let new: Vec<Chunk> =
        table.chunks.iter().filter(|chunk| !seen.contains_key(&(key.to_owned(), chunk.id))).copied().collect();
    let one = |chunk: Chunk| async move { (chunk, archive.piece_of(key, chunk.id).await) };
    let mut pieces = stream::iter(new).map(one).buffer_unordered(READ_AT_ONCE);
    while let Some((chunk, piece)) = pieces.next().await {
        let checked = piece.and_then(|(of, rows, bytes)| {
            verdict.read += bytes;
            archive.fits(key, table, &chunk, &of, &rows)
        });
        let finding = match checked {
            Ok(()) => None,
            Err(BackupError::Damaged { object, what, .. }) => Some(Finding { object, what }),
            Err(error) => return Err(error),
        };
        verdict.chunks += 1;
        seen.insert((key.to_owned(), chunk.id), finding);
        tell(verdict);
    }
    Ok(())
}

impl Archive {
    pub(crate) async fn piece_of(&self, key: &str, id: Id) -> Result<(String, Vec<Row>, u64), BackupError> {
        self.piece(key, &id).await
    }

    /// Makes sure that a piece is what the manifest says of it.
    pub(crate) fn fits(
        &self,
        key: &str,
        table: &Table,
        chunk: &Chunk,
        of: &str,
        rows: &[Row],
    ) -> Result<(), BackupError> {
        let damaged = |what: String| Err(self.damaged(&chunk_path(key, &chunk.id), what));
        if of != table.shape.name {
            return damaged(format!("it holds rows of `{of}`, and should of `{}`", table.shape.name));
        }
        if u64::try_from(rows.len()) != Ok(chunk.rows) {
            return damaged(format!("it holds {} rows, and should {}", rows.len(), chunk.rows));
        }
        if rows.iter().any(|row| row.len() != table.shape.columns.len()) {
            return damaged(format!("its rows are not those of `{of}`"));
        }
        Ok(())
    }
}
