//! Logs of what was done, written in the transactions of what they tell of.

mod cursors;
mod pruning;
mod roots;

use std::collections::BTreeMap;

use tenantry_audit::{Detail, Entry, Hash};
use tenantry_domain::id::TenantId;
use tenantry_domain::time::Timestamp;
use tenantry_engine::ports::store::audit::{Deed, LogFilter, LogHead, LogOf, Logged, Seal};
use tenantry_engine::scope::Scope;
use tenantry_keys::{Bound, Purpose};

use crate::backend::Work;
use crate::failure::Failure;
use crate::sealed::{Covered, Opener};
use crate::sealing::sealers;
use crate::statement::{Row, Statement, Value, signed};

/// Between two checkpoints that are kept there are at most so many entries, and most often as many: each is some
/// kilobytes, and what was altered is found between two of them.
const KEPT_EVERY: u64 = 256;

fn name(log: &LogOf) -> &str {
    log.as_ref().map_or("", TenantId::as_str)
}

fn log(row: &mut Row) -> Result<LogOf, Failure> {
    let name = row.text()?;
    if name.is_empty() {
        return Ok(None);
    }
    TenantId::new(name).map(Some).map_err(|error| Failure::Unreadable(error.to_string()))
}

/// Writes deeds down, each at the end of its log.
pub(crate) async fn append(work: &mut Work, deeds: &[Deed]) -> Result<(), Failure> {
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    deeds.iter().for_each(|deed| *counts.entry(name(&deed.log)).or_default() += 1);
    // In the order of names, so that two that write in the same logs wait for each other and not crosswise.
    let rows: Vec<_> = counts.iter().map(|(log, count)| [Value::Text(log), Value::Int(*count)]).collect();
    let before = "INSERT INTO audit_logs (tenant, entries) VALUES";
    let after = "ON CONFLICT (tenant) DO UPDATE SET entries = audit_logs.entries + excluded.entries \
                 RETURNING tenant, entries";
    let mut next: BTreeMap<String, u64> = BTreeMap::new();
    for statement in Statement::bulk(work.dialect(), before, &rows, after) {
        for mut row in work.fetch(statement).await? {
            let (log, entries) = (row.text()?, row.count()?);
            let count = counts.get(log.as_str()).and_then(|count| u64::try_from(*count).ok()).unwrap_or_default();
            next.insert(log, entries.saturating_sub(count));
        }
    }
    let told = deeds.iter().filter(|deed| !deed.details.is_empty());
    let now = deeds.iter().map(|deed| deed.at).max().unwrap_or(Timestamp::from_millis(0));
    let sealers = sealers(work, Purpose::Audit, told.map(|deed| name(&deed.log)), now).await?;
    let mut written = Vec::with_capacity(deeds.len());
    for deed in deeds {
        let place = next.get_mut(name(&deed.log)).ok_or_else(|| Failure::Unreadable("a log is missing".to_owned()))?;
        let (detail, commitment) = detail(deed)?;
        let entry = entry(deed, *place, commitment);
        let bound = bound(name(&deed.log), signed(*place)?);
        let covered = match &detail {
            Some(detail) => sealers.of(name(&deed.log)).seal(detail.as_bytes(), &bound)?,
            None => Covered::default(),
        };
        *place += 1;
        let bytes = entry.to_bytes().map_err(|error| Failure::Refused(error.to_string()))?;
        written.push((entry, bytes, detail, covered));
    }
    let mut rows = Vec::with_capacity(written.len());
    for ((entry, bytes, detail, covered), deed) in written.iter().zip(deeds) {
        rows.push([
            Value::Text(name(&deed.log)),
            Value::Int(signed(entry.seq)?),
            Value::Int(entry.at.as_millis()),
            Value::Text(&entry.actor),
            Value::Text(&entry.action),
            Value::Bytes(bytes),
            covered.maybe_text(detail.as_deref()),
            covered.with(),
            covered.sealed(),
        ]);
    }
    let before =
        "INSERT INTO audit_entries (tenant, seq, at, actor, action, entry, detail, sealed_with, sealed) VALUES";
    work.execute_all(Statement::bulk(work.dialect(), before, &rows, "")).await?;
    Ok(())
}

