//! Records of decisions, and how long they stay.

use std::collections::BTreeMap;

use tenantry_domain::id::WorkloadKey;
use tenantry_domain::plan::{Generation, Outcome};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Replicas;
use tenantry_engine::ports::store::audit::Deed;
use tenantry_engine::ports::store::{Authorship, DecisionFilter, DecisionRecord, Retention};
use tenantry_engine::scope::Scope;
use tenantry_keys::{Bound, Purpose};

use crate::audit;
use crate::backend::Work;
use crate::failure::Failure;
use crate::sealed::{Opener, text};
use crate::sealing::sealers;
use crate::statement::{Row, Statement, Value, signed};
use crate::store::only;

/// Rows that one piece of pruning takes away.
pub(crate) const PRUNED_ROWS_MAX: u64 = 2_000;

pub(crate) async fn record(work: &mut Work, decisions: &[DecisionRecord]) -> Result<Vec<u64>, Failure> {
    let count = u64::try_from(decisions.len()).unwrap_or(u64::MAX);
    // Ids come from a counter, not from the database's sequence: they rise in the order of commits, so that a page
    // once read never gains a record.
    let last = Statement::new(
        "UPDATE counters SET value = value + $1 WHERE name = 'decision' RETURNING value",
        vec![Value::Int(signed(count)?)],
    );
    let last = only(work.fetch(last).await?)?.count()?;
    let first = last.saturating_sub(count).saturating_add(1);
    let ids: Vec<u64> = (first..=last).collect();
    let outcomes = decisions.iter().map(|decision| show(&decision.outcome)).collect::<Result<Vec<_>, _>>()?;
    let now = decisions.iter().map(|decision| decision.at).max().unwrap_or(Timestamp::from_millis(0));
    let owners = decisions.iter().map(|decision| decision.key.tenant.as_str());
    let sealers = sealers(work, Purpose::Decisions, owners, now).await?;
    let mut covers = Vec::with_capacity(decisions.len());
    for (DecisionRecord { key, inputs, planned, .. }, id) in decisions.iter().zip(&ids) {
        let packed = pack(inputs.as_bytes(), planned.as_bytes());
        covers.push(sealers.of(key.tenant.as_str()).seal(&packed, &bound(key, signed(*id)?))?);
    }
    let mut rows = Vec::with_capacity(decisions.len());
    for (((decision, outcome), id), covered) in decisions.iter().zip(&outcomes).zip(&ids).zip(&covers) {
        rows.push([
            Value::Int(signed(*id)?),
            Value::Text(decision.key.tenant.as_str()),
            Value::Text(decision.key.workload.as_str()),
            Value::Int(decision.at.as_millis()),
            Value::Int(signed(decision.generation.epoch)?),
            Value::Int(signed(decision.generation.cycle)?),
            Value::MaybeInt(decision.from.map(Replicas::as_i64)),
            Value::MaybeInt(decision.to.map(Replicas::as_i64)),
            Value::Int(decision.changes().into()),
            Value::Text(&decision.inputs_digest),
            Value::Text(outcome),
            covered.text(&decision.inputs),
            covered.text(&decision.planned),
            covered.with(),
            covered.sealed(),
        ]);
    }
    let before = "INSERT INTO decisions (id, tenant, workload, at, epoch, cycle, from_replicas, to_replicas, changes, \
                  inputs_digest, outcome, inputs, planned, sealed_with, sealed) VALUES";
    work.execute_all(Statement::bulk(work.dialect(), before, &rows, "")).await?;
    let told = decisions.iter().zip(&ids).filter(|(decision, _)| decision.changes());
    let deeds: Vec<Deed> = told.map(|(decision, id)| deed(decision, *id)).collect();
    if !deeds.is_empty() {
        audit::append(work, &deeds).await?;
    }
    Ok(ids)
}

/// What the audit log is told of a decision: what it was made from, and what it was.
fn deed(decision: &DecisionRecord, id: u64) -> Deed {
    let size = |replicas: Option<Replicas>| replicas.map_or_else(|| "unknown".to_owned(), |size| size.to_string());
    let by = Authorship {
        author: format!("controller/{}", decision.generation.epoch),
        at: decision.at,
        reason: format!("{} to {} replicas", size(decision.from), size(decision.to)),
    };
    let resource = format!("workload/{}/decision/{id}", decision.key);
    Deed {
        action: "workload.decide",
        before: Some(decision.inputs_digest.clone()),
        after: Some(tenantry_audit::digest(decision.planned.as_bytes())),
        ..Deed::done(Some(decision.key.tenant.clone()), &by, resource)
    }
}

