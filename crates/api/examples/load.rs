//! Prints how long the API takes under load, and what one tenant's flood does to another:
//! `cargo run --release -p tenantry-api --example load`.
//!
//! The server runs in a process of its own over a SQLite store with 10,000 tenants, with access control, audit and
//! sealing as in production. Requests come at a fixed rate whether answers come or not, and each one's time counts from when
//! it was due, so that a stall is seen by all that wait for it.
#![allow(clippy::print_stdout, reason = "it is for reading")]

use std::error::Error;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use reqwest::{Client, Method};
use tenantry_api::{Limits, Listening, Service};
use tenantry_audit::{SEED_LENGTH, SigningKeys};
use tenantry_domain::id::TenantId;
use tenantry_domain::time::Timestamp;
use tenantry_engine::access::{Asked, Binding, Gate, Role, Tokens};
use tenantry_engine::audit::Audit;
use tenantry_engine::ports::Clock;
use tenantry_engine::ports::store::{Authorship, Owner};
use tenantry_engine::scope::Scope;
use tenantry_engine::tenants::{Applying, File, Tenants};
use tenantry_store::Store;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const TENANTS: usize = 10_000;
/// Tenants that ask; each gets a token.
const ASKING: usize = 100;
const SECONDS: u64 = 20;
const ROUNDS: usize = 3;

struct Now;

impl Clock for Now {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some("serve") {
        return serve(Path::new(&arguments.next().ok_or("serve needs a folder")?)).await;
    }
    // The client wants one before it is built, though nothing is encrypted here.
    rustls::crypto::aws_lc_rs::default_provider().install_default().map_err(|_| "another provider is installed")?;
    let folder = tempfile::tempdir()?;
    let server = Server::start(folder.path())?;
    println!("{TENANTS} tenants, {ASKING} of them asking, {SECONDS} s each");
    for (rate, writes) in [(500, 10), (1_000, 10), (2_000, 2), (2_000, 10)] {
        under_load(&server, rate, writes).await?;
    }
    beside_a_flood(&server).await
}

fn document(tenant: usize, version: u64) -> String {
    format!(
        "tenant_config:\n  tenant: t{tenant:05}\n  tier: gold\n  labels: {{ version: v{version} }}\n  autoscaling: \
         {{ min_replicas: 2, max_replicas: 20 }}\n  workloads: {{ api: {{}}, worker: {{}} }}\n"
    )
}

/// The server's process: fills the store, says its address and tokens, and serves until it is killed.
async fn serve(folder: &Path) -> Outcome<()> {
    let store = tenantry_store::open(&folder.join("store.db").display().to_string()).await?;
    fill(&store).await?;
    let sealing = Audit::new(store.clone(), "load");
    let keys = SigningKeys::from_seed(&[7; SEED_LENGTH])?;
    // What filling wrote down is signed first: it is no part of what is measured.
    sealing.seal(&keys, Now.now()).await?;
    let listening = Listening::on("127.0.0.1:0".parse()?, None).await?;
    println!("{}", listening.url());
    for tenant in 0..ASKING {
        println!("{}", token(&store, tenant).await?);
    }
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if let Err(error) = sealing.seal(&keys, Now.now()).await {
                println!("not sealed: {error}");
            }
        }
    });
    let service = Service::new(store.clone(), Gate::new(store)?, Arc::new(Now), Limits::default());
    service.serve(listening, CancellationToken::new()).await;
    Ok(())
}

async fn fill(store: &Arc<Store>) -> Outcome<()> {
    let tenants = Tenants::new(store.clone());
    let tier = [File { source: "tier.yaml".into(), stem: None, text: "tier_config: { name: gold }\n".into() }];
    tenants.apply(&tier, &applying()).await?;
    let file = |tenant| File { source: format!("{tenant}.yaml"), stem: None, text: document(tenant, 0) };
    tenants.apply(&(0..TENANTS).map(file).collect::<Vec<_>>(), &applying()).await?;
    Ok(())
}

fn applying() -> Applying {
    Applying {
        owner: Owner::Api,
        by: Authorship { author: "ada".into(), at: Now.now(), reason: "filling".into() },
        dry_run: false,
        partial: false,
        removes: Default::default(),
        based_on: None,
        judged: Default::default(),
    }
}

async fn token(store: &Arc<Store>, tenant: usize) -> Outcome<String> {
    let id = TenantId::new(format!("t{tenant:05}"))?;
    let bindings = vec![Binding::new(Role::TenantEditor, Some(id.clone()))?];
    let asked = Asked { tenant: Some(id), name: "load".into(), bindings, lives: None };
    Ok(Tokens::new(store.clone()).create(&Scope::platform(), asked, "ada", Now.now()).await?.token.reveal())
}

/// The process of the server, as those who ask it see it.
struct Server {
    url: String,
    tokens: Vec<String>,
    process: Child,
}

impl Server {
    fn start(folder: &Path) -> Outcome<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut process = command.arg("serve").arg(folder).stdout(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(process.stdout.take().ok_or("the server says nothing")?).lines();
        let url = lines.next().ok_or("the server has not started")??;
        let tokens = lines.by_ref().take(ASKING).collect::<Result<Vec<_>, _>>()?;
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| println!("server: {line}")));
        Ok(Self { url, tokens, process })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Read,
    Write,
}

