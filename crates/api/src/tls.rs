//! The server's certificate, and those of callers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tenantry_domain::time::Timestamp;
use tenantry_engine::access::identity::CertificateFacts;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use crate::serve::ServeError;

/// Files of the server's certificate and key, and of the authorities of callers' certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// PEM file of the certificate, followed by those of its issuers.
    pub certificate: PathBuf,
    /// PEM file of its key.
    pub key: PathBuf,
    /// PEM file of the authorities whose certificates callers may be known by; none where they are not asked for any.
    pub clients: Option<PathBuf>,
}

/// How TLS is spoken: 1.3 or 1.2, HTTP/2 or 1.1. A caller may present a certificate where authorities are declared; one of
/// another authority, or one that has ended, ends the handshake.
///
/// # Errors
/// [`ServeError::Certificate`] for files that cannot be read, or that do not belong together.
pub(crate) fn config(identity: &Identity) -> Result<ServerConfig, ServeError> {
    let bad = |file: &Path, message: String| ServeError::Certificate { file: file.to_owned(), message };
    let certificates = read(&identity.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&identity.key).map_err(|error| bad(&identity.key, error.to_string()))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| bad(&identity.certificate, error.to_string()))?;
    let builder = match &identity.clients {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let mut roots = RootCertStore::empty();
            for certificate in read(file)? {
                roots.add(certificate).map_err(|error| bad(file, error.to_string()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .allow_unauthenticated()
                .build()
                .map_err(|error| bad(file, error.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config =
        builder.with_single_cert(certificates, key).map_err(|error| bad(&identity.certificate, error.to_string()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn read(file: &Path) -> Result<Vec<CertificateDer<'static>>, ServeError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
    read.map_err(|error| ServeError::Certificate { file: file.to_owned(), message: error.to_string() })
}

/// What a certificate says of its holder. Who issued it was seen to by TLS.
///
/// # Errors
/// Why it cannot be read.
pub(crate) fn facts(certificate: &CertificateDer<'_>) -> Result<CertificateFacts, String> {
    let (_, read) = X509Certificate::from_der(certificate).map_err(|error| error.to_string())?;
    let mut names = read.subject().iter_common_name().filter_map(|name| name.as_str().ok()).map(str::to_owned);
    // Of two names it would be a matter of taste which one counts.
    let common_name = names.next().filter(|_| names.next().is_none());
    let organizations = read.subject().iter_organization().filter_map(|name| name.as_str().ok()).map(str::to_owned);
    let other = read.subject_alternative_name().map_err(|error| error.to_string())?;
    let other = other.map(|extension| extension.value.general_names.as_slice()).unwrap_or_default();
    let uris = other.iter().filter_map(|name| match name {
        GeneralName::URI(uri) => Some((*uri).to_owned()),
        _ => None,
    });
    let instant = |seconds: i64| Timestamp::from_millis(seconds.saturating_mul(1000));
    Ok(CertificateFacts {
        common_name,
        organizations: organizations.collect(),
        uris: uris.collect(),
        not_before: instant(read.validity().not_before.timestamp()),
        not_after: instant(read.validity().not_after.timestamp()),
    })
}
