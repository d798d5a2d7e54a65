//! What tests start from: a database in memory, and an archive in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use futures::TryStreamExt as _;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use tenantry_backup::{
    About, Access, Archive, Cell, DatabaseError, Manifest, Name, Place, Row, Shape, Sink, Source, Taken, Which, take,
};
use tenantry_domain::time::Timestamp;
use tenantry_keys::EnvironmentProvider;

/// Something that must stand nowhere in an archive.
pub(crate) const PLANTED: &str = "correct horse battery staple";

/// A database with one column beside the key in each table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    shapes: Vec<Shape>,
    pub(crate) tables: BTreeMap<String, BTreeMap<i64, Vec<u8>>>,
}

impl Memory {
    pub(crate) fn new(rows: i64) -> Self {
        let shape = |name: &str| Shape { name: name.to_owned(), columns: vec!["id".into(), "what".into()], key: 1 };
        let mut memory = Self { shapes: vec![shape("one"), shape("two")], tables: BTreeMap::new() };
        for table in ["one", "two"] {
            let what = |id: i64| format!("{PLANTED} {table} {id} {}", "x".repeat(300)).into_bytes();
            memory.tables.insert(table.to_owned(), (0..rows).map(|id| (id, what(id))).collect());
        }
        memory
    }

    pub(crate) fn empty() -> Self {
        Self::new(0)
    }
}

#[async_trait]
impl Source for Memory {
    fn shapes(&self) -> &[Shape] {
        &self.shapes
    }

    async fn rows(&mut self, table: &Shape, after: Option<&[Cell]>) -> Result<Vec<Row>, DatabaseError> {
        let after = match after {
            Some([Cell::Int(id)]) => *id,
            _ => i64::MIN,
        };
        let rows = self.tables[&table.name].iter().filter(|(id, _)| **id > after).take(7);
        Ok(rows.map(|(id, what)| vec![Cell::Int(*id), Cell::Bytes(what.clone())]).collect())
    }
}

#[async_trait]
impl Sink for Memory {
    async fn add(&mut self, table: &Shape, rows: Vec<Row>) -> Result<(), DatabaseError> {
        for row in rows {
            let [Cell::Int(id), Cell::Bytes(what)] = &row[..] else { return Err("a strange row".into()) };
            self.tables.get_mut(&table.name).ok_or("a strange table")?.insert(*id, what.clone());
        }
        Ok(())
    }
}

pub(crate) struct Given {
    pub(crate) objects: Arc<InMemory>,
    pub(crate) place: Place,
}

pub(crate) fn given() -> Given {
    let objects = Arc::new(InMemory::new());
    Given { place: at(&objects, "process 1 on elsewhere"), objects }
}

pub(crate) fn at(objects: &Arc<InMemory>, holder: &str) -> Place {
    Place::new(objects.clone(), Path::from("under"), "memory", holder, |holder| holder.starts_with("dead"))
}

pub(crate) fn access(keys: &str) -> Access {
    Access { provider: Arc::new(EnvironmentProvider::new("TESTS", keys).unwrap()), unencrypted: false }
}

pub(crate) fn key(byte: u8) -> String {
    format!("{byte:02x}").repeat(32)
}

impl Given {
    pub(crate) async fn archive(&self) -> Archive {
        Archive::begin(self.place.clone(), &access(&key(1))).await.unwrap()
    }

    /// All objects, with their bytes.
    pub(crate) async fn all(&self) -> BTreeMap<String, Vec<u8>> {
        let listed: Vec<_> = self.objects.list(None).try_collect().await.unwrap();
        let mut all = BTreeMap::new();
        for meta in listed {
            let bytes = self.objects.get(&meta.location).await.unwrap().bytes().await.unwrap();
            all.insert(meta.location.to_string(), bytes.to_vec());
        }
        all
    }

    pub(crate) async fn write(&self, path: &str, bytes: Vec<u8>) {
        self.objects.put(&Path::from(path), bytes.into()).await.unwrap();
    }

    pub(crate) async fn remove(&self, path: &str) {
        self.objects.delete(&Path::from(path)).await.unwrap();
    }

    /// Paths of one kind of object.
    pub(crate) async fn of(&self, kind: &str) -> Vec<String> {
        self.all().await.into_keys().filter(|path| path.starts_with(&format!("under/{kind}/"))).collect()
    }
}

pub(crate) fn about(hour: i64) -> About {
    About {
        taken_at: Timestamp::from_millis(1_795_843_800_000 + hour * 3_600_000),
        program: "0".to_owned(),
        schema: 7,
        database: "memory".to_owned(),
        deployment: None,
        audit_keys: None,
    }
}

pub(crate) async fn taken(archive: &Archive, memory: &Memory, hour: i64) -> (Name, Taken) {
    take(archive, &mut memory.clone(), about(hour), &mut |_| {}).await.unwrap()
}

pub(crate) async fn back(archive: &Archive, manifest: &Manifest) -> Memory {
    let mut memory = Memory::empty();
    tenantry_backup::fill(archive, manifest, &mut memory, &mut |_| {}).await.unwrap();
    memory
}

pub(crate) async fn newest(archive: &Archive) -> Manifest {
    archive.find(&Which::Newest).await.unwrap()
}
