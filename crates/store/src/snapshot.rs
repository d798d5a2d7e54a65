//! All rows of all tables as of one instant, for a backup.
//!
//! What tables there are the database itself says, so that none is ever left out. Rows are read as they are: what is sealed
//! stays sealed.

use async_trait::async_trait;
use tenantry_backup::{Cell as Taken, DatabaseError, Row as TakenRow, Shape, Source};
use tenantry_engine::ports::store::Stored;

use crate::backend::Work;
use crate::failure::Failure;
use crate::fence::Reach;
use crate::statement::{Cell, Dialect, Statement, Value};
use crate::store::{Store, only};

/// Rows of a page at first, and at most.
const ROWS_FIRST: i64 = 64;
const ROWS_MAX: i64 = 1_000;
/// Bytes that a page should have: a next one has as many rows as would have come to it.
const PAGE_BYTES: usize = 2 << 20;

/// The migrator's table: what it holds is said by a number.
const MIGRATIONS: &str = "_sqlx_migrations";

/// A store as of one instant, however much is written meanwhile. A SQLite file's log is not cut back until it is dropped.
#[derive(Debug)]
pub struct Snapshot {
    work: Work,
    shapes: Vec<Shape>,
    schema: i64,
    pages: Pages,
}

impl Store {
    /// Begins to read the store as it is now.
    ///
    /// # Errors
    /// [`StoreError`](tenantry_engine::ports::store::StoreError) when it does not answer.
    pub async fn snapshot(&self) -> Stored<Snapshot> {
        let begun = async {
            let mut work = self.backend.view(Reach::Everybody).await?;
            let schema = schema(&mut work).await?;
            let shapes = shapes(&mut work).await?;
            Ok(Snapshot { work, shapes, schema, pages: Pages::default() })
        };
        begun.await.map_err(|failure: Failure| failure.during("begin a snapshot"))
    }

    /// The kind of database, in words.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        self.place.kind()
    }
}

impl Snapshot {
    /// The last migration that the schema has.
    #[must_use]
    pub const fn schema(&self) -> i64 {
        self.schema
    }

    /// Ends it in order.
    pub async fn end(self) {
        // What was read is read; the connection goes when it does not end.
        let _ = self.work.finish(Ok::<(), Failure>(())).await;
    }
}

/// Pages of tables, one after another.
#[derive(Debug)]
pub(crate) struct Pages {
    rows_next: i64,
}

impl Default for Pages {
    fn default() -> Self {
        Self { rows_next: ROWS_FIRST }
    }
}

impl Pages {
    /// The next page of a table. None of it has much more than [`PAGE_BYTES`], but where rows suddenly become longer.
    pub(crate) async fn next(
        &mut self,
        work: &mut Work,
        table: &Shape,
        after: Option<&[Taken]>,
    ) -> Result<Vec<TakenRow>, Failure> {
        let key = table.columns.get(..table.key).unwrap_or_default();
        let named = |columns: &[String]| columns.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
        let mut values = Vec::new();
        let mut condition = String::new();
        if let Some(after) = after {
            for cell in after {
                values.push(value(cell)?);
            }
            let places: Vec<String> = (1..=values.len()).map(|number| format!("${number}")).collect();
            condition = format!("WHERE ({}) > ({})", named(key), places.join(", "));
        }
        values.push(Value::Int(self.rows_next));
        let sql = format!(
            "SELECT {} FROM {} {condition} ORDER BY {} LIMIT ${}",
            named(&table.columns),
            quoted(&table.name),
            named(key),
            values.len()
        );
        let mut bytes = 0_usize;
        let mut rows = Vec::new();
        for row in work.fetch(Statement::new(sql, values)).await? {
            let row: TakenRow = row.into_cells().map(taken).collect();
            bytes += row.iter().map(length).sum::<usize>();
            rows.push(row);
        }
        self.rows_next = match bytes.checked_div(rows.len()) {
            // Another table begins.
            None => ROWS_FIRST,
            Some(each) => i64::try_from(PAGE_BYTES / each.max(1)).unwrap_or(ROWS_MAX).clamp(1, ROWS_MAX),
        };
        Ok(rows)
    }
}

