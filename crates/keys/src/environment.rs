//! Keys from the environment: one for all owners, and older ones behind it.

use async_trait::async_trait;
use aws_lc_rs::digest;

use crate::bound::Bound;
use crate::envelope::Key;
use crate::error::KeyError;
use crate::provider::{KeyProvider, Owner, Wrapped};
use crate::secret::{SECRET_LENGTH, Secret};

/// Keys that were given to the program as text: `NEWEST[,OLDER…]`, each of 64 hexadecimal digits. It seals with the newest
/// and opens with all. It can destroy none, as it does not know where else they are.
#[derive(Debug)]
pub struct EnvironmentProvider {
    variable: String,
    keys: Vec<(i64, Key)>,
}

impl EnvironmentProvider {
    /// Reads them.
    ///
    /// # Errors
    /// [`KeyError::Shape`], which repeats nothing of what was given.
    pub fn new(variable: &str, text: &str) -> Result<Self, KeyError> {
        let shape = |message: String| KeyError::Shape { place: variable.to_owned(), message };
        let mut keys = Vec::new();
        for (index, digits) in text.split(',').enumerate() {
            let secret = Secret::from_hex(digits.trim()).ok_or_else(|| {
                shape(format!("key {} is not of {} hexadecimal digits", index + 1, 2 * SECRET_LENGTH))
            })?;
            keys.push((number(&secret), Key::new(&secret)?));
        }
        Ok(Self { variable: variable.to_owned(), keys })
    }

    fn first(&self) -> Result<&(i64, Key), KeyError> {
        self.keys.first().ok_or_else(|| KeyError::Missing { place: self.variable.clone() })
    }
}

/// A key's number is made of the key, so that it stays the same wherever it stands in the list.
fn number(secret: &Secret) -> i64 {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(b"tenantry key number 1");
    context.update(secret.expose());
    context.finish().as_ref().iter().take(6).fold(0, |number, byte| (number << 8) | i64::from(*byte))
}

fn bound_to(owner: &Owner, bound: &Bound) -> Bound {
    bound.clone().text(&owner.to_string())
}

#[async_trait]
impl KeyProvider for EnvironmentProvider {
    fn place(&self) -> String {
        self.variable.clone()
    }

    fn holds_one_each(&self) -> bool {
        false
    }

    async fn wrap(&self, owner: &Owner, secret: &Secret, bound: &Bound) -> Result<Wrapped, KeyError> {
        let (version, key) = self.first()?;
        Ok(Wrapped { version: *version, bytes: key.seal(secret.expose(), &bound_to(owner, bound))? })
    }

    async fn unwrap(&self, owner: &Owner, wrapped: &Wrapped, bound: &Bound) -> Result<Secret, KeyError> {
        let wrong = || KeyError::Wrong { owner: owner.to_string(), place: self.variable.clone() };
        let (_, key) = self.keys.iter().find(|(version, _)| *version == wrapped.version).ok_or_else(wrong)?;
        let opened = key.open(&wrapped.bytes, &bound_to(owner, bound)).map_err(|_| wrong())?;
        let opened = zeroize::Zeroizing::new(opened);
        Secret::from_bytes(&opened).ok_or_else(wrong)
    }

    async fn newest(&self, _owner: &Owner) -> Result<Option<i64>, KeyError> {
        self.first().map(|(version, _)| Some(*version))
    }

    async fn renew(&self, _owners: &[Owner]) -> Result<(), KeyError> {
        Ok(())
    }

    async fn retire(&self, _owners: &[Owner]) -> Result<(), KeyError> {
        Ok(())
    }

    async fn destroy(&self, _owner: &Owner) -> Result<bool, KeyError> {
        Ok(false)
    }
}
