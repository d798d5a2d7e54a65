//! The ETS and MSTL of the `augurs` library.
//!
//! Only its point forecasts are used. Its own intervals are simulated with an unseeded random source where errors are
//! multiplicative, so they would differ from run to run, and explode on some series.

use augurs_core::{Fit as _, Predict as _};
use augurs_ets::model::TrendComponent;
use augurs_ets::{AutoETS, FittedAutoETS};
use augurs_mstl::MSTLModel;

use super::series::Series;
use super::{DAY_MS, Horizon, Points, theta};

/// Fits whose forecasts are compared, spread evenly over the second half.
const FITS: usize = 40;
/// Fits before them, from whose errors the first quantiles are learned.
const FITS_BEFORE: usize = 10;
/// How long before the middle those are.
const BEFORE_MS: i64 = 7 * DAY_MS;
/// What a fit learns from.
const LEARN_MS: i64 = 14 * DAY_MS;
/// The shortest past, in days, that a fit learns from: MSTL needs two seasons.
const LEARN_DAYS_MIN: i64 = 2;

/// The origins of fits that are compared, rising.
pub(super) fn scored(series: &Series, horizons: &[Horizon]) -> Vec<usize> {
    let until = series.len().saturating_sub(farthest(horizons));
    spread(series.half(), until, FITS)
}

/// Point forecasts of ETS, of MSTL and of Theta, at fits and between them.
pub(super) fn points(series: &Series, horizons: &[Horizon]) -> [Points; 3] {
    let half = series.half();
    let earliest = half.saturating_sub(series.steps_in(BEFORE_MS)).max(series.steps_in(LEARN_DAYS_MIN * DAY_MS));
    let mut origins = spread(earliest.min(half), half, FITS_BEFORE);
    origins.extend(scored(series, horizons));
    origins.dedup();
    let empty = vec![vec![None; series.len()]; horizons.len()];
    let (mut ets, mut mstl) = (empty.clone(), empty);
    let (window, day) = (series.steps_in(LEARN_MS), series.steps_in(DAY_MS));
    let (mut plain, mut seasonal) = (None, None);
    for (place, origin) in origins.iter().enumerate() {
        let until = origins.get(place + 1).copied().unwrap_or(series.len());
        let past = series.filled().get((origin + 1).saturating_sub(window)..=*origin).unwrap_or_default();
        // Where a fit fails, the one before goes on.
        let reach = farthest(horizons);
        plain = Fitted::ets(past, reach).or(plain);
        seasonal = Fitted::mstl(past, day, reach).or(seasonal);
        for (fitted, points) in [(&mut plain, &mut ets), (&mut seasonal, &mut mstl)] {
            if let Some(fitted) = fitted {
                fitted.follow(series, *origin..until, horizons, points);
            }
        }
    }
    let theta = theta::points(series, horizons, &origins, window, day);
    [ets, mstl, theta]
}

fn farthest(horizons: &[Horizon]) -> usize {
    horizons.iter().map(|horizon| horizon.steps).max().unwrap_or(0)
}

/// At most `count` places, evenly from `from` to before `until`.
fn spread(from: usize, until: usize, count: usize) -> Vec<usize> {
    let width = until.saturating_sub(from);
    let mut places: Vec<usize> = (0..count.min(width)).map(|part| from + part * width / count.min(width)).collect();
    places.dedup();
    places
}

/// A model as the library fitted it, and its state since.
struct Fitted {
    state: State,
    /// The library's own forecast, one to so many steps ahead; gone after the first sample.
    path: Vec<f64>,
    /// The last season, added to what the state says; empty for none.
    season: Vec<f64>,
    /// Samples since the fit.
    age: usize,
}

impl Fitted {
    fn ets(past: &[f64], reach: usize) -> Option<Self> {
        let (state, path) = fit(past, reach)?;
        Some(Self { state, path, season: Vec::new(), age: 0 })
    }

    /// As [`MSTLModel`] with ETS for the trend does: what is left without the season is ETS's, and the last season
    /// comes again and again. It keeps what it fitted to itself, so the two are put together here.
    fn mstl(past: &[f64], day: usize, reach: usize) -> Option<Self> {
        let whole = MSTLModel::naive(vec![day]).fit(past).ok()?;
        let parts = whole.fit();
        let rest = parts.trend().iter().zip(parts.remainder());
        let rest: Vec<f64> = rest.map(|(trend, remainder)| f64::from(trend + remainder)).collect();
        let season = parts.seasonal().first()?;
        let season: Vec<f64> =
            season.iter().skip(season.len().checked_sub(day)?).map(|part| f64::from(*part)).collect();
        let (state, path) = fit(&rest, reach)?;
        let mut fitted = Self { state, path: Vec::new(), season, age: 0 };
        fitted.path = path.iter().zip(1..).map(|(point, ahead)| point + fitted.seasonal(ahead)).collect();
        Some(fitted)
    }

