//! The use cases of the audit logs: sealing what was written down, searching it, and handing it out so that others can
//! verify it without trust in who keeps it.

pub mod delivery;
pub mod pruning;
mod roots;
pub mod witness;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tenantry_audit::{
    Checkpoint, CheckpointError, Detail, Entry, EntryError, FORMAT, Hash, Inclusion, Line, Missing, PublicKeys,
    SigningKeys, added, edge, first_place, hash_of, origin, prove_inclusion, prove_prefix, root,
};
use tenantry_domain::time::Timestamp;
use thiserror::Error;

use crate::ports::store::StoreError;
use crate::ports::store::audit::{AuditStore, LogFilter, LogHead, LogOf, Logged, Seal};
use crate::scope::Scope;

/// Entries of one log that are sealed at a time.
const ENTRIES_MAX: u32 = 4_096;
/// Logs that are sealed in one round.
const LOGS_MAX: u32 = 1_024;
/// Logs that are sealed in one transaction: each costs the disk a wait, and keeps other writers waiting.
const SEALS_MAX: usize = 64;

/// Logs that are tried before it is said that they are signed with another key.
const KEYS_TRIED_MAX: usize = 16;
/// Beyond the last leaf that the root log can have.
const LEAF_LAST: u64 = i64::MAX as u64;

/// Why a log was not sealed, read or handed out.
#[derive(Debug, Error)]
pub enum AuditError {
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The tree in the store has not what it should.
    #[error("the log of {log} cannot be gone on with: {source}; `tenantry audit verify` says what was altered")]
    Broken {
        /// Whose.
        log: String,
        /// What is missing.
        source: Missing,
    },
    /// The store has less than was sealed, or something else.
    #[error(
        "the log of {log} was sealed up to {was} entries, and the store has another log with {found}: it is not gone on \
         with; `tenantry audit verify` says what was altered"
    )]
    RolledBack {
        /// Whose.
        log: String,
        /// Up to which entry it was sealed.
        was: u64,
        /// What the store says.
        found: u64,
    },
    /// An entry in the store is none.
    #[error("entry {seq} of the log of {log} cannot be read: {source}; `tenantry audit verify` says what was altered")]
    Unreadable {
        /// Whose.
        log: String,
        /// Which.
        seq: u64,
        /// What is wrong.
        source: EntryError,
    },
    /// What a search found is not what was signed.
    #[error(
        "entry {seq} of the log of {log} is found as something that was not signed: it, or the index that is searched, was \
         altered; `tenantry audit verify` says what"
    )]
    Index {
        /// Whose.
        log: String,
        /// Which.
        seq: u64,
    },
    /// The last checkpoint of a log is none.
    #[error(
        "the last checkpoint of {log} in this store was altered: {source}; `tenantry audit verify` says what else was"
    )]
    Garbled {
        /// Whose log.
        log: String,
        /// What is wrong.
        source: CheckpointError,
    },
    /// A checkpoint could not be signed.
    #[error(transparent)]
    Signing(#[from] CheckpointError),
    /// The logs are signed with another key.
    #[error(
        "the audit logs of this store are signed with another key, as {origin}; name the file of that key, which all \
         servers of a store share"
    )]
    OtherKey {
        /// As which log the last checkpoint was signed.
        origin: String,
    },
    /// There is no such log, or nothing of it may be seen.
    #[error("there is no audit log of {log}")]
    NoLog {
        /// Whose.
        log: String,
    },
    /// It has no such entry, or it is not sealed yet.
    #[error("the log of {log} has no sealed entry {seq}; {sealed} are sealed")]
    NoEntry {
        /// Whose.
        log: String,
        /// Which.
        seq: u64,
        /// How many there are.
        sealed: u64,
    },
}

impl AuditError {
    /// The code under which `docs/errors` says what happened, why, and what to do.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Store(error) => error.code(),
            Self::Broken { .. }
            | Self::RolledBack { .. }
            | Self::Unreadable { .. }
            | Self::Index { .. }
            | Self::Garbled { .. } => "T901",
            Self::Signing(_) | Self::OtherKey { .. } => "T902",
            Self::NoLog { .. } | Self::NoEntry { .. } => "T903",
        }
    }
}

/// Whose log it is, for people.
#[must_use]
pub fn named(log: &LogOf) -> String {
    log.as_ref().map_or_else(|| "the platform".to_owned(), |tenant| format!("tenant `{tenant}`"))
}

