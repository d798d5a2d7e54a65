//! Which data keys rows are sealed with, and how they are come by.
//!
//! INVARIANT(current keys): who seals has read, in the same transaction, how often keys were renewed or destroyed, and uses
//! what is remembered of them only if that is still so; who renews or destroys keys waits until such transactions have ended
//! (`lock_shared`, `lock_alone`). So nothing is sealed with a key that is gone, and after a renewal nothing with an old one.
//! A new key is remembered when its transaction was committed, not before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use tenantry_domain::time::Timestamp;
use tenantry_keys::{DataKeyId, DataKeyName, Held, Key, KeyError, KeyProvider, Owner, Purpose, Secret, Wrapped};

use crate::backend::{Backend, Work};
use crate::failure::Failure;
use crate::fence::Reach;
use crate::sealed::{Opener, Sealer, sealed_with};
use crate::statement::{Dialect, Row, Statement, Value};
use crate::store::only;

/// Keys that are asked of their provider at once.
const ASKED_AT_ONCE: usize = 16;
/// Ids in one statement.
const IDS_MAX: usize = 500;
/// PostgreSQL's advisory lock of those who seal and those who change keys.
const LOCK: i64 = 0x0074_6e72_796b_6579;

/// The keys of an open store.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(crate) provider: Arc<dyn KeyProvider>,
    pub(crate) held: Held,
    /// Whether there is a key of [`Purpose::Store`], and it opened.
    known: AtomicBool,
    /// Whether the store holds nothing that is not sealed.
    whole: AtomicBool,
}

/// What a transaction seals with.
#[derive(Debug, Default)]
pub(crate) struct Sealing {
    pub(crate) keys: Option<Arc<Keys>>,
    /// How often keys were changed, as of this transaction.
    as_of: Option<i64>,
    /// Keys that it made.
    made: BTreeMap<DataKeyId, Arc<Key>>,
    /// For what and whom it made them.
    owners: BTreeMap<Purpose, BTreeMap<String, DataKeyId>>,
}

impl Sealing {
    pub(crate) fn with(keys: Option<Arc<Keys>>) -> Self {
        Self { keys, ..Self::default() }
    }

    fn made_for(&self, purpose: Purpose, owner: &str) -> Option<(DataKeyId, Arc<Key>)> {
        let id = *self.owners.get(&purpose)?.get(owner)?;
        Some((id, self.made.get(&id)?.clone()))
    }

    /// What was made is there now.
    pub(crate) fn committed(&mut self) {
        let (made, owners) = (std::mem::take(&mut self.made), std::mem::take(&mut self.owners));
        if let (Some(keys), Some(as_of)) = (&self.keys, self.as_of) {
            made.into_iter().for_each(|(id, key)| keys.held.hold(id, key));
            for (purpose, owners) in owners {
                owners.into_iter().for_each(|(owner, id)| keys.held.remember(as_of, &owner, purpose, id));
            }
        }
    }
}

/// A data key as its row has it.
#[derive(Debug, Clone)]
pub(crate) struct KeptKey {
    pub(crate) name: DataKeyName,
    pub(crate) wrapped: Wrapped,
    pub(crate) made_at: Timestamp,
}

pub(crate) const KEY_COLUMNS: &str = "tenant, purpose, version, id, whole, kek, wrapped, made_at";

pub(crate) fn kept_key(mut row: Row) -> Result<KeptKey, Failure> {
    let owner = Owner::of_row(&row.text()?).map_err(|error| Failure::Unreadable(error.to_string()))?;
    let purpose = row.int()?;
    let purpose = Purpose::of_number(purpose)
        .ok_or_else(|| Failure::Unreadable(format!("{purpose} is no purpose of a data key")))?;
    let (version, id, whole) = (row.int()?, DataKeyId(row.int()?), row.int()? != 0);
    let wrapped = Wrapped { version: row.int()?, bytes: row.bytes()? };
    let made_at = Timestamp::from_millis(row.int()?);
    Ok(KeptKey { name: DataKeyName { id, owner, purpose, version, whole }, wrapped, made_at })
}

