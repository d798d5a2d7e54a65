//! Whether a forecast's own past earns it a say.

use serde::{Deserialize, Serialize};

/// Forecasts that must have come true or not before any of them is believed.
const SCORED_MIN: u64 = 60;
/// Share of the newest forecast in the records.
const LEARN: f64 = 0.005;
/// The level at which losses and coverage are measured.
pub(crate) const LEVEL: f64 = 0.9;
/// Coverage under this is no quantile of the declared level.
const COVERAGE_MIN: f64 = 0.84;
/// Step of the baselines' own quantile, which makes them as good as they can be.
const BASELINE_STEP: f64 = 0.02;

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
    /// Learns how a forecast came out: log ratios of truth to each centre, and to the 90 % quantile.
    pub(crate) fn learn(&mut self, error: f64, quantile_error: f64, last: f64, season: Option<f64>) {
        self.scored = self.scored.saturating_add(1);
        learn(&mut self.loss, 0.5 * (pinball(error, 0.5) + pinball(quantile_error, LEVEL)));
        learn(&mut self.covered, if quantile_error <= 0.0 { 1.0 } else { 0.0 });
        self.last.learn(last);
        if let Some(season) = season {
            self.season.learn(season);
        }
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
