//! Taking a backup.

use std::collections::BTreeSet;

use futures::FutureExt as _;
use futures::stream::{FuturesUnordered, StreamExt as _};
use tenantry_keys::Secret;

use crate::archive::{Archive, chunk_path};
use crate::chunk::{Cutter, Piece};
use crate::cipher::Kind;
use crate::error::{BackupError, database};
use crate::lock::{Doing, Lock};
use crate::manifest::{About, Chunk, FORMAT, Manifest, Name, Table};
use crate::row::{Cell, Shape, Source};

/// Pieces that are written at once.
const WRITTEN_AT_ONCE: usize = 8;

/// How far a backup has come, and at last what it came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    /// Tables that are done.
    pub tables: u64,
    /// Rows read.
    pub rows: u64,
    /// Bytes of these rows.
    pub bytes: u64,
    /// Pieces that were not there before.
    pub new_chunks: u64,
    /// Bytes written, packed and sealed, the manifest's among them.
    pub written: u64,
    /// Pieces that were there.
    pub reused_chunks: u64,
    /// Bytes of rows in these.
    pub reused: u64,
}

/// Takes a backup of a database. It is there, whole, when this returns; if not, there is no trace of it but pieces that
/// nothing names, which the next removal of backups removes.
///
/// # Errors
/// [`BackupError`].
pub async fn take(
    archive: &Archive,
    source: &mut dyn Source,
    about: About,
    tell: &mut (dyn FnMut(&Taken) + Send),
) -> Result<(Name, Taken), BackupError> {
    let mut lock = Lock::take(&archive.place, Doing::Backup).await?;
    let done = locked(archive, source, about, tell, &mut lock).await;
    lock.release().await;
    done
}

async fn locked(
    archive: &Archive,
    source: &mut dyn Source,
    about: About,
    tell: &mut (dyn FnMut(&Taken) + Send),
    lock: &mut Lock<'_>,
) -> Result<(Name, Taken), BackupError> {
    same_deployment(archive, &about).await?;
    let cipher = archive.current()?;
    // Whoever removes pieces waits for us, so that what is there stays.
    let mut there: BTreeSet<_> = archive.pieces(&cipher.id).await?.into_keys().collect();
    let mut taken = Taken::default();
    let mut writing = FuturesUnordered::new();
    let mut tables = Vec::new();
    for shape in source.shapes().to_vec() {
        let mut table = Table { shape: shape.clone(), rows: 0, chunks: Vec::new() };
        let mut reading = Reading::new(&shape, Cutter::new(&cipher.namer, &shape.name));
        while let Some(piece) = reading.next(source).await? {
            let bytes = u64::try_from(piece.plain.len()).unwrap_or(u64::MAX);
            table.chunks.push(Chunk { id: piece.id, rows: piece.rows, bytes });
            table.rows += piece.rows;
            taken.rows += piece.rows;
            taken.bytes += bytes;
            if there.insert(piece.id) {
                let sealed = cipher.seal(Kind::Chunk, &hex::encode(piece.id), &piece.plain)?;
                taken.new_chunks += 1;
                taken.written += u64::try_from(sealed.len()).unwrap_or(u64::MAX);
                let path = chunk_path(&cipher.id, &piece.id);
                writing.push(async move { archive.place.put(&path, sealed).await });
            } else {
                taken.reused_chunks += 1;
                taken.reused += bytes;
            }
            // What is under way goes on while more is read.
            while let Some(Some(written)) = writing.next().now_or_never() {
                written?;
            }
            while writing.len() >= WRITTEN_AT_ONCE {
                writing.next().await.transpose()?;
            }
            lock.keep().await?;
            tell(&taken);
        }
        taken.tables += 1;
        tables.push(table);
    }
    while writing.next().await.transpose()?.is_some() {
        lock.keep().await?;
    }
    lock.check().await?;
    let name = Name::new(about.taken_at, Secret::random()?.expose().first_chunk().copied().unwrap_or_default());
    let manifest = Manifest { format: FORMAT, name: name.clone(), about, tables };
    let plain = serde_json::to_vec(&manifest).map_err(|error| BackupError::Encoding { message: error.to_string() })?;
    let sealed = cipher.seal(Kind::Manifest, name.as_str(), &plain)?;
    taken.written += u64::try_from(sealed.len()).unwrap_or(u64::MAX);
    let object = format!("snapshots/{}/{name}", cipher.id);
    archive.place.put_new(&object, sealed).await?;
    // Who has slept between the last look and this write may name pieces that are gone.
    if let Err(error) = lock.check().await {
        archive.place.remove(&object).await?;
        return Err(error);
    }
    Ok((name, taken))
}

async fn same_deployment(archive: &Archive, about: &About) -> Result<(), BackupError> {
    let Some((name, key)) = archive.names().await?.pop() else { return Ok(()) };
    // One that cannot be read tells nothing, and is no reason not to take another.
    let Ok(last) = archive.manifest(&name, &key).await else { return Ok(()) };
    match (last.about.deployment, &about.deployment) {
        (Some(theirs), Some(ours)) if theirs != *ours => {
            Err(BackupError::OtherDeployment { place: archive.place.said(), theirs, ours: ours.clone() })
        }
        _ => Ok(()),
    }
}

/// What the tables of a database come to in pieces, without writing any: to be held against a backup.
///
/// # Errors
/// [`BackupError`].
pub async fn scan(archive: &Archive, source: &mut dyn Source, like: &Manifest) -> Result<Manifest, BackupError> {
    let key = archive.key_of(&like.name).await?;
    let cipher = archive.ciphers.get(&key).ok_or_else(|| archive.damaged(&key, "its key is not open".to_owned()))?;
    let mut tables = Vec::new();
    for shape in source.shapes().to_vec() {
        let mut table = Table { shape: shape.clone(), rows: 0, chunks: Vec::new() };
        let mut reading = Reading::new(&shape, Cutter::new(&cipher.namer, &shape.name));
        while let Some(piece) = reading.next(source).await? {
            table.rows += piece.rows;
            let bytes = u64::try_from(piece.plain.len()).unwrap_or(u64::MAX);
            table.chunks.push(Chunk { id: piece.id, rows: piece.rows, bytes });
        }
        tables.push(table);
    }
    Ok(Manifest { tables, ..like.clone() })
}

/// Reads a table piece by piece.
struct Reading<'a> {
    shape: &'a Shape,
    cutter: Cutter<'a>,
    rows: std::vec::IntoIter<Vec<Cell>>,
    after: Option<Vec<Cell>>,
    ended: bool,
}

impl<'a> Reading<'a> {
    fn new(shape: &'a Shape, cutter: Cutter<'a>) -> Self {
        Self { shape, cutter, rows: Vec::new().into_iter(), after: None, ended: false }
    }

    async fn next(&mut self, source: &mut dyn Source) -> Result<Option<Piece>, BackupError> {
        let encoding = |error: postcard::Error| BackupError::Encoding { message: error.to_string() };
        loop {
            for row in self.rows.by_ref() {
                self.after = row.get(..self.shape.key).map(<[Cell]>::to_vec);
                if let Some(piece) = self.cutter.push(&row).map_err(encoding)? {
                    return Ok(Some(piece));
                }
            }
            if self.ended {
                return Ok(self.cutter.end());
            }
            let rows = source.rows(self.shape, self.after.as_deref()).await.map_err(database("read"))?;
            self.ended = rows.is_empty();
            self.rows = rows.into_iter();
        }
    }
}
