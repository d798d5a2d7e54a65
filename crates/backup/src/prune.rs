//! Dropping backups that need not be kept, and pieces that no backup needs.

use std::collections::BTreeSet;

use crate::archive::{Archive, Listed, chunk_path};
use crate::chunk::Id;
use crate::error::BackupError;
use crate::lock::{Doing, Lock};
use crate::manifest::Name;
use crate::retention::Keep;

/// What was dropped, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Backups that stay, oldest first.
    pub kept: Vec<Name>,
    /// Backups that go.
    pub dropped: Vec<Name>,
    /// Pieces that no backup needs any more.
    pub chunks: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What is to be dropped.
#[derive(Debug, Clone, Default)]
pub struct Pruning {
    /// Which are kept; all, where nothing is said.
    pub keep: Option<Keep>,
    /// Backups that go in any case, also those that cannot be read.
    pub drop: Vec<Name>,
    /// Whether only to say what would go.
    pub dry_run: bool,
}

/// Drops backups, and then pieces that none of those left needs. What is broken off is gone on with by doing it again.
///
/// # Errors
/// [`BackupError::Unreadable`] where a backup cannot be read, so that nobody knows which pieces it needs; nothing was dropped
/// then. [`BackupError::Busy`] while a backup is taken.
pub async fn prune(archive: &Archive, pruning: &Pruning) -> Result<Pruned, BackupError> {
    if pruning.dry_run {
        return work(archive, pruning, None).await;
    }
    let mut lock = Lock::take(&archive.place, Doing::Prune).await?;
    let done = work(archive, pruning, Some(&mut lock)).await;
    lock.release().await;
    done
}

async fn work(archive: &Archive, pruning: &Pruning, mut lock: Option<&mut Lock<'_>>) -> Result<Pruned, BackupError> {
    let (mut good, mut pruned) = (Vec::new(), Pruned::default());
    let mut dropped: Vec<Listed> = Vec::new();
    for listed in archive.list().await? {
        if pruning.drop.contains(&listed.name) {
            dropped.push(listed);
        } else if !archive.ciphers.contains_key(&listed.key) {
            // Under a key that does not open here it has pieces of its own, which are left alone as well.
            pruned.kept.push(listed.name);
        } else if let Err(error) = &listed.manifest {
            let (place, name, what) = (archive.place.said(), listed.name.to_string(), error.to_string());
            return Err(BackupError::Unreadable { place, name, what });
        } else {
            good.push(listed);
        }
    }
    if let Some(wanted) = pruning.drop.iter().find(|wanted| !dropped.iter().any(|listed| listed.name == **wanted)) {
        return Err(BackupError::NoSuch { place: archive.place.said(), wanted: wanted.to_string() });
    }
    let names: Vec<Name> = good.iter().map(|listed| listed.name.clone()).collect();
    let goes: BTreeSet<Name> = pruning.keep.map(|keep| keep.dropped(&names)).unwrap_or_default().into_iter().collect();
    let (gone, kept): (Vec<Listed>, Vec<Listed>) = good.into_iter().partition(|listed| goes.contains(&listed.name));
    dropped.extend(gone);
    for listed in &dropped {
        if let Some(lock) = lock.as_deref_mut() {
            lock.keep().await?;
            archive.place.remove(&format!("snapshots/{}/{}", listed.key, listed.name)).await?;
        }
    }
    for key in archive.ciphers.keys() {
        let of = kept.iter().filter(|listed| listed.key == *key).filter_map(|listed| listed.manifest.as_ref().ok());
        let needed: BTreeSet<Id> = of.flat_map(|manifest| manifest.chunks().map(|chunk| chunk.id)).collect();
        for (id, bytes) in archive.pieces(key).await? {
            if needed.contains(&id) {
                continue;
            }
            pruned.chunks += 1;
            pruned.bytes += bytes;
            if let Some(lock) = lock.as_deref_mut() {
                lock.keep().await?;
                archive.place.remove(&chunk_path(key, &id)).await?;
            }
        }
    }
    pruned.kept.extend(kept.into_iter().map(|listed| listed.name));
    pruned.kept.sort();
    pruned.dropped = dropped.into_iter().map(|listed| listed.name).collect();
    pruned.dropped.sort();
    Ok(pruned)
}
