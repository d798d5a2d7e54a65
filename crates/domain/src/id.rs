//! Names of things. Each kind of name is a type of its own, checked once when it is made.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Longest accepted name, in bytes: what Kubernetes allows for a label value, so every id can be one.
pub const NAME_LENGTH_MAX: usize = 63;

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NameError {
    /// Nothing was given.
    #[error("a {what} cannot be empty")]
    Empty {
        /// The kind of name that was being made.
        what: &'static str,
    },
    /// Over [`NAME_LENGTH_MAX`] bytes.
    #[error("{what} `{text}` is longer than {NAME_LENGTH_MAX} characters")]
    TooLong {
        /// The kind of name that was being made.
        what: &'static str,
        /// What was given, cut to a readable length.
        text: String,
    },
    /// A character outside lower-case letters, digits, `-`, `_` and `.`, or one of the last three at an end.
    #[error(
        "{what} `{text}` may hold lower-case letters, digits, `-`, `_` and `.`, and must begin and end with a letter or digit"
    )]
    Character {
        /// The kind of name that was being made.
        what: &'static str,
        /// What was given.
        text: String,
    },
}

fn check(what: &'static str, text: &str) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty { what });
    }
    if text.len() > NAME_LENGTH_MAX {
        return Err(NameError::TooLong { what, text: text.chars().take(NAME_LENGTH_MAX).collect() });
    }
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let ends = text.starts_with(plain) && text.ends_with(plain);
    if ends && text.chars().all(|c| plain(c) || matches!(c, '-' | '_' | '.')) {
        Ok(())
    } else {
        Err(NameError::Character { what, text: text.to_owned() })
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// Checks `text` and makes the name.
            ///
            /// # Errors
            /// [`NameError`] when it is empty, too long, or holds a character that names may not.
            pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
                let text = text.into();
                check($what, &text)?;
                Ok(Self(text))
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl FromStr for $type {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $type {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> String {
                name.0
            }
        }
    };
}

name!(
    /// A customer or team.
    TenantId,
    "tenant id"
);
name!(
    /// A class of tenants that share settings, such as `enterprise`.
    TierName,
    "tier"
);
name!(
    /// A place where tenants run, such as `eu-west-1`.
    RegionName,
    "region"
);
name!(
    /// A tenant's own name for something of it that can be sized.
    WorkloadName,
    "workload"
);
name!(
    /// A measured series that speaks for load.
    SignalName,
    "signal"
);

/// A workload of a tenant, unique in one Tenantry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WorkloadKey {
    /// Whose it is.
    pub tenant: TenantId,
    /// Which of the tenant's.
    pub workload: WorkloadName,
}

impl fmt::Display for WorkloadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.workload)
    }
}

/// Why a text is not a workload key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WorkloadKeyError {
    /// There is no slash between tenant and workload.
    #[error("`{text}` is not a workload: write it as TENANT/WORKLOAD")]
    Shape {
        /// What was given.
        text: String,
    },
    /// One of the halves is not a name.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl FromStr for WorkloadKey {
    type Err = WorkloadKeyError;

    fn from_str(text: &str) -> Result<Self, WorkloadKeyError> {
        let (tenant, workload) =
            text.split_once('/').ok_or_else(|| WorkloadKeyError::Shape { text: text.to_owned() })?;
        Ok(Self { tenant: TenantId::new(tenant)?, workload: WorkloadName::new(workload)? })
    }
}
