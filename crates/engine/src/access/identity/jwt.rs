//! Tokens of OpenID providers: whose signature they have. What they claim is for [`claims`](super::claims).
//!
//! INVARIANT(keys choose): which algorithms are tried follows from the key and from what the issuer is declared to use,
//! never from the token alone, so that a public key is never taken for a shared secret and nothing unsigned is taken.

use std::str::FromStr as _;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde::Deserialize;
use serde_json::{Map, Value};
use tenantry_domain::time::Timestamp;

/// Longest token that is read, in bytes; those with many groups are some kilobytes.
pub const TOKEN_BYTES_MAX: usize = 16 * 1024;
/// Most keys of a set.
const KEYS_MAX: usize = 64;
/// What a token's header may call it: an identity token, or an access token as RFC 9068 has it.
const TYPES: [&str; 4] = ["jwt", "application/jwt", "at+jwt", "application/at+jwt"];

/// The algorithms that can be declared: none that shares its secret with who checks, and not `none`.
pub const ALGORITHMS: [&str; 9] = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];

/// An algorithm from its name.
pub(super) fn algorithm(name: &str) -> Option<Algorithm> {
    if ALGORITHMS.contains(&name) { Algorithm::from_str(name).ok() } else { None }
}

/// A key that a provider signs with.
#[derive(Debug, Clone)]
struct Key {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

/// The keys of a provider.
#[derive(Debug, Clone)]
pub struct KeySet(Vec<Key>);

#[derive(Deserialize)]
struct Raw {
    keys: Vec<Value>,
}

impl KeySet {
    /// Reads a set of RFC 7517. What cannot be used is passed over: keys to encrypt with, shared secrets, other curves.
    ///
    /// # Errors
    /// Why there is no key in it.
    pub fn read(text: &[u8]) -> Result<Self, String> {
        let Raw { keys } = serde_json::from_slice(text).map_err(|error| format!("this is no set of keys: {error}"))?;
        if keys.len() > KEYS_MAX {
            return Err(format!("a set of {} keys is larger than the {KEYS_MAX} that are read", keys.len()));
        }
        let usable: Vec<Key> =
            keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).filter_map(usable).collect();
        if usable.is_empty() { Err("no key of the set signs tokens".to_owned()) } else { Ok(Self(usable)) }
    }

    fn named<'a>(&'a self, header: &'a Header) -> impl Iterator<Item = &'a Key> {
        self.0.iter().filter(|key| header.kid.is_none() || key.id == header.kid)
    }
}

fn usable(jwk: Jwk) -> Option<Key> {
    if jwk.common.public_key_use.as_ref().is_some_and(|used| *used != PublicKeyUse::Signature) {
        return None;
    }
    let mut algorithms = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => vec![
            Algorithm::RS256,
            Algorithm::RS384,
            Algorithm::RS512,
            Algorithm::PS256,
            Algorithm::PS384,
            Algorithm::PS512,
        ],
        AlgorithmParameters::EllipticCurve(curve) => match curve.curve {
            EllipticCurve::P256 => vec![Algorithm::ES256],
            EllipticCurve::P384 => vec![Algorithm::ES384],
            _ => return None,
        },
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => vec![Algorithm::EdDSA],
        _ => return None,
    };
    if let Some(said) = jwk.common.key_algorithm {
        algorithms.retain(|algorithm| jsonwebtoken::jwk::KeyAlgorithm::from(*algorithm) == said);
    }
    let key = DecodingKey::from_jwk(&jwk).ok().filter(|_| !algorithms.is_empty())?;
    Some(Key { id: jwk.common.key_id, algorithms, key })
}

/// A token that was taken apart; nothing of it is believed yet.
#[derive(Debug, Clone)]
pub struct Unproven<'a> {
    token: &'a str,
    header: Header,
    issuer: String,
}

/// Whether the signature is one of a set's keys.
#[derive(Debug, Clone, PartialEq)]
pub enum Proof {
    /// It is: what the token claims.
    Proven(Map<String, Value>),
    /// No key of that name is in the set: it may have come after the set was fetched.
    UnknownKey,
    /// It is not.
    Refused(String),
}

impl<'a> Unproven<'a> {
    /// Takes a text apart; none where it is no signed token that says who issued it.
    #[must_use]
    pub fn read(token: &'a str) -> Option<Self> {
        if token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let header = jsonwebtoken::decode_header(token).ok()?;
        let claims: Map<String, Value> = jsonwebtoken::dangerous::insecure_decode_claims(token).ok()?;
        let issuer = claims.get("iss")?.as_str()?.to_owned();
        Some(Self { token, header, issuer })
    }

    /// Who it says issued it.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Holds it against keys.
    #[must_use]
    pub fn prove(&self, keys: &KeySet, allowed: &[Algorithm]) -> Proof {
        let Header { typ, alg, crit, .. } = &self.header;
        if typ.as_ref().is_some_and(|typ| !TYPES.contains(&typ.to_ascii_lowercase().as_str())) {
            return Proof::Refused("it is a token of another kind".to_owned());
        }
        // Whoever does not know what is critical must refuse, and nothing is known.
        if crit.is_some() {
            return Proof::Refused("its header names something critical".to_owned());
        }
        if !allowed.contains(alg) {
            return Proof::Refused(format!("it is signed with {alg:?}, which its issuer is not declared to use"));
        }
        let mut seen = false;
        for key in keys.named(&self.header).filter(|key| key.algorithms.contains(alg)) {
            seen = true;
            if let Ok(data) = jsonwebtoken::decode::<Map<String, Value>>(self.token, &key.key, &signature_only(*alg)) {
                return Proof::Proven(data.claims);
            }
        }
        match (seen, &self.header.kid) {
            // Without a name it may be of a key that is not fetched yet.
            (false, _) | (true, None) => Proof::UnknownKey,
            (true, Some(_)) => Proof::Refused("its signature is not its issuer's".to_owned()),
        }
    }
}

/// What is claimed is judged elsewhere, by a clock that is given.
fn signature_only(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    (validation.validate_exp, validation.validate_nbf, validation.validate_aud) = (false, false, false);
    validation
}

/// When a token says that it ends, unproven.
pub(super) fn end(token: &str) -> Option<Timestamp> {
    let claims: Map<String, Value> = jsonwebtoken::dangerous::insecure_decode_claims(token).ok()?;
    let seconds = claims.get("exp")?.as_i64()?;
    Some(Timestamp::from_millis(seconds.checked_mul(1000)?))
}
