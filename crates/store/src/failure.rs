//! What can go wrong between us and a database, and what a person is told about it.

use std::error::Error;
use std::fmt;

use sqlx::postgres::PgDatabaseError;
use sqlx::sqlite::SqliteError;
use tenantry_engine::ports::store::StoreError;
use tenantry_keys::KeyError;

/// Why a piece of work broke off; becomes a [`StoreError`] where it is known what was attempted.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The driver or the database said so.
    Driver(sqlx::Error),
    /// What was read is not what was written.
    Unreadable(String),
    /// It cannot be stored as it is.
    Refused(String),
    /// A key is not there, or does not fit.
    Keys(KeyError),
    /// Decided by us, and worded already.
    Said(StoreError),
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        Self::Keys(error)
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Driver(error)
    }
}

impl Failure {
    /// Words it, given what was attempted.
    pub(crate) fn during(self, action: &'static str) -> StoreError {
        match self {
            Self::Driver(error) => driver(action, error),
            Self::Unreadable(message) => StoreError::Corrupt { action, message },
            Self::Refused(message) => StoreError::Refused { action, message },
            Self::Keys(error) => {
                let mut message = error.to_string();
                if let Some(cause) = error.source() {
                    message = format!("{message}: {cause}");
                }
                StoreError::Keys { action, message, code: error.code(), passes: error.passes() }
            }
            Self::Said(error) => error,
        }
    }
}

/// What kind of trouble a driver's error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// No room on the disk, or the size limit is reached.
    Full,
    /// Another connection is in the way.
    Locked,
    /// We may not.
    Forbidden,
    /// The file is not what it should be.
    Damaged,
    /// Not a database at all.
    Foreign,
    /// The server does not know us.
    Unauthorized,
    /// There is no such database.
    Absent,
    /// It is not there, or broke off.
    Gone,
    /// It is there, and the request itself is at fault.
    Refused,
}

impl Trouble {
    pub(crate) fn of(error: &sqlx::Error) -> Self {
        let sqlx::Error::Database(database) = error else {
            return match error {
                sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Self::Damaged,
                sqlx::Error::Encode(_) | sqlx::Error::InvalidArgument(_) => Self::Refused,
                _ => Self::Gone,
            };
        };
        let code = database.code().unwrap_or_default();
        if database.try_downcast_ref::<SqliteError>().is_some() {
            // The low byte names the family; the rest refines it.
            Self::of_sqlite(code.parse::<i64>().unwrap_or(0) & 0xff)
        } else if database.try_downcast_ref::<PgDatabaseError>().is_some() {
            Self::of_postgres(&code)
        } else {
            Self::Gone
        }
    }

    const fn of_sqlite(family: i64) -> Self {
        match family {
            5 | 6 => Self::Locked,
            3 | 8 | 14 | 23 => Self::Forbidden,
            10 => Self::Gone,
            11 => Self::Damaged,
            13 => Self::Full,
            26 => Self::Foreign,
            _ => Self::Refused,
        }
    }

    fn of_postgres(state: &str) -> Self {
        match state {
            "53100" => Self::Full,
            "55P03" | "40P01" | "40001" | "57014" => Self::Locked,
            "42501" | "25006" => Self::Forbidden,
            "3D000" => Self::Absent,
            _ if state.starts_with("28") => Self::Unauthorized,
            _ if state.starts_with("XX") => Self::Damaged,
            _ if ["22", "23", "42", "54", "0A"].iter().any(|class| state.starts_with(class)) => Self::Refused,
            _ => Self::Gone,
        }
    }

    /// What to do about it.
    pub(crate) const fn advice(self) -> &'static str {
        match self {
            Self::Full => "make room on the disk, raise the size limit, or keep decisions for a shorter time",
            Self::Locked => "another program holds its write lock; stop that program or wait for it",
            Self::Forbidden => "let this user write it: a SQLite file together with the folder it lies in",
            Self::Damaged => "it is damaged; set it aside and restore a backup",
            Self::Foreign => "it is not a SQLite database; name another file",
            Self::Unauthorized => "the server does not accept this user; check name and password",
            Self::Absent => "make the database first, for instance with createdb",
            Self::Gone => "check that the disk or the server is there and answers",
            Self::Refused => "this is a fault of the program; report it",
        }
    }
}

/// Worded for a store that is open.
fn driver(action: &'static str, error: sqlx::Error) -> StoreError {
    let trouble = Trouble::of(&error);
    match trouble {
        Trouble::Full => StoreError::Full { action },
        Trouble::Locked | Trouble::Gone => {
            StoreError::Unavailable { action, cause: Box::new(Advised { advice: trouble.advice(), source: error }) }
        }
        Trouble::Damaged | Trouble::Foreign => StoreError::Corrupt { action, message: said(&error, trouble) },
        Trouble::Forbidden | Trouble::Unauthorized | Trouble::Absent | Trouble::Refused => {
            StoreError::Refused { action, message: said(&error, trouble) }
        }
    }
}

/// The database's words and what to do.
pub(crate) fn said(error: &sqlx::Error, trouble: Trouble) -> String {
    let words = match error {
        sqlx::Error::Database(database) => database.message().to_owned(),
        other => other.to_string(),
    };
    format!("{words}; {}", trouble.advice())
}

/// A driver's error with advice in front.
#[derive(Debug)]
struct Advised {
    advice: &'static str,
    source: sqlx::Error,
}

impl fmt::Display for Advised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.advice)
    }
}

impl Error for Advised {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}
