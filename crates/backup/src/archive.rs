//! An archive: its keys, its backups, and their pieces.
//!
//! ```text
//! keys/KEY-NUMBER.json      a key of the archive, sealed with key-encryption key NUMBER
//! snapshots/KEY/NAME        the manifest of a backup, written last
//! chunks/KEY/XX/NAME        pieces, named by their contents
//! locks/NAME                who is at work
//! ```
//!
//! INVARIANT(authentic): each object opens only under its own name, and names its contents or is named in what was opened. So
//! whatever was altered, left out, put elsewhere or comes from another archive is found by reading.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tenantry_domain::time::Timestamp;
use tenantry_keys::{Bound, KeyError, KeyProvider, Owner, Secret, Wrapped};

use crate::chunk::{self, Id};
use crate::cipher::{Cipher, Kind};
use crate::error::BackupError;
use crate::manifest::{FORMAT, Manifest, Name};
use crate::place::Place;
use crate::row::Row;

/// Who opens an archive, and with what.
#[derive(Debug, Clone)]
pub struct Access {
    /// Who holds the key-encryption keys.
    pub provider: Arc<dyn KeyProvider>,
    /// Whether an archive may be one that is not encrypted.
    pub unencrypted: bool,
}

/// A key of an archive as it is written.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct KeptKey {
    format: u32,
    /// Which.
    key: String,
    /// None where nothing is encrypted.
    sealed: Option<SealedKey>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct SealedKey {
    with: i64,
    #[serde(with = "hex::serde")]
    bytes: Vec<u8>,
}

impl KeptKey {
    fn path(&self) -> String {
        let number = self.sealed.as_ref().map_or_else(|| "plain".to_owned(), |sealed| sealed.with.to_string());
        format!("keys/{}-{number}.json", self.key)
    }
}

fn bound(key: &str) -> Bound {
    Bound::to("tenantry backup key 1").text(key)
}

/// An archive that is open.
#[derive(Debug)]
pub struct Archive {
    pub(crate) place: Place,
    pub(crate) ciphers: BTreeMap<String, Cipher>,
    /// Which key is written with.
    current: String,
}

/// A backup that is there.
#[derive(Debug)]
pub struct Listed {
    /// Which.
    pub name: Name,
    /// Under which of the archive's keys it is.
    pub(crate) key: String,
    /// What it consists of, or why that cannot be read.
    pub manifest: Result<Manifest, BackupError>,
}

/// Which backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// The newest.
    Newest,
    /// By its name.
    Named(Name),
    /// The newest that was taken at an instant or before.
    At(Timestamp),
}

/// The keys of an archive, as far as they open.
struct Keys {
    opened: BTreeMap<String, Cipher>,
    /// With which key-encryption keys each is sealed, and the key itself where it is to be sealed anew.
    sealed: BTreeMap<String, Vec<i64>>,
    secrets: BTreeMap<String, Secret>,
    /// Why one does not open.
    closed: Option<KeyError>,
    any: bool,
    any_plain: bool,
}

async fn keys(place: &Place, access: &Access) -> Result<Keys, BackupError> {
    let mut keys = Keys {
        opened: BTreeMap::new(),
        sealed: BTreeMap::new(),
        secrets: BTreeMap::new(),
        closed: None,
        any: false,
        any_plain: false,
    };
    for (name, _) in place.list("keys").await? {
        let object = format!("keys/{name}");
        let Some(bytes) = place.get(&object).await? else { continue };
        let damaged = |what: String| BackupError::Damaged { place: place.said(), object: object.clone(), what };
        let kept: KeptKey = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        if kept.format > FORMAT {
            return Err(BackupError::TooNew { place: place.said(), object, found: kept.format, known: FORMAT });
        }
        if kept.path() != object {
            return Err(damaged("it is not the key that its name says".to_owned()));
        }
        keys.any = true;
        let Some(sealed) = kept.sealed else {
            keys.any_plain = true;
            if access.unencrypted {
                keys.opened.insert(kept.key.clone(), Cipher::plain(kept.key)?);
            }
            continue;
        };
        keys.sealed.entry(kept.key.clone()).or_default().push(sealed.with);
        let wrapped = Wrapped { version: sealed.with, bytes: sealed.bytes };
        match access.provider.unwrap(&Owner::Platform, &wrapped, &bound(&kept.key)).await {
            Ok(secret) => {
                keys.opened.insert(kept.key.clone(), Cipher::sealing(kept.key.clone(), &secret)?);
                keys.secrets.insert(kept.key, secret);
            }
            // What was destroyed on purpose tells least about what is wrong.
            Err(error) if keys.closed.is_none() || !matches!(error, KeyError::Destroyed { .. }) => {
                keys.closed = Some(error);
            }
            Err(_) => {}
        }
    }
    Ok(keys)
}

