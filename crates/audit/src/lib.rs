//! Logs of what was done that nobody can alter unseen.
//!
//! Each tenant has a log of its own: a Merkle tree as RFC 6962 has it, over [`Entry`]s in the order in which they were made.
//! A [`Checkpoint`] is its size and root, signed with Ed25519 and cosigned with ML-DSA-44 in the forms of C2SP
//! (tlog-checkpoint, signed-note, tlog-cosignature), so that verifiers of others can read it. [`Verifier`] holds an export
//! against a key that its reader trusts, with no trust in whoever made it, and names the place of what was altered.
//!
//! Nothing here reads a clock, a file or the network; keys come in as seeds. New seeds, and what signatures of ML-DSA draw,
//! come from the system's random numbers.

mod detail;
mod entry;
mod export;
mod form;
mod key;
mod note;
mod tree;
mod verify;
mod witness;

pub use detail::{Detail, DetailError};
pub use entry::{ENTRY_MAX, Entry, EntryError, Outcome, digest};
pub use export::{FORMAT, Line, RootProof};
pub use form::{Form, OCSF_VERSION, Told, octet_counted, webhook_id, webhook_signature};
pub use key::{PublicKeys, SEED_LENGTH, SigningKeys, origin, pruned_origin, root_origin};
pub use note::{Checkpoint, CheckpointError, SignedNote, VerifierKey};
pub use tree::{
    Hash, Inclusion, Missing, Places, Tree, added, edge, first_place, hash_of, is_included, is_prefix, prove_inclusion,
    prove_prefix, root,
};
pub use verify::{Finding, Rooted, Trust, Verdict, Verifier, Witnessed};
pub use witness::{Seen, Submission, WitnessRefusal};
