//! Forecasts against what came.

use serde::{Deserialize, Serialize};
use tenantry_domain::unit::Span;

use super::series::Series;
use super::{LEVELS, MEDIAN, Method, Origins, Said, Voices};

/// The first place among [`LEVELS`] whose loss counts into the weighted quantile loss: what capacity is sized by.
const UPPER: usize = 2;

/// The figures of one method at one level.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LevelFigures {
    /// The probability.
    pub level: f64,
    /// Mean pinball loss, in the unit of the load.
    pub pinball: f64,
    /// Sum of pinball losses over the sum of loads.
    pub quantile_loss: f64,
    /// Share of loads at or under the quantile.
    pub coverage: f64,
}

/// One method on one trace at one horizon.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The trace.
    pub trace: String,
    /// How far ahead.
    pub horizon: Span,
    /// The same in the trace's steps.
    pub steps: usize,
    /// Where forecasts were asked for.
    pub origins: Origins,
    /// Who.
    pub method: Method,
    /// Forecasts that were scored.
    pub scored: usize,
    /// Weighted quantile loss: the mean of `quantile_loss` over the levels 0.9, 0.95 and 0.99.
    pub wql: f64,
    /// Mean absolute error of the median over that of repeating the last value one step on in the first half. None
    /// where that is zero.
    pub mase: Option<f64>,
    /// Each level from the median up.
    pub levels: Vec<LevelFigures>,
}

/// The loss of saying `quantile` at `level` when `came` came: what a quantile minimises.
pub(super) fn pinball(came: f64, quantile: f64, level: f64) -> f64 {
    let error = came - quantile;
    if error >= 0.0 { level * error } else { (level - 1.0) * error }
}

/// A row for each method that speaks at most of the origins, over those at which all of these do.
pub(super) fn rows(trace: &str, series: &Series, voices: &Voices, origins: Origins, among: &[usize]) -> Vec<Row> {
    let (half, ahead) = (series.half(), voices.horizon.steps);
    let said = |said: &[Option<Said>], origin: usize| said.get(origin.checked_sub(half)?).copied().flatten();
    // An origin without a sample is none: whoever asks then asks about the one before.
    let known = |origin: &usize| series.value(*origin).is_some() && series.value(*origin + ahead).is_some();
    let among: Vec<usize> = among.iter().copied().filter(known).collect();
    let speaks = |voice: &&(Method, Vec<Option<Said>>)| {
        2 * among.iter().filter(|origin| said(&voice.1, **origin).is_some()).count() > among.len()
    };
    let speaking: Vec<_> = voices.said.iter().filter(speaks).collect();
    let shared = |origin: &usize| speaking.iter().all(|(_, voice)| said(voice, *origin).is_some());
    let shared: Vec<usize> = among.iter().copied().filter(shared).collect();
    let scale = scale(series);
    let rows = speaking.iter().filter_map(|(method, voice)| {
        let pairs = shared.iter().filter_map(|origin| Some((series.value(*origin + ahead)?, said(voice, *origin)?)));
        let (scored, levels) = levels(pairs)?;
        let upper: Vec<f64> = levels.iter().skip(UPPER - MEDIAN).map(|level| level.quantile_loss).collect();
        // The pinball loss of a median is half of its absolute error.
        let error = levels.first()?.pinball * 2.0;
        Some(Row {
            trace: trace.to_owned(),
            horizon: voices.horizon.span,
            steps: ahead,
            origins,
            method: *method,
            scored,
            wql: upper.iter().sum::<f64>() / upper.len() as f64,
            mase: (scale > 0.0).then(|| error / scale),
            levels,
        })
    });
    rows.collect()
}

/// The figures of pairs of what came and what was said, from the median up. None where no load came at all.
pub(super) fn levels(pairs: impl Iterator<Item = (f64, Said)>) -> Option<(usize, Vec<LevelFigures>)> {
    let (mut losses, mut covered) = ([0.0; LEVELS.len()], [0.0; LEVELS.len()]);
    let (mut scored, mut load) = (0, 0.0);
    for (came, said) in pairs {
        scored += 1;
        load += came;
        for (((loss, covered), quantile), level) in losses.iter_mut().zip(&mut covered).zip(said).zip(LEVELS) {
            *loss += pinball(came, quantile, level);
            *covered += if came <= quantile { 1.0 } else { 0.0 };
        }
    }
    let count = f64::from(u32::try_from(scored).ok().filter(|scored| *scored > 0)?);
    let figures = LEVELS.into_iter().zip(losses).zip(covered).skip(MEDIAN);
    let figures = figures.map(|((level, loss), covered)| LevelFigures {
        level,
        pinball: loss / count,
        quantile_loss: loss / load,
        coverage: covered / count,
    });
    (load > 0.0).then(|| (scored, figures.collect()))
}

/// Mean absolute error of repeating the last value one step on, in the first half.
fn scale(series: &Series) -> f64 {
    let first = series.values().get(..series.half()).unwrap_or_default();
    let moves = first.iter().zip(first.iter().skip(1)).filter_map(|(a, b)| Some(((*b)? - (*a)?).abs()));
    let (sum, count) = moves.fold((0.0, 0.0), |(sum, count), one| (sum + one, count + 1.0));
    if count > 0.0 { sum / count } else { 0.0 }
}
