//! Interventions, kept state and leases.

use std::collections::BTreeMap;

use tenantry_domain::id::WorkloadKey;
use tenantry_domain::time::Timestamp;
use tenantry_engine::ports::store::audit::Deed;
use tenantry_engine::ports::store::{Authorship, Intervention, Kept};
use tenantry_engine::scope::Scope;
use tenantry_keys::{Bound, Purpose};

use crate::audit;
use crate::backend::Work;
use crate::documents::count_changes;
use crate::failure::Failure;
use crate::sealed::{Covered, Opener};
use crate::sealing::{sealer, sealers};
use crate::statement::{Row, Statement, Value, signed};

pub(crate) async fn intervene(
    work: &mut Work,
    key: &WorkloadKey,
    intervention: &Intervention,
    by: &Authorship,
) -> Result<(), Failure> {
    let change = count_changes(work, 1).await?;
    let body = serde_json::to_string(intervention).map_err(|error| Failure::Refused(error.to_string()))?;
    let (tenant, workload) = (Value::Text(key.tenant.as_str()), Value::Text(key.workload.as_str()));
    let (number, change) = (signed(change)?, Value::Int(signed(change)?));
    let sealer = sealer(work, Purpose::Config, key.tenant.as_str(), by.at).await?;
    let covered = sealer.seal(body.as_bytes(), &bound("asked", key, number))?;
    let noted = vec![change, tenant, workload, covered.text(&body), covered.with(), covered.sealed()];
    let sql = "INSERT INTO asked (change, tenant, workload, body, sealed_with, sealed) VALUES ($1, $2, $3, $4, $5, $6)";
    work.execute(Statement::new(sql, noted)).await?;
    audit::append(work, &[deed(key, intervention, &body, by)]).await?;
    let place = [Value::Text(key.tenant.as_str()), Value::Text(key.workload.as_str())];
    if *intervention == Intervention::default() {
        let sql = "DELETE FROM interventions WHERE tenant = $1 AND workload = $2";
        work.execute(Statement::new(sql, place.to_vec())).await?;
        return Ok(());
    }
    let sql = "INSERT INTO interventions (tenant, workload, body, change, sealed_with, sealed) \
               VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant, workload) DO UPDATE SET body = excluded.body, \
               change = excluded.change, sealed_with = excluded.sealed_with, sealed = excluded.sealed";
    let covered = sealer.seal(body.as_bytes(), &bound("interventions", key, number))?;
    let mut values = place.to_vec();
    values.extend([covered.text(&body), change, covered.with(), covered.sealed()]);
    work.execute(Statement::new(sql, values)).await?;
    Ok(())
}

/// What the audit log is told of what a person asked.
fn deed(key: &WorkloadKey, asked: &Intervention, body: &str, by: &Authorship) -> Deed {
    Deed {
        action: if *asked == Intervention::default() { "workload.clear" } else { "workload.ask" },
        after: Some(tenantry_audit::digest(body.as_bytes())),
        details: BTreeMap::from([("asked".to_owned(), body.to_owned())]),
        ..Deed::done(Some(key.tenant.clone()), by, format!("workload/{key}"))
    }
}

pub(crate) fn all_interventions(scope: &Scope) -> Statement<'_> {
    let (filter, values) = in_scope(scope);
    let sql = format!(
        "SELECT sealed_with, tenant, workload, change, body, sealed FROM interventions {filter} ORDER BY tenant, workload"
    );
    Statement::new(sql, values)
}

/// What an intervention is bound to, in one of its two tables.
pub(crate) fn bound(table: &str, key: &WorkloadKey, change: i64) -> Bound {
    Bound::to(table).text(key.tenant.as_str()).text(key.workload.as_str()).number(change)
}

pub(crate) fn interventions(rows: Vec<Row>, opener: &Opener) -> Result<Vec<(WorkloadKey, Intervention)>, Failure> {
    let one = |mut row: Row| {
        let with = row.maybe_int()?;
        let key = WorkloadKey { tenant: row.parsed()?, workload: row.parsed()? };
        let bound = bound("interventions", &key, row.int()?);
        let body = opener.text(with, &mut row, &bound)?.unwrap_or_default();
        let intervention = serde_json::from_str(&body)
            .map_err(|error| Failure::Unreadable(format!("intervention on `{key}`: {error}")))?;
        Ok((key, intervention))
    };
    rows.into_iter().map(one).collect()
}

