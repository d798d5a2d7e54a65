//! A contest in real time: steps of 15 s whatever the controller's period, terms that change, a state that is kept.

use serde::{Deserialize, Serialize};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Span;
use thiserror::Error;

use super::{Choice, Contest, Pool, Sight, Terms};

/// What a step of a contest lasts.
pub const STEP: Span = Span::from_secs(15);
/// Most steps that are made up for at once; after a longer gap the contest goes on from where it was.
const CATCH_UP: u64 = 8;
/// Version of the kept state.
const VERSION: u8 = 2;

/// The contest of one signal of a workload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Arena {
    contest: Contest,
    stepped_at: Timestamp,
    choice: Option<Choice>,
}

/// Why a kept state is not gone on with.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ArenaError {
    /// Of another version of this program.
    #[error("it is of version {found}, not {VERSION}")]
    Version {
        /// What was found.
        found: u8,
    },
    /// Not a state at all.
    #[error("it is damaged: {0}")]
    Damaged(String),
}

impl Arena {
    /// A contest that begins now, with all shadows at `size`.
    #[must_use]
    pub fn new(terms: Terms, size: u32, now: Timestamp) -> Self {
        let before = Timestamp::from_millis(now.as_millis().saturating_sub(STEP.as_millis_i64()));
        Self { contest: Contest::new(terms, size), stepped_at: before, choice: None }
    }

    /// Passes the steps that are due, and says what the policy in charge asked for in the last of them.
    pub fn step(&mut self, terms: Terms, sight: &Sight<'_>, pool: &Pool, now: Timestamp) -> Option<Choice> {
        self.contest.adopt(terms);
        let due = now.since(self.stepped_at).as_millis() / STEP.as_millis();
        // A clock that was put back, or a long gap: time is counted from here on.
        let anew = now < self.stepped_at || due > CATCH_UP;
        let steps = if anew { 1 } else { due };
        if steps > 0 {
            let burst = self.contest.look(sight, u32::try_from(due.max(1)).unwrap_or(u32::MAX));
            for _ in 0..steps {
                self.choice = Some(self.contest.decide(sight, burst, pool));
            }
        }
        let passed = Span::from_millis(due.saturating_mul(STEP.as_millis()));
        self.stepped_at = if anew { now } else { self.stepped_at + passed };
        self.choice
    }

    /// What was asked for last, where that is not long ago: when a measurement is not whole for a moment, as of pods that
    /// became ready just now, the policy in charge does not change.
    #[must_use]
    pub fn last(&self, now: Timestamp) -> Option<Choice> {
        let borne = Span::from_millis(CATCH_UP * STEP.as_millis());
        self.choice.filter(|_| now >= self.stepped_at && now.since(self.stepped_at) <= borne)
    }

    /// The state, to be kept.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        // Writing to memory does not fail; an empty state would be refused when read.
        bytes.extend(postcard::to_allocvec(self).unwrap_or_default());
        bytes
    }

    /// A kept state.
    ///
    /// # Errors
    /// [`ArenaError`] when it is of another version, or damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ArenaError> {
        let (version, rest) = bytes.split_first().ok_or_else(|| ArenaError::Damaged("it is empty".to_owned()))?;
        if *version != VERSION {
            return Err(ArenaError::Version { found: *version });
        }
        postcard::from_bytes(rest).map_err(|error| ArenaError::Damaged(error.to_string()))
    }
}
