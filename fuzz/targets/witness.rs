//! What is sent to a witness: what reads as a submission is written as it was read, and nothing is cosigned without proof.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use tenantry_audit::{Checkpoint, Hash, Seen, Submission};

fuzz_target!(|text: &str| {
    let Ok(submission) = Submission::from_text(text) else { return };
    let written = submission.to_text();
    assert_eq!(Submission::from_text(&written).as_ref(), Ok(&submission));
    assert!(submission.check(&BTreeMap::new()).is_err(), "no log is known");
    // Of a log that was cosigned once nothing goes on without a proof, and none of these is one.
    let seen = Seen { size: 3, root: Hash([7; 32]).to_string() };
    let next = Checkpoint { origin: "log".to_owned(), size: 5, root: Hash([9; 32]) };
    assert!(submission.judge(&next, Some(&seen)).is_err());
});