/// A key, or whose key was destroyed and where.
type Opened = Result<Arc<Key>, (String, String)>;

/// Sealers by the owners of rows.
#[derive(Debug)]
pub(crate) struct Sealers(BTreeMap<String, Sealer>);

impl Sealers {
    pub(crate) fn of(&self, owner: &str) -> Sealer {
        self.0.get(owner).cloned().unwrap_or(Sealer(None))
    }
}

impl Keys {
    pub(crate) fn new(provider: Arc<dyn KeyProvider>) -> Self {
        let (known, whole) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { provider, held: Held::default(), known, whole }
    }

    pub(crate) fn is_known(&self) -> bool {
        self.known.load(Ordering::Acquire)
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.whole.load(Ordering::Acquire)
    }

    /// Opens the key that shows whether these are the keys of the store.
    pub(crate) async fn recognise(&self, kept: &KeptKey) -> Result<(), Failure> {
        self.open(kept).await?;
        self.whole.store(kept.name.whole, Ordering::Release);
        self.known.store(true, Ordering::Release);
        Ok(())
    }

    async fn open(&self, kept: &KeptKey) -> Result<Arc<Key>, Failure> {
        let secret = self.provider.unwrap(&kept.name.owner, &kept.wrapped, &kept.name.bound()).await?;
        Ok(Arc::new(Key::new(&secret)?))
    }

    /// The numbers of some owners' newest key-encryption keys, without those who have none. Asked for once where one key seals
    /// for all.
    pub(crate) async fn newest(&self, owners: Vec<Owner>) -> Result<BTreeMap<Owner, i64>, Failure> {
        if !self.provider.holds_one_each() {
            let Some(first) = owners.first() else { return Ok(BTreeMap::new()) };
            let newest = self.provider.newest(first).await?;
            return Ok(owners.into_iter().filter_map(|owner| Some((owner, newest?))).collect());
        }
        let one = |owner: Owner| async move {
            let newest = self.provider.newest(&owner).await?;
            Ok::<_, Failure>((owner, newest))
        };
        let all: Vec<_> = stream::iter(owners).map(one).buffered(ASKED_AT_ONCE).try_collect().await?;
        Ok(all.into_iter().filter_map(|(owner, newest)| Some((owner, newest?))).collect())
    }

    /// Seals some data keys anew, with their owners' newest keys.
    pub(crate) async fn wrap_anew(&self, kept: Vec<KeptKey>) -> Result<Vec<(DataKeyId, Wrapped)>, Failure> {
        let one = |KeptKey { name, wrapped, .. }: KeptKey| async move {
            let secret = self.provider.unwrap(&name.owner, &wrapped, &name.bound()).await?;
            let wrapped = self.provider.wrap(&name.owner, &secret, &name.bound()).await?;
            Ok::<_, Failure>((name.id, wrapped))
        };
        stream::iter(kept).map(one).buffered(ASKED_AT_ONCE).try_collect().await
    }

    /// Opens some keys and holds them. Of those whose owner's key was destroyed it says whose that was, and where: what they
    /// sealed is gone, and is no reason not to read the rest.
    pub(crate) async fn open_all(&self, kept: Vec<KeptKey>) -> Result<BTreeMap<DataKeyId, Opened>, Failure> {
        let one = |kept: KeptKey| async move {
            let opened = match self.open(&kept).await {
                Ok(key) => {
                    self.held.hold(kept.name.id, key.clone());
                    Ok(key)
                }
                Err(Failure::Keys(KeyError::Destroyed { owner, place })) => Err((owner, place)),
                Err(failure) => return Err(failure),
            };
            Ok::<_, Failure>((kept.name.id, opened))
        };
        stream::iter(kept).map(one).buffer_unordered(ASKED_AT_ONCE).try_collect().await
    }
}

/// The newest key of [`Purpose::Store`].
pub(crate) fn store_key() -> Statement<'static> {
    let sql =
        format!("SELECT {KEY_COLUMNS} FROM data_keys WHERE tenant = '' AND purpose = 0 ORDER BY version DESC LIMIT 1");
    Statement::new(sql, Vec::new())
}

