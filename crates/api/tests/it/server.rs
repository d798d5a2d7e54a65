//! A server of a test's own.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use tempfile::TempDir;
use tenantry_api::{Identity, Limits, Listening, Service};
use tenantry_audit::{SEED_LENGTH, SigningKeys};
use tenantry_domain::id::{TenantId, WorkloadKey, WorkloadName};
use tenantry_domain::plan::{Generation, Outcome};
use tenantry_domain::snapshot::{Memory, Snapshot};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::{Replicas, Span};
use tenantry_engine::access::identity::Identities;
use tenantry_engine::access::{Asked, Binding, Body, Breaking, GLASS_MAX, Gate, Glass, Role, Tokens, Writing};
use tenantry_engine::audit::Audit;
use tenantry_engine::ports::Clock;
use tenantry_engine::ports::store::{Authorship, ControlStore as _, Kept, Owner};
use tenantry_engine::record::{Inputs, record};
use tenantry_engine::scope::Scope;
use tenantry_engine::status::{STATUS, WorkloadStatus};
use tenantry_engine::tenants::{Applying, File, Tenants};
use tenantry_store::Store;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A clock that a test moves.
pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(crate) fn forward(&self, span: Span) {
        self.0.fetch_add(span.as_millis_i64(), Ordering::SeqCst);
    }

    pub(crate) fn set(&self, now: Timestamp) {
        self.0.store(now.as_millis(), Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) store: Arc<Store>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) client: reqwest::Client,
    pub(crate) ended: CancellationToken,
    pub(crate) task: Option<JoinHandle<()>>,
    _folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.cancel();
    }
}

/// A client with no more of TLS than the given authorities.
pub(crate) fn client(roots: rustls::RootCertStore) -> reqwest::ClientBuilder {
    let mut tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    reqwest::Client::builder().tls_backend_preconfigured(tls).redirect(reqwest::redirect::Policy::none())
}

pub(crate) fn plain() -> reqwest::Client {
    client(rustls::RootCertStore::empty()).build().unwrap()
}

/// Limits under which no test is slowed down.
pub(crate) fn ample() -> Limits {
    let (rate, burst) = (100_000, 100_000);
    let (strangers_rate, strangers_burst) = (rate, burst);
    let drain_time = std::time::Duration::from_secs(5);
    Limits { rate, burst, strangers_rate, strangers_burst, drain_time, ..Limits::default() }
}

pub(crate) fn id(name: &str) -> TenantId {
    TenantId::new(name).unwrap()
}

