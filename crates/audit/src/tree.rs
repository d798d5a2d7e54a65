//! The Merkle tree of a log, by the hashes of its complete subtrees.
//!
//! A log of n entries has just under 2n such hashes, each at a fixed place, written once. An entry needs a few of them to be
//! added, and any proof the logarithm of n.

use std::collections::BTreeMap;
use std::fmt;

use thiserror::Error;
use tlog_tiles::{
    HashReader, check_record, check_tree, prove_record, prove_tree, record_hash, stored_hash_count,
    stored_hashes_for_record_hash, sub_tree_index, tree_hash,
};

/// A hash of the tree.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hash(pub [u8; 32]);

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Hash {
    /// From lower-case hexadecimal.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0_u8; 32];
        if text.len() != 64 || !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        for (byte, place) in bytes.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(text.get(place..place + 2)?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

/// The hash of an entry's bytes, as a leaf of the tree.
#[must_use]
pub fn hash_of(entry: &[u8]) -> Hash {
    Hash(record_hash(entry).0)
}

/// A hash that is not where it should be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the tree's hashes are incomplete: {what}")]
pub struct Missing {
    what: String,
}

impl Missing {
    fn new(what: impl fmt::Display) -> Self {
        Self { what: what.to_string() }
    }
}

/// Where hashes are read from: the hash at each of some places, which rise, or none where one is not there.
pub trait Places {
    /// The hashes at `places`, as many and in their order.
    fn hashes(&self, places: &[u64]) -> Option<Vec<Hash>>;
}

impl Places for BTreeMap<u64, Hash> {
    fn hashes(&self, places: &[u64]) -> Option<Vec<Hash>> {
        places.iter().map(|place| self.get(place).copied()).collect()
    }
}

struct Reader<'a>(&'a dyn Places);

impl HashReader for Reader<'_> {
    fn read_hashes(&self, places: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        let found = self.0.hashes(places).filter(|found| found.len() == places.len());
        // As many as were asked for, or an error: what reads them takes that for granted.
        found
            .map(|found| found.into_iter().map(|hash| tlog_tiles::Hash(hash.0)).collect())
            .ok_or(tlog_tiles::Error::IndexesNotInTree)
    }
}

/// A log's tree in memory: all of it, or what follows on its edge at some size.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    /// The edge that it begins with, and the first place after it.
    base: BTreeMap<u64, Hash>,
    first: u64,
    hashes: Vec<Hash>,
}

impl Places for Tree {
    fn hashes(&self, places: &[u64]) -> Option<Vec<Hash>> {
        let at = |place: &u64| match place.checked_sub(self.first) {
            Some(beyond) => usize::try_from(beyond).ok().and_then(|beyond| self.hashes.get(beyond)).copied(),
            None => self.base.get(place).copied(),
        };
        places.iter().map(at).collect()
    }
}

impl Tree {
    /// A tree of which only the edge at `size` is known: enough to go on with it, and for all proofs about what follows.
    ///
    /// # Errors
    /// [`Missing`] when these are not as many hashes as the edge has.
    pub fn from_edge(size: u64, hashes: &[Hash]) -> Result<Self, Missing> {
        let places = edge(size);
        if places.len() != hashes.len() {
            let expected = places.len();
            return Err(Missing::new(format_args!("the edge at {size} has {expected} hashes, not {}", hashes.len())));
        }
        let base = places.into_iter().zip(hashes.iter().copied()).collect();
        Ok(Self { size, base, first: first_place(size), hashes: Vec::new() })
    }

    /// Adds an entry by the hash of its bytes.
    ///
    /// # Errors
    /// [`Missing`] when its own hashes are incomplete, which they are not.
    pub fn add(&mut self, leaf: Hash) -> Result<(), Missing> {
        let new = added(self.size, leaf, self)?;
        self.hashes.extend(new);
        self.size += 1;
        Ok(())
    }

