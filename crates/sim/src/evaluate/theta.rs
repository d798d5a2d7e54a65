//! The optimised Theta method on loads without their daily season, as "AutoTheta" chooses it by its in-sample error.
//!
//! Assimakopoulos and Nikolopoulos, "The theta model" (2000); the state-space form and the optimised θ of Fiorucci,
//! Pellegrini, Louzada, Petropoulos and Koehler, "Models for optimising the theta method and their relationship to state
//! space models" (2016). The season is classical: indices are means of ratios to, or differences from, a centred moving
//! mean of a season; which of both, or none where the autocorrelation at a season is not significant, is chosen by error.

use super::Horizon;
use super::series::Series;

/// θ that are tried; 2 is the standard method, 1 plain exponential smoothing.
const THETAS: [f64; 7] = [1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0];
/// Smoothing that is tried before it is refined.
const ALPHAS: [f64; 8] = [0.01, 0.03, 0.1, 0.2, 0.4, 0.6, 0.8, 0.99];
/// Rounds of refining it: each halves what is left between two neighbours.
const ROUNDS: u32 = 5;
/// The critical value of the test whether there is a season, as in Fiorucci et al.: 90 %.
const CRITICAL: f64 = 1.645;

/// How a season is taken out and put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    None,
    Additive,
    Multiplicative,
}

/// A fitted model and its state since.
#[derive(Debug, Clone)]
pub(super) struct Theta {
    kind: Kind,
    /// The season's indices, the first for the sample after the past that it was fitted to.
    indices: Vec<f64>,
    alpha: f64,
    theta: f64,
    /// Intercept and slope of the straight line through the loads without season.
    line: (f64, f64),
    level: f64,
    /// What is left of the first sample's weight, and samples since the fit.
    left: f64,
    age: usize,
}

impl Theta {
    /// The best by its one-step errors over `past`.
    pub(super) fn fit(past: &[f64], season: usize) -> Option<Self> {
        let mut kinds = vec![Kind::None];
        if is_seasonal(past, season) {
            kinds = vec![Kind::Additive];
            if past.iter().all(|value| *value > 0.0) {
                kinds.push(Kind::Multiplicative);
            }
        }
        let fits = kinds.into_iter().filter_map(|kind| Self::of(past, season, kind));
        fits.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(model, _)| model)
    }

    fn of(past: &[f64], season: usize, kind: Kind) -> Option<(Self, f64)> {
        let indices = if kind == Kind::None { Vec::new() } else { indices(past, season, kind)? };
        let index = |place: usize| indices.get(place.checked_rem(indices.len())?).copied();
        let plain = |place: usize, value: f64| without(kind, value, index(place).unwrap_or(0.0));
        let values: Vec<f64> = past.iter().enumerate().map(|(place, value)| plain(place, *value)).collect();
        let line = line(&values)?;
        let first = *values.first()?;
        let mut model =
            Self { kind, indices: Vec::new(), alpha: 0.5, theta: 2.0, line, level: first, left: 1.0, age: 0 };
        let mut best = (f64::INFINITY, 0.5, 2.0);
        for theta in THETAS {
            let mut width = 0.3;
            let mut tried: Vec<f64> = ALPHAS.to_vec();
            for round in 0..=ROUNDS {
                for alpha in std::mem::take(&mut tried) {
                    let error = Self { alpha, theta, ..model.clone() }.replay(&values, past, &index);
                    if error < best.0 {
                        best = (error, alpha, theta);
                    }
                }
                width *= if round == 0 { 0.35 } else { 0.5 };
                tried =
                    [best.1 * (1.0 - width), best.1 * (1.0 + width)].map(|alpha| alpha.clamp(1e-4, 0.9999)).to_vec();
            }
        }
        let (error, alpha, theta) = best;
        (model.alpha, model.theta) = (alpha, theta);
        model.replay(&values, past, &index);
        model.indices = (0..indices.len()).filter_map(|place| index(past.len() + place)).collect();
        (error.is_finite() && model.level.is_finite()).then_some((model, error))
    }

    /// Lives through `values` again; the mean squared error of one step ahead, in the unit of the load.
    fn replay(&mut self, values: &[f64], past: &[f64], index: &impl Fn(usize) -> Option<f64>) -> f64 {
        let (mut sum, mut count) = (0.0, 0.0);
        for (place, (value, load)) in values.iter().zip(past).enumerate() {
            if place > 0 {
                let error = load - with(self.kind, self.plain(1), index(place).unwrap_or(0.0));
                sum += error * error;
                count += 1.0;
            }
            if place > 0 {
                self.step(*value);
            }
        }
        sum / f64::max(count, 1.0)
    }

    fn step(&mut self, value: f64) {
        self.level += self.alpha * (value - self.level);
        self.left *= 1.0 - self.alpha;
    }

    /// `ahead` samples on, without the season; formula 16 of Fiorucci et al.
    fn plain(&self, ahead: usize) -> f64 {
        let (intercept, slope) = self.line;
        let left = self.left * (1.0 - self.alpha);
        let drift = (ahead as f64 - 1.0) + (1.0 - left * (1.0 - self.alpha)) / self.alpha;
        self.level + (1.0 - 1.0 / self.theta) * (left * intercept + drift * slope)
    }

    fn index(&self, ahead: usize) -> f64 {
        let place = (self.age + ahead).saturating_sub(1).checked_rem(self.indices.len());
        place.and_then(|place| self.indices.get(place)).copied().unwrap_or(0.0)
    }

    /// The point forecast `ahead` samples after the newest.
    pub(super) fn point(&self, ahead: usize) -> Option<f64> {
        let point = with(self.kind, self.plain(ahead), self.index(ahead));
        point.is_finite().then_some(point)
    }

    /// Learns the sample after the newest, with the parameters as they were fitted.
    pub(super) fn learn(&mut self, load: f64) {
        let value = without(self.kind, load, self.index(1));
        self.step(value);
        self.age += 1;
    }
}

