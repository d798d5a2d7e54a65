//! Files and functions stay small enough to read. There is no list of exceptions.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// Most lines of a source file, tests apart.
const FILE_LINES_MAX: usize = 700;
/// Most lines of a function, tests apart.
const FUNCTION_LINES_MAX: usize = 70;

/// Files and functions that are too long, one line each.
pub(crate) fn check(root: &Path) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    let mut files = Vec::new();
    for folder in ["crates", "xtask"] {
        collect(&root.join(folder), &mut files)?;
    }
    files.sort();
    for file in files {
        let text = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        let name = file.strip_prefix(root).unwrap_or(&file).display().to_string();
        findings.extend(measure(&name, &text)?);
    }
    Ok(findings)
}

/// What is too long in one file.
fn measure(name: &str, text: &str) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    let lines = text.lines().count();
    if lines > FILE_LINES_MAX {
        findings.push(format!("{name}: {lines} lines, and {FILE_LINES_MAX} is the most"));
    }
    let tree = syn::parse_file(text).with_context(|| format!("parsing {name}"))?;
    let mut long = LongFunctions { file: name, findings: &mut findings };
    long.visit_file(&tree);
    Ok(findings)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            if !path.ends_with("tests") && !path.ends_with("target") {
                collect(&path, files)?;
            }
        } else if path.extension().is_some_and(|ending| ending == "rs") && !path.ends_with("tests.rs") {
            files.push(path);
        }
    }
    Ok(())
}

struct LongFunctions<'a> {
    file: &'a str,
    findings: &'a mut Vec<String>,
}

impl LongFunctions<'_> {
    fn measure(&mut self, name: &syn::Ident, whole: proc_macro2::Span) {
        let lines = whole.end().line.saturating_sub(whole.start().line) + 1;
        if lines > FUNCTION_LINES_MAX {
            let line = whole.start().line;
            self.findings.push(format!(
                "{}:{line}: function `{name}` has {lines} lines, and {FUNCTION_LINES_MAX} is the most",
                self.file
            ));
        }
    }
}

impl<'ast> Visit<'ast> for LongFunctions<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.measure(&item.sig.ident, item.sig.span().join(item.block.span()).unwrap_or_else(|| item.block.span()));
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.measure(&item.sig.ident, item.sig.span().join(item.block.span()).unwrap_or_else(|| item.block.span()));
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(body) = &item.default {
            self.measure(&item.sig.ident, item.sig.span().join(body.span()).unwrap_or_else(|| body.span()));
        }
        visit::visit_trait_item_fn(self, item);
    }
}

#[cfg(test)]
mod tests;
