//! The server's certificate, and those of callers.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tenantry_domain::time::Timestamp;
use tenantry_engine::access::identity::CertificateFacts;
use tokio_rustls::TlsAcceptor;
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
    /// PEM file of lists of certificates that those authorities withdrew, one for each authority.
    pub withdrawn: Option<PathBuf>,
}

impl Identity {
    fn files(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.certificate, &self.key].into_iter().chain(&self.clients).chain(&self.withdrawn)
    }
}

/// What TLS is spoken with; it follows its files, so that a certificate is renewed, and one of a caller withdrawn, while the
/// server runs.
#[derive(Debug)]
pub(crate) struct Door {
    identity: Identity,
    now: Mutex<(Arc<ServerConfig>, Stamps)>,
}

/// When each file was written last, and how long it is; none of one that is not there.
type Stamps = Vec<Option<(SystemTime, u64)>>;

fn stamps(identity: &Identity) -> Stamps {
    let stamp = |file: &PathBuf| {
        let about = std::fs::metadata(file).ok()?;
        Some((about.modified().ok()?, about.len()))
    };
    identity.files().map(stamp).collect()
}

impl Door {
    /// # Errors
    /// As [`config`].
    pub(crate) fn open(identity: &Identity) -> Result<Self, ServeError> {
        // Looked at first: what is written meanwhile is read again.
        let stamps = stamps(identity);
        Ok(Self { identity: identity.clone(), now: Mutex::new((Arc::new(config(identity)?), stamps)) })
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.now.lock().unwrap_or_else(PoisonError::into_inner).0))
    }

    /// Takes over files that have changed, for connections from now on. Says whether there were any; files that cannot be
    /// used are told once, and what was there before goes on.
    ///
    /// # Errors
    /// As [`config`].
    pub(crate) fn renew(&self) -> Result<bool, ServeError> {
        let found = stamps(&self.identity);
        {
            let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
            if now.1 == found {
                return Ok(false);
            }
            now.1 = found;
        }
        let fresh = Arc::new(config(&self.identity)?);
        self.now.lock().unwrap_or_else(PoisonError::into_inner).0 = fresh;
        Ok(true)
    }
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
            let mut verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).allow_unauthenticated();
            if let Some(file) = &identity.withdrawn {
                // A list that has run out, or one that is missing of an authority, lets nobody in: it may have been held back.
                verifier =
                    verifier.with_crls(lists(file)?).only_check_end_entity_revocation().enforce_revocation_expiration();
            }
            let verifier = verifier.build().map_err(|error| bad(file, error.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config =
        builder.with_single_cert(certificates, key).map_err(|error| bad(&identity.certificate, error.to_string()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn lists(file: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, ServeError> {
    let bad = |message: String| ServeError::Certificate { file: file.to_owned(), message };
    let read: Result<Vec<_>, _> = CertificateRevocationListDer::pem_file_iter(file).and_then(Iterator::collect);
    let lists = read.map_err(|error| bad(error.to_string()))?;
    if lists.is_empty() { Err(bad("it holds no list of withdrawn certificates".to_owned())) } else { Ok(lists) }
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
