//! Whether a forecast's own past earns it a say.

use serde::{Deserialize, Serialize};

/// Forecasts that must have come true or not before any of them is believed.
const SCORED_MIN: u64 = 60;
/// Share of the newest forecast in the records.
const LEARN: f64 = 0.005;
/// Share of the newest outcome in the coverage: stretches overlap, so outcomes come in runs.
const COVERAGE_LEARN: f64 = 0.001;
/// The level at which losses and coverage are measured.
pub(crate) const LEVEL: f64 = 0.9;
/// Coverage under this is no quantile of the declared level.
const COVERAGE_MIN: f64 = 0.84;
/// Step of the baselines' own quantile, which makes them as good as they can be.
const BASELINE_STEP: f64 = 0.02;

/// What a forecast said and what came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Came {
    /// What came.
    pub(crate) truth: f64,
    /// The forecast's middle.
    pub(crate) centre: f64,
    /// Its quantile at [`LEVEL`].
    pub(crate) quantile: f64,
    /// The last value.
    pub(crate) last: f64,
    /// The last season's value, where one is known.
    pub(crate) season: Option<f64>,
    /// Added to all of them before a ratio is taken.
    pub(crate) offset: f64,
}

/// A naive forecast's record: what a forecast must beat.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Baseline {
    /// Its error at [`LEVEL`], followed online.
    quantile: f64,
    loss: Option<f64>,
}

impl Baseline {
    fn learn(&mut self, error: f64) {
        let loss = 0.5 * (pinball(error, 0.5) + pinball(error - self.quantile, LEVEL));
        learn(&mut self.loss, loss);
        self.quantile += BASELINE_STEP * if error > self.quantile { LEVEL } else { LEVEL - 1.0 };
    }
}

fn learn(record: &mut Option<f64>, new: f64) {
    *record = Some(record.map_or(new, |known| known + (new - known) * LEARN));
}

/// The loss of calling `error`'s quantile at `level` zero: what a quantile minimises.
fn pinball(error: f64, level: f64) -> f64 {
    if error >= 0.0 { level * error } else { (level - 1.0) * error }
}

/// The record of a forecaster.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    scored: u64,
    loss: Option<f64>,
    covered: Option<f64>,
    last: Baseline,
    season: Baseline,
}

/// A forecaster's record in numbers. Losses are mean pinball losses of log ratios at the median and the 90 % quantile:
/// 0.05 is about five percent off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// Forecasts that were compared with what came.
    pub scored: u64,
    /// Of the forecast.
    pub loss: f64,
    /// Of repeating the last value.
    pub last_loss: f64,
    /// Of repeating the last season, once one is known.
    pub season_loss: Option<f64>,
    /// Share of outcomes at or under the 90 % quantile.
    pub coverage: f64,
}

/// Whether to believe a forecast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Trust {
    /// Its past is better than the naive forecasts', and its quantiles hold.
    Earned,
    /// Too few forecasts have come true or not.
    Young {
        /// How many have.
        scored: u64,
        /// How many must have.
        needed: u64,
    },
    /// Repeating the last value does as well.
    NoBetterThanLast,
    /// Repeating the last season does as well.
    NoBetterThanSeason,
    /// Outcomes pass its quantiles too often.
    Overconfident {
        /// Share of outcomes at or under the 90 % quantile.
        coverage: f64,
    },
    /// Too long without a sample.
    Blind,
}

impl Record {
    /// Learns how a forecast came out.
    pub(crate) fn learn(&mut self, came: &Came) {
        let error = |said: f64| libm::log((came.truth + came.offset) / (said.max(0.0) + came.offset));
        let above = error(came.quantile);
        self.scored = self.scored.saturating_add(1);
        learn(&mut self.loss, 0.5 * (pinball(error(came.centre), 0.5) + pinball(above, LEVEL)));
        let hit = if above <= 0.0 { 1.0 } else { 0.0 };
        let covered = self.covered.unwrap_or(LEVEL);
        self.covered = Some(covered + (hit - covered) * COVERAGE_LEARN);
        self.last.learn(error(came.last));
        if let Some(season) = came.season {
            self.season.learn(error(season));
        }
    }

    /// Whether a stored one holds finite numbers.
    pub(crate) fn is_sound(&self) -> bool {
        let known = [self.loss, self.covered, self.last.loss, self.season.loss];
        let all = known.into_iter().flatten().chain([self.last.quantile, self.season.quantile]);
        all.into_iter().all(f64::is_finite)
    }

    pub(crate) fn score(&self) -> Option<Score> {
        Some(Score {
            scored: self.scored,
            loss: self.loss?,
            last_loss: self.last.loss?,
            season_loss: self.season.loss,
            coverage: self.covered?,
        })
    }

    pub(crate) fn trust(&self) -> Trust {
        let young = Trust::Young { scored: self.scored, needed: SCORED_MIN };
        let Some(score) = self.score().filter(|score| score.scored >= SCORED_MIN) else { return young };
        if score.loss >= score.last_loss {
            Trust::NoBetterThanLast
        } else if score.season_loss.is_some_and(|season| score.loss >= season) {
            Trust::NoBetterThanSeason
        } else if score.coverage < COVERAGE_MIN {
            Trust::Overconfident { coverage: score.coverage }
        } else {
            Trust::Earned
        }
    }
}
