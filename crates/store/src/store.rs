//! The open store: each method of the contract as one transaction or one reading statement.

use std::sync::Arc;

use async_trait::async_trait;
use tenantry_audit::Hash;
use tenantry_domain::id::{TenantId, WorkloadKey};
use tenantry_domain::plan::Outcome;
use tenantry_domain::time::Timestamp;
use tenantry_engine::ports::answers::{AnswerStore, Given, Keyed, Turn};
use tenantry_engine::ports::events::{Decided, EventStore, Noted, Position};
use tenantry_engine::ports::store::audit::{AuditStore, Deed, LogFilter, LogHead, LogOf, Logged, Seal};
use tenantry_engine::ports::store::{
    Authorship, Change, ConfigStore, ControlStore, DecisionFilter, DecisionRecord, DocumentKey, Intervention, Kept,
    KeyId, Retention, Revision, Stored, TokenRecord, TokenStore, Versions, WrittenChange, WrittenKey, WrittenRevision,
    WrittenStore, Wrote,
};
use tenantry_engine::scope::Scope;

use crate::backend::{Backend, Work};
use crate::failure::Failure;
use crate::fence::Reach;
use crate::place::Place;
use crate::sealed::Opener;
use crate::sealing::{Keys, Sealing, establish, opener};
use crate::statement::{Row, Statement};
use crate::{answers, audit, control, decisions, documents, events, tokens, written};

/// A SQLite file or a PostgreSQL database that is open. Made by [`open`](crate::open).
#[derive(Debug)]
pub struct Store {
    pub(crate) backend: Backend,
    pub(crate) place: Place,
    pub(crate) keys: Option<Arc<Keys>>,
}

impl Store {
    pub(crate) const fn new(backend: Backend, place: Place, keys: Option<Arc<Keys>>) -> Self {
        Self { backend, place, keys }
    }

    /// Kind and place, without a password: `SQLite at state/tenantry.db`.
    #[must_use]
    pub fn describe(&self) -> String {
        format!("{} at {}", self.place.kind(), self.place)
    }

    /// Bytes that it takes now: of a SQLite file with its write-ahead log, of a PostgreSQL database as the server
    /// counts it.
    ///
    /// # Errors
    /// [`StoreError`](tenantry_engine::ports::store::StoreError) when it does not answer.
    pub async fn size_bytes(&self) -> Stored<u64> {
        let action = "measure the store";
        match &self.place {
            Place::File(path) => {
                let mut log = path.clone().into_os_string();
                log.push("-wal");
                let file = std::fs::metadata(path).map_err(|error| Failure::Driver(error.into()).during(action))?;
                // Without a writer there is no log.
                let log = std::fs::metadata(log).map_or(0, |metadata| metadata.len());
                Ok(file.len().saturating_add(log))
            }
            Place::Server(_) => {
                let rows = self.read_shared("SELECT pg_database_size(current_database())").await;
                rows.and_then(|rows| only(rows)?.count()).map_err(|failure| failure.during(action))
            }
        }
    }

    /// Waits for work under way and closes all connections; afterwards nothing can be asked of the store any more.
    /// Only needed before the file is moved: what was acknowledged is safe without.
    pub async fn close(&self) {
        self.backend.close().await;
    }

    /// Of what is no tenant's.
    async fn read_shared(&self, sql: &'static str) -> Result<Vec<Row>, Failure> {
        self.backend.read_shared(Statement::new(sql, Vec::new())).await
    }

    pub(crate) async fn begin(&self, reach: Reach<'_>) -> Result<Work, Failure> {
        if let Some(keys) = &self.keys
            && !keys.is_known()
        {
            establish(&self.backend, keys).await?;
        }
        let mut work = self.backend.begin(reach).await?;
        work.sealing = Sealing::with(self.keys.clone());
        Ok(work)
    }

    /// Reads rows that are sealed, with what opens them.
    async fn read_sealed(&self, reach: Reach<'_>, statement: Statement<'_>) -> Result<(Vec<Row>, Opener), Failure> {
        let mut rows = self.backend.read(reach, statement).await?;
        let opener = opener(&self.backend, reach, self.keys.as_deref(), &rows).await?;
        if reach == Reach::Everybody && !opener.destroyed.is_empty() {
            // A database from before a tenant was shredded: all others can be read.
            rows.retain(|row| !opener.is_destroyed(row));
        }
        Ok((rows, opener))
    }
}

