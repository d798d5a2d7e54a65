//! Whether a tenant can be kept apart as its configuration asks.

use tenantry_domain::config::{Document, DocumentKey, IsolationLevel, Problems};

/// The field.
const FIELD: &str = "security.isolation_level";

/// What else there is in a store.
#[derive(Debug, Clone, Copy)]
pub(super) struct Others {
    /// How many tenants, beside those whose configuration changes.
    pub(super) count: usize,
    /// Whether one of them has the store for itself.
    pub(super) is_anybodys: bool,
    /// Whether each tenant's data is sealed with a key-encryption key of its own.
    pub(super) keys_of_their_own: bool,
}

/// Of tenants whose configuration changes, those that are to be kept apart in a way that is not to be had here, or that would
/// come into a store that is another's. Of tenants that the caller does not see no more is told than that they are there.
pub(super) fn kept_apart(changing: &[(&Document, IsolationLevel)], others: Others) -> Vec<(DocumentKey, Problems)> {
    let dedicated = changing.iter().filter(|(_, level)| *level == IsolationLevel::Dedicated).count();
    let there_are_others = changing.len() + others.count > 1;
    let mut wrong = Vec::new();
    for (tenant, level) in changing {
        let is_dedicated = *level == IsolationLevel::Dedicated;
        let message = match level {
            IsolationLevel::Dedicated if there_are_others => {
                "a dedicated tenant has a store of its own, and this one holds others"
            }
            _ if others.is_anybodys || dedicated > usize::from(is_dedicated) => {
                "this store is a dedicated tenant's, and takes no other"
            }
            IsolationLevel::Strict | IsolationLevel::Dedicated if !others.keys_of_their_own => {
                "its data would not be sealed with a key of its own: the provider of keys has one for all"
            }
            _ => continue,
        };
        let help = match level {
            IsolationLevel::Dedicated => "run a server with another `--store` for it",
            IsolationLevel::Strict => "take a `--key-provider` with a key for each tenant, such as `file`",
            IsolationLevel::Shared => "declare it at another server",
        };
        let mut problem = tenant.locate(FIELD);
        problem.message = message.to_owned();
        problem.help = Some(help.to_owned());
        wrong.push((tenant.key().clone(), Problems(vec![problem])));
    }
    wrong
}
