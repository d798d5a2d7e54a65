use std::time::{Duration, Instant};

use tenantry_engine::ports::cluster::Lease as _;
use tenantry_operator::KubernetesLease;

use crate::bed::bed;

const TERM: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn one_holds_it_until_it_gives_it_up_or_falls_silent_and_each_holder_has_a_higher_epoch() {
    let Some(bed) = bed("lease").await else { return };
    let connection = bed.connect().await;
    let lease = |holder: &str| KubernetesLease::new(&connection, &bed.namespace, "tenantry", holder, TERM);
    let (one, two) = (lease("one"), lease("two"));
    let first = one.hold().await.unwrap().unwrap();
    assert_eq!(one.hold().await.unwrap(), Some(first));
    assert_eq!(two.hold().await.unwrap(), None);
    one.release().await.unwrap();
    let second = two.hold().await.unwrap().unwrap();
    assert!(second > first);
    assert_eq!(one.hold().await.unwrap(), None);
    // `two` falls silent: `one` waits for the whole term by its own clock.
    let silent = Instant::now();
    let third = loop {
        if let Some(epoch) = one.hold().await.unwrap() {
            break epoch;
        }
        assert!(silent.elapsed() < Duration::from_secs(30), "it never ran out");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(third > second);
    assert!(silent.elapsed() >= TERM);
    assert_eq!(two.hold().await.unwrap(), None);
    bed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_take_it_at_once_one_has_it() {
    let Some(bed) = bed("race").await else { return };
    let connection = bed.connect().await;
    let leases: Vec<KubernetesLease> = (0..8)
        .map(|number| KubernetesLease::new(&connection, &bed.namespace, "tenantry", &format!("holder-{number}"), TERM))
        .collect();
    let answers = futures::future::join_all(leases.iter().map(|lease| lease.hold())).await;
    let held = answers.into_iter().filter(|answer| answer.as_ref().unwrap().is_some());
    assert_eq!(held.count(), 1);
    bed.end().await;
}