/// The row of an answer that has one.
pub(crate) fn only(rows: Vec<Row>) -> Result<Row, Failure> {
    rows.into_iter().next().ok_or_else(|| Failure::Unreadable("a row is missing".to_owned()))
}

/// Does a piece of work in a transaction that reaches somebody's rows, whole or not at all.
macro_rules! transaction {
    ($store:expr, $reach:expr, $action:literal, |$work:ident| $body:expr) => {{
        let done = async {
            let mut $work = $store.begin($reach).await?;
            let result = $body.await;
            $work.finish(result).await
        };
        done.await.map_err(|failure: Failure| failure.during($action))
    }};
}
pub(crate) use transaction;

#[async_trait]
impl ConfigStore for Store {
    async fn revise(&self, changes: &[Change], by: &Authorship) -> Stored<Vec<Revision>> {
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        transaction!(self, documents::reach(changes), "revise the configuration", |work| documents::revise(
            &mut work, changes, by
        ))
    }

    async fn documents(&self, scope: &Scope) -> Stored<Vec<Revision>> {
        let rows = self.read_sealed(Reach::of(scope), documents::all(scope)).await;
        rows.and_then(|(rows, opener)| documents::revisions(rows, &opener))
            .map_err(|failure| failure.during("read the documents"))
    }

    async fn head(&self, scope: &Scope, key: &DocumentKey) -> Stored<Option<Revision>> {
        Ok(self.history(scope, key, None, 1).await?.into_iter().next())
    }

    async fn history(
        &self,
        scope: &Scope,
        key: &DocumentKey,
        before: Option<u64>,
        count: u32,
    ) -> Stored<Vec<Revision>> {
        if !documents::visible(scope, key) {
            return Ok(Vec::new());
        }
        let rows = self.read_sealed(Reach::of(scope), documents::of_one(key, before, count)).await;
        rows.and_then(|(rows, opener)| documents::revisions(rows, &opener))
            .map_err(|failure| failure.during("read a document's history"))
    }

    fn keys_of_their_own(&self) -> bool {
        self.keys.as_ref().is_none_or(|keys| keys.provider.holds_one_each())
    }

    async fn config_version(&self) -> Stored<u64> {
        let rows = self.read_shared("SELECT value FROM counters WHERE name = 'config'").await;
        rows.and_then(|rows| only(rows)?.count()).map_err(|failure| failure.during("read the configuration's version"))
    }

    async fn changed_since(&self, version: u64, most: u32) -> Stored<Option<Vec<DocumentKey>>> {
        let rows = match documents::changed_since(version, most) {
            Ok(statement) => self.backend.read(Reach::Everybody, statement).await,
            Err(failure) => Err(failure),
        };
        rows.and_then(|rows| documents::changed(rows, most))
            .map_err(|failure| failure.during("read what changed in the configuration"))
    }
}

#[async_trait]
impl ControlStore for Store {
    async fn record(&self, decisions: &[DecisionRecord]) -> Stored<Vec<u64>> {
        if decisions.is_empty() {
            return Ok(Vec::new());
        }
        transaction!(
            self,
            Reach::of_all(decisions.iter().map(|decision| Some(&decision.key.tenant))),
            "record decisions",
            |work| decisions::record(&mut work, decisions)
        )
    }

    async fn settle(&self, outcomes: &[(u64, Outcome)]) -> Stored<()> {
        if outcomes.is_empty() {
            return Ok(());
        }
        transaction!(self, Reach::Everybody, "settle decisions", |work| decisions::settle(&mut work, outcomes))
    }

    async fn decisions(&self, scope: &Scope, filter: &DecisionFilter, count: u32) -> Stored<Vec<DecisionRecord>> {
        let Some(statement) = decisions::matching(scope, filter, count) else {
            return Ok(Vec::new());
        };
        let rows = self.read_sealed(Reach::of(scope), statement).await;
        rows.and_then(|(rows, opener)| decisions::records(rows, &opener))
            .map_err(|failure| failure.during("read decisions"))
    }

