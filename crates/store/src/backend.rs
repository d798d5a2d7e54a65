//! Connections to either database: where statements run, and how a transaction begins and ends.

use std::borrow::Cow;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments as _, AssertSqlSafe, Column as _, Decode, Pool, Postgres, Row as _, Sqlite, TypeInfo as _};
use sqlx::{Value as _, ValueRef as _};

use crate::failure::Failure;
use crate::fence::Reach;
use crate::sealing::Sealing;
use crate::statement::{Cell, Dialect, Row, Statement, Value};

/// Connections of an open store.
#[derive(Debug, Clone)]
pub(crate) enum Backend {
    Sqlite {
        /// One connection: SQLite has one writer at a time, and waiting here is fairer than its own polling.
        writer: Pool<Sqlite>,
        readers: Pool<Sqlite>,
    },
    Postgres(Pool<Postgres>),
}

impl Backend {
    /// Runs one reading statement on rows that are no tenant's, such as counters. It reaches no others.
    pub(crate) async fn read_shared(&self, statement: Statement<'_>) -> Result<Vec<Row>, Failure> {
        let mut connection = match self {
            Self::Sqlite { readers, .. } => Connection::Sqlite(readers.acquire().await?),
            Self::Postgres(pool) => Connection::Postgres(pool.acquire().await?),
        };
        connection.fetch(statement).await
    }

    /// Runs one reading statement.
    pub(crate) async fn read(&self, reach: Reach<'_>, statement: Statement<'_>) -> Result<Vec<Row>, Failure> {
        if let Self::Postgres(pool) = self {
            let connection = Connection::Postgres(pool.acquire().await?);
            let mut work = Work::begin(connection, reach.begin("BEGIN READ ONLY")).await?;
            let rows = work.fetch(statement).await;
            return work.finish(rows).await;
        }
        self.read_shared(statement).await
    }

    /// Begins a transaction that only reads, and sees everything as of one instant.
    pub(crate) async fn view(&self, reach: Reach<'_>) -> Result<Work, Failure> {
        match self {
            // The instant is that of the first reading.
            Self::Sqlite { readers, .. } => {
                Work::begin(Connection::Sqlite(readers.acquire().await?), "BEGIN".to_owned()).await
            }
            Self::Postgres(pool) => {
                let begin = reach.begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
                Work::begin(Connection::Postgres(pool.acquire().await?), begin).await
            }
        }
    }

    /// Begins a transaction that writes.
    pub(crate) async fn begin(&self, reach: Reach<'_>) -> Result<Work, Failure> {
        match self {
            // A deferred transaction could find at its first write that another one has overtaken it.
            Self::Sqlite { writer, .. } => {
                Work::begin(Connection::Sqlite(writer.acquire().await?), "BEGIN IMMEDIATE".to_owned()).await
            }
            Self::Postgres(pool) => {
                Work::begin(Connection::Postgres(pool.acquire().await?), reach.begin("BEGIN")).await
            }
        }
    }

    /// Leaves nothing in a SQLite file of what was deleted or written over: the file is written anew, and its log emptied.
    /// A server cleans up by itself, when it comes to it.
    pub(crate) async fn scrub(&self) -> Result<(), Failure> {
        if let Self::Sqlite { writer, .. } = self {
            let mut connection = Connection::Sqlite(writer.acquire().await?);
            connection.run("VACUUM".to_owned()).await?;
            connection.run("PRAGMA wal_checkpoint(TRUNCATE)".to_owned()).await?;
        }
        Ok(())
    }

    /// Waits for work under way and closes all connections.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// A transaction.
///
/// One that is dropped before it is settled, by an error or because its caller was cancelled, takes its connection
/// along: the database then rolls back by itself. The driver's own transactions are not used, as they lose count when
/// SQLite has rolled back on its own after a full disk.
#[derive(Debug)]
pub(crate) struct Work {
    connection: Connection,
    settled: bool,
    /// What it seals with.
    pub(crate) sealing: Sealing,
}

impl Work {
    async fn begin(connection: Connection, begin: String) -> Result<Self, Failure> {
        let mut work = Self { connection, settled: false, sealing: Sealing::default() };
        work.connection.run(begin).await?;
        Ok(work)
    }

