//! Arrows between crates point down only, siblings never see each other, and pure crates reach no outside world.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// What each crate of ours may depend on, among ours.
const MAY_SEE: &[(&str, &[&str])] = &[
    ("tenantry-domain", &[]),
    ("tenantry-audit", &["tenantry-domain"]),
    ("tenantry-keys", &["tenantry-domain"]),
    ("tenantry-backup", &["tenantry-domain", "tenantry-keys"]),
    ("tenantry-forecast", &[]),
    ("tenantry-planner", &["tenantry-domain", "tenantry-forecast"]),
    ("tenantry-policy", &["tenantry-domain"]),
    ("tenantry-workflow", &["tenantry-domain"]),
    (
        "tenantry-engine",
        &[
            "tenantry-domain",
            "tenantry-audit",
            "tenantry-forecast",
            "tenantry-planner",
            "tenantry-policy",
            "tenantry-workflow",
        ],
    ),
    ("tenantry-store", &["tenantry-domain", "tenantry-audit", "tenantry-keys", "tenantry-backup", "tenantry-engine"]),
    ("tenantry-operator", &["tenantry-domain", "tenantry-engine"]),
    ("tenantry-adapters", &["tenantry-domain", "tenantry-audit", "tenantry-keys", "tenantry-engine"]),
    ("tenantry-api", &["tenantry-domain", "tenantry-audit", "tenantry-engine"]),
    (
        "tenantry-sim",
        &["tenantry-domain", "tenantry-forecast", "tenantry-planner", "tenantry-workflow", "tenantry-engine"],
    ),
    (
        "tenantry",
        &[
            "tenantry-domain",
            "tenantry-audit",
            "tenantry-keys",
            "tenantry-backup",
            "tenantry-forecast",
            "tenantry-planner",
            "tenantry-policy",
            "tenantry-workflow",
            "tenantry-engine",
            "tenantry-store",
            "tenantry-operator",
            "tenantry-adapters",
            "tenantry-api",
            "tenantry-sim",
        ],
    ),
    ("xtask", &[]),
];

/// Crates that decide, and so may reach nothing that does.
const PURE: &[&str] =
    &["tenantry-domain", "tenantry-forecast", "tenantry-planner", "tenantry-policy", "tenantry-workflow"];

/// What no pure crate may reach, at any distance.
const OUTSIDE: &[&str] = &[
    "tokio",
    "kube",
    "kube-client",
    "sqlx",
    "sqlx-core",
    "reqwest",
    "hyper",
    "axum",
    "async-trait",
    "rand",
    "getrandom",
];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: Vec<String>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dep>,
}

#[derive(Deserialize)]
struct Dep {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    kind: Option<String>,
    target: Option<String>,
}

/// The workspace's graph of normal dependencies, by package id.
struct Graph {
    names: BTreeMap<String, String>,
    edges: BTreeMap<String, Vec<String>>,
    members: Vec<String>,
}

impl Graph {
    fn read(root: &Path) -> Result<Self> {
        let output = Command::new(env!("CARGO"))
            .args(["metadata", "--format-version", "1", "--locked"])
            .current_dir(root)
            .output()
            .context("running cargo metadata")?;
        ensure!(output.status.success(), "cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
        let metadata = serde_json::from_slice(&output.stdout).context("reading cargo metadata")?;
        Ok(Self::of(metadata))
    }

    fn of(metadata: Metadata) -> Self {
        let normal = |dep: &Dep| {
            dep.dep_kinds.iter().any(|kind| {
                // What is only built for other systems, wasm say, is not in our program.
                kind.kind.is_none() && !kind.target.as_deref().is_some_and(|target| target.contains("wasm"))
            })
        };
        Self {
            names: metadata.packages.into_iter().map(|package| (package.id, package.name)).collect(),
            edges: metadata
                .resolve
                .nodes
                .into_iter()
                .map(|node| {
                    let to = node.deps.iter().filter(|dep| normal(dep)).map(|dep| dep.pkg.clone()).collect();
                    (node.id, to)
                })
                .collect(),
            members: metadata.workspace_members,
        }
    }

    fn name(&self, id: &str) -> &str {
        self.names.get(id).map_or("?", String::as_str)
    }

    fn direct(&self, id: &str) -> &[String] {
        self.edges.get(id).map_or(&[], Vec::as_slice)
    }

    fn reached(&self, id: &str) -> BTreeSet<&str> {
        let mut seen = BTreeSet::new();
        let mut open = vec![id];
        while let Some(next) = open.pop() {
            for to in self.direct(next) {
                if seen.insert(to.as_str()) {
                    open.push(to);
                }
            }
        }
        seen.into_iter().map(|id| self.name(id)).collect()
    }
}

/// Dependencies that break the layering, one line each.
pub(crate) fn check(root: &Path) -> Result<Vec<String>> {
    Ok(judge(&Graph::read(root)?))
}

fn judge(graph: &Graph) -> Vec<String> {
    let ours: BTreeSet<&str> = graph.members.iter().map(|id| graph.name(id)).collect();
    let mut findings = Vec::new();
    for id in &graph.members {
        let name = graph.name(id);
        let Some((_, allowed)) = MAY_SEE.iter().find(|(member, _)| *member == name) else {
            findings.push(format!("{name}: a new crate needs a decision record and its line in xtask/src/layers.rs"));
            continue;
        };
        for to in graph.direct(id).iter().map(|to| graph.name(to)) {
            if ours.contains(to) && !allowed.contains(&to) {
                findings.push(format!("{name}: may not depend on {to}"));
            }
        }
        if PURE.contains(&name) {
            let reached = graph.reached(id);
            for outside in OUTSIDE.iter().filter(|outside| reached.contains(*outside)) {
                findings.push(format!("{name}: is pure and may not reach {outside}"));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests;
