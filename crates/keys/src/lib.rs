//! Encryption at rest. What a store keeps for a tenant is sealed with a *data key* of that tenant and [`Purpose`]; data keys
//! lie in the store themselves, sealed with a *key-encryption key* that a [`KeyProvider`] holds and the store never sees.
//!
//! INVARIANT(bound): an envelope opens only for the row it was sealed for. [`Bound`] names that row, and is authenticated
//! with what is sealed, so that one put in another's place, or in that of a later version, does not open.
//! INVARIANT(silent): secrets are wiped when they are dropped, and no `Debug`, `Display` or error shows any.

mod bound;
mod data_key;
mod derived;
mod envelope;
mod environment;
mod error;
mod file;
mod held;
mod provider;
mod secret;

pub use bound::Bound;
pub use data_key::{DataKeyId, DataKeyName, Purpose};
pub use derived::{NAME_LENGTH, Namer};
pub use envelope::{Algorithm, Key, OVERHEAD};
pub use environment::EnvironmentProvider;
pub use error::{KeyError, Unsealed};
pub use file::FileProvider;
pub use held::Held;
pub use provider::{KeyProvider, Owner, Wrapped};
pub use secret::{SECRET_LENGTH, Secret};
