//! The document that says who is known from elsewhere, and as what: `tenantry up --identities FILE`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use jsonwebtoken::Algorithm;
use serde::Deserialize;
use serde_json::Value;
use serde_saphyr::{Location, Spanned};
use tenantry_domain::config::{Problem, Problems};
use tenantry_domain::id::TenantId;
use tenantry_policy::access::{Binding, Role};
use url::Url;

use super::jwt::{ALGORITHMS, algorithm};
use super::rule::{Rule, Who};

/// Most issuers of a document.
const ISSUERS_MAX: usize = 64;
/// Longest name of an issuer, in characters.
const NAME_LENGTH_MAX: usize = 40;

/// A provider whose tokens are taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Issuer {
    /// Its name here: part of the names of those that it knows.
    pub name: String,
    /// Its address, exactly as its tokens have it in `iss`.
    pub url: String,
    /// PEM file of the authorities that its certificate may be of; none for those that the system trusts.
    pub ca: Option<PathBuf>,
    /// For whom tokens must be.
    pub audiences: Vec<String>,
    /// What tokens may be signed with.
    pub algorithms: Vec<Algorithm>,
    /// The claim that is the name.
    pub name_claim: String,
    /// The claim that has the groups, if any.
    pub groups_claim: Option<String>,
    /// Claims without which a token is refused.
    pub required: BTreeMap<String, Value>,
    /// Who is what.
    pub rules: Vec<Rule>,
}

impl Issuer {
    /// An issuer as a client of it sees it: whoever it names, for that client.
    #[must_use]
    pub fn of_client(url: &str, client: &str) -> Self {
        Self {
            name: "login".to_owned(),
            url: url.to_owned(),
            ca: None,
            audiences: vec![client.to_owned()],
            algorithms: ALGORITHMS.iter().filter_map(|name| algorithm(name)).collect(),
            name_claim: "sub".to_owned(),
            groups_claim: None,
            required: BTreeMap::new(),
            rules: Vec::new(),
        }
    }
}

/// A cluster whose tokens are taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    /// For whom tokens must be.
    pub audiences: Vec<String>,
    /// Who is what.
    pub rules: Vec<Rule>,
}