    async fn prune(&self, retention: &Retention) -> Stored<u64> {
        // A piece at a time, each its own transaction, so that a long clean-up does not keep the loop waiting.
        let mut gone = 0_u64;
        for statement in decisions::prunings_by_age(retention) {
            loop {
                let piece =
                    transaction!(self, Reach::Everybody, "prune decisions", |work| work.execute(statement.clone()))?;
                gone = gone.saturating_add(piece);
                if piece < decisions::PRUNED_ROWS_MAX {
                    break;
                }
            }
        }
        let rows = self.backend.read(Reach::Everybody, decisions::counting(retention)).await;
        let surpluses = rows.and_then(|rows| decisions::surpluses(retention, rows));
        let surpluses = surpluses.map_err(|failure| failure.during("count decisions"))?;
        for piece in decisions::pieces(&surpluses) {
            gone = gone.saturating_add(
                transaction!(self, Reach::Everybody, "prune decisions", |work| work.execute_all(piece))?
            );
        }
        Ok(gone)
    }

    async fn intervene(&self, key: &WorkloadKey, intervention: &Intervention, by: &Authorship) -> Stored<()> {
        transaction!(self, Reach::Only(&key.tenant), "record an intervention", |work| control::intervene(
            &mut work,
            key,
            intervention,
            by
        ))
    }

    async fn interventions(&self, scope: &Scope) -> Stored<Vec<(WorkloadKey, Intervention)>> {
        let rows = self.read_sealed(Reach::of(scope), control::all_interventions(scope)).await;
        rows.and_then(|(rows, opener)| control::interventions(rows, &opener))
            .map_err(|failure| failure.during("read interventions"))
    }

    async fn keep(&self, kept: &[Kept]) -> Stored<()> {
        if kept.is_empty() {
            return Ok(());
        }
        transaction!(self, Reach::of_all(kept.iter().map(|kept| Some(&kept.key.tenant))), "keep state", |work| {
            control::keep(&mut work, kept)
        })
    }

    async fn kept(&self, scope: &Scope, part: &str) -> Stored<Vec<Kept>> {
        let rows = self.read_sealed(Reach::of(scope), control::parts(scope, part)).await;
        rows.and_then(|(rows, opener)| control::kept(rows, &opener))
            .map_err(|failure| failure.during("read kept state"))
    }

    async fn lease(&self, name: &str, holder: &str, now: Timestamp, until: Timestamp) -> Stored<Option<u64>> {
        transaction!(self, Reach::Everybody, "take a lease", |work| control::lease(&mut work, name, holder, now, until))
    }

    async fn release(&self, name: &str, holder: &str) -> Stored<()> {
        transaction!(self, Reach::Everybody, "give up a lease", |work| control::release(&mut work, name, holder))
    }
}

#[async_trait]
impl AuditStore for Store {
    async fn note(&self, deeds: &[Deed]) -> Stored<()> {
        if deeds.is_empty() {
            return Ok(());
        }
        transaction!(
            self,
            Reach::of_all(deeds.iter().map(|deed| deed.log.as_ref())),
            "write down what was done",
            |work| audit::append(&mut work, deeds)
        )
    }

    async fn logs(&self, scope: &Scope) -> Stored<Vec<LogHead>> {
        let rows = self.backend.read(Reach::of(scope), audit::heads(scope)).await;
        rows.and_then(audit::read_heads).map_err(|failure| failure.during("read the audit logs"))
    }

    async fn unsealed(&self, count: u32) -> Stored<Vec<LogHead>> {
        let rows = self.backend.read(Reach::Everybody, audit::unsealed(count)).await;
        rows.and_then(audit::read_heads).map_err(|failure| failure.during("look for entries to seal"))
    }

    async fn entries(&self, log: &LogOf, from: u64, count: u32) -> Stored<Vec<Logged>> {
        let read = async {
            let (rows, opener) =
                self.read_sealed(Reach::owned_by(log.as_ref()), audit::entries(log, from, count)?).await?;
            audit::read_entries(rows, &opener)
        };
        read.await.map_err(|failure: Failure| failure.during("read an audit log"))
    }

    async fn search(&self, log: &LogOf, filter: &LogFilter, count: u32) -> Stored<Vec<Logged>> {
        let read = async {
            let (rows, opener) =
                self.read_sealed(Reach::owned_by(log.as_ref()), audit::matching(log, filter, count)?).await?;
            audit::read_entries(rows, &opener)
        };
        read.await.map_err(|failure: Failure| failure.during("search an audit log"))
    }

