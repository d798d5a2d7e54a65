//! Asking witnesses beside the control loop.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use tenantry_adapters::audit::witness::HttpWitness;
use tenantry_audit::VerifierKey;
use tenantry_engine::audit::Audit;
use tenantry_engine::audit::witness::{Asked, WitnessError};
use tenantry_engine::status::Notice;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::noticed::Noticed;

/// The root log is looked at so often.
const EVERY: Duration = Duration::from_secs(1);
/// Who does not answer, or refuses, is asked again after so long at the latest.
const RESTS_MAX: Duration = Duration::from_secs(60);

/// Reads `NAME+ID+KEY@URL`.
///
/// # Errors
/// What it should have been.
pub(super) fn read(text: &str, ca: Option<&Path>) -> anyhow::Result<Asked> {
    let written = "a witness is written `NAME+ID+KEY@URL`, with the key that `tenantry witness --print-key` prints";
    let (key, url) = text.trim().split_once('@').context(written)?;
    let key = VerifierKey::from_text(key).context(written)?;
    anyhow::ensure!(key.cosigns(), "`{}` is the key of a log, not of a witness; {written}", key.name());
    Ok(Asked::new(key, Box::new(HttpWitness::new(url, ca)?)))
}

/// Asks each witness until the end, each by itself: one that is away keeps nobody waiting.
pub(super) async fn keep(logs: Audit, witnesses: Vec<Asked>, noticed: Noticed, ended: CancellationToken) {
    let mut tasks = JoinSet::new();
    for witness in witnesses {
        tasks.spawn(ask(logs.clone(), witness, noticed.clone(), ended.clone()));
    }
    while tasks.join_next().await.is_some() {}
}

async fn ask(logs: Audit, mut asked: Asked, noticed: Noticed, ended: CancellationToken) {
    let about = format!("witness {}", asked.name());
    let mut rests = EVERY;
    while !ended.is_cancelled() {
        match logs.witness(&mut asked).await {
            Ok(()) => {
                if noticed.set(&about, None) {
                    info!(witness = asked.name(), "the witness cosigns again");
                }
                rests = EVERY;
            }
            Err(error) => {
                if noticed.set(&about, Some(&notice(&error))) {
                    warn!(error = format!("{error} ({})", error.code()), "the root log is not witnessed");
                }
                rests = (rests * 2).min(RESTS_MAX);
            }
        }
        tokio::select! {
            biased;
            () = ended.cancelled() => {}
            () = tokio::time::sleep(rests) => {}
        }
    }
}

fn notice(error: &WitnessError) -> Notice {
    Notice { what: error.to_string(), to_do: format!("`tenantry errors {}` says what to do", error.code()) }
}
