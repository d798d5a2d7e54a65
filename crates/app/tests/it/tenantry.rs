//! The binary with a store of its own.

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

pub(crate) struct Tenantry {
    pub(crate) folder: TempDir,
}

impl Tenantry {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// The program, ready to be run in the folder with nothing of the caller's environment that changes it.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tenantry"));
        command.current_dir(self.folder.path()).env("TENANTRY_STORE", "store.db").env("TENANTRY_AUTHOR", "ada");
        command.env_remove("TENANTRY_LOG").env("NO_COLOR", "1");
        command
    }

    pub(crate) fn run(&self, line: &str) -> Output {
        self.command().args(line.split_whitespace()).output().unwrap()
    }

    /// What it says and how it ends, with what changes from run to run left out.
    pub(crate) fn says(&self, line: &str) -> String {
        let output = self.run(line);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut said = text(&output.stdout);
        let wrong = text(&output.stderr);
        if !wrong.is_empty() {
            said.push_str(&wrong);
        }
        format!("{}exit {}\n", timeless(&said), output.status.code().unwrap_or(-1))
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn json(&self, line: &str) -> serde_json::Value {
        let output = self.run(&format!("{line} -o json"));
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{line}: {error}: {}", String::from_utf8_lossy(&output.stderr)))
    }
}

/// Replaces instants such as `2026-01-01T00:00:00Z`.
fn timeless(text: &str) -> String {
    text.split_inclusive(char::is_whitespace)
        .map(|word| {
            let bare = word.trim_end();
            let is_time = bare.len() == 20 && bare.as_bytes()[10] == b'T' && bare.ends_with('Z');
            if is_time { word.replace(bare, "(an instant)        ") } else { word.to_owned() }
        })
        .collect()
}
