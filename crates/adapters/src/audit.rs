//! Who is told of the audit logs, or watches over them.

mod file;
mod syslog;
mod webhook;
pub mod witness;

use tenantry_audit::{Form, Told};
use tenantry_engine::ports::receiver::Undelivered;

pub use self::file::FileReceiver;
pub use self::syslog::Syslog;
pub use self::webhook::Webhook;

fn undelivered(message: impl std::fmt::Display) -> Undelivered {
    Undelivered { message: message.to_string(), again_after: None }
}

/// Entries in a form, a line for each.
fn lines(form: Form, told: &[Told]) -> String {
    told.iter().map(|told| format!("{}\n", form.of(told))).collect()
}