fn bound(log: &str, seq: i64) -> Bound {
    Bound::to("audit_entries").text(log).number(seq)
}

/// Details as they are kept, with the commitment to them.
fn detail(deed: &Deed) -> Result<(Option<String>, Option<String>), Failure> {
    if deed.details.is_empty() {
        return Ok((None, None));
    }
    let refused = |error: &dyn std::fmt::Display| Failure::Refused(error.to_string());
    let detail = Detail::new(deed.details.clone()).map_err(|error| refused(&error))?;
    let kept = serde_json::to_string(&detail).map_err(|error| refused(&error))?;
    Ok((Some(kept), Some(detail.commitment())))
}

fn entry(deed: &Deed, seq: u64, detail: Option<String>) -> Entry {
    // Details are kept beside the entry.
    let Deed { log, actor, from, at, action, resource, outcome, reason, request, policies, before, after, details: _ } =
        deed.clone();
    Entry {
        action: action.to_owned(),
        actor,
        after,
        at,
        before,
        detail,
        from,
        outcome,
        policies,
        reason,
        request,
        resource,
        seq,
        tenant: log,
    }
}

pub(crate) fn heads(scope: &Scope) -> Statement<'_> {
    let every = "SELECT tenant, entries, sealed, pruned, held FROM audit_logs";
    match scope.only() {
        None => Statement::new(format!("{every} ORDER BY tenant"), Vec::new()),
        Some(tenant) => Statement::new(format!("{every} WHERE tenant = $1"), vec![Value::Text(tenant.as_str())]),
    }
}

pub(crate) fn unsealed(count: u32) -> Statement<'static> {
    let sql =
        "SELECT tenant, entries, sealed, pruned, held FROM audit_logs WHERE sealed < entries ORDER BY tenant LIMIT $1";
    Statement::new(sql, vec![Value::Int(count.into())])
}

pub(crate) fn read_heads(rows: Vec<Row>) -> Result<Vec<LogHead>, Failure> {
    let head = |mut row: Row| {
        let (log, entries, sealed) = (log(&mut row)?, row.count()?, row.count()?);
        Ok(LogHead { log, entries, sealed, pruned: row.count()?, held: row.maybe_text()? })
    };
    rows.into_iter().map(head).collect()
}

pub(crate) fn entries(log: &LogOf, from: u64, count: u32) -> Result<Statement<'_>, Failure> {
    let sql = "SELECT sealed_with, seq, entry, tenant, at, actor, action, detail, sealed FROM audit_entries WHERE tenant = $1 AND seq >= $2 ORDER BY seq LIMIT $3";
    Ok(Statement::new(sql, vec![Value::Text(name(log)), Value::Int(signed(from)?), Value::Int(count.into())]))
}

pub(crate) fn matching<'a>(log: &'a LogOf, filter: &'a LogFilter, count: u32) -> Result<Statement<'a>, Failure> {
    let mut sql =
        "SELECT sealed_with, seq, entry, tenant, at, actor, action, detail, sealed FROM audit_entries WHERE tenant = $1".to_owned();
    let mut values = vec![Value::Text(name(log))];
    let mut also = |condition: &str, value: Value<'a>| {
        values.push(value);
        sql.push_str(&condition.replace('?', &format!("${}", values.len())));
    };
    if let Some(before) = filter.before {
        also(" AND seq < ?", Value::Int(signed(before)?));
    }
    if let Some(since) = filter.since {
        also(" AND at >= ?", Value::Int(since.as_millis()));
    }
    if let Some(actor) = &filter.actor {
        also(" AND actor = ?", Value::Text(actor));
    }
    if let Some(action) = &filter.action {
        also(" AND (action = ? OR substr(action, 1, length(?) + 1) = ? || '.')", Value::Text(action));
    }
    also(" ORDER BY seq DESC LIMIT ?", Value::Int(count.into()));
    Ok(Statement::new(sql, values))
}

