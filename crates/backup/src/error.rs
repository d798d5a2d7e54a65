//! What can go wrong with an archive, and what to do.

use tenantry_domain::time::Timestamp;
use tenantry_keys::KeyError;
use thiserror::Error;

use crate::row::DatabaseError;

/// Why a backup was not taken, read, verified or dropped.
#[derive(Debug, Error)]
pub enum BackupError {
    /// The place does not answer, or refuses.
    #[error(
        "the backups at {place} could not be {action}: {message}; check the place, what it is given to log in, and its rights"
    )]
    Place {
        /// Where.
        place: String,
        /// What was attempted, such as `read`.
        action: &'static str,
        /// What was said.
        message: String,
        /// Whether it is that something is there already.
        exists: bool,
    },
    /// There is nothing there.
    #[error("there are no backups at {place}; check the place, or take the first with `tenantry backup create`")]
    Nothing {
        /// Where.
        place: String,
    },
    /// There is no such backup.
    #[error("there is no backup {wanted} at {place}; `tenantry backup list` shows those that are there")]
    NoSuch {
        /// Where.
        place: String,
        /// What was asked for.
        wanted: String,
    },
    /// None is that old.
    #[error("no backup at {place} is from {at} or before; the oldest is from {oldest}")]
    NoneSoOld {
        /// Where.
        place: String,
        /// What was asked for.
        at: Timestamp,
        /// What there is.
        oldest: Timestamp,
    },
    /// The keys do not open it.
    #[error("the backups at {place} cannot be opened with the keys given")]
    Keys {
        /// Where.
        place: String,
        /// Why.
        #[source]
        source: KeyError,
    },
    /// There are no keys to encrypt with.
    #[error("there are no keys in {keys} to encrypt a backup with; name where they are, or say --unencrypted")]
    NoKeys {
        /// Where they were looked for.
        keys: String,
    },
    /// It is not encrypted, so that anybody could have written it.
    #[error(
        "the backups at {place} are not encrypted, so that whoever can write there could have made them; say --unencrypted if they are what you want"
    )]
    Unencrypted {
        /// Where.
        place: String,
    },
    /// Something is not what was written.
    #[error(
        "{object} at {place} is damaged: {what}; `tenantry backup verify` says what else is, and an older backup may be whole"
    )]
    Damaged {
        /// Where.
        place: String,
        /// Which object.
        object: String,
        /// What is wrong.
        what: String,
    },
    /// Somebody is at work that cannot be disturbed.
    #[error("{what} at {place} goes on since {since}, by {by}; wait for its end, or, if it was killed, until {until}")]
    Busy {
        /// Where.
        place: String,
        /// What goes on.
        what: &'static str,
        /// Since when.
        since: Timestamp,
        /// By whom.
        by: String,
        /// When it is taken for dead.
        until: Timestamp,
    },
    /// It took too long between two signs of life.
    #[error(
        "this program slept so long that others may have taken it for dead, and the backup at {place} was not finished; take it again"
    )]
    Overslept {
        /// Where.
        place: String,
    },
    /// It is of a form that a newer program has.
    #[error("{object} at {place} is of form {found}, and this program knows up to {known}; use a newer program")]
    TooNew {
        /// Where.
        place: String,
        /// Which object.
        object: String,
        /// Its form.
        found: u32,
        /// The last that is known.
        known: u32,
    },
    /// It is another deployment's.
    #[error("the backups at {place} are of another deployment, {theirs}, and not of {ours}; name a place of its own")]
    OtherDeployment {
        /// Where.
        place: String,
        /// Whose backups they are.
        theirs: String,
        /// Whose store it is.
        ours: String,
    },
    /// Which backups to keep is not said as it should be.
    #[error("`{text}` does not say which backups to keep: {message}")]
    Keep {
        /// What was said.
        text: String,
        /// What is wrong.
        message: String,
    },
    /// Nothing can be dropped while it is not known what a backup needs.
    #[error(
        "nothing was dropped: the backup {name} at {place} cannot be read, so that it is not known what it needs: {what}; remove it with `tenantry backup prune --drop {name}`"
    )]
    Unreadable {
        /// Where.
        place: String,
        /// Which.
        name: String,
        /// Why.
        what: String,
    },
    /// The store said so.
    #[error("the store could not be {action}")]
    Database {
        /// What was attempted.
        action: &'static str,
        /// What it said.
        #[source]
        source: DatabaseError,
    },
    /// A key was not made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// What was to be written cannot be.
    #[error("a backup could not be written down: {message}")]
    Encoding {
        /// Why.
        message: String,
    },
}

impl BackupError {
    /// The code under which `docs/errors` says what happened, why, and what to do.
    #[must_use]
    pub const fn code(&self) -> Option<&'static str> {
        Some(match self {
            Self::Place { .. } => "T1101",
            Self::Nothing { .. } | Self::NoSuch { .. } | Self::NoneSoOld { .. } => "T1102",
            Self::Keys { .. } | Self::NoKeys { .. } | Self::Unencrypted { .. } => "T1103",
            Self::Damaged { .. } | Self::Unreadable { .. } => "T1104",
            Self::Busy { .. } | Self::Overslept { .. } => "T1105",
            Self::TooNew { .. } | Self::OtherDeployment { .. } => "T1106",
            Self::Keep { .. } => "T1107",
            // Said by their cause, or a fault of the program.
            Self::Database { .. } | Self::Key(_) | Self::Encoding { .. } => return None,
        })
    }
}

pub(crate) fn database(action: &'static str) -> impl FnOnce(DatabaseError) -> BackupError {
    move |source| BackupError::Database { action, source }
}
