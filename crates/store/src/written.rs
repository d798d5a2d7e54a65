//! Policies and roles that were written over the built-in ones.

use tenantry_domain::id::TenantId;
use tenantry_domain::time::Timestamp;
use tenantry_engine::ports::store::audit::Deed;
use tenantry_engine::ports::store::{
    Authorship, TokenRecord, Versions, WrittenChange, WrittenKey, WrittenKind, WrittenRevision, Wrote,
};
use tenantry_engine::scope::Scope;

use crate::audit;
use crate::backend::Work;
use crate::failure::Failure;
use crate::statement::{Row, Statement, Value, signed};
use crate::tokens;

const COLUMNS: &str = "tenant, kind, number, author, at, reason, body";
/// Of each of them, the last.
const LAST: &str = "number = (SELECT max(number) FROM written AS l WHERE l.tenant = w.tenant AND l.kind = w.kind)";

fn owner(tenant: Option<&TenantId>) -> &str {
    tenant.map_or("", TenantId::as_str)
}

const fn code(kind: WrittenKind) -> i64 {
    match kind {
        WrittenKind::Policies => 0,
        WrittenKind::Roles => 1,
    }
}

/// First in each transaction that writes, so that those wait for one another.
async fn count(work: &mut Work) -> Result<(), Failure> {
    work.execute(Statement::new("UPDATE counters SET value = value + 1 WHERE name = 'written'", Vec::new())).await?;
    Ok(())
}

pub(crate) async fn write(work: &mut Work, change: &WrittenChange, by: &Authorship) -> Result<Wrote, Failure> {
    count(work).await?;
    let key = &change.key;
    let head = revisions(work.fetch(of_one(key, None, 1)).await?)?.into_iter().next();
    let found = head.as_ref().map_or(0, |head| head.number);
    if found != change.based_on {
        return Ok(Wrote::Stale(found));
    }
    let revision = add(work, key, found.saturating_add(1), change.body.as_deref(), by).await?;
    let deed = deed(&revision, head.as_ref(), by);
    audit::append(work, &[deed]).await?;
    Ok(Wrote::Made(revision))
}

async fn add(
    work: &mut Work,
    key: &WrittenKey,
    number: u64,
    body: Option<&str>,
    by: &Authorship,
) -> Result<WrittenRevision, Failure> {
    let values = vec![
        Value::Text(owner(key.tenant.as_ref())),
        Value::Int(code(key.kind)),
        Value::Int(signed(number)?),
        Value::Text(&by.author),
        Value::Int(by.at.as_millis()),
        Value::Text(&by.reason),
        Value::MaybeText(body),
    ];
    let sql = format!("INSERT INTO written ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7)");
    work.execute(Statement::new(sql, values)).await?;
    Ok(WrittenRevision {
        key: key.clone(),
        number,
        author: by.author.clone(),
        at: by.at,
        reason: by.reason.clone(),
        body: body.map(str::to_owned),
    })
}

/// What the audit log is told of a revision.
fn deed(revision: &WrittenRevision, before: Option<&WrittenRevision>, by: &Authorship) -> Deed {
    let digest = |body: Option<&String>| body.map(|body| tenantry_audit::digest(body.as_bytes()));
    let action = match (revision.key.kind, &revision.body) {
        (WrittenKind::Policies, Some(_)) => "policies.write",
        (WrittenKind::Policies, None) => "policies.remove",
        (WrittenKind::Roles, Some(_)) => "roles.write",
        (WrittenKind::Roles, None) => "roles.remove",
    };
    Deed {
        action,
        before: digest(before.and_then(|before| before.body.as_ref())),
        after: digest(revision.body.as_ref()),
        ..Deed::done(revision.key.tenant.clone(), by, format!("{}@{}", revision.key.kind, revision.number))
    }
}

/// Removes what a tenant wrote, when the tenant is removed: who is declared under the same name later is somebody else.
pub(crate) async fn end_all(work: &mut Work, tenant: &TenantId, by: &Authorship) -> Result<Vec<Deed>, Failure> {
    let scope = Scope::tenant(tenant.clone());
    let standing = revisions(work.fetch(all(&scope)).await?)?;
    if standing.is_empty() {
        return Ok(Vec::new());
    }
    count(work).await?;
    let mut deeds = Vec::new();
    for before in standing {
        let removal = add(work, &before.key, before.number.saturating_add(1), None, by).await?;
        deeds.push(deed(&removal, Some(&before), by));
    }
    Ok(deeds)
}

