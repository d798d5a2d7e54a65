//! Policies and roles that are written, and what the gate makes of them at once.

use std::collections::BTreeMap;

use tenantry_domain::config::Document;
use tenantry_domain::id::{TenantId, WorkloadKey};
use tenantry_domain::unit::Span;
use tenantry_engine::access::{
    AccessError, Action, Asked, Binding, Body, Breaking, Caller, Circumstances, DeclaredName, DeclaredRole,
    DeclaredRoles, Ends, GLASS_MAX, Gate, Glass, GlassError, Issued, Role, RoleName, Target, Tokens, TokensError,
    Writing, WritingError,
};
use tenantry_engine::ports::store::audit::{AuditStore as _, LogFilter};
use tenantry_engine::ports::store::{
    Authorship, Change, ConfigStore as _, TokenStore as _, WrittenChange, WrittenKey, WrittenKind, WrittenStore as _,
    Wrote,
};
use tenantry_engine::scope::Scope;

use crate::given::*;

struct World {
    fresh: Fresh,
    gate: Gate,
    tokens: Tokens,
    writing: Writing,
}

fn id(text: &str) -> TenantId {
    TenantId::new(text).unwrap()
}

fn declares(based_on: u64, text: &str) -> Change {
    let document = Document::parse("test.yaml", text, None).unwrap();
    change(document.key().clone(), based_on, &document.to_stored())
}

/// While tokens of these tests live.
fn early() -> Authorship {
    Authorship { at: at(2), ..ann() }
}

async fn over(fresh: Fresh) -> World {
    let gate = Gate::new(fresh.store.clone()).unwrap();
    let tokens = Tokens::new(fresh.store.clone());
    let writing = Writing::new(fresh.store.clone()).unwrap();
    let declared = [declares(0, "tenant_config: { tenant: acme }"), declares(0, "tenant_config: { tenant: bolt }")];
    fresh.store.revise(&declared, &ann()).await.unwrap();
    World { fresh, gate, tokens, writing }
}

async fn world() -> World {
    over(sqlite().await).await
}

fn policies(tenant: Option<&str>) -> WrittenKey {
    WrittenKey { tenant: tenant.map(id), kind: WrittenKind::Policies }
}

fn roles(of: &[(&str, &[Action])]) -> Body {
    let declared = |(name, actions): &(&str, &[Action])| {
        let role = DeclaredRole { actions: actions.iter().copied().collect(), ..DeclaredRole::default() };
        (DeclaredName::new(*name).unwrap(), role)
    };
    Body::Roles(DeclaredRoles { roles: of.iter().map(declared).collect::<BTreeMap<_, _>>() })
}

fn asked(role: impl Into<RoleName>, of: &str) -> Asked {
    let role = role.into();
    let tenant = role.is_of_tenant().then(|| id(of));
    let bindings = vec![Binding::new(role, tenant.clone()).unwrap()];
    Asked { tenant, name: "ci".to_owned(), bindings, lives: Some(Span::from_secs(3600)) }
}

impl World {
    async fn token(&self, role: impl Into<RoleName>, of: &str) -> Issued {
        self.tokens.create(&platform(), asked(role, of), "ann", at(0)).await.unwrap()
    }

    async fn caller(&self, issued: &Issued) -> Caller {
        self.gate.authenticate(&issued.token.reveal(), at(1)).await.unwrap()
    }

    async fn may(&self, issued: &Issued, action: Action, on: &Target) -> Result<Vec<String>, AccessError> {
        let caller = self.gate.authenticate(&issued.token.reveal(), at(1)).await?;
        let admission = self.gate.admit(&caller, action, on, &Circumstances::at(at(1))).await?;
        Ok(admission.policies().to_vec())
    }

    async fn write(&self, tenant: Option<&str>, text: &str) -> Result<Option<u64>, WritingError> {
        let tenant = tenant.map(id);
        let body = Body::Policies(text.to_owned());
        let applied = self.writing.apply(&platform(), tenant.as_ref(), &body, &ann(), (None, false)).await?;
        Ok(applied.revision)
    }
}

fn of(tenant: &str) -> Target {
    Target::Tenant(id(tenant))
}

fn api() -> Target {
    Target::Workload("acme/api".parse::<WorkloadKey>().unwrap())
}

