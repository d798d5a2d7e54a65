//! Our forecaster, sample after sample.

use serde::{Deserialize, Serialize};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Span;
use tenantry_forecast::{Calendar, Forecaster, Outlook, Settings, Stretch};

use super::series::Series;
use super::{AllSaid, Horizon, LEVELS, Refused};

const HOUR_MS: u64 = 3_600_000;

/// What it says at each horizon, by sample from the middle of the trace on.
pub(super) fn said(series: &Series, horizons: &[Horizon]) -> Result<AllSaid, Refused> {
    let settings = Settings::new(series.step_ms(), None)?;
    // The value at the horizon is the largest of a stretch of one step.
    let stretches: Vec<Stretch> =
        horizons.iter().map(|horizon| Stretch::at(u32::try_from(horizon.steps).unwrap_or(u32::MAX))).collect();
    let mut forecaster = Forecaster::new(settings, &stretches);
    let mut said: AllSaid = vec![Vec::new(); horizons.len()];
    for (place, value) in series.values().iter().enumerate() {
        let at_ms = series.at(place).as_millis();
        let ends_ms = at_ms + series.step_ms();
        if let Some(value) = value {
            forecaster.observe(at_ms, *value, at_ms);
            // A sample stands for its whole step here, so nothing is missed by closing it at once.
            forecaster.advance(ends_ms);
        }
        if place < series.half() {
            continue;
        }
        for (head, said) in said.iter_mut().enumerate() {
            let forecast = value.and_then(|_| forecaster.expect(head, ends_ms));
            said.push(forecast.map(|forecast| LEVELS.map(|level| forecast.quantile(level))));
        }
    }
    Ok(said)
}

/// What is said of a time after the end of a trace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ahead {
    /// The trace.
    pub trace: String,
    /// How far from its end.
    pub ahead: Span,
    /// The instant.
    pub at: Timestamp,
    /// Quantiles.
    pub levels: Vec<AheadLevel>,
}

/// Quantiles at one level.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AheadLevel {
    /// The probability.
    pub level: f64,
    /// Of the largest load of the slot at the instant.
    pub load: f64,
    /// Of the largest load from the end of the trace until then.
    pub largest: f64,
}

/// What our outlook says at each horizon, on slots; and hour by hour of what comes after the end.
pub(super) fn outlook(name: &str, series: &Series, horizons: &[Horizon]) -> Result<(AllSaid, Vec<Ahead>), Refused> {
    let mut outlook = Outlook::new(Settings::new(series.step_ms(), None)?);
    let calendar = Calendar::new();
    let mut said: AllSaid = vec![Vec::new(); horizons.len()];
    for (place, value) in series.values().iter().enumerate() {
        let at_ms = series.at(place).as_millis();
        if let Some(value) = value {
            outlook.observe(at_ms, *value, at_ms, &calendar);
            outlook.advance(at_ms + series.step_ms(), &calendar);
        }
        if place < series.half() {
            continue;
        }
        for (horizon, said) in horizons.iter().zip(&mut said) {
            let ahead_ms = i64::try_from(horizon.steps).unwrap_or(i64::MAX).saturating_mul(series.step_ms());
            let expected = value.and_then(|_| outlook.at(at_ms.saturating_add(ahead_ms), &calendar));
            said.push(expected.map(|expected| expected.quantiles(LEVELS)));
        }
    }
    let last_ms = series.at(series.len().saturating_sub(1)).as_millis();
    let farthest = horizons.iter().map(|horizon| horizon.span.as_millis()).max().unwrap_or(0);
    let hours = 1..=farthest / HOUR_MS;
    let ahead = hours.filter_map(|hour| {
        let ahead = Span::from_millis(hour * HOUR_MS);
        let at_ms = last_ms.saturating_add(i64::try_from(ahead.as_millis()).ok()?);
        let load = outlook.at(at_ms, &calendar)?.quantiles(LEVELS);
        let largest = outlook.most(at_ms, &calendar)?.quantiles(LEVELS);
        let levels = LEVELS.into_iter().zip(load).zip(largest);
        let levels = levels.map(|((level, load), largest)| AheadLevel { level, load, largest }).collect();
        Some(Ahead { trace: name.to_owned(), ahead, at: Timestamp::from_millis(at_ms), levels })
    });
    let ahead = ahead.collect();
    Ok((said, ahead))
}
