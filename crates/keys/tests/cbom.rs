//! The inventory of cryptography, held against the code: what is used and not in it fails.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tenantry_keys::Algorithm;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn inventory() -> Value {
    serde_json::from_str(&std::fs::read_to_string(root().join("docs/cbom.json")).unwrap()).unwrap()
}

/// The values of a property of all components.
fn properties(inventory: &Value, name: &str) -> BTreeSet<String> {
    let components = inventory["components"].as_array().unwrap();
    let all = components.iter().flat_map(|component| component["properties"].as_array().unwrap());
    let named = all.filter(|property| property["name"] == name);
    named.map(|property| property["value"].as_str().unwrap().to_owned()).collect()
}

/// Rust sources of the program, without tests.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
}

/// What a source names of libraries of cryptography: their constants, and types of hashes.
fn named(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let shouted =
        |word: &&str| word.len() > 3 && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    for statement in text.split("use ").skip(1).filter_map(|rest| rest.split(';').next()) {
        if ["aws_lc_rs::", "sha2::", "ring::"].iter().any(|library| statement.starts_with(library)) {
            let words = statement.split(|c: char| !(c.is_alphanumeric() || c == '_'));
            names.extend(words.filter(|word| shouted(word) || word.starts_with("Sha")).map(str::to_owned));
        }
    }
    for module in
        ["aead::", "agreement::", "cipher::", "digest::", "hkdf::", "hmac::", "kem::", "pbkdf2::", "signature::"]
    {
        for rest in text.split(module).skip(1) {
            let word = rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default();
            names.extend(Some(word).filter(|word| shouted(word)).map(str::to_owned));
        }
    }
    for provider in ["rustls::crypto::ring", "rustls::crypto::aws_lc_rs"] {
        names.extend(text.contains(provider).then(|| provider.to_owned()));
    }
    names
}

#[test]
fn every_algorithm_that_the_code_names_is_in_the_inventory() {
    let inventory = inventory();
    assert_eq!((&inventory["bomFormat"], &inventory["specVersion"]), (&"CycloneDX".into(), &"1.6".into()));
    let mut files = Vec::new();
    for entry in std::fs::read_dir(root().join("crates")).unwrap() {
        let folder = entry.unwrap().path().join("src");
        if folder.is_dir() {
            sources(&folder, &mut files);
        }
    }
    let used: BTreeSet<String> = files.iter().flat_map(|file| named(&std::fs::read_to_string(file).unwrap())).collect();
    let known = properties(&inventory, "tenantry:code-name");
    assert!(used.contains("AES_256_GCM_SIV") && used.contains("ML_DSA_44") && used.contains("Sha256"), "{used:?}");
    let missing: Vec<_> = used.difference(&known).collect();
    assert!(missing.is_empty(), "used and not in docs/cbom.json: {missing:?}");
    let gone: Vec<_> = known.difference(&used).collect();
    assert!(gone.is_empty(), "in docs/cbom.json and not used any more: {gone:?}");
}

#[test]
fn every_algorithm_of_an_envelope_is_in_the_inventory_with_its_number() {
    let inventory = inventory();
    let numbers = properties(&inventory, "tenantry:envelope-algorithm");
    assert_eq!(numbers, Algorithm::ALL.iter().map(|algorithm| algorithm.id().to_string()).collect());
    for algorithm in Algorithm::ALL {
        let components = inventory["components"].as_array().unwrap();
        let component = components.iter().find(|component| component["name"] == algorithm.name()).unwrap();
        let number = algorithm.id().to_string();
        let mut properties = component["properties"].as_array().unwrap().iter();
        let numbered = properties.any(|property| property["value"].as_str() == Some(&number));
        assert!(numbered, "{component}");
    }
}

#[test]
fn every_entry_says_what_it_is_worth_against_quantum_computers() {
    for component in inventory()["components"].as_array().unwrap() {
        assert_eq!(component["type"], "cryptographic-asset", "{component}");
        let properties = component["properties"].as_array().unwrap();
        assert!(properties.iter().any(|property| property["name"] == "tenantry:post-quantum"), "{component}");
    }
}
