//! The root log: each log's checkpoints are its leaves, so that one root speaks for all logs of a deployment, and one
//! witness can watch over them. A proof shows hashes alone: nobody learns of other tenants by it.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use tenantry_audit::{
    Checkpoint, FORMAT, Hash, Line, Places, PublicKeys, RootProof, SignedNote, SigningKeys, added, edge, first_place,
    hash_of, prove_inclusion, root, root_origin,
};
use tenantry_domain::time::Timestamp;

use super::{Audit, AuditError, asked_places, signed_for};
use crate::ports::store::audit::LogOf;
use crate::ports::store::audit::roots::{RootCheckpoint, RootLeaf, RootSeal};
use crate::scope::Scope;

/// Logs whose checkpoints become leaves at a time.
const LEAVES_MAX: u32 = 1_024;
/// How often another server may be quicker before the next second is waited for.
const OVERTAKEN_MAX: usize = 8;
/// What it is called.
const NAME: &str = "the deployment's root log";

impl Audit {
    /// The name of the root log.
    #[must_use]
    pub fn root_origin(&self) -> String {
        root_origin(&self.deployment)
    }

    /// Makes leaves of the checkpoints that the root log does not have.
    pub(super) async fn root(&self, keys: &SigningKeys, now: Timestamp) -> Result<(), AuditError> {
        let mut overtaken = 0;
        loop {
            let moved = self.store.unrooted(LEAVES_MAX).await?;
            if moved.is_empty() || overtaken == OVERTAKEN_MAX {
                return Ok(());
            }
            if !self.root_once(&moved, keys, now).await? {
                overtaken += 1;
            }
        }
    }

    async fn root_once(
        &self,
        moved: &[(LogOf, String)],
        keys: &SigningKeys,
        now: Timestamp,
    ) -> Result<bool, AuditError> {
        let from = self.store.root_size().await?;
        let mut tree = self.root_tree(&edge(from)).await?;
        let before = root(from, &tree).map_err(broken)?;
        if !self.check_root(from, before, keys).await? {
            return Ok(false);
        }
        let (mut size, mut leaves, mut hashes) = (from, Vec::with_capacity(moved.len()), Vec::new());
        for (log, signed) in moved {
            // Only what was signed becomes a leaf.
            let (checkpoint, _) = keys.public().verify(signed)?;
            let leaf = checkpoint.text();
            let new = added(size, hash_of(leaf.as_bytes()), &tree).map_err(broken)?;
            let placed = (first_place(size)..).zip(new);
            hashes.extend(placed.clone());
            tree.extend(placed);
            leaves.push(RootLeaf { seq: size, log: log.clone(), size: checkpoint.size, leaf });
            size += 1;
        }
        let root = root(size, &tree).map_err(broken)?;
        let checkpoint = keys.sign(&Checkpoint { origin: self.root_origin(), size, root }, now)?;
        if !self.store.root(&RootSeal { from, leaves, hashes, checkpoint }).await? {
            return Ok(false);
        }
        *self.known_root.lock().unwrap_or_else(PoisonError::into_inner) = Some((size, root));
        Ok(true)
    }

    /// Makes sure that the root log is as it was signed last, as for every log.
    async fn check_root(&self, size: u64, root: Hash, keys: &SigningKeys) -> Result<bool, AuditError> {
        let other = |was| AuditError::RolledBack { log: NAME.to_owned(), was, found: size };
        let known = *self.known_root.lock().unwrap_or_else(PoisonError::into_inner);
        match known {
            Some((was, last)) if was > size || (was == size && last != root) => return Err(other(was)),
            Some((was, _)) if was == size => return Ok(true),
            Some(_) | None => {}
        }
        let last = self.store.root_heads().await?.into_iter().max_by_key(|head| head.size);
        let last = last.map(|last| keys.public().verify(&last.signed)).transpose()?;
        let fits = match &last {
            None => size == 0,
            Some((last, _)) => last.origin == self.root_origin() && last.size == size && last.root == root,
        };
        // Another server may have added to it since its size was read.
        if fits || self.store.root_size().await? != size {
            return Ok(fits);
        }
        Err(other(last.map_or(0, |(last, _)| last.size)))
    }

