//! HPA as ours have it, the planner's and the lean one of backtests and contests, held against the real one: the test
//! bed's kube-controller-manager and ours get the same metrics, step by step.
//!
//! The real one looks every second instead of every 15, and all its periods are as much shorter.

mod answers;
mod case;
mod ours;
mod world;

use std::time::{Duration, Instant};

use kube::api::{Api, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::json;

use crate::bed::TestBed;
use answers::Answers;
use case::Case;
use ours::Compared;
use world::World;

/// Lets the real autoscaler decide `steps` times for each case, and gives what ours say to the same.
fn held_against_the_real_one(test: &str, cases: Vec<Case>, steps: usize) -> Option<Vec<(String, Compared)>> {
    let quick = [
        "--hpa-sync=1s",
        "--hpa-downscale-stabilization=20s",
        "--hpa-cpu-initialization=20s",
        "--hpa-initial-readiness=2s",
        "--prometheus=false",
        "--nodes=1",
    ];
    let bed = TestBed::start_with(test, &["prometheus", "postgresql"], &quick)?;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    Some(runtime.block_on(async {
        let file = Kubeconfig::read_from(bed.text("kubeconfig")).unwrap();
        let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.unwrap();
        let client = Client::try_from(config).unwrap();
        world::define(&client).await;
        // It looks for new kinds twice a minute, and when it starts.
        bed.order("restart", "kube-controller-manager");
        let world = World::new(client.clone(), cases);
        let asked = std::sync::Arc::clone(&world);
        let answers = Answers::start(move |path| std::sync::Arc::clone(&asked).answer(path)).await;
        register(&client, answers.port).await;
        world.populate().await;
        let end = Instant::now() + Duration::from_secs(60 + 3 * steps as u64);
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let looks = world.looks().await;
            if looks.iter().all(|(_, looks)| looks.len() > steps) {
                return looks.iter().map(|(case, looks)| (case.name.clone(), ours::compare(case, looks))).collect();
            }
            let seen: Vec<_> = looks.iter().map(|(case, looks)| (&case.name, looks.len())).collect();
            assert!(Instant::now() < end, "the autoscaler looked too seldom: {seen:?}");
        }
    }))
}

/// Makes the API server ask us for metrics.
async fn register(client: &Client, port: u16) {
    use k8s_openapi::api::core::v1::Service;
    use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService;

    let services: Api<Service> = Api::namespaced(client.clone(), "default");
    // A name that resolves to loopback, as endpoints may not be loopback addresses.
    let service =
        json!({ "metadata": { "name": "metrics" }, "spec": { "type": "ExternalName", "externalName": "localhost" } });
    services.create(&PostParams::default(), &serde_json::from_value(service).unwrap()).await.unwrap();
    for group in ["metrics.k8s.io", "external.metrics.k8s.io"] {
        let service: APIService = serde_json::from_value(json!({
            "metadata": { "name": format!("v1beta1.{group}") },
            "spec": { "group": group, "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100,
                "insecureSkipTLSVerify": true, "service": { "name": "metrics", "namespace": "default", "port": port } }
        }))
        .unwrap();
        Api::all(client.clone()).create(&PostParams::default(), &service).await.unwrap();
    }
}

/// Says how it went, and whether every difference is explained.
fn told(all: &[(String, Compared)]) -> bool {
    let sum = |of: fn(&Compared) -> usize| all.iter().map(|(_, one)| of(one)).sum::<usize>();
    eprintln!("case                      steps  changes  lean's steps  clock  edge  unexplained");
    for (name, one) in all {
        let (clock, edges, wrong) = (one.clock.len(), one.edges.len(), one.wrong.len());
        eprintln!(
            "{name:<25} {:>5}  {:>7}  {:>12}  {clock:>5}  {edges:>4}  {wrong:>11}",
            one.steps, one.changes, one.lean
        );
    }
    eprintln!(
        "compared with the real autoscaler: {} steps of the planner, {} of the lean form, {} of which changed the size;",
        sum(|one| one.steps),
        sum(|one| one.lean),
        sum(|one| one.changes)
    );
    eprintln!(
        "differences: {} by the clock, {} on an edge, {} unexplained",
        sum(|one| one.clock.len()),
        sum(|one| one.edges.len()),
        sum(|one| one.wrong.len())
    );
    let of = |list: fn(&Compared) -> &Vec<String>| all.iter().flat_map(move |(_, one)| list(one));
    for line in of(|one| &one.wrong).chain(of(|one| &one.clock)).chain(of(|one| &one.edges)).take(40) {
        eprintln!("{line}");
    }
    sum(|one| one.wrong.len()) == 0
}

#[test]
fn ours_decide_as_the_real_autoscaler_step_by_step() {
    let Some(all) = held_against_the_real_one("hpa", case::all(1, 40), 40) else { return };
    assert!(told(&all), "a difference to the real autoscaler is not explained");
}

/// Minutes, for `bench/run hpa`.
#[test]
#[ignore = "takes minutes; `bench/run hpa` runs it"]
fn ours_decide_as_the_real_autoscaler_over_many_loads() {
    let cases = (2..4).flat_map(|seed| case::all(seed, 120)).collect();
    let Some(all) = held_against_the_real_one("hpa", cases, 120) else { return };
    assert!(told(&all), "a difference to the real autoscaler is not explained");
}
