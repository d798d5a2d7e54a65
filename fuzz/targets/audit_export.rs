//! An export of an audit log from somebody who is not trusted: keys, checkpoints, entries and their order.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tenantry_audit::{Entry, PublicKeys, SigningKeys, Verifier};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(entry) = Entry::from_bytes(bytes) {
        assert_eq!(entry.to_bytes().expect("what was read is written"), bytes);
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let keys = SigningKeys::from_seed(&[7; 64]).expect("the seed is long enough").public();
    assert!(keys.verify(text).is_err(), "nobody can sign for others");
    if let Ok(keys) = PublicKeys::from_text(text) {
        assert_eq!(PublicKeys::from_text(&keys.to_text()).ok(), Some(keys));
    }
    let mut verifier = Verifier::new(Some(keys));
    text.lines().for_each(|line| verifier.read(line));
    let verdict = verifier.end();
    assert!(verdict.sealed.is_none() && !verdict.findings.is_empty(), "nothing in it is signed");
});
