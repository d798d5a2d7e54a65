//! The server's certificate.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::serve::ServeError;

/// Files of the server's certificate and key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// PEM file of the certificate, followed by those of its issuers.
    pub certificate: PathBuf,
    /// PEM file of its key.
    pub key: PathBuf,
}

/// How TLS is spoken: 1.3 or 1.2, HTTP/2 or 1.1.
///
/// # Errors
/// [`ServeError::Certificate`] for files that cannot be read, or that do not belong together.
pub(crate) fn config(identity: &Identity) -> Result<ServerConfig, ServeError> {
    let bad = |file: &Path, message: String| ServeError::Certificate { file: file.to_owned(), message };
    let certificates = CertificateDer::pem_file_iter(&identity.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| bad(&identity.certificate, error.to_string()))?;
    let key = PrivateKeyDer::from_pem_file(&identity.key).map_err(|error| bad(&identity.key, error.to_string()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| bad(&identity.certificate, error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(|error| bad(&identity.certificate, error.to_string()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
