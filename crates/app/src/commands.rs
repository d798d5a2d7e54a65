//! The commands, one module each.

pub(crate) mod backtest;
pub(crate) mod config;
pub(crate) mod demo;
mod errors;
pub(crate) mod explain;
mod get;
mod intervene;
pub(crate) mod simulate;
mod status;
pub(crate) mod top;
pub(crate) mod up;

use std::future::Future;
use std::process::ExitCode;

use clap::CommandFactory as _;
use tenantry_domain::unit::Span;

use crate::cli::{Cli, Command};
use crate::terminal;

/// Runs what was asked.
///
/// # Errors
/// Whatever kept it from being done, for people.
pub(crate) async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let common = cli.common;
    match cli.command {
        Command::Up(up) => up::run(&common, *up).await,
        Command::Demo(demo) => demo::run(demo).await,
        Command::Backtest(command) => backtest::run(&common, *command).await,
        Command::Simulate(command) => simulate::run(&common, command).await,
        Command::Errors { code } => errors::run(&common, code.as_deref()),
        Command::Config(command) => config::run(&common, command).await,
        Command::Get(command) => get::run(&common, command).await,
        Command::Explain(command) => explain::run(&common, command).await,
        Command::Status(command) => status::run(&common, command).await,
        Command::Scale(command) => intervene::scale(&common, command).await,
        Command::Pause(command) => intervene::pause(&common, command).await,
        Command::Resume(command) => intervene::resume(&common, command).await,
        Command::Top(command) => top::run(&common, command).await,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "tenantry", &mut script);
            terminal::say(String::from_utf8_lossy(&script).trim_end());
            Ok(ExitCode::SUCCESS)
        }
        Command::Man => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page)?;
            terminal::say(String::from_utf8_lossy(&page).trim_end());
            Ok(ExitCode::SUCCESS)
        }
    }
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
