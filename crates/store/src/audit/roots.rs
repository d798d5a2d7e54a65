//! The root log.

use async_trait::async_trait;
use tenantry_audit::Hash;
use tenantry_engine::ports::store::Stored;
use tenantry_engine::ports::store::audit::LogOf;
use tenantry_engine::ports::store::audit::roots::{RootCheckpoint, RootLeaf, RootSeal, RootStore};

use super::{KEPT_EVERY, log, name, read_hash};
use crate::Store;
use crate::backend::Work;
use crate::failure::Failure;
use crate::fence::Reach;
use crate::statement::{Row, Statement, Value, signed};
use crate::store::{only, transaction};

const LEAF: &str = "SELECT seq, tenant, size, leaf FROM audit_leaves";
const CHECKPOINT: &str = "SELECT size, signed, witnesses FROM audit_root_checkpoints";

fn leaf(mut row: Row) -> Result<RootLeaf, Failure> {
    Ok(RootLeaf { seq: row.count()?, log: log(&mut row)?, size: row.count()?, leaf: row.text()? })
}

fn checkpoint(mut row: Row) -> Result<RootCheckpoint, Failure> {
    Ok(RootCheckpoint { size: row.count()?, signed: row.text()?, witnesses: row.count()? })
}

fn hashes(places: &[u64]) -> Result<Vec<Statement<'static>>, Failure> {
    let one = |places: &[u64]| {
        let values: Vec<Value<'_>> =
            places.iter().map(|place| signed(*place).map(Value::Int)).collect::<Result<_, _>>()?;
        let listed: Vec<String> = (1..=values.len()).map(|number| format!("${number}")).collect();
        let sql = format!("SELECT place, hash FROM audit_root_hashes WHERE place IN ({})", listed.join(","));
        Ok(Statement::new(sql, values))
    };
    places.chunks(1_000).map(one).collect()
}

async fn add(work: &mut Work, seal: &RootSeal) -> Result<bool, Failure> {
    let size = seal.from.saturating_add(u64::try_from(seal.leaves.len()).unwrap_or(u64::MAX));
    let (from, until) = (Value::Int(signed(seal.from)?), Value::Int(signed(size)?));
    let sql = "UPDATE counters SET value = $2 WHERE name = 'audit_root' AND value = $1";
    if work.execute(Statement::new(sql, vec![from, until])).await? == 0 {
        return Ok(false);
    }
    let mut rows = Vec::with_capacity(seal.leaves.len());
    for leaf in &seal.leaves {
        let (place, entries) = (Value::Int(signed(leaf.seq)?), Value::Int(signed(leaf.size)?));
        rows.push([place, Value::Text(name(&leaf.log)), entries, Value::Text(&leaf.leaf)]);
        let sql = "UPDATE audit_logs SET rooted = $2 WHERE tenant = $1 AND rooted < $2";
        work.execute(Statement::new(sql, vec![Value::Text(name(&leaf.log)), entries])).await?;
    }
    let before = "INSERT INTO audit_leaves (seq, tenant, size, leaf) VALUES";
    work.execute_all(Statement::bulk(work.dialect(), before, &rows, "")).await?;
    let mut rows = Vec::with_capacity(seal.hashes.len());
    for (place, hash) in &seal.hashes {
        rows.push([Value::Int(signed(*place)?), Value::Bytes(&hash.0)]);
    }
    let before = "INSERT INTO audit_root_hashes (place, hash) VALUES";
    work.execute_all(Statement::bulk(work.dialect(), before, &rows, "")).await?;
    // Of those between which little was added, the last is kept, and the last that was cosigned.
    let stride = signed(KEPT_EVERY)?;
    let sql = "DELETE FROM audit_root_checkpoints WHERE size <= $1 AND size / $2 = $3 / $2 AND (witnesses = 0 \
               OR EXISTS (SELECT 1 FROM audit_root_checkpoints AS o WHERE o.size > audit_root_checkpoints.size \
               AND o.witnesses >= audit_root_checkpoints.witnesses))";
    work.execute(Statement::new(sql, vec![from, Value::Int(stride), until])).await?;
    let sql = "INSERT INTO audit_root_checkpoints (size, signed) VALUES ($1, $2)";
    work.execute(Statement::new(sql, vec![until, Value::Text(&seal.checkpoint)])).await?;
    Ok(true)
}

