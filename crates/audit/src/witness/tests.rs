use proptest::prelude::*;
use tenantry_domain::time::Timestamp;

use super::*;
use crate::key::{SEED_LENGTH, SigningKeys, root_origin};
use crate::tree::{Tree, hash_of, prove_prefix};

const AT: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn keys(seed: u8) -> SigningKeys {
    SigningKeys::from_seed(&[seed; SEED_LENGTH]).unwrap()
}

fn tree(count: u64, of: u64) -> Tree {
    let mut tree = Tree::default();
    (0..count).for_each(|seq| tree.add(hash_of(&(seq * of).to_be_bytes())).unwrap());
    tree
}

fn known() -> BTreeMap<String, Vec<VerifierKey>> {
    let origin = root_origin("example.org");
    BTreeMap::from([(origin.clone(), keys(1).public().of(&origin).unwrap().to_vec())])
}

fn submission(tree: &Tree, old: u64) -> Submission {
    let checkpoint =
        Checkpoint { origin: root_origin("example.org"), size: tree.size(), root: tree.root_at(tree.size()).unwrap() };
    let proof = if old == 0 || old == tree.size() { vec![] } else { prove_prefix(old, tree.size(), tree).unwrap() };
    Submission { old, proof, checkpoint: keys(1).sign(&checkpoint, AT).unwrap() }
}

fn judged(submission: &Submission, last: Option<&Seen>) -> Result<Seen, WitnessRefusal> {
    let sent = Submission::from_text(&submission.to_text()).unwrap();
    assert_eq!(&sent, submission);
    sent.judge(&sent.check(&known())?, last)
}

#[test]
fn a_log_that_goes_on_is_cosigned_and_one_that_does_not_is_told_apart() {
    let first = judged(&submission(&tree(5, 1), 0), None).unwrap();
    let second = judged(&submission(&tree(9, 1), 5), Some(&first)).unwrap();
    assert_eq!(second.size, 9);
    assert_eq!(judged(&submission(&tree(9, 1), 9), Some(&second)).unwrap(), second, "the same again");
    let stale = judged(&submission(&tree(12, 1), 5), Some(&second)).unwrap_err();
    assert_eq!(stale, WitnessRefusal::Stale { size: 9 });
    // Put back: it has less than was seen.
    let back = judged(&submission(&tree(7, 1), 5), Some(&second)).unwrap_err();
    assert_eq!(back, WitnessRefusal::Stale { size: 9 });
    // Forked: as much, or more, of something else.
    let split = judged(&submission(&tree(9, 2), 9), Some(&second)).unwrap_err();
    assert_eq!(split, WitnessRefusal::Split { size: 9 });
    let forked = judged(&submission(&tree(12, 2), 9), Some(&second)).unwrap_err();
    assert_eq!(forked, WitnessRefusal::Unproved { old: 9, size: 12 });
    let needless = Submission { proof: vec![hash_of(b"x")], ..submission(&tree(5, 1), 0) };
    assert_eq!(judged(&needless, None).unwrap_err(), WitnessRefusal::Unproved { old: 0, size: 5 });
}

#[test]
fn strangers_and_what_is_not_written_as_it_should_be_are_refused() {
    let good = submission(&tree(5, 1), 0);
    let other = SignedNote::parse(&good.checkpoint).unwrap().checkpoint().clone();
    let forged = Submission { checkpoint: keys(2).sign(&other, AT).unwrap(), ..good.clone() };
    assert!(matches!(forged.check(&known()), Err(WitnessRefusal::Unsigned { size: 5, .. })));
    let foreign = Checkpoint { origin: "example.com/log".into(), ..other };
    let foreign = Submission { checkpoint: keys(1).sign(&foreign, AT).unwrap(), ..good.clone() };
    assert!(matches!(foreign.check(&known()), Err(WitnessRefusal::UnknownLog { .. })));
    let ahead = Submission { old: 6, ..good.clone() };
    assert!(matches!(ahead.check(&known()), Err(WitnessRefusal::Malformed { .. })));
    let text = good.to_text();
    let long = format!("old 0\n{}\n{}", format!("{}\n", BASE64_STANDARD.encode([0; 32])).repeat(64), good.checkpoint);
    for wrong in ["", "old 0", "old 00\n\nx", "old -1\n\nx", "new 0\n\nx", "old 0\nAAAA\n\nx", &text[4..], &long] {
        assert!(matches!(Submission::from_text(wrong), Err(WitnessRefusal::Malformed { .. })), "{wrong}");
    }
}

#[test]
fn a_cosignature_is_verified_by_its_keys_and_by_no_others() {
    let (tree, witness) = (tree(5, 1), keys(3));
    let signed = submission(&tree, 0).checkpoint;
    let note = SignedNote::parse(&signed).unwrap();
    let lines = witness.cosign("example.net/w1", note.checkpoint(), AT).unwrap();
    assert_eq!(lines.lines().count(), 2);
    let cosigned = note.with(&lines).unwrap();
    // The log's own signatures are as they were, and the same line twice is once.
    assert!(keys(1).public().verify(&cosigned).is_ok());
    assert_eq!(SignedNote::parse(&cosigned).unwrap().with(&lines).unwrap(), cosigned);
    let note = SignedNote::parse(&cosigned).unwrap();
    for key in witness.public().of_witness("example.net/w1").unwrap() {
        assert_eq!(key.verify(&note).unwrap(), Some(AT));
        let again = VerifierKey::from_text(&key.to_text()).unwrap();
        assert_eq!(again, key);
        assert!(key.verify(&SignedNote::parse(&signed).unwrap()).is_err());
        let moved = cosigned.replace("\n5\n", "\n6\n");
        assert!(key.verify(&SignedNote::parse(&moved).unwrap()).is_err());
    }
    for key in keys(4).public().of_witness("example.net/w1").unwrap() {
        assert!(key.verify(&note).is_err());
    }
    let key = witness.public().of_witness("example.net/w1").unwrap()[0].to_text();
    for wrong in ["", "a", "a+b+c", &key.replace("w1+", "w2+"), &key[..key.len() - 8]] {
        assert!(VerifierKey::from_text(wrong).is_err(), "{wrong}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is submitted in whatever order, what was cosigned is one history.
    #[test]
    fn what_is_cosigned_never_goes_back_or_apart(tried in prop::collection::vec((1_u64..24, 1_u64..3, 0_u64..24), 1..24)) {
        let mut last: Option<Seen> = None;
        for (size, of, old) in tried {
            let tree = tree(size, of);
            let asked = submission(&tree, old.min(size));
            if let Ok(seen) = judged(&asked, last.as_ref()) {
                if let Some(last) = &last {
                    prop_assert!(last.size <= seen.size);
                    let root = Hash::from_hex(&last.root).unwrap();
                    prop_assert_eq!(tree.root_at(last.size).unwrap(), root);
                }
                last = Some(seen);
            }
        }
    }
}