/// Reads entries with what can be read of their details: one that is altered is the reader's to find, and the commitment of
/// its entry tells what it was not.
pub(crate) fn read_entries(rows: Vec<Row>, opener: &Opener) -> Result<Vec<Logged>, Failure> {
    let one = |mut row: Row| {
        let with = row.maybe_int()?;
        let (seq, entry, log) = (row.count()?, row.bytes()?, row.text()?);
        let (at, actor, action) = (Timestamp::from_millis(row.int()?), row.text()?, row.text()?);
        // A place that no entry can have is somebody's doing, and is shown with the rest.
        let place = i64::try_from(seq).unwrap_or(i64::MAX);
        let detail = opener.text(with, &mut row, &bound(&log, place)).unwrap_or_default();
        let detail = detail.and_then(|detail| serde_json::from_str(&detail).ok());
        Ok(Logged { seq, entry, detail, at, actor, action })
    };
    rows.into_iter().map(one).collect()
}

/// The hashes at some places; a statement for as many as one may have.
pub(crate) fn hashes<'a>(log: &'a LogOf, places: &[u64]) -> Result<Vec<Statement<'a>>, Failure> {
    let one = |places: &[u64]| {
        let mut values = vec![Value::Text(name(log))];
        let mut listed = Vec::with_capacity(places.len());
        for place in places {
            values.push(Value::Int(signed(*place)?));
            listed.push(format!("${}", values.len()));
        }
        let sql = format!("SELECT place, hash FROM audit_hashes WHERE tenant = $1 AND place IN ({})", listed.join(","));
        Ok(Statement::new(sql, values))
    };
    places.chunks(1_000).map(one).collect()
}

pub(crate) fn read_hash(mut row: Row) -> Result<(u64, Hash), Failure> {
    let (place, bytes) = (row.count()?, row.bytes()?);
    let hash =
        <[u8; 32]>::try_from(bytes).map_err(|_| Failure::Unreadable("a hash is not 32 bytes long".to_owned()))?;
    Ok((place, Hash(hash)))
}

pub(crate) fn checkpoints(log: &LogOf) -> Statement<'_> {
    let sql = "SELECT signed FROM audit_checkpoints WHERE tenant = $1 ORDER BY size";
    Statement::new(sql, vec![Value::Text(name(log))])
}

pub(crate) async fn seal_all(work: &mut Work, seals: &[Seal]) -> Result<Vec<bool>, Failure> {
    let mut done = vec![false; seals.len()];
    // In the order of names, so that two that seal the same logs wait for each other and not crosswise.
    let mut ordered: Vec<(&Seal, &mut bool)> = seals.iter().zip(&mut done).collect();
    ordered.sort_by(|(one, _), (other, _)| name(&one.log).cmp(name(&other.log)));
    for (one, done) in ordered {
        *done = seal(work, one).await?;
    }
    Ok(done)
}

async fn seal(work: &mut Work, seal: &Seal) -> Result<bool, Failure> {
    let log = Value::Text(name(&seal.log));
    let (from, size) = (Value::Int(signed(seal.from)?), Value::Int(signed(seal.size)?));
    let sql = "UPDATE audit_logs SET sealed = $3 WHERE tenant = $1 AND sealed = $2 AND entries >= $3";
    if work.execute(Statement::new(sql, vec![log, from, size])).await? == 0 {
        return Ok(false);
    }
    let mut rows = Vec::with_capacity(seal.hashes.len());
    for (place, hash) in &seal.hashes {
        rows.push([log, Value::Int(signed(*place)?), Value::Bytes(&hash.0)]);
    }
    let before = "INSERT INTO audit_hashes (tenant, place, hash) VALUES";
    work.execute_all(Statement::bulk(work.dialect(), before, &rows, "")).await?;
    if seal.from / KEPT_EVERY == seal.size / KEPT_EVERY {
        let sql = "DELETE FROM audit_checkpoints WHERE tenant = $1 AND size = $2";
        work.execute(Statement::new(sql, vec![log, from])).await?;
    }
    let sql = "INSERT INTO audit_checkpoints (tenant, size, signed) VALUES ($1, $2, $3)";
    work.execute(Statement::new(sql, vec![log, size, Value::Text(&seal.checkpoint)])).await?;
    Ok(true)
}
