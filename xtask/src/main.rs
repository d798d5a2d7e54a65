//! House checks: `cargo run -p xtask -- tidy`.

mod evidence;
mod layers;
mod sizes;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

fn main() -> ExitCode {
    let task = std::env::args().nth(1);
    let result = match task.as_deref() {
        Some("tidy") => tidy(),
        _ => Err(anyhow::anyhow!("usage: cargo run -p xtask -- tidy")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("xtask: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Runs every check and reports all findings at once.
fn tidy() -> Result<()> {
    let root = root()?;
    let mut findings = sizes::check(&root)?;
    findings.extend(layers::check(&root)?);
    findings.extend(evidence::check(&root)?);
    if findings.is_empty() {
        say("tidy: sizes, dependency direction, reach of pure crates and named evidence are in order");
        return Ok(());
    }
    for finding in &findings {
        say(finding);
    }
    bail!("{} findings; see STYLE in CONTRIBUTING.md for the rules", findings.len())
}

fn root() -> Result<PathBuf> {
    // Asked when it runs, not when it was built: clones that share a target folder share the program too.
    let here = std::env::var_os("CARGO_MANIFEST_DIR").context("run it with `cargo run -p xtask -- tidy`")?;
    PathBuf::from(here).parent().map(PathBuf::from).context("xtask lies in the workspace root")
}

#[expect(clippy::print_stderr, reason = "this program's whole output is for a person at a terminal")]
fn say(line: &str) {
    eprintln!("{line}");
}
