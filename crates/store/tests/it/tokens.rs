//! Tokens: the contract, case by case, and the gate over it, on both databases.

use futures::future::join_all;
use tenantry_domain::id::TenantId;
use tenantry_engine::access::{Binding, Role};
use tenantry_engine::ports::store::{Authorship, KeyId, SecretHash, StoreError, TokenRecord, TokenStore as _};
use tenantry_store::Store;

use crate::given::*;

fn ended_at(millis: i64) -> Authorship {
    Authorship { at: at(millis), ..ann() }
}

on_both![
    tokens_are_added_and_read_back,
    a_tenants_scope_holds_its_own_tokens,
    tokens_are_listed_in_pages,
    a_token_is_ended_once_and_in_scope_only,
    uses_are_noted_forward_only,
    one_key_of_two_owners_is_two_tokens,
    of_many_first_tokens_one_is_made,
];

fn token(tenant: Option<&str>, id: &str, millis: i64) -> TokenRecord {
    let tenant = tenant.map(|tenant| TenantId::new(tenant).unwrap());
    let role = if tenant.is_some() { Role::TenantEditor } else { Role::Operator };
    TokenRecord {
        id: key(id),
        name: format!("für {id}, 'quoted'"),
        bindings: vec![Binding::new(role, tenant.clone()).unwrap()],
        tenant,
        hash: SecretHash(std::array::from_fn(|place| u8::try_from(place).unwrap() ^ id.as_bytes()[0])),
        created_by: "ann".to_owned(),
        created_at: at(millis),
        expires_at: Some(at(millis + 1000)),
        last_used_at: None,
        revoked_at: None,
        glass: None,
    }
}

fn key(id: &str) -> KeyId {
    KeyId::new(format!("{id:0<12}")).unwrap()
}

async fn listed(store: &Store, scope: &tenantry_engine::scope::Scope) -> Vec<TokenRecord> {
    store.tokens(scope, None, 100).await.unwrap()
}

async fn tokens_are_added_and_read_back(store: &Store) {
    let tokens =
        [token(None, "a", 1), token(Some("acme"), "b", 2), TokenRecord { expires_at: None, ..token(None, "c", 3) }];
    for token in &tokens {
        store.create_token(token).await.unwrap();
        assert_eq!(store.tokens_by_id(&token.id).await.unwrap(), std::slice::from_ref(token));
    }
    assert_eq!(store.tokens_by_id(&key("d")).await.unwrap(), []);
    let error = store.create_token(&token(None, "a", 9)).await.unwrap_err();
    assert!(matches!(error, StoreError::Refused { .. }), "{error}");
    assert_eq!(store.tokens_by_id(&key("a")).await.unwrap(), [tokens[0].clone()]);
}

async fn a_tenants_scope_holds_its_own_tokens(store: &Store) {
    let tokens = [token(None, "a", 1), token(Some("acme"), "b", 2), token(Some("bolt"), "c", 3)];
    for token in &tokens {
        store.create_token(token).await.unwrap();
    }
    assert_eq!(listed(store, &only("acme")).await, [tokens[1].clone()]);
    assert_eq!(listed(store, &only("dune")).await, []);
    assert_eq!(listed(store, &platform()).await.len(), 3);
}

async fn tokens_are_listed_in_pages(store: &Store) {
    // Several of one instant, so that the page's end must tell them apart.
    for number in 0..25 {
        let tenant = ["acme", "bolt"][number % 2];
        let id = format!("{}", char::from(b'a' + u8::try_from(number).unwrap()));
        store.create_token(&token(Some(tenant), &id, i64::try_from(number / 4).unwrap())).await.unwrap();
    }
    for (scope, count) in [(platform(), 25), (only("acme"), 13)] {
        let whole = listed(store, &scope).await;
        assert_eq!(whole.len(), count);
        assert!(whole.is_sorted_by(|one, next| one.created_at >= next.created_at), "newest first");
        let mut pages = Vec::new();
        loop {
            let page = store.tokens(&scope, pages.last(), 4).await.unwrap();
            if page.is_empty() {
                break;
            }
            pages.extend(page);
        }
        assert_eq!(pages, whole);
    }
}

async fn a_token_is_ended_once_and_in_scope_only(store: &Store) {
    store.create_token(&token(Some("acme"), "a", 1)).await.unwrap();
    store.create_token(&token(None, "b", 1)).await.unwrap();
    for (scope, id) in [(only("bolt"), "a"), (only("acme"), "b"), (only("acme"), "c"), (platform(), "c")] {
        assert_eq!(store.revoke_token(&scope, &key(id), &ended_at(5)).await.unwrap(), None, "{id}");
    }
    assert!(listed(store, &platform()).await.iter().all(|token| token.revoked_at.is_none()));
    let ended = store.revoke_token(&only("acme"), &key("a"), &ended_at(5)).await.unwrap().unwrap();
    assert_eq!(ended, TokenRecord { revoked_at: Some(at(5)), ..token(Some("acme"), "a", 1) });
    // A second time changes nothing.
    assert_eq!(store.revoke_token(&platform(), &key("a"), &ended_at(9)).await.unwrap(), Some(ended.clone()));
    assert_eq!(store.tokens_by_id(&key("a")).await.unwrap(), [ended]);
}

async fn uses_are_noted_forward_only(store: &Store) {
    let tenant = TenantId::new("acme").unwrap();
    store.create_token(&token(Some("acme"), "a", 1)).await.unwrap();
    for (noted, found) in [(10, 10), (30, 30), (20, 30)] {
        store.touch_token(Some(&tenant), &key("a"), at(noted)).await.unwrap();
        assert_eq!(store.tokens_by_id(&key("a")).await.unwrap()[0].last_used_at, Some(at(found)));
    }
    store.touch_token(None, &key("a"), at(40)).await.unwrap();
    assert_eq!(store.tokens_by_id(&key("a")).await.unwrap()[0].last_used_at, Some(at(30)), "another owner's");
}

/// The key of a row begins with its owner: nobody learns of, hinders or takes over another's by drawing its id.
async fn one_key_of_two_owners_is_two_tokens(store: &Store) {
    let both = [token(None, "a", 1), token(Some("acme"), "a", 2), token(Some("bolt"), "a", 3)];
    for token in &both {
        store.create_token(token).await.unwrap();
    }
    assert_eq!(store.tokens_by_id(&key("a")).await.unwrap(), both);
    store.revoke_token(&only("acme"), &key("a"), &ended_at(5)).await.unwrap().unwrap();
    let ended: Vec<bool> =
        store.tokens_by_id(&key("a")).await.unwrap().iter().map(|token| token.revoked_at.is_some()).collect();
    assert_eq!(ended, [false, true, false]);
}

async fn of_many_first_tokens_one_is_made(store: &Store) {
    let tokens: Vec<TokenRecord> = ["a", "b", "c", "d", "e", "f"].map(|id| token(None, id, 1)).into();
    let made = join_all(tokens.iter().map(|token| store.create_first_token(token))).await;
    let made: Vec<bool> = made.into_iter().map(Result::unwrap).collect();
    assert_eq!(made.iter().filter(|made| **made).count(), 1, "{made:?}");
    assert_eq!(listed(store, &platform()).await.len(), 1);
    assert!(!store.create_first_token(&token(None, "g", 2)).await.unwrap());
    // Nor after the one that is there was ended.
    let first = listed(store, &platform()).await[0].id.clone();
    store.revoke_token(&platform(), &first, &ended_at(3)).await.unwrap().unwrap();
    assert!(!store.create_first_token(&token(None, "g", 4)).await.unwrap());
}
