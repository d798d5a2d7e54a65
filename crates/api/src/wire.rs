//! What goes over the wire. These types are the contract with callers: they are made of the engine's by hand, so that
//! nothing changes for callers, or gets out, because something changed inside.

pub(crate) mod audit;
pub(crate) mod config;
pub(crate) mod decision;
pub(crate) mod status;
pub(crate) mod token;
pub(crate) mod workload;
pub(crate) mod written;

use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Milli;
use tenantry_engine::ports::store::Owner;

/// An instant as RFC 3339 has it.
pub(crate) fn instant(at: Timestamp) -> String {
    at.to_jiff().to_string()
}

/// A value in its own unit.
pub(crate) fn number(value: Milli) -> f64 {
    value.as_f64()
}

/// Who may write a document: `api`, or `folder:NAME`.
pub(crate) fn owner(owner: &Owner) -> String {
    match owner {
        Owner::Api => "api".to_owned(),
        Owner::Folder(folder) => format!("folder:{folder}"),
    }
}

/// Declares a page of a list.
macro_rules! page {
    ($(#[$doc:meta])* $name:ident of $item:ty) => {
        $(#[$doc])*
        #[derive(Debug, serde::Serialize, utoipa::ToSchema)]
        pub(crate) struct $name {
            /// The items, in order.
            #[schema(value_type = Vec<$item>)]
            pub(crate) items: Vec<serde_json::Value>,
            /// For the next page, as `cursor`; none on the last.
            pub(crate) next: Option<String>,
        }
    };
}
pub(crate) use page;