impl Archive {
    /// Opens an archive to read it.
    ///
    /// # Errors
    /// [`BackupError::Nothing`] where there is none, [`BackupError::Keys`] where these are not its keys.
    pub async fn open(place: Place, access: &Access) -> Result<Self, BackupError> {
        let keys = keys(&place, access).await?;
        if !keys.any {
            return Err(BackupError::Nothing { place: place.said() });
        }
        let current = keys.opened.keys().next_back().cloned();
        match current {
            Some(current) => Ok(Self { place, ciphers: keys.opened, current }),
            None if keys.any_plain && keys.closed.is_none() => Err(BackupError::Unencrypted { place: place.said() }),
            None => {
                let source = keys.closed.unwrap_or(KeyError::Random);
                Err(BackupError::Keys { place: place.said(), source })
            }
        }
    }

    /// Opens an archive to add to it, or begins one. Its key is sealed anew where the provider has a newer one.
    ///
    /// # Errors
    /// As [`open`](Self::open); [`BackupError::NoKeys`] where there is nothing to encrypt with.
    pub async fn begin(place: Place, access: &Access) -> Result<Self, BackupError> {
        let mut keys = keys(&place, access).await?;
        let newest = access.provider.newest(&Owner::Platform).await?;
        let sealing = keys.secrets.keys().next_back().cloned();
        if access.unencrypted && !keys.any {
            let id = fresh()?;
            let kept = KeptKey { format: FORMAT, key: id.clone(), sealed: None };
            write(&place, &kept).await?;
            keys.opened.insert(id.clone(), Cipher::plain(id.clone())?);
            return Ok(Self { place, ciphers: keys.opened, current: id });
        }
        if keys.any_plain && sealing.is_none() {
            if !access.unencrypted {
                return Err(BackupError::Unencrypted { place: place.said() });
            }
            let current = keys.opened.keys().next_back().cloned().unwrap_or_default();
            return Ok(Self { place, ciphers: keys.opened, current });
        }
        let Some(newest) = newest else { return Err(BackupError::NoKeys { keys: access.provider.place() }) };
        let (current, secret) = match sealing {
            Some(id) => {
                let secret = keys.secrets.remove(&id).ok_or(KeyError::Random)?;
                (id, secret)
            }
            // Where all that sealed it was destroyed on purpose, what there was is gone, and a new key is begun with.
            None if !keys.any || matches!(keys.closed, Some(KeyError::Destroyed { .. })) => {
                let (id, secret) = (fresh()?, Secret::random()?);
                keys.opened.insert(id.clone(), Cipher::sealing(id.clone(), &secret)?);
                (id, secret)
            }
            None => {
                let source = keys.closed.unwrap_or(KeyError::Random);
                return Err(BackupError::Keys { place: place.said(), source });
            }
        };
        if !keys.sealed.get(&current).is_some_and(|with| with.contains(&newest)) {
            let Wrapped { version, bytes } = access.provider.wrap(&Owner::Platform, &secret, &bound(&current)).await?;
            let sealed = Some(SealedKey { with: version, bytes });
            write(&place, &KeptKey { format: FORMAT, key: current.clone(), sealed }).await?;
        }
        Ok(Self { place, ciphers: keys.opened, current })
    }

    /// Where it is.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }

    pub(crate) fn current(&self) -> Result<&Cipher, BackupError> {
        self.ciphers.get(&self.current).ok_or(BackupError::Key(KeyError::Random))
    }

    pub(crate) fn damaged(&self, object: &str, what: String) -> BackupError {
        BackupError::Damaged { place: self.place.said(), object: object.to_owned(), what }
    }

    /// Names of all backups that are there, oldest first, each with the key it is under.
    pub(crate) async fn names(&self) -> Result<Vec<(Name, String)>, BackupError> {
        let mut names: Vec<(Name, String)> = Vec::new();
        for (path, _) in self.place.list("snapshots").await? {
            if let Some((key, name)) = path.split_once('/')
                && let Ok(name) = name.parse()
            {
                names.push((name, key.to_owned()));
            }
        }
        names.sort();
        Ok(names)
    }

    /// All backups, oldest first.
    ///
    /// # Errors
    /// [`BackupError::Place`]; a backup that cannot be read is listed with why.
    pub async fn list(&self) -> Result<Vec<Listed>, BackupError> {
        let mut listed = Vec::new();
        for (name, key) in self.names().await? {
            let manifest = self.manifest(&name, &key).await;
            if let Err(error @ BackupError::Place { .. }) = manifest {
                return Err(error);
            }
            listed.push(Listed { name, key, manifest });
        }
        Ok(listed)
    }

