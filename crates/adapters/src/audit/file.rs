//! A file that entries are written to the end of, for a collector that follows it.

use std::fs::OpenOptions;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

use async_trait::async_trait;
use tenantry_audit::{Form, Told};
use tenantry_engine::ports::receiver::{Receiver, Undelivered};

use super::{lines, undelivered};

/// A file. It is opened for each delivery, so that it may be moved away and another begun in its place.
#[derive(Debug, Clone)]
pub struct FileReceiver {
    path: PathBuf,
    form: Form,
}

impl FileReceiver {
    /// The file at `path`; made where it is not there.
    #[must_use]
    pub const fn new(path: PathBuf, form: Form) -> Self {
        Self { path, form }
    }

    fn write(&self, text: &str) -> std::io::Result<()> {
        let mut options = OpenOptions::new();
        options.create(true).append(true).read(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&self.path)?;
        // A line that broke off when the machine died is ended, and comes again whole.
        let mut last = [b'\n'];
        if file.seek(SeekFrom::End(0))? > 0 {
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
        }
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
        file.write_all(text.as_bytes())?;
        file.sync_data()
    }
}

#[async_trait]
impl Receiver for FileReceiver {
    async fn deliver(&self, told: &[Told]) -> Result<(), Undelivered> {
        let (this, text) = (self.clone(), lines(self.form, told));
        let failed = |error: &dyn std::fmt::Display| undelivered(format!("{}: {error}", self.path.display()));
        let written = tokio::task::spawn_blocking(move || this.write(&text)).await;
        written.map_err(|error| failed(&error))?.map_err(|error| failed(&error))
    }
}
