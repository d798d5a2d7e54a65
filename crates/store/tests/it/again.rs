//! Runs one test of this binary once more, as a process of its own.

use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

/// Tells the test that it is the child, and what to work on.
const WORD: &str = "TENANTRY_STORE_CHILD";

/// A command that runs `test` with `given`, behind `wrapper` (a program and its arguments) when there is one.
pub(crate) fn command(wrapper: &[&str], test: &str, given: &str) -> Command {
    let this = std::env::current_exe().unwrap();
    let mut command = match wrapper {
        [] => Command::new(this),
        [program, arguments @ ..] => {
            let mut command = Command::new(program);
            command.args(arguments).arg(this);
            command
        }
    };
    command.args([test, "--exact", "--nocapture"]).env(WORD, given);
    command
}

/// What the child was given; none in an ordinary run.
pub(crate) fn given() -> Option<String> {
    std::env::var(WORD).ok()
}

pub(crate) fn is_root() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}