pub(crate) async fn settle(work: &mut Work, outcomes: &[(u64, Outcome)]) -> Result<(), Failure> {
    let mut settled = BTreeMap::new();
    for (id, outcome) in outcomes {
        settled.insert(signed(*id)?, show(outcome)?);
    }
    let rows: Vec<_> = settled.iter().map(|(id, outcome)| [Value::Int(*id), Value::Text(outcome)]).collect();
    let statements = Statement::bulk(
        work.dialect(),
        "WITH settled (id, outcome) AS (VALUES",
        &rows,
        ") UPDATE decisions SET outcome = settled.outcome FROM settled WHERE decisions.id = settled.id AND changes = 1",
    );
    work.execute_all(statements).await?;
    Ok(())
}

/// None when the filter asks for what is out of scope.
pub(crate) fn matching<'a>(scope: &'a Scope, filter: &'a DecisionFilter, count: u32) -> Option<Statement<'a>> {
    let DecisionFilter { key, changes_only, before, since } = filter;
    let mut conditions = Vec::new();
    let mut values = Vec::new();
    let mut given = |condition: &str, value: Value<'a>| {
        values.push(value);
        conditions.push(format!("{condition} ${}", values.len()));
    };
    match (scope.only(), key) {
        (Some(tenant), Some(key)) if key.tenant != *tenant => return None,
        (_, Some(WorkloadKey { tenant, workload })) => {
            given("tenant =", Value::Text(tenant.as_str()));
            given("workload =", Value::Text(workload.as_str()));
        }
        (Some(tenant), None) => given("tenant =", Value::Text(tenant.as_str())),
        (None, None) => {}
    }
    if *changes_only {
        given("changes =", Value::Int(1));
    }
    if let Some(before) = before.and_then(|before| i64::try_from(before).ok()) {
        given("id <", Value::Int(before));
    }
    if let Some(since) = since {
        given("at >=", Value::Int(since.as_millis()));
    }
    values.push(Value::Int(count.into()));
    let filter = if conditions.is_empty() { String::new() } else { format!("WHERE {}", conditions.join(" AND ")) };
    let sql = format!(
        "SELECT sealed_with, id, tenant, workload, at, epoch, cycle, from_replicas, to_replicas, inputs_digest, outcome, \
         inputs, planned, sealed FROM decisions {filter} ORDER BY id DESC LIMIT ${}",
        values.len()
    );
    Some(Statement::new(sql, values))
}

fn bound(key: &WorkloadKey, id: i64) -> Bound {
    Bound::to("decisions").number(id).text(key.tenant.as_str()).text(key.workload.as_str())
}

/// Inputs and plan in one: the length of the first, and both.
pub(crate) fn pack(inputs: &[u8], planned: &[u8]) -> Vec<u8> {
    let length = u64::try_from(inputs.len()).unwrap_or(u64::MAX);
    [&length.to_be_bytes(), inputs, planned].concat()
}

fn unpack(packed: &[u8]) -> Result<(String, String), Failure> {
    let torn = || Failure::Unreadable("inputs and plan of a decision are not together".to_owned());
    let (length, rest) = packed.split_first_chunk().ok_or_else(torn)?;
    let length = usize::try_from(u64::from_be_bytes(*length)).map_err(|_| torn())?;
    let (inputs, planned) = rest.split_at_checked(length).ok_or_else(torn)?;
    Ok((text(inputs.to_vec())?, text(planned.to_vec())?))
}

pub(crate) fn records(rows: Vec<Row>, opener: &Opener) -> Result<Vec<DecisionRecord>, Failure> {
    let record = |mut row: Row| {
        let (with, id) = (row.maybe_int()?, row.count()?);
        let key = WorkloadKey { tenant: row.parsed()?, workload: row.parsed()? };
        let bound = bound(&key, signed(id)?);
        let mut record = DecisionRecord {
            id,
            key,
            at: Timestamp::from_millis(row.int()?),
            generation: Generation { epoch: row.count()?, cycle: row.count()? },
            from: row.maybe_int()?.map(Replicas::saturating),
            to: row.maybe_int()?.map(Replicas::saturating),
            inputs_digest: row.text()?,
            outcome: parse(&row.text()?)?,
            inputs: row.text()?,
            planned: row.text()?,
        };
        let plain = with.is_none().then(|| record.inputs.clone().into_bytes());
        if let Some(opened) = opener.choose(with, plain, row.maybe_bytes()?, &bound)?.filter(|_| with.is_some()) {
            (record.inputs, record.planned) = unpack(&opened)?;
        }
        Ok(record)
    };
    rows.into_iter().map(record).collect()
}

