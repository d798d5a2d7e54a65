//! Writing to the terminal, or to whatever stands in for it.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is where the program prints")]

use std::io::{IsTerminal as _, Write as _};

/// Whether a person looks at the standard output.
pub(crate) fn is_interactive() -> bool {
    std::io::stdout().is_terminal()
}

/// Writes a line to the standard output. A reader that has gone, such as `head`, ends the program in peace.
pub(crate) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{text}").and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

/// Writes a line to the standard error.
pub(crate) fn note(text: &str) {
    eprintln!("{text}");
}

/// Writes an error to the standard error.
pub(crate) fn complain(text: &str) {
    let bold = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    if bold { eprintln!("\x1b[1;31merror:\x1b[0m {text}") } else { eprintln!("error: {text}") }
}

/// Clears the screen for the next picture of `--watch`.
pub(crate) fn clear() {
    if is_interactive() {
        print!("\x1b[2J\x1b[H");
    }
}

/// Shows how far long work is, on one line of a person's terminal; elsewhere nothing.
pub(crate) fn progress(text: &str) {
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[2K{text}");
    }
}

/// Clears the line of [`progress`].
pub(crate) fn progress_ends() {
    progress("");
}
