//! Documents on the disk.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use tenantry_engine::tenants::File;

/// Endings of files that are read from a folder.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];
/// Larger files are no configuration.
const BYTES_MAX: u64 = 1 << 20;

/// Reads files, and every document under folders, in the order of their names. Hidden files and folders are left out.
///
/// # Errors
/// A path that is not there or cannot be read, or no document at all.
pub(crate) fn read_files(paths: &[PathBuf]) -> anyhow::Result<Vec<File>> {
    let mut files = Vec::new();
    for path in paths {
        let kind = std::fs::metadata(path).with_context(|| format!("{} cannot be read", path.display()))?;
        if kind.is_dir() {
            folder(path, &mut files)?;
        } else {
            files.push(read(path)?);
        }
    }
    if files.is_empty() {
        let named: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        bail!("there is no .yaml, .yml or .json file in {}", named.join(", "));
    }
    Ok(files)
}

fn folder(path: &Path, files: &mut Vec<File>) -> anyhow::Result<()> {
    let shown = path.display();
    let listed = std::fs::read_dir(path).with_context(|| format!("the folder {shown} cannot be read"))?;
    let mut entries =
        listed.collect::<Result<Vec<_>, _>>().with_context(|| format!("the folder {shown} cannot be read"))?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let inner = entry.path();
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let unreadable = || format!("{} cannot be read", inner.display());
        let listed = entry.file_type().with_context(unreadable)?;
        // Only a link has to be followed to know what it is.
        let kind =
            if listed.is_symlink() { std::fs::metadata(&inner).with_context(unreadable)?.file_type() } else { listed };
        if kind.is_dir() {
            folder(&inner, files)?;
        } else if inner.extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known)) {
            files.push(read(&inner)?);
        }
    }
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<File> {
    let shown = path.display().to_string();
    let unreadable = || format!("{shown} cannot be read");
    let mut file = std::fs::File::open(path).with_context(unreadable)?;
    let size = file.metadata().with_context(unreadable)?.len();
    if size > BYTES_MAX {
        bail!("{shown} has {size} bytes, more than any configuration has");
    }
    let mut text = String::with_capacity(usize::try_from(size).unwrap_or(0));
    file.read_to_string(&mut text).with_context(unreadable)?;
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    Ok(File { source: shown, stem, text })
}
