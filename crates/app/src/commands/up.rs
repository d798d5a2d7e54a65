//! `tenantry up`: the server.

mod api;
mod backups;
mod connect;
mod folder;
mod identities;
mod noticed;
mod receivers;
mod sealing;
mod servers;
mod settings;
mod sources;
mod witnessing;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tenantry_domain::unit::Span;
use tenantry_engine::driver::{Driver, Notices, Options, Ports};
use tenantry_engine::lease::StoreLease;
use tenantry_engine::ports::Clock as _;
use tenantry_engine::ports::cluster::Lease;
use tenantry_engine::status::Notice;
use tenantry_engine::tenants::Tenants;
use tenantry_engine::view;
use tenantry_forecast::Settings as ForecastSettings;
use tenantry_operator::{Connection, KubernetesCluster, KubernetesLease, permissions};
use tenantry_store::Store;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{info, warn};
use tracing_subscriber::EnvFilter;

use crate::cli::Common;
use crate::place;
use crate::time::SystemClock;
use noticed::Noticed;
use settings::{LeaseKind, LogFormat, Mode, Resolved};

pub(crate) use identities::Undeclared;
pub(crate) use settings::Up;

/// Name of the lease, wherever it is.
const LEASE: &str = "tenantry";

pub(crate) async fn run(common: &Common, asked: Up) -> anyhow::Result<ExitCode> {
    let began = Instant::now();
    let settings = asked.resolve(common.store.clone())?;
    log(&settings)?;
    let mut ends = [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?];
    let store = place::open(settings.store.as_deref(), &common.keys).await?;
    let noticed = Noticed::default();
    let sealing = sealing::begin(&settings, &store, &noticed).await?;
    let tenants = Tenants::new(store.clone());
    let watching = match &settings.config {
        Some(folder) => Some(folder::watch(folder.clone(), tenants.clone(), noticed.clone()).await?),
        None => None,
    };
    let metrics = sources::sources(&settings)?;
    let backups = backups::begin(common, &settings, &store).await?;
    // Before Kubernetes is reached, so that the API can tell that it is not.
    let api = api::serve(&settings, &store, &sealing.lags).await?;
    let Some(connection) = connect::connect(&settings, &store, &mut ends, &noticed).await? else {
        api::end(api).await;
        backups::end(backups).await;
        sealing::end(sealing).await;
        forget(&store, &settings.holder).await;
        return Ok(ExitCode::SUCCESS);
    };
    info!(url = connection.url, version = connection.version, "Kubernetes answers");
    check_rights(&connection, &settings, &noticed).await;
    let clock = Arc::new(SystemClock);
    let mut cluster = KubernetesCluster::watch(connection.clone(), &settings.holder);
    let name = lease_name(settings.mode);
    let lease: Arc<dyn Lease> = match settings.lease {
        LeaseKind::Kubernetes => {
            let term = settings.lease_term.as_duration();
            let lease = KubernetesLease::new(&connection, &settings.lease_namespace, &name, &settings.holder, term);
            cluster = cluster.fenced_by(lease.fence());
            Arc::new(lease)
        }
        LeaseKind::Store => {
            Arc::new(StoreLease::new(store.clone(), clock.clone(), &name, &settings.holder, settings.lease_term))
        }
    };
    let ports = Ports { clock: clock.clone(), store: store.clone(), cluster: Arc::new(cluster), metrics, lease };
    let mut driver = Driver::new(ports, Arc::new(tenants), options(&settings, noticed.notices())?);
    let mut told = false;
    loop {
        // A cycle that has begun is finished: what was recorded is applied and settled.
        let turn = driver.turn().await;
        if !told {
            told = true;
            tell_ready(&settings, &store, driver.fleet().len(), began);
        }
        let Some(wake) = turn.wake else { break };
        let sleep = wake.since(clock.now()).min(settings.cycle).as_duration();
        if rest(sleep, &mut driver, &noticed, &mut ends).await {
            break;
        }
    }
    info!("ending: what was learned is kept, and the lease given up");
    // Those who ask are answered while the driver keeps what it learned.
    tokio::join!(api::end(api), driver.stop());
    forget(&store, &settings.holder).await;
    drop(watching);
    backups::end(backups).await;
    sealing::end(sealing).await;
    store.close().await;
    Ok(ExitCode::SUCCESS)
}

