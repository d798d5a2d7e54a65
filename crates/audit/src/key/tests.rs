use super::*;
use crate::tree::hash_of;

const AT: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn keys(seed: u8) -> SigningKeys {
    SigningKeys::from_seed(&[seed; SEED_LENGTH]).unwrap()
}

fn checkpoint() -> Checkpoint {
    Checkpoint { origin: origin("example.org", None), size: 42, root: hash_of(b"root") }
}

#[test]
fn a_checkpoint_is_signed_twice_and_both_are_verified() {
    let (keys, checkpoint) = (keys(1), checkpoint());
    let signed = keys.sign(&checkpoint, AT).unwrap();
    assert!(signed.starts_with("example.org/audit/platform\n42\n"), "{signed}");
    assert_eq!(keys.public().verify(&signed).unwrap(), (checkpoint, AT));
    // Without either signature, or with another's, it is not taken.
    let lines: Vec<&str> = signed.lines().collect();
    let [.., first, second] = lines[..] else { panic!("two signatures") };
    for (left_out, which) in [(first, "Ed25519"), (second, "ML-DSA-44")] {
        let error = keys.public().verify(&signed.replace(&format!("{left_out}\n"), "")).unwrap_err();
        assert!(matches!(error, CheckpointError::Signature { which: found, .. } if found == which), "{error}");
    }
    assert!(keys.public().verify(&signed.replace("\n42\n", "\n43\n")).is_err());
    assert!(super::tests::keys(2).public().verify(&signed).is_err());
    assert!(keys.public().verify("nothing").is_err());
}

#[test]
fn others_that_read_signed_notes_verify_it() {
    let (keys, checkpoint) = (keys(1), checkpoint());
    let signed = keys.sign(&checkpoint, AT).unwrap();
    let key = [&[ED25519_PLAIN], &keys.public().ed25519[..]].concat();
    let id = signed_note::key_id(&checkpoint.origin, &key);
    let text = format!("{}+{id:08x}+{}", checkpoint.origin, BASE64_STANDARD.encode(key));
    let verifier = signed_note::StandardVerifier::new(&text).unwrap();
    let note = Note::from_bytes(signed.as_bytes()).unwrap();
    let known = signed_note::VerifierList::new(vec![Box::new(verifier)]);
    let (verified, unknown) = note.verify(&known).unwrap();
    assert_eq!((verified.len(), unknown.len()), (1, 1));
}

#[test]
fn keys_are_one_line_of_text_and_a_seed_always_makes_the_same() {
    let public = keys(1).public();
    assert_eq!(PublicKeys::from_text(&format!("{}\n", public.to_text())).unwrap(), public);
    assert_ne!(keys(2).public(), public);
    for text in ["", "tenantry-audit:", "tenantry-audit:AQ==:Bg==", "tenantry-audit:a:b:c"] {
        assert!(PublicKeys::from_text(text).is_err(), "{text}");
    }
    assert_eq!(format!("{:?}", keys(1)), "SigningKeys { .. }");
}
