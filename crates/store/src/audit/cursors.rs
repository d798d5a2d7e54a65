//! How far logs were delivered.

use async_trait::async_trait;
use tenantry_domain::time::Timestamp;
use tenantry_engine::ports::store::Stored;
use tenantry_engine::ports::store::audit::LogOf;
use tenantry_engine::ports::store::audit::cursors::{Behind, CursorStore};

use super::{log, name};
use crate::Store;
use crate::failure::Failure;
use crate::fence::Reach;
use crate::statement::{Row, Statement, Value, signed};
use crate::store::{only, transaction};

/// Pruned entries are not there to be delivered any more.
const BEHIND: &str = "FROM audit_logs AS l LEFT JOIN audit_cursors AS c ON c.tenant = l.tenant AND c.destination = $1 \
                      WHERE l.sealed > COALESCE(c.next, 0) AND l.sealed > l.pruned";

#[async_trait]
impl CursorStore for Store {
    async fn undelivered(&self, destination: &str, after: &str, count: u32) -> Stored<Vec<Behind>> {
        let sql = format!(
            "SELECT l.tenant, CASE WHEN COALESCE(c.next, 0) < l.pruned THEN l.pruned ELSE COALESCE(c.next, 0) END, \
             l.sealed {BEHIND} AND l.tenant >= $2 ORDER BY l.tenant LIMIT $3"
        );
        let values = vec![Value::Text(destination), Value::Text(after), Value::Int(count.into())];
        let rows = self.backend.read(Reach::Everybody, Statement::new(sql, values)).await;
        let one = |mut row: Row| Ok(Behind { log: log(&mut row)?, next: row.count()?, sealed: row.count()? });
        rows.and_then(|rows| rows.into_iter().map(one).collect::<Result<Vec<_>, Failure>>())
            .map_err(|failure| failure.during("look for what is to be delivered"))
    }

    async fn lag(&self, destination: &str) -> Stored<u64> {
        let sql = format!(
            "SELECT CAST(COALESCE(sum(l.sealed - CASE WHEN COALESCE(c.next, 0) < l.pruned THEN l.pruned \
             ELSE COALESCE(c.next, 0) END), 0) AS BIGINT) {BEHIND}"
        );
        let rows = self.backend.read(Reach::Everybody, Statement::new(sql, vec![Value::Text(destination)])).await;
        rows.and_then(|rows| only(rows)?.count()).map_err(|failure| failure.during("count what is to be delivered"))
    }

    async fn advance(&self, destination: &str, log: &LogOf, next: u64, at: Timestamp) -> Stored<()> {
        transaction!(self, Reach::owned_by(log.as_ref()), "note what was delivered", |work| async {
            let sql = "INSERT INTO audit_cursors (tenant, destination, next, at) VALUES ($1, $2, $3, $4) \
                       ON CONFLICT (tenant, destination) DO UPDATE SET at = excluded.at, next = CASE \
                       WHEN audit_cursors.next < excluded.next THEN excluded.next ELSE audit_cursors.next END";
            let (tenant, destination) = (Value::Text(name(log)), Value::Text(destination));
            let values = vec![tenant, destination, Value::Int(signed(next)?), Value::Int(at.as_millis())];
            work.execute(Statement::new(sql, values)).await.map(|_| ())
        })
    }
}
