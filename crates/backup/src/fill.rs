//! Reading a backup back into a database.

use futures::stream::{self, StreamExt as _};

use crate::archive::Archive;
use crate::error::{BackupError, database};
use crate::manifest::Manifest;
use crate::row::Sink;

/// Pieces that are read ahead.
const READ_AHEAD: usize = 6;

/// How far a restore has come, and at last what it came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Filled {
    /// Rows written.
    pub rows: u64,
    /// Bytes read.
    pub read: u64,
}

/// Writes all rows of a backup into a database. Each is checked before it is written.
///
/// # Errors
/// [`BackupError::Damaged`] names what is not as it was written.
pub async fn fill(
    archive: &Archive,
    manifest: &Manifest,
    sink: &mut dyn Sink,
    tell: &mut (dyn FnMut(&Filled) + Send),
) -> Result<Filled, BackupError> {
    let key = archive.key_of(&manifest.name).await?;
    let mut filled = Filled::default();
    for table in &manifest.tables {
        let ids: Vec<_> = table.chunks.iter().map(|chunk| chunk.id).collect();
        let mut pieces = stream::iter(ids).map(|id| archive.piece_of(&key, id)).buffered(READ_AHEAD);
        let mut chunks = table.chunks.iter();
        while let Some(read) = pieces.next().await {
            let (of, rows, bytes) = read?;
            if let Some(chunk) = chunks.next() {
                archive.fits(&key, table, chunk, &of, &rows)?;
            }
            filled.rows += u64::try_from(rows.len()).unwrap_or(u64::MAX);
            filled.read += bytes;
            sink.add(&table.shape, rows).await.map_err(database("filled"))?;
            tell(&filled);
        }
    }
    Ok(filled)
}
