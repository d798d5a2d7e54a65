use proptest::prelude::*;

use super::*;

fn key() -> Key {
    Key::new(&Secret::from_bytes(&[7; 32]).unwrap()).unwrap()
}

fn row(tenant: &str, version: i64) -> Bound {
    Bound::to("revisions").text(tenant).number(version)
}

#[test]
fn what_is_sealed_opens_for_its_place_alone() {
    let (key, other) = (key(), Key::new(&Secret::random().unwrap()).unwrap());
    let sealed = key.seal(b"the budget of acme", &row("acme", 2)).unwrap();
    assert_eq!(sealed.len(), b"the budget of acme".len() + OVERHEAD);
    assert_eq!(key.open(&sealed, &row("acme", 2)).unwrap(), b"the budget of acme");
    // In another tenant's place, in that of another version, with another key.
    assert_eq!(key.open(&sealed, &row("bolt", 2)), Err(Unsealed::Closed));
    assert_eq!(key.open(&sealed, &row("acme", 3)), Err(Unsealed::Closed));
    assert_eq!(other.open(&sealed, &row("acme", 2)), Err(Unsealed::Closed));
    // The same once more is another envelope.
    assert_ne!(key.seal(b"the budget of acme", &row("acme", 2)).unwrap(), sealed);
}

#[test]
fn fields_cannot_run_into_each_other() {
    let key = key();
    let sealed = key.seal(b"x", &Bound::to("kept").text("ab").text("c")).unwrap();
    for other in [Bound::to("kept").text("a").text("bc"), Bound::to("kept").text("abc"), Bound::to("keptab").text("c")]
    {
        assert_eq!(key.open(&sealed, &other), Err(Unsealed::Closed), "{other:?}");
    }
}

#[test]
fn nothing_of_a_key_is_shown() {
    let secret = Secret::from_bytes(&[0xab; 32]).unwrap();
    let shown = format!("{secret:?} {:?}", Key::new(&secret).unwrap());
    assert!(!shown.contains("171") && !shown.to_lowercase().contains("abab"), "{shown}");
}

/// RFC 8452, C.2: AEAD_AES_256_GCM_SIV with a plaintext of 8 bytes and none that are only authenticated.
#[test]
fn the_cipher_is_the_one_that_it_says() {
    let mut secret = [0; 32];
    secret[0] = 1;
    let cipher = RandomizedNonceKey::new(&AES_256_GCM_SIV, &secret).unwrap();
    let mut nonce = [0; 12];
    nonce[0] = 3;
    let mut text = hex::decode("c2ef328e5c71c83b843122130f7364b761e0b97427e3df28").unwrap();
    let opened = cipher.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut text).unwrap();
    assert_eq!(opened, [1, 0, 0, 0, 0, 0, 0, 0]);
}

proptest! {
    #[test]
    fn no_byte_can_be_changed_or_left_out(plain in prop::collection::vec(any::<u8>(), 0..80), at in any::<prop::sample::Index>(), flip in 1_u8..) {
        let key = key();
        let sealed = key.seal(&plain, &row("acme", 1)).unwrap();
        prop_assert_eq!(&key.open(&sealed, &row("acme", 1)).unwrap(), &plain);
        let mut altered = sealed.clone();
        let place = at.index(altered.len());
        altered[place] ^= flip;
        prop_assert!(key.open(&altered, &row("acme", 1)).is_err());
        prop_assert!(key.open(&sealed[..place], &row("acme", 1)).is_err());
    }

    #[test]
    fn whatever_it_is_given_it_says_no(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(key().open(&bytes, &row("acme", 1)).is_err());
    }
}
