//! What every provider of keys holds to.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "shared/promises.rs"]
mod promises;

use promises::holds;
use tenantry_keys::{Bound, EnvironmentProvider, FileProvider, KeyProvider as _, Owner, Secret};

#[tokio::test]
async fn a_file_holds_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (FileProvider::new(folder.path().join("one")), FileProvider::new(folder.path().join("other")));
    holds(&one, &other).await;
    let text = std::fs::read_to_string(folder.path().join("one")).unwrap();
    let shown = format!("{one:?}");
    let mut digits = text.lines().filter_map(|line| line.rsplit(' ').next()).filter(|word| word.len() == 64);
    assert!(digits.all(|digits| !shown.contains(digits)), "{shown}");
}

#[tokio::test]
async fn the_environment_holds_to_it() {
    let (one, other) = (Secret::random().unwrap().to_hex(), Secret::random().unwrap().to_hex());
    let provider = EnvironmentProvider::new("KEY", &one).unwrap();
    holds(&provider, &EnvironmentProvider::new("KEY", &other).unwrap()).await;
    assert!(!format!("{provider:?}").contains(one.as_str()));
    // A newer one before it seals, and both open.
    let both = EnvironmentProvider::new("KEY", &format!("{}, {}", other.as_str(), one.as_str())).unwrap();
    let (secret, bound) = (Secret::random().unwrap(), Bound::to("a"));
    let old = provider.wrap(&Owner::Platform, &secret, &bound).await.unwrap();
    both.unwrap(&Owner::Platform, &old, &bound).await.unwrap();
    let new = both.wrap(&Owner::Platform, &secret, &bound).await.unwrap();
    assert_ne!(new.version, old.version);
    assert!(provider.unwrap(&Owner::Platform, &new, &bound).await.is_err());
}

#[tokio::test]
async fn what_is_no_key_is_refused_without_being_repeated() {
    for text in ["", "x", "a1b2", &"0g".repeat(32), &format!("{},", "00".repeat(32))] {
        let error = EnvironmentProvider::new("KEY", text).unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(said.contains("64 hexadecimal digits") && error.code() == "T1004", "{said}");
        assert!(text.len() < 4 || !said.contains(text), "{said}");
    }
}
