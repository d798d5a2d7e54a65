//! The HTTP API beside the control loop.

use std::sync::Arc;

use tenantry_api::{Limits, Listening, Service};
use tenantry_engine::access::{Gate, Tokens};
use tenantry_engine::audit::delivery::Lags;
use tenantry_engine::ports::Clock as _;
use tenantry_store::Store;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::identities;
use super::settings::{Resolved, Serves};
use crate::terminal;
use crate::time::SystemClock;

/// The API while it is served.
pub(super) struct Serving {
    ended: CancellationToken,
    task: JoinHandle<()>,
}

/// Serves the API where the settings say so. On the first start there is a token for the administrator, shown this once.
///
/// # Errors
/// An address that cannot be had, and a certificate that cannot be used.
pub(super) async fn serve(settings: &Resolved, store: &Arc<Store>, lags: &Lags) -> anyhow::Result<Option<Serving>> {
    let Some(Serves { address, identity }) = &settings.serves else { return Ok(None) };
    let known = identities::read(settings).await?;
    let listening = Listening::on(*address, identity.as_ref()).await?;
    let clock = Arc::new(SystemClock);
    if let Some(issued) = Tokens::new(store.clone()).bootstrap(clock.now()).await? {
        first_token(&issued.token.reveal(), &listening.url());
    }
    info!(url = listening.url(), "the API is served");
    let usual = Limits::default();
    let limits = Limits { break_glass: settings.flags.break_glass_max.unwrap_or(usual.break_glass), ..usual };
    let service =
        Service::knowing(known, store.clone(), Gate::new(store.clone())?, clock, limits).telling(lags.clone());
    let ended = CancellationToken::new();
    let task = tokio::spawn(service.serve(listening, ended.clone()));
    Ok(Some(Serving { ended, task }))
}

/// Ends it when what is under way is answered.
pub(super) async fn end(serving: Option<Serving>) {
    let Some(Serving { ended, task }) = serving else { return };
    ended.cancel();
    if let Err(error) = task.await {
        warn!(%error, "the API did not end in order");
    }
}

/// To the standard output and not to the log, which others may read.
fn first_token(token: &str, url: &str) {
    terminal::say(&format!(
        "first start: this token may do everything, and is shown only now; keep it safe\n  TENANTRY_TOKEN={token}\n  \
         curl -H \"Authorization: Bearer $TENANTRY_TOKEN\" {url}/v1/whoami"
    ));
}