const NO_PAUSE: &str = r#"@id("no-pause") @says("nothing is paused") forbid (principal in Role::"acme/tenant-editor",
    action == Action::"pauseWorkload", resource in Tenant::"acme");"#;

async fn what_is_written_counts_at_once(world: World) {
    let (editor, other) =
        (world.token(Role::TenantEditor, "acme").await, world.token(Role::TenantEditor, "bolt").await);
    world.may(&editor, Action::PauseWorkload, &api()).await.unwrap();
    // By another program that shares the database.
    let elsewhere = Writing::new(open(&world.fresh.url).await.unwrap()).unwrap();
    let body = Body::Policies(NO_PAUSE.to_owned());
    let applied = elsewhere.apply(&only("acme"), Some(&id("acme")), &body, &ann(), (Some(0), false)).await.unwrap();
    assert_eq!((applied.revision, applied.changed), (Some(1), true));
    let error = world.may(&editor, Action::PauseWorkload, &api()).await.unwrap_err();
    assert!(error.to_string().ends_with("forbidden by t/acme/own/no-pause"), "{error}");
    world.may(&other, Action::ReadConfig, &of("bolt")).await.unwrap();
    // The platform's stand in every set.
    let text =
        r#"@id("quiet") forbid (principal, action == Action::"readConfig", resource) when { resource is Tenant };"#;
    world.write(None, text).await.unwrap();
    for (token, tenant) in [(&editor, "acme"), (&other, "bolt")] {
        let error = world.may(token, Action::ReadConfig, &of(tenant)).await.unwrap_err();
        assert!(error.to_string().ends_with("forbidden by p/quiet"), "{error}");
    }
    // Back, and away.
    let by = ann();
    world.writing.remove(&platform(), &policies(None), &by, (None, false)).await.unwrap();
    world.may(&other, Action::ReadConfig, &of("bolt")).await.unwrap();
    world.writing.remove(&platform(), &policies(Some("acme")), &by, (None, false)).await.unwrap();
    world.may(&editor, Action::PauseWorkload, &api()).await.unwrap();
    world.writing.rollback(&platform(), &policies(Some("acme")), 1, &by, (Some(2), false)).await.unwrap();
    assert!(world.may(&editor, Action::PauseWorkload, &api()).await.is_err());
    let numbers = world.writing.history(&platform(), &policies(Some("acme")), None, 10).await.unwrap();
    let numbers: Vec<_> = numbers.iter().map(|row| (row.number, row.body.is_some())).collect();
    assert_eq!(numbers, [(3, true), (2, false), (1, true)]);
    // Who is declared under the name later is somebody else.
    world.fresh.store.revise(&[removal(tenant("acme"), 1)], &ann()).await.unwrap();
    assert!(world.writing.head(&platform(), &policies(Some("acme"))).await.is_err());
    let log = world.fresh.store.search(&Some(id("acme")), &LogFilter::default(), 100).await.unwrap();
    let log: String = log.iter().map(|entry| String::from_utf8_lossy(&entry.entry).into_owned()).collect();
    for action in ["policies.write", "policies.remove"] {
        assert!(log.contains(action), "{log}");
    }
}

#[tokio::test]
async fn what_is_written_counts_at_once_on_sqlite() {
    what_is_written_counts_at_once(world().await).await;
}

#[tokio::test]
async fn what_is_written_counts_at_once_on_postgresql() {
    let Some(fresh) = postgres().await else { return };
    what_is_written_counts_at_once(over(fresh).await).await;
}

