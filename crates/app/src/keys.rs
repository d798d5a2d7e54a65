//! Where the keys are that the store is sealed with.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use tenantry_adapters::keys::{AwsKms, AzureKeyVault, GoogleKms, Surroundings, VaultTransit};
use tenantry_keys::{EnvironmentProvider, FileProvider, KeyProvider};
use zeroize::Zeroizing;

use crate::place;

/// The variable that keys are in with `--key-provider env`.
const VARIABLE: &str = "TENANTRY_KEY";

/// Who holds the keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Provider {
    /// A file that only its owner can read, with a key for each tenant.
    #[default]
    File,
    /// The variable `TENANTRY_KEY`: one key for all, of 64 hexadecimal digits; older ones after commas.
    Env,
    /// AWS KMS: one key for all, named by its ARN.
    Aws,
    /// Google Cloud KMS: one key for all, named as `projects/P/locations/L/keyRings/R/cryptoKeys/K`.
    Gcp,
    /// Azure Key Vault: one key for all, named as `https://VAULT.vault.azure.net/keys/NAME`.
    Azure,
    /// Vault's transit engine: a key for each tenant, named as `MOUNT/PREFIX`.
    Vault,
}

/// Where the keys are.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct KeyOptions {
    /// Who holds the keys that the store is sealed with
    #[arg(long, global = true, env = "TENANTRY_KEY_PROVIDER", value_name = "WHO", value_enum, default_value_t)]
    pub(crate) key_provider: Provider,
    /// File of the keys that the store is sealed with; made when something is first written [default: beside the store]
    #[arg(long, global = true, env = "TENANTRY_KEY_FILE", value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// Which key, where `aws`, `gcp`, `azure` or `vault` holds it: an ARN, a name, an address, or MOUNT/PREFIX
    #[arg(long, global = true, env = "TENANTRY_KEY_NAME", value_name = "NAME")]
    pub(crate) key_name: Option<String>,
    /// PEM file of the authorities that who holds the key is trusted by [default: the system's]
    #[arg(long, global = true, env = "TENANTRY_KEY_CA", value_name = "FILE")]
    pub(crate) key_ca: Option<PathBuf>,
}

impl KeyOptions {
    /// The provider of the keys of a store.
    ///
    /// # Errors
    /// Keys that are not where they should be, or no home for a file of them.
    pub(crate) fn provider(&self, store: Option<&str>) -> anyhow::Result<Arc<dyn KeyProvider>> {
        match self.key_provider {
            Provider::File => {
                let path = match &self.key_file {
                    Some(path) => path.clone(),
                    None => place::beside(store, "keys")?,
                };
                Ok(Arc::new(FileProvider::new(path)))
            }
            Provider::Env => {
                let text = std::env::var(VARIABLE);
                let text = Zeroizing::new(text.with_context(|| {
                    format!(
                        "--key-provider env takes the key from {VARIABLE}, which is not set; set it, or name a file"
                    )
                })?);
                Ok(Arc::new(EnvironmentProvider::new(VARIABLE, &text)?))
            }
            Provider::Aws => Ok(Arc::new(AwsKms::new(self.name()?, &self.surroundings())?)),
            Provider::Gcp => Ok(Arc::new(GoogleKms::new(self.name()?, &self.surroundings())?)),
            Provider::Azure => Ok(Arc::new(AzureKeyVault::new(self.name()?, &self.surroundings())?)),
            Provider::Vault => Ok(Arc::new(VaultTransit::new(self.name()?, &self.surroundings())?)),
        }
    }

    fn surroundings(&self) -> Surroundings {
        Surroundings::of_program().trusting(self.key_ca.clone())
    }

    fn name(&self) -> anyhow::Result<&str> {
        self.key_name
            .as_deref()
            .context("say which key with --key-name or TENANTRY_KEY_NAME; docs/keys.md has examples")
    }
}
