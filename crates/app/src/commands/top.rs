//! `tenantry top`: tenants and workloads, live.

mod draw;
mod screen;
mod served;
mod tenants;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use crossterm::event::{self, Event, KeyEventKind};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use tenantry_domain::id::WorkloadKey;
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Span;
use tenantry_engine::ports::store::{ControlStore as _, DecisionFilter};
use tenantry_engine::record::read;
use tenantry_engine::scope::Scope;
use tenantry_engine::view;
use tenantry_store::Store;

use self::served::Served;
use crate::cli::{Common, Top};
use crate::server::Server;
use crate::{place, terminal, time};

pub(crate) use screen::{Picture, Screen, Wish};

/// Decisions shown of an opened workload.
const DECISIONS_SHOWN: u32 = 6;
/// Size of a picture that is not on a terminal.
const PLAIN_WIDTH: u16 = 132;

/// What the screen shows, wherever it comes from.
pub(crate) struct Feed {
    pub(crate) source: Source,
    /// Lines under the head that the store does not hold, such as the demo's comparison; made anew for each picture.
    pub(crate) banner: Option<Arc<dyn Fn() -> Vec<String> + Send + Sync>>,
    /// Whether times are those of a simulated world, whose clock is that of its newest status.
    pub(crate) simulated: bool,
}

/// Where it comes from.
pub(crate) enum Source {
    /// A store.
    Store(Arc<Store>, Scope),
    /// A running server.
    Server(Box<Served>),
}

impl Feed {
    /// Reads how things stand, with the decisions of the workload that is open.
    ///
    /// # Errors
    /// A store or a server that does not answer.
    pub(crate) async fn picture(&self, open: Option<&WorkloadKey>) -> anyhow::Result<Picture> {
        let (store, scope) = match &self.source {
            Source::Store(store, scope) => (store, scope),
            Source::Server(served) => return served.picture(open).await,
        };
        let workloads = view::workloads(store.as_ref(), scope).await?;
        let controllers = view::controllers(store.as_ref()).await?;
        let newest = controllers.iter().map(|controller| controller.at).max();
        let now = newest.filter(|_| self.simulated).unwrap_or_else(time::now);
        let decisions = match open {
            None => Vec::new(),
            Some(key) => {
                let filter = DecisionFilter { key: Some(key.clone()), ..DecisionFilter::default() };
                let records = store.decisions(scope, &filter, DECISIONS_SHOWN).await?;
                let mut lines = Vec::new();
                for record in &records {
                    let (inputs, planned) = read(record)?;
                    lines.push(head_of(record.at, now));
                    let why = tenantry_engine::explain(&inputs.spec, &inputs.snapshot, &planned, &record.outcome);
                    lines.extend(why.into_iter().map(|line| format!("  {line}")));
                    lines.push(String::new());
                }
                lines
            }
        };
        let banner = self.banner.as_ref().map(|make| make()).unwrap_or_default();
        Ok(Picture { now, workloads, controllers: Some(controllers), decisions, banner })
    }
}

/// The head of a decision.
fn head_of(at: Timestamp, now: Timestamp) -> String {
    format!("{at}  {} ago", time::age(now.since(at)))
}

pub(crate) async fn run(common: &Common, command: Top) -> anyhow::Result<ExitCode> {
    let store = place::open(common.store.as_deref(), &common.keys).await?;
    let scope = command.tenant.clone().map_or_else(Scope::platform, Scope::tenant);
    watched(Source::Store(store, scope), &command).await
}

/// The same of a running server.
///
/// # Errors
/// A terminal that does not work, or a server that does not answer.
pub(crate) async fn run_served(server: Server, command: Top) -> anyhow::Result<ExitCode> {
    let served = Served { server, tenant: command.tenant.clone() };
    watched(Source::Server(Box::new(served)), &command).await
}

async fn watched(source: Source, command: &Top) -> anyhow::Result<ExitCode> {
    let feed = Feed { source, banner: None, simulated: false };
    if command.once || !terminal::is_interactive() {
        terminal::say(&plain(&feed).await?);
        return Ok(ExitCode::SUCCESS);
    }
    live(&feed, command.every, None).await?;
    Ok(ExitCode::SUCCESS)
}

/// One picture as text.
///
/// # Errors
/// A store that does not answer.
pub(crate) async fn plain(feed: &Feed) -> anyhow::Result<String> {
    let picture = feed.picture(None).await?;
    let height = u16::try_from(picture.workloads.len() + picture.banner.len() + 9).unwrap_or(200).min(200);
    let mut screen = Screen::without_keys();
    screen.show(picture);
    let mut terminal = Terminal::new(TestBackend::new(PLAIN_WIDTH, height)).context("no picture could be drawn")?;
    terminal.draw(|frame| draw::draw(frame, &mut screen)).context("no picture could be drawn")?;
    let text = terminal.backend().to_string();
    let lines: Vec<&str> = text.lines().map(|line| line.trim_matches('"').trim_end()).collect();
    Ok(lines.join("\n").trim_end().to_owned())
}

/// Shows the screen until the person has had enough, or `lasts` is over.
///
/// # Errors
/// A terminal that does not work, or a store that does not answer.
pub(crate) async fn live(feed: &Feed, every: Span, lasts: Option<Duration>) -> anyhow::Result<()> {
    let mut terminal = ratatui::try_init().context("the terminal could not be taken over; try `--once`")?;
    let shown = tokio::select! {
        shown = show(feed, every, &mut terminal) => shown,
        () = wait(lasts) => Ok(()),
    };
    ratatui::restore();
    shown
}

async fn wait(lasts: Option<Duration>) {
    match lasts {
        Some(lasts) => tokio::time::sleep(lasts).await,
        None => std::future::pending().await,
    }
}

async fn show(feed: &Feed, every: Span, terminal: &mut ratatui::DefaultTerminal) -> anyhow::Result<()> {
    let mut screen = Screen::default();
    loop {
        screen.show(feed.picture(screen.open()).await?);
        terminal.draw(|frame| draw::draw(frame, &mut screen)).context("the terminal does not answer")?;
        let until = tokio::time::Instant::now() + every.as_duration().max(Duration::from_millis(100));
        loop {
            // Keys are read on a thread of their own kind: the read blocks.
            let event = tokio::task::spawn_blocking(|| {
                if event::poll(Duration::from_millis(50))? { event::read().map(Some) } else { Ok(None) }
            });
            let mut anew = tokio::time::Instant::now() >= until;
            match event.await.context("reading keys failed")?.context("reading keys failed")? {
                Some(Event::Key(key)) if key.kind == KeyEventKind::Press => match screen.key(key) {
                    Wish::Quit => return Ok(()),
                    Wish::Reload => anew = true,
                    Wish::Redraw => {
                        terminal
                            .draw(|frame| draw::draw(frame, &mut screen))
                            .context("the terminal does not answer")?;
                    }
                },
                Some(Event::Resize(..)) => anew = true,
                _ => {}
            }
            if anew {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests;
