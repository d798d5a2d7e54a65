//! Holding an export against keys that its reader trusts.
//!
//! Each entry brings the hash that the tree had for it. Where those come to the signed root, they are as they were signed,
//! and an entry that does not fit its own hash is the one that was altered. Where they do not, the last checkpoint that
//! still fits and the first that does not name the entries between which it happened.

mod finding;

use std::collections::BTreeMap;

use tenantry_domain::time::Timestamp;

pub use self::finding::Finding;
use crate::detail::Detail;
use crate::entry::{Entry, digest};
use crate::export::{FORMAT, Line, RootProof};
use crate::key::{PublicKeys, pruned_origin, root_origin};
use crate::note::{Checkpoint, SignedNote, VerifierKey};
use crate::tree::{Hash, Inclusion, Tree, hash_of, is_included, is_prefix};

/// Missing entries that are reckoned with: beyond, a log is too broken to say more of it.
const GAPS_MAX: u64 = 100_000;

/// Whose keys a checkpoint was held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Keys that the reader brought.
    Given,
    /// The keys that the export names itself: it was not altered by anybody but their holder.
    Own,
}

/// Until where a log is in the root log, which speaks for all logs of a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rooted {
    /// How many entries of the log.
    pub entries: u64,
    /// As which leaf.
    pub leaf: u64,
    /// When the root log was signed.
    pub at: Timestamp,
}

/// What a witness has cosigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witnessed {
    /// Who.
    pub witness: String,
    /// How many entries of the log that is for.
    pub entries: u64,
    /// When.
    pub at: Timestamp,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Which log.
    pub origin: String,
    /// How many entries were read, with those that were pruned.
    pub entries: u64,
    /// How many were pruned, and when; they are not there, and what follows is shown to have followed them.
    pub pruned: Option<(u64, Timestamp)>,
    /// The last checkpoint that fits, and when it was signed.
    pub sealed: Option<(Checkpoint, Timestamp)>,
    /// Until where it is in the root log.
    pub rooted: Option<Rooted>,
    /// What the witnesses that were asked for have cosigned.
    pub witnessed: Vec<Witnessed>,
    /// Whose keys spoke.
    pub trust: Trust,
    /// What is not as it was signed. Empty for a log that is whole.
    pub findings: Vec<Finding>,
}

/// Reads an export line by line.
#[derive(Debug)]
pub struct Verifier {
    trusted: Option<PublicKeys>,
    own: Option<PublicKeys>,
    witnesses: Vec<VerifierKey>,
    origin: Option<String>,
    line: u64,
    next: u64,
    tree: Tree,
    pruned: Option<(u64, Timestamp)>,
    sealed: Option<(Checkpoint, Timestamp)>,
    /// Checkpoints that speak for entries which were not read yet, by their sizes, with their lines.
    ahead: BTreeMap<u64, (SignedNote, Timestamp, u64)>,
    /// Proofs that lead to the root log, with their lines; they are held against the whole.
    roots: Vec<(RootProof, u64)>,
    /// Proofs that the log goes on from earlier checkpoints, by their sizes.
    consistent: BTreeMap<u64, (u64, Vec<Hash>)>,
    kept: Vec<Checkpoint>,
    /// The last size and root of each log in the root log.
    leaves: BTreeMap<String, (u64, Hash)>,
    rooted: Option<Rooted>,
    /// How many entries each of the witnesses' keys has cosigned, and when.
    cosigned: Vec<Option<(u64, Timestamp)>>,
    broken_from: Option<u64>,
    /// Places that were filled for entries which are missing.
    gaps: u64,
    findings: Vec<Finding>,
}

impl Verifier {
    /// A reader that trusts `keys`; where none are given, those that the export names.
    #[must_use]
    pub fn new(keys: Option<PublicKeys>) -> Self {
        Self {
            trusted: keys,
            own: None,
            witnesses: Vec::new(),
            origin: None,
            line: 0,
            next: 0,
            tree: Tree::default(),
            pruned: None,
            sealed: None,
            ahead: BTreeMap::new(),
            roots: Vec::new(),
            consistent: BTreeMap::new(),
            kept: Vec::new(),
            leaves: BTreeMap::new(),
            rooted: None,
            cosigned: Vec::new(),
            broken_from: None,
            gaps: 0,
            findings: Vec::new(),
        }
    }

    /// Demands cosignatures of each of these keys.
    #[must_use]
    pub fn witnessed_by(self, witnesses: Vec<VerifierKey>) -> Self {
        Self { cosigned: vec![None; witnesses.len()], witnesses, ..self }
    }