    async fn hashes(&self, log: &LogOf, places: &[u64]) -> Stored<Vec<(u64, Hash)>> {
        let read = async {
            let mut found = Vec::with_capacity(places.len());
            for statement in audit::hashes(log, places)? {
                for row in self.backend.read(Reach::owned_by(log.as_ref()), statement).await? {
                    found.push(audit::read_hash(row)?);
                }
            }
            Ok(found)
        };
        read.await.map_err(|failure: Failure| failure.during("read an audit log's tree"))
    }

    async fn checkpoints(&self, log: &LogOf) -> Stored<Vec<String>> {
        let rows = self.backend.read(Reach::owned_by(log.as_ref()), audit::checkpoints(log)).await;
        let texts = rows.and_then(|rows| rows.into_iter().map(|mut row| row.text()).collect());
        texts.map_err(|failure| failure.during("read an audit log's checkpoints"))
    }

    async fn seal(&self, seals: &[Seal]) -> Stored<Vec<bool>> {
        if seals.is_empty() {
            return Ok(Vec::new());
        }
        let reach = Reach::of_all(seals.iter().map(|seal| seal.log.as_ref()));
        transaction!(self, reach, "seal audit logs", |work| audit::seal_all(&mut work, seals))
    }
}

#[async_trait]
impl EventStore for Store {
    async fn position(&self) -> Stored<Position> {
        let rows = self.backend.read_shared(events::position()).await;
        rows.and_then(events::counted).map_err(|failure| failure.during("read how far things have come"))
    }

    async fn changes_after(&self, scope: &Scope, change: u64, count: u32) -> Stored<Vec<Noted>> {
        let asked = async {
            // What is committed between the two readings waits for the next time, as one of them may not have it.
            let until = events::counted(self.backend.read_shared(events::position()).await?)?.change;
            let documents =
                events::revised(self.backend.read(Reach::of(scope), events::revisions(scope, change, count)?).await?)?;
            let (rows, opener) =
                self.read_sealed(Reach::of(scope), events::interventions(scope, change, count)?).await?;
            let asked = events::asked(rows, &opener)?;
            Ok(events::merged(documents, asked, until, count))
        };
        asked.await.map_err(|failure: Failure| failure.during("read changes"))
    }

    async fn decisions_after(&self, scope: &Scope, id: u64, count: u32) -> Stored<Vec<Decided>> {
        let asked =
            async { events::decided(self.backend.read(Reach::of(scope), events::decisions(scope, id, count)?).await?) };
        asked.await.map_err(|failure: Failure| failure.during("read decisions"))
    }
}

#[async_trait]
impl AnswerStore for Store {
    async fn take_turn(&self, asked: &Keyed, forgotten: Timestamp, given_up: Timestamp) -> Stored<Turn> {
        transaction!(self, Reach::owned_by(asked.tenant.as_ref()), "take a request's turn", |work| answers::take(
            &mut work, asked, forgotten, given_up
        ))
    }

    async fn end_turn(&self, asked: &Keyed, given: Option<&Given>) -> Stored<()> {
        transaction!(self, Reach::owned_by(asked.tenant.as_ref()), "keep an answer", |work| answers::end(
            &mut work, asked, given
        ))
    }

    async fn forget_answers(&self, before: Timestamp) -> Stored<u64> {
        transaction!(self, Reach::Everybody, "forget answers", |work| work.execute(answers::forgetting(before)))
    }
}

#[async_trait]
impl TokenStore for Store {
    async fn create_token(&self, token: &TokenRecord) -> Stored<()> {
        // Broken glass is told in the platform's log, too.
        let owner = token.tenant.as_ref().filter(|_| token.glass.is_none());
        transaction!(self, Reach::owned_by(owner), "add a token", |work| tokens::create(&mut work, token))
    }

    async fn create_first_token(&self, token: &TokenRecord) -> Stored<bool> {
        // Nearly always there is one, and no other writer need wait for that to be seen.
        let rows = self.read_shared("SELECT value FROM counters WHERE name = 'token'").await;
        let made = rows.and_then(|rows| only(rows)?.count()).map_err(|failure| failure.during("count the tokens"))?;
        if made > 0 {
            return Ok(false);
        }
        transaction!(self, Reach::owned_by(token.tenant.as_ref()), "add the first token", |work| tokens::create_first(
            &mut work, token
        ))
    }

    async fn tokens_by_id(&self, id: &KeyId) -> Stored<Vec<TokenRecord>> {
        let rows = self.backend.read(Reach::Everybody, tokens::by_id(id)).await;
        rows.and_then(tokens::records).map_err(|failure| failure.during("look a token up"))
    }

