//! What an evaluation says over many traces.

use serde::{Deserialize, Serialize};
use tenantry_domain::unit::Span;

use super::{Ahead, LEVELS, MEDIAN, Method, Origins, Row};
use crate::backtest::LeftOut;

/// Losses under this share of the load are as good as none, and ratios are not taken of less.
const LOSS_MIN: f64 = 1e-6;
/// Two medians whose errors differ by less than this share are equally good.
const EQUAL: f64 = 1e-9;

/// Our loss over another's at one level.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LevelRatio {
    /// The probability.
    pub level: f64,
    /// Geometric mean over traces; under 1 we are better.
    pub ratio: f64,
    /// Share of traces on which ours is not worse.
    pub not_worse: f64,
}

/// Ours against another method at one horizon, over all traces.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// How far ahead.
    pub horizon: Span,
    /// Where forecasts were asked for.
    pub origins: Origins,
    /// The other.
    pub against: Method,
    /// Traces on which both speak.
    pub traces: usize,
    /// Our weighted quantile loss over the other's, the geometric mean over traces.
    pub wql_ratio: f64,
    /// Share of traces on which ours is not worse.
    pub wql_not_worse: f64,
    /// Share of traces on which our median's error is not worse.
    pub median_not_worse: f64,
    /// Each level from the median up.
    pub levels: Vec<LevelRatio>,
}

/// What a method's quantiles cover at one horizon and level, over all traces.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// How far ahead.
    pub horizon: Span,
    /// Where forecasts were asked for.
    pub origins: Origins,
    /// Whose.
    pub method: Method,
    /// The probability: what ought to be covered.
    pub level: f64,
    /// Traces.
    pub traces: usize,
    /// Mean over traces.
    pub mean: f64,
    /// The least.
    pub least: f64,
    /// On which trace.
    pub least_on: String,
    /// The most.
    pub most: f64,
    /// On which trace.
    pub most_on: String,
}

/// The whole evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// One row for each trace, horizon, choice of origins and method.
    pub results: Vec<Row>,
    /// Ours against each other method.
    pub summary: Vec<Comparison>,
    /// What quantiles cover.
    pub coverage: Vec<Coverage>,
    /// What comes after the end of each trace, hour by hour, where a horizon of six hours or more was asked for.
    pub ahead: Vec<Ahead>,
    /// How it was done.
    pub assumptions: Vec<String>,
    /// Traces that were left out, and horizons that some were left out at.
    pub left_out: Vec<LeftOut>,
}

impl Report {
    /// Sums up rows of many traces.
    #[must_use]
    pub fn new(results: Vec<Row>, ahead: Vec<Ahead>, left_out: Vec<LeftOut>) -> Self {
        let mut kinds: Vec<(Span, Origins)> = results.iter().map(|row| (row.horizon, row.origins)).collect();
        kinds.sort_unstable_by_key(|(horizon, origins)| (*origins, *horizon));
        kinds.dedup();
        let (mut summary, mut coverage) = (Vec::new(), Vec::new());
        for (horizon, origins) in kinds {
            let of = |method: Method| -> Vec<&Row> {
                let rows = results.iter().filter(|row| row.horizon == horizon && row.origins == origins);
                rows.filter(|row| row.method == method).collect()
            };
            let ours = of(Method::Tenantry);
            for method in Method::ALL {
                let rows = of(method);
                if method != Method::Tenantry {
                    summary.extend(comparison(horizon, origins, method, &ours, &rows));
                }
                let levels = LEVELS.iter().skip(MEDIAN);
                coverage.extend(levels.filter_map(|level| covered(horizon, origins, method, *level, &rows)));
            }
        }
        Self { results, summary, coverage, ahead, assumptions: assumptions(), left_out }
    }
}

/// Ratios of losses gathered over traces.
#[derive(Default)]
struct Ratios {
    logs: f64,
    not_worse: f64,
    count: f64,
}