    /// Reads the next line.
    pub fn read(&mut self, text: &str) {
        self.line += 1;
        let line = self.line;
        match serde_json::from_str::<Line>(text) {
            Err(error) => self.findings.push(Finding::Unreadable { line, message: error.to_string() }),
            Ok(Line::Log { format, origin, keys }) => self.begin(format, origin, &keys),
            Ok(Line::Pruned { size, edge, statement }) => {
                if let Err(message) = self.go_on(size, &edge, &statement) {
                    self.findings.push(Finding::Unsigned { line, message });
                }
            }
            Ok(Line::Entry { entry, hash, detail, salt }) => self.entry(&entry, &hash, detail, salt),
            Ok(Line::Leaf { seq, leaf, hash }) => self.leaf(seq, &leaf, &hash),
            Ok(Line::Unreadable { seq, hash }) => {
                self.findings.push(Finding::Altered { seq });
                if let Some(hash) = Hash::from_hex(&hash).filter(|_| seq == self.next) {
                    self.add(hash);
                }
            }
            Ok(Line::Checkpoint(signed)) => self.checkpoint(&signed),
            Ok(Line::Root(proof)) => self.roots.push((proof, line)),
            Ok(Line::Consistent { from, to, path }) => {
                let path: Option<Vec<Hash>> = path.iter().map(|hash| Hash::from_hex(hash)).collect();
                self.consistent.insert(from, (to, path.unwrap_or_default()));
            }
        }
    }

    fn keys(&self) -> Option<&PublicKeys> {
        self.trusted.as_ref().or(self.own.as_ref())
    }

    fn begin(&mut self, format: u32, origin: String, keys: &str) {
        let line = self.line;
        let mut unreadable = |message: String| self.findings.push(Finding::Unreadable { line, message });
        if !(1..=FORMAT).contains(&format) {
            unreadable(format!("it is of form {format}, and this program reads up to {FORMAT}"));
        }
        if line != 1 {
            unreadable("a log begins in the midst of another".to_owned());
            return;
        }
        match PublicKeys::from_text(keys) {
            Ok(keys) => self.own = Some(keys),
            Err(error) => unreadable(error.to_string()),
        }
        self.origin = Some(origin);
    }

    /// Goes on from what is left of entries that were pruned.
    fn go_on(&mut self, size: u64, edge: &[String], statement: &str) -> Result<(), String> {
        if self.next != 0 || self.pruned.is_some() {
            return Err("entries are said to be pruned after others".to_owned());
        }
        let hashes: Option<Vec<Hash>> = edge.iter().map(|hash| Hash::from_hex(hash)).collect();
        let tree = Tree::from_edge(size, &hashes.ok_or("the edge of what was pruned has what is no hash")?);
        let tree = tree.map_err(|error| error.to_string())?;
        let root = tree.root_at(size).map_err(|error| error.to_string())?;
        let keys = self.keys().ok_or("there is no key to hold it against")?;
        let (said, at) = keys.verify(statement).map_err(|error| error.to_string())?;
        let origin = self.origin.as_deref().map(pruned_origin);
        // It is read on from there all the same, so that what follows is told of too.
        (self.tree, self.next) = (tree, size);
        if origin.as_ref() != Some(&said.origin) || said.size != size || said.root != root {
            return Err("the statement of what was pruned is not about this".to_owned());
        }
        self.pruned = Some((size, at));
        Ok(())
    }

    fn entry(&mut self, entry: &Entry, hash: &str, detail: Option<serde_json::Value>, salt: Option<String>) {
        let seq = entry.seq;
        let detail = detail.map(|detail| match salt {
            Some(salt) => Detail::from_parts(detail, salt).map(|detail| detail.commitment()).unwrap_or_default(),
            None => digest(detail.to_string().as_bytes()),
        });
        let tenant = entry.tenant.as_ref().map_or("/audit/platform".to_owned(), |id| format!("/audit/tenant/{id}"));
        if self.origin.as_ref().is_some_and(|origin| !origin.ends_with(&tenant)) {
            self.findings.push(Finding::Foreign { seq });
        }
        // Details may be erased, and then are not there.
        if detail.is_some() && detail.as_deref() != entry.detail.as_deref() {
            self.findings.push(Finding::DetailAltered { seq });
        }
        self.place(seq, entry.to_bytes().ok().map(|bytes| hash_of(&bytes)), Hash::from_hex(hash));
    }