    async fn root_tree(&self, places: &[u64]) -> Result<BTreeMap<u64, Hash>, AuditError> {
        Ok(self.store.root_hashes(places).await?.into_iter().collect())
    }

    /// That a log is in the root log: against the last checkpoint, and against the last that witnesses cosigned. Nothing
    /// where it is not there yet.
    ///
    /// # Errors
    /// [`AuditError`].
    pub async fn prove_rooted(&self, scope: &Scope, log: &LogOf) -> Result<Vec<RootProof>, AuditError> {
        let pruned = self.head(scope, log).await?.pruned;
        let mut proofs: Vec<RootProof> = Vec::new();
        for head in self.store.root_heads().await? {
            let leaf = self.store.root_leaf(log, head.size).await?;
            // Of what was pruned there is nothing left to hold a leaf against.
            let Some(leaf) = leaf.filter(|leaf| leaf.size >= pruned) else { continue };
            let (seq, size) = (leaf.seq, head.size);
            let tree = self.root_tree(&asked_places(|asked| prove_inclusion(seq, size, asked).is_ok())).await?;
            let path = prove_inclusion(seq, size, &tree).map_err(broken)?.path;
            let path = path.iter().map(ToString::to_string).collect();
            proofs.push(RootProof { size: leaf.size, leaf: seq, path, checkpoint: head.signed });
        }
        Ok(proofs)
    }

    /// Hands out the root log as the lines of an export. It is the platform's, as it names all tenants.
    ///
    /// # Errors
    /// [`AuditError`], or what `write` says.
    pub async fn export_root<E: From<AuditError>>(
        &self,
        scope: &Scope,
        keys: &PublicKeys,
        mut write: impl FnMut(Line) -> Result<(), E>,
    ) -> Result<(), E> {
        if scope.only().is_some() {
            return Err(AuditError::NoLog { log: NAME.to_owned() }.into());
        }
        let checkpoints = self.store.root_checkpoints().await.map_err(AuditError::from)?;
        let size = checkpoints.last().map_or(0, |last| signed_for(&last.signed));
        let size = size.max(self.store.root_size().await.map_err(AuditError::from)?);
        write(Line::Log { format: FORMAT, origin: self.root_origin(), keys: keys.to_text() })?;
        let mut next = 0;
        while next < size {
            let leaves = self.store.root_leaves(next, LEAVES_MAX).await.map_err(AuditError::from)?;
            let places: Vec<u64> = leaves.iter().map(|leaf| first_place(leaf.seq)).collect();
            let hashes = self.root_tree(&places).await?;
            let Some(last) = leaves.last() else { break };
            next = last.seq + 1;
            for leaf in leaves.into_iter().filter(|leaf| leaf.seq < size) {
                let hash = hashes.get(&first_place(leaf.seq)).map(Hash::to_string).unwrap_or_default();
                write(Line::Leaf { seq: leaf.seq, leaf: leaf.leaf, hash })?;
            }
        }
        checkpoints.into_iter().try_for_each(|checkpoint| write(Line::Checkpoint(checkpoint.signed)))
    }

    /// The last checkpoint of the root log; none before the first.
    pub(super) async fn root_head(&self) -> Result<Option<(RootCheckpoint, SignedNote)>, AuditError> {
        let last = self.store.root_heads().await?.into_iter().max_by_key(|head| head.size);
        last.map(|head| {
            let note = SignedNote::parse(&head.signed)?;
            Ok((head, note))
        })
        .transpose()
    }

    /// That the root log goes on from an earlier size.
    pub(super) async fn prove_root_prefix(&self, earlier: u64, size: u64) -> Result<Vec<Hash>, AuditError> {
        if earlier == 0 || earlier == size {
            return Ok(Vec::new());
        }
        let prove = |places: &dyn Places| tenantry_audit::prove_prefix(earlier, size, places);
        let tree = self.root_tree(&asked_places(|asked| prove(asked).is_ok())).await?;
        prove(&tree).map_err(broken)
    }
}

fn broken(source: tenantry_audit::Missing) -> AuditError {
    AuditError::Broken { log: NAME.to_owned(), source }
}
