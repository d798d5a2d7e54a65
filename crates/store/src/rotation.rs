//! Renewing keys while the store is in use.
//!
//! Data keys first get a newer version, with which all programs seal from then on; then rows are sealed anew, piece by piece;
//! then the old versions go. Whoever is killed in between leaves a store that is whole, and the next rotation goes on where it
//! was: what is not sealed with a newest key is what is left to do.

mod table;

use std::collections::BTreeMap;

use tenantry_domain::id::TenantId;
use tenantry_domain::time::Timestamp;
use tenantry_engine::ports::store::audit::Deed;
use tenantry_engine::ports::store::{Authorship, Stored};
use tenantry_keys::{DataKeyId, DataKeyName, KeyError, Owner, Purpose};

use self::table::{TABLES, Table};
use crate::audit;
use crate::backend::Work;
use crate::failure::Failure;
use crate::fence::Reach;
use crate::sealing::{
    KEY_COLUMNS, KeptKey, as_of, count_key_changes, insert, kept_key, lock_alone, opener_within, sealers, store_key,
};
use crate::statement::{Cell, Statement, Value};
use crate::store::{Store, only, transaction};

/// Rows that are sealed anew in one transaction: it holds up no other writer for long.
const ROWS: i64 = 200;
/// Owners whose keys are wrapped anew in one transaction.
const OWNERS: usize = 200;

/// A data key as it may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// Whose.
    pub owner: Owner,
    /// What for.
    pub purpose: Purpose,
    /// Which of those, from 1.
    pub version: i64,
    /// Which of its owner's key-encryption keys it is sealed with.
    pub kek: i64,
    /// When it was made.
    pub made_at: Timestamp,
    /// Whether rows are sealed with it from now on.
    pub newest: bool,
}

/// What is renewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// Only of this tenant.
    pub tenant: Option<TenantId>,
    /// Key-encryption keys, and not data keys.
    pub kek: bool,
    /// Of key-encryption keys: the older ones are destroyed, so that no copy of the database from before opens any more.
    pub retire: bool,
}

/// How far it has come: all of what it counts, rows or data keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Data keys or key-encryption keys that were made.
    pub made: u64,
    /// Rows that were sealed anew, or data keys that were.
    pub done: u64,
    /// How many there were to do when it began.
    pub of: u64,
    /// Old data keys that went.
    pub dropped: u64,
}