pub(crate) async fn keep(work: &mut Work, kept: &[Kept]) -> Result<(), Failure> {
    // The last of several for one place counts, and rows in one order cannot deadlock with another writer's.
    let mut last: BTreeMap<(&WorkloadKey, &str), &Kept> = BTreeMap::new();
    for item in kept {
        last.insert((&item.key, &item.part), item);
    }
    let full = last.values().filter(|item| !item.bytes.is_empty());
    let now = full.clone().map(|item| item.at).max().unwrap_or(Timestamp::from_millis(0));
    let sealers = sealers(work, Purpose::State, full.map(|item| item.key.tenant.as_str()), now).await?;
    let mut covers = Vec::with_capacity(last.len());
    for ((key, part), item) in &last {
        covers.push(if item.bytes.is_empty() {
            Covered::default()
        } else {
            sealers.of(key.tenant.as_str()).seal(&item.bytes, &kept_bound(key, part, item.at))?
        });
    }
    let mut written = Vec::new();
    let mut emptied = Vec::new();
    for (((key, part), item), covered) in last.into_iter().zip(&covers) {
        let (tenant, workload) = (Value::Text(key.tenant.as_str()), Value::Text(key.workload.as_str()));
        if item.bytes.is_empty() {
            emptied.push([tenant, workload, Value::Text(part)]);
        } else {
            let (bytes, at) = (covered.bytes(&item.bytes), Value::Int(item.at.as_millis()));
            written.push([tenant, workload, Value::Text(part), bytes, at, covered.with(), covered.sealed()]);
        }
    }
    let before = "INSERT INTO kept (tenant, workload, part, bytes, at, sealed_with, sealed) VALUES";
    let after = "ON CONFLICT (tenant, workload, part) DO UPDATE SET bytes = excluded.bytes, at = excluded.at, \
                 sealed_with = excluded.sealed_with, sealed = excluded.sealed";
    work.execute_all(Statement::bulk(work.dialect(), before, &written, after)).await?;
    let before = "DELETE FROM kept WHERE (tenant, workload, part) IN (VALUES";
    work.execute_all(Statement::bulk(work.dialect(), before, &emptied, ")")).await?;
    Ok(())
}

pub(crate) fn parts<'a>(scope: &'a Scope, part: &'a str) -> Statement<'a> {
    let (filter, mut values) = in_scope(scope);
    values.push(Value::Text(part));
    let number = values.len();
    let joined = if filter.is_empty() { "WHERE" } else { "AND" };
    let sql = format!(
        "SELECT sealed_with, tenant, workload, part, at, bytes, sealed FROM kept {filter} {joined} \
         substr(part, 1, length(${number})) = ${number} ORDER BY tenant, workload, part"
    );
    Statement::new(sql, values)
}

fn kept_bound(key: &WorkloadKey, part: &str, at: Timestamp) -> Bound {
    let bound = Bound::to("kept").text(key.tenant.as_str()).text(key.workload.as_str());
    bound.text(part).number(at.as_millis())
}

pub(crate) fn kept(rows: Vec<Row>, opener: &Opener) -> Result<Vec<Kept>, Failure> {
    let one = |mut row: Row| {
        let with = row.maybe_int()?;
        let key = WorkloadKey { tenant: row.parsed()?, workload: row.parsed()? };
        let (part, at) = (row.text()?, Timestamp::from_millis(row.int()?));
        let bytes = opener.open(with, &mut row, &kept_bound(&key, &part, at))?.unwrap_or_default();
        Ok(Kept { key, part, bytes, at })
    };
    rows.into_iter().map(one).collect()
}

pub(crate) async fn lease(
    work: &mut Work,
    name: &str,
    holder: &str,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<u64>, Failure> {
    let statement = Statement::new(
        "INSERT INTO leases (name, holder, epoch, until_at) VALUES ($1, $2, 1, $3) \
         ON CONFLICT (name) DO UPDATE SET \
         epoch = leases.epoch + CASE WHEN leases.holder = excluded.holder THEN 0 ELSE 1 END, \
         holder = excluded.holder, until_at = excluded.until_at \
         WHERE leases.holder IS NULL OR leases.holder = excluded.holder OR leases.until_at <= $4 \
         RETURNING epoch",
        vec![Value::Text(name), Value::Text(holder), Value::Int(until.as_millis()), Value::Int(now.as_millis())],
    );
    // No row comes back when another one holds it.
    work.fetch(statement).await?.into_iter().next().map(|mut row| row.count()).transpose()
}

pub(crate) async fn release(work: &mut Work, name: &str, holder: &str) -> Result<(), Failure> {
    let sql = "UPDATE leases SET holder = NULL WHERE name = $1 AND holder = $2";
    work.execute(Statement::new(sql, vec![Value::Text(name), Value::Text(holder)])).await?;
    Ok(())
}

fn in_scope(scope: &Scope) -> (&'static str, Vec<Value<'_>>) {
    match scope.only() {
        None => ("", Vec::new()),
        Some(tenant) => ("WHERE tenant = $1", vec![Value::Text(tenant.as_str())]),
    }
}