impl Ratios {
    fn add(&mut self, ours: f64, theirs: f64) {
        self.logs += libm::log(ours.max(LOSS_MIN) / theirs.max(LOSS_MIN));
        self.not_worse += if ours <= theirs * (1.0 + EQUAL) { 1.0 } else { 0.0 };
        self.count += 1.0;
    }

    fn ratio(&self) -> f64 {
        libm::exp(self.logs / self.count)
    }

    fn share(&self) -> f64 {
        self.not_worse / self.count
    }
}

fn comparison(horizon: Span, origins: Origins, against: Method, ours: &[&Row], rows: &[&Row]) -> Option<Comparison> {
    let pairs = rows.iter().filter_map(|row| Some((ours.iter().find(|ours| ours.trace == row.trace)?, row)));
    let pairs: Vec<(&&Row, &&Row)> = pairs.collect();
    let mut wql = Ratios::default();
    pairs.iter().for_each(|(ours, theirs)| wql.add(ours.wql, theirs.wql));
    let levels = LEVELS.iter().skip(MEDIAN).enumerate().map(|(place, level)| {
        let mut ratios = Ratios::default();
        for (ours, theirs) in &pairs {
            if let (Some(ours), Some(theirs)) = (ours.levels.get(place), theirs.levels.get(place)) {
                ratios.add(ours.quantile_loss, theirs.quantile_loss);
            }
        }
        LevelRatio { level: *level, ratio: ratios.ratio(), not_worse: ratios.share() }
    });
    let levels: Vec<LevelRatio> = levels.collect();
    (!pairs.is_empty()).then(|| Comparison {
        horizon,
        origins,
        against,
        traces: pairs.len(),
        wql_ratio: wql.ratio(),
        wql_not_worse: wql.share(),
        median_not_worse: levels.first().map_or(0.0, |median| median.not_worse),
        levels,
    })
}

fn covered(horizon: Span, origins: Origins, method: Method, level: f64, rows: &[&Row]) -> Option<Coverage> {
    let at =
        |row: &&&Row| row.levels.iter().find(|of| of.level.total_cmp(&level).is_eq()).map_or(0.0, |of| of.coverage);
    let least = rows.iter().min_by(|a, b| at(a).total_cmp(&at(b)))?;
    let most = rows.iter().max_by(|a, b| at(a).total_cmp(&at(b)))?;
    Some(Coverage {
        horizon,
        origins,
        method,
        level,
        traces: rows.len(),
        mean: rows.iter().map(|row| at(&row)).sum::<f64>() / rows.len() as f64,
        least: at(&least),
        least_on: least.trace.clone(),
        most: at(&most),
        most_on: most.trace.clone(),
    })
}

/// How it is done, in words.
fn assumptions() -> Vec<String> {
    [
        "a trace is put onto a grid of its samples' median distance; a horizon is rounded up to whole steps",
        "from 6 hours on a load is the largest of a slot of 5 minutes, for all methods, and ours is the outlook; nearer, it is that of a step",
        "the value at the horizon is forecast; the second half of a trace is scored",
        "the weighted quantile loss is the sum of pinball losses over the sum of loads, the mean over the quantiles 0.9, 0.95 and 0.99",
        "MASE is the median's mean absolute error over that of repeating the last value one step on in the first half",
        "last value, seasonal naive (a day), ETS, MSTL and Theta get conformal quantiles: their own errors at the horizon over the last 7 days; their median is their point forecast",
        "ETS and MSTL (season: a day; ETS for the rest) are those of augurs, fitted to the last 14 days at 40 origins of the second half and 10 before; the library's own intervals are not used, as it draws them from an unseeded random source",
        "Theta is the optimised one of Fiorucci et al. (2016) on loads without their daily season, which is additive, multiplicative or none by in-sample error, fitted as the library is",
        "`fitted` compares all methods at these 40 origins; `all` at every sample, where the state of ETS, MSTL and Theta follows the samples between fits with the parameters and the season as fitted",
        "all methods of a row are scored at the same origins; one that speaks at less than half of a trace's is left out there",
    ]
    .map(str::to_owned)
    .to_vec()
}
