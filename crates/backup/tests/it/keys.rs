//! Who can open an archive.

use std::sync::Arc;

use tenantry_backup::{Access, Archive, BackupError};
use tenantry_keys::{FileProvider, KeyProvider as _, Owner};

use crate::given::*;

#[tokio::test]
async fn only_its_keys_open_an_archive() {
    let given = given();
    let nothing = Archive::open(given.place.clone(), &access(&key(1))).await.unwrap_err();
    assert!(matches!(nothing, BackupError::Nothing { .. }), "{nothing}");
    taken(&given.archive().await, &Memory::new(10), 0).await;
    for open in [true, false] {
        let (place, wrong) = (given.place.clone(), access(&key(2)));
        let opened = if open { Archive::open(place, &wrong).await } else { Archive::begin(place, &wrong).await };
        let refused = opened.unwrap_err();
        assert!(matches!(refused, BackupError::Keys { .. }) && refused.code() == Some("T1103"), "{refused}");
    }
}

#[tokio::test]
async fn a_newer_key_takes_over_and_the_older_one_may_go() {
    let given = given();
    let memory = Memory::new(50);
    taken(&given.archive().await, &memory, 0).await;
    let both = format!("{},{}", key(2), key(1));
    let archive = Archive::begin(given.place.clone(), &access(&both)).await.unwrap();
    let (_, again) = taken(&archive, &memory, 1).await;
    assert_eq!(again.new_chunks, 0, "the archive's own key is the same");
    let archive = Archive::open(given.place.clone(), &access(&key(2))).await.unwrap();
    assert_eq!(back(&archive, &newest(&archive).await).await, memory);
    // Asked again, it is not sealed a third time.
    Archive::begin(given.place.clone(), &access(&key(2))).await.unwrap();
    assert_eq!(given.of("keys").await.len(), 2);
}

#[tokio::test]
async fn after_its_keys_were_destroyed_an_archive_begins_anew_and_the_old_is_unreadable() {
    let (given, folder) = (given(), tempfile::tempdir().unwrap());
    let provider = Arc::new(FileProvider::new(folder.path().join("keys")));
    let access = Access { provider: provider.clone(), unencrypted: false };
    let none = Archive::begin(given.place.clone(), &access).await.unwrap_err();
    assert!(matches!(none, BackupError::NoKeys { .. }) && none.to_string().contains("--unencrypted"), "{none}");
    provider.prepare(&[Owner::Platform]).await.unwrap();
    let archive = Archive::begin(given.place.clone(), &access).await.unwrap();
    let memory = Memory::new(50);
    taken(&archive, &memory, 0).await;
    provider.renew(&[Owner::Platform]).await.unwrap();
    provider.retire(&[Owner::Platform]).await.unwrap();
    let gone = Archive::open(given.place.clone(), &access).await.unwrap_err();
    assert!(matches!(gone, BackupError::Keys { .. }), "{gone}");
    let archive = Archive::begin(given.place.clone(), &access).await.unwrap();
    taken(&archive, &memory, 1).await;
    let listed = archive.list().await.unwrap();
    let readable: Vec<bool> = listed.iter().map(|listed| listed.manifest.is_ok()).collect();
    assert_eq!(readable, [false, true]);
    assert_eq!(back(&archive, &newest(&archive).await).await, memory);
    // Dropping goes on, and leaves what it cannot read.
    let keep = tenantry_backup::Pruning { keep: Some("last=1".parse().unwrap()), ..Default::default() };
    assert_eq!(tenantry_backup::prune(&archive, &keep).await.unwrap().kept.len(), 2);
}

#[tokio::test]
async fn an_archive_in_the_clear_is_read_only_by_who_says_so() {
    let given = given();
    let plain = Access { unencrypted: true, ..access(&key(1)) };
    let archive = Archive::begin(given.place.clone(), &plain).await.unwrap();
    let memory = Memory::new(50);
    taken(&archive, &memory, 0).await;
    for open in [true, false] {
        let (place, access) = (given.place.clone(), access(&key(1)));
        let opened = if open { Archive::open(place, &access).await } else { Archive::begin(place, &access).await };
        assert!(matches!(opened.unwrap_err(), BackupError::Unencrypted { .. }));
    }
    let archive = Archive::open(given.place.clone(), &plain).await.unwrap();
    assert_eq!(back(&archive, &newest(&archive).await).await, memory);
    // What is damaged is found by chance, if not by design.
    let piece = given.of("chunks").await[0].clone();
    let mut bytes = given.all().await[&piece].clone();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    given.write(&piece, bytes).await;
    let verdict = tenantry_backup::verify(&archive, None, false, &mut |_| {}).await.unwrap();
    assert!(!verdict.is_whole());
}
