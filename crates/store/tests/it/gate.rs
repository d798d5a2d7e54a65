//! The access gate over a real store: who a token is, what they may, and that what changes counts at once.

use tenantry_domain::config::Document;
use tenantry_domain::id::{TenantId, WorkloadKey};
use tenantry_domain::unit::Span;
use tenantry_engine::access::{
    AccessError, Action, Asked, Binding, Circumstances, Gate, Issued, Role, Target, Tokens, TokensError,
};
use tenantry_engine::ports::store::{Change, ConfigStore as _, TokenStore as _};
use tenantry_engine::scope::Scope;

use crate::given::*;

struct World {
    fresh: Fresh,
    gate: Gate,
    tokens: Tokens,
}

async fn world() -> World {
    let fresh = sqlite().await;
    let gate = Gate::new(fresh.store.clone()).unwrap();
    let tokens = Tokens::new(fresh.store.clone());
    let declared = [
        declares(0, "tier_config: { name: gold }"),
        declares(0, "tenant_config: { tenant: acme, tier: gold }"),
        declares(0, "tenant_config: { tenant: bolt }"),
    ];
    fresh.store.revise(&declared, &ann()).await.unwrap();
    World { fresh, gate, tokens }
}

/// A document as it is stored.
fn declares(based_on: u64, text: &str) -> Change {
    let document = Document::parse("test.yaml", text, None).unwrap();
    change(document.key().clone(), based_on, &document.to_stored())
}

fn id(text: &str) -> TenantId {
    TenantId::new(text).unwrap()
}

fn asked(role: Role, of: &str) -> Asked {
    let tenant = role.is_of_tenant().then(|| id(of));
    let bindings = vec![Binding::new(role, tenant.clone()).unwrap()];
    Asked { tenant, name: "ci".to_owned(), bindings, lives: Some(Span::from_secs(3600)) }
}

impl World {
    async fn token(&self, role: Role, of: &str) -> Issued {
        self.tokens.create(&Scope::platform(), asked(role, of), "ann", at(0)).await.unwrap()
    }

    async fn may(&self, issued: &Issued, action: Action, on: &Target) -> Result<Scope, AccessError> {
        let caller = self.gate.authenticate(&issued.token.reveal(), at(1)).await?;
        let admission = self.gate.admit(&caller, action, on, &Circumstances::at(at(1))).await?;
        assert!(!admission.policies().is_empty());
        Ok(admission.scope().clone())
    }
}

fn of(tenant: &str) -> Target {
    Target::Tenant(id(tenant))
}

#[tokio::test]
async fn a_token_opens_what_its_roles_open_and_gives_their_scope() {
    let world = world().await;
    let (viewer, admin) = (world.token(Role::TenantViewer, "acme").await, world.token(Role::PlatformAdmin, "").await);
    assert_eq!(world.may(&viewer, Action::ReadConfig, &of("acme")).await.unwrap(), only("acme"));
    let workload = Target::Workload("acme/api".parse::<WorkloadKey>().unwrap());
    assert_eq!(world.may(&viewer, Action::ReadStatus, &workload).await.unwrap(), only("acme"));
    assert_eq!(world.may(&admin, Action::ReadConfig, &of("acme")).await.unwrap(), only("acme"));
    assert_eq!(world.may(&admin, Action::WriteLayer, &Target::Platform).await.unwrap(), platform());
    for (action, on) in
        [(Action::WriteConfig, of("acme")), (Action::ReadConfig, of("bolt")), (Action::ReadLayer, Target::Platform)]
    {
        let error = world.may(&viewer, action, &on).await.unwrap_err();
        assert!(matches!(error, AccessError::Refused { .. }) && error.code() == "T702", "{error}");
    }
}

#[tokio::test]
async fn one_answer_to_every_token_that_is_not_valid() {
    let world = world().await;
    let issued = world.token(Role::TenantViewer, "acme").await;
    let text = issued.token.reveal();
    // From another store, and sound in itself.
    let other = sqlite().await;
    let elsewhere = Tokens::new(other.store.clone());
    let unknown = elsewhere.create(&platform(), asked(Role::Operator, ""), "x", at(0)).await.unwrap();
    let unknown = unknown.token.reveal();
    let mut answers = Vec::new();
    for (token, now) in [
        ("", 1),
        ("Basic YTpi", 1),
        (&text[..text.len() - 1], 1),
        (text.to_uppercase().as_str(), 1),
        (unknown.as_str(), 1),
        // Expired, to the millisecond.
        (text.as_str(), 3_600_000),
    ] {
        answers.push(world.gate.authenticate(token, at(now)).await.unwrap_err());
    }
    assert!(world.gate.authenticate(&text, at(3_599_999)).await.is_ok());
    world.tokens.revoke(&only("acme"), issued.token.id(), &ann()).await.unwrap();
    answers.push(world.gate.authenticate(&text, at(3)).await.unwrap_err());
    for answer in answers {
        assert_eq!((answer.to_string(), answer.code()), (AccessError::Unauthenticated.to_string(), "T701"));
    }
}

