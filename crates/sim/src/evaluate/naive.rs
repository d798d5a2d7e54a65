//! Forecasts that need no model: points for each sample of a trace.

use super::DAY_MS;
use super::series::Series;

/// The last value.
pub(super) fn last(series: &Series) -> Vec<Option<f64>> {
    series.filled().iter().map(|value| Some(*value)).collect()
}

/// The value of the same time of the newest day that is known `ahead` steps before.
pub(super) fn seasonal(series: &Series, ahead: usize) -> Vec<Option<f64>> {
    let day = series.steps_in(DAY_MS).max(1);
    let back = ahead.div_ceil(day) * day - ahead;
    let point = |origin: usize| series.filled().get(origin.checked_sub(back)?).copied();
    (0..series.len()).map(point).collect()
}
