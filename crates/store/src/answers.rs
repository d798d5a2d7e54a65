//! Answers to requests that came with a key.

use tenantry_domain::id::TenantId;
use tenantry_domain::time::Timestamp;
use tenantry_engine::ports::answers::{Given, Keyed, Turn};
use tenantry_keys::{Bound, Purpose};

use crate::backend::Work;
use crate::failure::Failure;
use crate::sealed::{Covered, Opener};
use crate::sealing::{opener_within, sealer};
use crate::statement::{Row, Statement, Value};

fn place(asked: &Keyed) -> [Value<'_>; 3] {
    let tenant = asked.tenant.as_ref().map_or("", TenantId::as_str);
    [Value::Text(tenant), Value::Text(&asked.caller), Value::Text(&asked.key)]
}

pub(crate) async fn take(
    work: &mut Work,
    asked: &Keyed,
    forgotten: Timestamp,
    given_up: Timestamp,
) -> Result<Turn, Failure> {
    let mut values = place(asked).to_vec();
    values.extend([Value::Int(forgotten.as_millis()), Value::Int(given_up.as_millis())]);
    let sql = "DELETE FROM answers WHERE tenant = $1 AND caller = $2 AND key = $3 \
               AND (at < $4 OR (status IS NULL AND at < $5))";
    work.execute(Statement::new(sql, values)).await?;
    let mut values = place(asked).to_vec();
    values.extend([Value::Text(&asked.digest), Value::Int(asked.at.as_millis())]);
    let sql = "INSERT INTO answers (tenant, caller, key, digest, at) VALUES ($1, $2, $3, $4, $5) \
               ON CONFLICT (tenant, caller, key) DO NOTHING";
    if work.execute(Statement::new(sql, values)).await? == 1 {
        return Ok(Turn::Yours);
    }
    let sql = "SELECT sealed_with, digest, status, tag, body, sealed FROM answers WHERE tenant = $1 AND caller = $2 AND key = $3";
    let found = work.fetch(Statement::new(sql, place(asked).to_vec())).await?;
    let opener = opener_within(work, &found).await?;
    // One that has just been given up by its holder is as good as under way.
    found.into_iter().next().map_or(Ok(Turn::UnderWay), |row| turn(row, asked, &opener))
}

fn bound(asked: &Keyed) -> Bound {
    let tenant = asked.tenant.as_ref().map_or("", TenantId::as_str);
    Bound::to("answers").text(tenant).text(&asked.caller).text(&asked.key).text(&asked.digest)
}

fn turn(mut row: Row, asked: &Keyed, opener: &Opener) -> Result<Turn, Failure> {
    let with = row.maybe_int()?;
    if row.text()? != asked.digest {
        return Ok(Turn::Another);
    }
    let Some(status) = row.maybe_int()? else { return Ok(Turn::UnderWay) };
    let status = u16::try_from(status).map_err(|_| Failure::Unreadable(format!("{status} is no status")))?;
    let tag = row.maybe_text()?;
    let body = opener.open(with, &mut row, &bound(asked))?.unwrap_or_default();
    Ok(Turn::Done(Given { status, tag, body }))
}

pub(crate) async fn end(work: &mut Work, asked: &Keyed, given: Option<&Given>) -> Result<(), Failure> {
    let covered = match given {
        Some(given) => {
            let tenant = asked.tenant.as_ref().map_or("", TenantId::as_str);
            sealer(work, Purpose::Answers, tenant, asked.at).await?.seal(&given.body, &bound(asked))?
        }
        None => Covered::default(),
    };
    let mut values = place(asked).to_vec();
    let sql = match given {
        None => "DELETE FROM answers WHERE tenant = $1 AND caller = $2 AND key = $3 AND status IS NULL",
        Some(Given { status, tag, body }) => {
            values.extend([Value::Int((*status).into()), Value::MaybeText(tag.as_deref())]);
            values.extend([covered.maybe_bytes(Some(body)), covered.with(), covered.sealed()]);
            "UPDATE answers SET status = $4, tag = $5, body = $6, sealed_with = $7, sealed = $8 \
             WHERE tenant = $1 AND caller = $2 AND key = $3 AND status IS NULL"
        }
    };
    work.execute(Statement::new(sql, values)).await?;
    Ok(())
}

pub(crate) fn forgetting(before: Timestamp) -> Statement<'static> {
    Statement::new("DELETE FROM answers WHERE at < $1", vec![Value::Int(before.as_millis())])
}
