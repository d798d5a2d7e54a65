//! How good forecasts of recorded load are: ours beside naive ones and a library's, asked again and again.
//!
//! The samples of a trace go into [`tenantry_forecast::Forecaster`] one after another, at the trace's own step, and it
//! is asked after each for the value at every horizon. Beside it stand repeating the last value, repeating the value of
//! a day before, and the ETS and MSTL of the `augurs` library, each with conformal quantiles: its own errors at that
//! horizon over the last week, put onto its point forecast. The second half of a trace is scored.
//!
//! From six hours on loads are compared by slots of five minutes, each with its largest, and ours is
//! [`tenantry_forecast::Outlook`]; what it says of the days after the trace is told too. The Theta method stands beside
//! the others.
//!
//! The library is fitted anew at some origins only, as a fit takes a tenth of a second; there all methods are compared
//! with exactly what it says ([`Origins::Fitted`]). Between fits its state follows the samples by its own recursion
//! with the parameters that were fitted, which gives it as many errors to learn its quantiles from as the others have,
//! and a comparison over every sample ([`Origins::All`]).
//!
//! INVARIANT(past): no method sees anything after the sample at which it is asked.
//! INVARIANT(same): in a comparison all methods are scored at the same origins.

mod library;
mod naive;
mod ours;
mod report;
mod residuals;
mod score;
mod series;
mod theta;

use serde::{Deserialize, Serialize};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Span;
use tenantry_forecast::{AHEAD_MAX, STRETCHES_MAX, SettingsError};
use thiserror::Error;

use crate::backtest::Trace;
use series::Series;

pub use ours::{Ahead, AheadLevel};
pub use report::{Comparison, Coverage, LevelRatio, Report};
pub use score::{LevelFigures, Row};

/// The shortest trace, in days: a day and a half to learn from, and as much to score.
const DAYS_MIN: i64 = 3;
/// Milliseconds in a day, the season of all methods.
const DAY_MS: i64 = 86_400_000;
/// The probabilities that are asked for, rising. The first is for pictures only.
pub const LEVELS: [f64; 5] = [0.1, 0.5, 0.9, 0.95, 0.99];
/// Place of the median among [`LEVELS`].
const MEDIAN: usize = 1;
/// From this horizon on loads are compared by slots of [`SLOT_MS`], each its largest, and ours is the outlook.
const FAR: Span = Span::from_secs(6 * 3600);
const SLOT_MS: i64 = 300_000;
/// Days that a picture shows, and the most points in it.
const PICTURE_DAYS: i64 = 3;
const PICTURE_POINTS: usize = 864;

/// Quantiles at [`LEVELS`].
type Said = [f64; LEVELS.len()];
/// What a method says at each horizon, by sample from the middle of the trace on.
type AllSaid = Vec<Vec<Option<Said>>>;
/// Point forecasts of a method: for each horizon one for each sample of the trace.
type Points = Vec<Vec<Option<f64>>>;

/// Who forecasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Ours.
    Tenantry,
    /// The last value, with conformal quantiles.
    LastValue,
    /// The value of a day before, with conformal quantiles.
    SeasonalNaive,
    /// The ETS of the `augurs` library, with conformal quantiles.
    AugursEts,
    /// The MSTL of the `augurs` library with a daily season and ETS for the rest, with conformal quantiles.
    AugursMstl,
    /// The optimised Theta method on loads without their daily season, with conformal quantiles.
    AutoTheta,
}

impl Method {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 6] =
        [Self::Tenantry, Self::LastValue, Self::SeasonalNaive, Self::AugursEts, Self::AugursMstl, Self::AutoTheta];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tenantry => "tenantry",
            Self::LastValue => "last-value",
            Self::SeasonalNaive => "seasonal-naive",
            Self::AugursEts => "augurs-ets",
            Self::AugursMstl => "augurs-mstl",
            Self::AutoTheta => "auto-theta",
        }
    }
}

