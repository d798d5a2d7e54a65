//! The servers of Prometheus' query API that the settings name, each with what it is shown.
//!
//! INVARIANT(own secrets): a server with settings of its own takes nothing from the flags, so that no server is shown
//! what is meant for another.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context as _, bail};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use tenantry_adapters::metrics::prometheus::{Auth, ClientCertificate, Hidden, Secret, Settings};

use super::settings::Up;
use crate::private::Private;

/// A server as it is written down.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Listed {
    /// By its address: it is shown what the flags say.
    Address {
        /// Its name in messages.
        name: String,
        /// Where its API begins.
        url: String,
    },
    /// With settings of its own.
    Own(Box<Server>),
}

impl fmt::Debug for Listed {
    /// Without the address, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { name, .. } => f.debug_struct("Address").field("name", name).finish_non_exhaustive(),
            Self::Own(server) => f.debug_tuple("Own").field(server).finish(),
        }
    }
}

/// A server, what it is shown, and what it must show.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Server {
    #[serde(default = "unnamed")]
    name: String,
    url: String,
    token_file: Option<PathBuf>,
    user: Option<String>,
    password_file: Option<PathBuf>,
    ca: Option<PathBuf>,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

impl fmt::Debug for Server {
    /// Without headers and address, which may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("name", &self.name).finish_non_exhaustive()
    }
}

fn unnamed() -> String {
    "prometheus".to_owned()
}

impl FromStr for Listed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, url) = match text.split_once('=') {
            // A `=` further on belongs to the address.
            Some((name, url)) if !name.contains(['/', ':']) => (name.to_owned(), url),
            _ => (unnamed(), text),
        };
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err("it is no server: write it as `http://HOST:PORT` or `NAME=http://HOST:PORT`".to_owned());
        }
        Ok(Self::Address { name, url: url.to_owned() })
    }
}

impl<'de> Deserialize<'de> for Listed {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Either)
    }
}

/// Reads a text or a map. An untagged enum would not say which key of the map is wrong.
struct Either;

impl<'de> Visitor<'de> for Either {
    type Value = Listed;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a server: `[NAME=]URL`, or `url` with settings of its own")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Listed, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Listed, A::Error> {
        Server::deserialize(MapAccessDeserializer::new(map)).map(|server| Listed::Own(Box::new(server)))
    }
}

/// The servers with all that they are shown.
///
/// # Errors
/// A header that is none.
pub(super) fn servers(flags: &Up) -> anyhow::Result<Vec<Server>> {
    let header = |text: &Private| {
        // Not shown: it may be the value that is secret.
        let (name, value) = text.split_once('=').context("--prometheus-header takes NAME=VALUE, and one has no `=`")?;
        Ok((name.to_owned(), value.to_owned()))
    };
    let headers = flags.prometheus_header.iter().map(header).collect::<anyhow::Result<BTreeMap<_, _>>>()?;
    let complete = |listed: &Listed| match listed {
        Listed::Own(server) => (**server).clone(),
        Listed::Address { name, url } => Server {
            name: name.clone(),
            url: url.clone(),
            token_file: flags.prometheus_token_file.clone(),
            user: flags.prometheus_user.clone(),
            password_file: flags.prometheus_password_file.clone(),
            ca: flags.prometheus_ca.clone(),
            cert: flags.prometheus_cert.clone(),
            key: flags.prometheus_key.clone(),
            headers: headers.clone(),
        },
    };
    Ok(flags.prometheus.iter().map(complete).collect())
}

impl Server {
    /// How to ask it.
    ///
    /// # Errors
    /// Settings that do not fit together.
    pub(super) fn settings(&self) -> anyhow::Result<Settings> {
        let mut settings = Settings::new(&self.name, &self.url);
        settings.auth = self.auth()?;
        settings.ca = self.ca.clone();
        settings.client = match (&self.cert, &self.key) {
            (Some(certificate), Some(key)) => {
                Some(ClientCertificate { certificate: certificate.clone(), key: key.clone() })
            }
            (None, None) => None,
            _ => bail!("a certificate and its key come together; `{}` is given one of them", self.name),
        };
        let headers = self.headers.iter().map(|(name, value)| (name.clone(), Hidden::new(value)));
        settings.headers = headers.collect();
        Ok(settings)
    }

    fn auth(&self) -> anyhow::Result<Auth> {
        match (&self.token_file, &self.user, &self.password_file) {
            (None, None, None) => Ok(Auth::None),
            (Some(file), None, None) => Ok(Auth::Bearer { token: Secret::File(file.clone()) }),
            (None, Some(user), Some(file)) => {
                Ok(Auth::Basic { user: user.clone(), password: Secret::File(file.clone()) })
            }
            _ => bail!("`{}` is shown either a token, or a user and a password (each in a file)", self.name),
        }
    }
}

#[cfg(test)]
mod tests;