#[tokio::test]
async fn a_token_that_is_ended_opens_nothing_from_then_on() {
    let world = world().await;
    let issued = world.token(Role::TenantAdmin, "acme").await;
    for _ in 0..3 {
        world.may(&issued, Action::ReadConfig, &of("acme")).await.unwrap();
    }
    // By another program that shares the database.
    let other = open(&world.fresh.url).await.unwrap();
    Tokens::new(other).revoke(&platform(), issued.token.id(), &ann()).await.unwrap();
    let error = world.may(&issued, Action::ReadConfig, &of("acme")).await.unwrap_err();
    assert!(matches!(error, AccessError::Unauthenticated));
}

#[tokio::test]
async fn what_is_beyond_reach_is_refused_alike_whether_it_is_there_or_not() {
    let world = world().await;
    let viewer = world.token(Role::TenantAdmin, "acme").await;
    for action in Action::ALL.iter().filter(|action| action.applies_to(tenantry_engine::access::Kind::Tenant)) {
        let there = world.may(&viewer, *action, &of("bolt")).await.unwrap_err().to_string();
        let not = world.may(&viewer, *action, &of("none")).await.unwrap_err().to_string();
        assert_eq!(there.replace("bolt", "none"), not);
        assert!(!there.contains("wall"), "{there}");
    }
}

#[tokio::test]
async fn a_suspension_counts_at_the_next_request() {
    let world = world().await;
    let admin = world.token(Role::TenantAdmin, "acme").await;
    let caller = world.gate.authenticate(&admin.token.reveal(), at(1)).await.unwrap();
    let rewrite = Some(tenantry_engine::access::Rewrite::default());
    let circumstances = Circumstances { rewrite, ..Circumstances::at(at(1)) };
    let may = async || world.gate.admit(&caller, Action::WriteConfig, &of("acme"), &circumstances).await;
    may().await.unwrap();
    // Of its whole tier, so that the tenant's own document stays as it is.
    let suspends = declares(1, "tier_config: { name: gold, lifecycle: suspended }");
    world.fresh.store.revise(&[suspends], &ann()).await.unwrap();
    let error = may().await.unwrap_err();
    assert!(error.to_string().contains("forbidden by wall.standing (a tenant is made"), "{error}");
    world.fresh.store.revise(&[declares(2, "tier_config: { name: gold }")], &ann()).await.unwrap();
    may().await.unwrap();
    // What cannot be read may be suspended.
    world.fresh.store.revise(&[change(tenant("acme"), 1, "no document")], &ann()).await.unwrap();
    assert!(may().await.is_err());
    // What is not declared any more is not the tenant's to declare.
    world.fresh.store.revise(&[removal(tenant("acme"), 2)], &ann()).await.unwrap();
    assert!(may().await.is_err());
}

#[tokio::test]
async fn many_are_asked_about_where_the_caller_reaches() {
    let world = world().await;
    let scopes = async |issued: &Issued, action| {
        let caller = world.gate.authenticate(&issued.token.reveal(), at(1)).await?;
        let admissions = world.gate.admit_anywhere(&caller, action, &Circumstances::at(at(1))).await?;
        Ok::<_, AccessError>(admissions.iter().map(|admission| admission.scope().clone()).collect::<Vec<_>>())
    };
    let operator = world.token(Role::Operator, "").await;
    assert_eq!(scopes(&operator, Action::ReadTenant).await.unwrap(), [platform()]);
    assert!(scopes(&operator, Action::ReadAudit).await.is_err());
    let mut two = asked(Role::TenantViewer, "bolt");
    two.tenant = None;
    two.bindings.extend(asked(Role::TenantAdmin, "acme").bindings);
    let two = world.tokens.create(&platform(), two, "ann", at(0)).await.unwrap();
    assert_eq!(scopes(&two, Action::ReadTenant).await.unwrap(), [only("acme"), only("bolt")]);
    assert_eq!(scopes(&two, Action::ReadAudit).await.unwrap(), [only("acme")]);
    assert!(scopes(&two, Action::ReadLayer).await.is_err());
}