/// What was asked, how long after it was due its answer was there, and the answer's status.
type Answer = (Kind, Duration, u16);

struct Asking {
    client: Client,
    url: String,
    token: String,
    tenant: usize,
}

impl Asking {
    fn of(server: &Server, tenant: usize) -> Outcome<Arc<Self>> {
        let token = server.tokens.get(tenant).ok_or("no such tenant asks")?.clone();
        Ok(Arc::new(Self { client: Client::new(), url: server.url.clone(), token, tenant }))
    }

    async fn ask(&self, kind: Kind, number: u64, due: Instant) -> Answer {
        let own = format!("{}/v1/tenants/t{:05}", self.url, self.tenant);
        let request = match (kind, number % 3) {
            (Kind::Write, _) => {
                let put = self.client.request(Method::PUT, format!("{own}/config"));
                put.header("content-type", "application/yaml").body(document(self.tenant, number))
            }
            (Kind::Read, 0) => self.client.get(own),
            (Kind::Read, 1) => self.client.get(format!("{own}/config")),
            (Kind::Read, _) => self.client.get(format!("{own}/workloads")),
        };
        let status = match request.bearer_auth(&self.token).send().await {
            Ok(answer) => {
                let status = answer.status().as_u16();
                answer.bytes().await.map_or(0, |_| status)
            }
            Err(_) => 0,
        };
        (kind, due.elapsed(), status)
    }
}

/// Asks at a rate, `writes` of a hundred requests writing, in turn for each who asks; what was answered.
async fn at_rate(asking: Vec<Arc<Asking>>, rate: u64, writes: u64, seconds: u64) -> Vec<Answer> {
    let (answered, mut answers) = mpsc::unbounded_channel();
    let began = Instant::now();
    for (number, who) in (0..rate * seconds).zip(asking.iter().cycle()) {
        let due = began + Duration::from_nanos(number * 1_000_000_000 / rate);
        let early = due.saturating_duration_since(Instant::now());
        if early > Duration::from_micros(500) {
            tokio::time::sleep(early).await;
        }
        let kind = if number * 37 % 100 < writes { Kind::Write } else { Kind::Read };
        let (who, answered) = (who.clone(), answered.clone());
        tokio::spawn(async move { answered.send(who.ask(kind, number, due).await).ok() });
    }
    drop(answered);
    let mut all = Vec::new();
    while let Some(answer) = answers.recv().await {
        all.push(answer);
    }
    all
}

async fn under_load(server: &Server, rate: u64, writes: u64) -> Outcome<()> {
    let asking = (0..ASKING).map(|tenant| Asking::of(server, tenant)).collect::<Outcome<Vec<_>>>()?;
    at_rate(asking.clone(), rate / 4, writes, 2).await;
    let answers = at_rate(asking, rate, writes, SECONDS).await;
    println!("{rate} requests a second, {writes} % of them writes:");
    show("  reads", &answers, Kind::Read);
    show("  writes, durable", &answers, Kind::Write);
    Ok(())
}

/// A quiet tenant at 20 requests a second, alone, and beside one that asks a hundred times its share.
async fn beside_a_flood(server: &Server) -> Outcome<()> {
    let (quiet, flooding) = (Asking::of(server, 1)?, Asking::of(server, 2)?);
    let share = u64::from(Limits::default().rate);
    println!("a quiet tenant at 20 requests a second:");
    let mut ratios = Vec::new();
    for round in 1..=ROUNDS {
        let alone = at_rate(vec![quiet.clone()], 20, 0, SECONDS / 2).await;
        let flood = tokio::spawn(at_rate(vec![flooding.clone()], share * 100, 0, SECONDS / 2));
        let beside = at_rate(vec![quiet.clone()], 20, 0, SECONDS / 2).await;
        let flooded = flood.await?;
        let turned = flooded.iter().filter(|answer| answer.2 == 429).count();
        show(&format!("  alone, round {round}"), &alone, Kind::Read);
        show(&format!("  beside a flood of {}, {turned} turned away", flooded.len()), &beside, Kind::Read);
        ratios.push(quantile(&times(&beside, Kind::Read), 0.99) / quantile(&times(&alone, Kind::Read), 0.99));
    }
    ratios.sort_by(f64::total_cmp);
    println!("  p99 beside the flood over p99 alone, median of rounds: {:.2}", quantile(&ratios, 0.5));
    Ok(())
}

fn times(answers: &[Answer], kind: Kind) -> Vec<f64> {
    let of_kind = answers.iter().filter(|answer| answer.0 == kind);
    let mut times: Vec<f64> = of_kind.map(|answer| answer.1.as_secs_f64() * 1_000.0).collect();
    times.sort_by(f64::total_cmp);
    times
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "an index")]
fn quantile(sorted: &[f64], quantile: f64) -> f64 {
    let place = (sorted.len() as f64 * quantile) as usize;
    sorted.get(place.min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

fn show(title: &str, answers: &[Answer], kind: Kind) {
    let times = times(answers, kind);
    let bad = answers.iter().filter(|answer| answer.0 == kind && !(200..300).contains(&answer.2)).count();
    let [median, p99, worst] = [0.5, 0.99, 1.0].map(|part| quantile(&times, part));
    println!(
        "{title:<48}{:>7}  p50 {median:>7.2} ms  p99 {p99:>8.2} ms  worst {worst:>8.2} ms  {bad} not done",
        times.len()
    );
}
