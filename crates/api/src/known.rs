//! Who asks: by an API token, by a token of others, or by a certificate.
//!
//! INVARIANT(no oracle): whatever is wrong with what was presented, the answer is the same; the log says what it was.

use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use tenantry_domain::id::TenantId;
use tenantry_domain::time::Timestamp;
use tenantry_engine::access::identity::{CertificateFacts, Says};
use tenantry_engine::access::{AccessError, Caller};

use crate::api::Api;
use crate::outer::PeerCertificate;
use crate::problem::{Problem, UNAUTHENTICATED};

/// How API tokens begin; whatever else is presented is others' to know.
const OWN: &str = "tnt_";

/// By what somebody is known. Prints nothing of itself.
#[derive(Clone)]
pub(crate) enum Presented {
    /// A text.
    Bearer(String),
    /// A certificate that TLS has seen to.
    Certificate(Arc<CertificateFacts>),
}

/// Who asks, and by what. Those who cannot say may not try without end. Who presents both a token and a certificate is
/// known by the token.
pub(crate) async fn caller(
    api: &Api,
    headers: &HeaderMap,
    certificate: Option<PeerCertificate>,
    from: Option<IpAddr>,
) -> Result<(Presented, Caller), Problem> {
    let now = api.clock.now();
    let presented = match (bearer(headers), certificate) {
        (Some(Ok(token)), _) => Presented::Bearer(token.to_owned()),
        (None, Some(PeerCertificate(facts))) => Presented::Certificate(facts),
        _ => {
            let detail = "send a token as `Authorization: Bearer TOKEN`";
            return Err(unknown(api, "none", from, detail));
        }
    };
    let method = match &presented {
        Presented::Certificate(_) => "certificate",
        Presented::Bearer(token) if token.starts_with(OWN) => "token",
        Presented::Bearer(token) => match api.identities.who_says(token, now) {
            Says::Known(method) => method.as_str(),
            // A text that must be asked about is an attempt, whatever comes of it.
            Says::Asked => {
                api.rates.stranger(from)?;
                "kubernetes"
            }
            Says::Nobody => "none",
        },
    };
    let caller = match again(api, &presented, now).await {
        Ok(caller) => caller,
        Err(AccessError::Store(error)) => {
            api.metrics.presented(method, "failed");
            return Err(error.into());
        }
        Err(error) => return Err(unknown(api, method, from, &error.to_string())),
    };
    api.metrics.presented(method, "known");
    // Whom a provider knows and nobody gave a role is a stranger in all but name, and there may be millions of them.
    if caller.principal().bindings.is_empty() {
        api.rates.stranger(from)?;
    }
    api.rates.caller(&caller.principal().id, caller.owner().map(TenantId::as_str))?;
    Ok((presented, caller))
}

/// Who is known by what was presented, as of now.
pub(crate) async fn again(api: &Api, presented: &Presented, now: Timestamp) -> Result<Caller, AccessError> {
    match presented {
        Presented::Certificate(facts) => api.identities.certificate(facts, now),
        Presented::Bearer(token) if token.starts_with(OWN) => api.gate.authenticate(token, now).await,
        Presented::Bearer(token) => api.identities.bearer(token, now).await,
    }
}

fn unknown(api: &Api, method: &'static str, from: Option<IpAddr>, detail: &str) -> Problem {
    api.metrics.verdict("unknown");
    api.metrics.presented(method, "unknown");
    api.rates.stranger(from).err().unwrap_or_else(|| Problem::new(UNAUTHENTICATED, detail))
}

/// The bearer token of the one `Authorization` header; none where there is no such header, an error where it is not one.
fn bearer(headers: &HeaderMap) -> Option<Result<&str, ()>> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let value = given.next()?;
    let text = value.to_str().ok().filter(|_| given.next().is_none());
    let token = text.and_then(|text| text.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    Some(token.map(|(_, token)| token.trim()).ok_or(()))
}
