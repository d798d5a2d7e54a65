//! Commands over a running server's API, in place of a store. As JSON and YAML they answer what the API does.

mod access;
mod configuration;
mod interventions;
mod lists;
mod recommend;
mod written;

use std::process::ExitCode;

use anyhow::bail;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tenantry_domain::id::WorkloadKey;

use crate::cli::{Command, Common};
use crate::commands::top;
use crate::output;
use crate::server::read;

/// Does what was asked over the server's API.
///
/// # Errors
/// Whatever kept it from being done, for people; a command that works on a store alone.
pub(super) async fn run(common: &Common, command: Command) -> anyhow::Result<ExitCode> {
    if common.store.is_some() {
        bail!("--store (or TENANTRY_STORE) and --server (or TENANTRY_SERVER) are both given: say which one is meant");
    }
    let server = match &command {
        Command::Get(_)
        | Command::Config(_)
        | Command::Explain(_)
        | Command::Status(_)
        | Command::Scale(_)
        | Command::Pause(_)
        | Command::Resume(_)
        | Command::Audit(_)
        | Command::CanI(_)
        | Command::Policy(_)
        | Command::Role(_)
        | Command::BreakGlass(_)
        | Command::Recommend(_)
        | Command::Top(_)
        | Command::Token(_) => common.server.reach(None).await?,
        _ => return of_the_store(),
    };
    match command {
        Command::Get(command) => lists::get(common, &server, command).await,
        Command::Config(command) => configuration::run(common, &server, command).await,
        Command::Explain(command) => lists::explain(common, &server, command).await,
        Command::Status(command) => lists::status(common, &server, command).await,
        Command::Scale(command) => interventions::scale(common, &server, command).await,
        Command::Pause(command) => interventions::pause(common, &server, command).await,
        Command::Resume(command) => interventions::resume(common, &server, command).await,
        Command::Audit(command) => access::audit(common, &server, command).await,
        Command::Token(command) => access::token(common, &server, command).await,
        Command::CanI(command) => written::can_i(common, &server, command).await,
        Command::Policy(command) => written::policies(common, &server, command).await,
        Command::Role(command) => written::roles(common, &server, command).await,
        Command::BreakGlass(command) => written::break_glass(common, &server, command).await,
        Command::Top(command) => top::run_served(server, command).await,
        Command::Recommend(command) => recommend::recommend(common, &server, command).await,
        _ => of_the_store(),
    }
}

/// What is done with a store at hand only.
fn of_the_store<T>() -> anyhow::Result<T> {
    bail!(
        "this works on the store itself: run it where that is, with --store and without --server and TENANTRY_SERVER; \
         docs/api.md says what goes over the API"
    )
}

/// What is done with a store at hand only, of a command that is done over the API otherwise.
fn not_over_the_api<T>(what: &str) -> anyhow::Result<T> {
    bail!("{what} works on the store itself: run it where that is, with --store and without --server")
}

/// Nobody says who they are to a server, which knows.
fn no_author(author: Option<&String>) -> anyhow::Result<()> {
    match author {
        None => Ok(()),
        Some(_) => bail!("neither --author nor --by can be given with --server: the server knows who you are"),
    }
}

fn of_workload(key: &WorkloadKey) -> String {
    format!("/v1/tenants/{}/workloads/{}", key.tenant, key.workload)
}

/// Says an answer: as it came for programs, and as a table of what is read of it for people.
fn say<T: DeserializeOwned>(common: &Common, answer: &Value, table: impl FnOnce(T) -> String) -> anyhow::Result<()> {
    crate::terminal::say(&shown(common, answer, table)?);
    Ok(())
}

fn shown<T: DeserializeOwned>(
    common: &Common,
    answer: &Value,
    table: impl FnOnce(T) -> String,
) -> anyhow::Result<String> {
    // Read first: that it cannot be is an error, and no table.
    match common.output {
        output::Format::Table => Ok(table(read(answer.clone())?)),
        form => output::render(form, answer, |_| String::new()),
    }
}

fn or_dash(text: Option<impl ToString>) -> String {
    text.map_or_else(|| "-".to_owned(), |text| text.to_string())
}

fn or_unknown(size: Option<u32>) -> String {
    size.map_or_else(|| "?".to_owned(), |size| size.to_string())
}
