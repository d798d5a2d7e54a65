//! Where the store is.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use tenantry_store::{Settings, Store};

use crate::keys::KeyOptions;

/// The stores that this program has opened.
static OPENED: Mutex<Vec<Arc<Store>>> = Mutex::new(Vec::new());

/// Opens the store at `url`, or at its usual place, with its keys.
///
/// # Errors
/// A store that does not open, keys that are not its own, or no home to put it in.
pub(crate) async fn open(url: Option<&str>, keys: &KeyOptions) -> anyhow::Result<Arc<Store>> {
    let provider = keys.provider(url)?;
    let store = tenantry_store::open_sealed(&self::url(url)?, &Settings::default(), provider).await?;
    OPENED.lock().unwrap_or_else(PoisonError::into_inner).push(store.clone());
    Ok(store)
}

/// Closes what was opened. A SQLite file then has in itself what its log had, so that a copy of the file alone is whole.
pub(crate) async fn close_all() {
    let opened = std::mem::take(&mut *OPENED.lock().unwrap_or_else(PoisonError::into_inner));
    for store in opened {
        store.close().await;
    }
}

/// The address of the store, also where none is named.
///
/// # Errors
/// No home to put it in.
pub(crate) fn url(url: Option<&str>) -> anyhow::Result<String> {
    url.map_or_else(usual, |url| Ok(url.to_owned()))
}

/// A file that belongs to the store: beside it where it is a file, else in the user's data folder.
///
/// # Errors
/// No home to put it in.
pub(crate) fn beside(url: Option<&str>, extension: &str) -> anyhow::Result<PathBuf> {
    let url = match url {
        Some(url) if url.starts_with("postgres") => usual()?,
        Some(url) => url.to_owned(),
        None => usual()?,
    };
    Ok(PathBuf::from(url.strip_prefix("sqlite:").unwrap_or(&url)).with_extension(extension))
}

fn usual() -> anyhow::Result<String> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_DATA_HOME").or_else(|| Some(set("HOME")?.join(".local/share")));
    let folder = base.context("no place for the store: set --store, TENANTRY_STORE or HOME")?.join("tenantry");
    std::fs::create_dir_all(&folder).with_context(|| format!("could not make the folder {}", folder.display()))?;
    Ok(format!("sqlite:{}", folder.join("tenantry.db").display()))
}
