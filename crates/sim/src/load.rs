//! Load over time: from a recorded series, or made up.

use std::sync::Arc;

use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Span;

const DAY_MS: f64 = 86_400_000.0;

/// A load, as a function of time. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Load {
    source: Source,
    scale: f64,
    shift: Span,
}

#[derive(Debug, Clone)]
enum Source {
    Recorded { step_ms: i64, values: Arc<[f64]> },
    Made(Arc<Shape>),
}

/// A made-up load: what a product's traffic looks like. Shares are of the mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    /// Chooses the noise and when the rare things happen.
    pub seed: u64,
    /// Rise and fall of a day.
    pub daily: f64,
    /// How much weaker a weekend is.
    pub weekly: f64,
    /// Growth in a week.
    pub trend: f64,
    /// Spread of the noise from one minute to the next.
    pub noise: f64,
    /// Bursts in a day; each triples the load within a minute and fades within half an hour.
    pub bursts: f64,
    /// Launches in a week; each doubles the load for two hours.
    pub launches: f64,
    /// Outages of whoever sends the load, in a week; each takes it all away for twenty minutes.
    pub outages: f64,
}

impl Load {
    /// A recorded series with a value each `step`; it begins again when it is over. An empty one is no load.
    #[must_use]
    pub fn recorded(step: Span, values: Vec<f64>) -> Self {
        let step_ms = step.as_millis_i64().max(1);
        Self { source: Source::Recorded { step_ms, values: values.into() }, scale: 1.0, shift: Span::default() }
    }

    /// A made-up load with a mean of about 1.
    #[must_use]
    pub fn made(shape: Shape) -> Self {
        Self { source: Source::Made(Arc::new(shape)), scale: 1.0, shift: Span::default() }
    }

    /// The same load scaled by `scale`.
    #[must_use]
    pub fn scaled(mut self, scale: f64) -> Self {
        self.scale *= scale;
        self
    }

    /// The same load as it is `shift` later.
    #[must_use]
    pub fn shifted(mut self, shift: Span) -> Self {
        self.shift = Span::from_millis(self.shift.as_millis().saturating_add(shift.as_millis()));
        self
    }

    /// The load at an instant, in its unit; not negative.
    #[must_use]
    pub fn at(&self, at: Timestamp) -> f64 {
        let at_ms = (at + self.shift).as_millis();
        let value = match &self.source {
            Source::Recorded { step_ms, values } => recorded(*step_ms, values, at_ms),
            Source::Made(shape) => shape.at(at_ms),
        };
        (value * self.scale).max(0.0)
    }
}

