//! API tokens.

use tenantry_domain::id::TenantId;
use tenantry_domain::time::Timestamp;
use tenantry_engine::ports::store::audit::Deed;
use tenantry_engine::ports::store::{Authorship, KeyId, SecretHash, TokenRecord};
use tenantry_engine::scope::Scope;

use crate::audit;
use crate::backend::Work;
use crate::failure::Failure;
use crate::statement::{Row, Statement, Value};

pub(crate) const COLUMNS: &str =
    "tenant, id, name, bindings, hash, created_by, created_at, expires_at, last_used_at, revoked_at, glass";

/// Whose a row is; the platform's own have an empty name, which no tenant has.
fn owner(tenant: Option<&TenantId>) -> &str {
    tenant.map_or("", TenantId::as_str)
}

pub(crate) async fn create(work: &mut Work, token: &TokenRecord) -> Result<(), Failure> {
    count(work).await?;
    insert(work, token).await
}

/// Counts that a token was made or ended: whoever remembers tokens looks at this first.
async fn count(work: &mut Work) -> Result<(), Failure> {
    work.execute(Statement::new("UPDATE counters SET value = value + 1 WHERE name = 'token'", Vec::new())).await?;
    Ok(())
}

/// Of two that try at once the second waits for the first one's count, and then finds that it is not the first.
pub(crate) async fn create_first(work: &mut Work, token: &TokenRecord) -> Result<bool, Failure> {
    let sql = "UPDATE counters SET value = 1 WHERE name = 'token' AND value = 0";
    if work.execute(Statement::new(sql, Vec::new())).await? == 0 {
        return Ok(false);
    }
    insert(work, token).await?;
    Ok(true)
}

async fn insert(work: &mut Work, token: &TokenRecord) -> Result<(), Failure> {
    let bindings = serde_json::to_string(&token.bindings).map_err(|error| Failure::Refused(error.to_string()))?;
    let maybe = |at: Option<Timestamp>| Value::MaybeInt(at.map(Timestamp::as_millis));
    let sql = format!(
        "INSERT INTO tokens ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING"
    );
    let values = vec![
        Value::Text(owner(token.tenant.as_ref())),
        Value::Text(token.id.as_str()),
        Value::Text(&token.name),
        Value::Text(&bindings),
        Value::Bytes(&token.hash.0),
        Value::Text(&token.created_by),
        Value::Int(token.created_at.as_millis()),
        maybe(token.expires_at),
        maybe(token.last_used_at),
        maybe(token.revoked_at),
        Value::MaybeText(token.glass.as_deref()),
    ];
    if work.execute(Statement::new(sql, values)).await? == 0 {
        return Err(Failure::Refused(format!("there is a token `{}` already; draw another", token.id)));
    }
    let reason = token.glass.as_ref().unwrap_or(&token.name).clone();
    let by = Authorship { author: token.created_by.clone(), at: token.created_at, reason };
    let action = if token.glass.is_some() { "break-glass.begin" } else { "token.create" };
    let after = Some(tenantry_audit::digest(bindings.as_bytes()));
    audit::append(work, &deeds(token, action, after, &by)).await
}

/// What the audit logs are told of a token: its owner's, and of broken glass the platform's as well.
fn deeds(token: &TokenRecord, action: &'static str, after: Option<String>, by: &Authorship) -> Vec<Deed> {
    let own = Deed { action, after, ..Deed::done(token.tenant.clone(), by, format!("token/{}", token.id)) };
    let also = token.tenant.as_ref().filter(|_| token.glass.is_some());
    let shared =
        also.map(|tenant| Deed { log: None, resource: format!("tenant/{tenant}/{}", own.resource), ..own.clone() });
    shared.into_iter().chain([own]).collect()
}

pub(crate) fn by_id(id: &KeyId) -> Statement<'_> {
    Statement::new(
        format!("SELECT {COLUMNS} FROM tokens WHERE id = $1 ORDER BY tenant"),
        vec![Value::Text(id.as_str())],
    )
}

pub(crate) fn listed<'a>(scope: &'a Scope, after: Option<&'a TokenRecord>, count: u32) -> Statement<'a> {
    let mut values = Vec::new();
    let mut conditions = Vec::new();
    if let Some(tenant) = scope.only() {
        values.push(Value::Text(tenant.as_str()));
        conditions.push("tenant = $1".to_owned());
    }
    if let Some(after) = after {
        let first = values.len() + 1;
        values.push(Value::Int(after.created_at.as_millis()));
        values.push(Value::Text(after.id.as_str()));
        values.push(Value::Text(owner(after.tenant.as_ref())));
        conditions.push(format!("(created_at, id, tenant) < (${first}, ${}, ${})", first + 1, first + 2));
    }
    let filter = if conditions.is_empty() { String::new() } else { format!("WHERE {}", conditions.join(" AND ")) };
    let order = "ORDER BY created_at DESC, id DESC, tenant DESC";
    Statement::new(format!("SELECT {COLUMNS} FROM tokens {filter} {order} LIMIT {count}"), values)
}

