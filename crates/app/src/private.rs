//! Texts of the command line, the environment or the settings that may hold a secret.

use std::convert::Infallible;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use serde::Deserialize;

/// A text that may hold a secret, such as an address with a password; `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Private(String);

impl fmt::Debug for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl Deref for Private {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl FromStr for Private {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches as _;

    use crate::cli::{Cli, command};

    #[test]
    fn what_was_said_on_the_command_line_shows_no_secret() {
        let lines = [
            "tenantry can-i readConfig --token hush",
            "tenantry get tenants --store postgres://ada:hush@db/x",
            "tenantry get tenants --server https://ada:hush@tenantry.example.org",
            "tenantry up --prometheus http://ada:hush@prometheus --prometheus-header x=hush --audit-to https://hook/?key=hush",
        ];
        for line in lines {
            let matches = command().try_get_matches_from(line.split_whitespace()).unwrap();
            let cli = Cli::from_arg_matches(&matches).unwrap();
            let shown = format!("{cli:?} {cli:#?}");
            assert!(!shown.contains("hush") && shown.contains('…'), "{shown}");
        }
    }
}
