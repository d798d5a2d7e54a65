//! Filling an empty store from a backup, whole or not at all.
//!
//! A SQLite file is filled under another name, and gets its own when it is whole. A PostgreSQL database is filled in one
//! transaction. So a restore that was killed left nothing, and is begun again.

mod file;

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, PgConnection};
use tenantry_backup::{Cell as Taken, DatabaseError, Row as TakenRow, Shape, Sink, Source};
use tenantry_domain::unit::Span;
use tenantry_engine::ports::store::audit::{AuditStore as _, Deed};
use tenantry_engine::ports::store::{StoreError, Stored};
use tenantry_keys::KeyProvider;

use self::file::Draft;
use crate::audit;
use crate::backend::{Backend, Settings, Work};
use crate::failure::Failure;
use crate::fence::{self, Reach};
use crate::open::{POSTGRES, SQLITE, check_role, could_not_migrate, could_not_open, open_sealed, server_options};
use crate::place::{Place, refused};
use crate::snapshot::{self, Pages, quoted, value};
use crate::statement::{Dialect, Statement, Value};

/// Parameters of one statement: far under what either database takes.
const PARAMETERS_MAX: usize = 4_000;

/// An empty store that is being filled.
#[derive(Debug)]
pub struct Restore {
    url: String,
    place: Place,
    work: Work,
    backend: Backend,
    shapes: Vec<Shape>,
    pages: Pages,
    draft: Option<Draft>,
    schema: i64,
}

/// How a restored store differs from what was backed up, and what is written down of it.
#[derive(Debug)]
pub struct Ending {
    /// How long ago the backup was taken. Leases are given up, and their epochs raised by more than can have passed since.
    pub since: Span,
    /// What is written into the audit log.
    pub deed: Deed,
}

impl Restore {
    /// Lays out an empty store as it was with the migration `schema`. A SQLite file must not be there yet; a PostgreSQL
    /// database must be, and hold nothing.
    ///
    /// # Errors
    /// [`StoreError::NotEmpty`], [`StoreError::TooNew`] for a schema of a newer program, [`StoreError::Open`].
    pub async fn begin(url: &str, schema: i64, settings: &Settings) -> Stored<Self> {
        let place = Place::parse(url)?;
        let known = SQLITE.iter().map(|migration| migration.version).max().unwrap_or(0);
        if schema > known {
            return Err(StoreError::TooNew { found: schema, known });
        }
        let (backend, draft) = match &place {
            Place::File(path) => {
                let draft = Draft::begin(&place, path)?;
                (draft.lay_out(&place, &up_to(&SQLITE, schema), settings).await?, Some(draft))
            }
            Place::Server(options) => (lay_out(&place, options, schema, settings).await?, None),
        };
        let begun = async {
            let mut work = backend.begin(Reach::Everybody).await?;
            let shapes = snapshot::shapes(&mut work).await?;
            make_empty(&mut work, &place, &shapes).await?;
            Ok((work, shapes))
        };
        let (work, shapes) = begun.await.map_err(|failure: Failure| failure.during("begin a restore"))?;
        Ok(Self { url: url.to_owned(), place, work, backend, shapes, pages: Pages::default(), draft, schema })
    }

    /// Where it is, without a password.
    #[must_use]
    pub fn describe(&self) -> String {
        format!("{} at {}", self.place.kind(), self.place)
    }

    /// Ends it: the store is there when this returns, brought up to date and opened with its keys.
    ///
    /// # Errors
    /// [`StoreError::Keys`] where these are not the keys of what was restored; nothing is there then.
    pub async fn finish(self, ending: Ending, provider: Arc<dyn KeyProvider>, settings: &Settings) -> Stored<()> {
        let Self { url, place, mut work, backend, shapes, pages: _, draft, schema } = self;
        let known = SQLITE.iter().map(|migration| migration.version).max().unwrap_or(0);
        let Ending { since, deed } = ending;
        let ended = async {
            if shapes.iter().any(|shape| shape.name == "leases") {
                give_up_leases(&mut work, since).await?;
            }
            if schema == known {
                audit::append(&mut work, std::slice::from_ref(&deed)).await?;
            }
            Ok(())
        };
        let ended = ended.await;
        work.finish(ended).await.map_err(|failure| failure.during("finish a restore"))?;
        backend.close().await;
        let url = draft.as_ref().map_or(url, Draft::url);
        let store = open_sealed(&url, settings, provider).await?;
        if schema != known {
            store.note(std::slice::from_ref(&deed)).await?;
        }
        store.close().await;
        match (draft, &place) {
            (Some(draft), Place::File(path)) => draft.publish(&place, path),
            _ => Ok(()),
        }
    }