/// Take away what is too old, at most [`PRUNED_ROWS_MAX`] rows each; to be repeated until they take fewer.
pub(crate) fn prunings_by_age(retention: &Retention) -> [Statement<'static>; 2] {
    let aged = |changes: i64, before: Timestamp| {
        Statement::new(
            "DELETE FROM decisions WHERE id IN \
             (SELECT id FROM decisions WHERE changes = $1 AND at < $2 ORDER BY at LIMIT $3)",
            vec![Value::Int(changes), Value::Int(before.as_millis()), Value::Int(PRUNED_ROWS)],
        )
    };
    [aged(0, retention.holds_before), aged(1, retention.changes_before)]
}

/// A workload with more records than it may keep.
#[derive(Debug)]
pub(crate) struct Surplus {
    key: WorkloadKey,
    /// How many of the newest stay.
    keeps: i64,
    /// How many were too many when it was counted.
    rows: u64,
}

/// Finds workloads with too many records.
pub(crate) fn counting(retention: &Retention) -> Statement<'static> {
    Statement::new(
        "SELECT tenant, workload, count(*) FROM decisions GROUP BY tenant, workload HAVING count(*) > $1",
        vec![Value::Int(keeps(retention))],
    )
}

pub(crate) fn surpluses(retention: &Retention, rows: Vec<Row>) -> Result<Vec<Surplus>, Failure> {
    let keeps = keeps(retention);
    let one = |mut row: Row| {
        let key = WorkloadKey { tenant: row.parsed()?, workload: row.parsed()? };
        Ok(Surplus { key, keeps, rows: u64::try_from(row.int()?.saturating_sub(keeps)).unwrap_or(0) })
    };
    rows.into_iter().map(one).collect()
}

/// Puts surpluses together into pieces of about [`PRUNED_ROWS_MAX`] rows, a large one for itself into several.
pub(crate) fn pieces(surpluses: &[Surplus]) -> Vec<Vec<Statement<'_>>> {
    let mut pieces = Vec::new();
    let mut piece = Vec::new();
    let mut filled = 0;
    for surplus in surpluses {
        let mut left = surplus.rows;
        while left > 0 {
            let rows = left.min(PRUNED_ROWS_MAX - filled);
            piece.push(pruning(surplus, rows));
            left -= rows;
            filled += rows;
            if filled == PRUNED_ROWS_MAX {
                pieces.push(std::mem::take(&mut piece));
                filled = 0;
            }
        }
    }
    if !piece.is_empty() {
        pieces.push(piece);
    }
    pieces
}

/// The oldest `rows` of a workload's surplus. What stays is counted anew: another program may prune as well.
fn pruning(surplus: &Surplus, rows: u64) -> Statement<'_> {
    let Surplus { key, keeps, rows: _ } = surplus;
    Statement::new(
        "DELETE FROM decisions WHERE id IN (SELECT id FROM decisions WHERE tenant = $1 AND workload = $2 AND id <= \
         (SELECT id FROM decisions WHERE tenant = $1 AND workload = $2 ORDER BY id DESC LIMIT 1 OFFSET $3) \
         ORDER BY id LIMIT $4)",
        vec![
            Value::Text(key.tenant.as_str()),
            Value::Text(key.workload.as_str()),
            Value::Int(*keeps),
            Value::Int(i64::try_from(rows).unwrap_or(PRUNED_ROWS)),
        ],
    )
}

/// More than can be counted is more than can be there.
fn keeps(retention: &Retention) -> i64 {
    i64::try_from(retention.records_per_workload).unwrap_or(i64::MAX)
}

/// [`PRUNED_ROWS_MAX`] as the databases count.
const PRUNED_ROWS: i64 = PRUNED_ROWS_MAX.cast_signed();

fn show(outcome: &Outcome) -> Result<String, Failure> {
    serde_json::to_string(outcome).map_err(|error| Failure::Refused(error.to_string()))
}

pub(crate) fn parse(outcome: &str) -> Result<Outcome, Failure> {
    serde_json::from_str(outcome).map_err(|error| Failure::Unreadable(format!("outcome `{outcome}`: {error}")))
}
