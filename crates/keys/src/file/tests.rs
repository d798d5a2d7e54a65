use std::os::unix::fs::PermissionsExt as _;

use tempfile::TempDir;
use tenantry_domain::id::TenantId;

use super::*;

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.keys");
    (folder, path)
}

fn acme() -> Owner {
    Owner::Tenant(TenantId::new("acme").unwrap())
}

fn bound() -> Bound {
    Bound::to("test").number(1)
}

async fn seal(provider: &FileProvider, owner: &Owner) -> Wrapped {
    provider.wrap(owner, &Secret::from_bytes(&[9; 32]).unwrap(), &bound()).await.unwrap()
}

async fn opens(provider: &FileProvider, owner: &Owner, wrapped: &Wrapped) -> Result<(), KeyError> {
    provider.unwrap(owner, wrapped, &bound()).await.map(|secret| assert_eq!(secret.expose(), &[9; 32]))
}

#[tokio::test]
async fn a_file_is_made_with_the_first_key_and_for_its_owner_alone() {
    let (folder, path) = place();
    let provider = FileProvider::new(&path);
    assert_eq!(provider.newest(&acme()).await.unwrap(), None);
    assert!(!path.exists(), "looking makes nothing");
    let wrapped = seal(&provider, &acme()).await;
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
    // Another program, later.
    opens(&FileProvider::new(&path), &acme(), &wrapped).await.unwrap();
    // For another owner it does not open, though they have a key too.
    seal(&provider, &Owner::Platform).await;
    assert!(matches!(opens(&provider, &Owner::Platform, &wrapped).await, Err(KeyError::Wrong { .. })));
}

#[tokio::test]
async fn a_file_that_others_can_read_is_refused() {
    let (_folder, path) = place();
    let wrapped = seal(&FileProvider::new(&path), &acme()).await;
    for mode in [0o640, 0o604, 0o660] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let before = std::fs::read(&path).unwrap();
        let provider = FileProvider::new(&path);
        assert!(matches!(opens(&provider, &acme(), &wrapped).await, Err(KeyError::Open { .. })), "{mode:o}");
        assert!(matches!(provider.renew(&[acme()]).await, Err(KeyError::Open { .. })), "{mode:o}");
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
}

#[tokio::test]
async fn keys_are_renewed_retired_and_destroyed() {
    let (_folder, path) = place();
    let (provider, other) = (FileProvider::new(&path), FileProvider::new(&path));
    let first = seal(&provider, &acme()).await;
    let platform = seal(&provider, &Owner::Platform).await;
    // The other program learns of each change by itself.
    opens(&other, &acme(), &first).await.unwrap();
    provider.renew(&[acme()]).await.unwrap();
    let second = seal(&other, &acme()).await;
    assert_eq!(second.version, 2);
    opens(&other, &acme(), &first).await.unwrap();
    provider.retire(&[acme()]).await.unwrap();
    assert!(matches!(opens(&other, &acme(), &first).await, Err(KeyError::Destroyed { .. })));
    opens(&other, &acme(), &second).await.unwrap();
    let digits: Vec<String> = digits(&path, "tenant/acme 2");
    assert!(provider.destroy(&acme()).await.unwrap());
    assert!(!provider.destroy(&acme()).await.unwrap(), "it is destroyed once");
    for provider in [&provider, &other, &FileProvider::new(&path)] {
        assert!(matches!(opens(provider, &acme(), &second).await, Err(KeyError::Destroyed { .. })));
        opens(provider, &Owner::Platform, &platform).await.unwrap();
    }
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(digits.iter().all(|digits| !text.contains(digits)), "{text}");
    // Who has the same name later has another key.
    let third = seal(&other, &acme()).await;
    assert_eq!(third.version, 3);
    assert!(opens(&other, &acme(), &Wrapped { version: 3, ..second }).await.is_err());
}

fn digits(path: &Path, line: &str) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let found: Vec<String> =
        text.lines().filter_map(|found| found.strip_prefix(line)).map(|digits| digits.trim().to_owned()).collect();
    assert_eq!(found.len(), 1);
    found
}

#[tokio::test]
async fn a_line_that_was_torn_off_is_passed_over_and_any_other_damage_is_named() {
    let (_folder, path) = place();
    let wrapped = seal(&FileProvider::new(&path), &acme()).await;
    let whole = std::fs::read_to_string(&path).unwrap();
    for torn in ["tenant/bolt", "tenant/bolt 1 00ff", "tenant/bolt 1 "] {
        std::fs::write(&path, format!("{whole}{torn}")).unwrap();
        let provider = FileProvider::new(&path);
        opens(&provider, &acme(), &wrapped).await.unwrap();
        let bolt = Owner::Tenant(TenantId::new("bolt").unwrap());
        let sealed = seal(&provider, &bolt).await;
        opens(&FileProvider::new(&path), &bolt, &sealed).await.unwrap();
        opens(&FileProvider::new(&path), &acme(), &wrapped).await.unwrap();
    }
    let secret = digits(&path, "tenant/acme 1").concat();
    for (wrong, said) in [
        (whole.replace("tenant/acme 1 ", "tenant/acme 1 x"), "line 4: its key is not of 64"),
        (whole.replace("tenant/acme 1", "acme 1"), "line 4: its owner is neither"),
        (whole.replace("tenant/acme 1", "tenant/acme one"), "line 4: its number is none"),
        (whole.replace("tenant/acme 1", "tenant/acme"), "line 4: it should be an owner"),
        (format!("{whole}tenant/acme 1 {secret}\n"), "line 5: its number is not above"),
    ] {
        std::fs::write(&path, wrong).unwrap();
        let error = opens(&FileProvider::new(&path), &acme(), &wrapped).await.unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.contains(said), "{text}");
        assert!(!text.contains(&secret), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_who_make_keys_at_once_lose_none() {
    let (_folder, path) = place();
    let mut tasks = Vec::new();
    // Some with a provider of their own, as other programs, and some with one.
    let shared = std::sync::Arc::new(FileProvider::new(&path));
    for number in 0..96_u32 {
        let one = std::sync::Arc::new(FileProvider::new(&path));
        let provider = if number % 3 == 0 { one } else { shared.clone() };
        tasks.push(tokio::spawn(async move {
            let owner = Owner::Tenant(TenantId::new(format!("t{}", number % 40)).unwrap());
            let wrapped = seal(&provider, &owner).await;
            (owner, wrapped)
        }));
    }
    let provider = FileProvider::new(&path);
    for task in tasks {
        let (owner, wrapped) = task.await.unwrap();
        assert_eq!(wrapped.version, 1);
        opens(&provider, &owner, &wrapped).await.unwrap();
    }
}