    /// One backup.
    ///
    /// # Errors
    /// [`BackupError::NoSuch`], [`BackupError::NoneSoOld`], and what keeps it from being read.
    pub async fn find(&self, which: &Which) -> Result<Manifest, BackupError> {
        let names = self.names().await?;
        let place = || self.place.said();
        let Some((oldest, _)) = names.first() else { return Err(BackupError::Nothing { place: place() }) };
        let found = match which {
            Which::Newest => names.last(),
            Which::Named(wanted) => names.iter().find(|(name, _)| name == wanted),
            Which::At(at) => names.iter().rfind(|(name, _)| name.at() <= *at),
        };
        let Some((name, key)) = found else {
            return Err(match which {
                Which::At(at) => BackupError::NoneSoOld { place: place(), at: *at, oldest: oldest.at() },
                Which::Named(name) => BackupError::NoSuch { place: place(), wanted: name.to_string() },
                Which::Newest => BackupError::Nothing { place: place() },
            });
        };
        self.manifest(name, key).await
    }

    pub(crate) async fn manifest(&self, name: &Name, key: &str) -> Result<Manifest, BackupError> {
        let object = format!("snapshots/{key}/{name}");
        let cipher = self.ciphers.get(key).ok_or_else(|| {
            self.damaged(&object, format!("it is sealed with the key {key}, which the keys given do not open"))
        })?;
        let sealed = self.place.get(&object).await?;
        let sealed = sealed.ok_or_else(|| self.damaged(&object, "it is gone".to_owned()))?;
        let plain = cipher.open(Kind::Manifest, name.as_str(), &sealed);
        let plain = plain.map_err(|what| self.damaged(&object, what))?;
        let form = serde_json::from_slice::<Form>(&plain).map_err(|error| self.damaged(&object, error.to_string()))?;
        if form.format > FORMAT {
            return Err(BackupError::TooNew { place: self.place.said(), object, found: form.format, known: FORMAT });
        }
        serde_json::from_slice(&plain).map_err(|error| self.damaged(&object, error.to_string()))
    }

    /// Which key a backup is under.
    pub(crate) async fn key_of(&self, name: &Name) -> Result<String, BackupError> {
        let found = self.names().await?.into_iter().find(|(other, _)| other == name);
        found
            .map(|(_, key)| key)
            .ok_or_else(|| BackupError::NoSuch { place: self.place.said(), wanted: name.to_string() })
    }

    /// Reads a piece, and makes sure that it is the one.
    pub(crate) async fn piece(&self, key: &str, id: &Id) -> Result<(String, Vec<Row>, u64), BackupError> {
        let object = chunk_path(key, id);
        let damaged = |what: String| self.damaged(&object, what);
        let cipher = self.ciphers.get(key).ok_or_else(|| damaged("its key is not open".to_owned()))?;
        let sealed = self.place.get(&object).await?.ok_or_else(|| damaged("it is gone".to_owned()))?;
        let plain = cipher.open(Kind::Chunk, &hex::encode(id), &sealed).map_err(damaged)?;
        if cipher.namer.name(&plain) != *id {
            return Err(damaged("it holds something else than its name says".to_owned()));
        }
        let (table, rows) = chunk::read(&plain).map_err(|error| damaged(error.to_string()))?;
        Ok((table, rows, u64::try_from(sealed.len()).unwrap_or(u64::MAX)))
    }

    /// All pieces that are there under a key, with their lengths.
    pub(crate) async fn pieces(&self, key: &str) -> Result<BTreeMap<Id, u64>, BackupError> {
        let found = self.place.list(&format!("chunks/{key}")).await?;
        let named = found.into_iter().filter_map(|(path, meta)| {
            let (_, name) = path.rsplit_once('/')?;
            let mut id = Id::default();
            hex::decode_to_slice(name, &mut id).ok()?;
            Some((id, meta.size))
        });
        Ok(named.collect())
    }
}

/// What any manifest says of its form.
#[derive(Deserialize)]
struct Form {
    format: u32,
}

pub(crate) fn chunk_path(key: &str, id: &Id) -> String {
    let name = hex::encode(id);
    format!("chunks/{key}/{}/{name}", name.get(..2).unwrap_or_default())
}

fn fresh() -> Result<String, BackupError> {
    Ok(Secret::random()?.to_hex().get(..16).unwrap_or_default().to_owned())
}

async fn write(place: &Place, kept: &KeptKey) -> Result<(), BackupError> {
    let bytes = serde_json::to_vec(kept).map_err(|error| BackupError::Encoding { message: error.to_string() })?;
    match place.put_new(&kept.path(), bytes).await {
        // Somebody else has sealed the same key with the same one.
        Err(BackupError::Place { exists: true, .. }) => Ok(()),
        written => written,
    }
}
