//! What the environment says of how to log in.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Variables, the home folder, and whose certificates are trusted. Shows no values, as some are secret.
#[derive(Clone, Default)]
pub struct Surroundings {
    variables: BTreeMap<String, String>,
    home: Option<PathBuf>,
    ca: Option<PathBuf>,
}

impl Surroundings {
    /// Those of this program.
    #[must_use]
    pub fn of_program() -> Self {
        // What is no text is nothing that a vendor's variable could be.
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self { variables: std::env::vars_os().filter_map(text).collect(), home: std::env::home_dir(), ca: None }
    }

    /// Of these variables alone.
    #[must_use]
    pub fn of<const N: usize>(variables: [(&str, &str); N]) -> Self {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Self { variables: variables.into_iter().map(owned).collect(), home: None, ca: None }
    }

    /// Trusts the authorities of a PEM file, instead of those that the system trusts.
    #[must_use]
    pub fn trusting(mut self, ca: Option<PathBuf>) -> Self {
        self.ca = ca;
        self
    }

    /// With another home folder.
    #[must_use]
    pub fn at_home(mut self, home: PathBuf) -> Self {
        self.home = Some(home);
        self
    }

    /// A variable that is set to something.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// All variables.
    pub(super) fn all(&self) -> &BTreeMap<String, String> {
        &self.variables
    }

    pub(super) fn home(&self) -> Option<&Path> {
        self.home.as_deref()
    }

    /// The file of authorities: the one that was named, else that of a vendor's variable.
    pub(super) fn ca(&self, variable: Option<&str>) -> Option<PathBuf> {
        self.ca.clone().or_else(|| variable.and_then(|variable| self.get(variable)).map(PathBuf::from))
    }
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings").finish_non_exhaustive()
    }
}
