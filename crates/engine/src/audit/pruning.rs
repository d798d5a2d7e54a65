//! Pruning old entries. What is hashed of them stays, and what was signed about them: the rest of the log is as provable as
//! before, and so is each pruned entry, to whoever has kept it.

use std::collections::BTreeMap;

use tenantry_audit::{Checkpoint, Entry, Hash, Line, SigningKeys, Tree, edge, hash_of, is_prefix, pruned_origin};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Span;

use super::{Audit, AuditError, ENTRIES_MAX, named};
use crate::ports::store::Authorship;
use crate::ports::store::audit::pruning::Pruning;
use crate::ports::store::audit::{Deed, LogOf};
use crate::scope::Scope;

/// Entries of one log that are pruned in one transaction.
const PRUNED_MAX: u64 = 65_536;
/// A destination that took something so recently is waited for before what it has not is pruned.
const AWAITED_FOR: Span = Span::from_secs(30 * 86_400);

/// What was pruned of a log, or would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pruned {
    /// Whose.
    pub log: LogOf,
    /// The first entry that went.
    pub from: u64,
    /// The first that stays.
    pub until: u64,
    /// Why nothing may be pruned, where that is so.
    pub held: Option<String>,
    /// Whether more would have gone, but for a destination that does not have it yet.
    pub awaited: bool,
}

impl Audit {
    /// Prunes the entries of a log from before an instant, as far as they are sealed, delivered and not held; with
    /// `dry_run` it says what would go.
    ///
    /// # Errors
    /// [`AuditError`]: what is not as it was signed is not pruned, so that it can be looked into.
    pub async fn prune(
        &self,
        keys: &SigningKeys,
        log: &LogOf,
        before: Timestamp,
        by: &Authorship,
        dry_run: bool,
    ) -> Result<Pruned, AuditError> {
        let first = self.head(&Scope::platform(), log).await?;
        let mut pruned =
            Pruned { log: log.clone(), from: first.pruned, until: first.pruned, held: first.held, awaited: false };
        if pruned.held.is_some() {
            return Ok(pruned);
        }
        let awaited = self.store.awaited(log, by.at - AWAITED_FOR).await?.unwrap_or(u64::MAX);
        loop {
            let until = first.sealed.min(pruned.until.saturating_add(PRUNED_MAX));
            let (mut size, mut root) = self.old(log, pruned.until, until, before).await?;
            if awaited < size {
                pruned.awaited = true;
                // The root is made of what goes, and of no more.
                (size, root) = self.old(log, pruned.until, awaited, before).await?;
            }
            let Some(root) = root else { return Ok(pruned) };
            self.check_signed(keys, log, size, root).await?;
            if !dry_run {
                let piece = self.pruning(keys, log, (pruned.until, size), root, by)?;
                if !self.store.prune_log(&piece).await? {
                    return Ok(pruned);
                }
            }
            pruned.until = size;
        }
    }

    /// How far entries from `from` on are from before an instant, and the root of the log there, made of the entries
    /// themselves; none where none is.
    async fn old(
        &self,
        log: &LogOf,
        from: u64,
        until: u64,
        before: Timestamp,
    ) -> Result<(u64, Option<Hash>), AuditError> {
        let broken = |source| AuditError::Broken { log: named(log), source };
        let mut tree = Tree::from_edge(from, &self.edge_at(log, from).await?).map_err(broken)?;
        'all: while tree.size() < until {
            let entries = self.store.entries(log, tree.size(), ENTRIES_MAX).await?;
            if entries.is_empty() {
                break;
            }
            for logged in entries {
                if logged.seq != tree.size() || logged.seq >= until {
                    break 'all;
                }
                // What is signed counts, not the index: a wrong time there must not have anything pruned.
                match Entry::from_bytes(&logged.entry) {
                    Ok(entry) if entry.at < before => tree.add(hash_of(&logged.entry)).map_err(broken)?,
                    _ => break 'all,
                }
            }
        }
        let size = tree.size();
        if size == from { Ok((size, None)) } else { Ok((size, Some(tree.root_at(size).map_err(broken)?))) }
    }

    async fn edge_at(&self, log: &LogOf, size: u64) -> Result<Vec<Hash>, AuditError> {
        let places = edge(size);
        let found: BTreeMap<u64, Hash> = self.store.hashes(log, &places).await?.into_iter().collect();
        Ok(places.iter().filter_map(|place| found.get(place).copied()).collect())
    }

    /// Makes sure that the log which was signed last begins with these entries.
    async fn check_signed(&self, keys: &SigningKeys, log: &LogOf, size: u64, root: Hash) -> Result<(), AuditError> {
        let (sealed, signed) = self.sealed(log).await?;
        let signed = signed.map(|signed| keys.public().verify(&signed)).transpose()?;
        let fits = match signed {
            Some((last, _)) if last.size == size => last.root == root,
            Some((last, _)) if last.size > size => {
                let proof = self.prove_prefix(log, size, sealed).await?;
                is_prefix(&proof, (size, root), (last.size, last.root))
            }
            Some(_) | None => false,
        };
        if fits { Ok(()) } else { Err(AuditError::RolledBack { log: named(log), was: sealed, found: size }) }
    }

    fn pruning(
        &self,
        keys: &SigningKeys,
        log: &LogOf,
        (from, size): (u64, u64),
        root: Hash,
        by: &Authorship,
    ) -> Result<Pruning, AuditError> {
        let said = Checkpoint { origin: pruned_origin(&self.origin(log)), size, root };
        let statement = keys.sign(&said, by.at)?;
        let deed = Deed {
            action: "audit.prune",
            after: Some(root.to_string()),
            ..Deed::done(log.clone(), by, format!("{}@{from}-{}", resource(log), size.saturating_sub(1)))
        };
        Ok(Pruning { log: log.clone(), from, size, statement, deed })
    }

    /// What an export says of pruned entries.
    pub(super) async fn what_was_pruned(&self, log: &LogOf, size: u64) -> Result<Line, AuditError> {
        let edge = self.edge_at(log, size).await?.iter().map(ToString::to_string).collect();
        let statement = self.store.pruned(log).await?.unwrap_or_default();
        Ok(Line::Pruned { size, edge, statement })
    }

    /// Holds a log for a reason, or lets it go.
    ///
    /// # Errors
    /// [`AuditError`].
    pub async fn hold(&self, log: &LogOf, reason: Option<&str>, by: &Authorship) -> Result<(), AuditError> {
        let action = if reason.is_some() { "audit.hold" } else { "audit.release" };
        let deed = Deed { action, ..Deed::done(log.clone(), by, resource(log)) };
        if self.store.hold(log, reason, &deed).await? { Ok(()) } else { Err(AuditError::NoLog { log: named(log) }) }
    }
}

fn resource(log: &LogOf) -> String {
    log.as_ref().map_or_else(|| "audit/platform".to_owned(), |tenant| format!("audit/tenant/{tenant}"))
}
