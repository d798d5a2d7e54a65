//! A folder that is the source of truth of its tenants, such as a Git checkout.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tenantry_engine::ports::store::{Authorship, Owner};
use tenantry_engine::status::Notice;
use tenantry_engine::tenants::{Applying, Did, Removes, Tenants};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::{error, info};

use super::super::config::read_files;
use super::noticed::Noticed;
use crate::time;

/// Changes that come together, as when Git checks out, are taken together.
const SETTLE: Duration = Duration::from_millis(300);
/// The folder is read so often even when nothing tells of a change, as some file systems do not.
const AT_LEAST_EVERY: Duration = Duration::from_secs(60);

/// Watching, until it is dropped.
pub(super) struct Watching {
    _watcher: RecommendedWatcher,
    task: JoinHandle<()>,
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Applies the folder, and again whenever it changes.
///
/// # Errors
/// A folder that is not there, or is wrong at the start: a server does not begin with what it cannot read.
pub(super) async fn watch(folder: PathBuf, tenants: Tenants, noticed: Noticed) -> anyhow::Result<Watching> {
    apply(&folder, &tenants).await?;
    let (sender, mut changes) = mpsc::channel::<()>(1);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let reads = event.as_ref().is_ok_and(|event| matches!(event.kind, notify::EventKind::Access(_)));
        if !reads {
            // Full means that a look is due already.
            let _ = sender.try_send(());
        }
    })
    .context("the folder cannot be watched")?;
    watcher
        .watch(&folder, RecursiveMode::Recursive)
        .with_context(|| format!("the folder {} cannot be watched", folder.display()))?;
    let task = tokio::spawn(async move {
        loop {
            let told = tokio::time::timeout(AT_LEAST_EVERY, changes.recv()).await;
            if matches!(told, Ok(None)) {
                return;
            }
            tokio::time::sleep(SETTLE).await;
            while changes.try_recv().is_ok() {}
            let notice = apply(&folder, &tenants).await.err().map(|wrong| Notice {
                what: format!("the folder {} was not taken over: {wrong:#}", folder.display()),
                to_do: "mend it; it is read again by itself, and what was declared before holds until then".to_owned(),
            });
            if noticed.set("config", notice.as_ref())
                && let Some(notice) = notice
            {
                error!("{}", notice.what);
            }
        }
    });
    Ok(Watching { _watcher: watcher, task })
}

async fn apply(folder: &Path, tenants: &Tenants) -> anyhow::Result<()> {
    let files = read_files(&[folder.to_owned()])?;
    let owner = Owner::Folder(folder.display().to_string());
    let reason = format!("read from {}", folder.display());
    let by = Authorship { author: "folder".to_owned(), at: time::now(), reason };
    let how = Applying {
        owner,
        by,
        dry_run: false,
        partial: false,
        removes: Removes::Rest,
        based_on: None,
        judged: Default::default(),
    };
    let applied = tenants.apply(&files, &how).await?;
    let changed = applied.iter().filter(|one| one.did != Did::Unchanged).count();
    if changed > 0 {
        info!(changed, documents = applied.len(), folder = %folder.display(), "folder taken over");
    }
    Ok(())
}
