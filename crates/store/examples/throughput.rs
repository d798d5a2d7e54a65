//! Prints how long the store takes for the batches that the engine makes:
//! `cargo run --release -p tenantry-store --example throughput [--plain] [STORE]`; without a store, a SQLite file in a new folder.
#![allow(clippy::print_stdout, reason = "it is for reading")]

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tenantry_domain::id::{TenantId, WorkloadKey, WorkloadName};
use tenantry_domain::plan::{Generation, Outcome};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Replicas;
use tenantry_engine::ports::store::{
    Authorship, Change, ConfigStore as _, ControlStore as _, DecisionFilter, DecisionRecord, DocumentKey, Kept, Owner,
    Retention,
};
use tenantry_engine::scope::Scope;
use tenantry_keys::FileProvider;
use tenantry_store::{Settings, Store};

type Outcomes<T> = Result<T, Box<dyn Error>>;

const DOCUMENTS: usize = 10_000;
const BATCH: usize = 1_000;
const ROUNDS: usize = 20;

#[tokio::main]
async fn main() -> Outcomes<()> {
    let dir = tempfile::tempdir()?;
    // `--plain` is a store that is not sealed, to compare with.
    let (flags, urls): (Vec<String>, Vec<String>) = std::env::args().skip(1).partition(|given| given.starts_with("--"));
    let url = urls.into_iter().next().unwrap_or_else(|| dir.path().join("tenantry.db").display().to_string());
    let began = Instant::now();
    let store = if flags.iter().any(|flag| flag == "--plain") {
        tenantry_store::open(&url).await?
    } else {
        let keys = Arc::new(FileProvider::new(dir.path().join("tenantry.keys")));
        tenantry_store::open_sealed(&url, &Settings::default(), keys).await?
    };
    println!("{}", store.describe());
    show("open", &[began.elapsed()]);
    documents(&store).await?;
    let ids = records(&store).await?;
    let outcomes: Vec<_> = ids.into_iter().map(|id| (id, Outcome::Applied)).collect();
    let began = Instant::now();
    store.settle(&outcomes).await?;
    show("settle 1,000 outcomes", &[began.elapsed()]);
    blobs(&store).await?;
    let began = Instant::now();
    let page = store.decisions(&Scope::platform(), &DecisionFilter::default(), 100).await?;
    show(&format!("read the last {} decisions", page.len()), &[began.elapsed()]);
    println!("{:<34}{:>9} KiB", "size", store.size_bytes().await? / 1024);
    let began = Instant::now();
    let retention = Retention {
        holds_before: Timestamp::from_millis(0),
        changes_before: Timestamp::from_millis(0),
        records_per_workload: 5,
    };
    let gone = store.prune(&retention).await?;
    show(&format!("prune {gone} decisions"), &[began.elapsed()]);
    store.close().await;
    Ok(())
}

async fn documents(store: &Store) -> Outcomes<()> {
    let by = Authorship { author: "ann".to_owned(), at: Timestamp::from_millis(0), reason: "measure".to_owned() };
    let body = "replicas: {min: 2, max: 20}\n".repeat(40);
    for (title, based_on) in [("revise 10,000 new documents", 0), ("revise 10,000 documents", 1)] {
        let one = |n: usize| -> Outcomes<Change> {
            Ok(Change {
                key: DocumentKey::Tenant(TenantId::new(format!("tenant-{n:05}"))?),
                based_on,
                owner: Owner::Api,
                body: Some(format!("# {based_on}\n{body}")),
                digest: "0f".repeat(32),
            })
        };
        let changes = (0..DOCUMENTS).map(one).collect::<Outcomes<Vec<_>>>()?;
        let began = Instant::now();
        store.revise(&changes, &by).await?;
        show(title, &[began.elapsed()]);
    }
    let began = Instant::now();
    let read = store.documents(&Scope::platform()).await?;
    show(&format!("read {} documents", read.len()), &[began.elapsed()]);
    let polls = timed(store, async |store, _| Ok(store.config_version().await.map(|_| ())?)).await?;
    show("poll the configuration's version", &polls);
    Ok(())
}

async fn records(store: &Store) -> Outcomes<Vec<u64>> {
    let one = |n: usize| -> Outcomes<DecisionRecord> {
        Ok(DecisionRecord {
            id: 0,
            key: workload(n)?,
            at: Timestamp::from_millis(1),
            generation: Generation { epoch: 1, cycle: 1 },
            from: Some(Replicas::ONE),
            to: Some(Replicas::new(if n.is_multiple_of(10) { 2 } else { 1 })),
            inputs_digest: "0f".repeat(32),
            inputs: "i".repeat(2_500),
            planned: "p".repeat(900),
            outcome: Outcome::Pending,
        })
    };
    let batch = (0..BATCH).map(one).collect::<Outcomes<Vec<_>>>()?;
    let mut last = Vec::new();
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        last = store.record(&batch).await?;
        times.push(began.elapsed());
    }
    show("record 1,000 decisions of 3.4 kB", &times);
    let single = batch.get(..1).unwrap_or_default();
    let singles = timed(store, async |store, _| Ok(store.record(single).await.map(|_| ())?)).await?;
    show("record 1 decision", &singles);
    Ok(last)
}

async fn blobs(store: &Store) -> Outcomes<()> {
    let one = |n: usize| -> Outcomes<Kept> {
        let at = Timestamp::from_millis(1);
        Ok(Kept { key: workload(n)?, part: "model/request_rate".to_owned(), bytes: vec![7; 8 << 10], at })
    };
    let batch = (0..BATCH).map(one).collect::<Outcomes<Vec<_>>>()?;
    let times = timed(store, async |store, _| Ok(store.keep(&batch).await?)).await?;
    show("keep 1,000 states of 8 KiB", &times);
    let began = Instant::now();
    let read = store.kept(&Scope::platform(), "model/").await?;
    show(&format!("read {} states", read.len()), &[began.elapsed()]);
    let renewals = timed(store, async |store, round| {
        let now = Timestamp::from_millis(i64::try_from(round)?);
        Ok(store.lease("leader", "me", now, Timestamp::from_millis(i64::MAX)).await.map(|_| ())?)
    });
    show("renew a lease", &renewals.await?);
    Ok(())
}

async fn timed(store: &Store, work: impl AsyncFn(&Store, usize) -> Outcomes<()>) -> Outcomes<Vec<Duration>> {
    let mut times = Vec::new();
    for round in 0..ROUNDS {
        let began = Instant::now();
        work(store, round).await?;
        times.push(began.elapsed());
    }
    Ok(times)
}

fn workload(n: usize) -> Outcomes<WorkloadKey> {
    Ok(WorkloadKey {
        tenant: TenantId::new(format!("tenant-{:05}", n / 4))?,
        workload: WorkloadName::new(format!("w{n}"))?,
    })
}

fn show(title: &str, times: &[Duration]) {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let millis = |time: Option<&Duration>| time.map_or(0.0, |time| time.as_secs_f64() * 1_000.0);
    let (median, worst) = (millis(sorted.get(sorted.len() / 2)), millis(sorted.last()));
    match sorted.len() {
        1 => println!("{title:<34}{median:>9.1} ms"),
        count => println!("{title:<34}{median:>9.1} ms median, {worst:.1} ms worst of {count}"),
    }
}
