//! A request on its way to its handler.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::body::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, Method};
use serde::de::DeserializeOwned;
use tenantry_domain::config::Draft;
use tenantry_domain::id::{RegionName, TenantId, TierName, WorkloadKey, WorkloadName};
use tenantry_domain::time::Timestamp;
use tenantry_engine::access::{Admission, Caller, Circumstances};
use tenantry_engine::ports::store::{Authorship, DocumentKey};
use tenantry_engine::scope::Scope;
use tenantry_engine::tenants::{File, Tenants};

use crate::api::Api;
use crate::known::Presented;
use crate::problem::{CONDITION, MALFORMED, MEDIA_TYPE, Problem};

/// Longest reason, in bytes.
const REASON_MAX: usize = 1000;

/// A request, with who asks and what they were admitted to.
pub(crate) struct Asked {
    pub(crate) api: Api,
    pub(crate) method: Method,
    pub(crate) path: Vec<(String, String)>,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) now: Timestamp,
    pub(crate) caller: Option<Caller>,
    /// By what they are known, for what outlives the request.
    pub(crate) presented: Option<Presented>,
    pub(crate) admissions: Vec<Admission>,
    /// From where, as far as it is known.
    pub(crate) from: Option<std::net::IpAddr>,
    /// The documents in the body, once they are read.
    pub(crate) documents: OnceLock<Arc<Vec<Given>>>,
    /// Revisions of tenants' documents that policies were asked about.
    pub(crate) judged: Mutex<BTreeMap<DocumentKey, u64>>,
}

/// A document of the request.
#[derive(Debug)]
pub(crate) struct Given {
    /// As it is applied.
    pub(crate) file: File,
    /// As it was read.
    pub(crate) draft: Draft,
}

/// What must hold of a document for a change to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    /// Nothing.
    None,
    /// It is at this revision.
    At(u64),
    /// It is there.
    There,
    /// It is not there.
    Absent,
}

impl Condition {
    /// As the use cases take it; 0 stands for a document that is not there.
    pub(crate) const fn based_on(self) -> Option<u64> {
        match self {
            Self::None | Self::There => None,
            Self::At(revision) => Some(revision),
            Self::Absent => Some(0),
        }
    }
}

impl Asked {
    /// Part of the path; what is no name is nothing that there could be.
    fn part(&self, name: &str) -> Result<&str, Problem> {
        let found = self.path.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        found.ok_or_else(Problem::not_found)
    }

    pub(crate) fn tenant(&self) -> Result<TenantId, Problem> {
        TenantId::new(self.part("tenant")?).map_err(|_| Problem::not_found())
    }

    pub(crate) fn workload(&self) -> Result<WorkloadKey, Problem> {
        let workload = WorkloadName::new(self.part("workload")?).map_err(|_| Problem::not_found())?;
        Ok(WorkloadKey { tenant: self.tenant()?, workload })
    }

    /// A number that is part of the path. Nothing is numbered beyond what the store can count to.
    pub(crate) fn number(&self, name: &str) -> Result<u64, Problem> {
        let number: i64 = self.part(name)?.parse().map_err(|_| Problem::not_found())?;
        u64::try_from(number).map_err(|_| Problem::not_found())
    }

    /// What the request names, as audit logs have it.
    pub(crate) fn resource(&self) -> String {
        match (self.workload(), self.tenant()) {
            (Ok(workload), _) => format!("workload/{workload}"),
            (_, Ok(tenant)) => format!("tenant/{tenant}"),
            _ => "platform".to_owned(),
        }
    }

    pub(crate) fn text(&self, name: &str) -> Result<&str, Problem> {
        self.part(name)
    }

    /// The document that the path names.
    pub(crate) fn document(&self) -> Result<DocumentKey, Problem> {
        if self.part("tenant").is_ok() {
            return self.tenant().map(DocumentKey::Tenant);
        }
        if let Ok(tier) = self.part("tier") {
            return TierName::new(tier).map(DocumentKey::Tier).map_err(|_| Problem::not_found());
        }
        if let Ok(region) = self.part("region") {
            return RegionName::new(region).map(DocumentKey::Region).map_err(|_| Problem::not_found());
        }
        Ok(DocumentKey::Defaults)
    }