    /// The season's part `ahead` samples after the newest.
    fn seasonal(&self, ahead: usize) -> f64 {
        let place = (self.age + ahead).saturating_sub(1).checked_rem(self.season.len());
        place.and_then(|place| self.season.get(place)).copied().unwrap_or(0.0)
    }

    fn point(&self, ahead: usize) -> Option<f64> {
        let point = match self.path.get(ahead.checked_sub(1)?) {
            Some(point) => *point,
            None => self.state.point(ahead) + self.seasonal(ahead),
        };
        point.is_finite().then_some(point)
    }

    /// Speaks at each of `origins`, the first of which is known already, learning the sample of each other before.
    fn follow(&mut self, series: &Series, origins: std::ops::Range<usize>, horizons: &[Horizon], points: &mut Points) {
        let first = if self.age == 0 { origins.start } else { usize::MAX };
        for origin in origins {
            if origin != first {
                let Some(value) = series.filled().get(origin) else { continue };
                let season = self.seasonal(1);
                self.state.learn(value - season);
                self.age += 1;
                self.path.clear();
            }
            for (points, horizon) in points.iter_mut().zip(horizons) {
                if let Some(point) = points.get_mut(origin) {
                    *point = self.point(horizon.steps);
                }
            }
        }
    }
}

/// Fits the best ETS without a season, as its information criterion has it; gives its state, and its forecast for 1 to
/// at least `reach` steps.
fn fit(past: &[f64], reach: usize) -> Option<(State, Vec<f64>)> {
    let fitted = AutoETS::non_seasonal().fit(past).ok()?;
    let path = fitted.predict(reach.max(3), None).ok()?.point;
    let state = State::of(&fitted, past, &path)?;
    path.iter().all(|point| point.is_finite()).then_some((state, path))
}

/// The state of an ETS without a season, additive or no trend, damped or not. Its point forecasts follow the same
/// recursion whether errors are additive or multiplicative.
#[derive(Debug, Clone, Copy, PartialEq)]
struct State {
    alpha: f64,
    beta: f64,
    phi: f64,
    level: f64,
    slope: f64,
}

impl State {
    /// Reads the parameters off what the library says, as it does not tell them: φ and the state from its forecast, α
    /// and β from its one-step forecasts `f` of the past and their errors `e`, as
    /// `f[t+1] − f[t] − φ (f[t] − f[t−1]) = (α + φβ) e[t] − φα e[t−1]`.
    fn of(fitted: &FittedAutoETS, past: &[f64], path: &[f64]) -> Option<Self> {
        let &[one, two, three, ..] = path else { return None };
        let said = fitted.predict_in_sample(None).ok()?.point;
        let turns = said.iter().zip(said.iter().skip(1)).zip(said.iter().skip(2)).map(|((a, b), c)| (b - a, c - b));
        let errors: Vec<f64> = past.iter().zip(&said).map(|(came, said)| came - said).collect();
        let pairs = errors.iter().zip(errors.iter().skip(1));
        if fitted.model().model_type().trend == TrendComponent::None {
            let learned = pairs.zip(turns).map(|((_, error), (_, turn))| (error * turn, error * error));
            let (with, of) = learned.fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
            let alpha = if of > 0.0 { with / of } else { 0.0 };
            return Some(Self { alpha, beta: 0.0, phi: 1.0, level: one, slope: 0.0 });
        }
        let rise = two - one;
        let damped = fitted.model().damped() && rise != 0.0;
        // The library's sum of powers is φ, 2φ, 2φ + φ², …, as R's is.
        let phi = if damped { (three - two) / rise } else { 1.0 };
        let (mut aa, mut ab, mut bb, mut az, mut bz) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for ((before, error), (last, turn)) in pairs.zip(turns) {
            let z = turn - phi * last;
            aa += error * error;
            ab += error * before;
            bb += before * before;
            az += error * z;
            bz += before * z;
        }
        let determinant = aa * bb - ab * ab;
        let (first, second) = if determinant > 0.0 {
            ((az * bb - bz * ab) / determinant, (bz * aa - az * ab) / determinant)
        } else {
            (0.0, 0.0)
        };
        let alpha = -second / phi;
        let state = Self { alpha, beta: (first - alpha) / phi, phi, level: one - rise, slope: rise / phi };
        let all = [state.alpha, state.beta, state.phi, state.level, state.slope];
        all.iter().all(|number| number.is_finite()).then_some(state)
    }

    fn point(&self, ahead: usize) -> f64 {
        let (mut sum, mut power) = (self.phi, 1.0);
        for _ in 1..ahead {
            power *= self.phi;
            sum += power;
        }
        self.level + sum * self.slope
    }

    fn learn(&mut self, came: f64) {
        let said = self.level + self.phi * self.slope;
        let error = came - said;
        self.level = said + self.alpha * error;
        self.slope = self.phi * self.slope + self.beta * error;
    }
}

#[cfg(test)]
mod tests;