    async fn tokens(&self, scope: &Scope, after: Option<&TokenRecord>, count: u32) -> Stored<Vec<TokenRecord>> {
        let rows = self.backend.read(Reach::of(scope), tokens::listed(scope, after, count)).await;
        rows.and_then(tokens::records).map_err(|failure| failure.during("list tokens"))
    }

    async fn revoke_token(&self, scope: &Scope, id: &KeyId, by: &Authorship) -> Stored<Option<TokenRecord>> {
        // Broken glass is told in the platform's log, too.
        let glass = self.tokens_of_glass(scope, by.at).await?.iter().any(|record| record.id == *id);
        let reach = if glass { Reach::Everybody } else { Reach::of(scope) };
        transaction!(self, reach, "end a token", |work| tokens::revoke(&mut work, scope, id, by))
    }

    async fn tokens_of_glass(&self, scope: &Scope, now: Timestamp) -> Stored<Vec<TokenRecord>> {
        let rows = self.backend.read(Reach::of(scope), tokens::of_glass(scope, now)).await;
        rows.and_then(tokens::records).map_err(|failure| failure.during("list broken glass"))
    }

    async fn tokens_made_by(&self, scope: &Scope, makers: &[String]) -> Stored<Vec<TokenRecord>> {
        if makers.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.backend.read(Reach::of(scope), tokens::made_by(makers)).await;
        let mut found = rows.and_then(tokens::records).map_err(|failure| failure.during("list what a token made"))?;
        found.retain(|record| scope.only().is_none_or(|only| record.tenant.as_ref() == Some(only)));
        Ok(found)
    }

    async fn touch_token(&self, tenant: Option<&TenantId>, id: &KeyId, at: Timestamp) -> Stored<()> {
        transaction!(self, Reach::owned_by(tenant), "note the use of a token", |work| work
            .execute(tokens::touch(tenant, id, at)))
        .map(|_| ())
    }
}

#[async_trait]
impl WrittenStore for Store {
    async fn write(&self, change: &WrittenChange, by: &Authorship) -> Stored<Wrote> {
        let reach = Reach::owned_by(change.key.tenant.as_ref());
        transaction!(self, reach, "write policies or roles", |work| written::write(&mut work, change, by))
    }

    async fn written_history(
        &self,
        scope: &Scope,
        key: &WrittenKey,
        before: Option<u64>,
        count: u32,
    ) -> Stored<Vec<WrittenRevision>> {
        if !key.is_in(scope) {
            return Ok(Vec::new());
        }
        let rows = self.backend.read(Reach::of(scope), written::of_one(key, before, count)).await;
        rows.and_then(written::revisions).map_err(|failure| failure.during("read the history of policies or roles"))
    }

    async fn all_written(&self, scope: &Scope) -> Stored<Vec<WrittenRevision>> {
        let rows = self.backend.read(Reach::of(scope), written::all(scope)).await;
        rows.and_then(written::revisions).map_err(|failure| failure.during("list policies and roles"))
    }

    async fn written_about(&self, tenant: Option<&TenantId>) -> Stored<Vec<WrittenRevision>> {
        let rows = self.backend.read(Reach::owned_by(tenant), written::about(tenant)).await;
        rows.and_then(written::revisions).map_err(|failure| failure.during("read policies and roles"))
    }

    async fn written_numbers(&self, tenant: Option<&TenantId>) -> Stored<Vec<(WrittenKey, u64)>> {
        let rows = self.backend.read(Reach::owned_by(tenant), written::numbers(tenant)).await;
        rows.and_then(written::read_numbers).map_err(|failure| failure.during("look for new policies and roles"))
    }

    async fn holders(&self, tenant: Option<&TenantId>, roles: &[&str], now: Timestamp) -> Stored<Vec<TokenRecord>> {
        let wanted = written::wanted(roles);
        let rows = self.backend.read(Reach::Everybody, written::holders(&wanted, now)).await;
        let records = rows.and_then(tokens::records).map_err(|failure| failure.during("look for who holds a role"))?;
        Ok(written::holding(records, tenant, roles))
    }

    async fn versions(&self) -> Stored<Versions> {
        let rows = self.backend.read_shared(written::versions()).await;
        rows.and_then(written::read_versions).map_err(|failure| failure.during("look for changes"))
    }
}
