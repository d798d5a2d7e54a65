//! Data keys: what they are for, and how they are named.

use aws_lc_rs::rand;

use crate::bound::Bound;
use crate::error::KeyError;
use crate::provider::Owner;

/// What a data key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// Nothing is sealed with it: it shows whether a store is opened with the right keys, and keeps what is to be known about
    /// the whole store.
    Store,
    /// Documents, and what people ask of workloads.
    Config,
    /// Decisions, with what they were made from.
    Decisions,
    /// What is kept from one start to the next: statuses, memories, models.
    State,
    /// Answers to requests that may be asked again.
    Answers,
    /// Details of what the audit log says.
    Audit,
}

impl Purpose {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Store, Self::Config, Self::Decisions, Self::State, Self::Answers, Self::Audit];

    /// The number that rows have.
    #[must_use]
    pub const fn number(self) -> i64 {
        match self {
            Self::Store => 0,
            Self::Config => 1,
            Self::Decisions => 2,
            Self::State => 3,
            Self::Answers => 4,
            Self::Audit => 5,
        }
    }

    /// From the number that rows have.
    #[must_use]
    pub fn of_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.number() == number)
    }

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Config => "config",
            Self::Decisions => "decisions",
            Self::State => "state",
            Self::Answers => "answers",
            Self::Audit => "audit",
        }
    }
}

/// Which data key something is sealed with: a random number, so that one which was never kept is never taken for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataKeyId(pub i64);

impl DataKeyId {
    /// Draws a new one.
    ///
    /// # Errors
    /// [`KeyError::Random`].
    pub fn random() -> Result<Self, KeyError> {
        let mut bytes = [0; 8];
        rand::fill(&mut bytes).map_err(|_| KeyError::Random)?;
        Ok(Self(i64::from_be_bytes(bytes) & i64::MAX))
    }
}

/// What is known of a data key beside itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataKeyName {
    /// Which.
    pub id: DataKeyId,
    /// Whose.
    pub owner: Owner,
    /// What for.
    pub purpose: Purpose,
    /// Which of those of its owner and purpose, from 1.
    pub version: i64,
    /// Of a [`Purpose::Store`] key: whether the store holds nothing that is not sealed.
    pub whole: bool,
}

impl DataKeyName {
    /// What its envelope is bound to: all of it.
    #[must_use]
    pub fn bound(&self) -> Bound {
        Bound::to("tenantry data key 1")
            .text(self.owner.row())
            .number(self.purpose.number())
            .number(self.version)
            .number(self.id.0)
            .number(self.whole.into())
    }
}