/// At which samples of the second half forecasts are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origins {
    /// Where the library was fitted: what it says is what it would say to its users.
    Fitted,
    /// At every sample; between its fits the library's state follows the samples.
    All,
}

impl Origins {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fitted => "fitted",
            Self::All => "all",
        }
    }
}

/// Why a trace cannot be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refused {
    /// Too short.
    #[error("it covers {hours} hours; at least {} are needed: half to learn from, half to score", DAYS_MIN * 24)]
    Short {
        /// What it covers.
        hours: i64,
    },
    /// Too long.
    #[error("it has {steps} steps of {step}; {} are the most", series::STEPS_MAX)]
    Long {
        /// What it has.
        steps: i64,
        /// The step.
        step: Span,
    },
    /// No load in it.
    #[error("it holds no load to forecast: no value is above zero")]
    Idle,
    /// A value that is no load.
    #[error("the value at {at} is no load: it is negative or not a number")]
    Absurd {
        /// When.
        at: Timestamp,
    },
    /// No horizon reaches from a sample to the next.
    #[error("its samples are {step} apart, and no horizon that was asked for is as long; ask for a longer one")]
    Coarse {
        /// The step.
        step: Span,
    },
    /// Horizons too far for its step.
    #[error("a horizon of {horizon} is more than {AHEAD_MAX} of its steps of {step}; ask for a shorter one")]
    Far {
        /// The horizon.
        horizon: Span,
        /// The step.
        step: Span,
    },
    /// Too many horizons.
    #[error("{count} horizons were asked for; {STRETCHES_MAX} are the most")]
    Many {
        /// How many.
        count: usize,
    },
    /// A step that no forecaster reads.
    #[error(transparent)]
    Step(#[from] SettingsError),
}

/// How far ahead: what was asked for, and the whole steps that it comes to, rounded up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Horizon {
    span: Span,
    steps: usize,
}

/// What all methods say at one horizon, by sample from the middle of the trace on.
struct Voices {
    horizon: Horizon,
    said: Vec<(Method, Vec<Option<Said>>)>,
}

/// One point of a [`Picture`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// When.
    pub at: Timestamp,
    /// The load that came, unless that is still to come.
    pub load: Option<f64>,
    /// What was said of it, at each of [`LEVELS`].
    pub said: [f64; LEVELS.len()],
}

/// The last days of a trace with what had been said of them the horizon before, or the days after it with what is said.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// How long before, or how far.
    pub horizon: Span,
    /// The points, in the order of time; at most some nine hundred.
    pub points: Vec<Point>,
}

/// One trace, evaluated.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// One row for each horizon, choice of origins and method.
    pub rows: Vec<Row>,
    /// Its last days at the longest horizon.
    pub picture: Option<Picture>,
    /// What comes after its end, by the outlook, where a horizon of hours was asked for.
    pub ahead: Vec<Ahead>,
    /// Its step.
    pub step: Span,
    /// Horizons that are shorter than its step.
    pub too_short: Vec<Span>,
}

/// Evaluates every method on a trace, at each of `horizons`.
///
/// # Errors
/// [`Refused`] when the trace is too short or too long, holds no load, or does not fit the horizons.
pub fn evaluate(trace: &Trace, horizons: &[Span]) -> Result<Evaluation, Refused> {
    let series = Series::new(&trace.samples)?;
    let (far, near): (Vec<Span>, Vec<Span>) = horizons.iter().copied().partition(|span| *span >= FAR);
    let (near, too_short) = whole(&series, &near);
    let slots = series.slots();
    let (far, still_too_short) = whole(&slots, &far);
    let too_short = [too_short, still_too_short].concat();
    if near.is_empty() && far.is_empty() {
        return Err(Refused::Coarse { step: series.step() });
    }
    let mut evaluation =
        Evaluation { rows: Vec::new(), picture: None, ahead: Vec::new(), step: series.step(), too_short };
    if !near.is_empty() {
        score_all(trace, &series, &near, ours::said(&series, &near)?, &mut evaluation)?;
    }
    if !far.is_empty() {
        let (said, ahead) = ours::outlook(&trace.name, &slots, &far)?;
        score_all(trace, &slots, &far, said, &mut evaluation)?;
        evaluation.ahead = ahead;
    }
    Ok(evaluation)
}

