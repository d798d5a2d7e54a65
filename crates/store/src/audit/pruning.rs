//! Pruning entries, and holding logs.

use async_trait::async_trait;
use tenantry_domain::time::Timestamp;
use tenantry_engine::ports::store::Stored;
use tenantry_engine::ports::store::audit::pruning::{Pruning, PruningStore};
use tenantry_engine::ports::store::audit::{Deed, LogOf};

use super::{append, name};
use crate::Store;
use crate::backend::Work;
use crate::failure::Failure;
use crate::fence::Reach;
use crate::statement::{Statement, Value, signed};
use crate::store::transaction;

async fn prune(work: &mut Work, pruning: &Pruning) -> Result<bool, Failure> {
    let log = Value::Text(name(&pruning.log));
    let (from, size) = (Value::Int(signed(pruning.from)?), Value::Int(signed(pruning.size)?));
    let sql = "UPDATE audit_logs SET pruned = $3, pruning = $4 \
               WHERE tenant = $1 AND pruned = $2 AND sealed >= $3 AND held IS NULL";
    let values = vec![log, from, size, Value::Text(&pruning.statement)];
    if work.execute(Statement::new(sql, values)).await? == 0 {
        return Ok(false);
    }
    // Hashes stay: all that was ever proved can be proved again, of what others have kept too.
    let sql = "DELETE FROM audit_entries WHERE tenant = $1 AND seq < $2";
    work.execute(Statement::new(sql, vec![log, size])).await?;
    let sql = "DELETE FROM audit_checkpoints WHERE tenant = $1 AND size < $2";
    work.execute(Statement::new(sql, vec![log, size])).await?;
    append(work, std::slice::from_ref(&pruning.deed)).await?;
    Ok(true)
}

async fn hold(work: &mut Work, log: &LogOf, reason: Option<&str>, deed: &Deed) -> Result<bool, Failure> {
    let sql = "UPDATE audit_logs SET held = $2 WHERE tenant = $1";
    let values = vec![Value::Text(name(log)), Value::MaybeText(reason)];
    if work.execute(Statement::new(sql, values)).await? == 0 {
        return Ok(false);
    }
    append(work, std::slice::from_ref(deed)).await?;
    Ok(true)
}

#[async_trait]
impl PruningStore for Store {
    async fn prune_log(&self, pruning: &Pruning) -> Stored<bool> {
        let reach = Reach::owned_by(pruning.log.as_ref());
        transaction!(self, reach, "prune an audit log", |work| prune(&mut work, pruning))
    }

    async fn pruned(&self, log: &LogOf) -> Stored<Option<String>> {
        let statement =
            Statement::new("SELECT pruning FROM audit_logs WHERE tenant = $1", vec![Value::Text(name(log))]);
        let rows = self.backend.read(Reach::owned_by(log.as_ref()), statement).await;
        let first =
            |rows: Vec<crate::statement::Row>| rows.into_iter().next().map_or(Ok(None), |mut row| row.maybe_text());
        rows.and_then(first).map_err(|failure| failure.during("read what was pruned"))
    }

    async fn awaited(&self, log: &LogOf, since: Timestamp) -> Stored<Option<u64>> {
        let sql = "SELECT min(COALESCE(c.next, 0)) FROM (SELECT DISTINCT destination FROM audit_cursors WHERE at >= $2) \
                   AS d LEFT JOIN audit_cursors AS c ON c.destination = d.destination AND c.tenant = $1";
        let values = vec![Value::Text(name(log)), Value::Int(since.as_millis())];
        let rows = self.backend.read(Reach::Everybody, Statement::new(sql, values)).await;
        let least = rows.and_then(|rows| crate::store::only(rows)?.maybe_int());
        let least = least.and_then(|least| {
            least
                .map(|next| u64::try_from(next).map_err(|_| Failure::Unreadable(format!("{next} is no place"))))
                .transpose()
        });
        least.map_err(|failure| failure.during("see what was delivered"))
    }

    async fn hold(&self, log: &LogOf, reason: Option<&str>, deed: &Deed) -> Stored<bool> {
        transaction!(self, Reach::owned_by(log.as_ref()), "hold an audit log", |work| hold(
            &mut work, log, reason, deed
        ))
    }
}
