//! The commands, one module each.

pub(crate) mod audit;
pub(crate) mod backtest;
pub(crate) mod backup;
pub(crate) mod break_glass;
pub(crate) mod can_i;
pub(crate) mod config;
pub(crate) mod demo;
mod errors;
pub(crate) mod explain;
pub(crate) mod forecast;
mod get;
mod intervene;
pub(crate) mod keys;
pub(crate) mod login;
pub(crate) mod policy;
mod recommend;
mod recorded;
mod remote;
pub(crate) mod simulate;
mod status;
pub(crate) mod token;
pub(crate) mod top;
pub(crate) mod up;
pub(crate) mod witness;

use std::future::Future;
use std::process::ExitCode;

use anyhow::bail;
use tenantry_domain::unit::Span;

use crate::cli::{self, Cli, Command};
use crate::{place, terminal};

/// Runs what was asked.
///
/// # Errors
/// Whatever kept it from being done, for people.
pub(crate) async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let done = dispatch(cli).await;
    place::close_all().await;
    done
}

async fn dispatch(cli: Cli) -> anyhow::Result<ExitCode> {
    let common = cli.common;
    if common.server.server.is_some() && cli.command.has_a_store() {
        return remote::run(&common, cli.command).await;
    }
    match cli.command {
        Command::Up(up) => up::run(&common, *up).await,
        Command::Demo(demo) => demo::run(demo).await,
        Command::Backtest(command) => backtest::run(&common, *command).await,
        Command::Forecast(command) => forecast::run(&common, &command),
        Command::Simulate(command) => simulate::run(&common, command).await,
        Command::Errors { code } => errors::run(&common, code.as_deref()),
        Command::Config(command) => config::run(&common, command).await,
        Command::Audit(command) => audit::run(&common, command).await,
        Command::Witness(command) => witness::run(*command).await,
        Command::Backup(command) => backup::run(&common, *command).await,
        Command::Restore(command) => backup::restore(&common, *command).await,
        Command::Keys(command) => keys::run(&common, command).await,
        Command::Get(command) => get::run(&common, command).await,
        Command::Explain(command) => explain::run(&common, command).await,
        Command::Recommend(command) => recommend::run(&common, command).await,
        Command::Status(command) => status::run(&common, command).await,
        Command::Scale(command) => intervene::scale(&common, command).await,
        Command::Pause(command) => intervene::pause(&common, command).await,
        Command::Resume(command) => intervene::resume(&common, command).await,
        Command::Token(command) => token::run(&common, command).await,
        Command::Login(command) => login::login(&common, *command).await,
        Command::Logout(_) => login::logout(&common),
        Command::Whoami(command) => login::whoami(&common, command).await,
        Command::CanI(command) => can_i::run(&common, command).await,
        Command::Policy(command) => policy::run(&common, command).await,
        Command::Role(command) => policy::run_role(&common, command).await,
        Command::BreakGlass(command) => break_glass::run(&common, command).await,
        Command::Top(command) => top::run(&common, command).await,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut cli::command(), "tenantry", &mut script);
            terminal::say(String::from_utf8_lossy(&script).trim_end());
            Ok(ExitCode::SUCCESS)
        }
        Command::Man { command } => manual(&command),
    }
}

/// The manual page of a command, which is named by its words.
fn manual(words: &[String]) -> anyhow::Result<ExitCode> {
    let mut whole = cli::command();
    whole.build();
    let mut named = &whole;
    for word in words {
        let Some(inner) = named.find_subcommand(word) else {
            let names: Vec<&str> = named.get_subcommands().map(clap::Command::get_name).collect();
            let known = if names.is_empty() { "it has no commands".to_owned() } else { names.join(", ") };
            bail!("`{}` has no command `{word}`: {known}", named.get_bin_name().unwrap_or("tenantry"));
        };
        named = inner;
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(named.clone()).render(&mut page)?;
    terminal::say(String::from_utf8_lossy(&page).trim_end());
    Ok(ExitCode::SUCCESS)
}

/// Shows a picture once, or again and again until interrupted.
async fn watch<F, Fut>(every: Option<Span>, mut picture: F) -> anyhow::Result<ExitCode>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = anyhow::Result<(String, ExitCode)>>,
{
    loop {
        let (text, code) = picture().await?;
        let Some(every) = every else {
            terminal::say(&text);
            return Ok(code);
        };
        terminal::clear();
        terminal::say(&text);
        tokio::select! {
            () = tokio::time::sleep(every.as_duration()) => {}
            _ = tokio::signal::ctrl_c() => return Ok(ExitCode::SUCCESS),
        }
    }
}