#[tokio::test]
async fn a_remembered_token_is_forgotten_when_it_ends_in_whatever_way() {
    let world = world().await;
    let [first, second, of_other] = [("acme"), ("acme"), ("bolt")].map(|tenant| asked(Role::TenantViewer, tenant));
    let made = async |asked| world.tokens.create(&platform(), asked, "ann", at(0)).await.unwrap();
    let (first, second, of_other) = (made(first).await, made(second).await, made(of_other).await);
    let opens = async |issued: &Issued| world.gate.authenticate(&issued.token.reveal(), at(1)).await.is_ok();
    // Twice: the second time from memory.
    for _ in 0..2 {
        assert!(opens(&first).await && opens(&second).await && opens(&of_other).await);
    }
    let elsewhere = Tokens::new(open(&world.fresh.url).await.unwrap());
    elsewhere.revoke(&only("acme"), first.token.id(), &ann()).await.unwrap();
    assert!(!opens(&first).await && opens(&second).await, "one was ended through another connection");
    world.fresh.store.revise(&[removal(tenant("acme"), 1)], &ann()).await.unwrap();
    assert!(!opens(&second).await && opens(&of_other).await, "its tenant was removed");
    assert!(world.gate.authenticate(&of_other.token.reveal(), at(i64::MAX)).await.is_err(), "its time has come");
}

#[tokio::test]
async fn the_use_of_a_token_is_noted_to_the_minute() {
    let world = world().await;
    let issued = world.token(Role::TenantViewer, "acme").await;
    let used = async |now| {
        world.gate.authenticate(&issued.token.reveal(), at(now)).await.unwrap();
        world.fresh.store.tokens_by_id(issued.token.id()).await.unwrap()[0].last_used_at
    };
    for (now, noted) in [(61_000, 60_000), (119_999, 60_000), (120_000, 120_000), (61_000, 120_000)] {
        assert_eq!(used(now).await, Some(at(noted)));
    }
}

#[tokio::test]
async fn nobody_makes_a_token_that_opens_more_than_they_may_give() {
    let world = world().await;
    let beyond = Asked { tenant: Some(id("acme")), ..asked(Role::Operator, "") };
    let foreign = Asked { tenant: Some(id("acme")), ..asked(Role::TenantViewer, "bolt") };
    let cases = [
        (platform(), beyond, "cannot be operator"),
        (platform(), foreign, "cannot be tenant-viewer of bolt"),
        (only("acme"), asked(Role::Operator, ""), "only tokens of the tenant `acme`"),
        (only("acme"), asked(Role::TenantViewer, "bolt"), "only tokens of the tenant `acme`"),
        (platform(), Asked { name: "\n".to_owned(), ..asked(Role::Operator, "") }, "its name needs"),
        (platform(), Asked { bindings: Vec::new(), ..asked(Role::Operator, "") }, "1 to 32 roles"),
        (platform(), Asked { lives: Some(Span::from_millis(0)), ..asked(Role::Operator, "") }, "before its first use"),
    ];
    for (scope, asked, wanted) in cases {
        let error = world.tokens.create(&scope, asked, "ann", at(0)).await.unwrap_err();
        assert!(matches!(error, TokensError::Unfit { .. }) && error.to_string().contains(wanted), "{error}");
    }
    assert_eq!(world.tokens.list(&platform(), None, 10).await.unwrap(), []);
}

#[tokio::test]
async fn the_first_start_makes_one_administrator() {
    let world = world().await;
    let first = world.tokens.bootstrap(at(0)).await.unwrap().unwrap();
    assert!(world.tokens.bootstrap(at(0)).await.unwrap().is_none());
    assert_eq!(world.may(&first, Action::WriteLayer, &Target::Platform).await.unwrap(), platform());
    // The token itself is nowhere in the store.
    world.fresh.store.close().await;
    let path = world.fresh.url.trim_start_matches("sqlite:");
    let secret = first.token.reveal();
    let secret = secret.rsplit('_').next().unwrap().as_bytes().to_vec();
    for file in [path.to_owned(), format!("{path}-wal")] {
        let bytes = std::fs::read(&file).unwrap_or_default();
        assert!(!bytes.windows(secret.len() - 6).any(|window| window == &secret[..secret.len() - 6]), "{file}");
    }
}
