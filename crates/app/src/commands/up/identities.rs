//! Who is known by others' word: the document that `--identities` names.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use tenantry_adapters::identity::ProviderKeys;
use tenantry_domain::config::Problems;
use tenantry_engine::access::identity::{Declared, Identities};
use tenantry_engine::ports::identity::TokenReviewer;
use tenantry_operator::ClusterReviewer;
use thiserror::Error;
use tracing::{info, warn};

use super::settings::Resolved;

/// Largest document, in bytes.
const BYTES_MAX: u64 = 1 << 20;

/// Why nobody is known by others' word.
#[derive(Debug, Error)]
pub(crate) enum Undeclared {
    /// The document has problems.
    #[error("{problems}")]
    Problems {
        /// Which.
        problems: Problems,
    },
    /// It says what cannot be.
    #[error("{} gives roles to certificates, and none are asked for: give --tls-client-ca FILE too", file.display())]
    NoCertificates {
        /// Which file.
        file: PathBuf,
    },
}

impl Undeclared {
    /// The code under which `docs/errors` says what happened, why, and what to do.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Problems { .. } => "T720",
            Self::NoCertificates { .. } => "T721",
        }
    }
}

/// Reads the document; nobody is known where there is none.
///
/// # Errors
/// A file that cannot be read or has problems: a server does not begin with what it cannot read.
pub(super) async fn read(settings: &Resolved) -> anyhow::Result<Identities> {
    let Some(file) = &settings.flags.identities else { return Ok(Identities::none()) };
    let name = file.display().to_string();
    let cannot = || format!("{name} cannot be read");
    let size = std::fs::metadata(file).with_context(cannot)?.len();
    anyhow::ensure!(size <= BYTES_MAX, "{name} is larger than {BYTES_MAX} bytes, which no such document is");
    let text = std::fs::read_to_string(file).with_context(cannot)?;
    let declared = Declared::read(&name, &text).map_err(|problems| Undeclared::Problems { problems })?;
    if !declared.certificates.is_empty() && settings.flags.tls_client_ca.is_none() {
        return Err(Undeclared::NoCertificates { file: file.clone() }.into());
    }
    let reviewer: Option<Arc<dyn TokenReviewer>> = match &declared.kubernetes {
        None => None,
        Some(_) => Some(Arc::new(ClusterReviewer::new(&settings.kubernetes).await?)),
    };
    info!(
        issuers = declared.issuers.len(),
        certificates = declared.certificates.len(),
        kubernetes = reviewer.is_some(),
        "others' word is taken for who a caller is"
    );
    for issuer in declared.issuers.iter().filter(|issuer| issuer.rules.is_empty()) {
        warn!(issuer = issuer.name, "nobody of this issuer has a role: it has no `bindings`");
    }
    let identities = Identities::new(declared, Some(Arc::new(ProviderKeys)), reviewer);
    Ok(identities)
}
