//! The second fence: what row-level security lets through when somebody goes round the first. Each case is a way by which
//! others' rows have leaked from shared tables elsewhere.

use std::sync::Arc;

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, Row as _};
use tenantry_domain::id::TenantId;
use tenantry_domain::snapshot::Pause;
use tenantry_engine::ports::answers::{AnswerStore as _, Keyed};
use tenantry_engine::ports::events::EventStore as _;
use tenantry_engine::ports::store::audit::cursors::CursorStore as _;
use tenantry_engine::ports::store::audit::{AuditStore as _, LogFilter};
use tenantry_engine::ports::store::{
    ConfigStore as _, ControlStore as _, DecisionFilter, Intervention, KeyId, SecretHash, StoreError, TokenRecord,
    TokenStore as _, WrittenChange, WrittenKey, WrittenKind, WrittenStore as _,
};
use tenantry_store::Store;

use crate::given::*;
use crate::server;

/// Tables in which no row is anybody's.
const SHARED: [&str; 5] = ["_sqlx_migrations", "audit_root_checkpoints", "audit_root_hashes", "counters", "leases"];

fn asked(tenant: &str) -> Keyed {
    let tenant = TenantId::new(tenant).unwrap();
    Keyed { tenant: Some(tenant), caller: "ann".into(), key: "k".into(), digest: "d".into(), at: at(1) }
}

/// Rows in every table for one tenant.
async fn lives(store: &Arc<Store>, name: &str) {
    let key = workload(name, "api");
    store.revise(&[change(tenant(name), 0, "body")], &ann()).await.unwrap();
    store.record(&[decision(key.clone(), 5, 2, 4)]).await.unwrap();
    let pause = Pause { author: "ann".into(), reason: "why".into(), expires_at: None };
    let paused = Intervention { manual: None, pause: Some(pause) };
    store.intervene(&key, &paused, &ann()).await.unwrap();
    store.keep(&[blob(key, "model", b"bytes")]).await.unwrap();
    store.take_turn(&asked(name), at(0), at(0)).await.unwrap();
    let owner = Some(TenantId::new(name).unwrap());
    let token = TokenRecord {
        tenant: owner.clone(),
        id: KeyId::new(format!("{name:0<12}")).unwrap(),
        name: "n".into(),
        bindings: Vec::new(),
        hash: SecretHash([1; 32]),
        created_by: "ann".into(),
        created_at: at(1),
        expires_at: None,
        last_used_at: None,
        revoked_at: None,
        glass: None,
    };
    store.create_token(&token).await.unwrap();
    let written = WrittenKey { tenant: owner, kind: WrittenKind::Policies };
    store.write(&WrittenChange { key: written, based_on: 0, body: Some("text".into()) }, &ann()).await.unwrap();
    let keys = tenantry_audit::SigningKeys::from_seed(&[7; tenantry_audit::SEED_LENGTH]).unwrap();
    tenantry_engine::audit::Audit::new(store.clone(), "test").seal(&keys, at(9)).await.unwrap();
    store.advance("https://siem", &Some(TenantId::new(name).unwrap()), 1, at(9)).await.unwrap();
}

/// A store with two tenants, and a connection of the same role that asks what it likes.
async fn round_the_first() -> Option<(Fresh, PgConnection)> {
    let fresh = postgres().await?;
    lives(&fresh.store, "acme").await;
    lives(&fresh.store, "globex").await;
    fresh.store.revise(&[change(tier("gold"), 0, "body")], &ann()).await.unwrap();
    let raw = PgConnection::connect(&fresh.url).await.unwrap();
    Some((fresh, raw))
}

async fn tables(raw: &mut PgConnection) -> Vec<String> {
    let sql = "SELECT relname::text FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace \
               WHERE nspname = 'public' AND relkind IN ('r', 'p') ORDER BY relname";
    let all: Vec<String> = sqlx::query_scalar(sql).fetch_all(raw).await.unwrap();
    all.into_iter().filter(|table| !SHARED.contains(&table.as_str())).collect()
}

/// Whose rows a table's whole content shows; layers as `layer`.
async fn owners(raw: &mut PgConnection, table: &str) -> Vec<String> {
    let owner = match table {
        "revisions" | "heads" => "CASE WHEN kind = 3 THEN name ELSE 'layer' END",
        "data_keys" => "CASE WHEN tenant = '' THEN 'layer' ELSE tenant END",
        _ => "tenant",
    };
    let sql = format!("SELECT DISTINCT {owner} AS owner FROM {table} ORDER BY owner");
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(raw).await.unwrap()
}

