//! Key-encryption keys that others hold: AWS KMS, Google Cloud KMS, Azure Key Vault, and Vault's transit engine.
//!
//! INVARIANT(bound): what is sealed for one owner and place opens for no other. Each data key is sealed together with its
//! owner and its [`Bound`](tenantry_keys::Bound), by what the service authenticates with it, or by an envelope of ours
//! around it where it authenticates nothing.
//!
//! How to log in comes from the environment, under the names that the vendors' own tools use, or from the machine that the
//! program runs on. Nothing is asked of a service before a key is needed.

mod asking;
mod aws;
mod azure;
mod google;
mod one_time;
mod surroundings;
mod token;
mod vault;
mod wiped;

pub use aws::AwsKms;
pub use azure::AzureKeyVault;
pub use google::GoogleKms;
pub use surroundings::Surroundings;
pub use vault::VaultTransit;