/// Point forecasts at each horizon, fitted at `fits` and following the samples between them.
pub(super) fn points(
    series: &Series,
    horizons: &[Horizon],
    fits: &[usize],
    window: usize,
    day: usize,
) -> super::Points {
    let mut points = vec![vec![None; series.len()]; horizons.len()];
    let mut fitted = None;
    for (place, origin) in fits.iter().enumerate() {
        let until = fits.get(place + 1).copied().unwrap_or(series.len());
        let past = series.filled().get((origin + 1).saturating_sub(window)..=*origin).unwrap_or_default();
        // Where a fit fails, the one before goes on, a sample behind.
        fitted = Theta::fit(past, day).or(fitted);
        let Some(model) = &mut fitted else { continue };
        for now in *origin..until {
            if now != *origin {
                model.learn(series.filled().get(now).copied().unwrap_or_default());
            }
            for (points, horizon) in points.iter_mut().zip(horizons) {
                if let Some(point) = points.get_mut(now) {
                    *point = model.point(horizon.steps);
                }
            }
        }
    }
    points
}

fn without(kind: Kind, load: f64, index: f64) -> f64 {
    match kind {
        Kind::None => load,
        Kind::Additive => load - index,
        Kind::Multiplicative => load / index,
    }
}

fn with(kind: Kind, value: f64, index: f64) -> f64 {
    match kind {
        Kind::None => value,
        Kind::Additive => value + index,
        Kind::Multiplicative => value * index,
    }
}

/// Whether the autocorrelation at a season is significant, held against that of shorter lags.
fn is_seasonal(past: &[f64], season: usize) -> bool {
    if season < 2 || past.len() < 2 * season {
        return false;
    }
    let mean = past.iter().sum::<f64>() / past.len() as f64;
    let at = |lag: usize| past.iter().zip(past.iter().skip(lag)).map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>();
    let variance = at(0);
    if variance <= 0.0 {
        return false;
    }
    let squares: f64 = (1..season).map(|lag| at(lag) / variance).map(|one| one * one).sum();
    (at(season) / variance).abs() > CRITICAL * ((1.0 + 2.0 * squares) / past.len() as f64).sqrt()
}

/// Classical indices, by place in the past modulo the season.
fn indices(past: &[f64], season: usize, kind: Kind) -> Option<Vec<f64>> {
    let half = season / 2;
    let mut sums = vec![(0.0, 0.0); season];
    let mut running: f64 = past.iter().take(season).sum();
    for (place, (leaves, enters)) in past.iter().zip(past.iter().skip(season)).enumerate() {
        // The mean of two neighbouring windows is centred where a season is even.
        let next = running + enters - leaves;
        let around = if season.is_multiple_of(2) { 0.5 * (running + next) } else { running } / season as f64;
        let middle = place + half;
        running = next;
        let value = past.get(middle)?;
        let (sum, count): &mut (f64, f64) = sums.get_mut(middle % season)?;
        *sum += without(kind, *value, around);
        *count += 1.0;
    }
    let means: Vec<f64> = sums.iter().map(|(sum, count)| sum / count).collect();
    let all = means.iter().sum::<f64>() / season as f64;
    let indices: Vec<f64> = means.iter().map(|mean| without(kind, *mean, all)).collect();
    indices.iter().all(|index| index.is_finite() && (kind != Kind::Multiplicative || *index > 0.0)).then_some(indices)
}

/// Intercept and slope of least squares, the first value being at 1.
fn line(values: &[f64]) -> Option<(f64, f64)> {
    let count = values.len() as f64;
    let middle = f64::midpoint(count, 1.0);
    let mean = values.iter().sum::<f64>() / count;
    let (mut with, mut of) = (0.0, 0.0);
    for (place, value) in values.iter().enumerate() {
        let at = place as f64 + 1.0 - middle;
        with += at * (value - mean);
        of += at * at;
    }
    (of > 0.0).then(|| (mean - with / of * middle, with / of))
}

#[cfg(test)]
mod tests;
