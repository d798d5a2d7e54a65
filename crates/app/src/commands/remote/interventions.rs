//! What is asked of a workload, over a server's API.

use std::process::ExitCode;

use serde::Deserialize;
use serde_json::{Value, json};
use tenantry_domain::id::WorkloadKey;

use super::{no_author, of_workload, say};
use crate::cli::{Common, Pause, Resume, Scale};
use crate::server::{Server, With};

#[derive(Deserialize)]
struct Intervened {
    asked: Asked,
    before: Asked,
    notes: Vec<String>,
    dry_run: bool,
}

#[derive(Deserialize)]
struct Asked {
    manual: Option<Manual>,
    pause: Option<Paused>,
}

#[derive(Deserialize)]
struct Manual {
    replicas: u32,
    author: String,
    reason: String,
    expires_at: String,
}

#[derive(Deserialize)]
struct Paused {
    author: String,
    reason: String,
    expires_at: Option<String>,
}

pub(super) async fn scale(common: &Common, server: &Server, command: Scale) -> anyhow::Result<ExitCode> {
    no_author(command.why.author.as_ref())?;
    let path = format!("{}/scale", of_workload(&command.workload));
    let with = With::default().flag("dry_run", command.why.dry_run);
    let answer = match command.replicas {
        None => server.ask("DELETE", &path, with).await?,
        Some(replicas) => {
            let lasts = command.lasts.to_string();
            let body = json!({ "replicas": replicas, "for": lasts, "reason": command.why.reason });
            server.ask("PUT", &path, with.body(body)).await?
        }
    };
    told(common, &command.workload, &answer)
}

pub(super) async fn pause(common: &Common, server: &Server, command: Pause) -> anyhow::Result<ExitCode> {
    no_author(command.why.author.as_ref())?;
    let path = format!("{}/pause", of_workload(&command.workload));
    let mut body = json!({ "reason": command.why.reason });
    if let (Some(lasts), Value::Object(body)) = (command.lasts, &mut body) {
        body.insert("for".to_owned(), json!(lasts.to_string()));
    }
    let with = With::default().flag("dry_run", command.why.dry_run).body(body);
    told(common, &command.workload, &server.ask("POST", &path, with).await?)
}

pub(super) async fn resume(common: &Common, server: &Server, command: Resume) -> anyhow::Result<ExitCode> {
    no_author(command.why.author.as_ref())?;
    let path = format!("{}/resume", of_workload(&command.workload));
    let answer = server.ask("POST", &path, With::default().flag("dry_run", command.why.dry_run)).await?;
    told(common, &command.workload, &answer)
}

fn told(common: &Common, key: &WorkloadKey, answer: &Value) -> anyhow::Result<ExitCode> {
    say(common, answer, |answer| picture(key, &answer))?;
    Ok(ExitCode::SUCCESS)
}

fn picture(key: &WorkloadKey, answer: &Intervened) -> String {
    let would = if answer.dry_run { "would be " } else { "" };
    let mut lines = Vec::new();
    match (&answer.asked.manual, &answer.before.manual) {
        (Some(manual), _) => lines.push(format!(
            "{key} {would}held at {} replicas until {} ({}: {})",
            manual.replicas, manual.expires_at, manual.author, manual.reason
        )),
        (None, Some(_)) => lines.push(format!("{key} {would}no longer held at a size set by hand")),
        (None, None) => {}
    }
    match (&answer.asked.pause, &answer.before.pause) {
        (Some(pause), _) => {
            let until = pause.expires_at.as_deref().unwrap_or("`tenantry resume`");
            lines.push(format!("{key} {would}paused until {until} ({}: {})", pause.author, pause.reason));
        }
        (None, Some(_)) => lines.push(format!("{key} {would}scaled again")),
        (None, None) => {}
    }
    if lines.is_empty() {
        lines.push(format!("{key}: nothing was asked of it, and nothing changes"));
    }
    lines.extend(answer.notes.iter().map(|note| format!("note: {note}")));
    lines.join("\n")
}
