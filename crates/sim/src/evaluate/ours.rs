//! Our forecaster, sample after sample.

use tenantry_forecast::{Calendar, Forecaster, Outlook, Settings, Stretch};

use super::series::Series;
use super::{Horizon, LEVELS, Refused, Said};

/// What it says at each horizon, by sample from the middle of the trace on.
pub(super) fn said(series: &Series, horizons: &[Horizon]) -> Result<Vec<Vec<Option<Said>>>, Refused> {
    let settings = Settings::new(series.step_ms(), None)?;
    // The value at the horizon is the largest of a stretch of one step.
    let stretches: Vec<Stretch> =
        horizons.iter().map(|horizon| Stretch::at(u32::try_from(horizon.steps).unwrap_or(u32::MAX))).collect();
    let mut forecaster = Forecaster::new(settings, &stretches);
    let mut said: Vec<Vec<Option<Said>>> = vec![Vec::new(); horizons.len()];
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

/// The same of our outlook, on slots.
pub(super) fn outlook(series: &Series, horizons: &[Horizon]) -> Result<Vec<Vec<Option<Said>>>, Refused> {
    let mut outlook = Outlook::new(Settings::new(series.step_ms(), None)?);
    let calendar = Calendar::new();
    let mut said: Vec<Vec<Option<Said>>> = vec![Vec::new(); horizons.len()];
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
    Ok(said)
}
