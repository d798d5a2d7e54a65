//! How things stand, asked of a running server.

use serde::Deserialize;
use serde_json::json;
use tenantry_domain::id::{SignalName, TenantId, WorkloadKey, WorkloadName};
use tenantry_domain::plan::{Generation, Hold};
use tenantry_domain::spec::{Strategy, Target};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::{Bounds, MicroUsd, Milli, Replicas, Span};
use tenantry_domain::vertical::VerticalMode;
use tenantry_engine::status::{ControllerStatus, SignalStatus, WorkloadStatus};

use super::screen::Picture;
use super::{DECISIONS_SHOWN, head_of};
use crate::server::{Server, With, instant, maybe_instant, read};
use crate::time;

/// Whom the screen asks, and about whom.
pub(crate) struct Served {
    pub(crate) server: Server,
    pub(crate) tenant: Option<TenantId>,
}

impl Served {
    /// Asks how things stand, with the decisions of the workload that is open.
    ///
    /// # Errors
    /// As those of [`Server::get`].
    pub(crate) async fn picture(&self, open: Option<&WorkloadKey>) -> anyhow::Result<Picture> {
        let tenant = [("tenant", self.tenant.as_ref().map(ToString::to_string))];
        let listed = self.server.list("/v1/workloads", &tenant, None).await?;
        let workloads = listed.into_iter().map(|one| read::<Workload>(one)?.status()).collect::<Result<Vec<_>, _>>()?;
        let Health { controllers, problems } = read(self.server.get("/v1/status", With::default()).await?)?;
        // To who sees only tenants nothing is said of controllers, not even that there is none.
        let tells_controllers = !controllers.is_empty() || problems.iter().any(|one| one.about == "server");
        let is_of_workload = |one: &&Wrong| workloads.iter().any(|status| status.key.to_string() == one.about);
        let mut troubles: Vec<String> =
            problems.iter().filter(|one| !is_of_workload(one)).map(|one| one.what.clone()).collect();
        let mut told = Vec::new();
        for controller in controllers {
            let troubles = if controller.leading { std::mem::take(&mut troubles) } else { Vec::new() };
            told.push(controller.status(troubles)?);
        }
        let decisions = match open {
            None => Vec::new(),
            Some(key) => self.decisions(key).await?,
        };
        let controllers = tells_controllers.then_some(told);
        Ok(Picture { now: time::now(), workloads, controllers, decisions, banner: Vec::new() })
    }

    async fn decisions(&self, key: &WorkloadKey) -> anyhow::Result<Vec<String>> {
        #[derive(Deserialize)]
        struct Listed {
            id: u64,
            #[serde(deserialize_with = "instant")]
            at: Timestamp,
        }
        #[derive(Deserialize)]
        struct Explained {
            reasons: Vec<String>,
        }
        let path = format!("/v1/tenants/{}/workloads/{}/decisions", key.tenant, key.workload);
        let (mut lines, now) = (Vec::new(), time::now());
        for one in self.server.list(&path, &[], usize::try_from(DECISIONS_SHOWN).ok()).await? {
            let Listed { id, at } = read(one)?;
            let Explained { reasons } = read(self.server.get(&format!("{path}/{id}"), With::default()).await?)?;
            lines.push(head_of(at, now));
            lines.extend(reasons.into_iter().map(|line| format!("  {line}")));
            lines.push(String::new());
        }
        Ok(lines)
    }
}

#[derive(Deserialize)]
struct Health {
    controllers: Vec<Controller>,
    problems: Vec<Wrong>,
}

#[derive(Deserialize)]
struct Wrong {
    about: String,
    what: String,
}

#[derive(Deserialize)]
struct Controller {
    holder: String,
    #[serde(deserialize_with = "instant")]
    at: Timestamp,
    #[serde(deserialize_with = "instant")]
    started_at: Timestamp,
    leading: bool,
    acts: bool,
    period_seconds: f64,
    generation: String,
    took_seconds: f64,
    workloads: usize,
}

impl Controller {
    fn status(self, troubles: Vec<String>) -> anyhow::Result<ControllerStatus> {
        let (epoch, cycle) = self.generation.split_once('.').unwrap_or((&self.generation, "0"));
        Ok(ControllerStatus {
            generation: Generation { epoch: epoch.parse()?, cycle: cycle.parse()? },
            holder: self.holder,
            at: self.at,
            started_at: self.started_at,
            leading: self.leading,
            acts: self.acts,
            period: span(self.period_seconds),
            took: span(self.took_seconds),
            workloads: self.workloads,
            failed_queries: Vec::new(),
            troubles,
            notices: Vec::new(),
        })
    }
}