async fn reaching(raw: &mut PgConnection, reach: &str) {
    raw.execute(AssertSqlSafe(format!("BEGIN; SET LOCAL tenantry.reach TO '{reach}'"))).await.unwrap();
}

#[tokio::test]
async fn a_reading_that_asks_for_everything_gets_one_tenants_rows() {
    let Some((_fresh, mut raw)) = round_the_first().await else { return };
    let tables = tables(&mut raw).await;
    assert!(tables.len() >= 12, "{tables:?}");
    for table in &tables {
        assert!(owners(&mut raw, table).await.is_empty(), "{table}: nothing was said of whose rows");
        reaching(&mut raw, "acme").await;
        let seen = owners(&mut raw, table).await;
        let layered = matches!(table.as_str(), "revisions" | "heads" | "data_keys");
        let expected: &[&str] = if layered { &["acme", "layer"] } else { &["acme"] };
        assert_eq!(seen, expected, "{table}");
        raw.execute("COMMIT").await.unwrap();
        // The setting is an empty text from now on, which is not the platform's empty name.
        assert!(owners(&mut raw, table).await.is_empty(), "{table}: what was said outlived its transaction");
        reaching(&mut raw, "*").await;
        assert!(owners(&mut raw, table).await.contains(&"globex".to_owned()), "{table}: the platform sees all");
        raw.execute("ROLLBACK").await.unwrap();
    }
}

#[tokio::test]
async fn nothing_is_written_into_anothers_rows() {
    let Some((_fresh, mut raw)) = round_the_first().await else { return };
    let refused = [
        "INSERT INTO kept (tenant, workload, part, bytes, at) VALUES ('globex', 'new', 'model', 'x', 1)",
        "INSERT INTO kept (tenant, workload, part, bytes, at) VALUES ('globex', 'api', 'model', 'x', 1) \
         ON CONFLICT (tenant, workload, part) DO UPDATE SET bytes = excluded.bytes",
        "UPDATE kept SET tenant = 'globex'",
        "INSERT INTO revisions (kind, name, number, owner, author, at, reason, digest) \
         VALUES (3, 'globex', 2, 'api', 'eve', 1, '', '')",
        "INSERT INTO heads (kind, name, number, live) VALUES (1, 'platinum', 1, 1)",
        "INSERT INTO audit_entries (tenant, seq, at, actor, action, entry) VALUES ('', 99, 1, 'eve', 'x', 'x')",
    ];
    for sql in refused {
        reaching(&mut raw, "acme").await;
        let error = raw.execute(sql).await.unwrap_err();
        assert!(error.to_string().contains("row-level security"), "{sql}: {error}");
        raw.execute("ROLLBACK").await.unwrap();
    }
    for sql in [
        "UPDATE heads SET number = 9 WHERE kind < 3",
        "UPDATE decisions SET outcome = 'x' WHERE tenant = 'globex'",
        "DELETE FROM tokens WHERE tenant <> 'acme'",
    ] {
        reaching(&mut raw, "acme").await;
        assert_eq!(raw.execute(sql).await.unwrap().rows_affected(), 0, "{sql}");
        raw.execute("ROLLBACK").await.unwrap();
    }
}

#[tokio::test]
async fn a_filter_that_is_switched_off_fails_instead_of_hiding_rows() {
    let Some((_fresh, mut raw)) = round_the_first().await else { return };
    raw.execute("SET row_security TO off").await.unwrap();
    let error = raw.fetch_all("SELECT * FROM kept").await.unwrap_err();
    assert!(error.to_string().contains("row-level security"), "{error}");
}

