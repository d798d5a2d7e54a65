//! Where a store is, as a person writes it and as it may be shown.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr as _;

use sqlx::postgres::PgConnectOptions;
use tenantry_engine::ports::store::StoreError;

/// Where a store is.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// A SQLite file.
    File(PathBuf),
    /// A PostgreSQL database.
    Server(Box<PgConnectOptions>),
}

impl Place {
    /// Reads `sqlite:PATH`, a bare path, or `postgres://…`.
    pub(crate) fn parse(url: &str) -> Result<Self, StoreError> {
        if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            return match PgConnectOptions::from_str(url) {
                Ok(options) => Ok(Self::Server(Box::new(options))),
                // The address may hold a password, and is not repeated.
                Err(error) => Err(refused(
                    "postgres://…",
                    format!("{error}; write it as postgres://USER:PASSWORD@HOST:5432/DATABASE"),
                )),
            };
        }
        let path = match url.strip_prefix("sqlite:") {
            Some(rest) => rest.strip_prefix("//").unwrap_or(rest),
            None => url,
        };
        if let Some((scheme, _)) = path.split_once("://") {
            return Err(refused(
                &format!("{scheme}://…"),
                "there is no such kind of store; use sqlite:PATH, a path, or postgres://…".to_owned(),
            ));
        }
        match path {
            "" => Err(refused(url, "no file is named; write it as sqlite:PATH".to_owned())),
            ":memory:" => Err(refused(url, "a store must outlive its program; name a file".to_owned())),
            path => Ok(Self::File(PathBuf::from(path))),
        }
    }

    /// The kind of database, in words.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::File(_) => "SQLite",
            Self::Server(_) => "PostgreSQL",
        }
    }
}

/// The place without its password.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Server(options) => {
                write!(f, "postgres://{}@", options.get_username())?;
                match options.get_socket() {
                    Some(socket) => write!(f, "{}", socket.display())?,
                    None => write!(f, "{}:{}", options.get_host(), options.get_port())?,
                }
                write!(f, "/{}", options.get_database().unwrap_or(options.get_username()))
            }
        }
    }
}

pub(crate) fn refused(place: &str, message: String) -> StoreError {
    StoreError::Open { place: place.to_owned(), message }
}

#[cfg(test)]
mod tests;
