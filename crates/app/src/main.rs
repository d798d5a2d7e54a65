//! The one binary `tenantry`: the server with its control loops, and the command line.

mod audit_key;
mod author;
mod cli;
mod commands;
mod credentials;
mod failure;
mod keys;
mod oidc;
mod output;
mod page;
mod parallel;
mod place;
mod private;
mod server;
mod sizes;
mod terminal;
mod time;

use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = cli::parsed().unwrap_or_else(|error| error.exit());
    let built = match cli.command {
        // The world is lived through on one thread and drawn on another.
        cli::Command::Demo(_) => tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(2).build(),
        // One thread is enough for a server that rests nearly all the time, and keeps a third of the memory: the
        // allocator holds on to what each thread once needed.
        _ => tokio::runtime::Builder::new_current_thread().enable_all().build(),
    };
    let runtime = match built {
        Ok(runtime) => runtime,
        Err(error) => return failure::report(&anyhow::anyhow!("the runtime could not be started: {error}")),
    };
    match runtime.block_on(commands::run(cli)) {
        Ok(code) => code,
        Err(error) => failure::report(&error),
    }
}