fn by_ids(ids: &[DataKeyId]) -> Statement<'static> {
    let listed: Vec<String> = (1..=ids.len()).map(|number| format!("${number}")).collect();
    let sql = format!("SELECT {KEY_COLUMNS} FROM data_keys WHERE id IN ({})", listed.join(","));
    Statement::new(sql, ids.iter().map(|id| Value::Int(id.0)).collect())
}

/// What opens rows that were read; the first value of each is the key that it is sealed with.
pub(crate) async fn opener(
    backend: &Backend,
    reach: Reach<'_>,
    keys: Option<&Keys>,
    rows: &[Row],
) -> Result<Opener, Failure> {
    let Some((mut opener, missing)) = at_hand(keys, rows)? else { return Ok(Opener::default()) };
    for ids in missing.chunks(IDS_MAX) {
        let kept = backend.read(reach, by_ids(ids)).await?;
        fill(&mut opener, keys, kept).await?;
    }
    Ok(opener)
}

/// As [`opener`], within a transaction.
pub(crate) async fn opener_within(work: &mut Work, rows: &[Row]) -> Result<Opener, Failure> {
    let keys = work.sealing.keys.clone();
    let Some((mut opener, missing)) = at_hand(keys.as_deref(), rows)? else { return Ok(Opener::default()) };
    opener.keys.extend(work.sealing.made.iter().map(|(id, key)| (*id, key.clone())));
    for ids in missing.chunks(IDS_MAX) {
        let kept = work.fetch(by_ids(ids)).await?;
        fill(&mut opener, keys.as_deref(), kept).await?;
    }
    Ok(opener)
}

fn at_hand(keys: Option<&Keys>, rows: &[Row]) -> Result<Option<(Opener, Vec<DataKeyId>)>, Failure> {
    let wanted: BTreeSet<DataKeyId> = rows.iter().filter_map(sealed_with).collect();
    let Some(keys) = keys else {
        if wanted.is_empty() {
            return Ok(None);
        }
        return Err(KeyError::Missing { place: "this program".to_owned() }.into());
    };
    let mut opener = Opener { whole: keys.is_whole(), ..Opener::default() };
    let mut missing = Vec::new();
    for id in wanted {
        match keys.held.get(id) {
            Some(key) => drop(opener.keys.insert(id, key)),
            None => missing.push(id),
        }
    }
    Ok(Some((opener, missing)))
}

async fn fill(opener: &mut Opener, keys: Option<&Keys>, rows: Vec<Row>) -> Result<(), Failure> {
    let kept = rows.into_iter().map(kept_key).collect::<Result<Vec<_>, _>>()?;
    let Some(keys) = keys else { return Ok(()) };
    for (id, opened) in keys.open_all(kept).await? {
        match opened {
            Ok(key) => drop(opener.keys.insert(id, key)),
            Err(destroyed) => drop(opener.destroyed.insert(id, destroyed)),
        }
    }
    Ok(())
}

async fn lock(work: &mut Work, how: &str) -> Result<(), Failure> {
    // SQLite has one writer at a time.
    if work.dialect() == Dialect::Postgres {
        work.execute(Statement::new(format!("SELECT {how}($1)"), vec![Value::Int(LOCK)])).await?;
    }
    Ok(())
}

/// Waits until nobody seals, and keeps others from it until the transaction ends. First in transactions that change keys.
pub(crate) async fn lock_alone(work: &mut Work) -> Result<(), Failure> {
    lock(work, "pg_advisory_xact_lock").await
}

/// Counts a change of keys, which makes all programs forget what they know of them.
pub(crate) async fn count_key_changes(work: &mut Work) -> Result<(), Failure> {
    let sql = "UPDATE counters SET value = value + 1 WHERE name = 'keys' RETURNING value";
    work.sealing.as_of = Some(only(work.fetch(Statement::new(sql, Vec::new())).await?)?.int()?);
    Ok(())
}

