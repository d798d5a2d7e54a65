use proptest::prelude::*;

use super::*;

fn tree(count: u64) -> Tree {
    let mut tree = Tree::default();
    (0..count).for_each(|seq| tree.add(hash_of(&seq.to_be_bytes())).unwrap());
    tree
}

/// RFC 6962, section 2.1, as it is written there.
fn by_the_book(leaves: &[Hash]) -> Hash {
    use sha2::{Digest as _, Sha256};
    match leaves {
        [] => Hash(Sha256::digest([]).into()),
        [leaf] => *leaf,
        all => {
            let (left, right) = all.split_at(all.len().next_power_of_two() / 2);
            let node =
                Sha256::new().chain_update([1]).chain_update(by_the_book(left).0).chain_update(by_the_book(right).0);
            Hash(node.finalize().into())
        }
    }
}

#[test]
fn a_leaf_is_hashed_as_the_rfc_has_it() {
    // Certificate Transparency's test vector of the leaf with no bytes.
    assert_eq!(hash_of(b"").to_string(), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    assert_eq!(Hash::from_hex(&hash_of(b"").to_string()), Some(hash_of(b"")));
    for text in ["", "6e34", &"g".repeat(64), &"é".repeat(32)] {
        assert_eq!(Hash::from_hex(text), None);
    }
}

proptest! {
    #[test]
    fn roots_and_proofs_are_those_of_the_rfc(size in 1_u64..200, at: prop::sample::Index, before: prop::sample::Index) {
        let tree = tree(size);
        let leaves: Vec<Hash> = (0..size).map(|seq| hash_of(&seq.to_be_bytes())).collect();
        let root = tree.root_at(size).unwrap();
        prop_assert_eq!(root, by_the_book(&leaves));

        let seq = u64::try_from(at.index(leaves.len())).unwrap();
        let proof = prove_inclusion(seq, size, &tree).unwrap();
        let leaf = leaves[usize::try_from(seq).unwrap()];
        prop_assert!(is_included(&proof, leaf, root));
        prop_assert!(!is_included(&proof, hash_of(b"another"), root));
        prop_assert!(!is_included(&proof, leaf, hash_of(b"another")));
        let beyond = Inclusion { seq: size, ..proof };
        prop_assert!(!is_included(&beyond, leaf, root));

        let earlier = u64::try_from(before.index(leaves.len())).unwrap() + 1;
        let then = by_the_book(&leaves[..usize::try_from(earlier).unwrap()]);
        let proof = prove_prefix(earlier, size, &tree).unwrap();
        prop_assert!(is_prefix(&proof, (earlier, then), (size, root)));
        prop_assert!(!is_prefix(&proof, (earlier, hash_of(b"another")), (size, root)));
    }
}

#[test]
fn the_right_edge_is_enough_to_go_on_from() {
    for size in 0..70 {
        let whole = tree(size + 40);
        let known = edge(size);
        let mut edge: BTreeMap<u64, Hash> = known.iter().copied().zip(whole.hashes(&known).unwrap()).collect();
        for seq in size..size + 40 {
            let new = added(seq, hash_of(&seq.to_be_bytes()), &edge).unwrap();
            edge.extend((first_place(seq)..).zip(new));
            assert_eq!(root(seq + 1, &edge).unwrap(), whole.root_at(seq + 1).unwrap());
        }
    }
}

#[test]
fn what_is_not_there_is_said_and_nothing_is_made_up() {
    let tree = tree(5);
    assert!(tree.root_at(6).is_err() && prove_inclusion(5, 5, &tree).is_err());
    assert!(prove_prefix(0, 5, &tree).is_err() && prove_prefix(6, 5, &tree).is_err());
    assert!(!is_prefix(&[], (0, hash_of(b"")), (5, tree.root_at(5).unwrap())));
    assert_eq!((first_place(0), first_place(1), first_place(2)), (0, 1, 3));
}

proptest! {
    /// What follows on an edge has the same roots, and the same proofs, as the whole.
    #[test]
    fn a_tree_goes_on_from_its_edge(size in 1_u64..200, cut: prop::sample::Index, at: prop::sample::Index) {
        let (whole, cut) = (tree(size), cut.index(usize::try_from(size).unwrap() + 1) as u64);
        let hashes = whole.hashes(&edge(cut)).unwrap();
        let mut rest = Tree::from_edge(cut, &hashes).unwrap();
        (cut..size).for_each(|seq| rest.add(hash_of(&seq.to_be_bytes())).unwrap());
        for at in cut.max(1)..=size {
            prop_assert_eq!(rest.root_at(at).unwrap(), whole.root_at(at).unwrap());
            if cut > 0 {
                let proof = prove_prefix(cut, at, &rest);
                prop_assert_eq!(proof, prove_prefix(cut, at, &whole));
            }
        }
        if cut < size {
            let seq = cut + at.index(usize::try_from(size - cut).unwrap()) as u64;
            prop_assert_eq!(prove_inclusion(seq, size, &rest), prove_inclusion(seq, size, &whole));
        }
        prop_assert!(Tree::from_edge(cut + 1, &hashes).is_err() || edge(cut).len() == edge(cut + 1).len());
    }
}
