//! What can go wrong with keys, and what to do.

use thiserror::Error;

/// Why an envelope did not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Unsealed {
    /// It is too short to be one.
    #[error("it is too short for something sealed")]
    Short,
    /// It is of a form that a newer program has.
    #[error("it is sealed in a form that this program does not know; use a newer program")]
    Form,
    /// Its algorithm is not known.
    #[error("it is sealed with an algorithm that this program does not know; use a newer program")]
    Algorithm,
    /// It was sealed with another key, or for another place, or was altered.
    #[error("its seal does not open: it was altered, or is in a place that it was not sealed for")]
    Closed,
}

/// Why a key was not made, found or used.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The keys that a store is sealed with are not where they should be.
    #[error("the store is sealed, and its keys are not in {place}; name where they are")]
    Missing {
        /// Where they were looked for.
        place: String,
    },
    /// The keys are of another store.
    #[error("the key of {owner} in {place} is not the one that the store is sealed with; name the right one")]
    Wrong {
        /// Whose key.
        owner: String,
        /// Where it is from.
        place: String,
    },
    /// Others can read the keys.
    #[error("{place} holds the store's keys, and others than its owner may read it; `chmod 600 {place}`")]
    Open {
        /// Which file.
        place: String,
    },
    /// What should hold keys is written in some other way.
    #[error("{place} does not hold keys as they are written: {message}")]
    Shape {
        /// Where it is.
        place: String,
        /// What is wrong, without anything of a key.
        message: String,
    },
    /// Where the keys are, or how to log in there, is not said as it has to be.
    #[error("{place} cannot be asked for keys: {message}")]
    Setting {
        /// Where it is.
        place: String,
        /// What is wrong, without anything of a key.
        message: String,
    },
    /// The key was destroyed, and what it sealed is gone.
    #[error("the key of {owner} was destroyed in {place}; what it sealed cannot be read by anybody any more")]
    Destroyed {
        /// Whose.
        owner: String,
        /// Where.
        place: String,
    },
    /// Who holds the keys does not answer.
    #[error("the keys in {place} could not be asked for: {message}")]
    Unavailable {
        /// Where they are.
        place: String,
        /// What was said.
        message: String,
    },
    /// Who holds the keys does not let this program use them.
    #[error("the keys in {place} were refused: {message}; give this program's account what it needs of them")]
    Denied {
        /// Where they are.
        place: String,
        /// What was said.
        message: String,
    },
    /// The key is there, and is not to be used.
    #[error("the key in {place} cannot be used: {message}; have it enabled there again")]
    Disabled {
        /// Where it is.
        place: String,
        /// What was said.
        message: String,
    },
    /// They could not be written.
    #[error("the keys could not be written to {place}")]
    Unwritten {
        /// Where.
        place: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The system gave no random bytes.
    #[error("the system gave no random bytes for a key")]
    Random,
}

impl KeyError {
    /// The code under which `docs/errors` says what happened, why, and what to do.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "T1001",
            Self::Wrong { .. } => "T1002",
            Self::Open { .. } => "T1003",
            Self::Shape { .. } | Self::Setting { .. } => "T1004",
            Self::Destroyed { .. } => "T1005",
            Self::Unavailable { .. } | Self::Random => "T1006",
            Self::Unwritten { .. } => "T1007",
            Self::Denied { .. } => "T1009",
            Self::Disabled { .. } => "T1010",
        }
    }

    /// Whether the same may go well later with nothing changed.
    #[must_use]
    pub const fn passes(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Random)
    }
}