#[async_trait]
impl Source for Snapshot {
    fn shapes(&self) -> &[Shape] {
        &self.shapes
    }

    async fn rows(&mut self, table: &Shape, after: Option<&[Taken]>) -> Result<Vec<TakenRow>, DatabaseError> {
        let page = self.pages.next(&mut self.work, table, after).await;
        page.map_err(|failure| failure.during("read a snapshot").into())
    }
}

/// A name in SQL. Names come from the catalog or a checked backup, and may be words of SQL.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn taken(cell: Cell) -> Taken {
    match cell {
        Cell::Null => Taken::Null,
        Cell::Int(number) => Taken::Int(number),
        Cell::Text(text) => Taken::Text(text),
        Cell::Bytes(bytes) => Taken::Bytes(bytes),
    }
}

pub(crate) fn value(cell: &Taken) -> Result<Value<'_>, Failure> {
    match cell {
        Taken::Int(number) => Ok(Value::Int(*number)),
        Taken::Text(text) => Ok(Value::Text(text)),
        Taken::Bytes(bytes) => Ok(Value::Bytes(bytes)),
        Taken::Null => Err(Failure::Unreadable("a row's key has nothing in it".to_owned())),
    }
}

fn length(cell: &Taken) -> usize {
    match cell {
        Taken::Null => 1,
        Taken::Int(_) => 8,
        Taken::Text(text) => text.len(),
        Taken::Bytes(bytes) => bytes.len(),
    }
}

/// The last migration.
async fn schema(work: &mut Work) -> Result<i64, Failure> {
    let sql = format!("SELECT CAST(coalesce(max(version), 0) AS BIGINT) FROM {MIGRATIONS}");
    only(work.fetch(Statement::new(sql, Vec::new())).await?)?.int()
}

/// All tables, ordered by name.
pub(crate) async fn shapes(work: &mut Work) -> Result<Vec<Shape>, Failure> {
    let sql = match work.dialect() {
        Dialect::Sqlite => {
            "SELECT m.name, c.name, c.type, CAST(c.pk AS BIGINT) FROM sqlite_master AS m, pragma_table_info(m.name) AS c \
             WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' ORDER BY m.name, c.name"
        }
        Dialect::Postgres => {
            "SELECT t.relname::text, c.attname::text, format_type(c.atttypid, NULL)::text, \
             coalesce(array_position(i.indkey::int2[], c.attnum) + 1, 0)::bigint \
             FROM pg_class AS t JOIN pg_attribute AS c ON c.attrelid = t.oid AND c.attnum > 0 AND NOT c.attisdropped \
             LEFT JOIN pg_index AS i ON i.indrelid = t.oid AND i.indisprimary \
             WHERE t.relkind IN ('r', 'p') AND NOT t.relispartition AND t.relnamespace = current_schema()::regnamespace \
             ORDER BY t.relname COLLATE \"C\", c.attname COLLATE \"C\""
        }
    };
    let mut tables: Vec<(String, Vec<(i64, String)>)> = Vec::new();
    for mut row in work.fetch(Statement::new(sql, Vec::new())).await? {
        let (table, column, kind, place) = (row.text()?, row.text()?, row.text()?, row.int()?);
        if table == MIGRATIONS {
            continue;
        }
        if !matches!(kind.to_ascii_uppercase().as_str(), "INTEGER" | "TEXT" | "BLOB" | "BIGINT" | "BYTEA") {
            return Err(Failure::Unreadable(format!("the column {column} of {table} is of type {kind}")));
        }
        // Those that are not of the key come after those that are.
        let place = if place == 0 { i64::MAX } else { place };
        match tables.last_mut().filter(|(name, _)| *name == table) {
            Some((_, columns)) => columns.push((place, column)),
            None => tables.push((table, vec![(place, column)])),
        }
    }
    let shape = |(name, mut columns): (String, Vec<(i64, String)>)| {
        columns.sort();
        let key = columns.iter().filter(|(place, _)| *place != i64::MAX).count();
        if key == 0 {
            return Err(Failure::Unreadable(format!("the table {name} has no primary key")));
        }
        Ok(Shape { name, columns: columns.into_iter().map(|(_, column)| column).collect(), key })
    };
    tables.into_iter().map(shape).collect()
}