    /// A leaf of the root log: a log's checkpoint as it was then.
    fn leaf(&mut self, seq: u64, leaf: &str, hash: &str) {
        let deployment = self.origin.as_deref().and_then(|origin| origin.strip_suffix("/audit/root"));
        match Checkpoint::parse(leaf.as_bytes()) {
            Ok(Checkpoint { origin, size, root }) => {
                let ours = deployment.and_then(|deployment| origin.strip_prefix(deployment));
                if !ours.is_some_and(|rest| rest.starts_with("/audit/")) {
                    self.findings.push(Finding::Foreign { seq });
                }
                let before = self.leaves.insert(origin.clone(), (size, root));
                if before.is_some_and(|(had, was)| size < had || (size == had && was != root)) {
                    self.findings.push(Finding::PutBack { seq, log: origin });
                }
            }
            Err(_) => self.findings.push(Finding::Altered { seq }),
        }
        self.place(seq, Some(hash_of(leaf.as_bytes())), Hash::from_hex(hash));
    }

    /// Puts what was read in its place, by the hash that the tree had for it.
    fn place(&mut self, seq: u64, found: Option<Hash>, claimed: Option<Hash>) {
        if seq > self.next {
            self.findings.push(Finding::Dropped { from: self.next, until: seq });
        } else if seq < self.next {
            self.findings.push(Finding::Moved { place: self.next, seq });
        }
        if claimed.is_none() || found != claimed {
            self.findings.push(Finding::Altered { seq });
        }
        // A hash for each entry that is missing keeps the others in their places.
        while self.next < seq && self.gaps < GAPS_MAX {
            self.gaps += 1;
            self.add(Hash([0; 32]));
        }
        if seq == self.next {
            self.add(claimed.or(found).unwrap_or(Hash([0; 32])));
        }
    }

    fn add(&mut self, hash: Hash) {
        if self.tree.add(hash).is_ok() {
            self.next += 1;
        }
        if let Some((note, at, line)) = self.ahead.remove(&self.next) {
            self.settle(&note, at, line);
        }
    }

    /// A checkpoint that a trusted key signed, of this log or of what `origin` names.
    fn signed(&self, signed: &str, origin: Option<&str>) -> Result<(SignedNote, Timestamp), String> {
        let keys = self.keys().ok_or("there is no key to hold it against")?;
        let (checkpoint, at) = keys.verify(signed).map_err(|error| error.to_string())?;
        if origin != Some(checkpoint.origin.as_str()) {
            return Err(format!("it is of the log {}", checkpoint.origin));
        }
        Ok((SignedNote::parse(signed).map_err(|error| error.to_string())?, at))
    }

    fn checkpoint(&mut self, signed: &str) {
        let line = self.line;
        match self.signed(signed, self.origin.as_deref()) {
            Err(message) => self.findings.push(Finding::Unsigned { line, message }),
            Ok((note, at)) if note.checkpoint().size > self.next => {
                self.ahead.insert(note.checkpoint().size, (note, at, line));
            }
            Ok((note, at)) => self.settle(&note, at, line),
        }
    }

    /// Holds a checkpoint against the hashes that were read.
    fn settle(&mut self, note: &SignedNote, at: Timestamp, line: u64) {
        let checkpoint = note.checkpoint();
        match self.tree.root_at(checkpoint.size) {
            Ok(root) if root == checkpoint.root => {
                self.witnesses(note, checkpoint.size, line);
                let newest = self.sealed.as_ref().is_none_or(|(known, _)| known.size <= checkpoint.size);
                if newest {
                    self.sealed = Some((checkpoint.clone(), at));
                }
            }
            // The first that does not fit says where; all later ones do not, either.
            Ok(_) if self.broken_from.is_none() => {
                let from = self.sealed.as_ref().map_or(0, |(known, _)| known.size);
                self.broken_from = Some(checkpoint.size);
                self.findings.push(Finding::Root { from, until: checkpoint.size });
            }
            Ok(_) => {}
            Err(error) => self.findings.push(Finding::Unsigned { line, message: error.to_string() }),
        }
    }

    /// Notes which witnesses have cosigned what speaks for `entries`.
    fn witnesses(&mut self, note: &SignedNote, entries: u64, line: u64) {
        for (key, known) in self.witnesses.iter().zip(&mut self.cosigned) {
            match key.verify(note) {
                Ok(at) if known.is_none_or(|(had, _)| had <= entries) => {
                    *known = Some((entries, at.unwrap_or(Timestamp::from_millis(0))));
                }
                Ok(_) => {}
                Err(_) if note.names(key) => {
                    self.findings.push(Finding::Cosignature { line, witness: key.name().to_owned() });
                }
                Err(_) => {}
            }
        }
    }