    pub(crate) const fn dialect(&self) -> Dialect {
        match self.connection {
            Connection::Sqlite(_) => Dialect::Sqlite,
            Connection::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Runs a writing statement; returns how many rows it touched.
    pub(crate) async fn execute(&mut self, statement: Statement<'_>) -> Result<u64, Failure> {
        self.connection.execute(statement).await
    }

    pub(crate) async fn execute_all(&mut self, statements: Vec<Statement<'_>>) -> Result<u64, Failure> {
        let mut touched = 0_u64;
        for statement in statements {
            touched = touched.saturating_add(self.execute(statement).await?);
        }
        Ok(touched)
    }

    pub(crate) async fn fetch(&mut self, statement: Statement<'_>) -> Result<Vec<Row>, Failure> {
        self.connection.fetch(statement).await
    }

    /// Makes it last when all went well, undoes it when not.
    pub(crate) async fn finish<T>(mut self, result: Result<T, Failure>) -> Result<T, Failure> {
        match result {
            Ok(value) => {
                self.connection.run("COMMIT").await?;
                self.settled = true;
                self.sealing.committed();
                Ok(value)
            }
            Err(failure) => {
                // After trouble of the database's own the connection's state is not known, and it goes.
                if !matches!(failure, Failure::Driver(_)) {
                    self.settled = self.connection.run("ROLLBACK").await.is_ok();
                }
                Err(failure)
            }
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if !self.settled {
            match &mut self.connection {
                Connection::Sqlite(connection) => connection.close_on_drop(),
                Connection::Postgres(connection) => connection.close_on_drop(),
            }
        }
    }
}

#[derive(Debug)]
enum Connection {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
}

impl Connection {
    async fn run(&mut self, sql: impl Into<Cow<'static, str>>) -> Result<(), Failure> {
        let sql = AssertSqlSafe(sql.into());
        match self {
            Self::Sqlite(connection) => sqlx::raw_sql(sql).execute(&mut **connection).await.map(|_| ())?,
            Self::Postgres(connection) => {
                answered(connection, async |server| sqlx::raw_sql(sql).execute(server).await).await.map(|_| ())?;
            }
        }
        Ok(())
    }

    async fn execute(&mut self, statement: Statement<'_>) -> Result<u64, Failure> {
        let Statement { sql, values } = statement;
        check(&values)?;
        let sql = AssertSqlSafe(sql);
        Ok(match self {
            Self::Sqlite(connection) => {
                let query = sqlx::query_with::<Sqlite, _>(sql, sqlite_arguments(&values)?);
                query.persistent(keeps(&values)).execute(&mut **connection).await?.rows_affected()
            }
            Self::Postgres(connection) => {
                let query = sqlx::query_with::<Postgres, _>(sql, postgres_arguments(&values)?);
                let query = query.persistent(keeps(&values));
                answered(connection, async |server| query.execute(server).await).await?.rows_affected()
            }
        })
    }

    async fn fetch(&mut self, statement: Statement<'_>) -> Result<Vec<Row>, Failure> {
        let Statement { sql, values } = statement;
        check(&values)?;
        let sql = AssertSqlSafe(sql);
        match self {
            Self::Sqlite(connection) => {
                let query = sqlx::query_with::<Sqlite, _>(sql, sqlite_arguments(&values)?);
                let rows = query.persistent(keeps(&values)).fetch_all(&mut **connection).await?;
                rows.iter().map(sqlite_row).collect()
            }
            Self::Postgres(connection) => {
                let query = sqlx::query_with::<Postgres, _>(sql, postgres_arguments(&values)?);
                let query = query.persistent(keeps(&values));
                let rows = answered(connection, async |server| query.fetch_all(server).await).await?;
                rows.iter().map(postgres_row).collect()
            }
        }
    }
}

/// Longest that a server may be silent. It ends a statement itself after [`STATEMENT_TIMEOUT_MS`], so more than that
/// means that the way to it is cut.
const SILENCE_MAX: Duration = Duration::from_secs(65);
/// How long a server works on one statement before it gives up; for its settings.
pub(crate) const STATEMENT_TIMEOUT_MS: &str = "60000";

/// Waits for a server's answer, but not for ever; a connection that stays silent is given up.
async fn answered<T>(
    connection: &mut PoolConnection<Postgres>,
    ask: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<T>,
) -> sqlx::Result<T> {
    if let Ok(answer) = tokio::time::timeout(SILENCE_MAX, ask(connection)).await {
        return answer;
    }
    connection.close_on_drop();
    Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()))
}

/// Parameters up to which a prepared statement is kept for the next time. Multi-row statements come in too many sizes.
const KEPT_PARAMETERS_MAX: usize = 24;

const fn keeps(values: &[Value<'_>]) -> bool {
    values.len() <= KEPT_PARAMETERS_MAX
}

/// PostgreSQL's text cannot hold a zero character, and SQLite's functions take it for the end. Neither gets one.
fn check(values: &[Value<'_>]) -> Result<(), Failure> {
    let holds_zero = |value: &Value<'_>| match value {
        Value::Text(text) | Value::MaybeText(Some(text)) => text.contains('\0'),
        Value::Int(_) | Value::MaybeInt(_) | Value::MaybeText(None) | Value::Bytes(_) | Value::MaybeBytes(_) => false,
    };
    if values.iter().any(holds_zero) {
        return Err(Failure::Refused("a text holds a zero character; remove it".to_owned()));
    }
    Ok(())
}

fn sqlite_arguments(values: &[Value<'_>]) -> Result<SqliteArguments, Failure> {
    let mut arguments = SqliteArguments::default();
    for value in values {
        match *value {
            Value::Int(value) => arguments.add(value),
            Value::MaybeInt(value) => arguments.add(value),
            Value::Text(value) => arguments.add(value),
            Value::MaybeText(value) => arguments.add(value),
            Value::Bytes(value) => arguments.add(value),
            Value::MaybeBytes(value) => arguments.add(value),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

fn postgres_arguments(values: &[Value<'_>]) -> Result<PgArguments, Failure> {
    let mut arguments = PgArguments::default();
    for value in values {
        match *value {
            Value::Int(value) => arguments.add(value),
            Value::MaybeInt(value) => arguments.add(value),
            Value::Text(value) => arguments.add(value),
            Value::MaybeText(value) => arguments.add(value),
            Value::Bytes(value) => arguments.add(value),
            Value::MaybeBytes(value) => arguments.add(value),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

fn sqlite_row(row: &SqliteRow) -> Result<Row, Failure> {
    let cell = |index: usize| -> Result<Cell, Failure> {
        let raw = row.try_get_raw(index)?;
        if raw.is_null() {
            return Ok(Cell::Null);
        }
        let value = raw.to_owned();
        let kind = value.type_info().name().to_owned();
        match kind.as_str() {
            "INTEGER" => <i64 as Decode<Sqlite>>::decode(value.as_ref()).map(Cell::Int),
            "TEXT" => <String as Decode<Sqlite>>::decode(value.as_ref()).map(Cell::Text),
            "BLOB" => <Vec<u8> as Decode<Sqlite>>::decode(value.as_ref()).map(Cell::Bytes),
            other => return Err(Failure::Unreadable(format!("a value of type {other}"))),
        }
        .map_err(|error| Failure::Driver(sqlx::Error::Decode(error)))
    };
    (0..row.len()).map(cell).collect::<Result<Vec<_>, _>>().map(Row::new)
}

fn postgres_row(row: &PgRow) -> Result<Row, Failure> {
    let cell = |(index, column): (usize, &sqlx::postgres::PgColumn)| -> Result<Cell, Failure> {
        let raw = row.try_get_raw(index)?;
        if raw.is_null() {
            return Ok(Cell::Null);
        }
        match column.type_info().name() {
            "INT8" => <i64 as Decode<Postgres>>::decode(raw).map(Cell::Int),
            "TEXT" => <String as Decode<Postgres>>::decode(raw).map(Cell::Text),
            "BYTEA" => <Vec<u8> as Decode<Postgres>>::decode(raw).map(Cell::Bytes),
            other => return Err(Failure::Unreadable(format!("a value of type {other}"))),
        }
        .map_err(|error| Failure::Driver(sqlx::Error::Decode(error)))
    };
    row.columns().iter().enumerate().map(cell).collect::<Result<Vec<_>, _>>().map(Row::new)
}

/// How patient connections are, for both databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How long to wait for another writer, or for a server, before giving up. 10 seconds unless told.
    pub patience: Duration,
    /// Bytes that a SQLite file may grow to; writing more fails as on a full disk. No limit unless told.
    pub size_bytes_max: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { patience: Duration::from_secs(10), size_bytes_max: None }
    }
}