#[async_trait]
impl RootStore for Store {
    async fn unrooted(&self, count: u32) -> Stored<Vec<(LogOf, String)>> {
        let sql = "SELECT l.tenant, c.signed FROM audit_logs AS l JOIN audit_checkpoints AS c \
                   ON c.tenant = l.tenant AND c.size = l.sealed WHERE l.rooted < l.sealed ORDER BY l.tenant LIMIT $1";
        let statement = Statement::new(sql, vec![Value::Int(count.into())]);
        let rows = self.backend.read(Reach::Everybody, statement).await;
        let one = |mut row: Row| Ok((log(&mut row)?, row.text()?));
        rows.and_then(|rows| rows.into_iter().map(one).collect())
            .map_err(|failure| failure.during("look for what the root log does not have"))
    }

    async fn root_size(&self) -> Stored<u64> {
        let statement = Statement::new("SELECT value FROM counters WHERE name = 'audit_root'", Vec::new());
        let rows = self.backend.read_shared(statement).await;
        rows.and_then(|rows| only(rows)?.count()).map_err(|failure| failure.during("read the root log"))
    }

    async fn root(&self, seal: &RootSeal) -> Stored<bool> {
        transaction!(self, Reach::Everybody, "add to the root log", |work| add(&mut work, seal))
    }

    async fn root_leaves(&self, from: u64, count: u32) -> Stored<Vec<RootLeaf>> {
        let read = async {
            let sql = format!("{LEAF} WHERE seq >= $1 ORDER BY seq LIMIT $2");
            let values = vec![Value::Int(signed(from)?), Value::Int(count.into())];
            let rows = self.backend.read(Reach::Everybody, Statement::new(sql, values)).await?;
            rows.into_iter().map(leaf).collect::<Result<Vec<_>, _>>()
        };
        read.await.map_err(|failure: Failure| failure.during("read the root log"))
    }

    async fn root_leaf(&self, log: &LogOf, among: u64) -> Stored<Option<RootLeaf>> {
        let read = async {
            let sql = format!("{LEAF} WHERE tenant = $1 AND seq < $2 ORDER BY seq DESC LIMIT 1");
            let values = vec![Value::Text(name(log)), Value::Int(signed(among)?)];
            let rows = self.backend.read(Reach::owned_by(log.as_ref()), Statement::new(sql, values)).await?;
            rows.into_iter().next().map(leaf).transpose()
        };
        read.await.map_err(|failure: Failure| failure.during("read the root log"))
    }

    async fn root_hashes(&self, places: &[u64]) -> Stored<Vec<(u64, Hash)>> {
        let read = async {
            let mut found = Vec::with_capacity(places.len());
            for statement in hashes(places)? {
                for row in self.backend.read_shared(statement).await? {
                    found.push(read_hash(row)?);
                }
            }
            Ok(found)
        };
        read.await.map_err(|failure: Failure| failure.during("read the root log's tree"))
    }

    async fn root_checkpoints(&self) -> Stored<Vec<RootCheckpoint>> {
        let statement = Statement::new(format!("{CHECKPOINT} ORDER BY size"), Vec::new());
        let rows = self.backend.read_shared(statement).await;
        rows.and_then(|rows| rows.into_iter().map(checkpoint).collect())
            .map_err(|failure| failure.during("read the root log's checkpoints"))
    }

    async fn root_heads(&self) -> Stored<Vec<RootCheckpoint>> {
        let read = async {
            let mut heads: Vec<RootCheckpoint> = Vec::new();
            for which in
                ["ORDER BY size DESC", "WHERE witnesses > 0 ORDER BY size DESC", "ORDER BY witnesses DESC, size DESC"]
            {
                let statement = Statement::new(format!("{CHECKPOINT} {which} LIMIT 1"), Vec::new());
                for row in self.backend.read_shared(statement).await? {
                    let head = checkpoint(row)?;
                    if !heads.contains(&head) {
                        heads.push(head);
                    }
                }
            }
            Ok(heads)
        };
        read.await.map_err(|failure: Failure| failure.during("read the root log's checkpoints"))
    }

    async fn keep_cosigned(&self, before: &RootCheckpoint, after: &RootCheckpoint) -> Stored<bool> {
        transaction!(self, Reach::Everybody, "keep a witness' cosignature", |work| async {
            // It may have been superseded meanwhile, and is kept all the same: a witness may be slower than the log.
            let sql = "INSERT INTO audit_root_checkpoints (size, signed, witnesses) VALUES ($1, $2, $3) \
                       ON CONFLICT (size) DO UPDATE SET signed = excluded.signed, witnesses = excluded.witnesses \
                       WHERE audit_root_checkpoints.signed = $4";
            let values = vec![
                Value::Int(signed(before.size)?),
                Value::Text(&after.signed),
                Value::Int(signed(after.witnesses)?),
                Value::Text(&before.signed),
            ];
            Ok(work.execute(Statement::new(sql, values)).await? > 0)
        })
    }
}
