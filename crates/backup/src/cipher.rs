//! Packing and sealing what an archive holds.

use std::io::Read as _;

use tenantry_keys::{Bound, Key, KeyError, Namer, SECRET_LENGTH, Secret};

/// How hard is tried to make things small. More gains little on rows that are sealed themselves.
const LEVEL: i32 = 3;
/// Bytes that something unpacked has at most: more than any row can have.
const UNPACKED_MAX: u64 = 1 << 30;
/// What stands in front of something that is not sealed; an envelope begins otherwise.
const PLAIN: u8 = 0;

/// What is sealed, so that one kind is never taken for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Chunk,
    Manifest,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Chunk => "chunk",
            Self::Manifest => "manifest",
        }
    }
}

/// The key of an archive, ready for use.
#[derive(Debug)]
pub(crate) struct Cipher {
    /// Which key it is, in the names of objects.
    pub(crate) id: String,
    key: Option<Key>,
    pub(crate) namer: Namer,
}

impl Cipher {
    pub(crate) fn sealing(id: String, secret: &Secret) -> Result<Self, KeyError> {
        let key = Key::new(&secret.derive("tenantry backup seal 1")?)?;
        Ok(Self { id, key: Some(key), namer: Namer::new(&secret.derive("tenantry backup name 1")?) })
    }

    /// One that seals nothing: names are then hashes that anybody can make.
    pub(crate) fn plain(id: String) -> Result<Self, KeyError> {
        let nobodys = Secret::from_bytes(&[0; SECRET_LENGTH]).ok_or(KeyError::Random)?;
        Ok(Self { id, key: None, namer: Namer::new(&nobodys) })
    }

    fn bound(&self, kind: Kind, name: &str) -> Bound {
        Bound::to("tenantry backup 1").text(kind.as_str()).text(&self.id).text(name)
    }

    pub(crate) fn seal(&self, kind: Kind, name: &str, plain: &[u8]) -> Result<Vec<u8>, Unsealable> {
        let packed = zstd::bulk::compress(plain, LEVEL).map_err(Unsealable::Packing)?;
        match &self.key {
            Some(key) => key.seal(&packed, &self.bound(kind, name)).map_err(Unsealable::Key),
            None => Ok([&[PLAIN], packed.as_slice()].concat()),
        }
    }

    /// Opens something; what is wrong with it, in words.
    pub(crate) fn open(&self, kind: Kind, name: &str, sealed: &[u8]) -> Result<Vec<u8>, String> {
        let packed = match &self.key {
            Some(key) => key.open(sealed, &self.bound(kind, name)).map_err(|error| error.to_string())?,
            None => match sealed.split_first() {
                Some((&PLAIN, packed)) => packed.to_vec(),
                Some(_) | None => {
                    return Err("it is not what is written in an archive that is not encrypted".to_owned());
                }
            },
        };
        let unpacking = |error: std::io::Error| format!("it cannot be unpacked: {error}");
        let mut plain = Vec::new();
        let unpacker = zstd::stream::read::Decoder::new(packed.as_slice()).map_err(unpacking)?;
        unpacker.take(UNPACKED_MAX).read_to_end(&mut plain).map_err(unpacking)?;
        Ok(plain)
    }
}

/// Why something was not sealed.
#[derive(Debug)]
pub(crate) enum Unsealable {
    Packing(std::io::Error),
    Key(KeyError),
}

impl From<Unsealable> for crate::error::BackupError {
    fn from(error: Unsealable) -> Self {
        match error {
            Unsealable::Packing(error) => Self::Encoding { message: error.to_string() },
            Unsealable::Key(error) => Self::Key(error),
        }
    }
}