/// What the store's own methods say of whose rows they are about: with everybody's rows closed, each still answers.
#[tokio::test]
async fn a_tenants_scope_is_said_to_the_server() {
    let Some((fresh, mut raw)) = round_the_first().await else { return };
    for table in tables(&mut raw).await {
        let owner = if matches!(table.as_str(), "revisions" | "heads") { "kind = 3 AND name" } else { "tenant" };
        let closed = format!("ALTER POLICY reach ON {table} USING ({owner} = current_setting('tenantry.reach', true))");
        raw.execute(AssertSqlSafe(closed)).await.unwrap();
    }
    let (store, acme) = (&fresh.store, only("acme"));
    let log = Some(TenantId::new("acme").unwrap());
    assert!(store.documents(&platform()).await.unwrap().iter().all(|revision| revision.key != tenant("acme")));
    assert!(store.documents(&acme).await.unwrap().iter().any(|revision| revision.key == tenant("acme")));
    assert_eq!(store.history(&acme, &tenant("acme"), None, 9).await.unwrap().len(), 1);
    assert_eq!(store.decisions(&acme, &DecisionFilter::default(), 9).await.unwrap().len(), 1);
    assert_eq!(store.interventions(&acme).await.unwrap().len(), 1);
    assert_eq!(store.kept(&acme, "model").await.unwrap().len(), 1);
    assert_eq!(store.tokens(&acme, None, 9).await.unwrap().len(), 1);
    assert_eq!(store.logs(&acme).await.unwrap().len(), 1);
    assert!(!store.entries(&log, 0, 9).await.unwrap().is_empty());
    assert!(!store.search(&log, &LogFilter::default(), 9).await.unwrap().is_empty());
    assert_eq!(store.hashes(&log, &[0]).await.unwrap().len(), 1);
    assert_eq!(store.checkpoints(&log).await.unwrap().len(), 1);
    assert_eq!(store.changes_after(&acme, 0, 9).await.unwrap().len(), 2);
    assert_eq!(store.decisions_after(&acme, 0, 9).await.unwrap().len(), 1);
    // Nor does what is written for one tenant need more.
    store.revise(&[change(tenant("acme"), 1, "other body")], &ann()).await.unwrap();
    store.intervene(&workload("acme", "api"), &Intervention::default(), &ann()).await.unwrap();
    store.keep(&[blob(workload("acme", "api"), "model", b"other")]).await.unwrap();
    store.record(&[decision(workload("acme", "api"), 6, 4, 2)]).await.unwrap();
    store.end_turn(&asked("acme"), None).await.unwrap();
    store.revise(&[removal(tenant("acme"), 2)], &ann()).await.unwrap();
}

/// INVARIANT(second fence): a table that is added later has it, and no key of one tenant can stand in another's way.
#[tokio::test]
async fn every_table_is_fenced_and_its_keys_begin_with_the_tenant() {
    let Some((_fresh, mut raw)) = round_the_first().await else { return };
    let open: Vec<String> = sqlx::query_scalar(
        "SELECT relname::text FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace \
         WHERE nspname = 'public' AND relkind IN ('r', 'p') AND NOT (relrowsecurity AND relforcerowsecurity) \
         ORDER BY relname",
    )
    .fetch_all(&mut raw)
    .await
    .unwrap();
    assert_eq!(open, SHARED, "tables without row-level security");
    // A view reads as its owner; there is none.
    let views = "SELECT count(*) FROM pg_views WHERE schemaname = 'public'";
    assert_eq!(sqlx::query_scalar::<_, i64>(views).fetch_one(&mut raw).await.unwrap(), 0);
    let keys = raw
        .fetch_all(
            "SELECT t.relname::text, a.attname::text FROM pg_index AS i JOIN pg_class AS t ON t.oid = i.indrelid \
             JOIN pg_namespace AS n ON n.oid = t.relnamespace \
             JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = i.indkey[0] \
             WHERE nspname = 'public' AND indisunique ORDER BY 1, 2",
        )
        .await
        .unwrap();
    for key in keys {
        let (table, first): (String, String) = (key.get(0), key.get(1));
        let expected = match table.as_str() {
            shared if SHARED.contains(&shared) => continue,
            "revisions" | "heads" => "kind",
            // Numbers that the store counts, and that nobody chooses.
            "decisions" => "id",
            "asked" => "change",
            "audit_leaves" => "seq",
            _ => "tenant",
        };
        assert_eq!(first, expected, "the first column of a key of {table}");
    }
}

#[tokio::test]
async fn a_role_that_passes_by_the_fence_is_refused() {
    let Some(server) = server::shared().await else { return };
    let url = server.create().await;
    let database = url.trim_start_matches("postgres:///").split('?').next().unwrap();
    let error = open(&server.admin_url(database)).await.unwrap_err();
    assert!(matches!(&error, StoreError::Open { .. }), "{error:?}");
    let said = error.to_string();
    assert!(said.contains("`postgres` is a superuser or has BYPASSRLS") && said.contains("CREATE ROLE"), "{said}");
    let mut admin = PgConnection::connect(&server.admin_url("postgres")).await.unwrap();
    let name = format!("passes_{database}");
    admin.execute(AssertSqlSafe(format!("CREATE ROLE {name} LOGIN BYPASSRLS"))).await.unwrap();
    let error = open(&url.replace("user=tenantry", &format!("user={name}"))).await.unwrap_err();
    assert!(error.to_string().contains("BYPASSRLS"), "{error}");
    let mut raw = PgConnection::connect(&url).await.unwrap();
    let made: bool =
        sqlx::query_scalar("SELECT to_regclass('revisions') IS NOT NULL").fetch_one(&mut raw).await.unwrap();
    assert!(!made, "a role that is refused has changed nothing");
}