/// Linear between the recorded values.
fn recorded(step_ms: i64, values: &[f64], at_ms: i64) -> f64 {
    let Ok(count) = i64::try_from(values.len()) else { return 0.0 };
    if count == 0 {
        return 0.0;
    }
    let index = at_ms.div_euclid(step_ms);
    let get = |index: i64| usize::try_from(index.rem_euclid(count)).ok().and_then(|at| values.get(at)).copied();
    let (Some(here), Some(next)) = (get(index), get(index + 1)) else { return 0.0 };
    let share = as_f64(at_ms.rem_euclid(step_ms)) / as_f64(step_ms);
    here + (next - here) * share
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of any real date are far under 2^53")]
fn as_f64(number: i64) -> f64 {
    number as f64
}

/// A number between 0 and 1 that depends on all three.
fn chance(seed: u64, kind: u64, index: i64) -> f64 {
    fastrand::Rng::with_seed(seed ^ kind.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ index.unsigned_abs().rotate_left(17))
        .f64()
}

impl Shape {
    fn at(&self, at_ms: i64) -> f64 {
        let days = as_f64(at_ms) / DAY_MS;
        let wave = 1.0 + self.daily * libm::sin((days.fract() - 0.35) * std::f64::consts::TAU);
        // 1970-01-01 was a Thursday.
        let weekday = (days.floor() + 3.0).rem_euclid(7.0);
        let week = if weekday >= 5.0 { 1.0 - self.weekly } else { 1.0 };
        let growth = 1.0 + self.trend * (days.rem_euclid(28.0) / 7.0);
        (wave.max(0.02) * week * growth * self.noise_at(at_ms) + self.rare(at_ms)) * self.outage(at_ms)
    }

    fn noise_at(&self, at_ms: i64) -> f64 {
        let minute = at_ms.div_euclid(60_000);
        let bell = |index: i64| (0..4).map(|part| chance(self.seed, 10 + part, index)).sum::<f64>() - 2.0;
        let share = as_f64(at_ms.rem_euclid(60_000)) / 60_000.0;
        (1.0 + self.noise * (bell(minute) * (1.0 - share) + bell(minute + 1) * share)).max(0.0)
    }

    fn rare(&self, at_ms: i64) -> f64 {
        let burst = self.since(at_ms, 1, self.bursts, DAY_MS, 30.0 * 60_000.0).map_or(0.0, |age| {
            let minutes = age / 60_000.0;
            if minutes < 1.0 { 2.0 * minutes } else { 2.0 * libm::exp(-(minutes - 1.0) / 8.0) }
        });
        let launch = self.since(at_ms, 2, self.launches, 7.0 * DAY_MS, 120.0 * 60_000.0).map_or(0.0, |_| 1.0);
        burst + launch
    }

    fn outage(&self, at_ms: i64) -> f64 {
        self.since(at_ms, 3, self.outages, 7.0 * DAY_MS, 20.0 * 60_000.0).map_or(1.0, |_| 0.0)
    }

    /// How long ago the last event of a kind began, when it still lasts. There are `rate` in each `per` on average.
    fn since(&self, at_ms: i64, kind: u64, rate: f64, per: f64, lasts: f64) -> Option<f64> {
        let slot = lasts * 2.0;
        let index = (as_f64(at_ms) / slot).floor();
        #[expect(clippy::cast_possible_truncation, reason = "a count of slots since 1970")]
        let number = index as i64;
        let happens = chance(self.seed, kind, number) < rate * slot / per;
        let begins = index * slot + chance(self.seed, kind + 100, number) * (slot - lasts);
        let age = as_f64(at_ms) - begins;
        (happens && (0.0..lasts).contains(&age)).then_some(age)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: Shape =
        Shape { seed: 1, daily: 0.0, weekly: 0.0, trend: 0.0, noise: 0.0, bursts: 0.0, launches: 0.0, outages: 0.0 };

    #[test]
    fn a_recorded_load_is_linear_between_its_values_and_begins_again() {
        let load = Load::recorded(Span::from_secs(10), vec![0.0, 10.0, 20.0]).scaled(2.0);
        let at = |secs: i64| load.at(Timestamp::from_millis(secs * 1000));
        assert_eq!([at(0), at(5), at(10), at(25), at(30)], [0.0, 10.0, 20.0, 20.0, 0.0]);
        assert_eq!(Load::recorded(Span::from_secs(10), vec![]).at(Timestamp::from_millis(5)), 0.0);
    }

    #[test]
    fn a_made_up_load_shows_what_its_shape_names() {
        let day = |shape: Shape, day: i64| -> Vec<f64> {
            let load = Load::made(shape);
            (0..1440).map(|minute| load.at(Timestamp::from_millis((day * 1440 + minute) * 60_000))).collect()
        };
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let most = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
        assert_eq!(mean(&day(CALM, 0)), 1.0);
        assert!(most(&day(Shape { daily: 0.5, ..CALM }, 0)) > 1.49);
        assert!(most(&day(Shape { bursts: 48.0, ..CALM }, 0)) > 2.5);
        // 1970-01-03 was a Saturday.
        assert!((mean(&day(Shape { weekly: 0.4, ..CALM }, 2)) - 0.6).abs() < 1e-9);
        assert!(day(Shape { outages: 300.0, ..CALM }, 0).contains(&0.0));
        assert_eq!(day(Shape { noise: 0.2, ..CALM }, 0), day(Shape { noise: 0.2, ..CALM }, 0));
    }
}
