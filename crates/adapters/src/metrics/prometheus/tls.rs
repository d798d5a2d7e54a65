//! The client's side of TLS, on aws-lc-rs; nothing here sets or reads a process-wide provider.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;

use super::{Settings, SettingsError};

/// The configuration for a source. The files are read once, now.
///
/// # Errors
/// [`SettingsError`] that names the file.
pub(super) fn client_config(settings: &Settings, encrypted: bool) -> Result<ClientConfig, SettingsError> {
    let tls = |source| SettingsError::Tls { source };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(tls)?;
    let builder = match &settings.ca {
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(tls)?;
            }
            builder.with_root_certificates(roots)
        }
        None if encrypted => builder.with_platform_verifier().map_err(tls)?,
        // Nothing is encrypted and redirects are not followed; an image without certificates must still start.
        None => builder.with_root_certificates(RootCertStore::empty()),
    };
    match &settings.client {
        Some(client) => {
            let key = PrivateKeyDer::from_pem_file(&client.key).map_err(|error| unreadable(&client.key, &error))?;
            builder.with_client_auth_cert(certificates(&client.certificate)?, key).map_err(tls)
        }
        None => Ok(builder.with_no_client_auth()),
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, SettingsError> {
    let all: Vec<_> =
        CertificateDer::pem_file_iter(path).and_then(Iterator::collect).map_err(|error| unreadable(path, &error))?;
    if all.is_empty() {
        return Err(SettingsError::Pem { path: path.to_owned(), why: "it holds no certificate".to_owned() });
    }
    Ok(all)
}

fn unreadable(path: &Path, error: &rustls::pki_types::pem::Error) -> SettingsError {
    // Its `Debug` could print parts of a key; its `Display` does not.
    SettingsError::Pem { path: path.to_owned(), why: error.to_string() }
}