/// How often keys were changed: so they stay until the transaction ends.
pub(crate) async fn as_of(work: &mut Work) -> Result<i64, Failure> {
    if let Some(as_of) = work.sealing.as_of {
        return Ok(as_of);
    }
    lock(work, "pg_advisory_xact_lock_shared").await?;
    let sql = "SELECT value FROM counters WHERE name = 'keys'";
    let as_of = only(work.fetch(Statement::new(sql, Vec::new())).await?)?.int()?;
    work.sealing.as_of = Some(as_of);
    Ok(as_of)
}

/// The sealer of one owner.
pub(crate) async fn sealer(work: &mut Work, purpose: Purpose, owner: &str, now: Timestamp) -> Result<Sealer, Failure> {
    Ok(sealers(work, purpose, [owner], now).await?.of(owner))
}

/// Sealers for rows of some owners; keys that are not there yet are made.
pub(crate) async fn sealers<'a>(
    work: &mut Work,
    purpose: Purpose,
    owners: impl IntoIterator<Item = &'a str>,
    now: Timestamp,
) -> Result<Sealers, Failure> {
    let Some(keys) = work.sealing.keys.clone() else { return Ok(Sealers(BTreeMap::new())) };
    let owners: BTreeSet<&str> = owners.into_iter().collect();
    if owners.is_empty() {
        return Ok(Sealers(BTreeMap::new()));
    }
    let as_of = as_of(work).await?;
    let mut found: BTreeMap<String, Sealer> = BTreeMap::new();
    let mut missing: Vec<&str> = Vec::new();
    for owner in owners {
        let made = work.sealing.made_for(purpose, owner);
        match made.or_else(|| keys.held.current(as_of, owner, purpose)) {
            Some(key) => drop(found.insert(owner.to_owned(), Sealer(Some(key)))),
            None => missing.push(owner),
        }
    }
    for owners in missing.chunks(IDS_MAX) {
        let mut there = newest(work, &keys, purpose, owners, as_of).await?;
        let absent: Vec<&str> = owners.iter().copied().filter(|owner| !there.contains_key(*owner)).collect();
        if !absent.is_empty() {
            make(work, &keys, purpose, &absent, now).await?;
            // Another program may have been quicker with one of them.
            there.extend(newest(work, &keys, purpose, &absent, as_of).await?);
        }
        found.extend(there);
    }
    Ok(Sealers(found))
}

/// The newest keys of some owners that the store has.
async fn newest(
    work: &mut Work,
    keys: &Keys,
    purpose: Purpose,
    owners: &[&str],
    as_of: i64,
) -> Result<BTreeMap<String, Sealer>, Failure> {
    let mut values = vec![Value::Int(purpose.number())];
    values.extend(owners.iter().map(|owner| Value::Text(owner)));
    let listed: Vec<String> = (2..=values.len()).map(|number| format!("${number}")).collect();
    let sql = format!(
        "SELECT {KEY_COLUMNS} FROM data_keys WHERE purpose = $1 AND tenant IN ({}) ORDER BY version",
        listed.join(",")
    );
    let mut newest: BTreeMap<String, KeptKey> = BTreeMap::new();
    for row in work.fetch(Statement::new(sql, values)).await? {
        let kept = kept_key(row)?;
        newest.insert(kept.name.owner.row().to_owned(), kept);
    }
    let mut sealers = BTreeMap::new();
    let mut closed = Vec::new();
    for (owner, kept) in newest {
        let id = kept.name.id;
        match work.sealing.made.get(&id).cloned().or_else(|| keys.held.get(id)) {
            Some(key) => drop(sealers.insert(owner, Sealer(Some((id, key))))),
            None => closed.push(kept),
        }
    }
    let names: BTreeMap<DataKeyId, String> =
        closed.iter().map(|kept| (kept.name.id, kept.name.owner.row().to_owned())).collect();
    for (id, opened) in keys.open_all(closed).await? {
        let key = opened.map_err(|(owner, place)| KeyError::Destroyed { owner, place })?;
        if let Some(owner) = names.get(&id) {
            keys.held.remember(as_of, owner, purpose, id);
            sealers.insert(owner.clone(), Sealer(Some((id, key))));
        }
    }
    Ok(sealers)
}