/// The use cases, of one deployment.
#[derive(Clone)]
pub struct Audit {
    store: Arc<dyn AuditStore>,
    deployment: String,
    /// What was sealed last, by this program: what the store says of it later is not taken on trust.
    known: Arc<Mutex<BTreeMap<LogOf, (u64, Hash)>>>,
    /// The same of the root log.
    known_root: Arc<Mutex<Option<(u64, Hash)>>>,
}

impl std::fmt::Debug for Audit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Audit").field("deployment", &self.deployment).finish_non_exhaustive()
    }
}

impl Audit {
    /// Over a store. Logs are named after the deployment.
    #[must_use]
    pub fn new(store: Arc<dyn AuditStore>, deployment: impl Into<String>) -> Self {
        Self { store, deployment: deployment.into(), known: Arc::default(), known_root: Arc::default() }
    }

    /// Makes sure that what was sealed so far was signed with these keys: another server of the same store may have others,
    /// and of two that sign in turn nobody could verify a log.
    ///
    /// # Errors
    /// [`AuditError::OtherKey`], and what the store says.
    pub async fn check_keys(&self, keys: &PublicKeys) -> Result<(), AuditError> {
        let mut failed = None;
        let sealed = self.store.logs(&Scope::platform()).await?.into_iter().filter(|head| head.sealed > 0);
        for head in sealed.take(KEYS_TRIED_MAX) {
            let Some(signed) = self.store.checkpoints(&head.log).await?.pop() else { continue };
            let source = match keys.verify(&signed) {
                Ok(_) => return Ok(()),
                Err(source) => source,
            };
            // Signed with another key, or altered: it names the deployment whose key it was. Another log may show that the
            // key is the right one: then it is this log's trouble, and said when it is sealed.
            let origin = signed.lines().next().unwrap_or_default().to_owned();
            let other = matches!(source, CheckpointError::Signature { .. }) && origin != self.origin(&head.log);
            let garbled = AuditError::Garbled { log: named(&head.log), source };
            failed = failed.or(Some(if other { AuditError::OtherKey { origin } } else { garbled }));
        }
        failed.map_or(Ok(()), Err)
    }

    /// Seals what was written down since the last time: hashes it into the trees and signs their roots, and those into
    /// the root log. Says how many entries that were.
    ///
    /// # Errors
    /// The first [`AuditError`] of a log; all others are sealed all the same.
    pub async fn seal(&self, keys: &SigningKeys, now: Timestamp) -> Result<u64, AuditError> {
        let sealed = self.seal_logs(keys, now).await;
        let rooted = self.root(keys, now).await;
        let sealed = sealed?;
        rooted.map(|()| sealed)
    }

    async fn seal_logs(&self, keys: &SigningKeys, now: Timestamp) -> Result<u64, AuditError> {
        let (mut sealed, mut failed) = (0, None);
        loop {
            let waiting = self.store.unsealed(LOGS_MAX).await?;
            let mut done = 0;
            for some in waiting.chunks(SEALS_MAX) {
                let mut prepared = Vec::with_capacity(some.len());
                for head in some {
                    match self.prepared(head, keys, now).await {
                        Ok(one) => prepared.extend(one),
                        Err(error) => failed = failed.or(Some(error)),
                    }
                }
                match self.add(prepared).await {
                    Ok(count) => done += count,
                    Err(error) => failed = failed.or(Some(error)),
                }
            }
            sealed += done;
            if done == 0 {
                return failed.map_or(Ok(sealed), Err);
            }
        }
    }

    /// Adds what was prepared; how many entries that sealed.
    async fn add(&self, prepared: Vec<(Seal, Hash)>) -> Result<u64, AuditError> {
        let (seals, roots): (Vec<Seal>, Vec<Hash>) = prepared.into_iter().unzip();
        let added = self.store.seal(&seals).await?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sealed = 0;
        for ((seal, root), _) in seals.into_iter().zip(roots).zip(added).filter(|(_, added)| *added) {
            sealed += seal.size - seal.from;
            known.insert(seal.log, (seal.size, root));
        }
        Ok(sealed)
    }