#[tokio::test]
async fn a_tenant_writes_of_itself_alone() {
    let world = world().await;
    let hostile = r#"@id("all") permit (principal, action, resource);"#;
    for text in [
        hostile,
        &NO_PAUSE.replace("acme", "bolt"),
        "permit",
        r#"@id("x") permit (principal in Role::"acme/a", action, resource in Tenant::"acme") when { context.tooo };"#,
    ] {
        let error = world.write(Some("acme"), text).await.unwrap_err();
        assert!(matches!(error, WritingError::Unfit(_)) && error.code() == "T706", "{error}");
    }
    let beyond = |tenant: Option<TenantId>| {
        let (writing, body) = (world.writing.clone(), Body::Policies(NO_PAUSE.to_owned()));
        async move { writing.apply(&only("acme"), tenant.as_ref(), &body, &ann(), (None, false)).await }
    };
    assert!(matches!(beyond(None).await.unwrap_err(), WritingError::Nothing { .. }));
    assert!(matches!(beyond(Some(id("bolt"))).await.unwrap_err(), WritingError::Nothing { .. }));
    world.write(Some("bolt"), "").await.unwrap();
    assert!(world.writing.head(&only("acme"), &policies(Some("bolt"))).await.is_err());
    assert!(world.writing.all(&only("acme")).await.unwrap().is_empty());
    // The same is no revision, and a change that was overtaken none either.
    assert_eq!(world.write(Some("acme"), NO_PAUSE).await.unwrap(), Some(1));
    assert_eq!(world.write(Some("acme"), NO_PAUSE).await.unwrap(), Some(1));
    let late = WrittenChange { key: policies(Some("acme")), based_on: 0, body: None };
    assert_eq!(world.fresh.store.write(&late, &ann()).await.unwrap(), Wrote::Stale(1));
    let body = Body::Policies(String::new());
    let stale = world.writing.apply(&platform(), Some(&id("acme")), &body, &ann(), (Some(7), false)).await;
    assert_eq!(stale.unwrap_err().code(), "T708");
    let dry = world.writing.apply(&platform(), Some(&id("acme")), &body, &ann(), (None, true)).await.unwrap();
    assert_eq!((dry.revision, dry.changed), (None, true));
    assert_eq!(world.writing.head(&platform(), &policies(Some("acme"))).await.unwrap().number, 1);
}

