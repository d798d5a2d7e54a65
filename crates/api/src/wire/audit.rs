//! Entries of audit logs, and proofs that they are there.

use serde::Serialize;
use tenantry_audit::{Entry, Inclusion, Outcome, RootProof};
use utoipa::ToSchema;

use super::{instant, page};

/// Something that was done or refused.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct AuditEntry {
    /// Its place in the log, from 0.
    pub(crate) entry: u64,
    /// When.
    #[schema(format = DateTime)]
    pub(crate) at: String,
    /// Who.
    pub(crate) actor: String,
    /// From where, where it is known.
    pub(crate) from: Option<String>,
    /// What, such as `config.revise`.
    pub(crate) action: String,
    /// To what, such as `tenant/acme@2`.
    pub(crate) resource: String,
    /// How it ended: `done`, `refused` or `failed`.
    #[schema(pattern = "^(done|refused|failed)$")]
    pub(crate) outcome: String,
    /// Why, in the words of who did it.
    pub(crate) reason: String,
    /// The request that it came with.
    pub(crate) request: Option<String>,
    /// Policies that decided.
    pub(crate) policies: Vec<String>,
    /// Digest of what was there before.
    pub(crate) before: Option<String>,
    /// Digest of what was there after.
    pub(crate) after: Option<String>,
}

page!(
    /// A page of entries, newest first.
    AuditPage of AuditEntry
);

impl From<Entry> for AuditEntry {
    fn from(entry: Entry) -> Self {
        Self {
            entry: entry.seq,
            at: instant(entry.at),
            actor: entry.actor,
            from: entry.from,
            action: entry.action,
            resource: entry.resource,
            outcome: match entry.outcome {
                Outcome::Done => "done",
                Outcome::Refused => "refused",
                Outcome::Failed => "failed",
            }
            .to_owned(),
            reason: entry.reason,
            request: entry.request,
            policies: entry.policies,
            before: entry.before,
            after: entry.after,
        }
    }
}

/// That an entry is in a log as it was signed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct AuditProof {
    /// The bytes of the entry, as text: what is hashed as a leaf of the tree (RFC 6962).
    pub(crate) leaf: String,
    /// Its place in the log.
    pub(crate) entry: u64,
    /// Of a tree of so many entries.
    pub(crate) size: u64,
    /// The hashes beside its way to the root, from the leaf up, in hexadecimal.
    pub(crate) path: Vec<String>,
    /// The signed checkpoint with the root (C2SP tlog-checkpoint).
    pub(crate) checkpoint: String,
}

/// That a log, as it was last signed, goes on from its first entries.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct AuditConsistency {
    /// How many entries.
    pub(crate) from: u64,
    /// The hashes of the proof (RFC 6962), in hexadecimal.
    pub(crate) path: Vec<String>,
    /// The signed checkpoint that it is proved for.
    pub(crate) checkpoint: String,
}

/// That a log, as it had so many entries, is in the root log of the deployment.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct AuditRootProof {
    /// How many entries.
    pub(crate) size: u64,
    /// The leaf of the root log that is the log's checkpoint of so many.
    pub(crate) leaf: u64,
    /// The hashes beside the leaf's way to the root, from the leaf up, in hexadecimal.
    pub(crate) path: Vec<String>,
    /// The signed checkpoint of the root log, with the cosignatures of its witnesses.
    pub(crate) checkpoint: String,
}

/// Proofs against the last checkpoint of the root log, and against those that witnesses cosigned last.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct AuditRootProofs {
    /// The proofs; none before the log was signed for the first time.
    pub(crate) proofs: Vec<AuditRootProof>,
}

impl From<RootProof> for AuditRootProof {
    fn from(RootProof { size, leaf, path, checkpoint }: RootProof) -> Self {
        Self { size, leaf, path, checkpoint }
    }
}

impl AuditProof {
    pub(crate) fn new(leaf: &[u8], proof: &Inclusion, checkpoint: String) -> Self {
        Self {
            leaf: String::from_utf8_lossy(leaf).into_owned(),
            entry: proof.seq,
            size: proof.size,
            path: proof.path.iter().map(ToString::to_string).collect(),
            checkpoint,
        }
    }
}