    /// How many entries it has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Its root when it had `size` entries.
    ///
    /// # Errors
    /// [`Missing`] when it never had so many.
    pub fn root_at(&self, size: u64) -> Result<Hash, Missing> {
        root(size, self)
    }
}

/// The places of a tree's right edge: the hashes of the complete subtrees that it is made of. They are all that is needed to
/// know its root and to add to it.
#[must_use]
pub fn edge(size: u64) -> Vec<u64> {
    sub_tree_index(0, size, Vec::new())
}

/// The place of the first hash that is written with entry `seq`.
#[must_use]
pub fn first_place(seq: u64) -> u64 {
    stored_hash_count(seq)
}

/// The hashes that are written with an entry, from [`first_place`] on.
///
/// # Errors
/// [`Missing`] when earlier ones are not there.
pub fn added(seq: u64, leaf: Hash, places: &dyn Places) -> Result<Vec<Hash>, Missing> {
    let new = stored_hashes_for_record_hash(seq, tlog_tiles::Hash(leaf.0), &Reader(places)).map_err(Missing::new)?;
    Ok(new.into_iter().map(|hash| Hash(hash.0)).collect())
}

/// The root of a tree of `size` entries.
///
/// # Errors
/// [`Missing`] when hashes are not there.
pub fn root(size: u64, places: &dyn Places) -> Result<Hash, Missing> {
    tree_hash(size, &Reader(places)).map(|hash| Hash(hash.0)).map_err(Missing::new)
}

/// That an entry is in a tree: the hashes beside its way to the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inclusion {
    /// Which entry.
    pub seq: u64,
    /// Of a tree of so many.
    pub size: u64,
    /// The hashes, from the leaf to the root.
    pub path: Vec<Hash>,
}

/// Proves that entry `seq` is in the tree of `size`.
///
/// # Errors
/// [`Missing`] when it is not, or hashes are not there.
pub fn prove_inclusion(seq: u64, size: u64, places: &dyn Places) -> Result<Inclusion, Missing> {
    if seq >= size {
        return Err(Missing::new(format_args!("entry {seq} is not among the first {size}")));
    }
    let path = prove_record(size, seq, &Reader(places)).map_err(Missing::new)?;
    Ok(Inclusion { seq, size, path: path.into_iter().map(|hash| Hash(hash.0)).collect() })
}

/// Whether a proof shows that an entry of this hash is in the tree of this root.
#[must_use]
pub fn is_included(proof: &Inclusion, leaf: Hash, root: Hash) -> bool {
    let path = proof.path.iter().map(|hash| tlog_tiles::Hash(hash.0)).collect();
    let (leaf, root) = (tlog_tiles::Hash(leaf.0), tlog_tiles::Hash(root.0));
    proof.seq < proof.size && check_record(&path, proof.size, root, proof.seq, leaf).is_ok()
}

/// Proves that the tree of `size` begins with that of `earlier`.
///
/// # Errors
/// [`Missing`] when it is not larger, or hashes are not there.
pub fn prove_prefix(earlier: u64, size: u64, places: &dyn Places) -> Result<Vec<Hash>, Missing> {
    if earlier == 0 || earlier > size {
        return Err(Missing::new(format_args!("{earlier} of {size} entries have no proof")));
    }
    let path = prove_tree(size, earlier, &Reader(places)).map_err(Missing::new)?;
    Ok(path.into_iter().map(|hash| Hash(hash.0)).collect())
}

/// Whether a proof shows that a tree begins with an earlier one, each given by size and root.
#[must_use]
pub fn is_prefix(proof: &[Hash], (earlier, before): (u64, Hash), (size, root): (u64, Hash)) -> bool {
    let path = proof.iter().map(|hash| tlog_tiles::Hash(hash.0)).collect();
    let (before, root) = (tlog_tiles::Hash(before.0), tlog_tiles::Hash(root.0));
    (1..=size).contains(&earlier) && check_tree(&path, size, root, earlier, before).is_ok()
}

#[cfg(test)]
mod tests;