/// Makes the key that shows whose a store is, where it has none: from now on all that is written is sealed.
pub(crate) async fn establish(backend: &Backend, keys: &Arc<Keys>) -> Result<(), Failure> {
    let mut work = backend.begin(Reach::Everybody).await?;
    work.sealing = Sealing::with(Some(keys.clone()));
    let made = first(&mut work, keys).await;
    work.finish(made).await?;
    // Who was quicker may have other keys.
    let there = backend.read(Reach::Everybody, store_key()).await?;
    keys.recognise(&kept_key(only(there)?)?).await
}

async fn first(work: &mut Work, keys: &Keys) -> Result<(), Failure> {
    lock_alone(work).await?;
    if !work.fetch(store_key()).await?.is_empty() {
        return Ok(());
    }
    let whole = !crate::rotation::holds_plain(work).await?;
    let (id, owner) = (DataKeyId::random()?, Owner::Platform);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
    let now = Timestamp::from_millis(i64::try_from(now).unwrap_or(i64::MAX));
    insert(work, keys, vec![DataKeyName { id, owner, purpose: Purpose::Store, version: 1, whole }], now).await
}

/// Makes the first keys of some owners.
async fn make(work: &mut Work, keys: &Keys, purpose: Purpose, owners: &[&str], now: Timestamp) -> Result<(), Failure> {
    let mut names = Vec::with_capacity(owners.len());
    for owner in owners {
        let owner = Owner::of_row(owner).map_err(|error| Failure::Unreadable(error.to_string()))?;
        names.push(DataKeyName { id: DataKeyId::random()?, owner, purpose, version: 1, whole: false });
    }
    insert(work, keys, names, now).await
}

/// Makes keys of some names and writes them, where there are none of their owner, purpose and version.
pub(crate) async fn insert(
    work: &mut Work,
    keys: &Keys,
    names: Vec<DataKeyName>,
    now: Timestamp,
) -> Result<(), Failure> {
    let owners: Vec<Owner> = names.iter().map(|name| name.owner.clone()).collect();
    keys.provider.prepare(&owners).await?;
    let one = |name: DataKeyName| async move {
        let secret = Secret::random()?;
        let wrapped = keys.provider.wrap(&name.owner, &secret, &name.bound()).await?;
        Ok::<_, Failure>((name, Arc::new(Key::new(&secret)?), wrapped))
    };
    let mut made: Vec<_> = stream::iter(names).map(one).buffered(ASKED_AT_ONCE).try_collect().await?;
    let row = |(name, _, wrapped): &'_ (DataKeyName, Arc<Key>, Wrapped)| {
        [name.purpose.number(), name.version, name.id.0, name.whole.into(), wrapped.version].map(Value::Int)
    };
    let mut rows = Vec::with_capacity(made.len());
    for one in &made {
        let [purpose, version, id, whole, kek] = row(one);
        let (wrapped, at) = (Value::Bytes(&one.2.bytes), Value::Int(now.as_millis()));
        rows.push([Value::Text(one.0.owner.row()), purpose, version, id, whole, kek, wrapped, at]);
    }
    let before = format!("INSERT INTO data_keys ({KEY_COLUMNS}) VALUES");
    let after = "ON CONFLICT (tenant, purpose, version) DO NOTHING RETURNING id";
    let mut written = BTreeSet::new();
    for statement in Statement::bulk(work.dialect(), &before, &rows, after) {
        for mut row in work.fetch(statement).await? {
            written.insert(DataKeyId(row.int()?));
        }
    }
    drop(rows);
    made.retain(|(name, ..)| written.contains(&name.id));
    for (name, key, _) in made {
        work.sealing.owners.entry(name.purpose).or_default().insert(name.owner.row().to_owned(), name.id);
        work.sealing.made.insert(name.id, key);
    }
    Ok(())
}