/// Who is known from elsewhere.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Declared {
    /// Providers.
    pub issuers: Vec<Issuer>,
    /// Who is what of those that present a certificate.
    pub certificates: Vec<Rule>,
    /// The cluster.
    pub kubernetes: Option<Cluster>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDocument {
    #[serde(default)]
    issuers: Vec<Spanned<RawIssuer>>,
    certificates: Option<RawCertificates>,
    kubernetes: Option<Spanned<RawCluster>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawIssuer {
    name: Spanned<String>,
    url: Spanned<String>,
    audiences: Spanned<Vec<String>>,
    ca: Option<PathBuf>,
    #[serde(default)]
    algorithms: Vec<Spanned<String>>,
    #[serde(default)]
    claims: RawClaims,
    #[serde(default)]
    required_claims: BTreeMap<String, Value>,
    #[serde(default)]
    bindings: Vec<Spanned<RawBinding>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawClaims {
    name: String,
    groups: Option<String>,
}

impl Default for RawClaims {
    fn default() -> Self {
        Self { name: "sub".to_owned(), groups: None }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBinding {
    name: Option<String>,
    group: Option<String>,
    #[serde(default)]
    claims: BTreeMap<String, Value>,
    role: String,
    tenant: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCertificates {
    #[serde(default)]
    bindings: Vec<Spanned<RawCertificateBinding>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCertificateBinding {
    common_name: Option<String>,
    organization: Option<String>,
    uri: Option<String>,
    role: String,
    tenant: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCluster {
    audiences: Spanned<Vec<String>>,
    #[serde(default)]
    bindings: Vec<Spanned<RawClusterBinding>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawClusterBinding {
    service_account: Option<String>,
    namespace: Option<String>,
    group: Option<String>,
    role: String,
    tenant: Option<String>,
}

impl Declared {
    /// Reads a document. `file` is what problems call it.
    ///
    /// # Errors
    /// All that is wrong with it, each with its place.
    pub fn read(file: &str, text: &str) -> Result<Self, Problems> {
        let mut checker = Checker { file, text, found: Vec::new() };
        let raw: RawDocument = serde_saphyr::from_str(text).map_err(|error| {
            let message = error.without_snippet().to_string();
            // The place is told apart from what is wrong.
            let message = message.split(" at line ").next().unwrap_or_default().to_owned();
            checker.wrong(error.location(), "", message);
            Problems(std::mem::take(&mut checker.found))
        })?;
        let RawDocument { issuers, certificates, kubernetes } = raw;
        if issuers.len() > ISSUERS_MAX {
            checker.wrong(
                None,
                "issuers",
                format!("{} are more than the {ISSUERS_MAX} that there may be", issuers.len()),
            );
        }
        let (mut names, mut urls) = (BTreeSet::new(), BTreeSet::new());
        let mut declared = Self::default();
        for (place, issuer) in issuers.into_iter().enumerate() {
            let (name, url) = (issuer.value.name.clone(), issuer.value.url.clone());
            let field = |field: &str| format!("issuers[{place}].{field}");
            if !names.insert(name.value.clone()) {
                checker.wrong(
                    Some(name.referenced),
                    &field("name"),
                    format!("`{}` names another issuer already", name.value),
                );
            }
            if !urls.insert(url.value.clone()) {
                checker.wrong(
                    Some(url.referenced),
                    &field("url"),
                    "another issuer has this address already".to_owned(),
                );
            }
            declared.issuers.push(checker.issuer(place, issuer.value));
        }
        for (place, binding) in certificates.into_iter().flat_map(|raw| raw.bindings).enumerate() {
            let at = binding.referenced;
            let RawCertificateBinding { common_name, organization, uri, role, tenant } = binding.value;
            let who = Who { name: common_name, group: organization, uri, claims: BTreeMap::new() };
            let field = format!("certificates.bindings[{place}]");
            let says = "say who: `common_name`, `organization` or `uri`";
            declared.certificates.extend(checker.rule(at, &field, who, says, &role, tenant));
        }
        declared.kubernetes = kubernetes.map(|cluster| checker.cluster(cluster.value));
        Problems(checker.found).into_result()?;
        Ok(declared)
    }
}

struct Checker<'a> {
    file: &'a str,
    text: &'a str,
    found: Vec<Problem>,
}

impl Checker<'_> {
    fn wrong(&mut self, at: Option<Location>, field: &str, message: String) {
        let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let (line, column) = at.map_or((0, 0), |at| (narrow(at.line()), narrow(at.column())));
        let excerpt = usize::try_from(line).ok().and_then(|line| self.text.lines().nth(line.checked_sub(1)?));
        self.found.push(Problem {
            file: self.file.to_owned(),
            line,
            column,
            field: field.to_owned(),
            message,
            excerpt: excerpt.unwrap_or_default().to_owned(),
            help: None,
        });
    }

    fn issuer(&mut self, place: usize, raw: RawIssuer) -> Issuer {
        let RawIssuer { name, url, audiences, ca, algorithms, claims, required_claims, bindings } = raw;
        let field = |field: &str| format!("issuers[{place}].{field}");
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.value.is_empty() || name.value.len() > NAME_LENGTH_MAX || !name.value.chars().all(plain) {
            let message = format!("a name has 1 to {NAME_LENGTH_MAX} lower-case letters, digits and dashes");
            self.wrong(Some(name.referenced), &field("name"), message);
        }
        if let Err(message) = address(&url.value) {
            self.wrong(Some(url.referenced), &field("url"), message);
        }
        self.audiences(&field("audiences"), &audiences);
        let mut known = Vec::new();
        for given in &algorithms {
            match algorithm(&given.value) {
                Some(algorithm) => known.push(algorithm),
                None => {
                    let message = format!("`{}` is none of {}", given.value, ALGORITHMS.join(", "));
                    self.wrong(Some(given.referenced), &field("algorithms"), message);
                }
            }
        }
        if algorithms.is_empty() {
            known.extend(ALGORITHMS.iter().filter_map(|name| algorithm(name)));
        }
        let mut rules = Vec::new();
        for (number, binding) in bindings.into_iter().enumerate() {
            let at = binding.referenced;
            let RawBinding { name, group, claims: wanted, role, tenant } = binding.value;
            let field = field(&format!("bindings[{number}]"));
            if group.is_some() && claims.groups.is_none() {
                let message = "no claim is declared to have the groups; add `claims: { groups: NAME }` to the issuer";
                self.wrong(Some(at), &field, message.to_owned());
            }
            let who = Who { name, group, uri: None, claims: wanted };
            rules.extend(self.rule(at, &field, who, "say who: `name`, `group` or `claims`", &role, tenant));
        }
        Issuer {
            name: name.value,
            url: url.value,
            ca,
            audiences: audiences.value,
            algorithms: known,
            name_claim: claims.name,
            groups_claim: claims.groups,
            required: required_claims,
            rules,
        }
    }

    fn cluster(&mut self, raw: RawCluster) -> Cluster {
        let RawCluster { audiences, bindings } = raw;
        self.audiences("kubernetes.audiences", &audiences);
        let mut rules = Vec::new();
        for (number, binding) in bindings.into_iter().enumerate() {
            let at = binding.referenced;
            let RawClusterBinding { service_account, namespace, group, role, tenant } = binding.value;
            let field = format!("kubernetes.bindings[{number}]");
            let name = service_account.map(|account| match account.split_once('/') {
                Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() => {
                    format!("system:serviceaccount:{namespace}:{name}")
                }
                _ => {
                    let message = format!("`{account}` is no service account; it is NAMESPACE/NAME");
                    self.wrong(Some(at), &format!("{field}.service_account"), message);
                    account
                }
            });
            let of_namespace = namespace.map(|namespace| format!("system:serviceaccounts:{namespace}"));
            if of_namespace.is_some() && group.is_some() {
                self.wrong(Some(at), &field, "give `namespace` or `group`, not both".to_owned());
            }
            let who = Who { name, group: of_namespace.or(group), uri: None, claims: BTreeMap::new() };
            let says = "say who: `service_account`, `namespace` or `group`";
            rules.extend(self.rule(at, &field, who, says, &role, tenant));
        }
        Cluster { audiences: audiences.value, rules }
    }

    fn audiences(&mut self, field: &str, audiences: &Spanned<Vec<String>>) {
        if audiences.value.is_empty() || audiences.value.iter().any(String::is_empty) {
            let message = "name at least one audience; without one any program's token would be taken".to_owned();
            self.wrong(Some(audiences.referenced), field, message);
        }
    }

    fn rule(
        &mut self,
        at: Location,
        field: &str,
        who: Who,
        says: &str,
        role: &str,
        tenant: Option<String>,
    ) -> Option<Rule> {
        if who.is_everybody() {
            self.wrong(Some(at), field, says.to_owned());
            return None;
        }
        let bound = role.parse::<Role>().map_err(|error| error.to_string()).and_then(|role| {
            let tenant = tenant.map(TenantId::new).transpose().map_err(|error| error.to_string())?;
            Binding::new(role, tenant).map_err(|error| error.to_string())
        });
        match bound {
            Ok(binding) => Some(Rule { who, binding }),
            Err(message) => {
                self.wrong(Some(at), field, message);
                None
            }
        }
    }
}

/// Whether an issuer's keys may be fetched from an address.
fn address(text: &str) -> Result<(), String> {
    let url = Url::parse(text).map_err(|error| format!("`{text}` is no address: {error}"))?;
    let loopback = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    if url.scheme() != "https" && !(url.scheme() == "http" && loopback) {
        return Err("an issuer is reached by https, or by http on loopback".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err("an issuer's address has no query, no fragment and no user".to_owned());
    }
    Ok(())
}
