//! What an entry tells beside itself, and what of it stands in the tree.
//!
//! The tree has a commitment: SHA-256 over random bytes and the details. It says nothing about details that can be guessed,
//! as the random bytes are kept with the details, and erased with them; the tree stays valid without either.

use std::collections::BTreeMap;

use aws_lc_rs::rand;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// Bytes of the salt.
const SALT: usize = 32;

/// Details of an entry with the salt of their commitment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Detail {
    fields: BTreeMap<String, String>,
    salt: String,
}

/// Why there are no details.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DetailError {
    /// The system gave no random bytes.
    #[error("the system gave no random bytes for the salt of an entry's details")]
    Random,
    /// What should be details is none.
    #[error("these are no details of an entry: {message}")]
    Shape {
        /// What is wrong.
        message: String,
    },
}

impl Detail {
    /// Details with a new salt.
    ///
    /// # Errors
    /// [`DetailError::Random`].
    pub fn new(fields: BTreeMap<String, String>) -> Result<Self, DetailError> {
        let mut salt = [0; SALT];
        rand::fill(&mut salt).map_err(|_| DetailError::Random)?;
        Ok(Self { fields, salt: salt.iter().map(|byte| format!("{byte:02x}")).collect() })
    }

    /// As they stand in an export: the fields, and the salt in hexadecimal.
    ///
    /// # Errors
    /// [`DetailError::Shape`].
    pub fn from_parts(fields: Value, salt: String) -> Result<Self, DetailError> {
        let shape = |message: String| DetailError::Shape { message };
        let fields = serde_json::from_value(fields).map_err(|error| shape(error.to_string()))?;
        if salt.len() != 2 * SALT || !salt.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(shape(format!("the salt is not of {} hexadecimal digits", 2 * SALT)));
        }
        Ok(Self { fields, salt })
    }

    /// As they stand in an export.
    #[must_use]
    pub fn into_parts(self) -> (Value, String) {
        let fields = self.fields.into_iter().map(|(name, text)| (name, Value::String(text)));
        (Value::Object(fields.collect()), self.salt)
    }

    /// The fields.
    #[must_use]
    pub fn fields(&self) -> &BTreeMap<String, String> {
        &self.fields
    }

    /// What the entry has of them, in lower-case hexadecimal.
    #[must_use]
    pub fn commitment(&self) -> String {
        let mut hash = Sha256::new().chain_update("tenantry audit detail 1\n").chain_update(&self.salt);
        // Each with its length, so that no two sets of fields are hashed alike.
        for (name, text) in &self.fields {
            for part in [name, text] {
                hash.update(format!("\n{}:", part.len()));
                hash.update(part);
            }
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn a_commitment_opens_with_its_salt_and_fields_alone() {
        let detail = Detail::new(fields(&[("document", "min_replicas: 2")])).unwrap();
        let (value, salt) = detail.clone().into_parts();
        let again = Detail::from_parts(value.clone(), salt.clone()).unwrap();
        assert_eq!((again.commitment(), &again), (detail.commitment(), &detail));
        // The same details elsewhere have another commitment, so that nobody can try guesses.
        let other = Detail::new(detail.fields().clone()).unwrap();
        assert_ne!(other.commitment(), detail.commitment());
        for pairs in [&[("document", "min_replicas: 3")][..], &[("documen", "tmin_replicas: 2")], &[]] {
            let altered = Detail { fields: fields(pairs), salt: salt.clone() };
            assert_ne!(altered.commitment(), detail.commitment(), "{pairs:?}");
        }
        for salt in ["", "00", &salt.to_uppercase().replace(|c: char| c.is_ascii_digit(), "A")] {
            assert!(Detail::from_parts(value.clone(), salt.to_owned()).is_err(), "{salt}");
        }
        assert!(Detail::from_parts(serde_json::json!({"document": 2}), salt).is_err());
    }
}
