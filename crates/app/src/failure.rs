//! How a command ends, in words and as a code that scripts can use.

use std::process::ExitCode;

use crate::terminal;

/// What was asked cannot be done: bad input, nothing found, a store that does not open.
pub(crate) const FAILED: u8 = 1;
/// `status`: something is wrong. `config validate`: a document has problems. `config diff`: there is a difference.
pub(crate) const FOUND: u8 = 3;

/// Writes an error with its causes to the standard error.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    let mut text = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        // Errors that show their cause themselves do not say it twice.
        if !text.contains(&cause) {
            text = format!("{text}\n  because: {cause}");
        }
    }
    terminal::complain(&text);
    ExitCode::from(FAILED)
}
