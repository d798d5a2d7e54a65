//! Documents that name tests as evidence name tests that are there.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

const DOCUMENTS: [&str; 2] = ["docs/threat-model.md", "docs/asvs.md"];

/// Tests that are named and are not there.
pub(crate) fn check(root: &Path) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for document in DOCUMENTS {
        let text = fs::read_to_string(root.join(document)).with_context(|| format!("reading {document}"))?;
        let named = named(&text);
        // A check that finds nothing to check is broken.
        ensure!(!named.is_empty(), "{document} names no test");
        for (line, file, test) in named {
            let code = fs::read_to_string(root.join("crates").join(file)).unwrap_or_default();
            if !is_in(&code, test) {
                findings.push(format!("{document}:{line}: there is no test `{file}::{test}`"));
            }
        }
    }
    Ok(findings)
}

/// What stands as `` `file.rs::test` ``, with its line.
fn named(text: &str) -> Vec<(usize, &str, &str)> {
    text.lines()
        .enumerate()
        .flat_map(|(index, line)| line.split('`').skip(1).step_by(2).map(move |span| (index + 1, span)))
        .filter_map(|(line, span)| {
            let (file, test) = span.split_once("::")?;
            file.ends_with(".rs").then_some((line, file, test))
        })
        .collect()
}

/// Whether a file has a function of just this name.
fn is_in(code: &str, test: &str) -> bool {
    code.split(&format!("fn {test}")).skip(1).any(|rest| rest.starts_with(['(', '<']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_found_by_their_whole_name() {
        let text = "one\n| `store/a.rs::kept` and `b.rs::lost`, not `Type::method` |\n";
        assert_eq!(named(text), [(2, "store/a.rs", "kept"), (2, "b.rs", "lost")]);
        assert!(is_in("async fn kept() {}", "kept") && is_in("fn kept<T>() {}", "kept"));
        assert!(!is_in("fn kept_here() {}", "kept") && !is_in("", "kept"));
    }
}