/// Whether a store holds anything that is not sealed.
pub(crate) async fn holds_plain(work: &mut Work) -> Result<bool, Failure> {
    for table in &TABLES {
        if only(work.fetch(table.holds_plain()).await?)?.int()? != 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

fn of_tenant(tenant: Option<&TenantId>) -> (&'static str, Vec<Value<'_>>) {
    match tenant {
        Some(tenant) => ("WHERE tenant = $1", vec![Value::Text(tenant.as_str())]),
        None => ("", Vec::new()),
    }
}

fn all_keys(tenant: Option<&TenantId>) -> Statement<'_> {
    let (only, values) = of_tenant(tenant);
    Statement::new(format!("SELECT {KEY_COLUMNS} FROM data_keys {only} ORDER BY tenant, purpose, version"), values)
}

async fn keys_within(work: &mut Work, tenant: Option<&TenantId>) -> Result<Vec<KeptKey>, Failure> {
    work.fetch(all_keys(tenant)).await?.into_iter().map(kept_key).collect()
}

impl Store {
    /// The data keys, of one tenant or of all.
    ///
    /// # Errors
    /// [`StoreError`](tenantry_engine::ports::store::StoreError).
    pub async fn keys(&self, tenant: Option<&TenantId>) -> Stored<Vec<KeyRow>> {
        let read = async {
            let rows = self.backend.read(Reach::Everybody, all_keys(tenant)).await?;
            let kept = rows.into_iter().map(kept_key).collect::<Result<Vec<_>, _>>()?;
            let newest: BTreeMap<(Owner, Purpose), i64> =
                kept.iter().map(|kept| ((kept.name.owner.clone(), kept.name.purpose), kept.name.version)).collect();
            let row = |KeptKey { name, wrapped, made_at }| {
                let DataKeyName { owner, purpose, version, .. } = name;
                let newest = newest.get(&(owner.clone(), purpose)) == Some(&version);
                KeyRow { owner, purpose, version, kek: wrapped.version, made_at, newest }
            };
            Ok(kept.into_iter().map(row).collect())
        };
        read.await.map_err(|failure: Failure| failure.during("list its keys"))
    }

    /// Rows that are not sealed, or not with a newest key.
    ///
    /// # Errors
    /// [`StoreError`](tenantry_engine::ports::store::StoreError).
    pub async fn rows_to_seal(&self, tenant: Option<&TenantId>) -> Stored<u64> {
        let count = async {
            let mut count = 0_u64;
            for table in &TABLES {
                count = count
                    .saturating_add(only(self.backend.read(Reach::Everybody, table.counting(tenant)).await?)?.count()?);
            }
            Ok(count)
        };
        count.await.map_err(|failure: Failure| failure.during("count what is to be sealed"))
    }

    /// Renews keys and seals what they sealed anew, while others use the store. `told` is told how far it is.
    ///
    /// # Errors
    /// [`StoreError`](tenantry_engine::ports::store::StoreError); what was done until then stays, and it can be gone on with.
    pub async fn rotate(
        &self,
        rotation: &Rotation,
        by: &Authorship,
        mut told: impl FnMut(Progress) + Send,
    ) -> Stored<Progress> {
        if self.keys.is_none() {
            let missing = Failure::Keys(KeyError::Missing { place: "no provider of keys".to_owned() });
            return Err(missing.during("renew its keys"));
        }
        let progress = if rotation.kek {
            self.renew_keks(rotation, &mut told).await?
        } else {
            self.renew_data_keys(rotation.tenant.as_ref(), by.at, &mut told).await?
        };
        let resource = if rotation.kek { "keys/key-encryption" } else { "keys/data" };
        let deed = Deed { action: "keys.rotate", ..Deed::done(rotation.tenant.clone(), by, resource.to_owned()) };
        transaction!(self, Reach::Everybody, "note that keys were renewed", |work| audit::append(
            &mut work,
            std::slice::from_ref(&deed)
        ))?;
        Ok(progress)
    }

    async fn renew_data_keys(
        &self,
        tenant: Option<&TenantId>,
        now: Timestamp,
        told: &mut (dyn FnMut(Progress) + Send),
    ) -> Stored<Progress> {
        let made =
            transaction!(self, Reach::Everybody, "renew its data keys", |work| newer_versions(&mut work, tenant, now))?;
        let mut progress = Progress { made, of: self.rows_to_seal(tenant).await?, ..Progress::default() };
        told(progress);
        let mut plain = false;
        for table in &TABLES {
            let mut after: Option<Vec<Cell>> = None;
            loop {
                let piece = transaction!(self, Reach::Everybody, "seal rows anew", |work| reseal(
                    &mut work,
                    table,
                    tenant,
                    after.as_deref(),
                    now
                ))?;
                progress.done = progress.done.saturating_add(piece.rows);
                plain |= piece.plain;
                told(progress);
                let Some(last) = piece.last else { break };
                after = Some(last);
            }
        }
        progress.dropped =
            transaction!(self, Reach::Everybody, "drop its old data keys", |work| drop_old(&mut work, tenant))?;
        if tenant.is_none() {
            transaction!(self, Reach::Everybody, "note that all is sealed", |work| renew_store_key(&mut work, now))?;
            if let Some(row) = self
                .backend
                .read(Reach::Everybody, store_key())
                .await
                .map_err(|error| error.during("read its keys"))?
                .pop()
                && let Some(keys) = &self.keys
            {
                let recognised = async { keys.recognise(&kept_key(row)?).await };
                recognised.await.map_err(|failure: Failure| failure.during("open its keys"))?;
            }
        }
        if plain {
            // What was there before it was sealed.
            self.backend.scrub().await.map_err(|failure| failure.during("clean up what was not sealed"))?;
        }
        Ok(progress)
    }

    async fn renew_keks(&self, rotation: &Rotation, told: &mut (dyn FnMut(Progress) + Send)) -> Stored<Progress> {
        let kept = self.backend.read(Reach::Everybody, all_keys(rotation.tenant.as_ref())).await;
        let kept = kept.and_then(|rows| rows.into_iter().map(kept_key).collect::<Result<Vec<_>, _>>());
        let kept = kept.map_err(|failure| failure.during("list its keys"))?;
        let mut keks: BTreeMap<Owner, Vec<i64>> = BTreeMap::new();
        for KeptKey { name, wrapped, .. } in kept {
            keks.entry(name.owner).or_default().push(wrapped.version);
        }
        let of = keks.values().map(Vec::len).sum::<usize>();
        let mut progress = Progress { of: u64::try_from(of).unwrap_or(u64::MAX), ..Progress::default() };
        told(progress);
        let keks: Vec<(Owner, Vec<i64>)> = keks.into_iter().collect();
        for chunk in keks.chunks(OWNERS) {
            let renewed =
                self.newer_keks(chunk).await.map_err(|failure| failure.during("renew key-encryption keys"))?;
            progress.made = progress.made.saturating_add(renewed);
            let owners: Vec<Owner> = chunk.iter().map(|(owner, _)| owner.clone()).collect();
            let done = transaction!(self, Reach::Everybody, "wrap data keys anew", |work| rewrap(&mut work, &owners))?;
            progress.done = progress.done.saturating_add(done);
            if rotation.retire {
                transaction!(self, Reach::Everybody, "destroy old key-encryption keys", |work| retire(
                    &mut work, &owners
                ))?;
            }
            told(progress);
        }
        Ok(progress)
    }

    /// Makes newer key-encryption keys for those of some owners whose data keys are all sealed with their newest: for others
    /// that was done by a rotation which was broken off.
    async fn newer_keks(&self, owners: &[(Owner, Vec<i64>)]) -> Result<u64, Failure> {
        let Some(keys) = &self.keys else { return Ok(0) };
        let newest = keys.newest(owners.iter().map(|(owner, _)| owner.clone()).collect()).await?;
        let all_newest = |(owner, keks): &&(Owner, Vec<i64>)| keks.iter().all(|kek| Some(kek) == newest.get(owner));
        let up_to_date: Vec<Owner> = owners.iter().filter(all_newest).map(|(owner, _)| owner.clone()).collect();
        if up_to_date.is_empty() {
            return Ok(0);
        }
        keys.provider.renew(&up_to_date).await?;
        let renewed = keys.newest(up_to_date.clone()).await?;
        let made = up_to_date.iter().filter(|owner| renewed.get(owner) != newest.get(owner)).count();
        let made = if keys.provider.holds_one_each() { made } else { made.min(1) };
        let made = u64::try_from(made).unwrap_or(u64::MAX);
        Ok(made)
    }
}

/// Gives a newer version to each data key that has none; one with two is still being renewed.
async fn newer_versions(work: &mut Work, tenant: Option<&TenantId>, now: Timestamp) -> Result<u64, Failure> {
    lock_alone(work).await?;
    count_key_changes(work).await?;
    let mut versions: BTreeMap<(Owner, Purpose), Vec<i64>> = BTreeMap::new();
    for KeptKey { name, .. } in keys_within(work, tenant).await? {
        versions.entry((name.owner, name.purpose)).or_default().push(name.version);
    }
    let mut names = Vec::new();
    for ((owner, purpose), versions) in versions {
        if let ([version], true) = (versions.as_slice(), purpose != Purpose::Store) {
            let id = DataKeyId::random()?;
            names.push(DataKeyName { id, owner, purpose, version: version.saturating_add(1), whole: false });
        }
    }
    let made = u64::try_from(names.len()).unwrap_or(u64::MAX);
    if let (Some(keys), false) = (work.sealing.keys.clone(), names.is_empty()) {
        insert(work, &keys, names, now).await?;
    }
    Ok(made)
}

/// A piece of a table that was sealed anew.
struct Piece {
    rows: u64,
    /// Whether some of it was not sealed before.
    plain: bool,
    /// Its last row's key; none when nothing is left.
    last: Option<Vec<Cell>>,
}

async fn reseal(
    work: &mut Work,
    table: &'static Table,
    tenant: Option<&TenantId>,
    after: Option<&[Cell]>,
    now: Timestamp,
) -> Result<Piece, Failure> {
    // Before any row is locked, as those do who write.
    as_of(work).await?;
    let statement = table.pending(work.dialect(), tenant, after, ROWS)?;
    let rows = work.fetch(statement).await?;
    let opener = opener_within(work, &rows).await?;
    let rows = rows.into_iter().map(|row| table.read(row)).collect::<Result<Vec<_>, _>>()?;
    let owners: Vec<&str> = rows.iter().map(|row| row.owner.as_str()).collect();
    let sealers = sealers(work, table.purpose, owners, now).await?;
    let (mut count, mut plain) = (0, false);
    for row in &rows {
        plain |= row.with.is_none();
        let held = opener.choose(row.with, Some(table.packed(&row.plain)), row.sealed.clone(), &row.bound)?;
        let covered = sealers.of(&row.owner).seal(&held.unwrap_or_default(), &row.bound)?;
        count += work.execute(table.update(&row.key, &covered)?).await?;
    }
    let full = i64::try_from(rows.len()).is_ok_and(|rows| rows == ROWS);
    let last = rows.into_iter().next_back().filter(|_| full).map(|row| row.key);
    Ok(Piece { rows: count, plain, last })
}

/// Drops data keys that have a newer version and that nothing is sealed with.
async fn drop_old(work: &mut Work, tenant: Option<&TenantId>) -> Result<u64, Failure> {
    lock_alone(work).await?;
    count_key_changes(work).await?;
    let used: Vec<String> = TABLES.iter().map(Table::used).collect();
    let (only, values) = match tenant {
        Some(tenant) => ("AND tenant = $1", vec![Value::Text(tenant.as_str())]),
        None => ("", Vec::new()),
    };
    let sql = format!(
        "DELETE FROM data_keys WHERE purpose > 0 AND id IN ({}) AND id NOT IN ({}) {only}",
        table::OLD,
        used.join(" UNION ")
    );
    work.execute(Statement::new(sql, values)).await
}

/// Makes the key that shows whose store it is anew, and what it says of the whole store.
async fn renew_store_key(work: &mut Work, now: Timestamp) -> Result<(), Failure> {
    lock_alone(work).await?;
    let Some(row) = work.fetch(store_key()).await?.pop() else { return Ok(()) };
    let before = kept_key(row)?.name;
    let whole = !holds_plain(work).await?;
    let version = before.version.saturating_add(1);
    let name = DataKeyName { id: DataKeyId::random()?, version, whole, ..before };
    if let Some(keys) = work.sealing.keys.clone() {
        insert(work, &keys, vec![name], now).await?;
    }
    let sql = "DELETE FROM data_keys WHERE tenant = '' AND purpose = 0 AND version < $1";
    work.execute(Statement::new(sql, vec![Value::Int(version)])).await?;
    Ok(())
}

/// Seals those data keys of some owners that are not sealed with their owner's newest key.
async fn rewrap(work: &mut Work, owners: &[Owner]) -> Result<u64, Failure> {
    lock_alone(work).await?;
    let Some(keys) = work.sealing.keys.clone() else { return Ok(0) };
    let newest = keys.newest(owners.to_vec()).await?;
    let mut behind = Vec::new();
    for owner in owners {
        let kept = of_owner(work, owner).await?.into_iter();
        behind.extend(kept.filter(|kept| Some(&kept.wrapped.version) != newest.get(owner)));
    }
    let mut done = 0;
    for (id, wrapped) in keys.wrap_anew(behind).await? {
        let values = vec![Value::Int(id.0), Value::Int(wrapped.version), Value::Bytes(&wrapped.bytes)];
        done +=
            work.execute(Statement::new("UPDATE data_keys SET kek = $2, wrapped = $3 WHERE id = $1", values)).await?;
    }
    Ok(done)
}

/// Destroys older key-encryption keys, where nothing is sealed with them: a data key may have been made meanwhile.
async fn retire(work: &mut Work, owners: &[Owner]) -> Result<(), Failure> {
    rewrap(work, owners).await?;
    let Some(keys) = work.sealing.keys.clone() else { return Ok(()) };
    let newest = keys.newest(owners.to_vec()).await?;
    let mut free = Vec::new();
    for owner in owners {
        if of_owner(work, owner).await?.iter().all(|kept| Some(&kept.wrapped.version) == newest.get(owner)) {
            free.push(owner.clone());
        }
    }
    Ok(keys.provider.retire(&free).await?)
}

async fn of_owner(work: &mut Work, owner: &Owner) -> Result<Vec<KeptKey>, Failure> {
    let sql = format!("SELECT {KEY_COLUMNS} FROM data_keys WHERE tenant = $1");
    let rows = work.fetch(Statement::new(sql, vec![Value::Text(owner.row())])).await?;
    rows.into_iter().map(kept_key).collect()
}