/// Stored by a fault, or by a newer program: it may have forbidden something.
#[tokio::test]
async fn what_is_stored_and_cannot_be_read_refuses() {
    let world = world().await;
    let (own, bolt) = (world.token(Role::TenantAdmin, "acme").await, world.token(Role::TenantAdmin, "bolt").await);
    let admin = world.token(Role::PlatformAdmin, "").await;
    let store = async |tenant: Option<&str>, based_on: u64, body: &str| {
        let change = WrittenChange { key: policies(tenant), based_on, body: Some(body.to_owned()) };
        world.fresh.store.write(&change, &ann()).await.unwrap();
    };
    let reads = async |token: &Issued, tenant: &str| world.may(token, Action::ReadConfig, &of(tenant)).await.is_ok();
    for (number, broken) in
        [(0, "forbid ("), (1, r#"@id("x") forbid (principal, action, resource) when { context.tooo };"#)]
    {
        store(Some("acme"), number, broken).await;
        assert!(!reads(&own, "acme").await && reads(&admin, "acme").await && reads(&bolt, "bolt").await, "{broken}");
    }
    world.writing.remove(&platform(), &policies(Some("acme")), &ann(), (None, false)).await.unwrap();
    assert!(reads(&own, "acme").await);
    store(None, 0, "nonsense").await;
    for (token, tenant) in [(&own, "acme"), (&admin, "acme"), (&bolt, "bolt")] {
        assert!(!reads(token, tenant).await);
    }
    assert!(world.may(&admin, Action::ReadLayer, &Target::Platform).await.is_err());
    // Whoever can open the store mends it.
    world.writing.remove(&platform(), &policies(None), &ann(), (None, false)).await.unwrap();
    assert!(reads(&bolt, "bolt").await);
}

#[tokio::test]
async fn a_declared_role_is_held_by_tokens_and_stays_while_it_is() {
    let world = world().await;
    let error =
        world.tokens.create(&platform(), asked(DeclaredName::new("pauser").unwrap(), "acme"), "ann", at(0)).await;
    assert!(error.unwrap_err().to_string().contains("the tenant `acme` has no role `pauser`"));
    let by = early();
    let shared = roles(&[("watcher", &[Action::ReadStatus]), ("other", &[Action::ReadStatus])]);
    world.writing.apply(&platform(), None, &shared, &by, (None, false)).await.unwrap();
    let own = roles(&[("pauser", &[Action::PauseWorkload])]);
    world.writing.apply(&platform(), Some(&id("acme")), &own, &by, (None, false)).await.unwrap();
    let pauser = world.token(DeclaredName::new("pauser").unwrap(), "acme").await;
    let watcher = world.token(DeclaredName::new("watcher").unwrap(), "bolt").await;
    assert_eq!(world.may(&pauser, Action::PauseWorkload, &api()).await.unwrap(), ["t/acme/role/pauser"]);
    assert!(world.may(&pauser, Action::ReadStatus, &api()).await.is_err());
    assert_eq!(world.may(&watcher, Action::ReadStatus, &of("bolt")).await.unwrap(), ["t/bolt/role/watcher"]);
    assert!(world.may(&watcher, Action::ReadStatus, &of("acme")).await.is_err());
    // In use.
    let key = |tenant: Option<&str>| WrittenKey { tenant: tenant.map(id), kind: WrittenKind::Roles };
    for (tenant, token) in [(Some("acme"), &pauser), (None, &watcher)] {
        let error = world.writing.remove(&platform(), &key(tenant), &by, (None, false)).await.unwrap_err();
        let named = error.to_string().contains(token.token.id().as_str());
        assert!(named && error.code() == "T709", "{error}");
    }
    // One that nobody holds may go.
    let fewer = roles(&[("watcher", &[Action::ReadStatus])]);
    world.writing.apply(&platform(), None, &fewer, &by, (None, false)).await.unwrap();
    let inner = Body::Roles(
        serde_json::from_str(r#"{"roles":{"pauser":{"actions":["pauseWorkload"]},"both":{"roles":["watcher"]}}}"#)
            .unwrap(),
    );
    world.writing.apply(&platform(), Some(&id("acme")), &inner, &by, (None, false)).await.unwrap();
    world.tokens.revoke(&platform(), watcher.token.id(), &by).await.unwrap();
    let error = world.writing.remove(&platform(), &key(None), &by, (None, false)).await.unwrap_err();
    assert!(error.to_string().contains("the role `both` of the tenant `acme`"), "{error}");
    world.tokens.revoke(&platform(), pauser.token.id(), &by).await.unwrap();
    world.writing.remove(&platform(), &key(Some("acme")), &by, (None, false)).await.unwrap();
    world.writing.remove(&platform(), &key(None), &by, (None, false)).await.unwrap();
}

#[tokio::test]
async fn a_token_makes_none_that_outlives_or_exceeds_it() {
    let world = world().await;
    let by = early();
    let maker_role = roles(&[("maker", &[Action::CreateToken, Action::ReadStatus])]);
    world.writing.apply(&platform(), Some(&id("acme")), &maker_role, &by, (None, false)).await.unwrap();
    let maker = world.token(DeclaredName::new("maker").unwrap(), "acme").await;
    let admin = world.token(Role::TenantAdmin, "acme").await;
    let forever = Asked { lives: None, ..asked(Role::PlatformAdmin, "") };
    let forever = world.tokens.create(&platform(), forever, "ann", at(0)).await.unwrap();
    let within = async |by: &Issued, role: Role, ends: Ends| {
        Tokens::within(asked(role, "acme"), ends, &world.caller(by).await, at(1)).map(|asked| asked.lives)
    };
    // An hour, of which a millisecond is over.
    let rest = Some(Span::from_millis(3_599_999));
    assert_eq!(within(&admin, Role::TenantEditor, Ends::Usually).await.unwrap(), rest);
    for ends in [Ends::Never, Ends::After(Span::from_millis(3_600_000))] {
        let error = within(&admin, Role::TenantEditor, ends).await.unwrap_err();
        assert!(matches!(&error, TokensError::Unfit { why } if why.contains("outlive")), "{error}");
    }
    assert_eq!(within(&forever, Role::TenantEditor, Ends::Never).await.unwrap(), None);
    let usually = within(&forever, Role::TenantEditor, Ends::Usually).await.unwrap();
    assert_eq!(usually, Some(Span::from_secs(90 * 24 * 3600)));
    // Who may make tokens and is no administrator gives what they have.
    let error = within(&maker, Role::TenantAdmin, Ends::Usually).await.unwrap_err();
    assert!(error.to_string().contains("you may not give tenant-admin of acme"), "{error}");
    let own = asked(DeclaredName::new("maker").unwrap(), "acme");
    Tokens::within(own, Ends::Usually, &world.caller(&maker).await, at(1)).unwrap();
}

#[tokio::test]
async fn what_a_token_made_ends_with_it() {
    let world = world().await;
    let root = world.token(Role::PlatformAdmin, "").await;
    let make = async |role: Role, by: &Issued| {
        let by = format!("token:{}", by.token.id());
        world.tokens.create(&platform(), asked(role, "acme"), &by, at(0)).await.unwrap()
    };
    let child = make(Role::PlatformAdmin, &root).await;
    let grandchild = make(Role::TenantAdmin, &child).await;
    let other = world.token(Role::PlatformAdmin, "").await;
    // Also through one that was ended before.
    world.tokens.revoke(&platform(), child.token.id(), &early()).await.unwrap();
    world.tokens.revoke(&platform(), root.token.id(), &early()).await.unwrap();
    let ended = world.tokens.end_made_by(&platform(), root.token.id(), &early()).await.unwrap();
    assert_eq!(ended, [grandchild.token.id().clone()]);
    for token in [&root, &child, &grandchild] {
        assert!(world.gate.authenticate(&token.token.reveal(), at(1)).await.is_err());
    }
    world.caller(&other).await;
}

#[tokio::test]
async fn glass_is_broken_in_plain_sight_and_for_a_short_while() {
    let world = world().await;
    let glass = Glass::new(world.fresh.store.clone(), GLASS_MAX);
    let breaking = |tenant: Option<&str>, reason: &str, secs: u64| Breaking {
        tenant: tenant.map(id),
        reason: reason.to_owned(),
        lives: Span::from_secs(secs),
    };
    for (reason, secs) in [("", 60), (" ", 60), ("a\nb", 60), ("x", 0), ("x", 4 * 3600 + 1)] {
        let error = glass.begin(breaking(Some("acme"), reason, secs), "ann", at(0)).await.unwrap_err();
        assert!(matches!(error, GlassError::Unfit { .. }), "{reason:?} {secs}");
    }
    let broken = glass.begin(breaking(Some("acme"), "incident 42", 60), "ann", at(0)).await.unwrap();
    let key = broken.token.id();
    let caller = world.caller(&broken).await;
    assert_eq!((caller.principal().id.clone(), caller.glass()), (format!("break-glass:{key}"), Some("incident 42")));
    world.may(&broken, Action::PauseWorkload, &api()).await.unwrap();
    assert!(world.may(&broken, Action::ReadConfig, &of("bolt")).await.is_err());
    for action in [Action::CreateToken, Action::BreakGlass] {
        let error = world.may(&broken, action, &of("acme")).await.unwrap_err();
        assert!(error.to_string().contains("wall.glass"), "{error}");
    }
    // Both logs tell of it.
    for log in [None, Some(id("acme"))] {
        let entries = world.fresh.store.search(&log, &LogFilter::default(), 10).await.unwrap();
        let text: String = entries.iter().map(|entry| String::from_utf8_lossy(&entry.entry).into_owned()).collect();
        assert!(
            text.contains("break-glass.begin") && text.contains("incident 42") && text.contains(key.as_str()),
            "{text}"
        );
    }
    assert_eq!(glass.list(&only("acme"), at(1)).await.unwrap().len(), 1);
    assert_eq!(glass.list(&only("bolt"), at(1)).await.unwrap().len(), 0);
    // It ends by itself, to the millisecond, and before its time.
    assert!(world.gate.authenticate(&broken.token.reveal(), at(60_000)).await.is_err());
    assert!(glass.list(&platform(), at(60_000)).await.unwrap().is_empty());
    let second = glass.begin(breaking(None, "all is lost", 60), "ann", at(0)).await.unwrap();
    let by = Authorship { author: "bob".to_owned(), at: at(5), reason: "over".to_owned() };
    let plain = world.token(Role::Operator, "").await;
    for (scope, id) in [(only("acme"), second.token.id()), (platform(), plain.token.id())] {
        assert!(matches!(glass.end(&scope, id, &by).await.unwrap_err(), GlassError::None { .. }));
    }
    glass.end(&platform(), second.token.id(), &by).await.unwrap();
    assert!(world.gate.authenticate(&second.token.reveal(), at(6)).await.is_err());
    assert!(world.fresh.store.tokens_by_id(second.token.id()).await.unwrap()[0].revoked_at.is_some());
    let scope: Scope = platform();
    assert!(glass.list(&scope, at(6)).await.unwrap().iter().all(|one| one.id == *key));
}