    /// Follows a proof from this log, as it had so many entries, to the root log.
    fn follow(&mut self, proof: &RootProof, line: u64) -> Result<(), String> {
        let origin = self.origin.clone().unwrap_or_default();
        let (deployment, _) = origin.rsplit_once("/audit/").ok_or("the log has no name")?;
        let (note, at) = self.signed(&proof.checkpoint, Some(&root_origin(deployment)))?;
        if proof.size > self.next {
            self.findings.push(Finding::CutOff { entries: self.next, signed: proof.size });
            return Ok(());
        }
        let root = self.tree.root_at(proof.size).map_err(|error| error.to_string())?;
        let leaf = Checkpoint { origin, size: proof.size, root };
        let path: Option<Vec<Hash>> = proof.path.iter().map(|hash| Hash::from_hex(hash)).collect();
        let path = path.ok_or("its path has what is no hash")?;
        let inclusion = Inclusion { seq: proof.leaf, size: note.checkpoint().size, path };
        if !is_included(&inclusion, hash_of(leaf.text().as_bytes()), note.checkpoint().root) {
            return Err(format!("the root log does not have the {} entries that are here", proof.size));
        }
        self.witnesses(&note, proof.size, line);
        if self.rooted.as_ref().is_none_or(|known| known.entries <= proof.size) {
            self.rooted = Some(Rooted { entries: proof.size, leaf: proof.leaf, at });
        }
        Ok(())
    }

    /// A checkpoint that the reader had kept: what it speaks for must still be there.
    pub fn kept(&mut self, signed: &str) {
        match self.signed(signed, self.origin.as_deref()) {
            Ok((note, _)) if self.pruned.is_some_and(|(pruned, _)| note.checkpoint().size < pruned) => {
                self.kept.push(note.checkpoint().clone());
            }
            _ => self.checkpoint(signed),
        }
    }

    /// An entry that the store's index has as something else, which an export does not tell.
    pub fn misindexed(&mut self, seq: u64) {
        self.findings.push(Finding::Index { seq });
    }

    /// That the log goes on from a checkpoint of before its entries were pruned.
    fn goes_on(&self, kept: &Checkpoint) -> bool {
        let Some((to, path)) = self.consistent.get(&kept.size) else { return false };
        let root = self.tree.root_at(*to);
        root.is_ok_and(|root| is_prefix(path, (kept.size, kept.root), (*to, root)))
    }

    /// What came of all lines.
    #[must_use]
    pub fn end(mut self) -> Verdict {
        for (proof, line) in std::mem::take(&mut self.roots) {
            if let Err(message) = self.follow(&proof, line) {
                self.findings.push(Finding::NotRooted { line, message });
            }
        }
        for kept in std::mem::take(&mut self.kept) {
            if !self.goes_on(&kept) {
                self.findings.push(Finding::NotShown { size: kept.size });
            }
        }
        if let Some((signed, _)) = self.ahead.last_key_value() {
            self.findings.push(Finding::CutOff { entries: self.next, signed: *signed });
        } else if self.sealed.is_none() && self.broken_from.is_none() {
            self.findings.push(Finding::NoCheckpoint);
        }
        let sealed = self.sealed.as_ref().map_or(0, |(checkpoint, _)| checkpoint.size);
        if sealed > 0 && sealed < self.next && self.broken_from.is_none() {
            self.findings.push(Finding::Unsealed { from: sealed, until: self.next });
        }
        let mut witnessed: BTreeMap<&str, (u64, Timestamp)> = BTreeMap::new();
        for (key, cosigned) in self.witnesses.iter().zip(&self.cosigned) {
            match cosigned {
                None => self.findings.push(Finding::NotWitnessed { witness: key.name().to_owned() }),
                // Of a witness with several keys, what all of them speak for.
                Some(cosigned) => {
                    let known = witnessed.entry(key.name()).or_insert(*cosigned);
                    *known = (*known).min(*cosigned);
                }
            }
        }
        let witnessed = witnessed
            .into_iter()
            .map(|(witness, (entries, at))| Witnessed { witness: witness.to_owned(), entries, at })
            .collect();
        self.findings.sort();
        self.findings.dedup();
        Verdict {
            origin: self.origin.unwrap_or_default(),
            entries: self.next,
            pruned: self.pruned,
            sealed: self.sealed,
            rooted: self.rooted,
            witnessed,
            trust: if self.trusted.is_some() { Trust::Given } else { Trust::Own },
            findings: self.findings,
        }
    }
}

#[cfg(test)]
mod tests;
