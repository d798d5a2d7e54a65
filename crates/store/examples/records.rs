//! Times what audit entries cost through a store on SQLite: `cargo run --release -p tenantry-store --example records`.
//! Written, hashed into the tree and signed, all on one thread.
#![allow(clippy::print_stdout, reason = "it prints what it measured")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use tenantry_audit::{SEED_LENGTH, SigningKeys};
use tenantry_domain::id::TenantId;
use tenantry_domain::time::Timestamp;
use tenantry_engine::audit::Audit;
use tenantry_engine::ports::store::Authorship;
use tenantry_engine::ports::store::audit::{AuditStore as _, Deed};
use tenantry_keys::FileProvider;
use tenantry_store::{Settings, open_sealed};

const BATCHES: i64 = 200;
const EACH: i64 = 500;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("store.db");
    let provider = Arc::new(FileProvider::new(folder.path().join("store.keys")));
    let store = open_sealed(&format!("sqlite:{}", path.display()), &Settings::default(), provider).await?;
    let (logs, keys) = (Audit::new(store.clone(), "bench"), SigningKeys::from_seed(&[7; SEED_LENGTH])?);
    for (name, details) in [("without details", false), ("with details, sealed", true)] {
        let tenant = TenantId::new(if details { "acme" } else { "globex" })?;
        let deed = |number: i64| {
            let by = Authorship {
                author: "token:k3v9q0z7m2ab".into(),
                at: Timestamp::from_millis(1_800_000_000_000 + number),
                reason: format!("change {number}"),
            };
            let told = details.then(|| ("document".to_owned(), format!("max_replicas: {number}")));
            Deed {
                action: "config.revise",
                details: BTreeMap::from_iter(told),
                ..Deed::done(Some(tenant.clone()), &by, format!("tenant/{tenant}@{number}"))
            }
        };
        let (clock, mut wrote) = (Instant::now(), 0.0);
        for batch in 0..BATCHES {
            let deeds: Vec<Deed> = (0..EACH).map(|number| deed(batch * EACH + number)).collect();
            let one = Instant::now();
            store.note(&deeds).await?;
            wrote += one.elapsed().as_secs_f64();
            // As often as a server does that is as busy as this.
            if batch % 20 == 19 {
                logs.seal(&keys, Timestamp::from_millis(batch)).await?;
            }
        }
        let (took, count) = (clock.elapsed().as_secs_f64(), (BATCHES * EACH) as f64);
        println!("{name:<22} {:.0} a second written, hashed and signed; {:.0} written", count / took, count / wrote);
    }
    Ok(())
}