pub(crate) fn workload(tenant: &str, name: &str) -> WorkloadKey {
    WorkloadKey { tenant: id(tenant), workload: WorkloadName::new(name).unwrap() }
}

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(ample(), None).await
    }

    pub(crate) async fn with(limits: Limits, identity: Option<&Identity>) -> Self {
        Self::knowing(limits, identity, Identities::none()).await
    }

    pub(crate) async fn knowing(limits: Limits, identity: Option<&Identity>, identities: Identities) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store =
            tenantry_store::open(&format!("sqlite:{}", folder.path().join("store.db").display())).await.unwrap();
        let clock = Arc::new(TestClock(AtomicI64::new(NOW.as_millis())));
        let gate = Gate::new(store.clone()).unwrap();
        let listening = Listening::on("127.0.0.1:0".parse().unwrap(), identity).await.unwrap();
        let url = listening.url();
        let ended = CancellationToken::new();
        let service = Service::knowing(identities, store.clone(), gate, clock.clone(), limits);
        let task = Some(tokio::spawn(service.serve(listening, ended.clone())));
        Self { url, store, clock, client: plain(), ended, task, _folder: folder }
    }

    /// Declares documents as the command line does.
    pub(crate) async fn declare(&self, documents: &[&str]) {
        let file = |(index, text): (usize, &&str)| File {
            source: format!("{index}.yaml"),
            stem: None,
            text: (*text).to_owned(),
        };
        let files: Vec<File> = documents.iter().enumerate().map(file).collect();
        let by = Authorship { author: "ada".to_owned(), at: NOW, reason: "first".to_owned() };
        let how = Applying {
            owner: Owner::Api,
            by,
            dry_run: false,
            partial: false,
            removes: Default::default(),
            based_on: None,
            judged: Default::default(),
        };
        Tenants::new(self.store.clone()).apply(&files, &how).await.unwrap();
    }

    /// Writes policies and roles as the command line does.
    pub(crate) async fn write(&self, tenant: Option<&str>, policies: &str) {
        let writing = Writing::new(self.store.clone()).unwrap();
        let by = Authorship { author: "ada".to_owned(), at: NOW, reason: "first".to_owned() };
        let tenant = tenant.map(id);
        let roles = r#"{"roles":{"watcher":{"actions":["readStatus"]}}}"#;
        for body in [Body::Policies(policies.to_owned()), Body::Roles(serde_json::from_str(roles).unwrap())] {
            writing.apply(&Scope::platform(), tenant.as_ref(), &body, &by, (None, false)).await.unwrap();
        }
    }

    /// Breaks glass, and returns its id.
    pub(crate) async fn break_glass(&self, tenant: &str) -> String {
        let glass = Glass::new(self.store.clone(), GLASS_MAX);
        let breaking = Breaking { tenant: Some(id(tenant)), reason: "test".to_owned(), lives: Span::from_secs(60) };
        glass.begin(breaking, "ada", self.clock.now()).await.unwrap().token.id().to_string()
    }

    /// Seals the audit logs, as the server does every second.
    pub(crate) async fn seal(&self) {
        let keys = SigningKeys::from_seed(&[7; SEED_LENGTH]).unwrap();
        Audit::new(self.store.clone(), "test").seal(&keys, NOW).await.unwrap();
    }

    /// A token of a role, in a tenant where it is one of a tenant's.
    pub(crate) async fn token(&self, role: Role, tenant: &str) -> String {
        self.token_that(role, tenant, None, self.clock.now()).await
    }

    pub(crate) async fn token_that(&self, role: Role, tenant: &str, lives: Option<Span>, made: Timestamp) -> String {
        let tenant = role.is_of_tenant().then(|| id(tenant));
        let bindings = vec![Binding::new(role, tenant.clone()).unwrap()];
        let asked = Asked { tenant, name: "test".to_owned(), bindings, lives };
        let issued = Tokens::new(self.store.clone()).create(&Scope::platform(), asked, "ada", made).await.unwrap();
        issued.token.reveal()
    }

    pub(crate) async fn admin(&self) -> String {
        self.token(Role::PlatformAdmin, "").await
    }

    /// Keeps a status and a decision of a declared workload, as a controller does. Returns the decision's number.
    pub(crate) async fn looked_at(&self, key: &WorkloadKey, rival: Option<WorkloadKey>) -> u64 {
        let spec = Tenants::new(self.store.clone()).spec_of(key).await.unwrap();
        let snapshot = Snapshot {
            now: self.clock.now(),
            current: Some(Replicas::new(3)),
            reported: Replicas::new(3),
            pods: Vec::new(),
            observations: Vec::new(),
            expectations: Vec::new(),
            announced: Vec::new(),
            choices: Vec::new(),
            demands: Vec::new(),
            memory: Memory::default(),
            manual: None,
            pause: None,
            foreign_scaler: None,
            rival,
            others: Replicas::new(0),
            vertical: None,
        };
        let planned = tenantry_planner::plan(&spec, &snapshot);
        let hold = match &planned.plan.action {
            tenantry_domain::plan::Action::Hold(hold) => Some(hold.clone()),
            _ => None,
        };
        let status = WorkloadStatus {
            key: key.clone(),
            at: self.clock.now(),
            target: spec.target.to_string(),
            strategy: spec.strategy,
            bounds: spec.bounds,
            current: snapshot.current,
            ready: Replicas::new(3),
            wanted: None,
            decided: snapshot.current,
            hold,
            signals: Vec::new(),
            startup_delay: Span::from_secs(30),
            hour_cost: None,
            blind_since: None,
            trouble: None,
            unreadable: None,
            vertical_mode: tenantry_domain::vertical::VerticalMode::default(),
            vertical: Vec::new(),
            unmeasured: None,
        };
        let bytes = serde_json::to_vec(&status).unwrap();
        self.store
            .keep(&[Kept { key: key.clone(), part: STATUS.to_owned(), bytes, at: self.clock.now() }])
            .await
            .unwrap();
        let inputs = Inputs { spec, snapshot };
        let record = record(&inputs, &planned, Generation { epoch: 1, cycle: 1 }, Outcome::Held).unwrap();
        self.store.record(&[record]).await.unwrap()[0]
    }

    pub(crate) fn ask(&self, method: Method, path: &str, token: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url)).bearer_auth(token)
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Answered {
        Answered::of(self.ask(Method::GET, path, token).send().await.unwrap()).await
    }

    pub(crate) async fn put(&self, path: &str, token: &str, document: &str) -> Answered {
        let asked = self.ask(Method::PUT, path, token).header("content-type", "application/yaml");
        Answered::of(asked.body(document.to_owned()).send().await.unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, token: &str, body: &Value) -> Answered {
        Answered::of(self.ask(Method::POST, path, token).json(body).send().await.unwrap()).await
    }
}

/// An answer with its body.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answered {
    pub(crate) async fn of(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        Self { status, headers, text: response.text().await.unwrap() }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The code of a problem, and that it is a whole one.
    pub(crate) fn code(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text);
        let problem = self.json();
        let code = problem["code"].as_str().unwrap().to_owned();
        assert_eq!(problem["status"].as_u64().unwrap(), u64::from(self.status.as_u16()));
        assert_eq!(problem["request_id"], self.header("x-request-id"));
        assert!(problem["type"].as_str().unwrap().ends_with(&format!("/docs/errors/{code}.md")), "{}", self.text);
        code
    }

    /// The body but for the request's id.
    pub(crate) fn anonymous(&self) -> String {
        self.text.replace(self.header("x-request-id"), "ID")
    }
}