pub(crate) fn of_one(key: &WrittenKey, before: Option<u64>, count: u32) -> Statement<'_> {
    let before = before.and_then(|before| i64::try_from(before).ok()).unwrap_or(i64::MAX);
    let sql = format!(
        "SELECT {COLUMNS} FROM written WHERE tenant = $1 AND kind = $2 AND number < $3 ORDER BY number DESC LIMIT $4"
    );
    let (tenant, kind) = (Value::Text(owner(key.tenant.as_ref())), Value::Int(code(key.kind)));
    Statement::new(sql, vec![tenant, kind, Value::Int(before), Value::Int(count.into())])
}

pub(crate) fn all(scope: &Scope) -> Statement<'_> {
    let every = format!("SELECT {COLUMNS} FROM written AS w WHERE {LAST} AND body IS NOT NULL");
    let order = "ORDER BY tenant, kind";
    match scope.only() {
        None => Statement::new(format!("{every} {order}"), Vec::new()),
        Some(tenant) => Statement::new(format!("{every} AND tenant = $1 {order}"), vec![Value::Text(tenant.as_str())]),
    }
}

pub(crate) fn about(tenant: Option<&TenantId>) -> Statement<'_> {
    let sql = format!("SELECT {COLUMNS} FROM written AS w WHERE tenant IN ('', $1) AND {LAST} ORDER BY tenant, kind");
    Statement::new(sql, vec![Value::Text(owner(tenant))])
}

pub(crate) fn numbers(tenant: Option<&TenantId>) -> Statement<'_> {
    let sql = "SELECT tenant, kind, max(number) FROM written WHERE tenant IN ('', $1) GROUP BY tenant, kind";
    Statement::new(sql, vec![Value::Text(owner(tenant))])
}

pub(crate) fn read_numbers(rows: Vec<Row>) -> Result<Vec<(WrittenKey, u64)>, Failure> {
    rows.into_iter().map(|mut row| Ok((key(&mut row)?, row.count()?))).collect()
}

fn key(row: &mut Row) -> Result<WrittenKey, Failure> {
    let tenant = match row.text()? {
        platform if platform.is_empty() => None,
        tenant => Some(TenantId::new(tenant).map_err(|error| Failure::Unreadable(error.to_string()))?),
    };
    let kind = match row.int()? {
        0 => WrittenKind::Policies,
        1 => WrittenKind::Roles,
        other => return Err(Failure::Unreadable(format!("{other} is neither policies nor roles"))),
    };
    Ok(WrittenKey { tenant, kind })
}

pub(crate) fn revisions(rows: Vec<Row>) -> Result<Vec<WrittenRevision>, Failure> {
    let revision = |mut row: Row| {
        Ok(WrittenRevision {
            key: key(&mut row)?,
            number: row.count()?,
            author: row.text()?,
            at: Timestamp::from_millis(row.int()?),
            reason: row.text()?,
            body: row.maybe_text()?,
        })
    };
    rows.into_iter().map(revision).collect()
}

/// Tokens whose roles, as text, name one of some; read closely afterwards.
pub(crate) fn holders<'a>(wanted: &'a [String], now: Timestamp) -> Statement<'a> {
    let mut values = vec![Value::Int(now.as_millis())];
    let mut conditions = Vec::with_capacity(wanted.len());
    for text in wanted {
        values.push(Value::Text(text));
        conditions.push(format!("bindings LIKE ${}", values.len()));
    }
    let named = if conditions.is_empty() { "1 = 0".to_owned() } else { conditions.join(" OR ") };
    Statement::new(
        format!(
            "SELECT {} FROM tokens WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $1) AND ({named}) \
             ORDER BY tenant, id",
            tokens::COLUMNS
        ),
        values,
    )
}

/// How a role's name stands in a token's roles; `_` stands for itself and for any other character, which reading closely
/// sorts out.
pub(crate) fn wanted(roles: &[&str]) -> Vec<String> {
    roles.iter().map(|role| format!("%\"role\":\"{role}\"%")).collect()
}

pub(crate) fn holding(records: Vec<TokenRecord>, tenant: Option<&TenantId>, roles: &[&str]) -> Vec<TokenRecord> {
    let holds = |record: &TokenRecord| {
        record.bindings.iter().any(|binding| {
            roles.contains(&binding.role().as_str()) && tenant.is_none_or(|tenant| binding.tenant() == Some(tenant))
        })
    };
    records.into_iter().filter(holds).collect()
}

pub(crate) fn versions() -> Statement<'static> {
    let sql = "SELECT value FROM counters WHERE name IN ('config', 'token', 'written') ORDER BY name";
    Statement::new(sql, Vec::new())
}

pub(crate) fn read_versions(rows: Vec<Row>) -> Result<Versions, Failure> {
    let counted = rows.into_iter().map(|mut row| row.count()).collect::<Result<Vec<_>, _>>()?;
    match counted.as_slice() {
        [config, tokens, written] => Ok(Versions { config: *config, written: *written, tokens: *tokens }),
        _ => Err(Failure::Unreadable("a counter is missing".to_owned())),
    }
}
