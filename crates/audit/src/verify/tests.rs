use proptest::prelude::*;

use super::*;
use crate::entry::tests::entry;
use crate::key::{SEED_LENGTH, SigningKeys, origin};

const EVERY: u64 = 10;

fn keys() -> SigningKeys {
    SigningKeys::from_seed(&[7; SEED_LENGTH]).unwrap()
}

/// An export of `count` entries, signed after each tenth and at the end.
fn export(count: u64) -> Vec<Line> {
    let (keys, mut tree) = (keys(), Tree::default());
    let origin = origin("example.org", entry(0).tenant.as_ref());
    let mut lines = vec![Line::Log { format: FORMAT, origin: origin.clone(), keys: keys.public().to_text() }];
    for seq in 0..count {
        let detail = serde_json::json!({ "max_replicas": seq });
        let entry = Entry { detail: Some(digest(detail.to_string().as_bytes())), ..entry(seq) };
        let hash = hash_of(&entry.to_bytes().unwrap());
        tree.add(hash).unwrap();
        lines.push(Line::Entry { entry, hash: hash.to_string(), detail: Some(detail), salt: None });
        if (seq + 1) % EVERY == 0 || seq + 1 == count {
            let checkpoint = Checkpoint { origin: origin.clone(), size: seq + 1, root: tree.root_at(seq + 1).unwrap() };
            lines.push(Line::Checkpoint(keys.sign(&checkpoint, Timestamp::from_millis(5000)).unwrap()));
        }
    }
    lines
}

fn verdict(lines: &[Line]) -> Verdict {
    let mut verifier = Verifier::new(Some(keys().public()));
    lines.iter().for_each(|line| verifier.read(&serde_json::to_string(line).unwrap()));
    verifier.end()
}

/// The line of an entry, to be changed.
fn at(lines: &mut [Line], seq: u64) -> &mut Line {
    lines.iter_mut().find(|line| matches!(line, Line::Entry { entry, .. } if entry.seq == seq)).unwrap()
}

fn place(lines: &[Line], seq: u64) -> usize {
    lines.iter().position(|line| matches!(line, Line::Entry { entry, .. } if entry.seq == seq)).unwrap()
}

#[test]
fn a_whole_log_has_no_findings_and_says_until_where_it_is_signed() {
    let verdict = verdict(&export(25));
    assert_eq!((verdict.findings, verdict.entries, verdict.trust), (vec![], 25, Trust::Given));
    let (checkpoint, at) = verdict.sealed.unwrap();
    assert_eq!((checkpoint.size, at), (25, Timestamp::from_millis(5000)));
    assert_eq!(verdict.origin, "example.org/audit/tenant/acme");
}

#[test]
fn what_was_changed_dropped_moved_or_cut_off_is_found_where_it_is() {
    let mut changed = export(25);
    if let Line::Entry { entry, .. } = at(&mut changed, 13) {
        entry.actor = "user:eve".into();
    }
    assert_eq!(verdict(&changed).findings, [Finding::Altered { seq: 13 }]);

    let mut detail = export(25);
    if let Line::Entry { detail, .. } = at(&mut detail, 13) {
        *detail = Some(serde_json::json!({ "max_replicas": 99 }));
    }
    assert_eq!(verdict(&detail).findings, [Finding::DetailAltered { seq: 13 }]);
    if let Line::Entry { detail, .. } = at(&mut detail, 13) {
        *detail = None;
    }
    assert_eq!(verdict(&detail).findings, [], "details may be erased, and the tree stays valid");

    let mut dropped = export(25);
    dropped.remove(place(&dropped, 13));
    assert_eq!(
        verdict(&dropped).findings,
        [Finding::Dropped { from: 13, until: 14 }, Finding::Root { from: 10, until: 20 }]
    );

    let mut moved = export(25);
    let (a, b) = (place(&moved, 13), place(&moved, 14));
    moved.swap(a, b);
    assert!(verdict(&moved).findings.contains(&Finding::Moved { place: 15, seq: 13 }));

    let mut cut_off = export(25);
    cut_off.retain(|line| !matches!(line, Line::Entry { entry, .. } if entry.seq > 21));
    assert_eq!(
        verdict(&cut_off).findings,
        [Finding::CutOff { entries: 22, signed: 25 }, Finding::Unsealed { from: 20, until: 22 }]
    );

    // What was added after the last checkpoint is signed by nobody.
    let mut added = export(25);
    added.pop();
    assert_eq!(verdict(&added).findings, [Finding::Unsealed { from: 20, until: 25 }]);

    // Altered together with its hash, it is between two checkpoints.
    let mut both = export(25);
    if let Line::Entry { entry, hash, .. } = at(&mut both, 13) {
        entry.actor = "user:eve".into();
        *hash = hash_of(&entry.to_bytes().unwrap()).to_string();
    }
    assert_eq!(verdict(&both).findings, [Finding::Root { from: 10, until: 20 }]);
}

