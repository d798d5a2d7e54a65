//! Interventions, kept state and leases.

use std::collections::BTreeMap;

use tenantry_domain::id::WorkloadKey;
use tenantry_domain::time::Timestamp;
use tenantry_engine::ports::store::audit::Deed;
use tenantry_engine::ports::store::{Authorship, Intervention, Kept};
use tenantry_engine::scope::Scope;

use crate::audit;
use crate::backend::Work;
use crate::documents::count_changes;
use crate::failure::Failure;
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
    let noted = vec![Value::Int(signed(change)?), tenant, workload, Value::Text(&body)];
    let sql = "INSERT INTO asked (change, tenant, workload, body) VALUES ($1, $2, $3, $4)";
    work.execute(Statement::new(sql, noted)).await?;
    audit::append(work, &[deed(key, intervention, &body, by)]).await?;
    let place = [Value::Text(key.tenant.as_str()), Value::Text(key.workload.as_str())];
    if *intervention == Intervention::default() {
        let sql = "DELETE FROM interventions WHERE tenant = $1 AND workload = $2";
        work.execute(Statement::new(sql, place.to_vec())).await?;
        return Ok(());
    }
    let sql = "INSERT INTO interventions (tenant, workload, body) VALUES ($1, $2, $3) \
               ON CONFLICT (tenant, workload) DO UPDATE SET body = excluded.body";
    let mut values = place.to_vec();
    values.push(Value::Text(&body));
    work.execute(Statement::new(sql, values)).await?;
    Ok(())
}

/// What the audit log is told of what a person asked.
fn deed(key: &WorkloadKey, asked: &Intervention, body: &str, by: &Authorship) -> Deed {
    Deed {
        action: if *asked == Intervention::default() { "workload.clear" } else { "workload.ask" },
        after: Some(tenantry_audit::digest(body.as_bytes())),
        ..Deed::done(Some(key.tenant.clone()), by, format!("workload/{key}"))
    }
}

pub(crate) fn all_interventions(scope: &Scope) -> Statement<'_> {
    let (filter, values) = in_scope(scope);
    let sql = format!("SELECT tenant, workload, body FROM interventions {filter} ORDER BY tenant, workload");
    Statement::new(sql, values)
}

pub(crate) fn interventions(rows: Vec<Row>) -> Result<Vec<(WorkloadKey, Intervention)>, Failure> {
    let one = |mut row: Row| {
        let key = WorkloadKey { tenant: row.parsed()?, workload: row.parsed()? };
        let body = row.text()?;
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
    let mut written = Vec::new();
    let mut emptied = Vec::new();
    for ((key, part), item) in last {
        let (tenant, workload) = (Value::Text(key.tenant.as_str()), Value::Text(key.workload.as_str()));
        if item.bytes.is_empty() {
            emptied.push([tenant, workload, Value::Text(part)]);
        } else {
            let (bytes, at) = (Value::Bytes(&item.bytes), Value::Int(item.at.as_millis()));
            written.push([tenant, workload, Value::Text(part), bytes, at]);
        }
    }
    let before = "INSERT INTO kept (tenant, workload, part, bytes, at) VALUES";
    let after = "ON CONFLICT (tenant, workload, part) DO UPDATE SET bytes = excluded.bytes, at = excluded.at";
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
        "SELECT tenant, workload, part, bytes, at FROM kept {filter} {joined} \
         substr(part, 1, length(${number})) = ${number} ORDER BY tenant, workload, part"
    );
    Statement::new(sql, values)
}

pub(crate) fn kept(rows: Vec<Row>) -> Result<Vec<Kept>, Failure> {
    let one = |mut row: Row| {
        Ok(Kept {
            key: WorkloadKey { tenant: row.parsed()?, workload: row.parsed()? },
            part: row.text()?,
            bytes: row.bytes()?,
            at: Timestamp::from_millis(row.int()?),
        })
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
