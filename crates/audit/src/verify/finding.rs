//! What can be found out about an export.

use std::fmt;

/// Something that is not as it was signed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// A line that cannot be read.
    Unreadable {
        /// Counted from 1.
        line: u64,
        /// What is wrong.
        message: String,
    },
    /// An entry that is not what was hashed.
    Altered {
        /// Which.
        seq: u64,
    },
    /// An entry's details are not those that it has the digest of.
    DetailAltered {
        /// Which.
        seq: u64,
    },
    /// Entries are not there.
    Dropped {
        /// The first that is not.
        from: u64,
        /// The first that is there again.
        until: u64,
    },
    /// An entry stands in another place than it was made in.
    Moved {
        /// Where it stands.
        place: u64,
        /// Which it is.
        seq: u64,
    },
    /// An entry of another tenant.
    Foreign {
        /// Which.
        seq: u64,
    },
    /// The hashes do not come to a signed root: something among these entries was altered together with its hash.
    Root {
        /// The last checkpoint that fits had so many.
        from: u64,
        /// The checkpoint that does not.
        until: u64,
    },
    /// A checkpoint speaks for more entries than there are: the end is cut off.
    CutOff {
        /// How many there are.
        entries: u64,
        /// How many were signed.
        signed: u64,
    },
    /// Entries that no checkpoint speaks for: anybody may have written them.
    Unsealed {
        /// The first.
        from: u64,
        /// The first after the last.
        until: u64,
    },
    /// A checkpoint whose signatures do not fit.
    Unsigned {
        /// In which line, counted from 1.
        line: u64,
        /// What is wrong.
        message: String,
    },
    /// No checkpoint at all.
    NoCheckpoint,
    /// A log's leaf in the root log has fewer entries than an earlier one, or other ones: the log was put back.
    PutBack {
        /// Which leaf.
        seq: u64,
        /// Which log.
        log: String,
    },
    /// The log is not in the root log as it is here.
    NotRooted {
        /// In which line, counted from 1.
        line: u64,
        /// What is wrong.
        message: String,
    },
    /// A cosignature of a witness does not fit.
    Cosignature {
        /// In which line, counted from 1.
        line: u64,
        /// Whose.
        witness: String,
    },
    /// A witness that is asked for has cosigned nothing of it.
    NotWitnessed {
        /// Which.
        witness: String,
    },
    /// A checkpoint that was kept is from before entries were pruned, and what follows is not shown to go on from it.
    NotShown {
        /// How many entries it had.
        size: u64,
    },
    /// An entry that the store's index has under another actor, action or time.
    Index {
        /// Which.
        seq: u64,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { line, message } => write!(f, "line {line} cannot be read: {message}"),
            Self::Altered { seq } => write!(f, "entry {seq} was altered after it was written"),
            Self::DetailAltered { seq } => write!(f, "the details of entry {seq} were altered"),
            Self::Dropped { from, until } if from + 1 == *until => write!(f, "entry {from} is missing"),
            Self::Dropped { from, until } => write!(f, "entries {from} to {} are missing", until - 1),
            Self::Moved { place, seq } => write!(f, "entry {seq} stands in the place of entry {place}"),
            Self::Foreign { seq } => write!(f, "entry {seq} belongs to another log"),
            Self::Root { from, until } => {
                write!(f, "entries {from} to {} do not come to what was signed: at least one was altered", until - 1)
            }
            Self::CutOff { entries, signed } => {
                write!(f, "{signed} entries were signed, and {entries} are there: the end is cut off")
            }
            Self::Unsealed { from, until } => {
                write!(f, "entries {from} to {} are signed by nobody", until - 1)
            }
            Self::Unsigned { line, message } => write!(f, "the checkpoint in line {line} cannot be trusted: {message}"),
            Self::NoCheckpoint => f.write_str("nothing is signed: there is no checkpoint"),
            Self::PutBack { seq, log } => {
                write!(
                    f,
                    "leaf {seq} of the root log has less of {log}, or another, than one before it: that log was put back"
                )
            }
            Self::NotRooted { line, message } => {
                write!(f, "the proof in line {line} does not lead to the root log: {message}")
            }
            Self::Cosignature { line, witness } => {
                write!(f, "the cosignature of {witness} in line {line} does not fit")
            }
            Self::NotWitnessed { witness } => write!(f, "{witness} has cosigned nothing of it"),
            Self::NotShown { size } => write!(
                f,
                "the kept checkpoint of {size} entries is from before what was pruned, and nothing shows that the log goes \
                 on from it; export with `--since` and that checkpoint"
            ),
            Self::Index { seq } => write!(
                f,
                "entry {seq} has another actor, action or time in the store's index than was signed: searches go wrong"
            ),
        }
    }
}