fn tell_ready(settings: &Resolved, store: &Store, workloads: usize, began: Instant) {
    let mode = if settings.mode == Mode::Observe { "observes and writes nothing" } else { "acts" };
    let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    info!(workloads, millis, store = store.describe(), mode, "ready");
}

/// Sleeps until the next cycle, and tells what is noticed meanwhile; whether the server is to end.
async fn rest(sleep: Duration, driver: &mut Driver, noticed: &Noticed, ends: &mut [Signal; 2]) -> bool {
    let until = tokio::time::Instant::now() + sleep;
    let [terminated, interrupted] = ends;
    loop {
        tokio::select! {
            biased;
            _ = terminated.recv() => return true,
            _ = interrupted.recv() => return true,
            () = noticed.changed() => driver.tell().await,
            () = tokio::time::sleep_until(until) => return false,
        }
    }
}

/// Who was killed is missed by `tenantry status`; who has ended is not.
async fn forget(store: &Store, holder: &str) {
    if let Err(error) = view::drop_controller(store, holder, SystemClock.now()).await {
        warn!(%error, "what `tenantry status` shows is old");
    }
}

/// Says at once what will not work for want of a right, and keeps saying it in the status.
async fn check_rights(connection: &Connection, settings: &Resolved, noticed: &Noticed) {
    match permissions(connection, &settings.lease_namespace).await {
        Ok(rights) => {
            let needless = |what: &str| {
                (settings.mode == Mode::Observe && (what.starts_with("patch") || what == "create events"))
                    || (settings.lease == LeaseKind::Store && what.ends_with("leases"))
            };
            let missing = rights.into_iter().filter(|right| !right.allowed && !needless(&right.what));
            for right in missing {
                let what = format!("not allowed to {}, which is needed to {}", right.what, right.purpose);
                warn!("{what}; see deploy/kubernetes/rbac.yaml");
                let to_do = "apply deploy/kubernetes/rbac.yaml, and start the server again".to_owned();
                noticed.set(&right.what, Some(&Notice { what, to_do }));
            }
        }
        Err(error) => warn!(%error, "rights could not be checked"),
    }
}

/// Those who only observe do not keep those who act waiting.
fn lease_name(mode: Mode) -> String {
    match mode {
        Mode::Act => LEASE.to_owned(),
        Mode::Observe => format!("{LEASE}-observe"),
    }
}

fn log(settings: &Resolved) -> anyhow::Result<()> {
    // What Kubernetes' client says of a failed request, every caller says with what it was about.
    let filter = EnvFilter::try_new(format!("kube_client::client::builder=off,{}", settings.log))
        .with_context(|| format!("`{}` is no log filter; try `info`", settings.log))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let set = match settings.log_format {
        LogFormat::Text => {
            builder.with_target(false).with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init()
        }
        LogFormat::Json => builder.json().try_init(),
    };
    set.map_err(|error| anyhow::anyhow!("the log could not be set up: {error}"))
}

fn options(settings: &Resolved, notices: Notices) -> anyhow::Result<Options> {
    let season = settings.season.map(|season| season.as_millis_i64());
    Ok(Options {
        holder: settings.holder.clone(),
        acts: settings.mode == Mode::Act,
        period: settings.cycle,
        lease_term: settings.lease_term,
        concurrency: settings.concurrency,
        patience: settings.tenant_query_time,
        forecast: ForecastSettings::new(settings.forecast_step.as_millis_i64(), season)
            .context("--forecast-step and --season do not fit together")?,
        repeat_holds_after: Span::from_secs(600),
        keep_status_every: settings.cycle.min(Span::from_secs(5)),
        keep_models_every: Span::from_secs(300),
        keep_holds: settings.keep_holds,
        keep_changes: settings.keep_changes,
        records_per_workload: 10_000,
        notices,
    })
}