/// Scores all methods on one grid. Where both grids are scored, the picture is of the farther one.
fn score_all(
    trace: &Trace,
    series: &Series,
    horizons: &[Horizon],
    ours: AllSaid,
    evaluation: &mut Evaluation,
) -> Result<(), Refused> {
    bounded(series, horizons)?;
    let voices = voices(series, horizons, ours);
    let fitted = library::scored(series, horizons);
    for voice in &voices {
        for origins in [Origins::Fitted, Origins::All] {
            let among = match origins {
                Origins::Fitted => fitted.clone(),
                Origins::All => (series.half()..series.len()).collect(),
            };
            evaluation.rows.append(&mut score::rows(&trace.name, series, voice, origins, &among));
        }
    }
    let farthest = voices.iter().max_by_key(|voice| voice.horizon.steps);
    evaluation.picture = farthest.map(|voice| picture(series, voice));
    Ok(())
}

fn bounded(series: &Series, horizons: &[Horizon]) -> Result<(), Refused> {
    if let Some(far) = horizons.iter().find(|horizon| horizon.steps > AHEAD_MAX as usize) {
        return Err(Refused::Far { horizon: far.span, step: series.step() });
    }
    if horizons.len() > STRETCHES_MAX {
        return Err(Refused::Many { count: horizons.len() });
    }
    Ok(())
}

/// Horizons in whole steps, and those that are shorter than one.
fn whole(series: &Series, asked: &[Span]) -> (Vec<Horizon>, Vec<Span>) {
    let step = series.step();
    let (long, too_short): (Vec<Span>, Vec<Span>) = asked.iter().partition(|span| **span >= step);
    let steps = |span: &Span| usize::try_from(span.as_millis().div_ceil(step.as_millis().max(1))).unwrap_or(usize::MAX);
    (long.iter().map(|span| Horizon { span: *span, steps: steps(span) }).collect(), too_short)
}

fn voices(series: &Series, horizons: &[Horizon], ours: AllSaid) -> Vec<Voices> {
    let mut ours = ours.into_iter();
    let [mut ets, mut mstl, mut theta] = library::points(series, horizons).map(Vec::into_iter);
    let voices = horizons.iter().map(|horizon| {
        let conformal = |points: &[Option<f64>]| residuals::conformal(series, points, horizon.steps);
        let said = vec![
            (Method::Tenantry, ours.next().unwrap_or_default()),
            (Method::LastValue, conformal(&naive::last(series))),
            (Method::SeasonalNaive, conformal(&naive::seasonal(series, horizon.steps))),
            (Method::AugursEts, conformal(&ets.next().unwrap_or_default())),
            (Method::AugursMstl, conformal(&mstl.next().unwrap_or_default())),
            (Method::AutoTheta, conformal(&theta.next().unwrap_or_default())),
        ];
        Voices { horizon: *horizon, said }
    });
    voices.collect()
}

fn picture(series: &Series, voices: &Voices) -> Picture {
    let ours = voices.said.iter().find(|(method, _)| *method == Method::Tenantry);
    let said = ours.map(|(_, said)| said.as_slice()).unwrap_or_default();
    let shown = series.steps_in(PICTURE_DAYS * DAY_MS).min(said.len());
    let first = said.len() - shown;
    let points = said.iter().enumerate().skip(first).step_by(shown.div_ceil(PICTURE_POINTS).max(1));
    let points = points.filter_map(|(place, said)| {
        let at = series.half() + place + voices.horizon.steps;
        Some(Point { at: series.at(at), load: Some(series.value(at)?), said: (*said)? })
    });
    Picture { horizon: voices.horizon.span, points: points.collect() }
}

#[cfg(test)]
mod tests;
