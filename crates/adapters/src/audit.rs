//! Who is told of the audit logs, or watches over them.

pub mod witness;
