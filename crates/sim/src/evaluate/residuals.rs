//! Quantiles for a method that only gives points: its own errors, put onto its next point.

use std::collections::VecDeque;

use super::series::Series;
use super::{DAY_MS, LEVELS, MEDIAN, Said};

/// How far back errors are remembered.
const WINDOW_MS: i64 = 7 * DAY_MS;
/// Errors that must be known before quantiles are given.
const ERRORS_MIN: usize = 20;

/// The last errors, in order of time and of size.
#[derive(Default)]
struct Errors {
    by_time: VecDeque<(usize, f64)>,
    by_size: Vec<f64>,
}

impl Errors {
    fn learn(&mut self, origin: usize, error: f64) {
        self.by_time.push_back((origin, error));
        let place = self.by_size.partition_point(|known| *known < error);
        self.by_size.insert(place, error);
    }

    fn forget_before(&mut self, origin: usize) {
        while let Some((_, error)) = self.by_time.pop_front_if(|(known, _)| *known < origin) {
            let place = self.by_size.partition_point(|known| *known < error);
            if place < self.by_size.len() {
                self.by_size.remove(place);
            }
        }
    }

    /// The conformal quantile: of `n` errors the one with rank `level · (n + 1)`, rounded away from the middle, or the
    /// outermost one.
    fn quantile(&self, level: f64) -> Option<f64> {
        let count = self.by_size.len();
        let rank = level * (count as f64 + 1.0);
        // 0.9 · 10 is a hair over 9 as a float; that hair is no rank.
        let rank = if level < 0.5 { libm::floor(rank + 1e-9) } else { libm::ceil(rank - 1e-9) };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank among some thousand errors"
        )]
        let rank = (rank.max(1.0) as usize).min(count);
        self.by_size.get(rank.checked_sub(1)?).copied()
    }
}

/// Quantiles `ahead` steps from each sample from the middle of the trace on, of a method that gives `points`, one for
/// each sample of the trace. The median is the point itself.
pub(super) fn conformal(series: &Series, points: &[Option<f64>], ahead: usize) -> Vec<Option<Said>> {
    let window = series.steps_in(WINDOW_MS);
    let point = |origin: usize| points.get(origin).copied().flatten();
    let mut errors = Errors::default();
    let mut said = Vec::with_capacity(series.len() - series.half());
    for now in 0..series.len() {
        if let Some(origin) = now.checked_sub(ahead) {
            // What came just now settles what was said `ahead` steps ago; nothing later is known.
            if let (Some(point), Some(came)) = (point(origin), series.value(now)) {
                errors.learn(origin, came - point);
            }
            errors.forget_before(origin.saturating_sub(window));
        }
        if now >= series.half() {
            let known = (errors.by_size.len() >= ERRORS_MIN).then_some(());
            said.push(known.and_then(|()| quantiles(&errors, point(now)?)));
        }
    }
    said
}

fn quantiles(errors: &Errors, point: f64) -> Option<Said> {
    let mut said = [point; LEVELS.len()];
    for (place, (said, level)) in said.iter_mut().zip(LEVELS).enumerate() {
        if place != MEDIAN {
            *said = point + errors.quantile(level)?;
        }
        // Load is not negative, and every method may know that.
        *said = said.max(0.0);
    }
    Some(said)
}

#[cfg(test)]
mod tests;
