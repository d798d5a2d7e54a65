//! What a comparison says, trace by trace and over all of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{EqualViolations, Optimum, PolicyName, Replayed, Tally, Took, World};

/// The figures of one policy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Replicas times hours, starting ones too.
    pub replica_hours: f64,
    /// Over the clairvoyant optimum's at the same budget.
    pub cost_ratio_to_oracle: f64,
    /// Share of requests outside the objective.
    pub violating_request_share: f64,
    /// Share of requests in overloaded steps: the same, unless the objective is one of latency.
    pub overloaded_request_share: f64,
    /// What requests took on the mean, in service times.
    pub latency_mean: f64,
    /// What 95 % of requests took at most, in service times.
    pub latency_p95: f64,
    /// Minutes with requests outside the objective.
    pub violating_minutes: f64,
    /// Runs of such minutes.
    pub incidents: f64,
    /// Load served over capacity paid for.
    pub efficiency: f64,
    /// Changes of size.
    pub scale_events: f64,
    /// Changes in the other direction than the one before, in an hour.
    pub direction_changes_per_hour: f64,
    /// The most replicas that were missing at once.
    pub worst_shortage: f64,
}

/// One policy on one trace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The policy.
    pub policy: PolicyName,
    /// The trace.
    pub trace: String,
    /// What the policy was set to.
    pub setting: String,
    /// Its figures.
    #[serde(flatten)]
    pub figures: Figures,
    /// Whether it kept the error budget.
    pub keeps_budget: bool,
    /// Hours that were scored.
    pub hours: f64,
}

/// One policy over all traces.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The policy.
    pub policy: PolicyName,
    /// Traces.
    pub traces: usize,
    /// Traces on which it kept the error budget.
    pub keeps_budget: usize,
    /// Medians over traces.
    pub median: Figures,
    /// Sums over traces; means where a sum says nothing.
    pub total: Figures,
    /// Its replica-hours over those of `tenantry`, less one: the median over traces, with the bounds between which it
    /// lies with 95 % confidence (order statistics of the sign test).
    pub dearer_than_tenantry: Option<[f64; 3]>,
}

/// A trace that was left out, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The trace.
    pub trace: String,
    /// Why.
    pub reason: String,
}

/// HPA at one target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Frontier {
    /// The target, a share of a replica's capacity.
    pub target: f64,
    /// Replica-hours over the clairvoyant optimum's.
    pub cost_ratio_to_oracle: f64,
    /// Share of requests outside the objective.
    pub violating_request_share: f64,
    /// Runs of minutes with such requests.
    pub incidents: f64,
}

/// Tenantry beside the best that any HPA of [`PolicyName::HpaHindsight`]'s choice came to at no more replica-hours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct EqualCost {
    /// Incidents of Tenantry.
    pub tenantry_incidents: u64,
    /// The fewest incidents of an HPA that costs no more.
    pub hpa_incidents: u64,
    /// Share of requests outside the objective under Tenantry.
    pub tenantry_violating_request_share: f64,
    /// The least such share under an HPA that costs no more.
    pub hpa_violating_request_share: f64,
}

/// The whole comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// One row for each trace and policy.
    pub results: Vec<Row>,
    /// One for each policy.
    pub summary: Vec<Summary>,
    /// HPA at each target: medians over traces, incidents in all.
    pub frontier: Vec<Frontier>,
    /// At equal cost: incidents in all, and medians of shares, over the traces where an HPA is as cheap.
    pub equal_cost: Option<EqualCost>,
    /// Tenantry held to the requests that HPA failed, where both were asked for.
    pub equal_violations: Option<EqualViolations>,
    /// What is assumed of the world.
    pub assumptions: Vec<String>,
    /// Traces that were left out.
    pub left_out: Vec<LeftOut>,
}

#[expect(clippy::cast_precision_loss, reason = "counts of a trace's steps are far below 2^53")]
const fn count(of: u64) -> f64 {
    of as f64
}

impl Row {
    pub(super) fn new(
        policy: PolicyName,
        trace: &str,
        setting: String,
        tally: &Tally,
        took: &Took,
        best: &Optimum,
    ) -> Self {
        let figures = Figures {
            replica_hours: tally.replica_hours(),
            cost_ratio_to_oracle: if best.cost > 0.0 { tally.cost / best.cost } else { 1.0 },
            violating_request_share: took.late_share.unwrap_or(tally.failed_share()),
            overloaded_request_share: tally.failed_share(),
            latency_mean: took.mean,
            latency_p95: took.p95,
            violating_minutes: count(tally.minutes),
            incidents: count(tally.incidents),
            efficiency: tally.efficiency(),
            scale_events: count(tally.events),
            direction_changes_per_hour: tally.turns_per_hour(),
            worst_shortage: tally.shortage,
        };
        Self { policy, trace: trace.to_owned(), setting, figures, keeps_budget: false, hours: tally.hours() }
    }
}