    async fn insert(&mut self, table: &Shape, rows: &[TakenRow]) -> Result<(), Failure> {
        if !self.shapes.iter().any(|shape| shape == table) {
            let message = format!("this program's schema {} has no table `{}` of that form", self.schema, table.name);
            return Err(Failure::Refused(message));
        }
        let dialect = self.work.dialect();
        let columns: Vec<String> = table.columns.iter().map(|name| quoted(name)).collect();
        let before = format!("INSERT INTO {} ({}) VALUES", quoted(&table.name), columns.join(", "));
        for rows in rows.chunks((PARAMETERS_MAX / columns.len().max(1)).max(1)) {
            let mut sql = before.clone();
            let mut values = Vec::with_capacity(rows.len() * columns.len());
            for (index, row) in rows.iter().enumerate() {
                sql.push_str(if index == 0 { " (" } else { ", (" });
                for (column, cell) in row.iter().enumerate() {
                    if column > 0 {
                        sql.push(',');
                    }
                    // Nothing is written as such: a parameter would need a type.
                    if *cell == Taken::Null {
                        sql.push_str("NULL");
                        continue;
                    }
                    values.push(value(cell)?);
                    match dialect {
                        Dialect::Sqlite => sql.push('?'),
                        Dialect::Postgres => sql.push_str(&format!("${}", values.len())),
                    }
                }
                sql.push(')');
            }
            self.work.execute(Statement::new(sql, values)).await?;
        }
        Ok(())
    }
}

/// What was filled in so far, to be held against what it came from.
#[async_trait]
impl Source for Restore {
    fn shapes(&self) -> &[Shape] {
        &self.shapes
    }

    async fn rows(&mut self, table: &Shape, after: Option<&[Taken]>) -> Result<Vec<TakenRow>, DatabaseError> {
        let page = self.pages.next(&mut self.work, table, after).await;
        page.map_err(|failure| failure.during("read a restored store").into())
    }
}

#[async_trait]
impl Sink for Restore {
    async fn add(&mut self, table: &Shape, rows: Vec<TakenRow>) -> Result<(), DatabaseError> {
        let inserted = self.insert(table, &rows).await;
        inserted.map_err(|failure| failure.during("fill a store").into())
    }
}

fn up_to(migrator: &Migrator, schema: i64) -> Migrator {
    let wanted = migrator.iter().filter(|migration| migration.version <= schema).cloned();
    Migrator::with_migrations(wanted.collect())
}

/// Makes sure that a laid out store holds nothing of anybody, and takes out what its laying out put there.
async fn make_empty(work: &mut Work, place: &Place, shapes: &[Shape]) -> Result<(), Failure> {
    for shape in shapes {
        let table = quoted(&shape.name);
        if work.dialect() == Dialect::Postgres {
            // A program that came meanwhile waits, and finds what was restored.
            work.execute(Statement::new(format!("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"), Vec::new())).await?;
        }
        // Counters are there from the beginning, and count what was done.
        let used = if shape.name == "counters" { " WHERE value > 0" } else { "" };
        let sql = format!("SELECT CAST(1 AS BIGINT) FROM {table}{used} LIMIT 1");
        if !work.fetch(Statement::new(sql, Vec::new())).await?.is_empty() {
            return Err(Failure::Said(StoreError::NotEmpty { place: place.to_string() }));
        }
        work.execute(Statement::new(format!("DELETE FROM {table}"), Vec::new())).await?;
    }
    Ok(())
}

/// Whoever held a lease does not hold it here. No lease is taken more often than once a second, so that epochs that were given
/// since the backup stay behind those to come: clusters know them.
async fn give_up_leases(work: &mut Work, since: Span) -> Result<(), Failure> {
    let seconds = i64::try_from(since.as_millis() / 1000).unwrap_or(i64::MAX / 2).saturating_add(1);
    let sql = "UPDATE leases SET holder = NULL, until_at = 0, epoch = epoch + $1";
    work.execute(Statement::new(sql, vec![Value::Int(seconds)])).await.map(|_| ())
}

async fn lay_out(
    place: &Place,
    options: &PgConnectOptions,
    schema: i64,
    settings: &Settings,
) -> Result<Backend, StoreError> {
    let options = server_options(options, settings);
    let migrates = options.clone().options([(fence::SETTING, fence::EVERYBODY)]);
    let mut connection = PgConnection::connect_with(&migrates).await.map_err(|error| could_not_open(place, &error))?;
    check_role(place, &mut connection).await?;
    let migrator = up_to(&POSTGRES, schema);
    let laid_out = migrator.run_direct(None, &mut connection, false).await;
    let _ = connection.close().await;
    laid_out.map_err(|error| match error {
        sqlx::migrate::MigrateError::VersionMissing(found) => refused(
            &place.to_string(),
            format!(
                "it is laid out for a newer program than the backup is of (migration {found}, and {schema}); name a new \
                 database, made with createdb"
            ),
        ),
        other => could_not_migrate(place, &POSTGRES, other),
    })?;
    Ok(Backend::Postgres(
        PgPoolOptions::new().max_connections(1).acquire_timeout(settings.patience).connect_lazy_with(options),
    ))
}