    /// Makes sure that a log is as it was signed last, before anything is added: what was put back to an earlier state, or
    /// altered together with its hashes, must not get a signature of ours. Says whether it still is at that head.
    async fn check_unchanged(&self, head: &LogHead, keys: &SigningKeys, root: Hash) -> Result<bool, AuditError> {
        let other = |was| AuditError::RolledBack { log: named(&head.log), was, found: head.sealed };
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&head.log).copied();
        if let Some((size, last)) = known
            && (size > head.sealed || (size == head.sealed && last != root))
        {
            return Err(other(size));
        }
        if known.is_some_and(|(size, _)| size == head.sealed) {
            return Ok(true);
        }
        let last = self.store.checkpoints(&head.log).await?.pop();
        let last = last.map(|signed| keys.public().verify(&signed)).transpose()?;
        let fits = match &last {
            None => head.sealed == 0,
            Some((checkpoint, _)) => {
                checkpoint.origin == self.origin(&head.log) && checkpoint.size == head.sealed && checkpoint.root == root
            }
        };
        // What the root log has of it is not less, either: a log that was put back with its checkpoints is known by that.
        let leaf = self.store.root_leaf(&head.log, LEAF_LAST).await?;
        let leaf = leaf.map(|leaf| Checkpoint::parse(leaf.leaf.as_bytes())).transpose()?;
        let less = leaf.filter(|leaf| leaf.size > head.sealed || (leaf.size == head.sealed && leaf.root != root));
        let fits = fits && less.is_none();
        // Another server may have sealed it since the head was read.
        if fits || self.head(&Scope::platform(), &head.log).await?.sealed != head.sealed {
            return Ok(fits);
        }
        let signed = last.map_or(0, |(checkpoint, _)| checkpoint.size);
        Err(other(less.map_or(0, |leaf| leaf.size).max(signed)))
    }

    /// What is to be added to a log's tree, with the root that comes of it; none where there is nothing to add, or somebody
    /// else is doing so.
    async fn prepared(
        &self,
        head: &LogHead,
        keys: &SigningKeys,
        now: Timestamp,
    ) -> Result<Option<(Seal, Hash)>, AuditError> {
        let broken = |source| AuditError::Broken { log: named(&head.log), source };
        let entries = self.store.entries(&head.log, head.sealed, ENTRIES_MAX).await?;
        let mut tree: BTreeMap<u64, Hash> =
            self.store.hashes(&head.log, &edge(head.sealed)).await?.into_iter().collect();
        let before = root(head.sealed, &tree).map_err(broken)?;
        if !self.check_unchanged(head, keys, before).await? {
            return Ok(None);
        }
        let (mut size, mut hashes) = (head.sealed, Vec::new());
        for logged in entries.iter().take_while(|logged| logged.seq < head.entries) {
            let new = added(size, hash_of(&logged.entry), &tree).map_err(broken)?;
            let placed = (first_place(size)..).zip(new);
            hashes.extend(placed.clone());
            tree.extend(placed);
            size += 1;
        }
        let root = root(size, &tree).map_err(broken)?;
        let checkpoint = Checkpoint { origin: self.origin(&head.log), size, root };
        let checkpoint = keys.sign(&checkpoint, now)?;
        let seal = Seal { log: head.log.clone(), from: head.sealed, size, hashes, checkpoint };
        Ok((size > head.sealed).then_some((seal, root)))
    }

    /// The name of a log.
    #[must_use]
    pub fn origin(&self, log: &LogOf) -> String {
        origin(&self.deployment, log.as_ref())
    }

    /// The logs that may be seen.
    ///
    /// # Errors
    /// [`AuditError`].
    pub async fn logs(&self, scope: &Scope) -> Result<Vec<LogHead>, AuditError> {
        Ok(self.store.logs(scope).await?)
    }

    async fn head(&self, scope: &Scope, log: &LogOf) -> Result<LogHead, AuditError> {
        // Of one tenant's log no other is looked at.
        let own = log.as_ref().filter(|_| scope.only().is_none()).map(|tenant| Scope::tenant(tenant.clone()));
        let found = self.store.logs(own.as_ref().unwrap_or(scope)).await?.into_iter().find(|head| head.log == *log);
        found.ok_or_else(|| AuditError::NoLog { log: named(log) })
    }

    /// Entries of a log that a filter lets through, newest first, at most `count`.
    ///
    /// # Errors
    /// [`AuditError`].
    pub async fn search(
        &self,
        scope: &Scope,
        log: &LogOf,
        filter: &LogFilter,
        count: u32,
    ) -> Result<Vec<Entry>, AuditError> {
        self.head(scope, log).await?;
        let found = self.store.search(log, filter, count).await?;
        let places: Vec<u64> = found.iter().map(|logged| first_place(logged.seq)).collect();
        let hashes: BTreeMap<u64, Hash> = self.store.hashes(log, &places).await?.into_iter().collect();
        // What is searched is an index that nobody signed: what it leads to is held against the entry and its hash.
        let checked = |logged: &Logged| {
            let entry = read(log, logged)?;
            let hash = hashes.get(&first_place(logged.seq));
            let as_hashed = hash.is_none_or(|hash| *hash == hash_of(&logged.entry));
            let other = || AuditError::Index { log: named(log), seq: logged.seq };
            (as_hashed && logged.is_indexed_as(&entry)).then_some(entry).ok_or_else(other)
        };
        found.iter().map(checked).collect()
    }

    /// Entries that the store's index has under another actor, action or time than was signed, so that searches go
    /// wrong.
    ///
    /// # Errors
    /// [`AuditError`].
    pub async fn misindexed(&self, scope: &Scope, log: &LogOf) -> Result<Vec<u64>, AuditError> {
        let head = self.head(scope, log).await?;
        let (mut next, mut wrong) = (0, Vec::new());
        while next < head.entries {
            let entries = self.store.entries(log, next, ENTRIES_MAX).await?;
            let Some(last) = entries.last() else { break };
            next = last.seq + 1;
            let other =
                |logged: &&Logged| Entry::from_bytes(&logged.entry).is_ok_and(|entry| !logged.is_indexed_as(&entry));
            wrong.extend(entries.iter().filter(other).map(|logged| logged.seq));
        }
        Ok(wrong)
    }

    /// That an entry is in the log as it was last signed: its bytes, the proof, and the signed checkpoint.
    ///
    /// # Errors
    /// [`AuditError`].
    pub async fn prove(
        &self,
        scope: &Scope,
        log: &LogOf,
        seq: u64,
    ) -> Result<(Vec<u8>, Inclusion, String), AuditError> {
        self.head(scope, log).await?;
        // The proof is for the tree that the checkpoint speaks for, whatever is sealed meanwhile.
        let (sealed, checkpoint) = self.sealed(log).await?;
        let missing = || AuditError::NoEntry { log: named(log), seq, sealed };
        let logged = self.store.entries(log, seq, 1).await?.into_iter().next().filter(|found| found.seq == seq);
        let logged = logged.filter(|_| seq < sealed).ok_or_else(missing)?;
        let checkpoint = checkpoint.ok_or_else(missing)?;
        let places = asked_places(|asked| prove_inclusion(seq, sealed, asked).is_ok());
        let tree: BTreeMap<u64, Hash> = self.store.hashes(log, &places).await?.into_iter().collect();
        let proof = prove_inclusion(seq, sealed, &tree);
        let proof = proof.map_err(|source| AuditError::Broken { log: named(log), source })?;
        Ok((logged.entry, proof, checkpoint))
    }

    async fn prove_prefix(&self, log: &LogOf, from: u64, to: u64) -> Result<Vec<Hash>, AuditError> {
        let places = asked_places(|asked| prove_prefix(from, to, asked).is_ok());
        let tree: BTreeMap<u64, Hash> = self.store.hashes(log, &places).await?.into_iter().collect();
        prove_prefix(from, to, &tree).map_err(|source| AuditError::Broken { log: named(log), source })
    }

    /// That the log, as it was last signed, goes on from its first `from` entries: the proof, and the signed checkpoint.
    ///
    /// # Errors
    /// [`AuditError`].
    pub async fn prove_consistent(
        &self,
        scope: &Scope,
        log: &LogOf,
        from: u64,
    ) -> Result<(Vec<Hash>, String), AuditError> {
        self.head(scope, log).await?;
        let (sealed, checkpoint) = self.sealed(log).await?;
        let missing = || AuditError::NoEntry { log: named(log), seq: from.saturating_sub(1), sealed };
        let checkpoint = checkpoint.filter(|_| (1..=sealed).contains(&from)).ok_or_else(missing)?;
        let proof = if from == sealed { Vec::new() } else { self.prove_prefix(log, from, sealed).await? };
        Ok((proof, checkpoint))
    }

    /// How many entries the last checkpoint speaks for, and that checkpoint.
    async fn sealed(&self, log: &LogOf) -> Result<(u64, Option<String>), AuditError> {
        let last = self.store.checkpoints(log).await?.pop();
        Ok((last.as_deref().map_or(0, signed_for), last))
    }

    /// Hands out the log as the lines of an export, from its first entry to its last sealed one, with proofs that it goes
    /// on from `earlier` sizes.
    ///
    /// # Errors
    /// [`AuditError`], or what `write` says.
    pub async fn export<E: From<AuditError>>(
        &self,
        (scope, log): (&Scope, &LogOf),
        keys: &PublicKeys,
        earlier: &[u64],
        mut write: impl FnMut(Line) -> Result<(), E>,
    ) -> Result<(), E> {
        let head = self.head(scope, log).await?;
        // Read first: what is sealed while the entries are read has other checkpoints.
        let checkpoints = self.store.checkpoints(log).await.map_err(AuditError::from)?;
        // Where none speaks for them, what the store takes for sealed is shown all the same, to be found unsigned.
        let sealed = checkpoints.last().map_or(head.sealed, |last| signed_for(last).max(head.sealed.min(head.entries)));
        write(Line::Log { format: FORMAT, origin: self.origin(log), keys: keys.to_text() })?;
        let mut next = head.pruned;
        if head.pruned > 0 {
            write(self.what_was_pruned(log, head.pruned).await?)?;
        }
        while next < sealed {
            let entries = self.store.entries(log, next, ENTRIES_MAX).await.map_err(AuditError::from)?;
            let places: Vec<u64> = entries.iter().map(|logged| first_place(logged.seq)).collect();
            let hashes: BTreeMap<u64, Hash> =
                self.store.hashes(log, &places).await.map_err(AuditError::from)?.into_iter().collect();
            let Some(last) = entries.last() else { break };
            next = last.seq + 1;
            for logged in entries.into_iter().filter(|logged| logged.seq < sealed) {
                // What the tree has for it, also where the entry is another one by now: that is what is to be seen.
                let hash = hashes.get(&first_place(logged.seq)).map(Hash::to_string).unwrap_or_default();
                write(match Entry::from_bytes(&logged.entry) {
                    Ok(entry) => {
                        let (detail, salt) = logged.detail.map(Detail::into_parts).unzip();
                        Line::Entry { entry, hash, detail, salt }
                    }
                    Err(_) => Line::Unreadable { seq: logged.seq, hash },
                })?;
            }
        }
        // What speaks for pruned entries alone cannot be held against anything here.
        for checkpoint in checkpoints.into_iter().filter(|checkpoint| signed_for(checkpoint) >= head.pruned) {
            write(Line::Checkpoint(checkpoint))?;
        }
        for from in earlier.iter().copied().filter(|from| (1..sealed).contains(from)) {
            let path = self.prove_prefix(log, from, sealed).await?.iter().map(ToString::to_string).collect();
            write(Line::Consistent { from, to: sealed, path })?;
        }
        for proof in self.prove_rooted(scope, log).await? {
            write(Line::Root(proof))?;
        }
        Ok(())
    }
}

/// How many entries a checkpoint says that it speaks for; its signatures are for others to verify.
fn signed_for(checkpoint: &str) -> u64 {
    checkpoint.lines().nth(1).and_then(|size| size.parse().ok()).unwrap_or_default()
}

fn read(log: &LogOf, logged: &Logged) -> Result<Entry, AuditError> {
    Entry::from_bytes(&logged.entry).map_err(|source| AuditError::Unreadable {
        log: named(log),
        seq: logged.seq,
        source,
    })
}

/// The places that a proof asks for: it is made once of nothing, to see them.
fn asked_places(make: impl Fn(&Asked) -> bool) -> Vec<u64> {
    let asked = Asked::default();
    make(&asked);
    asked.0.into_inner()
}

/// Hashes of nothing at every place, which notes what was asked of it.
#[derive(Default)]
struct Asked(std::cell::RefCell<Vec<u64>>);

impl tenantry_audit::Places for Asked {
    fn hashes(&self, places: &[u64]) -> Option<Vec<Hash>> {
        self.0.borrow_mut().extend(places);
        Some(places.iter().map(|_| Hash([0; 32])).collect())
    }
}
