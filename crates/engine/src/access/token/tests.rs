use super::*;

#[test]
fn what_is_drawn_reads_back_and_opens_its_own_hash_only() {
    let (one, other) = (Presented::draw().unwrap(), Presented::draw().unwrap());
    let text = one.reveal();
    assert_eq!(text.len(), "tnt_".len() + KEY_ID_LENGTH + 1 + SECRET_LENGTH + CHECKSUM_LENGTH);
    let read = Presented::read(&text).unwrap();
    assert_eq!(read.id(), one.id());
    assert!(read.opens(&one.hash()));
    assert!(!read.opens(&other.hash()));
    // The same secret under another id is another token.
    let moved = Presented { id: other.id, secret: one.secret.clone() };
    assert!(!moved.opens(&one.hash()));
}

#[test]
fn every_misspelling_of_one_letter_is_found() {
    let text = Presented::draw().unwrap().reveal();
    for place in 0..text.len() {
        for letter in ["a", "Z", "_", "é", ""] {
            let mut wrong = text.clone();
            wrong.replace_range(place..=place, letter);
            assert!(wrong == text || Presented::read(&wrong).is_none(), "{wrong}");
        }
        assert!(Presented::read(&text[..place]).is_none());
    }
    for no in ["", "tnt_", "tnt__", "Bearer x", "tnt_\u{1f600}\u{1f600}", "äöü"] {
        assert!(Presented::read(no).is_none(), "{no}");
    }
}

#[test]
fn the_checksum_is_the_usual_one() {
    assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
}

#[test]
fn nothing_secret_is_printed() {
    let token = Presented::draw().unwrap();
    let printed = format!("{token:?} {:?}", token.hash());
    assert!(!printed.contains(&token.secret), "{printed}");
    assert_eq!(printed, format!("Presented {{ id: KeyId({:?}), .. }} SecretHash(..)", token.id().as_str()));
}

#[test]
fn a_token_that_is_shown_again_keeps_no_more_than_its_id() {
    let token = Presented::draw().unwrap();
    let (whole, id) = (token.reveal(), token.id());
    let shown = masked(&whole);
    assert_eq!(shown, format!("tnt_{id}_…"));
    assert_eq!(
        masked(&format!("no action `{whole}`, and {whole}.")),
        format!("no action `tnt_{id}_…`, and tnt_{id}_….")
    );
    // One that was cut or misspelt, and so is none, gives away as much.
    assert_eq!(masked(&whole[..30]), format!("tnt_{id}_…"));
    for plain in ["", "nothing", "tnt_", "a tnt_ b_c", "tnt_abc"] {
        assert_eq!(masked(plain), plain);
    }
}
