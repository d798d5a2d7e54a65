//! `tenantry scale`, `pause` and `resume`: what a person asks of a workload.

use std::process::ExitCode;

use serde::Serialize;
use tenantry_domain::id::WorkloadKey;
use tenantry_domain::snapshot::{Override, Pause};
use tenantry_domain::spec::WorkloadSpec;
use tenantry_domain::unit::Replicas;
use tenantry_engine::ports::store::{Authorship, ControlStore as _, Intervention};
use tenantry_engine::scope::Scope;
use tenantry_engine::tenants::Tenants;
use tenantry_store::Store;

use crate::author::author;
use crate::cli::{self, Common};
use crate::{output, place, time};

/// What was asked and what it replaces.
#[derive(Debug, Serialize)]
struct Asked {
    workload: WorkloadKey,
    asked: Intervention,
    before: Intervention,
    dry_run: bool,
    notes: Vec<String>,
}

struct Asking {
    store: std::sync::Arc<Store>,
    spec: WorkloadSpec,
    before: Intervention,
    notes: Vec<String>,
}

async fn begin(common: &Common, key: &WorkloadKey) -> anyhow::Result<Asking> {
    let store = place::open(common.store.as_deref(), &common.keys).await?;
    let tenants = Tenants::new(store.clone());
    let spec = tenants.spec_of(key).await?;
    let asked = store.interventions(&Scope::tenant(key.tenant.clone())).await?;
    let before = asked.into_iter().find(|(other, _)| other == key).map(|(_, asked)| asked).unwrap_or_default();
    Ok(Asking { store, spec, before, notes: Vec::new() })
}

async fn end(
    common: &Common,
    key: WorkloadKey,
    asking: Asking,
    asked: Intervention,
    (by, dry_run): (Authorship, bool),
) -> anyhow::Result<ExitCode> {
    if !dry_run {
        asking.store.intervene(&key, &asked, &by).await?;
    }
    let answer = Asked { workload: key, asked, before: asking.before, dry_run, notes: asking.notes };
    output::say(common.output, &answer, picture)?;
    Ok(ExitCode::SUCCESS)
}

fn picture(answer: &Asked) -> String {
    let would = if answer.dry_run { "would be " } else { "" };
    let mut lines = Vec::new();
    match (&answer.asked.manual, &answer.before.manual) {
        (Some(manual), _) => lines.push(format!(
            "{} {would}held at {} replicas until {} ({}: {})",
            answer.workload, manual.replicas, manual.expires_at, manual.author, manual.reason
        )),
        (None, Some(_)) => lines.push(format!("{} {would}no longer held at a size set by hand", answer.workload)),
        (None, None) => {}
    }
    match (&answer.asked.pause, &answer.before.pause) {
        (Some(pause), _) => {
            let until = pause.expires_at.map_or_else(|| "`tenantry resume`".to_owned(), |end| end.to_string());
            lines.push(format!("{} {would}paused until {until} ({}: {})", answer.workload, pause.author, pause.reason));
        }
        (None, Some(_)) => lines.push(format!("{} {would}scaled again", answer.workload)),
        (None, None) => {}
    }
    if lines.is_empty() {
        lines.push(format!("{}: nothing was asked of it, and nothing changes", answer.workload));
    }
    lines.extend(answer.notes.iter().map(|note| format!("note: {note}")));
    lines.join("\n")
}

/// Who asks, when, and why.
fn by(why: cli::Why) -> (Authorship, bool) {
    (Authorship { author: author(why.author), at: time::now(), reason: why.reason }, why.dry_run)
}

pub(crate) async fn scale(common: &Common, command: cli::Scale) -> anyhow::Result<ExitCode> {
    let (by, dry_run) = by(command.why);
    let key = command.workload;
    let mut asking = begin(common, &key).await?;
    let mut asked = asking.before.clone();
    asked.manual = match command.replicas {
        None => None,
        Some(replicas) => {
            let bounds = asking.spec.bounds;
            if !bounds.admits(Replicas::new(replicas)) {
                asking.notes.push(format!(
                    "{replicas} is outside the declared {} to {}: the limit will bind, and `tenantry explain` will say so",
                    bounds.floor(),
                    bounds.ceiling()
                ));
            }
            Some(Override {
                replicas: Replicas::new(replicas),
                author: by.author.clone(),
                reason: by.reason.clone(),
                expires_at: by.at + command.lasts,
            })
        }
    };
    end(common, key, asking, asked, (by, dry_run)).await
}

pub(crate) async fn pause(common: &Common, command: cli::Pause) -> anyhow::Result<ExitCode> {
    let (by, dry_run) = by(command.why);
    let asking = begin(common, &command.workload).await?;
    let pause = Pause {
        author: by.author.clone(),
        reason: by.reason.clone(),
        expires_at: command.lasts.map(|lasts| by.at + lasts),
    };
    let asked = Intervention { pause: Some(pause), ..asking.before.clone() };
    end(common, command.workload, asking, asked, (by, dry_run)).await
}

pub(crate) async fn resume(common: &Common, command: cli::Resume) -> anyhow::Result<ExitCode> {
    let asking = begin(common, &command.workload).await?;
    let asked = Intervention { pause: None, ..asking.before.clone() };
    end(common, command.workload, asking, asked, by(command.why)).await
}
