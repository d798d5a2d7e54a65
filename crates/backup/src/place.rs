//! Where an archive is: a folder or object storage, behind one interface.

use std::sync::Arc;

use futures::TryStreamExt as _;
use object_store::path::Path;
use object_store::{Error, ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions};
use tenantry_domain::failure::with_causes;

use crate::error::BackupError;

/// Characters of what a storage says that are told.
const TOLD_MAX: usize = 500;

/// A place for an archive.
#[derive(Debug, Clone)]
pub struct Place {
    objects: Arc<dyn ObjectStore>,
    root: Path,
    said: String,
    /// Who works here, for others to see.
    pub(crate) holder: String,
    /// Whether one who says that they are at work is surely not.
    pub(crate) is_gone: fn(&str) -> bool,
}

impl Place {
    /// Under `root` of some storage, called `said` in what people are told. `holder` is who works there now, and `is_gone` tells
    /// of a holder whether they surely are not at work any more.
    #[must_use]
    pub fn new(
        objects: Arc<dyn ObjectStore>,
        root: Path,
        said: impl Into<String>,
        holder: impl Into<String>,
        is_gone: fn(&str) -> bool,
    ) -> Self {
        Self { objects, root, said: said.into(), holder: holder.into(), is_gone }
    }

    /// What it is called, without anything secret.
    #[must_use]
    pub fn said(&self) -> String {
        self.said.clone()
    }

    fn path(&self, name: &str) -> Path {
        name.split('/').fold(self.root.clone(), |path, part| path.join(part))
    }

    fn could_not(&self, action: &'static str) -> impl FnOnce(Error) -> BackupError {
        let place = self.said();
        move |error| {
            let exists = matches!(error, Error::AlreadyExists { .. });
            BackupError::Place { place, action, message: told(&error), exists }
        }
    }

    /// The bytes of an object; none where there is none.
    pub(crate) async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, BackupError> {
        let read = async { self.objects.get(&self.path(name)).await?.bytes().await };
        match read.await {
            Ok(bytes) => Ok(Some(bytes.to_vec())),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.could_not("read")(error)),
        }
    }

    /// Writes an object, whole or not at all.
    pub(crate) async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), BackupError> {
        self.objects.put(&self.path(name), bytes.into()).await.map(|_| ()).map_err(self.could_not("written"))
    }

    /// As [`put`](Self::put), where there is none yet.
    pub(crate) async fn put_new(&self, name: &str, bytes: Vec<u8>) -> Result<(), BackupError> {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let put = self.objects.put_opts(&self.path(name), bytes.into(), options).await;
        put.map(|_| ()).map_err(self.could_not("written"))
    }

    /// Removes an object; one that is not there is no error.
    pub(crate) async fn remove(&self, name: &str) -> Result<(), BackupError> {
        match self.objects.delete(&self.path(name)).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.could_not("removed")(error)),
        }
    }

    /// All objects under a name, with that part of theirs that follows it.
    pub(crate) async fn list(&self, under: &str) -> Result<Vec<(String, ObjectMeta)>, BackupError> {
        let prefix = self.path(under);
        let found: Vec<ObjectMeta> = match self.objects.list(Some(&prefix)).try_collect().await {
            Ok(found) => found,
            Err(Error::NotFound { .. }) => Vec::new(),
            Err(error) => return Err(self.could_not("listed")(error)),
        };
        let named = found.into_iter().filter_map(|meta| {
            let rest: Vec<String> = meta.location.prefix_match(&prefix)?.map(|part| part.as_ref().to_owned()).collect();
            Some((rest.join("/"), meta))
        });
        Ok(named.collect())
    }
}

/// What a library says, with its causes, and without what stands in addresses behind the question mark: that may be a secret.
fn told(error: &Error) -> String {
    let text = with_causes(error);
    let words = text.split(' ').map(|word| match word.split_once('?') {
        Some((address, _)) if address.contains("://") => address,
        Some(_) | None => word,
    });
    brief(&words.collect::<Vec<_>>().join(" ").replace('\n', " "))
}

/// Most of what a storage says is for its makers: of XML the code and the message are kept.
fn brief(text: &str) -> String {
    let between = |tag: &str| {
        let (_, rest) = text.split_once(&format!("<{tag}>"))?;
        rest.split_once(&format!("</{tag}>")).map(|(inner, _)| inner)
    };
    let whole = match (text.split_once('<'), between("Code")) {
        (Some((before, _)), Some(code)) => {
            format!("{before}{code}: {}", between("Message").unwrap_or_default().trim_end_matches('.'))
        }
        _ => text.to_owned(),
    };
    whole.chars().take(TOLD_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_storage_says_is_told_without_secrets_and_in_brief() {
        let said = "GET http://s/b?sig=hush in 8ms - 403: <?xml version=\"1.0\"?> <Error><Code>NoKey</Code>\
                    <Message>There is no key.</Message><Detail>x</Detail></Error>";
        let error = Error::Generic { store: "S3", source: said.into() };
        assert_eq!(told(&error), "Generic S3 error: GET http://s/b in 8ms - 403: NoKey: There is no key");
        let long = Error::Generic { store: "S3", source: "x".repeat(9_000).into() };
        assert!(told(&long).len() <= TOLD_MAX);
    }
}
