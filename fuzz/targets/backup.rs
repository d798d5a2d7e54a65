//! Names and manifests of backups.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tenantry_backup::{Manifest, Name};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(name) = std::str::from_utf8(bytes).unwrap_or_default().parse::<Name>() {
        let again: Name = name.as_str().parse().expect("a name is one");
        assert_eq!((again.as_str(), again.at()), (name.as_str(), name.at()));
    }
    let Ok(manifest) = serde_json::from_slice::<Manifest>(bytes) else { return };
    let written = serde_json::to_vec(&manifest).expect("it is written");
    assert_eq!(serde_json::from_slice::<Manifest>(&written).expect("it is read again"), manifest);
    let _ = (manifest.rows(), manifest.bytes(), manifest.tables().count());
    assert!(manifest.holds_as(&manifest) && manifest.differences(&manifest).is_empty());
});