#[test]
fn an_end_that_was_cut_off_with_its_checkpoint_is_known_to_who_kept_one() {
    let whole = export(25);
    let Some(Line::Checkpoint(kept)) = whole.last() else { panic!("a checkpoint") };
    let mut rolled_back = export(25);
    rolled_back.truncate(place(&whole, 20));
    assert_eq!(verdict(&rolled_back).findings, [], "nobody can tell from the log alone");
    let mut verifier = Verifier::new(Some(keys().public()));
    rolled_back.iter().for_each(|line| verifier.read(&serde_json::to_string(line).unwrap()));
    verifier.kept(kept);
    assert_eq!(verifier.end().findings, [Finding::CutOff { entries: 20, signed: 25 }]);
}

#[test]
fn keys_of_others_and_entries_of_others_are_not_trusted() {
    let other = SigningKeys::from_seed(&[8; SEED_LENGTH]).unwrap().public();
    let mut verifier = Verifier::new(Some(other));
    export(5).iter().for_each(|line| verifier.read(&serde_json::to_string(line).unwrap()));
    let findings = verifier.end().findings;
    assert!(findings.iter().any(|one| matches!(one, Finding::Unsigned { .. })), "{findings:?}");

    let mut foreign = export(5);
    if let Line::Entry { entry, .. } = at(&mut foreign, 3) {
        entry.tenant = Some("globex".parse().unwrap());
    }
    assert_eq!(verdict(&foreign).findings, [Finding::Altered { seq: 3 }, Finding::Foreign { seq: 3 }]);
    assert!(verdict(&export(5)[..3]).findings.contains(&Finding::NoCheckpoint));
    assert_eq!(verdict(&[]).findings, [Finding::NoCheckpoint]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// No letter of an export can be changed unseen, but one that leaves what is said as it was.
    #[test]
    fn no_letter_can_be_changed_unseen(line in 1_usize..28, place: prop::sample::Index, letter in "[ -~]") {
        let lines: Vec<String> = export(25).iter().map(|line| serde_json::to_string(line).unwrap()).collect();
        let mut changed = lines.clone();
        let place = place.index(changed[line].len());
        prop_assume!(changed[line].is_char_boundary(place) && changed[line].is_char_boundary(place + 1));
        changed[line].replace_range(place..=place, &letter);
        let same = |a: &str, b: &str| serde_json::from_str::<Line>(a).ok() == serde_json::from_str::<Line>(b).ok();
        prop_assume!(!same(&changed[line], &lines[line]));
        let mut verifier = Verifier::new(Some(keys().public()));
        changed.iter().for_each(|line| verifier.read(line));
        prop_assert!(!verifier.end().findings.is_empty(), "{}", changed[line]);
    }

    /// Whatever is read, there is a verdict.
    #[test]
    fn nothing_that_is_read_is_the_end_of_it(lines in prop::collection::vec(".{0,200}", 0..8)) {
        let mut verifier = Verifier::new(None);
        lines.iter().for_each(|line| verifier.read(line));
        prop_assert!(!verifier.end().findings.is_empty());
    }
}

/// The same of which the first `cut` were pruned, with a proof that leads to a root log of three leaves.
fn pruned_and_rooted(count: u64, cut: u64) -> Vec<Line> {
    let (keys, mut lines, at) = (keys(), export(count), Timestamp::from_millis(9000));
    let mut tree = Tree::default();
    let hashes: Vec<Hash> = lines
        .iter()
        .filter_map(|line| if let Line::Entry { hash, .. } = line { Hash::from_hex(hash) } else { None })
        .collect();
    hashes.into_iter().for_each(|hash| tree.add(hash).unwrap());
    let origin = origin("example.org", entry(0).tenant.as_ref());
    let edge = crate::Places::hashes(&tree, &crate::edge(cut)).unwrap();
    let said = Checkpoint { origin: pruned_origin(&origin), size: cut, root: tree.root_at(cut).unwrap() };
    let statement = keys.sign(&said, at).unwrap();
    lines.retain(|line| !matches!(line, Line::Entry { entry, .. } if entry.seq < cut));
    lines.retain(|line| !matches!(line, Line::Checkpoint(signed) if signed.contains("\n10\n") && cut > 10));
    lines.insert(1, Line::Pruned { size: cut, edge: edge.iter().map(ToString::to_string).collect(), statement });

    let mut roots = Tree::default();
    let own = Checkpoint { origin, size: count, root: tree.root_at(count).unwrap() };
    for leaf in ["another", &own.text(), "a third"] {
        roots.add(hash_of(leaf.as_bytes())).unwrap();
    }
    let root = Checkpoint { origin: root_origin("example.org"), size: 3, root: roots.root_at(3).unwrap() };
    let proof = crate::prove_inclusion(1, 3, &roots).unwrap();
    let witness = SigningKeys::from_seed(&[9; SEED_LENGTH]).unwrap();
    let note = SignedNote::parse(&keys.sign(&root, at).unwrap()).unwrap();
    let checkpoint = note.with(&witness.cosign("w", &root, at).unwrap()).unwrap();
    let path = proof.path.iter().map(ToString::to_string).collect();
    lines.push(Line::Root(RootProof { size: count, leaf: 1, path, checkpoint }));
    lines
}

fn witnessed(lines: &[String]) -> Verdict {
    let witness = SigningKeys::from_seed(&[9; SEED_LENGTH]).unwrap().public().of_witness("w").unwrap();
    let mut verifier = Verifier::new(Some(keys().public())).witnessed_by(witness.to_vec());
    lines.iter().for_each(|line| verifier.read(line));
    verifier.end()
}

#[test]
fn what_was_pruned_is_said_and_the_rest_leads_to_the_root_log() {
    let text =
        |lines: &[Line]| -> Vec<String> { lines.iter().map(|line| serde_json::to_string(line).unwrap()).collect() };
    let verdict = witnessed(&text(&pruned_and_rooted(25, 13)));
    assert_eq!((verdict.findings, verdict.entries), (vec![], 25));
    assert_eq!(verdict.pruned, Some((13, Timestamp::from_millis(9000))));
    let at = Timestamp::from_millis(9000);
    assert_eq!(verdict.rooted, Some(Rooted { entries: 25, leaf: 1, at }));
    assert_eq!(verdict.witnessed, [Witnessed { witness: "w".into(), entries: 25, at }]);
    // An ordinary checkpoint, which everybody has, is no statement of what was pruned.
    let mut forged = pruned_and_rooted(25, 20);
    let Some(Line::Checkpoint(signed)) =
        export(25).into_iter().rfind(|line| matches!(line, Line::Checkpoint(signed) if signed.contains("\n20\n")))
    else {
        panic!("a checkpoint")
    };
    if let Line::Pruned { statement, .. } = &mut forged[1] {
        *statement = signed;
    }
    assert!(matches!(witnessed(&text(&forged)).findings[..], [Finding::Unsigned { line: 2, .. }]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Nor of a pruned one, nor of what leads to the root log.
    #[test]
    fn no_letter_of_what_was_pruned_or_rooted_can_be_changed_unseen(last in any::<bool>(), place: prop::sample::Index, letter in "[ -~]") {
        let lines: Vec<String> = pruned_and_rooted(25, 13).iter().map(|line| serde_json::to_string(line).unwrap()).collect();
        let mut changed = lines.clone();
        let line = if last { lines.len() - 1 } else { 1 };
        let place = place.index(changed[line].len());
        prop_assume!(changed[line].is_char_boundary(place) && changed[line].is_char_boundary(place + 1));
        changed[line].replace_range(place..=place, &letter);
        let same = |a: &str, b: &str| serde_json::from_str::<Line>(a).ok() == serde_json::from_str::<Line>(b).ok();
        prop_assume!(!same(&changed[line], &lines[line]));
        prop_assert!(!witnessed(&changed).findings.is_empty(), "{}", changed[line]);
    }
}
