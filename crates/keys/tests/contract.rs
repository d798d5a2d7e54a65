//! What every provider of keys holds to.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use tenantry_domain::id::TenantId;
use tenantry_keys::{Bound, EnvironmentProvider, FileProvider, KeyProvider, Owner, Secret, Wrapped};

fn tenant(id: &str) -> Owner {
    Owner::Tenant(TenantId::new(id).unwrap())
}

/// The same promises of each: `others` are other keys of the same kind.
async fn holds(provider: &dyn KeyProvider, others: &dyn KeyProvider) {
    let (acme, bound, other_bound) = (tenant("acme"), Bound::to("a").number(1), Bound::to("a").number(2));
    provider.prepare(&[acme.clone(), acme.clone(), Owner::Platform]).await.unwrap();
    let secret = Secret::random().unwrap();
    let wrapped = provider.wrap(&acme, &secret, &bound).await.unwrap();
    assert_eq!(provider.newest(&acme).await.unwrap(), Some(wrapped.version));
    assert_eq!(provider.unwrap(&acme, &wrapped, &bound).await.unwrap().expose(), secret.expose());
    // For another owner, bound to something else, altered, or by somebody else's keys it does not open.
    for owner in [tenant("globex"), Owner::Platform] {
        provider.prepare(std::slice::from_ref(&owner)).await.unwrap();
        assert!(provider.unwrap(&owner, &wrapped, &bound).await.is_err(), "{owner}");
    }
    assert!(provider.unwrap(&acme, &wrapped, &other_bound).await.is_err());
    let mut altered = wrapped.clone();
    *altered.bytes.last_mut().unwrap() ^= 1;
    assert!(provider.unwrap(&acme, &altered, &bound).await.is_err());
    let unknown = Wrapped { version: wrapped.version + 100, ..wrapped.clone() };
    assert!(provider.unwrap(&acme, &unknown, &bound).await.is_err());
    others.prepare(std::slice::from_ref(&acme)).await.unwrap();
    assert!(others.unwrap(&acme, &wrapped, &bound).await.is_err());
    // What was sealed before a renewal opens until older keys are destroyed, and what was sealed after it, too.
    provider.renew(std::slice::from_ref(&acme)).await.unwrap();
    let later = provider.wrap(&acme, &secret, &bound).await.unwrap();
    provider.unwrap(&acme, &wrapped, &bound).await.unwrap();
    provider.retire(std::slice::from_ref(&acme)).await.unwrap();
    provider.unwrap(&acme, &later, &bound).await.unwrap();
    // Destroying says what it comes to.
    let destroyed = provider.destroy(&acme).await.unwrap();
    assert_eq!(destroyed, provider.holds_one_each());
    assert_eq!(provider.unwrap(&acme, &later, &bound).await.is_err(), destroyed);
    assert!(!provider.destroy(&acme).await.unwrap());
    let shown = format!("{provider:?} {}", provider.place());
    assert!(!shown.contains(secret.to_hex().as_str()), "{shown}");
}

#[tokio::test]
async fn a_file_holds_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (FileProvider::new(folder.path().join("one")), FileProvider::new(folder.path().join("other")));
    holds(&one, &other).await;
    let text = std::fs::read_to_string(folder.path().join("one")).unwrap();
    let shown = format!("{one:?}");
    let mut digits = text.lines().filter_map(|line| line.rsplit(' ').next()).filter(|word| word.len() == 64);
    assert!(digits.all(|digits| !shown.contains(digits)), "{shown}");
}

#[tokio::test]
async fn the_environment_holds_to_it() {
    let (one, other) = (Secret::random().unwrap().to_hex(), Secret::random().unwrap().to_hex());
    let provider = EnvironmentProvider::new("KEY", &one).unwrap();
    holds(&provider, &EnvironmentProvider::new("KEY", &other).unwrap()).await;
    assert!(!format!("{provider:?}").contains(one.as_str()));
    // A newer one before it seals, and both open.
    let both = EnvironmentProvider::new("KEY", &format!("{}, {}", other.as_str(), one.as_str())).unwrap();
    let (secret, bound) = (Secret::random().unwrap(), Bound::to("a"));
    let old = provider.wrap(&Owner::Platform, &secret, &bound).await.unwrap();
    both.unwrap(&Owner::Platform, &old, &bound).await.unwrap();
    let new = both.wrap(&Owner::Platform, &secret, &bound).await.unwrap();
    assert_ne!(new.version, old.version);
    assert!(provider.unwrap(&Owner::Platform, &new, &bound).await.is_err());
}

#[tokio::test]
async fn what_is_no_key_is_refused_without_being_repeated() {
    for text in ["", "x", "a1b2", &"0g".repeat(32), &format!("{},", "00".repeat(32))] {
        let error = EnvironmentProvider::new("KEY", text).unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(said.contains("64 hexadecimal digits") && error.code() == "T1004", "{said}");
        assert!(text.len() < 4 || !said.contains(text), "{said}");
    }
}
