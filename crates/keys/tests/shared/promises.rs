//! What every provider of keys promises, as a test that any can be put to.

use tenantry_domain::id::TenantId;
use tenantry_keys::{Bound, KeyProvider, Owner, Secret, Wrapped};

fn tenant(id: &str) -> Owner {
    Owner::Tenant(TenantId::new(id).unwrap())
}

/// The same promises of each: `others` are other keys of the same kind.
pub(crate) async fn holds(provider: &dyn KeyProvider, others: &dyn KeyProvider) {
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
    assert_eq!(provider.newest(&acme).await.unwrap(), Some(later.version));
    provider.unwrap(&acme, &wrapped, &bound).await.unwrap();
    provider.retire(std::slice::from_ref(&acme)).await.unwrap();
    provider.unwrap(&acme, &later, &bound).await.unwrap();
    if provider.holds_one_each() {
        assert_ne!(later.version, wrapped.version);
        assert_eq!(provider.unwrap(&acme, &wrapped, &bound).await.unwrap_err().code(), "T1005");
    }
    // Destroying says what it comes to.
    let destroyed = provider.destroy(&acme).await.unwrap();
    assert_eq!(destroyed, provider.holds_one_each());
    let after = provider.unwrap(&acme, &later, &bound).await;
    assert_eq!(after.err().map(|error| error.code()), destroyed.then_some("T1005"));
    assert_eq!(provider.newest(&acme).await.unwrap().is_none(), destroyed);
    assert!(!provider.destroy(&acme).await.unwrap());
    // Whoever comes again has a new key, and what the old one sealed stays closed.
    let again = provider.wrap(&acme, &secret, &bound).await.unwrap();
    provider.unwrap(&acme, &again, &bound).await.unwrap();
    assert_eq!(provider.unwrap(&acme, &later, &bound).await.is_err(), destroyed);
    let shown = format!("{provider:?} {}", provider.place());
    assert!(!shown.contains(secret.to_hex().as_str()), "{shown}");
}
