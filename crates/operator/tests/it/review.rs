//! Tokens of service accounts, as the API server itself makes and knows them.

use std::sync::Arc;

use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{Api, DeleteParams, PostParams};
use serde_json::json;
use tenantry_engine::access::identity::{Declared, Identities};
use tenantry_engine::ports::identity::TokenReviewer as _;
use tenantry_operator::{ClusterReviewer, Options};

use crate::bed::{Bed, bed};

pub(crate) async fn token(bed: &Bed, account: &str, audiences: &[&str]) -> String {
    let accounts: Api<ServiceAccount> = Api::namespaced(bed.client.clone(), &bed.namespace);
    let asked = json!({ "metadata": {}, "spec": { "audiences": audiences } });
    let asked: TokenRequest = serde_json::from_value(asked).unwrap();
    accounts.create_token_request(account, &PostParams::default(), &asked).await.unwrap().status.unwrap().token.unwrap()
}

pub(crate) async fn account(bed: &Bed, name: &str) {
    let accounts: Api<ServiceAccount> = Api::namespaced(bed.client.clone(), &bed.namespace);
    let object: ServiceAccount = serde_json::from_value(json!({ "metadata": { "name": name } })).unwrap();
    accounts.create(&PostParams::default(), &object).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_accounts_token_is_known_for_our_audience_while_there_is_the_account() {
    let Some(bed) = bed("review").await else { return };
    account(&bed, "deployer").await;
    let options = Options { kubeconfig: Some(bed.kubeconfig.clone()), ..Options::default() };
    let reviewer = ClusterReviewer::new(&options).await.unwrap();
    let ours = ["tenantry".to_owned()];
    let good = token(&bed, "deployer", &["tenantry"]).await;
    let known = reviewer.review(&good, &ours).await.unwrap().unwrap();
    assert_eq!(known.username, format!("system:serviceaccount:{}:deployer", bed.namespace));
    assert!(known.groups.contains(&format!("system:serviceaccounts:{}", bed.namespace)), "{known:?}");
    assert_eq!(known.audiences, ours);
    // From there on as any caller: named by the cluster's word, with what a binding gives.
    let (namespace, now) = (&bed.namespace, tenantry_domain::time::Timestamp::from(jiff::Timestamp::now()));
    let text = format!(
        "kubernetes:\n  audiences: [tenantry]\n  bindings: [{{ service_account: {namespace}/deployer, role: operator }}]\n"
    );
    let declared = Declared::read("identities.yaml", &text).unwrap();
    let identities = Identities::new(declared, None, Some(Arc::new(ClusterReviewer::new(&options).await.unwrap())));
    let caller = identities.bearer(&good, now).await.unwrap();
    assert_eq!(caller.principal().id, format!("kubernetes:system:serviceaccount:{namespace}:deployer"));
    assert_eq!(caller.principal().bindings.len(), 1);
    assert!(caller.until().is_some_and(|end| now < end));
    account(&bed, "another").await;
    let another = identities.bearer(&token(&bed, "another", &["tenantry"]).await, now).await.unwrap();
    assert!(another.principal().bindings.is_empty(), "being known gives nothing");
    // The API server's own audience is not ours: a token that a pod has anyway opens nothing.
    let usual = token(&bed, "deployer", &[]).await;
    // Of the last letter not every bit counts; in the middle of the signature each does.
    let (head, signature) = good.rsplit_once('.').unwrap();
    let (first, second) = signature.split_at(signature.len() / 2);
    let other = if second.starts_with('x') { "y" } else { "x" };
    let forged = format!("{head}.{first}{other}{}", &second[1..]);
    for nobody in [usual, token(&bed, "deployer", &["another"]).await, forged, "x".to_owned()] {
        assert_eq!(reviewer.review(&nobody, &ours).await.unwrap(), None);
    }
    let accounts: Api<ServiceAccount> = Api::namespaced(bed.client.clone(), &bed.namespace);
    accounts.delete("deployer", &DeleteParams::default()).await.unwrap();
    // The API server remembers for some seconds what it knew.
    let mut left = 60;
    while reviewer.review(&good, &ours).await.unwrap().is_some() {
        left -= 1;
        assert!(left > 0, "the token outlived its account");
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
    bed.end().await;
}