impl Report {
    /// Sums up many traces.
    #[must_use]
    pub fn new(replayed: &[Replayed], left_out: Vec<LeftOut>, world: &World) -> Self {
        let mut results: Vec<Row> = replayed.iter().flat_map(|one| one.rows.iter().cloned()).collect();
        for row in &mut results {
            row.keeps_budget = row.figures.violating_request_share <= world.error_budget;
        }
        let ours: BTreeMap<&str, f64> = results
            .iter()
            .filter(|row| row.policy == PolicyName::Tenantry)
            .map(|row| (row.trace.as_str(), row.figures.replica_hours))
            .collect();
        let summary = PolicyName::ALL.iter().filter_map(|policy| {
            let rows: Vec<&Row> = results.iter().filter(|row| row.policy == *policy).collect();
            (!rows.is_empty()).then(|| summary(*policy, &rows, &ours))
        });
        let summary = summary.collect();
        Self {
            results,
            summary,
            // What an HPA of each target failed is known by overloaded steps alone.
            frontier: if world.latency_objective.is_none() { frontier(replayed) } else { Vec::new() },
            equal_cost: equal_cost(replayed),
            equal_violations: EqualViolations::over(replayed),
            assumptions: world.assumptions(),
            left_out,
        }
    }
}

/// How each figure is read and written.
type Figure = (fn(&Figures) -> f64, fn(&mut Figures) -> &mut f64, bool);
const FIGURES: [Figure; 12] = [
    (|f| f.replica_hours, |f| &mut f.replica_hours, true),
    (|f| f.cost_ratio_to_oracle, |f| &mut f.cost_ratio_to_oracle, false),
    (|f| f.violating_request_share, |f| &mut f.violating_request_share, false),
    (|f| f.overloaded_request_share, |f| &mut f.overloaded_request_share, false),
    (|f| f.latency_mean, |f| &mut f.latency_mean, false),
    (|f| f.latency_p95, |f| &mut f.latency_p95, false),
    (|f| f.violating_minutes, |f| &mut f.violating_minutes, true),
    (|f| f.incidents, |f| &mut f.incidents, true),
    (|f| f.efficiency, |f| &mut f.efficiency, false),
    (|f| f.scale_events, |f| &mut f.scale_events, true),
    (|f| f.direction_changes_per_hour, |f| &mut f.direction_changes_per_hour, false),
    (|f| f.worst_shortage, |f| &mut f.worst_shortage, false),
];

fn summary(policy: PolicyName, rows: &[&Row], ours: &BTreeMap<&str, f64>) -> Summary {
    let (mut median, mut total) = (Figures::default(), Figures::default());
    for (read, write, adds) in FIGURES {
        let values: Vec<f64> = rows.iter().map(|row| read(&row.figures)).collect();
        let sum: f64 = values.iter().sum();
        *write(&mut median) = middle(values);
        *write(&mut total) = if adds { sum } else { sum / count(rows.len() as u64) };
    }
    let dearer = rows.iter().filter_map(|row| {
        let ours = ours.get(row.trace.as_str()).filter(|ours| **ours > 0.0)?;
        Some(row.figures.replica_hours / ours - 1.0)
    });
    Summary {
        policy,
        traces: rows.len(),
        keeps_budget: rows.iter().filter(|row| row.keeps_budget).count(),
        median,
        total,
        dearer_than_tenantry: confident(dearer.collect()),
    }
}

fn frontier(replayed: &[Replayed]) -> Vec<Frontier> {
    let targets = replayed.first().map_or(0, |one| one.frontier.len());
    let at = |place: usize| {
        let all: Vec<&Frontier> = replayed.iter().filter_map(|one| one.frontier.get(place)).collect();
        Frontier {
            target: all.first().map_or(0.0, |one| one.target),
            cost_ratio_to_oracle: middle(all.iter().map(|one| one.cost_ratio_to_oracle).collect()),
            violating_request_share: middle(all.iter().map(|one| one.violating_request_share).collect()),
            incidents: all.iter().map(|one| one.incidents).sum(),
        }
    };
    (0..targets).map(at).collect()
}

fn equal_cost(replayed: &[Replayed]) -> Option<EqualCost> {
    let all: Vec<&EqualCost> = replayed.iter().filter_map(|one| one.equal_cost.as_ref()).collect();
    (!all.is_empty()).then(|| EqualCost {
        tenantry_incidents: all.iter().map(|one| one.tenantry_incidents).sum(),
        hpa_incidents: all.iter().map(|one| one.hpa_incidents).sum(),
        tenantry_violating_request_share: middle(all.iter().map(|one| one.tenantry_violating_request_share).collect()),
        hpa_violating_request_share: middle(all.iter().map(|one| one.hpa_violating_request_share).collect()),
    })
}

pub(super) fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = |place: usize| values.get(place).copied().unwrap_or(0.0);
    match values.len() {
        0 => 0.0,
        n if n.is_multiple_of(2) => f64::midpoint(at(n / 2 - 1), at(n / 2)),
        n => at(n / 2),
    }
}

/// The median with its 95 % bounds: half of the values lie under the true median, each by a coin's toss.
pub(super) fn confident(mut values: Vec<f64>) -> Option<[f64; 3]> {
    let (first, last) = (values.len().checked_sub(1).map(|_| 0)?, values.len() - 1);
    values.sort_by(f64::total_cmp);
    let n = count(values.len() as u64);
    let reach = 0.98 * libm::sqrt(n);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place among the values")]
    let place = |at: f64| (libm::round(at).max(0.0) as usize).clamp(first, last);
    let at = |place: usize| values.get(place).copied().unwrap_or(0.0);
    let bounds = (at(place(n / 2.0 - reach - 0.5)), at(place(n / 2.0 + reach - 0.5)));
    Some([middle(values.clone()), bounds.0, bounds.1])
}