    /// The query's parameters; unknown ones are refused.
    pub(crate) fn query<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_urlencoded::from_str(&self.query)
            .map_err(|error| Problem::new(MALFORMED, format!("the query cannot be read: {error}")))
    }

    /// The body as JSON; unknown fields are refused.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let media_type = self.media_type();
        if !media_type.is_empty() && media_type != "application/json" {
            return Err(Problem::new(MEDIA_TYPE, "send the body as `application/json`"));
        }
        serde_json::from_slice(&self.body)
            .map_err(|error| Problem::new(MALFORMED, format!("the body cannot be read: {error}")))
    }

    /// A configuration document, YAML or JSON, which YAML holds.
    pub(crate) fn yaml(&self) -> Result<&str, Problem> {
        // The last is what curl says of a file unless told; what comes as a form otherwise is no document either way.
        const READ: [&str; 7] = [
            "",
            "application/json",
            "application/yaml",
            "application/x-yaml",
            "text/yaml",
            "text/plain",
            "application/x-www-form-urlencoded",
        ];
        if !READ.contains(&self.media_type().as_str()) {
            return Err(Problem::new(MEDIA_TYPE, "send the document as `application/yaml` or `application/json`"));
        }
        std::str::from_utf8(&self.body).map_err(|_| Problem::new(MALFORMED, "the body is no UTF-8"))
    }

    fn media_type(&self) -> String {
        let text = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// A header's text; none when it is absent.
    pub(crate) fn header(&self, name: &HeaderName) -> Result<Option<&str>, Problem> {
        let mut values = self.headers.get_all(name).iter();
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(Problem::new(MALFORMED, format!("`{name}` is given twice")));
        }
        let text = value.to_str().map_err(|_| Problem::new(MALFORMED, format!("`{name}` is no plain text")))?;
        Ok(Some(text.trim()))
    }

    /// What `If-Match` or `If-None-Match` asks.
    pub(crate) fn condition(&self) -> Result<Condition, Problem> {
        match (self.header(&IF_MATCH)?, self.header(&IF_NONE_MATCH)?) {
            (None, None) => Ok(Condition::None),
            (Some("*"), None) => Ok(Condition::There),
            (None, Some("*")) => Ok(Condition::Absent),
            (Some(tag), None) => {
                let number = tag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
                // A tag of another form is none of ours, and so is not the document's.
                let stale = || Problem::new(CONDITION, "no revision has this entity tag; read the document again");
                Ok(Condition::At(number.and_then(|number| number.parse().ok()).ok_or_else(stale)?))
            }
            (None, Some(_)) => Err(Problem::new(MALFORMED, "`If-None-Match` takes `*` here")),
            (Some(_), Some(_)) => Err(Problem::new(MALFORMED, "give `If-Match` or `If-None-Match`, not both")),
        }
    }

    /// Who makes a change, when, and why: the reason given, or the usual one.
    pub(crate) fn by(&self, reason: Option<&str>, usual: &str) -> Result<Authorship, Problem> {
        let reason = reason.filter(|reason| !reason.trim().is_empty()).unwrap_or(usual);
        reasonable(reason)?;
        let reason = self.caller.as_ref().map_or_else(|| reason.to_owned(), |caller| under_glass(caller, reason));
        Ok(Authorship { author: self.principal(), at: self.now, reason })
    }

    /// Who asks.
    pub(crate) fn principal(&self) -> String {
        self.caller.as_ref().map_or_else(|| "nobody".to_owned(), |caller| caller.principal().id.clone())
    }

    /// Notes the revision that policies are asked about.
    pub(crate) fn judge(&self, key: DocumentKey, revision: u64) {
        self.judged.lock().unwrap_or_else(PoisonError::into_inner).insert(key, revision);
    }

    /// The revisions that policies were asked about.
    pub(crate) fn judged(&self) -> BTreeMap<DocumentKey, u64> {
        self.judged.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was admitted.
    pub(crate) fn scopes(&self) -> impl Iterator<Item = &Scope> {
        self.admissions.iter().map(Admission::scope)
    }

    /// What was admitted, or as much of it as is of one tenant.
    pub(crate) fn scopes_of(&self, tenant: Option<&TenantId>) -> Vec<Scope> {
        match tenant {
            None => self.scopes().cloned().collect(),
            Some(tenant) => self.sees(tenant).then(|| Scope::tenant(tenant.clone())).into_iter().collect(),
        }
    }

    /// The scope of a request that is about one thing.
    pub(crate) fn scope(&self) -> Result<&Scope, Problem> {
        self.scopes().next().ok_or_else(Problem::not_found)
    }

    /// Whether it may know of a tenant.
    pub(crate) fn sees(&self, tenant: &TenantId) -> bool {
        self.scopes().any(|scope| scope.only().is_none_or(|only| only == tenant))
    }

    /// Whether a tenant may be named to the caller, where one stands in another's way.
    pub(crate) fn names(&self, tenant: &TenantId) -> bool {
        self.caller.as_ref().is_some_and(|caller| caller.principal().reaches(tenant))
    }

    /// The use cases, within what was admitted.
    pub(crate) fn tenants(&self) -> Tenants {
        let within = self.api.tenants.within(self.scopes());
        let is_of_platform = self.caller.as_ref().is_some_and(|caller| caller.principal().is_of_platform());
        if is_of_platform { within.naming_all() } else { within }
    }

    /// The moment, as policies may know it.
    pub(crate) fn circumstances(&self) -> Circumstances {
        let dry_run = serde_urlencoded::from_str::<Vec<(String, String)>>(&self.query)
            .is_ok_and(|pairs| pairs.iter().any(|(name, value)| name == "dry_run" && value == "true"));
        Circumstances { dry_run, from: self.from, ..Circumstances::at(self.now) }
    }
}

/// A reason, with that of the broken glass under which something is done.
pub(crate) fn under_glass(caller: &Caller, reason: &str) -> String {
    match caller.glass() {
        None => reason.to_owned(),
        Some(why) => format!("{reason} ({}: {why})", caller.principal().id),
    }
}

/// A reason that can be kept.
pub(crate) fn reasonable(reason: &str) -> Result<(), Problem> {
    if reason.len() > REASON_MAX || reason.chars().any(char::is_control) {
        return Err(Problem::new(
            MALFORMED,
            format!("a reason has at most {REASON_MAX} bytes and no control characters"),
        ));
    }
    Ok(())
}