#[derive(Deserialize)]
struct Workload {
    tenant: TenantId,
    name: WorkloadName,
    #[serde(deserialize_with = "instant")]
    at: Timestamp,
    target: String,
    strategy: Strategy,
    min_replicas: u32,
    max_replicas: u32,
    current: Option<u32>,
    ready: u32,
    wanted: Option<u32>,
    decided: Option<u32>,
    state: String,
    detail: Option<String>,
    signals: Vec<Signal>,
    startup_delay_seconds: f64,
    hour_cost_usd: Option<f64>,
    #[serde(deserialize_with = "maybe_instant")]
    blind_since: Option<Timestamp>,
    trouble: Option<String>,
}

#[derive(Deserialize)]
struct Signal {
    name: SignalName,
    target: String,
    now: Option<f64>,
    missing: Option<String>,
    expected: Option<f64>,
    trusted: bool,
    demand: Vec<String>,
    follows: bool,
}

impl Workload {
    /// As the screen shows it; what containers request is not on it.
    fn status(self) -> anyhow::Result<WorkloadStatus> {
        let key = WorkloadKey { tenant: self.tenant, workload: self.name };
        let hold = match (self.state.as_str(), &self.detail) {
            ("scaling", _) => None,
            // With whom an object is shared is not always told, and not shown.
            ("rival", _) => Some(Hold::Rival(key.clone())),
            ("broken", law) => Some(Hold::Broken(law.clone().unwrap_or_default())),
            (state, _) => Some(read(json!(state))?),
        };
        let unreadable = self.detail.filter(|_| hold == Some(Hold::Unreadable));
        Ok(WorkloadStatus {
            key,
            at: self.at,
            target: self.target,
            strategy: self.strategy,
            bounds: Bounds::new(Replicas::new(self.min_replicas), Replicas::new(self.max_replicas))?,
            current: self.current.map(Replicas::new),
            ready: Replicas::new(self.ready),
            wanted: self.wanted.map(Replicas::new),
            decided: self.decided.map(Replicas::new),
            hold,
            signals: self.signals.into_iter().map(Signal::status).collect::<Result<_, _>>()?,
            startup_delay: span(self.startup_delay_seconds),
            hour_cost: self.hour_cost_usd.map(|usd| MicroUsd(thousandths(usd * 1e3))),
            blind_since: self.blind_since,
            trouble: self.trouble,
            unreadable,
            vertical_mode: VerticalMode::default(),
            vertical: Vec::new(),
            unmeasured: None,
        })
    }
}

impl Signal {
    fn status(self) -> anyhow::Result<SignalStatus> {
        let milli = |value: f64| Milli(thousandths(value));
        Ok(SignalStatus {
            name: self.name,
            target: target(&self.target)?,
            now: self.now.map(milli).ok_or_else(|| self.missing.unwrap_or_default()),
            expected: self.expected.map(milli),
            trusted: self.trusted,
            demand: self.demand,
            follows: self.follows,
        })
    }
}

/// What a signal is held against, as it is written.
fn target(text: &str) -> anyhow::Result<Target> {
    let milli = |text: &str| anyhow::Ok(Milli(thousandths(text.parse::<f64>()?)));
    if let Some(percent) = text.strip_suffix('%') {
        return Ok(Target::Utilization(percent.parse()?));
    }
    match text.strip_suffix(" per replica") {
        Some(value) => Ok(Target::PerReplica(milli(value)?)),
        None => Ok(Target::Value(milli(text)?)),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a cast that does not fit takes the nearest that does")]
fn thousandths(value: f64) -> i64 {
    (value * 1e3).round() as i64
}

fn span(seconds: f64) -> Span {
    Span::from_millis(u64::try_from(thousandths(seconds)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_as_they_are_written() {
        for written in [Target::Utilization(70), Target::PerReplica(Milli(70_500)), Target::Value(Milli(3_000))] {
            assert_eq!(target(&written.to_string()).unwrap(), written);
        }
        assert!(target("much").is_err());
    }

    #[test]
    fn a_state_is_held_as_it_is_there() {
        let listed = |state: &str| -> serde_json::Value {
            json!({
                "tenant": "acme", "name": "api", "at": "2026-03-01T09:30:00Z", "target": "Deployment acme/web",
                "strategy": "predictive", "min_replicas": 2, "max_replicas": 50, "current": 4, "ready": 4, "wanted": 6,
                "decided": 6, "state": state, "detail": null, "signals": [], "startup_delay_seconds": 30.5,
                "hour_cost_usd": 0.4, "blind_since": null, "trouble": null
            })
        };
        let status = |state: &str| read::<Workload>(listed(state)).unwrap().status().unwrap();
        assert_eq!(status("scaling").hold, None);
        let words = ["steady", "disabled", "paused", "unreadable", "blind", "asleep", "foreign_scaler", "waiting"];
        for (word, shown) in words.map(|word| (word, status(word).held())) {
            assert!(shown.is_some(), "{word}");
        }
        assert_eq!(status("rival").held(), Some("shared object"));
        let scaling = status("scaling");
        assert_eq!((scaling.startup_delay, scaling.hour_cost), (Span::from_millis(30_500), Some(MicroUsd(400_000))));
    }
}
