//! From what a token claims to somebody who is known. Pure: the signature was proven before.

use serde_json::{Map, Value};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Span;

use super::Method;
use super::declared::Issuer;
use super::rule::{self, Person};

/// By how much the clocks of providers may differ from ours.
pub const SKEW: Span = Span::from_secs(60);
/// Longest name, in bytes.
pub(super) const NAME_BYTES_MAX: usize = 256;
/// Most groups that are looked at.
const GROUPS_MAX: usize = 1000;

/// Who a token of an issuer speaks for.
///
/// # Errors
/// Why it speaks for nobody, for the log.
pub fn person(issuer: &Issuer, claims: Map<String, Value>, now: Timestamp) -> Result<Person, String> {
    // A list with the issuer in it is not the issuer.
    if claims.get("iss").and_then(Value::as_str) != Some(&issuer.url) {
        return Err("it is of another issuer".to_owned());
    }
    let for_us =
        |audience: &Value| audience.as_str().is_some_and(|given| issuer.audiences.iter().any(|own| own == given));
    let meant = match claims.get("aud") {
        Some(Value::Array(audiences)) => audiences.iter().any(for_us),
        Some(audience) => for_us(audience),
        None => false,
    };
    if !meant {
        return Err("it is for another audience".to_owned());
    }
    let until = instant(&claims, "exp")?.ok_or("it does not say when it ends")?;
    if now >= until + SKEW {
        return Err("it has ended".to_owned());
    }
    if instant(&claims, "nbf")?.is_some_and(|from| now + SKEW < from) {
        return Err("it is not valid yet".to_owned());
    }
    if instant(&claims, "iat")?.is_some_and(|made| now + SKEW < made) {
        return Err("it was made in the future".to_owned());
    }
    for (name, wanted) in &issuer.required {
        if !rule::claims(&claims, name, wanted) {
            return Err(format!("its claim `{name}` is not what is required"));
        }
    }
    let name = claims.get(&issuer.name_claim).and_then(Value::as_str);
    let name = name.ok_or_else(|| format!("it has no claim `{}`, which is to be the name", issuer.name_claim))?;
    fit(name)?;
    // Whoever may enter an address at the provider without owning it would be its owner here.
    if issuer.name_claim == "email" && claims.get("email_verified") != Some(&Value::Bool(true)) {
        return Err("its email was not verified".to_owned());
    }
    let groups = issuer.groups_claim.as_ref().map_or_else(Vec::new, |claim| groups(claims.get(claim)));
    Ok(Person {
        method: Method::Oidc,
        id: format!("oidc:{}:{name}", issuer.name),
        name: name.to_owned(),
        groups,
        uris: Vec::new(),
        claims,
        until: Some(until),
    })
}

/// Whether a name can stand in records.
pub(super) fn fit(name: &str) -> Result<(), String> {
    let sound = !name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.chars().any(char::is_control);
    if sound { Ok(()) } else { Err("its name is empty, too long or has control characters".to_owned()) }
}

fn instant(claims: &Map<String, Value>, name: &str) -> Result<Option<Timestamp>, String> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    // Whole seconds, as every provider gives them; what is beyond the calendar is no instant.
    let seconds = value.as_i64().filter(|seconds| (0..=253_402_300_799).contains(seconds));
    let seconds = seconds.ok_or_else(|| format!("its claim `{name}` is no instant"))?;
    Ok(Some(Timestamp::from_millis(seconds.saturating_mul(1000))))
}

fn groups(claim: Option<&Value>) -> Vec<String> {
    let texts = match claim {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(several)) => {
            several.iter().take(GROUPS_MAX).filter_map(Value::as_str).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    };
    texts.into_iter().filter(|group| fit(group).is_ok()).collect()
}
