//! Who presents a certificate, whose issuer and time TLS has seen to.

use serde_json::Map;
use tenantry_domain::time::Timestamp;

use super::Method;
use super::claims::fit;
use super::rule::Person;

/// What a certificate says of its holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    /// The subject's common name.
    pub common_name: Option<String>,
    /// The subject's organisations.
    pub organizations: Vec<String>,
    /// Addresses among its other names, such as `spiffe://example.org/ci`.
    pub uris: Vec<String>,
    /// From when it holds.
    pub not_before: Timestamp,
    /// Until when.
    pub not_after: Timestamp,
}

/// Who it is.
///
/// # Errors
/// Why it is nobody, for the log.
pub(super) fn person(facts: &CertificateFacts, now: Timestamp) -> Result<Person, String> {
    // TLS saw to this when the connection began, which may be long ago.
    if now < facts.not_before || facts.not_after < now {
        return Err("the certificate has ended, or does not hold yet".to_owned());
    }
    // A workload's identity is its one address; whoever has several, or none, is known by the common name.
    let (kind, name) = match (facts.uris.as_slice(), &facts.common_name) {
        ([uri], _) => ("uri", uri),
        (_, Some(name)) => ("cn", name),
        _ => return Err("the certificate has no name: neither a common name nor one address".to_owned()),
    };
    fit(name)?;
    Ok(Person {
        method: Method::Certificate,
        id: format!("certificate:{kind}:{name}"),
        name: facts.common_name.clone().unwrap_or_default(),
        groups: facts.organizations.clone(),
        uris: facts.uris.clone(),
        claims: Map::new(),
        until: Some(facts.not_after),
    })
}