pub(crate) fn records(rows: Vec<Row>) -> Result<Vec<TokenRecord>, Failure> {
    rows.into_iter().map(record).collect()
}

fn record(mut row: Row) -> Result<TokenRecord, Failure> {
    let unreadable = |what: &str, error: String| Failure::Unreadable(format!("{what} of a token: {error}"));
    let tenant = match row.text()? {
        platform if platform.is_empty() => None,
        tenant => Some(TenantId::new(tenant).map_err(|error| unreadable("the owner", error.to_string()))?),
    };
    let maybe = |at: Option<i64>| at.map(Timestamp::from_millis);
    Ok(TokenRecord {
        tenant,
        id: row.parsed()?,
        name: row.text()?,
        bindings: serde_json::from_str(&row.text()?).map_err(|error| unreadable("the roles", error.to_string()))?,
        hash: SecretHash(
            row.bytes()?
                .try_into()
                .map_err(|bytes: Vec<u8>| unreadable("the hash", format!("it has {} bytes", bytes.len())))?,
        ),
        created_by: row.text()?,
        created_at: Timestamp::from_millis(row.int()?),
        expires_at: maybe(row.maybe_int()?),
        last_used_at: maybe(row.maybe_int()?),
        revoked_at: maybe(row.maybe_int()?),
        glass: row.maybe_text()?,
    })
}

pub(crate) async fn revoke(
    work: &mut Work,
    scope: &Scope,
    id: &KeyId,
    by: &Authorship,
) -> Result<Option<TokenRecord>, Failure> {
    let filter = if scope.only().is_some() { "AND tenant = $2" } else { "" };
    let mut place = vec![Value::Text(id.as_str())];
    place.extend(scope.only().map(|tenant| Value::Text(tenant.as_str())));
    let mut values = place.clone();
    values.push(Value::Int(by.at.as_millis()));
    let number = values.len();
    let sql = format!("UPDATE tokens SET revoked_at = ${number} WHERE id = $1 {filter} AND revoked_at IS NULL");
    let ended = work.execute(Statement::new(sql, values)).await? > 0;
    let rows =
        work.fetch(Statement::new(format!("SELECT {COLUMNS} FROM tokens WHERE id = $1 {filter}"), place)).await?;
    let found = records(rows)?.into_iter().next();
    if let Some(token) = found.as_ref().filter(|_| ended) {
        count(work).await?;
        let action = if token.glass.is_some() { "break-glass.end" } else { "token.revoke" };
        audit::append(work, &deeds(token, action, None, by)).await?;
    }
    Ok(found)
}

/// Tokens that are live and were made so by broken glass, newest first.
pub(crate) fn of_glass(scope: &Scope, now: Timestamp) -> Statement<'_> {
    let mut values = vec![Value::Int(now.as_millis())];
    values.extend(scope.only().map(|tenant| Value::Text(tenant.as_str())));
    let filter = if scope.only().is_some() { "AND tenant = $2" } else { "" };
    let sql = format!(
        "SELECT {COLUMNS} FROM tokens WHERE glass IS NOT NULL AND revoked_at IS NULL AND expires_at > $1 {filter} \
         ORDER BY created_at DESC, id DESC"
    );
    Statement::new(sql, values)
}

/// Tokens that were made by one of some makers, ended ones included.
pub(crate) fn made_by(makers: &[String]) -> Statement<'_> {
    let listed: Vec<String> = (1..=makers.len()).map(|number| format!("${number}")).collect();
    let sql = format!("SELECT {COLUMNS} FROM tokens WHERE created_by IN ({}) ORDER BY tenant, id", listed.join(", "));
    Statement::new(sql, makers.iter().map(|maker| Value::Text(maker)).collect())
}

/// Ends all tokens of a tenant; what the audit log is told of it.
pub(crate) async fn end_all(work: &mut Work, tenant: &TenantId, by: &Authorship) -> Result<Vec<Deed>, Failure> {
    let sql = "UPDATE tokens SET revoked_at = $2 WHERE tenant = $1 AND revoked_at IS NULL RETURNING id";
    let values = vec![Value::Text(tenant.as_str()), Value::Int(by.at.as_millis())];
    let ended = work.fetch(Statement::new(sql, values)).await?;
    if !ended.is_empty() {
        count(work).await?;
    }
    let deed = |mut row: Row| {
        let resource = format!("token/{}", row.text()?);
        Ok(Deed { action: "token.revoke", ..Deed::done(Some(tenant.clone()), by, resource) })
    };
    ended.into_iter().map(deed).collect()
}

pub(crate) fn touch<'a>(tenant: Option<&'a TenantId>, id: &'a KeyId, at: Timestamp) -> Statement<'a> {
    let sql = "UPDATE tokens SET last_used_at = $1 \
               WHERE tenant = $2 AND id = $3 AND (last_used_at IS NULL OR last_used_at < $1)";
    Statement::new(sql, vec![Value::Int(at.as_millis()), Value::Text(owner(tenant)), Value::Text(id.as_str())])
}
