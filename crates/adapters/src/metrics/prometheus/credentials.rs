//! Secrets: given outright or in a file, and never shown.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Longest credential read from a file; no token is longer.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// A text that does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(String);

impl Hidden {
    /// Hides a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for those who send it.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// Where a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// Given outright.
    Text(Hidden),
    /// In a file, read anew for each query since tokens are replaced while in use. Space around it is cut off.
    File(PathBuf),
}

impl Secret {
    /// The secret now.
    ///
    /// # Errors
    /// When its file cannot be read, is empty or far too long; the message names the file only.
    pub(super) async fn read(&self) -> io::Result<Hidden> {
        let path = match self {
            Self::Text(text) => return Ok(text.clone()),
            Self::File(path) => path,
        };
        let wrong = |kind, why: &dyn fmt::Display| {
            io::Error::new(kind, format!("credential file `{}` cannot be used: {why}", path.display()))
        };
        let size = tokio::fs::metadata(path).await.map_err(|error| wrong(error.kind(), &error))?.len();
        if size > FILE_BYTES_MAX {
            return Err(wrong(io::ErrorKind::InvalidData, &format_args!("it is larger than {FILE_BYTES_MAX} bytes")));
        }
        let text = tokio::fs::read_to_string(path).await.map_err(|error| wrong(error.kind(), &error))?;
        match text.trim() {
            "" => Err(wrong(io::ErrorKind::InvalidData, &"it is empty")),
            text => Ok(Hidden::new(text)),
        }
    }
}

/// How Tenantry says who it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Auth {
    /// Not at all, or by a client certificate only.
    #[default]
    None,
    /// A bearer token.
    Bearer {
        /// The token.
        token: Secret,
    },
    /// A name and a password.
    Basic {
        /// The name.
        user: String,
        /// The password.
        password: Secret,
    },
}

/// Takes `secrets` out of a text that came from outside: some proxies repeat the request in their error pages.
pub(super) fn redact(text: &str, secrets: &[Hidden]) -> String {
    let mut text = text.to_owned();
    for secret in secrets.iter().filter(|secret| !secret.0.is_empty()) {
        text = text.replace(&secret.0, "(hidden)");
    }
    text
}
