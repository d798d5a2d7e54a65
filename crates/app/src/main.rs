//! The one binary `tenantry`: the server with its control loops, and the command line.

mod author;
mod cli;
mod commands;
mod failure;
mod output;
mod place;
mod sizes;
mod terminal;
mod time;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(2).build() {
        Ok(runtime) => runtime,
        Err(error) => return failure::report(&anyhow::anyhow!("the runtime could not be started: {error}")),
    };
    match runtime.block_on(commands::run(cli)) {
        Ok(code) => code,
        Err(error) => failure::report(&error),
    }
}
