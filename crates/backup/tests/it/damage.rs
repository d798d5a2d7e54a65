//! Every kind of damage is found, and named.

use tenantry_backup::{Archive, BackupError, Verdict, Which, fill, verify};

use crate::given::*;

async fn found(archive: &Archive) -> Verdict {
    verify(archive, None, false, &mut |_| {}).await.unwrap()
}

/// After something was done to one object, that object is named, in every backup that has it, and it is not restored.
async fn names(given: &Given, archive: &Archive, damaged: &str) {
    let verdict = found(archive).await;
    let named = damaged.strip_prefix("under/").unwrap();
    let found = verdict.backups.iter().flat_map(|backup| &backup.findings).any(|finding| finding.object == named);
    assert!(found, "{named}: {verdict:?}");
    for backup in verdict.backups.iter().filter(|backup| !backup.findings.is_empty()) {
        let refused = match archive.find(&Which::Named(backup.name.clone())).await {
            Ok(manifest) => fill(archive, &manifest, &mut Memory::empty(), &mut |_| {}).await.unwrap_err(),
            Err(refused) => refused,
        };
        assert_eq!(refused.code(), Some("T1104"), "{refused}");
    }
    let _ = given;
}

#[tokio::test]
async fn each_byte_of_each_object_counts() {
    let given = given();
    let archive = given.archive().await;
    taken(&archive, &Memory::new(300), 0).await;
    assert!(found(&archive).await.is_whole());
    for (path, whole) in given.all().await {
        if path.starts_with("under/keys/") {
            continue;
        }
        let places = [0, 1, 2, 13, whole.len() / 2, whole.len() - 1];
        for place in places {
            let mut altered = whole.clone();
            altered[place] ^= 1;
            given.write(&path, altered).await;
            names(&given, &archive, &path).await;
        }
        for length in [0, 1, whole.len() - 1] {
            given.write(&path, whole[..length].to_vec()).await;
            names(&given, &archive, &path).await;
        }
        given.write(&path, [whole.as_slice(), b"x"].concat()).await;
        names(&given, &archive, &path).await;
        given.write(&path, whole).await;
    }
    assert!(found(&archive).await.is_whole());
}

#[tokio::test]
async fn what_is_missing_swapped_or_from_elsewhere_is_found() {
    let (given, other) = (given(), crate::given::given());
    let (archive, elsewhere) = (given.archive().await, other.archive().await);
    taken(&archive, &Memory::new(2_000), 0).await;
    taken(&elsewhere, &Memory::new(2_000), 0).await;
    let pieces = given.of("chunks").await;
    let all = given.all().await;
    assert!(pieces.len() > 4, "{pieces:?}");
    for path in [&pieces[0], &pieces[3]] {
        given.remove(path).await;
        names(&given, &archive, path).await;
        given.write(path, all[&pieces[1]].clone()).await;
        names(&given, &archive, path).await;
        // The same rows, of another archive.
        given.write(path, other.all().await.into_iter().find(|(path, _)| path.contains("chunks")).unwrap().1).await;
        names(&given, &archive, path).await;
        given.write(path, all[path].clone()).await;
    }
    // A manifest of another backup, or of another archive, under this one's name.
    taken(&archive, &Memory::new(2_001), 1).await;
    let (ours, theirs) = (given.of("snapshots").await, other.of("snapshots").await);
    for bytes in [given.all().await[&ours[1]].clone(), other.all().await[&theirs[0]].clone()] {
        given.write(&ours[0], bytes).await;
        names(&given, &archive, &ours[0]).await;
    }
    // Keys of another archive are not its keys.
    let keys = given.of("keys").await;
    given.write(&keys[0], other.all().await[&other.of("keys").await[0]].clone()).await;
    assert!(Archive::open(given.place.clone(), &access(&key(1))).await.is_err());
}

#[tokio::test]
async fn damaged_pieces_that_are_removed_are_written_anew() {
    let given = given();
    let archive = given.archive().await;
    let memory = Memory::new(2_000);
    let (first, _) = taken(&archive, &memory, 0).await;
    let piece = given.of("chunks").await[0].clone();
    given.write(&piece, b"nothing".to_vec()).await;
    let (_, second) = taken(&archive, &memory, 1).await;
    assert_eq!(second.new_chunks, 0, "it is there, as far as can be told by its name");
    let verdict = verify(&archive, None, true, &mut |_| {}).await.unwrap();
    assert!(!verdict.is_whole() && verdict.removed == 1, "{verdict:?}");
    let (_, third) = taken(&archive, &memory, 2).await;
    assert_eq!(third.new_chunks, 1);
    assert!(found(&archive).await.is_whole(), "the older ones are whole again, too");
    assert_eq!(back(&archive, &archive.find(&Which::Named(first)).await.unwrap()).await, memory);
}

#[tokio::test]
async fn nothing_of_what_is_backed_up_can_be_read_in_an_archive() {
    let given = given();
    let archive = given.archive().await;
    taken(&archive, &Memory::new(500), 0).await;
    for (path, bytes) in given.all().await {
        assert!(!bytes.windows(7).any(|window| window == &PLANTED.as_bytes()[..7]), "{path}");
        let packed = zstd_of(&bytes);
        assert!(packed.is_none(), "{path} is packed in plain sight");
        for word in ["one", "two"] {
            assert!(!path.split('/').any(|part| part == word), "{path}");
        }
    }
}

/// What is in a packed text, if it is one.
fn zstd_of(bytes: &[u8]) -> Option<&[u8]> {
    bytes.windows(4).any(|window| window == [0x28, 0xb5, 0x2f, 0xfd]).then_some(bytes)
}

#[tokio::test]
async fn a_form_of_a_newer_program_is_said_to_be_one() {
    let given = given();
    given.archive().await;
    let path = given.of("keys").await[0].clone();
    let text = String::from_utf8(given.all().await[&path].clone()).unwrap();
    given.write(&path, text.replace("\"format\":1", "\"format\":2").into_bytes()).await;
    let refused = Archive::open(given.place.clone(), &access(&key(1))).await.unwrap_err();
    assert!(matches!(refused, BackupError::TooNew { found: 2, known: 1, .. }), "{refused}");
}
