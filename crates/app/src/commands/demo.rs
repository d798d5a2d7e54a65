//! `tenantry demo`: the real engine, store and planner in a simulated world, with HPA beside it on the same load.

mod load;
mod tenants;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use tenantry_domain::unit::Span;
use tenantry_engine::scope::Scope;

use super::top::{Feed, Source, live, plain};
use crate::terminal;
use world::House;

/// How often the screen is drawn anew.
const EVERY: Span = Span::from_millis(500);

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tenantry demo                     until q is pressed, or for a minute without a terminal
  tenantry demo --for 30s           end by itself
  tenantry demo --speed 600         ten minutes a second
  tenantry demo --traces DIR        load from CSV files: a time, then a column for each tenant")]
pub(crate) struct Demo {
    /// End after so long [default: never on a terminal, else 1m]
    #[arg(long = "for", value_name = "SPAN")]
    pub(crate) lasts: Option<Span>,
    /// How many seconds pass in the simulated world in one
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub(crate) speed: u32,
    /// Folder of recorded load [default: what `make demo` put into the cache, else made-up load]
    #[arg(long, value_name = "DIR")]
    pub(crate) traces: Option<PathBuf>,
    /// Chooses everything that happens by chance
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Days of history that the models learn before the show begins
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=14))]
    pub(crate) warm_up: u32,
}

pub(crate) async fn run(demo: Demo) -> anyhow::Result<ExitCode> {
    let shows = terminal::is_interactive();
    let loads = load::loads(demo.traces.as_deref(), demo.seed)?;
    terminal::note(&format!("load: {}", loads.said));
    let folder = Scratch::new()?;
    let store = tenantry_store::open(&format!("sqlite:{}", folder.0.join("demo.db").display())).await?;
    let tenants = tenants::declare(&store).await?;
    let mut house = House::build(&store, &tenants, &loads, demo.seed, demo.warm_up)?;
    terminal::note(&format!("the models learn {} simulated days first ...", demo.warm_up));
    house.warm_up().await;
    let board = house.board();
    let said = loads.said.clone();
    let banner = {
        let board = Arc::clone(&board);
        Arc::new(move || board.lines(&said))
    };
    let feed =
        Feed { source: Source::Store(Arc::clone(&store), Scope::platform()), banner: Some(banner), simulated: true };
    let lasts = demo.lasts.map(Span::as_duration).or((!shows).then_some(Duration::from_secs(60)));
    let stop = Arc::new(AtomicBool::new(false));
    let speed = demo.speed;
    let running = {
        let stop = Arc::clone(&stop);
        tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                house.pass(speed).await;
            }
            house.end().await;
        })
    };
    let shown = if shows { live(&feed, EVERY, lasts).await } else { wait(lasts.unwrap_or_default()).await };
    stop.store(true, Ordering::Relaxed);
    running.await.context("the simulated world broke")?;
    shown?;
    terminal::say(&plain(&feed).await?);
    store.close().await;
    Ok(ExitCode::SUCCESS)
}

async fn wait(lasts: Duration) -> anyhow::Result<()> {
    tokio::select! {
        () = tokio::time::sleep(lasts) => Ok(()),
        ended = tokio::signal::ctrl_c() => ended.context("the signal could not be waited for"),
    }
}

/// A folder that is gone when the demo is over.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("tenantry-demo-{}", std::process::id()));
        std::fs::create_dir_all(&path).with_context(|| format!("could not make the folder {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if std::fs::remove_dir_all(&self.0).is_err() {
            terminal::note(&format!("the folder {} could not be removed", self.0.display()));
        }
    }
}
