//! Histories to follow: changes of documents and interventions, and decisions.

use tenantry_domain::id::WorkloadKey;
use tenantry_domain::plan::Generation;
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Replicas;
use tenantry_engine::ports::events::{Changed, Decided, Noted, Position, Revised};
use tenantry_engine::scope::Scope;

use crate::control::bound;
use crate::decisions::parse;
use crate::documents::{KIND_TENANT, key, parse_owner};
use crate::failure::Failure;
use crate::sealed::Opener;
use crate::statement::{Row, Statement, Value, signed};

pub(crate) fn position() -> Statement<'static> {
    Statement::new("SELECT name, value FROM counters WHERE name IN ('config', 'decision')", Vec::new())
}

pub(crate) fn counted(rows: Vec<Row>) -> Result<Position, Failure> {
    let mut position = Position::default();
    for mut row in rows {
        let name = row.text()?;
        let place = if name == "config" { &mut position.change } else { &mut position.decision };
        *place = row.count()?;
    }
    Ok(position)
}

pub(crate) fn revisions(scope: &Scope, after: u64, count: u32) -> Result<Statement<'_>, Failure> {
    let mut values = vec![Value::Int(signed(after)?), Value::Int(count.into())];
    let only = match scope.only() {
        None => String::new(),
        Some(tenant) => {
            values.push(Value::Text(tenant.as_str()));
            format!("AND kind = {KIND_TENANT} AND name = $3")
        }
    };
    let sql = format!(
        "SELECT change, kind, name, number, owner, author, at, reason, CAST(CASE WHEN body IS NULL AND sealed IS NULL THEN 1 ELSE 0 END AS BIGINT) \
         FROM revisions WHERE change > 0 AND change > $1 {only} ORDER BY change LIMIT $2"
    );
    Ok(Statement::new(sql, values))
}

pub(crate) fn revised(rows: Vec<Row>) -> Result<Vec<Noted>, Failure> {
    let one = |mut row: Row| {
        let change = row.count()?;
        let key = key(&mut row)?;
        let revised = Revised {
            key,
            number: row.count()?,
            owner: parse_owner(&row.text()?)?,
            author: row.text()?,
            at: Timestamp::from_millis(row.int()?),
            reason: row.text()?,
            removed: row.int()? != 0,
        };
        Ok(Noted { change, what: Changed::Document(revised) })
    };
    rows.into_iter().map(one).collect()
}

pub(crate) fn interventions(scope: &Scope, after: u64, count: u32) -> Result<Statement<'_>, Failure> {
    let (only, values) = scoped(scope, after, count)?;
    let sql = format!(
        "SELECT sealed_with, change, tenant, workload, body, sealed FROM asked WHERE change > $1 {only} ORDER BY change LIMIT $2"
    );
    Ok(Statement::new(sql, values))
}

pub(crate) fn asked(rows: Vec<Row>, opener: &Opener) -> Result<Vec<Noted>, Failure> {
    let one = |mut row: Row| {
        let (with, change) = (row.maybe_int()?, row.count()?);
        let key = WorkloadKey { tenant: row.parsed()?, workload: row.parsed()? };
        let body = opener.text(with, &mut row, &bound("asked", &key, signed(change)?))?.unwrap_or_default();
        let asked = serde_json::from_str(&body)
            .map_err(|error| Failure::Unreadable(format!("intervention on `{key}`: {error}")))?;
        Ok(Noted { change, what: Changed::Intervention { key, asked } })
    };
    rows.into_iter().map(one).collect()
}

/// Two histories as one, in order, up to a change.
pub(crate) fn merged(mut one: Vec<Noted>, other: Vec<Noted>, until: u64, count: u32) -> Vec<Noted> {
    one.extend(other);
    one.retain(|noted| noted.change <= until);
    one.sort_by_key(|noted| noted.change);
    one.truncate(usize::try_from(count).unwrap_or(usize::MAX));
    one
}

pub(crate) fn decisions(scope: &Scope, after: u64, count: u32) -> Result<Statement<'_>, Failure> {
    let (only, values) = scoped(scope, after, count)?;
    let sql = format!(
        "SELECT id, tenant, workload, at, epoch, cycle, from_replicas, to_replicas, changes, outcome FROM decisions \
         WHERE id > $1 {only} ORDER BY id LIMIT $2"
    );
    Ok(Statement::new(sql, values))
}

pub(crate) fn decided(rows: Vec<Row>) -> Result<Vec<Decided>, Failure> {
    let one = |mut row: Row| {
        Ok(Decided {
            id: row.count()?,
            key: WorkloadKey { tenant: row.parsed()?, workload: row.parsed()? },
            at: Timestamp::from_millis(row.int()?),
            generation: Generation { epoch: row.count()?, cycle: row.count()? },
            from: row.maybe_int()?.map(Replicas::saturating),
            to: row.maybe_int()?.map(Replicas::saturating),
            changes: row.int()? != 0,
            outcome: parse(&row.text()?)?,
        })
    };
    rows.into_iter().map(one).collect()
}

fn scoped(scope: &Scope, after: u64, count: u32) -> Result<(&'static str, Vec<Value<'_>>), Failure> {
    let mut values = vec![Value::Int(signed(after)?), Value::Int(count.into())];
    let only = scope.only().map(|tenant| {
        values.push(Value::Text(tenant.as_str()));
        "AND tenant = $3"
    });
    Ok((only.unwrap_or_default(), values))
}
